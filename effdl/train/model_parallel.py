"""Model parallel training: one network shared out over several processes (chapter 20).

Three cuts: through the matrices (tensor parallel), through the image (tiles with halos), between the layers (pipeline).
What is said to run *in each worker* is called in every process of a torch.distributed group at the same time.
"""

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F

from effdl.train.parallel import place, ring_all_reduce


class SumOverWorkers(torch.autograd.Function):
    """Sum a tensor over all workers; backward, each worker's summand gets the gradient of the sum as it is."""

    @staticmethod
    def forward(context, summand):
        """Return the sum."""
        total = summand.clone()
        ring_all_reduce(total)
        return total

    @staticmethod
    def backward(context, gradient):
        """Return the gradient of this worker's summand."""
        return gradient


def split_layers(first, second):
    """This worker's part of two linear layers: rows of the first, and the columns of the second that they feed.

    Returns (weight, bias) of the first and the weight of the second, as leaves of their own.

    Raises
    ------
    ValueError
        When the layers do not follow each other, or have fewer neurons between them than there are workers.
    """
    rank, size = place()
    if first.out_features != second.in_features or first.out_features < size:
        raise ValueError(
            f"{first} and {second} cannot be split over {size} workers: the first must feed the second, "
            f"with {size} neurons or more between them"
        )
    rows = (t.tensor_split(size)[rank] for t in (first.weight, first.bias))
    columns = second.weight.tensor_split(size, dim=1)[rank]
    return [t.detach().clone().requires_grad_() for t in (*rows, columns)]


def tensor_parallel_step(first, second, inputs, labels):
    """Loss and gradients of linear, ReLU, linear, cross-entropy with both matrices split, in each worker.

    Parameters
    ----------
    first, second : nn.Linear, whole; each worker takes its part.
    inputs : tensor (n, features); labels : int64 tensor (n,).

    Returns
    -------
    (loss, gradients of this worker's rows of the first weight, of its bias, of its columns of the second weight)
    """
    weight, bias, columns = split_layers(first, second)
    hidden = F.relu(F.linear(inputs, weight, bias))  # nobody needs the other workers' neurons
    logits = SumOverWorkers.apply(F.linear(hidden, columns)) + second.bias.detach()
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    return loss.item(), weight.grad, bias.grad, columns.grad


