"""Winograd convolution: fewer multiplications by evaluating polynomials at chosen points (chapter 11).

F(m, r) computes m outputs of a filter of r weights from n = m + r - 1 inputs with n multiplications instead of m * r:
`y = a_t @ ((g @ kernel) * (b_t @ data))`. Nested in two dimensions it takes n^2 instead of m^2 r^2.

Sources: A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016 (arXiv 1509.09308);
S. Winograd, Arithmetic Complexity of Computations, SIAM, 1980.
"""

from fractions import Fraction
from math import ceil, log2, prod
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import hwsim
from hwsim.workload import pair

#: Small numbers and their inverses: powers of two cost shifts only, and the small ones come first.
POINTS = tuple(Fraction(p) for p in (0, 1, -1, 2, -2, "1/2", "-1/2", 4, -4, "1/4", "-1/4"))


class Transform(NamedTuple):
    """F(m, r) with n = m + r - 1, as arrays of `Fraction`s."""

    a_t: np.ndarray  # (m, n): products -> outputs
    g: np.ndarray  # (n, r): kernel -> the points
    b_t: np.ndarray  # (n, n): data -> the points


def polynomial(roots):
    """Coefficients of the product of (x - root), lowest power first.

    >>> [int(c) for c in polynomial([1, -1])]
    [-1, 0, 1]
    """
    coefficients = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *coefficients], [root * c for c in coefficients] + [Fraction(0)]
        coefficients = [a - b for a, b in zip(shifted, scaled, strict=True)]
    return coefficients


def transforms(m, r, points=None):
    """Matrices of F(m, r) from its interpolation points and the point at infinity, exactly.

    Parameters
    ----------
    m, r : int, outputs and weights of the filter, at least 1.
    points : m + r - 2 different rational numbers; the first of `POINTS` when None.

    Returns
    -------
    Transform. Rows of `b_t` are polynomials with leading coefficient 1, so that they are integers for integer points;
    the divisors stand in `g`. Row i of `b_t` and of `g`, and column i of `a_t`, may be multiplied by numbers whose
    product is 1. In this form F(4, 3) is the published one; in the published F(2, 3) the signs of row 0 of `b_t` and
    `g`, and of the last row of `b_t` and the last column of `a_t`, are changed.

    Raises
    ------
    ValueError
        When m or r is below 1, or there are too few, too many or equal points.

    Source: Lavin and Gray, 2016, section 4.
    """
    n = m + r - 1
    if m < 1 or r < 1 or (points is None and n - 1 > len(POINTS)):
        raise ValueError(f"F({m}, {r}) needs m and r of 1 or more; above m + r = 13 give your own points")
    points = [Fraction(p) for p in (POINTS[: n - 1] if points is None else points)]
    if len(points) != n - 1 or len(set(points)) != n - 1:
        raise ValueError(f"F({m}, {r}) needs {n - 1} different points, not {', '.join(map(str, points))}")
    a_t, g, b_t = (np.full(shape, Fraction(0)) for shape in ((m, n), (n, r), (n, n)))
    for i, point in enumerate(points):
        others = points[:i] + points[i + 1 :]
        divisor = prod((point - other for other in others), start=Fraction(1))
        a_t[:, i] = [point**power for power in range(m)]
        g[i] = [point**power / divisor for power in range(r)]
        b_t[i, :-1] = polynomial(others)
    a_t[-1, -1] = g[-1, -1] = Fraction(1)  # infinity: the leading coefficient
    b_t[-1] = polynomial(points)
    return Transform(a_t, g, b_t)


def terms(transform):
    """What n multiplications compute, exactly: the sum of their rank-one tensors, (m, r, n) of `Fraction`s.

    A transform is right when entry [p, q, s] is 1 where s = p + q, and 0 elsewhere: output p takes weight q times
    data p + q.
    """
    a_t, g, b_t = transform
    products = [np.multiply.outer(np.multiply.outer(a_t[:, i], g[i]), b_t[i]) for i in range(len(g))]
    return sum(products[1:], products[0])


def amplification(transform):
    """How much larger than inputs of size 1 the terms of one output can get on the way, in one dimension.

    The largest row of |a_t| ((|g| 1) * (|b_t| 1)), a Fraction. It does not change when rows are rescaled. In two
    dimensions it is squared. The direct sum has r.
    """
    a_t, g, b_t = (abs(matrix) for matrix in transform)
    return max(a_t @ (g.sum(1) * b_t.sum(1)))


def growth_bits(matrix):
    """Bits that integers gain at most when `matrix` is applied along both axes: ceil(2 log2(largest row sum of |matrix|))."""
    return ceil(2 * log2(max(abs(matrix).sum(1))))


