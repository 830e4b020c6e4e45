"""Binary weights and activations: one bit each, trained through the sign, multiplied by XNOR and popcount (chapter 08).

Sources: M. Courbariaux, Y. Bengio, J.-P. David, BinaryConnect, NeurIPS 2015, arXiv 1511.00363; I. Hubara et al.,
Binarized Neural Networks, NeurIPS 2016, arXiv 1602.02830; M. Rastegari et al., XNOR-Net, ECCV 2016, arXiv 1603.05279.
"""

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize


class StraightThrough(torch.autograd.Function):
    """Give `value` in place of `x`; the gradient of it goes to `x` wherever |x| <= limit, as if nothing had been done."""

    @staticmethod
    def forward(ctx, x, value, limit):
        """Keep what the backward pass needs."""
        ctx.save_for_backward(x)
        ctx.limit = limit
        return value.clone()

    @staticmethod
    def backward(ctx, gradient):
        """Pass the gradient on where x lies within the limit."""
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() <= ctx.limit), None, None


def signs(x):
    """-1 or 1 for each number, 1 for zeros of both signs."""
    return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)


def binary(x):
    """The sign, with the straight-through gradient inside [-1, 1].

    Source: Hubara et al., 2016, equation 4 and section 1.3.
    """
    return StraightThrough.apply(x, signs(x), 1.0)


def stochastic_signs(x, generator=None):
    """1 with probability clip((x + 1) / 2, 0, 1), else -1: equal to x on average where |x| <= 1.

    Source: Courbariaux et al., 2015, equations 2 and 3.
    """
    share = ((x + 1) / 2).clamp(0, 1)
    return torch.where(torch.rand(x.shape, generator=generator) < share, 1.0, -1.0).to(x.dtype)


def filter_scale(weight):
    """Mean magnitude of each filter, of shape (outputs, 1, ...): the scale that fits its signs best.

    Source: Rastegari et al., 2016, equation 6.
    """
    return weight.abs().flatten(1).mean(1).view(-1, *[1] * (weight.ndim - 1))


class BinaryWeight(nn.Module):
    """Parametrization of a weight by its signs; the latent weight is kept within [-1, 1].

    `stochastic` draws signs while training; `scaled` multiplies each filter by its mean magnitude.
    """

    def __init__(self, stochastic=False, scaled=False):
        super().__init__()
        self.stochastic, self.scaled = stochastic, scaled

    def forward(self, weight):
        """Binary weights; the gradient goes to the latent ones."""
        with torch.no_grad():
            weight.clamp_(-1, 1)  # the update of the step before may have left the range
        drawn = stochastic_signs(weight) if self.stochastic and self.training else signs(weight)
        value = StraightThrough.apply(weight, drawn, 1.0)
        return filter_scale(weight) * value if self.scaled else value


class BinaryActivation(nn.Module):
    """The sign of each activation; `scaled` multiplies by the mean magnitude of an example's activations."""

    def __init__(self, scaled=False):
        super().__init__()
        self.scaled = scaled

    def forward(self, x):
        """Binary activations, with the straight-through gradient."""
        return filter_scale(x) * binary(x) if self.scaled else binary(x)


def through(model, make, layers=(nn.Linear, nn.Conv2d)):
    """Let every Linear and Conv2d of a model use `make()` of its weight, in place; returns the model.

    `make` gives a module from the latent weight to the one that is used, such as `BinaryWeight`.
    """
    for layer in list(model.modules()):
        if isinstance(layer, layers):
            parametrize.register_parametrization(layer, "weight", make())
    return model


def pack_signs(x):
    """Signs of an array (..., n) as bits of uint64 words (..., ceil(n / 64)); a set bit is 1, padding bits are 0.

    Raises
    ------
    ValueError
        For an array without a last axis, or of length 0.
    """
    x = np.asarray(x)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"nothing to pack in an array of shape {x.shape}")
    bits = np.packbits(x >= 0, axis=-1, bitorder="little")
    padding = -bits.shape[-1] % 8
    bits = np.pad(bits, [(0, 0)] * (x.ndim - 1) + [(0, padding)])
    return np.ascontiguousarray(bits).view("<u8")


def xnor_matmul(a, b, n, rows=64):
    """Product of packed signs: a (m, words) with b (k, words), both of n signs a row; int32 (m, k), equal to A @ B.T.

    Two signs agree or not; the sum of n products is the agreements less the others, n - 2 popcount(a xor b). Padding bits
    are 0 in both, so they never differ. `rows` of a are taken at a time, which bounds the memory.

    Raises
    ------
    ValueError
        When the words do not match each other or n.

    Source: Hubara et al., 2016, section 3 (XNOR and popcount).
    """
    if a.shape[-1] != b.shape[-1] or a.shape[-1] != -(-n // 64):
        raise ValueError(f"{a.shape[-1]} and {b.shape[-1]} words cannot hold {n} signs each")
    result = np.empty((len(a), len(b)), np.int32)
    for start in range(0, len(a), rows):
        differ = np.zeros((len(a[start : start + rows]), len(b)), np.int32)
        for word in range(a.shape[-1]):
            differ += np.bitwise_count(a[start : start + rows, word, None] ^ b[None, :, word])
        result[start : start + rows] = n - 2 * differ
    return result


def xnor_speedup(channels, kernel, word=64):
    """How many times fewer operations a binary convolution takes when a word of signs is one operation.

    `kernel` is the number of weights of a kernel in one channel (9 for 3 x 3). ValueError unless all are positive.

    Source: Rastegari et al., 2016, section 4.1: S = 64 c N_W / (c N_W + 64).
    """
    if min(channels, kernel, word) < 1:
        raise ValueError(f"channels={channels}, kernel={kernel} and word={word} must be 1 or more")
    return word * channels * kernel / (channels * kernel + word)
