"""Mixed precision: 16- and 8-bit numbers in training, fp32 where it must be (chapter 21).

A format is a `hwsim.Float`: FP16, BF16, FP8_E4M3, FP8_E5M2 of `hwsim.formats`.

Sources: P. Micikevicius et al., Mixed Precision Training, ICLR 2018 (master weights, loss scaling, fp32 sums); D. Kalamkar
et al., A Study of BFLOAT16 for Deep Learning Training, 2019; P. Micikevicius et al., FP8 Formats for Deep Learning, 2022.
"""

import copy
import math
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize


def from_bits(codes, number):
    """The numbers that codes stand for: sign, exponent and mantissa taken apart.

    Parameters
    ----------
    codes : tensor of integers from 0 to 2**number.bits - 1; ValueError otherwise.
    number : hwsim.Float.

    Returns
    -------
    float64 tensor of the same shape, with infinities and NaN.
    """
    codes = codes.long()
    if codes.numel() and not 0 <= codes.min() <= codes.max() < 2**number.bits:
        raise ValueError(f"codes of {number.bits} bits lie from 0 to {2**number.bits - 1}")
    mantissa = codes % 2**number.mantissa
    exponent = codes // 2**number.mantissa % 2**number.exponent
    # The leading one is not stored, and subnormal numbers have none.
    fraction = mantissa * number.epsilon + (exponent > 0)
    value = torch.ldexp(fraction.double(), exponent.clamp(min=1) - number.bias)
    special = exponent == 2**number.exponent - 1
    if number.infinities:
        value = torch.where(special, torch.where(mantissa == 0, math.inf, math.nan), value)
    else:
        value = torch.where(special & (mantissa == 2**number.mantissa - 1), math.nan, value)
    return torch.where(codes >= 2 ** (number.bits - 1), -value, value)


def round_to(x, number):
    """The nearest value of a format for each entry of a tensor, ties to even; as `hwsim.Float.quantize`.

    Parameters
    ----------
    x : float32 or float64 tensor; ValueError otherwise.
    number : hwsim.Float of no more bits than x has.

    Returns
    -------
    Tensor of the same dtype and shape.
    """
    if x.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"round_to takes float32 or float64, not {x.dtype}")
    power = (torch.frexp(x).exponent - 1).clamp(min=1 - number.bias)  # subnormals share the lowest power
    step = torch.ldexp(torch.ones_like(x), power - number.mantissa)  # the distance between neighbors
    near = torch.round(x / step) * step
    beyond = number.largest if number.saturate else math.inf if number.infinities else math.nan
    over = near.abs() > number.largest
    return torch.where(over, torch.copysign(torch.tensor(beyond, dtype=x.dtype), near), near)


class Limits(NamedTuple):
    """What magnitudes become in a format; all of them before rounding."""

    lost: float  # up to this one: zero
    normal: float  # from this one on all mantissa bits are there; between the two are the subnormal numbers
    kept: float  # up to this one: finite, or the largest number; what is beyond overflows


def limits(number):
    """The `Limits` of a hwsim.Float."""
    ulp = 2.0 ** (math.frexp(number.largest)[1] - 1 - number.mantissa)
    border = number.largest + ulp / 2
    # At the border the tie goes to the even neighbor: the largest number is odd where its mantissa is all ones.
    kept = math.nextafter(border, 0) if number.infinities else border
    return Limits(number.smallest / 2, number.smallest_normal, kept)


def running_sum(terms, number):
    """Sum of a tensor over the first axis, term by term, rounded to a format after each addition."""
    total = torch.zeros(terms.shape[1:], dtype=terms.dtype)
    for term in terms:
        total = round_to(total + term, number)
    return total


class RoundBoth(torch.autograd.Function):
    """Round a tensor on the way forward and its gradient on the way back, each to a format of its own."""

    @staticmethod
    def forward(context, x, forward, backward):
        """Return the rounded tensor."""
        context.number = backward
        return round_to(x, forward)

    @staticmethod
    def backward(context, gradient):
        """Return the rounded gradient, as if the rounding on the way forward were not there."""
        return round_to(gradient, context.number), None, None


class Rounded(nn.Module):
    """Parametrization: the layer computes with the rounded weights, the optimizer keeps those that are not."""

    def __init__(self, forward, backward):
        super().__init__()
        self.numbers = forward, backward

    def forward(self, weight):
        """The rounded weights."""
        return RoundBoth.apply(weight, *self.numbers)