def as_tensors(transform, dtype=torch.float32):
    """The three matrices as tensors, each entry rounded once."""
    return Transform(*(torch.tensor(matrix.astype(float), dtype=dtype) for matrix in transform))


def nested(matrix, tensor):
    """`matrix @ x @ matrix.T` for x on the first two axes: two large products instead of many small ones."""
    once = (matrix @ tensor.flatten(1)).view(len(matrix), tensor.shape[1], -1)
    return (matrix @ once).view(len(matrix), len(matrix), *tensor.shape[2:])


def transform_weight(weight, transform, rounding=None):
    """Kernels at the points: (out, in, r, r) to (n, n, in, out), ready for one matrix product at each position."""
    transformed = nested(as_tensors(transform, weight.dtype).g, weight.permute(2, 3, 1, 0))
    return transformed if rounding is None else rounding(transformed)


def cut_tiles(images, m, r, padding=0):
    """Overlapping tiles: (batch, channels, height, width) to (batch, channels, rows, columns, n, n).

    Tiles lie m pixels apart. The last row and column of tiles are filled up with zeros.
    """
    height, width = (size + 2 * padding - r + 1 for size in images.shape[2:])
    if min(height, width) < 1:
        raise ValueError(
            f"a kernel of {r} does not fit into {tuple(images.shape[2:])} with padding {padding}"
        )
    right, bottom = (padding + (-size) % m for size in (width, height))
    padded = F.pad(images, (padding, right, padding, bottom))
    return padded.unfold(2, m + r - 1, m).unfold(3, m + r - 1, m)


def convolve_tiles(images, transformed, transform, padding=0, rounding=None):
    """Convolution with kernels that are at the points already: a matrix product at each of the n x n positions.

    Parameters
    ----------
    images : tensor (batch, in, height, width)
    transformed : tensor (n, n, in, out), as `transform_weight` gives it.
    transform : Transform, with exact matrices.
    padding : int, zeros on each side.
    rounding : function from tensor to tensor, applied to the transformed data and to the sums of products, both with
        the positions (n, n, ...) first.

    Returns
    -------
    tensor (batch, out, height + 2 padding - r + 1, width + 2 padding - r + 1)
    """
    (m, n), r = transform.a_t.shape, transform.g.shape[1]
    rounding = rounding or (lambda tensor: tensor)
    a_t, _, b_t = as_tensors(transform, images.dtype)
    tiles = cut_tiles(images, m, r, padding)
    batch, channels, rows, columns = tiles.shape[:4]
    data = rounding(nested(b_t, tiles.permute(4, 5, 0, 2, 3, 1)))
    out = transformed.shape[-1]
    products = data.view(n * n, batch * rows * columns, channels) @ transformed.view(n * n, channels, out)
    products = rounding(products.view(n, n, batch, rows, columns, out))
    output = nested(a_t, products).permute(2, 5, 3, 0, 4, 1).reshape(batch, out, rows * m, columns * m)
    return output[..., : images.shape[2] + 2 * padding - r + 1, : images.shape[3] + 2 * padding - r + 1]


def winograd_conv2d(images, weight, bias=None, *, m=2, padding=0, points=None, rounding=None):
    """Convolution with stride 1 by F(m x m, r x r), for any image size.

    Parameters
    ----------
    images : tensor (batch, in, height, width)
    weight : tensor (out, in, r, r)
    bias : tensor (out,), or None
    m, padding, points : the tile's outputs, zeros on each side, and interpolation points as in `transforms`.
    rounding : function from tensor to tensor, applied to transformed kernels, transformed data, and sums of products;
        it stands for a format that these are stored in.

    Raises
    ------
    ValueError
        When the kernel is not square, its channels are not the image's, or it does not fit.
    """
    if weight.ndim != 4 or weight.shape[2] != weight.shape[3] or weight.shape[1] != images.shape[1]:
        raise ValueError(
            f"weight {tuple(weight.shape)} must be (out, in, r, r) with {images.shape[1]} channels in"
        )
    if not images.is_floating_point() or images.dtype != weight.dtype:
        raise ValueError(
            f"images of {images.dtype}, weight of {weight.dtype}: both must be one floating type"
        )
    transform = transforms(m, weight.shape[2], points)
    transformed = transform_weight(weight, transform, rounding)
    output = convolve_tiles(images, transformed, transform, padding, rounding)
    return output if bias is None else output + bias.view(1, -1, 1, 1)


