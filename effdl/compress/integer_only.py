"""Inference in integers only: int8 codes in, int8 codes out, no floating point in between (chapter 06).

A layer adds int8 x int8 products in int32, adds an int32 bias, multiplies by a fixed-point number in int64, shifts right
with rounding, adds the zero point, saturates to int8. A `AffineGrid` of `effdl.compress.quantization` says what codes mean.

Source: B. Jacob et al., 2018, arXiv 1712.05877, sections 2.2 to 2.4.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from effdl.compress.quantization import AffineGrid, affine_grid, calibrate, dequantize, quantize

#: A result below 2**8, where saturation does not decide, is then a multiple of 2**-44: float64 holds it exactly.
MOST_SHIFT = 44


class IntegerLayer(NamedTuple):
    """A fully connected layer or a convolution in integers."""

    weight: np.ndarray  # int8 (out, in), or (out, in / groups, height, width)
    bias: np.ndarray  # int32 (out,), what the inputs' zero point adds taken off
    multiplier: np.ndarray  # int64 (out,), below 2**31
    shift: np.ndarray  # int64 (out,)
    input_zero_point: int  # the code that pads
    zero_point: int  # of the outputs
    low: int
    high: int
    stride: tuple = (1, 1)
    padding: tuple = (0, 0)
    groups: int = 1


class IntegerNetwork(NamedTuple):
    """What `quantize_network` makes; `run` takes and returns int8 codes."""

    inputs: AffineGrid
    steps: list  # pairs of a name and an IntegerLayer, an nn.MaxPool2d or an nn.Flatten
    outputs: AffineGrid


def fixed_point(real):
    """Multiplier and shift with `real ~ multiplier / 2**shift`, the multiplier an integer below 2**31.

    Parameters
    ----------
    real : array of positive numbers below 2**30 - 1.

    Returns
    -------
    int64 arrays. The multiplier has 31 bits where `real >= 2**-14`, and fewer below, as the shift is 44 at most.

    Raises
    ------
    ValueError
        When a number is not positive, or 2**30 - 1 or more.

    Source: Jacob et al., 2018, equation 6 (M = 2^-n M0 with M0 in [0.5, 1), stored as an int32).
    """
    real = np.asarray(real, np.float64)
    if not ((real > 0) & (real < 2**30 - 1)).all():
        raise ValueError("a multiplier must be positive and below 2**30 - 1")
    exponent = np.frexp(real)[1]
    shift = np.minimum(31 - exponent, MOST_SHIFT)
    multiplier = np.rint(np.ldexp(real, shift)).astype(np.int64)
    full = multiplier == 2**31  # rounded up to the next power of two: halve it
    return np.where(full, 2**30, multiplier), (shift - full).astype(np.int64)


def rescale(sums, multiplier, shift):
    """`sums * multiplier / 2**shift` in integers, rounded to the nearest, ties upward; int32 in, int64 out."""
    product = sums.astype(np.int64) * multiplier  # below 2**31 * 2**31, so int64 holds it
    return (product + (np.int64(1) << (shift - 1))) >> shift  # the shift rounds down, also below zero


def patches(codes, layer):
    """Every window that a kernel of a convolution meets: (groups, n * height * width, inputs of a group * kernel)."""
    (top, left), (down, across) = layer.padding, layer.stride
    zero = layer.input_zero_point  # stands for 0.0; the code 0 stands for another number
    codes = np.pad(codes, ((0, 0), (0, 0), (top, top), (left, left)), constant_values=zero)
    windows = np.lib.stride_tricks.sliding_window_view(codes, layer.weight.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::down, ::across]
    n, channels, height, width = windows.shape[:4]
    grouped = windows.reshape(n, layer.groups, channels // layer.groups, height, width, -1)
    rows = grouped.transpose(1, 0, 3, 4, 2, 5).reshape(layer.groups, n * height * width, -1)
    return rows, (n, height, width)


def integer_sums(codes, layer):
    """The int32 sums of a layer, bias included: (n, out), or (n, out, height, width)."""
    if layer.weight.ndim == 2:
        return np.matmul(codes, layer.weight.T, dtype=np.int32) + layer.bias
    rows, (n, height, width) = patches(codes, layer)
    kernels = layer.weight.reshape(layer.groups, len(layer.weight) // layer.groups, -1)
    sums = np.matmul(rows, kernels.transpose(0, 2, 1), dtype=np.int32)  # (groups, windows, out of a group)
    sums = sums.transpose(1, 0, 2).reshape(n, height, width, -1) + layer.bias
    return sums.transpose(0, 3, 1, 2)


def integer_layer(codes, layer):
    """Run a layer on int8 codes, (n, in) or (n, in, height, width); int8 codes out."""
    if codes.dtype != np.int8:
        raise ValueError(f"the codes must be int8, not {codes.dtype}")
    sums = integer_sums(codes, layer)
    channel = (-1,) + (1,) * (sums.ndim - 2)
    result = rescale(sums, layer.multiplier.reshape(channel), layer.shift.reshape(channel)) + layer.zero_point
    return np.clip(result, layer.low, layer.high).astype(np.int8)


def float_layer(codes, layer):
    """The same arithmetic in float64, by PyTorch: equal in every code, as no sum or product that matters is rounded."""
    x = torch.from_numpy(codes).double() - layer.input_zero_point
    weight = torch.from_numpy(layer.weight).double()
    taken = layer.input_zero_point * weight.flatten(1).sum(1)  # the folded zero point, given back
    bias = torch.from_numpy(layer.bias).double() + taken
    if weight.ndim == 2:
        sums = F.linear(x, weight, bias).numpy()
    else:
        sums = F.conv2d(x, weight, bias, layer.stride, layer.padding, groups=layer.groups).numpy()
    channel = (-1,) + (1,) * (sums.ndim - 2)
    real = (layer.multiplier / 2.0**layer.shift).reshape(channel)
    return np.clip(np.floor(sums * real + 0.5) + layer.zero_point, layer.low, layer.high).astype(np.int8)


def max_pool(codes, pool):
    """Largest code of each window: larger codes stand for larger numbers, so nothing else is needed."""
    size, stride = pool.kernel_size, pool.stride
    windows = np.lib.stride_tricks.sliding_window_view(codes, (size, size), axis=(2, 3))
    return windows[:, :, ::stride, ::stride].max((4, 5))


def run(network, codes, layer=integer_layer):
    """Run an `IntegerNetwork` on int8 codes; `layer=float_layer` simulates it in float64."""
    for _, step in network.steps:
        if isinstance(step, IntegerLayer):
            codes = layer(codes, step)
        elif isinstance(step, nn.MaxPool2d):
            codes = max_pool(codes, step)
        else:
            codes = codes.reshape(len(codes), -1)
    return codes


def input_codes(network, inputs):
    """int8 codes of real inputs: the one place where floating point comes in."""
    return quantize(inputs, network.inputs).numpy().astype(np.int8)


def predict(network, inputs):
    """Class of each input, from integers alone once the input is encoded; the first class on a tie. A tensor of int64."""
    return torch.from_numpy(run(network, input_codes(network, inputs)).argmax(1))


def bear_bias(grid, layer, inputs):
    """The grid of a layer's weights, its scale so large that each bias fits 30 bits.

    A channel without weights, whose scale is free, takes the least such scale: its bias is then the most exact.
    """
    if layer.bias is None:
        return grid
    shape = grid.scale.shape
    least = layer.bias.detach().abs() / (inputs.scale * 2**29)
    least = least.view(shape) if shape else least.max()
    dead = (layer.weight == 0).flatten(1).all(1)
    dead = dead.view(shape) if shape else dead.all()
    return grid._replace(scale=torch.where(dead & (least > 0), least, torch.maximum(grid.scale, least)))


def integer_weights(layer, inputs, bits=8, **options):
    """int8 codes of a layer's weights, the scale of its sums (out,), and its int32 bias, inputs' zero point taken off.

    Raises
    ------
    ValueError
        For more than 8 bits, a grid with a zero point, or so many products a sum that int32 could overflow.
    """
    if bits > 8:
        raise ValueError(f"bits={bits}: int8 weights have 8 bits at most")
    grid = calibrate(layer.weight, bits, **options)
    if grid.zero_point.any():
        raise ValueError("weights need a symmetric grid: a zero point of theirs would be left out")
    grid = bear_bias(grid, layer, inputs)
    codes = quantize(layer.weight.detach(), grid).numpy()
    if codes[0].size * 256 * 127 >= 2**30:  # the other half of the range is left for the bias
        raise ValueError(f"{codes[0].size} products a sum can overflow int32")
    scale = (grid.scale.double() * inputs.scale).flatten().expand(len(codes)).numpy()
    bias = np.zeros(len(codes)) if layer.bias is None else layer.bias.detach().double().numpy()
    bias = np.rint(bias / scale) - int(inputs.zero_point) * codes.reshape(len(codes), -1).sum(1)
    return codes.astype(np.int8), scale, bias.astype(np.int32)


def to_integer_layer(layer, inputs, outputs, bits=8, **options):
    """An `IntegerLayer` from an nn.Linear or nn.Conv2d.

    Parameters
    ----------
    layer : nn.Linear or nn.Conv2d.
    inputs, outputs : Grids of what reaches and leaves the layer, each one grid for all channels.
    bits : int, 2 to 8, of the weights, on symmetric grids; `options` go to `calibrate`.

    Raises
    ------
    ValueError
        For a dilated convolution or one not padded with zeros, outputs of more than 8 bits, and as `integer_weights` and `fixed_point`.
    """
    shape = {}
    if isinstance(layer, nn.Conv2d):
        if layer.dilation != (1, 1) or layer.padding_mode != "zeros" or isinstance(layer.padding, str):
            raise ValueError("convolutions must have no dilation, and be padded with a number of zeros")
        shape = {"stride": layer.stride, "padding": layer.padding, "groups": layer.groups}
    weight, scale, bias = integer_weights(layer, inputs, bits, **options)
    if outputs.low < -128 or outputs.high > 127:
        raise ValueError(
            f"outputs from {outputs.low} to {outputs.high} are no int8: give a grid of 8 bits or less"
        )
    multiplier, shift = fixed_point(scale / float(outputs.scale))
    zero_points = int(inputs.zero_point), int(outputs.zero_point)
    return IntegerLayer(weight, bias, multiplier, shift, *zero_points, outputs.low, outputs.high, **shape)


def only_moves(layer):
    """Is it a layer that only moves codes: max pooling of whole windows, or flattening?"""
    if isinstance(layer, nn.MaxPool2d):
        square = isinstance(layer.kernel_size, int) and isinstance(layer.stride, int)
        return square and (layer.padding, layer.dilation, layer.ceil_mode) == (0, 1, False)
    return isinstance(layer, nn.Flatten) and (layer.start_dim, layer.end_dim) == (1, -1)


@torch.no_grad()
def quantize_network(model, inputs, bits=8, method="minmax", **options):
    """Turn a trained Sequential into an `IntegerNetwork`.

    Parameters
    ----------
    model : nn.Sequential of Linear, Conv2d, ReLU (behind one of these), MaxPool2d, Flatten; batch normalization folded.
    inputs : tensor (n, ...), calibration data: the ranges of all activations are observed on it.
    bits : int, 2 to 8, of the weights; activations have 8.
    method : how `calibrate` chooses the activations' ranges.
    options : for `calibrate` of the weights; `per_channel=True` unless given.

    Raises
    ------
    ValueError
        For another kind of layer, or pooling with padding, dilation, sides that differ or a rounded-up size.
    """
    options = {"per_channel": True, **options}
    first = grid = calibrate(inputs, make_grid=affine_grid, method=method)
    steps, x, children = [], inputs, list(model.named_children())
    for i, (name, layer) in enumerate(children):
        x = layer(x)
        following = children[i + 1][1] if i + 1 < len(children) else None
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            # A ReLU costs nothing: behind it the range starts at zero, and saturation does its work.
            seen = following(x) if isinstance(following, nn.ReLU) else x
            after = calibrate(seen, make_grid=affine_grid, method=method)
            steps.append((name, to_integer_layer(layer, grid, after, bits, **options)))
            grid = after
        elif only_moves(layer):
            steps.append((name, layer))
        elif not (
            i and isinstance(layer, nn.ReLU) and isinstance(children[i - 1][1], (nn.Linear, nn.Conv2d))
        ):
            raise ValueError(f"no integer form of {name}, {layer}: fold batch normalization first")
    return IntegerNetwork(first, steps, grid)


def outputs_of(network, codes):
    """Real outputs that codes stand for, as a tensor."""
    return dequantize(torch.from_numpy(codes).int(), network.outputs)
