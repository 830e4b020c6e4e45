"""`QuantizationGrid`: the weights of a layer on a grid of few codes: what is clipped, and what is rounded."""

from typing import NamedTuple

import numpy as np
import traitlets

from effdl.widgets.base import module, significant
from effdl.widgets.layers import LayerWidget, total

STEPS = 100  # the clipping range in hundredths of the largest magnitude


class Errors(NamedTuple):
    """What a symmetric grid does to the weights of a layer."""

    limit: float  # the largest number of the grid
    step: float  # between its numbers
    clipped: int  # weights beyond it
    clipping: float  # sum of their squared errors, over the sum of all squares
    rounding: float  # the same for the others
    total: float


def errors(weights, bits: int, percent: int) -> Errors:
    """Squared errors of a grid of `bits` bits that ends at `percent` of the largest magnitude.

    The browser module computes the same, number for number, in the same order.
    """
    size = np.abs(np.asarray(weights, dtype=np.float64))
    codes = 2 ** (bits - 1) - 1
    limit = size.max() * (percent / STEPS)
    step = limit / codes if limit else 1.0
    beyond = size > limit
    nearest = np.where(beyond, limit, np.floor(size / step + 0.5) * step)
    square = (size - nearest) ** 2
    energy = total(size**2) or 1.0
    clipping, rounding = total(np.where(beyond, square, 0)), total(np.where(beyond, 0, square))
    return Errors(
        limit=float(limit),
        step=float(step),
        clipped=int(beyond.sum()),
        clipping=clipping / energy,
        rounding=rounding / energy,
        total=(clipping + rounding) / energy,
    )


def best(weights, bits: int) -> int:
    """The clipping range with the smallest total error, in percent; the smaller one on a tie."""
    return min(range(1, STEPS + 1), key=lambda percent: errors(weights, bits, percent).total)


class QuantizationGrid(LayerWidget):
    """Show the weights of each layer on a symmetric grid; sliders for its bits and its range.

    Parameters
    ----------
    weights : `{layer: array}`; tensors are taken too.
    layer, bits, percent : What is shown first: 2 to 8 bits, and a range of 1 to 100 % of the largest magnitude.

    Raises
    ------
    ValueError
        If there is no layer, a layer has no weights, or `layer` is unknown.
    """

    _esm = module("common.js", "plot.js", "layers.js", "quantization_grid.js")

    bits = traitlets.Int(3, min=2, max=8).tag(sync=True)
    percent = traitlets.Int(STEPS, min=1, max=STEPS).tag(sync=True)

    @property
    def readout(self) -> Errors:
        """What the widget shows now."""
        return errors(self._samples[self.layer], self.bits, self.percent)

    def summary(self) -> str:
        """Return the layer, the grid and its error."""
        now = self.readout
        return (
            f"{self.layer}, {self.bits} bits up to {significant(now.limit)}: "
            f"error {now.total:.2%} of the energy, least at {best(self._samples[self.layer], self.bits)}%"
        )