def exchange_halo(tile, rows, cols, halo):
    """Put the neighbors' edges around this worker's tile of an image, in each worker.

    Columns go first, then rows with what has arrived at their ends: so the corners come without a message of their own.

    Parameters
    ----------
    tile : tensor (n, channels, height, width); worker i has row i // cols, column i % cols of rows x cols tiles.
    halo : int of at least 1, pixels; at most the height and width of a tile.

    Returns
    -------
    Tensor (n, channels, height + 2 halo, width + 2 halo), zeros where the image ends.

    Raises
    ------
    ValueError
        When there are not rows x cols workers, or the halo is larger than a tile.
    """
    rank, size = place()
    if rows * cols != size or not 1 <= halo <= min(tile.shape[-2:]):
        raise ValueError(
            f"{rows} x {cols} tiles of {tuple(tile.shape[-2:])} pixels with a halo of {halo}, {size} workers: take "
            "one worker for each tile, and a halo from 1 to the size of a tile"
        )
    padded = F.pad(tile, [halo] * 4)
    for axis, at, count, stride in ((-1, rank % cols, cols, 1), (-2, rank // cols, rows, cols)):
        length, sent = tile.shape[axis], []
        sides = [side for side in (-1, 1) if 0 <= at + side < count]
        for side in sides:
            edge = padded.narrow(axis, halo if side < 0 else length, halo).contiguous()
            sent.append((dist.isend(edge, rank + side * stride), edge))  # the edge must live until it is sent
        for side in sides:
            border = padded.narrow(axis, 0 if side < 0 else length + halo, halo)
            arrived = torch.empty(border.shape, dtype=tile.dtype)
            dist.recv(arrived, rank + side * stride)
            border.copy_(arrived)
        for message, _ in sent:
            message.wait()
    return padded


def check_tiles(model, images, rows, cols):
    """ValueError when images cannot be cut into equal tiles, or a convolution is none that keeps the size."""
    height, width = images.shape[-2:]
    if height % rows or width % cols:
        raise ValueError(f"images of {height} x {width} cannot be cut into {rows} x {cols} equal tiles")
    for layer in model:
        if isinstance(layer, nn.Conv2d):
            plain = layer.stride == layer.dilation == (1, 1) and layer.groups == 1
            half = tuple(size // 2 for size in layer.kernel_size)
            if (
                not plain
                or layer.padding_mode != "zeros"
                or half != layer.padding
                or half[0] != half[1]
                or not half[0]
            ):
                raise ValueError(
                    f"{layer} cannot run in tiles: stride 1, one group, zeros around, size kept, 3 x 3 or more"
                )


def halo_bytes(tile, rows, cols, halo):
    """Bytes of float32 that this worker gets from its neighbors around a tile; at the image's border there are none."""
    row, col = divmod(dist.get_rank(), cols)
    down, across = (row > 0) + (row < rows - 1), (col > 0) + (col < cols - 1)  # sides with a neighbor
    images, channels, height, width = tile.shape
    return 4 * images * channels * ((height + down * halo) * (width + across * halo) - height * width)


def run_in_tiles(model, images, rows, cols):
    """Logits of a convolutional network with the image cut in rows x cols tiles, one for each worker.

    Parameters
    ----------
    model : nn.Sequential of convolutions (stride 1, padded to keep the size), ReLU, pooling, then nn.Flatten and what
        follows; pooling windows must not cross the border of a tile.
    images : tensor (n, channels, height, width), whole; each worker cuts out its tile.

    Returns
    -------
    (logits, bytes received as halos) in worker 0, (None, bytes) in the others.

    Raises
    ------
    ValueError
        When the image cannot be cut into equal tiles, or a convolution has a stride, groups, dilation, other padding than
        zeros that keep the size, or a kernel of 1 x 1.
    """
    rank, received = dist.get_rank(), 0
    check_tiles(model, images, rows, cols)
    x = images.tensor_split(rows, 2)[rank // cols].tensor_split(cols, 3)[rank % cols]
    layers = iter(model)
    for layer in layers:
        if isinstance(layer, nn.Flatten):
            break
        if isinstance(layer, nn.Conv2d):
            received += halo_bytes(x, rows, cols, layer.padding[0])
            x = F.conv2d(exchange_halo(x, rows, cols, layer.padding[0]), layer.weight, layer.bias)
        else:
            x = layer(x)
    tiles = [torch.empty_like(x) for _ in range(rows * cols)] if rank == 0 else None
    dist.gather(x.contiguous(), tiles)
    if rank:
        return None, received
    x = torch.cat([torch.cat(tiles[r * cols : (r + 1) * cols], 3) for r in range(rows)], 2).flatten(1)
    for layer in layers:
        x = layer(x)
    return x, received


def send_tensor(tensor, rank):
    """Send a float32 tensor of any shape of up to seven axes: first its shape, then its numbers."""
    if tensor.dtype != torch.float32 or tensor.ndim > 7:
        raise ValueError(
            f"send_tensor sends float32 with up to seven axes, not {tensor.dtype} with {tensor.ndim}"
        )
    shape = torch.tensor([tensor.ndim, *tensor.shape] + [0] * (7 - tensor.ndim))
    dist.send(shape, rank)
    dist.send(tensor.contiguous(), rank)


def receive_tensor(rank):
    """Receive what `send_tensor` sends."""
    shape = torch.empty(8, dtype=torch.int64)
    dist.recv(shape, rank)
    tensor = torch.empty(shape[1 : 1 + shape[0]].tolist())
    dist.recv(tensor, rank)
    return tensor


def pipeline_step(stages, inputs, labels, micro_batches):
    """Forward and backward pass of a batch through stages, one in each worker, in parts that follow each other.

    Parameters
    ----------
    stages : list of modules, one for each worker; the last gives logits.
    inputs, labels : the batch; the first worker reads the inputs, the last one the labels.
    micro_batches : int, parts that the batch is cut into.

    Returns
    -------
    list of tensors, the gradients of this worker's parameters by the mean loss of the batch: they add up over the parts,
    so they are those of the whole batch.
    """
    rank, size = place()
    if len(stages) != size or micro_batches < 1:
        raise ValueError(
            f"{len(stages)} stages for {size} workers, micro_batches={micro_batches}: one stage each, 1 or more"
        )
    stage, passed = stages[rank], []
    stage.zero_grad()
    for x, y in zip(inputs.chunk(micro_batches), labels.chunk(micro_batches), strict=True):
        x = x if rank == 0 else receive_tensor(rank - 1).requires_grad_()
        out = stage(x)
        if rank == size - 1:
            out = F.cross_entropy(out, y, reduction="sum") / len(labels)
        else:
            send_tensor(out.detach(), rank + 1)
        passed.append((x, out))
    for x, out in passed:
        out.backward(None if rank == size - 1 else receive_tensor(rank + 1))
        if rank:
            send_tensor(x.grad, rank - 1)
    return [p.grad for p in stage.parameters()]


def pipeline_starts(seconds, micro_batches):
    """When each stage begins with each micro-batch: when the stage is free and the stage before has sent it.

    Parameters
    ----------
    seconds : sequence (stages,), time of one micro-batch in each stage.
    micro_batches : int of at least 1.

    Returns
    -------
    list of lists (stages, micro-batches) of seconds.
    """
    if micro_batches < 1 or not all(s > 0 for s in seconds):
        raise ValueError(
            f"seconds={list(seconds)} must be positive and micro_batches={micro_batches} 1 or more"
        )
    starts, ready = [], [0.0] * micro_batches
    for time_each in seconds:
        begins, free = [], 0.0
        for at in ready:
            begins.append(max(at, free))
            free = begins[-1] + time_each
        starts.append(begins)
        ready = [begin + time_each for begin in begins]
    return starts
