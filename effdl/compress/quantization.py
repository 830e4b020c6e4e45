"""Quantization: real numbers as small integers (chapter 06).

A `AffineGrid` says which real number a code stands for: `scale * (code - zero_point)`. Everything here stays in floating
point and asks what a grid does to a network; `effdl.compress.integer_only` then runs a network in integers.

Sources: B. Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference,
CVPR 2018, arXiv 1712.05877; R. Krishnamoorthi, Quantizing deep convolutional networks for efficient inference, 2018,
arXiv 1806.08342.
"""

import copy
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from hwsim.formats import FixedPoint


class AffineGrid(NamedTuple):
    """Evenly spaced numbers `scale * (code - zero_point)` for the codes `low` to `high`.

    `scale` and `zero_point` are tensors, of no axis for one grid, or of shape (channels, 1, ...) for one a channel.
    """

    scale: torch.Tensor  # positive
    zero_point: torch.Tensor  # whole numbers: the code of 0.0
    low: int
    high: int


def affine_grid(lowest, highest, bits=8):
    """Grid with a zero point, over a range that is widened to hold 0.0, which then has a code of its own.

    Parameters
    ----------
    lowest, highest : tensors or numbers, ends of the range; `lowest <= highest`.
    bits : int, 2 to 16; the codes are those of a signed integer.

    Raises
    ------
    ValueError
        When `bits` is out of range, or an end is not finite, or the ends are in the wrong order.

    Source: Jacob et al., 2018, equation 1; the zero point rounded as in PyTorch.
    """
    lowest, highest = _ends(lowest, highest, bits)
    lowest, highest = lowest.clamp(max=0), highest.clamp(min=0)
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    scale = _nonzero((highest - lowest) / (high - low))
    zero_point = (low - torch.round(lowest / scale)).clamp(low, high)
    return AffineGrid(scale, zero_point, low, high)


def symmetric_grid(lowest, highest, bits=8):
    """Grid with the zero point 0 and as many codes below zero as above; parameters and errors as `affine_grid`."""
    lowest, highest = _ends(lowest, highest, bits)
    high = 2 ** (bits - 1) - 1
    scale = _nonzero(torch.maximum(lowest.abs(), highest.abs()) / high)
    return AffineGrid(scale, torch.zeros_like(scale), -high, high)


def _ends(lowest, highest, bits):
    if not 2 <= bits <= 16:
        raise ValueError(f"bits={bits} must be from 2 to 16")
    lowest, highest = torch.as_tensor(lowest), torch.as_tensor(highest)
    if not (torch.isfinite(lowest).all() and torch.isfinite(highest).all() and (lowest <= highest).all()):
        raise ValueError("a range needs two finite ends, the lower one first")
    dtype = torch.promote_types(lowest.dtype, highest.dtype)
    return (x.to(dtype if dtype.is_floating_point else torch.float32) for x in (lowest, highest))


def _nonzero(scale):
    """A range of zeros only needs no step; 1 is as good as any."""
    return torch.where(scale > 0, scale, torch.ones_like(scale))


def quantize(x, grid):
    """Codes of a tensor, int32: the nearest point of the grid, ties to the even code, saturated; ValueError for NaN."""
    if torch.isnan(x).any():
        raise ValueError("NaN has no code")
    return (torch.round(x / grid.scale) + grid.zero_point).clamp(grid.low, grid.high).to(torch.int32)


def dequantize(codes, grid):
    """Real numbers that codes stand for."""
    return grid.scale * (codes - grid.zero_point)


def fake_quantize(x, grid):
    """Each number moved to the grid, still as a real number."""
    return dequantize(quantize(x, grid), grid)


def minmax_range(rows, percent=100.0):
    """Lowest and highest number of each row, (rows, 1) each; `percent` below 100 leaves half of the rest out at each end.

    Raises
    ------
    ValueError
        When `percent` is not above 0 and at most 100.
    """
    if not 0 < percent <= 100:
        raise ValueError(f"percent={percent} must be above 0 and at most 100")
    if percent == 100:
        return rows.amin(1, keepdim=True), rows.amax(1, keepdim=True)
    tail = (100 - percent) / 200
    low, high = np.quantile(rows.detach().numpy(), [tail, 1 - tail], axis=1, keepdims=True).astype(np.float32)
    return torch.from_numpy(low), torch.from_numpy(high)


def mse_range(rows, make_grid, bits, candidates=64):
    """Range of each row, (rows, 1) each, with the smallest squared error among `candidates` shrunken min-max ranges."""
    lowest, highest = minmax_range(rows)
    best = torch.full_like(lowest, float("inf"))
    share = torch.ones_like(lowest)
    for candidate in torch.arange(candidates, 0, -1) / candidates:
        error = rows - fake_quantize(rows, make_grid(lowest * candidate, highest * candidate, bits))
        error = error.square().mean(1, keepdim=True)
        share = torch.where(error < best, candidate, share)
        best = torch.minimum(best, error)
    return lowest * share, highest * share


def calibrate(x, bits=8, *, make_grid=symmetric_grid, per_channel=False, method="minmax", percent=99.9):
    """Grid for a tensor, or for each entry of its first axis.

    Parameters
    ----------
    x : tensor with at least one number; the first axis is the channel when `per_channel`.
    bits : int, 2 to 16.
    make_grid : `symmetric_grid` or `affine_grid`.
    method : "minmax" (all numbers fit), "percentile" (`percent` of them fit), or "mse" (least squared error).

    Returns
    -------
    AffineGrid, with scales of shape () or (channels, 1, ...).

    Raises
    ------
    ValueError
        When there is no number, or `method` is not one of the three, or as `affine_grid`.
    """
    if x.numel() == 0:
        raise ValueError("there is no number to calibrate on")
    rows = x.detach().flatten(1) if per_channel and x.ndim > 1 else x.detach().reshape(1, -1)
    if method == "mse":
        lowest, highest = mse_range(rows, make_grid, bits)
    elif method in ("minmax", "percentile"):
        lowest, highest = minmax_range(rows, 100.0 if method == "minmax" else percent)
    else:
        raise ValueError(f'method={method!r} must be "minmax", "percentile" or "mse"')
    shape = (-1,) + (1,) * (x.ndim - 1) if per_channel and x.ndim > 1 else ()
    return make_grid(lowest.reshape(shape), highest.reshape(shape), bits)


