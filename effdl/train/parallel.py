"""Parallel training: one step of training on several processes (chapter 20).

What is said to run *in each worker* is called in every process of a torch.distributed group at the same time, for
instance by `effdl.train.workers.Workers.run`. Rank is the number of a process, size their count.

Sources: P. Patarasuk, X. Yuan, Bandwidth Optimal All-reduce Algorithms for Clusters of Workstations, 2009 (the ring);
P. Goyal et al., Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour, 2017 (the linear scaling rule).
"""

import time
from collections import deque
from itertools import pairwise
from math import ceil

import torch
import torch.distributed as dist
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from effdl.train.workers import report
from effdl.training import evaluate


def place():
    """Rank and size of this process; (0, 1) outside of a group."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def parts_of(vector, size):
    """Views of `size` nearly equal parts of a vector, as `hwsim.Ring` cuts it; some are empty if it is short."""
    edges = [len(vector) * i // size for i in range(size + 1)]
    return [vector[a:b] for a, b in pairwise(edges)]


def pass_on(outgoing, incoming):
    """Send one tensor to the next worker of the ring, and fill another from the previous one, at the same time."""
    rank, size = place()
    sent = dist.isend(outgoing, (rank + 1) % size)
    dist.recv(incoming, (rank - 1) % size)
    sent.wait()


def ring_all_reduce(tensor):
    """Sum a tensor over all workers, in place, in each worker; any length, shorter than the ring too.

    Parameters
    ----------
    tensor : contiguous tensor of the same shape in all workers; every worker ends with the same bits.

    Raises
    ------
    ValueError
        When the tensor is not contiguous, as its parts would not be views.

    Source: Patarasuk and Yuan, 2009: reduce-scatter, then all-gather; 2 (p - 1) messages of 1 / p of the tensor.
    """
    if not tensor.is_contiguous():
        raise ValueError("ring_all_reduce works in place on a contiguous tensor: pass tensor.contiguous()")
    rank, size = place()
    parts = parts_of(tensor.view(-1), size)
    for step in range(size - 1):  # reduce-scatter: what has just grown goes on
        mine = parts[(rank - step - 1) % size]
        arrived = torch.empty_like(mine)
        pass_on(parts[(rank - step) % size], arrived)
        mine += arrived
    for step in range(size - 1):  # all-gather: what is complete goes on
        pass_on(parts[(rank + 1 - step) % size], parts[(rank - step) % size])


def reduce_own(reduce, arrays):
    """What `reduce` makes of this worker's row of `arrays` (workers, ...), in each worker."""
    own = arrays[dist.get_rank()].clone()
    reduce(own)
    return own


def batches(examples, batch_size, epochs, seed=0):
    """Yield the numbers of the examples of each step, in a new order in each epoch; the same for all workers."""
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        yield from torch.randperm(examples, generator=order).split(batch_size)


def share_of_loss(model, split, batch, rank, size):
    """A worker's share of the mean cross-entropy of a batch: the shares of all workers add up to it.

    The sum over the worker's examples is divided by the size of the *whole* batch, so that it is right when the
    workers cannot share out the batch evenly, or have nothing to do.
    """
    own = batch.tensor_split(size)[rank]
    return F.cross_entropy(model(split.inputs[own]), split.labels[own], reduction="sum") / len(batch)


def gradient_of(model, loss):
    """All gradients of a loss as one vector; a worker sends one message, not one for each layer."""
    model.zero_grad()
    loss.backward()
    return parameters_to_vector([p.grad for p in model.parameters()])


@torch.no_grad()
def descend(model, direction, lr):
    """Move all weights by -lr times a vector."""
    weights = parameters_to_vector(model.parameters())
    vector_to_parameters(weights - lr * direction, model.parameters())


def train_synchronously(
    model, train, reduce, *, epochs, batch_size, lr, momentum=0.9, warmup=0, seed=0, pause=0.0
):
    """SGD in each worker, with the gradient of the whole batch in all of them; or in one process.

    Parameters
    ----------
    model : module, the same in all workers; trained in place.
    train : Split; each worker has all of it, and takes its share of each batch.
    reduce : function that sums a vector over the workers in place (`ring_all_reduce`, `dist.all_reduce`); None in one
        process.
    epochs, batch_size : int; the batch is that of all workers together.
    lr, momentum : float.
    warmup : int, steps over which the learning rate rises evenly to `lr`; 0 begins with `lr`.
    seed : int, the order of the examples.
    pause : float, seconds that the last worker rests in each step, as a slower machine would.

    Returns
    -------
    Tensor (parameters,), the trained weights, equal in all workers.
    """
    rank, size = place()
    velocity = 0.0
    for step, batch in enumerate(batches(len(train.inputs), batch_size, epochs, seed), start=1):
        gradient = gradient_of(model, share_of_loss(model, train, batch, rank, size))
        if pause and rank == size - 1:
            time.sleep(pause)
        if reduce is not None:
            reduce(gradient)
        velocity = momentum * velocity + gradient
        descend(model, velocity, lr * min(1.0, step / (warmup or 1)))
        report()
    return parameters_to_vector(model.parameters()).detach()


