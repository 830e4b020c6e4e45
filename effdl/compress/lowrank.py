"""Low rank: a layer as the product of two or more small ones (chapter 09).

A weight is a tensor (out, in) of a linear layer or (out, in, height, width) of a convolution. Decompositions compute in
float64 and give float64; `factor_...` makes layers of the old layer's dtype from them.

Sources: E. Denton et al., 2014 (arXiv 1404.0736); M. Jaderberg, A. Vedaldi, A. Zisserman, 2014 (arXiv 1405.3866);
V. Lebedev et al., 2015 (arXiv 1412.6553); Y.-D. Kim et al., 2016 (arXiv 1511.06530); X. Zhang et al., 2016 (arXiv 1505.06798).
"""

import copy

import torch
from torch import nn


def truncated_svd(matrix, rank):
    """Closest product of a (rows, rank) and a (rank, columns) matrix, and the singular values of the whole.

    Parameters
    ----------
    matrix : tensor (rows, columns)
    rank : int from 1 to min(rows, columns)

    Returns
    -------
    left (rows, rank), right (rank, columns), both with the square roots of the singular values on them, so that they are of
    one size; and all singular values, from large to small.

    Raises
    ------
    ValueError
        When the rank is out of range.

    Source: C. Eckart, G. Young, Psychometrika 1, 1936: no matrix of that rank is closer.
    """
    if not 1 <= rank <= min(matrix.shape):
        raise ValueError(f"rank={rank} must be from 1 to {min(matrix.shape)} for {tuple(matrix.shape)}")
    u, singular, v = torch.linalg.svd(matrix.detach().double(), full_matrices=False)
    root = singular[:rank].sqrt()
    return u[:, :rank] * root, root[:, None] * v[:rank], singular


def tail(singular, rank):
    """Frobenius norm of what a truncated SVD leaves out: the root of the sum of the squares of the dropped values."""
    return singular[rank:].square().sum().sqrt()


def rank_for_energy(singular, share):
    """Smallest rank that keeps the share (0 to 1) of the energy, the sum of the squares; at least 1."""
    if not 0 <= share <= 1:
        raise ValueError(f"share={share} must be between 0 and 1")
    kept = singular.double().square().cumsum(0)
    return min(len(singular), int((kept < share * kept[-1]).sum()) + 1)


def break_even(rows, columns):
    """Rank at which two factors hold as many numbers as the matrix: rows * columns / (rows + columns)."""
    return rows * columns / (rows + columns)


def aware_svd(matrix, inputs, rank):
    """Factors that are closest on the layer's outputs for given inputs, not on its weights.

    Parameters
    ----------
    matrix : tensor (out, in)
    inputs : tensor (examples, in)
    rank : int from 1 to min(out, in)

    Returns
    -------
    left (out, rank) with orthonormal columns, right (rank, in): the weight, projected on the principal directions of the
    outputs.

    Source: Zhang et al., 2016, section 3.1 (there with the mean of the outputs taken off, which a bias can hold).
    """
    if not 1 <= rank <= min(matrix.shape):
        raise ValueError(f"rank={rank} must be from 1 to {min(matrix.shape)} for {tuple(matrix.shape)}")
    if not len(inputs):
        raise ValueError("the principal directions of the outputs need an example at least")
    weight = matrix.detach().double()
    outputs = inputs.detach().double() @ weight.T
    _, directions = torch.linalg.eigh(outputs.T @ outputs)  # from small to large
    left = directions[:, -rank:].flip(1)
    return left, left.T @ weight


def unfold(tensor, axis):
    """The tensor as a matrix: one row for each index of `axis`, the other axes in order along the columns."""
    return tensor.movedim(axis, 0).flatten(1)


def _leading(matrix, rank):
    """The `rank` leading left singular vectors; orthonormal ones beyond the matrix's own rank."""
    return torch.linalg.svd(matrix, full_matrices=matrix.shape[1] < rank)[0][:, :rank]


def tucker2(weight, ranks, iterations=20):
    """Tucker-2 decomposition of a kernel along its channels, by higher-order orthogonal iteration (HOOI).

    Parameters
    ----------
    weight : tensor (out, in, height, width)
    ranks : (rank_out, rank_in), from 1 to the channels
    iterations : int; 0 gives the truncated higher-order SVD, where it starts.

    Returns
    -------
    core (rank_out, rank_in, height, width), u_out (out, rank_out), u_in (in, rank_in), with orthonormal columns

    Raises
    ------
    ValueError
        When a rank is out of range.

    Source: Kim et al., 2016, section 3.
    """
    rank_out, rank_in = ranks
    if not (1 <= rank_out <= weight.shape[0] and 1 <= rank_in <= weight.shape[1]):
        raise ValueError(f"ranks={tuple(ranks)} must be from 1 to the channels {tuple(weight.shape[:2])}")
    weight = weight.detach().double()
    u_out, u_in = _leading(unfold(weight, 0), rank_out), _leading(unfold(weight, 1), rank_in)
    for _ in range(iterations):
        u_out = _leading(unfold(torch.einsum("oihw,ib->obhw", weight, u_in), 0), rank_out)
        u_in = _leading(unfold(torch.einsum("oihw,oa->aihw", weight, u_out), 1), rank_in)
    return torch.einsum("oihw,oa,ib->abhw", weight, u_out, u_in), u_out, u_in


