"""Ternary and power-of-two weights: three values a layer, or shifts in place of products (chapter 08).

Sources: F. Li, B. Zhang, B. Liu, Ternary Weight Networks, 2016, arXiv 1605.04711; C. Zhu, S. Han, H. Mao, W. J. Dally,
Trained Ternary Quantization, ICLR 2017, arXiv 1612.01064; A. Zhou et al., Incremental Network Quantization, ICLR 2017,
arXiv 1702.03044; D. Miyashita, E. H. Lee, B. Murmann, Convolutional Neural Networks using Logarithmic Data Representation,
2016, arXiv 1603.01025.
"""

import numpy as np
import torch
from torch import nn

from effdl.compress.binary import StraightThrough
from hwsim.formats import Log2


def twn_threshold(weight):
    """TWN's rule: 0.7 times the mean magnitude, close to best for weights from a normal distribution."""
    return 0.7 * weight.abs().mean()


def ternary_scale(weight, threshold):
    """The scale that fits best at a threshold: the mean magnitude of the weights beyond it, 0 where there are none."""
    beyond = weight.abs() > threshold
    return (weight.abs() * beyond).sum() / beyond.sum().clamp(min=1)


def ternary(weight, threshold):
    """-1, 0 or 1 for each weight."""
    return torch.sign(weight) * (weight.abs() > threshold)


def ternary_error(weight, threshold):
    """Squared error of the best ternary tensor at a threshold."""
    return (weight - ternary_scale(weight, threshold) * ternary(weight, threshold)).square().sum()


def best_threshold(weight):
    """The threshold with the smallest squared error of all, by a search over the sorted magnitudes.

    With the k largest kept, their sum S_k and the scale S_k / k, the error is the energy less S_k^2 / k. So the best k
    has the largest S_k^2 / k. The threshold returned lies half way to the next magnitude.

    Raises
    ------
    ValueError
        When there is no weight, or one is not finite.
    """
    if weight.numel() == 0:
        raise ValueError("there is no weight to choose a threshold for")
    if not weight.isfinite().all():
        raise ValueError("the weights must be finite to choose a threshold for them")
    size = weight.detach().abs().flatten().double().sort(descending=True).values
    gain = size.cumsum(0).square() / torch.arange(1, len(size) + 1)
    gain[:-1][size[:-1] == size[1:]] = -1  # equal magnitudes cannot be told apart by a threshold
    k = int(gain.argmax())
    below = size[k + 1] if k + 1 < len(size) else torch.zeros(())
    return (size[k] + below).item() / 2


class TernaryWeight(nn.Module):
    """Parametrization by TWN: threshold and scale follow from the latent weight at each step.

    Source: Li et al., 2016, equations 5 and 6.
    """

    def forward(self, weight):
        """Ternary weights; the gradient goes straight to the latent ones."""
        with torch.no_grad():
            threshold = twn_threshold(weight)
            value = ternary_scale(weight, threshold) * ternary(weight, threshold)
        return StraightThrough.apply(weight, value, float("inf"))


class TTQ(torch.autograd.Function):
    """Trained ternary quantization: `positive` above the threshold, `-negative` below minus the threshold, 0 between."""

    @staticmethod
    def forward(ctx, weight, positive, negative, threshold):
        """Ternary weights with two scales."""
        above, below = weight > threshold, weight < -threshold
        ctx.save_for_backward(above, below, positive, negative)
        return positive * above - negative * below

    @staticmethod
    def backward(ctx, gradient):
        """The scales' gradients sum over their weights; a latent weight's is scaled by what multiplies it.

        Source: Zhu et al., 2017, equations 7 and 8; the second scale's sign is that of -negative.
        """
        above, below, positive, negative = ctx.saved_tensors
        factor = positive * above + negative * below + ~(above | below)
        return gradient * factor, (gradient * above).sum(), -(gradient * below).sum(), None