def train_with_ddp(model, train, *, epochs, batch_size, lr, momentum=0.9, seed=0):
    """What `train_synchronously` does, with DistributedDataParallel, in each worker.

    The library *averages* the workers' gradients during the backward pass; shares that add up are multiplied by the
    number of workers first.
    """
    rank, size = place()
    wrapped, velocity = DistributedDataParallel(model), 0.0
    for batch in batches(len(train.inputs), batch_size, epochs, seed):
        gradient = gradient_of(model, size * share_of_loss(wrapped, train, batch, rank, size))
        velocity = momentum * velocity + gradient
        descend(model, velocity, lr)
        report()
    return parameters_to_vector(model.parameters()).detach()


def serve(weights, gradients, lr, together):
    """Parameter server, in worker 0: takes gradients, updates the weights, sends them back.

    Parameters
    ----------
    weights : tensor (parameters,), left as they are.
    gradients : int, how many to use, from all workers together; after them everybody is told to stop.
    lr : float, of plain SGD.
    together : bool. True: wait for a gradient of every worker, and use their sum. False: use each as it comes.

    Returns
    -------
    (weights, staleness of each gradient): staleness is the number of updates between the weights that a gradient was
    computed with and those that it changed.
    """
    workers = left = dist.get_world_size() - 1
    message = torch.cat([weights, torch.ones(1)])  # the last number says whether to go on
    gradient, total = torch.empty_like(weights), torch.zeros_like(weights)
    version, seen, staleness, waiting = 0, [0] * (workers + 1), [], []
    while left:
        waiting.append(dist.recv(gradient))  # from whoever comes first
        if message[-1]:  # what comes after the end is late, and is not used
            total += gradient
            staleness.append(version - seen[waiting[-1]])
            report()
        if together and len(waiting) < workers:
            continue
        message[:-1] -= lr * total
        message[-1] = len(staleness) < gradients
        version += 1
        for source in waiting:
            dist.send(message, source)
            seen[source] = version
        left -= 0 if message[-1] else len(waiting)
        waiting.clear()
        total.zero_()
    return message[:-1], staleness


def train_with_server(model, train, *, together, epochs, batch_size, lr, seed=0, pause=0.0):
    """Train with worker 0 as the parameter server; the others compute gradients. In each worker.

    Each worker takes its share of each batch. `together` adds the shares up before each update, as in
    `train_synchronously` without momentum. Otherwise each share is an update of its own, and a fast worker does more of
    them: the same number of gradients and the same learning rate, but some gradients are stale.

    Parameters
    ----------
    together : bool, synchronous or asynchronous.
    pause : float, seconds that the last worker rests in each step; the other parameters as in `train_synchronously`.

    Returns
    -------
    In worker 0 (weights, list of the staleness of each gradient); in the others (None, None).
    """
    rank, workers = dist.get_rank(), dist.get_world_size() - 1
    if workers < 1:
        raise ValueError("a server and a worker are two processes at least")
    weights = parameters_to_vector(model.parameters()).detach()
    if rank == 0:
        return serve(weights, workers * epochs * ceil(len(train.inputs) / batch_size), lr, together)
    message = torch.cat([weights, torch.ones(1)])
    # A fast worker may do the work of all.
    steps = batches(len(train.inputs), batch_size, epochs * workers, seed)
    while message[-1]:
        vector_to_parameters(message[:-1], model.parameters())
        gradient = gradient_of(model, share_of_loss(model, train, next(steps), rank - 1, workers))
        if pause and rank == workers:
            time.sleep(pause)
        dist.send(gradient, 0)
        dist.recv(message, 0)
    return None, None


def train_stale(model, train, staleness, *, epochs, batch_size, lr, momentum=0.0, seed=0):
    """SGD in one process whose gradients are all `staleness` updates old: what asynchrony does, but repeatable.

    Parameters
    ----------
    staleness : int of at least 0: the gradient of step t is computed with the weights of step t - staleness.

    The other parameters are those of `train_synchronously`. Raises ValueError when the staleness is negative.
    """
    if staleness < 0:
        raise ValueError(f"staleness={staleness} must be 0 (fresh gradients) or more")
    weights = parameters_to_vector(model.parameters()).detach()
    velocity = torch.zeros_like(weights)
    old = deque([weights] * (staleness + 1), maxlen=staleness + 1)
    for batch in batches(len(train.inputs), batch_size, epochs, seed):
        vector_to_parameters(old[0], model.parameters())
        velocity = momentum * velocity + gradient_of(model, share_of_loss(model, train, batch, 0, 1))
        weights = weights - lr * velocity
        old.append(weights)
    vector_to_parameters(weights, model.parameters())


def train_and_score(make, trainer, train, validation, seed, **settings):
    """Validation accuracy of `make(seed)` after `trainer(model, train, seed=seed, **settings)`: one point of a search.

    All of it can be sent to another process, so that `hwsim.sweep` can use any executor.
    """
    model = make(seed)
    trainer(model, train, seed=seed, **settings)
    return evaluate(model, validation)


def time_reduce(reduce, elements, repeats=9):
    """Median seconds in which a float32 vector is summed over all workers; in each worker."""
    vector, seconds = torch.ones(elements), []
    for _ in range(repeats):
        dist.barrier()  # all begin together
        start = time.perf_counter()
        reduce(vector)
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[repeats // 2]
