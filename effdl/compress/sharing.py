"""Weight sharing: a layer keeps a few values, the codebook, and a code of a few bits for each weight (chapter 04).

A shared layer is a pair (codebook, codes): the codebook holds k float values, the codes one integer for each weight.
Weights that pruning has set to zero are not clustered. Their code is k, one past the codebook, and stands for zero.

Source: S. Han, H. Mao, W. J. Dally, Deep Compression, ICLR 2016, section 3.
"""

import numpy as np
import torch
from torch.nn import functional as F
from tqdm import tqdm

from effdl.compress.pruning import prunable


def first_centroids(ordered, k, init="linear", seed=0):
    """Where k-means starts.

    Parameters
    ----------
    ordered : array (n,) in ascending order.
    k : int, number of centroids.
    init : "linear", evenly spaced from the smallest to the largest value; "density", evenly spaced in the ranks, so
        dense where the values are; "random", k of the values (Forgy).
    seed : int, of "random".

    Returns
    -------
    float64 array (k,), ascending.

    Raises
    ------
    ValueError
        For an unknown `init`.

    Source: Han et al., 2016, section 3.2.
    """
    n = len(ordered)
    if init == "linear":
        return np.linspace(float(ordered[0]), float(ordered[-1]), k)
    if init == "density":
        return ordered[(2 * np.arange(k) + 1) * n // (2 * k)].astype(np.float64)
    if init == "random":
        picked = np.random.default_rng(seed).choice(n, k, replace=n < k)
        return ordered[np.sort(picked)].astype(np.float64)
    raise ValueError(f'init={init!r} must be "linear", "density" or "random"')


def boundaries(centroids, dtype):
    """Where one cluster ends and the next begins: the k - 1 midpoints, rounded down to the values' `dtype`.

    A value on a boundary belongs to the lower cluster. Rounding down changes no comparison with a value of that
    type, and spares converting all values to the midpoints' type.
    """
    middle = (centroids[:-1] + centroids[1:]) / 2
    rounded = middle.astype(dtype)
    return np.where(rounded > middle, np.nextafter(rounded, rounded.dtype.type(-np.inf)), rounded)


def kmeans_step(ordered, prefix, centroids):
    """Move each centroid to the mean of its cluster; an empty cluster keeps its centroid.

    Parameters
    ----------
    ordered : array (n,) in ascending order.
    prefix : float64 array (n + 1,), the sum of the first 0, 1, ... n values.
    centroids : float64 array (k,), ascending.

    Returns
    -------
    float64 array (k,), ascending.
    """
    inner = np.searchsorted(ordered, boundaries(centroids, ordered.dtype), side="right")
    cuts = np.concatenate([[0], inner, [len(ordered)]])
    count, total = np.diff(cuts), np.diff(prefix[cuts])
    return np.where(count > 0, total / np.maximum(count, 1), centroids)


def nearest_codes(values, centroids, chunk=2**20):
    """Index of the nearest centroid for each value, the lower one on a tie.

    Parameters
    ----------
    values : array (n,).
    centroids : float64 array (k,), ascending.
    chunk : int, values at a time: the indices of all at once would take 8 bytes each.

    Returns
    -------
    Array (n,) of uint8, int16 or int32: the smallest of them that holds k as well.
    """
    limits = boundaries(centroids, values.dtype)
    k = len(centroids)
    codes = np.empty(len(values), np.uint8 if k < 256 else np.int16 if k < 2**15 else np.int32)
    for start in range(0, len(values), chunk):
        codes[start : start + chunk] = np.searchsorted(limits, values[start : start + chunk], side="left")
    return codes


def kmeans(values, k, init="linear", seed=0, iterations=100_000):
    """Cluster numbers by k-means (Lloyd's algorithm), in one dimension.

    The values are sorted once. A cluster is then a range of them, its sum a difference of two prefix sums, and an
    iteration moves k - 1 boundaries, however many values there are. Means are exact up to the
    rounding of these float64 sums.

    Parameters
    ----------
    values : float tensor of any shape, at least one value, all of them finite.
    k : int from 1, the number of centroids.
    init : "linear", "density" or "random"; see `first_centroids`.
    seed : int, of "random".
    iterations : int, at most so many; it stops as soon as nothing moves.

    Returns
    -------
    codebook : tensor (k,) of the values' type, ascending. The centroid of an empty cluster stays where it was.
    codes : integer tensor of the values' shape, the place of the nearest centroid in the codebook; the lower one on a
        tie. The type is small (uint8 below k = 256): index with `codes.long()`, or use `look_up`.

    Raises
    ------
    ValueError
        When the values are not floats, when there is none or one is not finite, when k is below 1, or for an unknown `init`.

    Source: Han et al., 2016, section 3.1, equation 2.
    """
    values = values.detach().cpu()
    if not values.is_floating_point():
        raise ValueError(f"k-means needs floats, not {values.dtype}: their means would be cut to integers")
    flat = values.flatten().numpy() if values.dtype == torch.float64 else values.flatten().float().numpy()
    if flat.size == 0:
        raise ValueError("k-means needs values, and there is none")
    if not np.isfinite(flat).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(flat))} of {flat.size} values are not finite")
    if k < 1:
        raise ValueError(f"k={k} must be 1 or more")
    ordered = np.sort(flat)
    prefix = np.concatenate([[0.0], np.cumsum(ordered, dtype=np.float64)])
    centroids = first_centroids(ordered, k, init, seed)
    for _ in range(iterations):
        before, centroids = centroids, kmeans_step(ordered, prefix, centroids)
        if np.array_equal(before, centroids):
            break
    codes = torch.from_numpy(nearest_codes(flat, centroids)).view(values.shape)
    return torch.from_numpy(centroids).to(values.dtype), codes