class TrainedTernaryWeight(nn.Module):
    """Parametrization by TTQ, with two learned scales; the threshold is `share` of the largest magnitude.

    The scales start at the best ones for the `weight` given. Source: Zhu et al., 2017, equations 6 and 9.
    """

    def __init__(self, weight, share=0.05):
        super().__init__()
        self.share = share
        threshold = share * weight.detach().abs().max()
        self.positive = nn.Parameter(ternary_scale(weight.detach().clamp(min=0), threshold))
        self.negative = nn.Parameter(ternary_scale(weight.detach().clamp(max=0), threshold))

    def forward(self, weight):
        """Ternary weights with two scales."""
        return TTQ.apply(weight, self.positive, self.negative, self.share * weight.detach().abs().max())


def log_format(weight, bits):
    """The `Log2` format for a tensor: zero and powers of two, the largest one nearest to its largest magnitude.

    Source: Zhou et al., 2017, section 3.1: n1 = floor(log2(4 s / 3)), s the largest magnitude.
    """
    largest = max(weight.abs().max().item(), 2.0**-60)
    return Log2(bits, int(np.floor(np.log2(4 * largest / 3))))


class LogWeight(nn.Module):
    """Parametrization by powers of two of `bits` bits, sign and zero included.

    Parameters
    ----------
    bits : int from 2 to 7. With 8 the smallest power lies 126 places below the largest, which float32 holds only where
        the largest magnitude of the weights is 0.75 or more.

    Raises
    ------
    ValueError
        In `forward`, from `Log2`, for bits outside 2 to 8 or powers that float32 cannot hold.
    """

    def __init__(self, bits):
        super().__init__()
        self.bits = bits

    def forward(self, weight):
        """Powers of two; the gradient goes straight to the latent weights."""
        value = log_format(weight.detach(), self.bits).quantize(weight.detach().numpy())
        return StraightThrough.apply(weight, torch.from_numpy(value), float("inf"))


def to_shifts(weight):
    """Powers of two as integers: signs (-1, 0, 1), left shifts (0 or more), and the exponent of a shift of 0.

    Parameters
    ----------
    weight : array of zeros and powers of two, with a nonzero one among them.

    Raises
    ------
    ValueError
        When a weight is neither zero nor a power of two, or all are zero.
    """
    fraction, exponent = np.frexp(np.abs(weight))
    sign = np.sign(weight).astype(np.int64)
    if not (fraction[sign != 0] == 0.5).all() or not sign.any():
        raise ValueError("the weights must be zeros and powers of two, one of them not zero")
    lowest = int(exponent[sign != 0].min()) - 1
    return sign, np.where(sign != 0, exponent - 1 - lowest, 0), lowest


def shift_matmul(x, sign, shift):
    """Integers x (m, n) times sign * 2**shift (k, n), transposed: shifts and additions only; int64 (m, k).

    The real product is the result times 2**lowest of `to_shifts`, times the scale of x.

    Raises
    ------
    ValueError
        When x does not hold integers, or a sum might not fit into 63 bits: the bits of the largest |x|, the largest
        shift and the bits of n together.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "iu":
        raise ValueError(f"x must hold integers, not {x.dtype}")
    largest = max(int(x.max(initial=0)), -int(x.min(initial=0)))
    bits = largest.bit_length() + int(shift.max(initial=0)) + x.shape[1].bit_length()
    if bits > 63:
        raise ValueError(f"the sums may need {bits} bits, and int64 has 63: take weights of fewer bits")
    x = x.astype(np.int64)
    result = np.zeros((len(x), len(sign)), np.int64)
    for amount in np.unique(shift):
        add = ((shift == amount) & (sign > 0)).T
        subtract = ((shift == amount) & (sign < 0)).T
        shifted = x << np.int64(amount)
        result += np.matmul(shifted, add, dtype=np.int64) - np.matmul(shifted, subtract, dtype=np.int64)
    return result
