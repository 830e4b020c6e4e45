"""`GradientScale`: where the gradients of a network lie in the range of a number format, under a loss scale."""

from typing import NamedTuple

import numpy as np
import traitlets

from effdl.train.mixed_precision import limits
from effdl.widgets.base import module
from effdl.widgets.layers import LayerWidget
from hwsim.formats import BF16, FP8_E4M3, FP8_E5M2, FP16

FORMATS = {"fp16": FP16, "bf16": BF16, "fp8 E5M2": FP8_E5M2, "fp8 E4M3": FP8_E4M3}
POWERS = range(-24, 41)  # of the loss scale
LOWEST, HIGHEST = -48, 24  # binary exponents of the histogram; what lies beyond is in its first or last bar


class Readout(NamedTuple):
    """How many gradients become what, of those that were handed over."""

    zero: int  # zero before rounding
    lost: int  # rounded to zero
    subnormal: int  # with fewer bits than the format has
    normal: int
    overflow: int  # infinity, or the largest number where there is none
    bars: list  # gradients by binary exponent, LOWEST to HIGHEST
    most: int | None  # the largest power of POWERS at which nothing overflows; None if there is none


def at_scale(values: np.ndarray, power: int, name: str) -> Readout:
    """Return what a loss scale of 2**power does to float32 gradients; the browser module computes the same."""
    lost, normal, kept = limits(FORMATS[name])
    zero = int((values == 0).sum())
    values = values[values != 0]
    exponents = (
        values.view(np.int32) >> 23 & 255
    ) - 127  # those of float32's subnormal numbers lie below LOWEST
    bars = np.bincount(np.clip(exponents + power, LOWEST, HIGHEST) - LOWEST, minlength=HIGHEST - LOWEST + 1)
    size = abs(values.astype(np.float64))
    below = [
        int(np.count_nonzero(size * 2.0**power <= border)) for border in (lost, np.nextafter(normal, 0), kept)
    ]
    classes = np.diff([0, *below, size.size]).tolist()
    most = max((p for p in POWERS if size.max(initial=0.0) * 2.0**p <= kept), default=None)
    return Readout(zero, *classes, bars.tolist(), most)


class GradientScale(LayerWidget):
    """Show how many gradients vanish, lose bits or overflow in a number format, by the loss scale.

    Parameters
    ----------
    gradients : `{layer: array}`; tensors are taken too. Of large ones an even sample is shown.
    layer : Which one is shown first.
    format : "fp16", "bf16", "fp8 E5M2" or "fp8 E4M3".
    power : The loss scale is 2**power, from 2**-24 to 2**40.

    Raises
    ------
    ValueError
        If there is no layer, a layer has no gradient, one is not finite, or `layer` is unknown.
    """

    _esm = module("common.js", "plot.js", "layers.js", "gradient_scale.js")

    format = traitlets.Enum(list(FORMATS), "fp16").tag(sync=True)
    power = traitlets.Int(0, min=POWERS[0], max=POWERS[-1]).tag(sync=True)
    formats = traitlets.List().tag(sync=True)  # [name, lost, normal, kept]

    def __init__(self, gradients, **traits):
        """See the class."""
        super().__init__(gradients, **traits)
        self.formats = [[name, *limits(number)] for name, number in FORMATS.items()]

    @property
    def readout(self) -> Readout:
        """What the widget shows now."""
        return at_scale(self._samples[self.layer], self.power, self.format)

    def summary(self) -> str:
        """Return the layer, the scale, and what becomes of its gradients."""
        now, total = self.readout, self._samples[self.layer].size
        return (
            f"{self.layer} in {self.format} with a loss scale of 2^{self.power}: {now.lost / total:.1%} lost, "
            f"{now.subnormal / total:.1%} subnormal, {now.overflow / total:.1%} too large"
        )