def look_up(codebook, codes):
    """Weights of a shared layer: `codebook[code]`, and zero for the code one past the codebook."""
    return torch.cat([codebook, codebook.new_zeros(1)])[codes.long()]


@torch.no_grad()
def share(model, bits, init="linear", seed=0):
    """Replace the weights of each layer by the centroids of that layer, in place; zeros stay zero.

    Parameters
    ----------
    model : module.
    bits : int from 1 to 16 for all of `prunable(model)`, or a dict from names to ints; layers that are not named
        stay as they are. A layer gets `2**bits` centroids, one less when it has zeros, so that the code that stands
        for zero fits into the bits as well.
    init, seed : as for `kmeans`.

    Returns
    -------
    dict from names to (codebook, codes): codebook (k,) ascending, codes of the weight's shape. A zero has the code k.
    `look_up(codebook, codes)` equals the weight.

    Raises
    ------
    ValueError
        For a name that is not in `prunable(model)`, bits outside 1 to 16, or weights that `kmeans` refuses. The model is
        then as it was.
    """
    weights = prunable(model)
    widths = bits if isinstance(bits, dict) else dict.fromkeys(weights, bits)
    for name, width in widths.items():
        if name not in weights:
            raise ValueError(f"no weight {name!r} to share; there are {', '.join(weights)}")
        if not 1 <= width <= 16:
            raise ValueError(f"{name}: bits={width} must be from 1 to 16")
    shared = {name: share_tensor(weights[name], 2**width, init, seed) for name, width in widths.items()}
    for name, pair in shared.items():
        weights[name].copy_(look_up(*pair))
    return shared


def share_tensor(weight, size, init="linear", seed=0):
    """Cluster the nonzero entries of one weight: (codebook, codes) with at most `size` codes, zero's included."""
    kept = weight != 0
    if not kept.any():
        return weight.new_zeros(0), torch.zeros(weight.shape, dtype=torch.uint8)
    k = size if kept.all() else size - 1
    codebook, found = kmeans(weight[kept], k, init, seed)
    codes = torch.full(weight.shape, k, dtype=found.dtype)
    codes[kept] = found
    return codebook, codes


def codebook_gradient(gradient, codes, k):
    """Gradient of a codebook from that of the weights: the sum over the weights of each code.

    Parameters
    ----------
    gradient : tensor, the loss by each weight.
    codes : integer tensor of the same shape.
    k : int, the length of the codebook; the code k (a zero weight) is left out.

    Returns
    -------
    tensor (k,)

    Raises
    ------
    ValueError
        When the shapes differ.

    Source: Han et al., 2016, section 3.3, equation 3.
    """
    if gradient.shape != codes.shape:
        raise ValueError(f"gradient {tuple(gradient.shape)} and codes {tuple(codes.shape)} differ in shape")
    total = gradient.new_zeros(k + 1)
    return total.index_add_(0, codes.flatten().long(), gradient.flatten())[:k]


def train_codebooks(model, shared, train, *, epochs, lr=1e-3, batch_size=64, seed=0, progress=True):
    """Train the centroids, and nothing else, with Adam on the cross-entropy; in place.

    After every step each weight is the centroid of its code again, and zeros are zero. The codebooks in `shared` are
    changed along; they need not stay in order. The model stays in the mode that it is in: call `model.train()` before if
    it has dropout or batch normalization.

    Parameters
    ----------
    model : module whose weights are shared.
    shared : dict that `share` has returned.
    train : Split to train on.
    epochs, lr, batch_size, seed, progress : as for `effdl.training.fit`.

    Returns
    -------
    list of the mean loss in each epoch.
    """
    weights = {name: model.get_parameter(name) for name in shared}
    optimizer = torch.optim.Adam([codebook for codebook, _ in shared.values()], lr=lr)
    order, losses = torch.Generator().manual_seed(seed), []
    for _ in tqdm(range(epochs), desc="centroids", unit="epoch", leave=False, disable=not progress):
        total = 0.0
        for batch in torch.randperm(len(train.inputs), generator=order).split(batch_size):
            loss = F.cross_entropy(model(train.inputs[batch]), train.labels[batch])
            gradients = torch.autograd.grad(loss, list(weights.values()))
            move_codebooks(optimizer, weights, shared, gradients)
            total += loss.item() * len(batch)
        losses.append(total / len(train.inputs))
    return losses


@torch.no_grad()
def move_codebooks(optimizer, weights, shared, gradients):
    """One step of an optimizer that holds the codebooks: group and sum the gradients, step, look the weights up."""
    for (codebook, codes), gradient in zip(shared.values(), gradients, strict=True):
        codebook.grad = codebook_gradient(gradient, codes, len(codebook))
    optimizer.step()
    for name, (codebook, codes) in shared.items():
        weights[name].copy_(look_up(codebook, codes))


def compression_rate(n, k, b=32):
    """How much smaller a layer gets: n weights of b bits, against n codes and a codebook of k weights of b bits.

    >>> round(compression_rate(16, 4), 2)
    3.2

    Source: Han et al., 2016, section 3, equation 1; here the bits of a code are whole.
    """
    if n < 1 or k < 1:
        raise ValueError(f"n={n} weights and k={k} centroids must be 1 or more")
    return n * b / (n * (k - 1).bit_length() + k * b)