def khatri_rao(matrices):
    """Products of columns of one number: matrices (n_i, rank) to (n_1 n_2 ..., rank), the first index slowest."""
    result = matrices[0]
    for matrix in matrices[1:]:
        result = (result[:, None] * matrix).flatten(0, 1)
    return result


def cp(weight, rank, iterations=100, start=None, seed=0):
    """CP decomposition by alternating least squares (ALS): a sum of `rank` outer products of vectors.

    Parameters
    ----------
    weight : tensor of two or more axes
    rank : int of at least 1; it may exceed every side
    iterations : int, rounds over all axes
    start : list of tensors (n_i, rank), one for each axis; drawn with `seed` when None.

    Returns
    -------
    list of tensors (n_i, rank)

    Raises
    ------
    ValueError
        When the rank is below 1 or the start has other shapes.

    Source: Lebedev et al., 2015, section 3 (there by non-linear least squares).
    """
    weight = weight.detach().double()
    if start is None:
        generator = torch.Generator().manual_seed(seed)
        start = [torch.randn(n, max(rank, 0), generator=generator, dtype=weight.dtype) for n in weight.shape]
    if rank < 1 or [tuple(factor.shape) for factor in start] != [(n, rank) for n in weight.shape]:
        raise ValueError(f"rank={rank} must be 1 or more, and the start one (n, rank) for each axis")
    factors = [factor.double() for factor in start]
    for _ in range(iterations):
        for axis in range(weight.ndim):
            others = factors[:axis] + factors[axis + 1 :]
            gram = torch.stack([factor.T @ factor for factor in others]).prod(0)
            factors[axis] = (
                unfold(weight, axis) @ khatri_rao(others) @ torch.linalg.pinv(gram, hermitian=True)
            )
    return factors


def cp_product(factors):
    """The tensor that CP factors stand for."""
    return (factors[0] @ khatri_rao(factors[1:]).T).view([len(factor) for factor in factors])


def relative_error(weight, approximation):
    """Frobenius norm of the difference over that of the weight."""
    weight = weight.detach().double()
    return ((weight - approximation).norm() / weight.norm()).item()


def _set(layer, weight, bias=None):
    """Put a weight, in its precision, and a bias into a layer; returns it."""
    layer.to(weight.dtype)
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)
    return layer


def _chain(old, *layers):
    """Layers as a Sequential of the old layer's dtype; the last one gets its bias."""
    if old.bias is not None:
        _set(layers[-1], layers[-1].weight, old.bias)
    return nn.Sequential(*layers).to(old.weight.dtype)


def factor_linear(layer, rank, inputs=None):
    """Two linear layers, in -> rank -> out, in place of one; `inputs` (examples, in) make it data-aware."""
    if inputs is None:
        left, right, _ = truncated_svd(layer.weight, rank)
    else:
        left, right = aware_svd(layer.weight, inputs, rank)
    first = _set(nn.Linear(layer.in_features, rank, bias=False), right)
    return _chain(layer, first, _set(nn.Linear(rank, layer.out_features, bias=layer.bias is not None), left))


def _usable(layer):
    """Out, in, kernel, stride and padding of a plain convolution; ValueError for any other."""
    plain = layer.groups == 1 and layer.dilation == (1, 1) and layer.padding_mode == "zeros"
    if not plain or isinstance(layer.padding, str):
        raise ValueError(f"{layer}: low rank needs one group, no dilation, and padding in numbers with zeros")
    return *layer.weight.shape[:2], layer.kernel_size, layer.stride, layer.padding


def factor_channel(layer, rank):
    """A d x d convolution to `rank` channels, then 1 x 1 to all outputs (Denton et al., 2014; Zhang et al., 2016)."""
    out, into, kernel, stride, padding = _usable(layer)
    left, right, _ = truncated_svd(unfold(layer.weight, 0), rank)
    first = nn.Conv2d(into, rank, kernel, stride, padding, bias=False)
    second = nn.Conv2d(rank, out, 1, bias=layer.bias is not None)
    return _chain(
        layer, _set(first, right.view(rank, into, *kernel)), _set(second, left.view(out, rank, 1, 1))
    )


def factor_spatial(layer, rank):
    """A d x 1 convolution to `rank` channels, then 1 x d to all outputs (Jaderberg et al., 2014, scheme 2)."""
    out, into, (high, wide), stride, padding = _usable(layer)
    matrix = layer.weight.permute(1, 2, 0, 3).reshape(into * high, out * wide)
    left, right, _ = truncated_svd(matrix, rank)
    first = nn.Conv2d(into, rank, (high, 1), (stride[0], 1), (padding[0], 0), bias=False)
    second = nn.Conv2d(rank, out, (1, wide), (1, stride[1]), (0, padding[1]), bias=layer.bias is not None)
    _set(first, left.T.view(rank, into, high, 1))
    return _chain(layer, first, _set(second, right.view(rank, out, 1, wide).transpose(0, 1)))