def emulate(model, forward, backward):
    """A copy of a network that computes with numbers of few bits, emulated in fp32.

    The inputs, and the weights, biases and outputs of all layers with weights are rounded to `forward`, and their gradients
    to `backward`, as if stored in them; sums inside a layer are fp32 sums. What a layer without weights (ReLU, pooling,
    flatten) makes of them needs no rounding. The parameters of the copy are the fp32 master weights.

    Parameters
    ----------
    model : module of layers whose outputs are tensors (Linear, convolutions); left as it is.
    forward, backward : hwsim.Float.
    """
    model = copy.deepcopy(model)
    for layer in [m for m in model.modules() if list(m.parameters(recurse=False))]:
        for name, _ in list(layer.named_parameters(recurse=False)):
            parametrize.register_parametrization(layer, name, Rounded(forward, backward))
        layer.register_forward_hook(lambda _, inputs, output: RoundBoth.apply(output, forward, backward))
    model.register_forward_pre_hook(lambda _, inputs: (round_to(inputs[0], forward),))
    return model


class LossScale(NamedTuple):
    """A loss scale, and how many steps in a row it has gone well."""

    scale: float = 2.0**16
    steps: int = 0


def next_scale(state, finite, growth=2.0, backoff=0.5, interval=2000):
    """The loss scale after a step: halved when a gradient was not finite, doubled after `interval` steps that were.

    It behaves as `torch.amp.GradScaler`, with the same defaults: the scale never grows beyond fp32.

    Parameters
    ----------
    state : LossScale.
    finite : bool, whether all gradients of this step were finite.
    growth, backoff, interval : float above 1, float between 0 and 1, int of at least 1; ValueError otherwise.
    """
    if not (growth > 1 and 0 < backoff < 1 and interval >= 1):
        raise ValueError(
            f"growth={growth} must be above 1, backoff={backoff} from 0 to 1, interval={interval} 1 or more"
        )
    if not finite:
        return LossScale(state.scale * backoff, 0)
    if state.steps + 1 < interval:
        return LossScale(state.scale, state.steps + 1)
    grown = state.scale * growth
    return LossScale(grown if grown <= torch.finfo(torch.float32).max else state.scale, 0)


def unscale(model, scale):
    """Divide all gradients by the loss scale, in place; returns whether all of them are finite."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    for gradient in gradients:
        gradient /= scale
    return all(bool(torch.isfinite(gradient).all()) for gradient in gradients)


class Steps(NamedTuple):
    """What happened in each step."""

    loss: list
    scale: list  # the loss scale that was used
    skipped: list  # whether a gradient was not finite, and the weights stayed


def mixed_step(model, optimizer, inputs, labels, scale, *, weight=1.0, autocast=None):
    """One step of training with a loss scale; the weights stay when a gradient is not finite.

    Parameters
    ----------
    model : module, in fp32 or from `emulate`. Its parameters are the master weights.
    optimizer : of these parameters.
    inputs, labels : the batch.
    scale : float, the loss scale; ValueError when it is not above 0 and finite.
    weight : float, factor of the loss itself: what a loss that is a mean over many outputs has by nature.
    autocast : torch.dtype that torch.autocast computes in, None for none.

    Returns
    -------
    (loss without the scale, whether all gradients were finite)

    Source: Micikevicius et al., 2018, Section 3.
    """
    if not 0 < scale < math.inf:
        raise ValueError(f"scale={scale} must be above 0 and finite")
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=autocast) if autocast else nullcontext():
        logits = model(inputs)
    loss = weight * F.cross_entropy(logits.float(), labels)  # the softmax is computed in fp32
    (scale * loss).backward()
    finite = unscale(model, scale)
    if finite:
        optimizer.step()
    return loss.item(), finite


def train_mixed(
    model, train, *, epochs, lr, batch_size=64, seed=0, scale=1.0, interval=None, store=None, **step
):
    """Train with Adam on the cross-entropy, with a loss scale, in place.

    Parameters
    ----------
    model, step : see `mixed_step`.
    train : Split.
    epochs, lr, batch_size, seed : as in `effdl.training.fit`.
    scale : float, the (first) loss scale.
    interval : int, steps after which a dynamic scale doubles; None keeps the scale.
    store : hwsim.Float in which the weights are kept: no master weights. None keeps them in fp32.

    Returns
    -------
    Steps
    """
    # Adam does not mind the size of the gradients, as long as its epsilon is smaller than they are.
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, eps=1e-20, fused=True)
    order, state, steps = torch.Generator().manual_seed(seed), LossScale(scale), Steps([], [], [])
    for _ in range(epochs):
        for batch in torch.randperm(len(train.inputs), generator=order).split(batch_size):
            inputs, labels = train.inputs[batch], train.labels[batch]
            loss, finite = mixed_step(model, optimizer, inputs, labels, state.scale, **step)
            if finite and store is not None:
                round_weights(model, store)
            for record, value in zip(steps, (loss, state.scale, not finite), strict=True):
                record.append(value)
            if interval is not None:
                state = next_scale(state, finite, interval=interval)
    return steps


@torch.no_grad()
def round_weights(model, number):
    """Round all parameters to a format, in place: a network without master weights."""
    for parameter in model.parameters():
        parameter.copy_(round_to(parameter, number))