def error_bound(images, weight, *, m=2, padding=0, points=None, unit=2.0**-24):
    """Bound on the rounding error of `winograd_conv2d` at each output, whatever the order of the sums.

    The same algorithm runs on absolute values, in float64. A product passes at most K = 4 n + 2 r + channels + 6
    roundings on its way to an output, so the bound is K u / (1 - K u) times that, with the unit roundoff u of the format
    (2^-24 for float32). Underflow, a bias and `rounding` are left out. Chapter 11 derives it.

    Returns a float64 tensor of the output's shape; ValueError when K u is 1 or more.
    """
    transform = transforms(m, weight.shape[2], points)
    absolute = Transform(*(abs(matrix) for matrix in transform))
    transformed = transform_weight(weight.abs().double(), absolute)
    size = convolve_tiles(images.abs().double(), transformed, absolute, padding)
    roundings = 4 * len(transform.g) + 2 * weight.shape[2] + weight.shape[1] + 6
    if roundings * unit >= 1:
        raise ValueError(
            f"{roundings} roundings of {unit} each: in so coarse a format there is no such bound"
        )
    return size * (roundings * unit / (1 - roundings * unit))


class Cost(NamedTuple):
    """Operations of a layer, counted."""

    direct: int  # multiplications of the direct convolution
    products: int  # multiplications between data and kernels; whole tiles, also where they stick out
    additions: int  # of the transforms of data and outputs; those of the kernels are done once, before
    constants: int  # multiplications of these transforms by constants other than 0, 1, -1
    weights: int  # numbers to store for the kernels, transformed


def transform_operations(matrix):
    """Additions and multiplications by constants of a product of `matrix` with one vector, without shared sums."""
    nonzero = (matrix != 0).sum(1)
    constants = (matrix != 0) & (abs(matrix) != 1)
    return int(np.maximum(nonzero - 1, 0).sum()), int(constants.sum())


def count_operations(layer, m, points=None):
    """Operations of one layer by F(m x m, r x r), beside those of the direct convolution.

    Parameters
    ----------
    layer : hwsim.Conv2d with a square kernel, stride 1 and one group.

    Returns
    -------
    Cost. `direct` counts products with padded zeros, as hwsim does.
    """
    work = as_products(layer, m)
    r = pair(layer.kernel)[0]
    transform, n, tiles = transforms(m, r, points), m + r - 1, work.m
    data, output = transform_operations(transform.b_t), transform_operations(transform.a_t)
    # Nested: the data's matrix is applied to n columns, then to n rows; the outputs' to n columns, then to m rows.
    channels = tiles * layer.in_channels * 2 * n, tiles * layer.out_channels * (n + m)
    additions, constants = (data[i] * channels[0] + output[i] * channels[1] for i in range(2))
    return Cost(layer.macs, work.macs, additions, constants, work.weights)


def as_products(layer, m):
    """The products of a Winograd layer as a workload: n^2 matrix products of tiles x in x out.

    Parameters
    ----------
    layer : hwsim.Conv2d

    Returns
    -------
    hwsim.MatMul; its inputs and outputs are the transformed ones, and the transforms themselves are not in it.

    Raises
    ------
    ValueError
        When the layer has a stride, groups or a kernel that is not square: a tile's outputs must be neighbors.
    """
    kernel = pair(layer.kernel)
    if kernel[0] != kernel[1] or pair(layer.stride) != (1, 1) or layer.groups != 1:
        raise ValueError(f"{layer.name}: Winograd needs a square kernel, stride 1 and one group")
    rows, columns = (ceil(size / m) for size in layer.output_size)
    n = m + kernel[0] - 1
    tiles = layer.batch * rows * columns
    return hwsim.MatMul(layer.name, m=tiles, k=layer.in_channels, n=layer.out_channels, groups=n * n)


class WinogradConv2d(nn.Module):
    """A convolution layer whose kernels are stored, and trained, at the points: `transformed` (n, n, in, out)."""

    def __init__(self, convolution, m=2, points=None):
        """Take the kernels of an `nn.Conv2d`; ValueError when it has a stride, dilation, groups or uneven sides."""
        super().__init__()
        sides = {*convolution.kernel_size}
        plain = convolution.stride == convolution.dilation == (1, 1) and convolution.groups == 1
        even = len(sides) == len({*convolution.padding}) == 1 and convolution.padding_mode == "zeros"
        if not plain or not even:
            raise ValueError(
                f"{convolution}: Winograd needs a square kernel, stride 1, no dilation or groups"
            )
        self.transform = transforms(m, sides.pop(), points)
        self.padding = convolution.padding[0]
        weight = convolution.weight.detach()
        self.transformed = nn.Parameter(transform_weight(weight, self.transform))
        self.bias = None if convolution.bias is None else nn.Parameter(convolution.bias.detach().clone())

    def forward(self, images):
        """Convolve images (batch, in, height, width)."""
        output = convolve_tiles(images, self.transformed, self.transform, self.padding)
        return output if self.bias is None else output + self.bias.view(1, -1, 1, 1)