def factor_tucker(layer, ranks, iterations=20):
    """1 x 1 to rank_in, d x d to rank_out, 1 x 1 to all outputs; `ranks` is (rank_out, rank_in)."""
    out, into, kernel, stride, padding = _usable(layer)
    core, u_out, u_in = tucker2(layer.weight, ranks, iterations)
    first = _set(nn.Conv2d(into, ranks[1], 1, bias=False), u_in.T[..., None, None])
    middle = _set(nn.Conv2d(ranks[1], ranks[0], kernel, stride, padding, bias=False), core)
    last = nn.Conv2d(ranks[0], out, 1, bias=layer.bias is not None)
    return _chain(layer, first, middle, _set(last, u_out[..., None, None]))


def factor_cp(layer, rank, iterations=100, seed=0):
    """1 x 1 to `rank` channels, d x 1 and 1 x d on each of them alone, 1 x 1 to all outputs (Lebedev et al., 2015)."""
    out, into, (high, wide), stride, padding = _usable(layer)
    factors = cp(layer.weight, rank, iterations, seed=seed)
    sizes = torch.stack([factor.norm(dim=0).clamp(min=1e-30) for factor in factors])
    share = sizes.prod(0) ** 0.25  # each vector gets the same part of its term's size
    f_out, f_in, f_high, f_wide = (f / size * share for f, size in zip(factors, sizes, strict=True))
    last = nn.Conv2d(rank, out, 1, bias=layer.bias is not None)
    down = nn.Conv2d(rank, rank, (high, 1), (stride[0], 1), (padding[0], 0), groups=rank, bias=False)
    along = nn.Conv2d(rank, rank, (1, wide), (1, stride[1]), (0, padding[1]), groups=rank, bias=False)
    return _chain(
        layer,
        _set(nn.Conv2d(into, rank, 1, bias=False), f_in.T[..., None, None]),
        _set(down, f_high.T[:, None, :, None]),
        _set(along, f_wide.T[:, None, None, :]),
        _set(last, f_out[..., None, None]),
    )


#: How to make layers from a layer and a rank, by name.
METHODS = {
    "linear": factor_linear,
    "channel": factor_channel,
    "spatial": factor_spatial,
    "tucker": factor_tucker,
    "cp": factor_cp,
}


def factorize(model, ranks):
    """A copy of the model with layers replaced by their factors.

    Parameters
    ----------
    model : module
    ranks : dict from names of layers to a rank (a linear layer, or the channel split of a convolution), or to a pair of a
        method ("channel", "spatial", "tucker", "cp") and its rank, for "tucker" (rank_out, rank_in).

    Returns
    -------
    module

    Raises
    ------
    ValueError
        For a name that is no linear layer or convolution, an unknown method, or a rank out of range.
    """
    model = copy.deepcopy(model)
    for name, choice in ranks.items():
        layer = dict(model.named_modules()).get(name)
        if not name or not isinstance(layer, nn.Linear | nn.Conv2d):
            raise ValueError(f"no linear layer or convolution {name!r} to factorize")
        usual = "linear" if isinstance(layer, nn.Linear) else "channel"
        named = isinstance(choice, tuple) and isinstance(choice[0], str)
        method, rank = choice if named else (usual, choice)
        fits = method in METHODS and (method == "linear") == (usual == "linear")
        if not fits or isinstance(rank, int) == (method == "tucker"):
            raise ValueError(f"{name}: no method {method!r} with rank {rank!r} for {type(layer).__name__}")
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, METHODS[method](layer, rank))
    return model


def ranks_by_budget(spectra, costs, budget):
    """Ranks of several layers under a common budget, greedily.

    Starting from full rank, the layer whose last singular value carries the smallest share of its energy for what it costs
    gives one rank up, until the sum of rank * cost is within the budget.

    Parameters
    ----------
    spectra : dict from layer names to singular values, from large to small
    costs : dict from layer names to the cost of one rank: rows + columns for parameters
    budget : what all ranks may cost together

    Returns
    -------
    dict from layer names to ranks, at least 1 each

    Raises
    ------
    ValueError
        When even rank 1 everywhere is above the budget.

    Source: Zhang et al., 2016, section 3.3 (there the product of the kept shares is the objective, which this follows).
    """
    if sum(costs[name] for name in spectra) > budget:
        raise ValueError(f"budget={budget} is below the cost of rank 1 in every layer")
    energy = {name: values.double().square() for name, values in spectra.items()}
    ranks = {name: len(values) for name, values in energy.items()}

    def price(name):  # the logarithm of the kept share falls by about this much for each unit of cost
        last, kept = energy[name][ranks[name] - 1].item(), energy[name][: ranks[name]].sum().item()
        return last / kept / costs[name] if kept else 0.0

    while sum(ranks[name] * costs[name] for name in ranks) > budget:
        cheapest = min((name for name in ranks if ranks[name] > 1), key=price)
        ranks[cheapest] -= 1
    return ranks