def fraction_bits(limit, bits):
    """Bits after the binary point of the finest `FixedPoint` that holds -limit to limit; ValueError unless it is positive."""
    if not 0 < limit < float("inf"):
        raise ValueError(f"limit={limit} must be positive and finite")
    return int(np.floor(np.log2((2 ** (bits - 1) - 1) / limit)))


def dynamic_fixed_point(x, bits):
    """Round a tensor to fixed point, its binary point placed by its own largest magnitude; returns the tensor and the format."""
    number = FixedPoint(bits, fraction_bits(max(x.abs().max().item(), 1e-12), bits))
    return torch.from_numpy(number.quantize(x.detach().numpy())), number


def block_floating_point(x, bits, block):
    """Round a tensor to fixed point with one binary point (a shared exponent) for every `block` numbers in a row.

    Returns a tensor of the same shape; ValueError when the size is not a multiple of `block`.
    """
    if x.numel() % block:
        raise ValueError(f"{x.numel()} numbers do not make whole blocks of {block}")
    blocks = x.detach().reshape(-1, block)
    limit = blocks.abs().amax(1, keepdim=True).double().clamp(min=1e-12)
    top = 2 ** (bits - 1) - 1
    step = torch.exp2(-torch.floor(torch.log2(top / limit)))
    return (torch.round(blocks / step).clamp(-top - 1, top) * step).to(x.dtype).reshape(x.shape)


def fold(layer, norm):
    """A copy of a Linear or Conv2d layer that does the work of the batch normalization behind it as well.

    Raises
    ------
    ValueError
        When `norm` keeps no running statistics, or has no learned scales.

    Source: Jacob et al., 2018, equation 14.
    """
    if norm.running_mean is None or norm.weight is None:
        raise ValueError(
            "only a batch normalization with running statistics and learned scales can be folded"
        )
    folded = copy.deepcopy(layer)
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    bias = layer.bias if layer.bias is not None else torch.zeros_like(norm.bias)
    folded.weight.data = layer.weight.data * gain.data.view(-1, *[1] * (layer.weight.ndim - 1))
    folded.bias = nn.Parameter((norm.bias + (bias - norm.running_mean) * gain).detach())
    return folded


def fold_batch_norms(model):
    """A Sequential without the batch normalizations that follow a Linear or Conv2d layer: they are folded into it."""
    layers = []
    for name, layer in model.named_children():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)) and isinstance(
            layers[-1][1], (nn.Linear, nn.Conv2d)
        ):
            layers[-1] = (layers[-1][0], fold(layers[-1][1], layer))
        else:
            layers.append((name, copy.deepcopy(layer)))
    return nn.Sequential(OrderedDict(layers)).eval()


class FakeQuantize(nn.Module):
    """A layer that moves what passes to a grid."""

    def __init__(self, grid):
        super().__init__()
        self.grid = grid

    def forward(self, x):
        """Numbers on the grid."""
        return fake_quantize(x, self.grid)


@torch.no_grad()
def quantize_weights(model, bits, **options):
    """A copy of a network whose weights and kernels lie on grids; `options` go to `calibrate`. Biases stay."""
    quantized = copy.deepcopy(model)
    for parameter in quantized.parameters():
        if parameter.ndim > 1:
            parameter.copy_(fake_quantize(parameter, calibrate(parameter, bits, **options)))
    return quantized


@torch.no_grad()
def quantize_activations(model, inputs, bits, **options):
    """A Sequential like `model` that also rounds its input and what each layer hands on.

    The ranges are observed on `inputs`. A layer's result is rounded once, after the ReLU that follows it.
    """
    options = {"make_grid": affine_grid, **options}
    layers, x = [("input_grid", FakeQuantize(calibrate(inputs, bits, **options)))], inputs
    children = list(model.named_children())
    for (name, layer), following in zip(children, [*children[1:], ("", None)], strict=True):
        layers.append((name, layer))
        x = layer(x)
        weighted = isinstance(layer, (nn.Linear, nn.Conv2d))
        if isinstance(layer, nn.ReLU) or (weighted and not isinstance(following[1], nn.ReLU)):
            layers.append((f"{name}_grid", FakeQuantize(calibrate(x, bits, **options))))
    return nn.Sequential(OrderedDict(layers))


@torch.no_grad()
def correct_biases(model, quantized, inputs):
    """Shift the biases of `quantized`, in place, so that each layer's mean output on `inputs` is that of `model`.

    Both are Sequentials with the same layers. The layers are corrected in order, each behind the corrected ones before
    it. Returns `quantized`; ValueError when a layer has no bias.
    """
    exact = approximate = inputs
    for ours, theirs in zip(quantized, model, strict=True):
        exact, approximate = theirs(exact), ours(approximate)
        if isinstance(ours, (nn.Linear, nn.Conv2d)):
            if ours.bias is None:
                raise ValueError(f"{ours} has no bias that could be corrected")
            error = (exact - approximate).transpose(0, 1).flatten(1).mean(1)  # for each channel
            ours.bias += error
            approximate = approximate + error.view(-1, *[1] * (approximate.ndim - 2))
    return quantized
