"""`TernaryThresholds`: the weights of a layer and a threshold; the best scales for it, and the error that is left."""

from typing import NamedTuple

import numpy as np
import torch
import traitlets

from effdl.compress.ternary import best_threshold, twn_threshold
from effdl.widgets.base import module, significant
from effdl.widgets.layers import LayerWidget, total

STEPS = 200  # a threshold in steps of the largest magnitude


class Ternary(NamedTuple):
    """What a threshold makes of a layer, with the best scales for it."""

    threshold: float
    negative: int  # weights below -threshold
    zero: int
    positive: int  # weights above it
    scale: float  # one scale for both sides: the mean magnitude of the kept
    lower: float  # the scale of the negative ones alone
    upper: float  # and of the positive ones
    one: float  # squared error with one scale, over the sum of all squares
    two: float  # and with two


def at_threshold(weights, threshold: float) -> Ternary:
    """Return what a threshold does; the browser module computes the same, number for number, in the same order."""
    weights = np.asarray(weights, dtype=np.float64)
    above, below = weights > threshold, weights < -threshold
    sums = total(np.where(above, weights, 0)), total(np.where(below, -weights, 0))
    positive, negative = int(above.sum()), int(below.sum())
    kept = positive + negative
    upper, lower = sums[0] / positive if positive else 0.0, sums[1] / negative if negative else 0.0
    scale = (sums[0] + sums[1]) / kept if kept else 0.0
    energy = total(weights**2) or 1.0
    one = total((weights - np.where(above, scale, np.where(below, -scale, 0))) ** 2)
    two = total((weights - np.where(above, upper, np.where(below, -lower, 0))) ** 2)
    return Ternary(
        threshold=float(threshold),
        negative=negative,
        zero=weights.size - kept,
        positive=positive,
        scale=scale,
        lower=lower,
        upper=upper,
        one=one / energy,
        two=two / energy,
    )


def thresholds(weights) -> np.ndarray:
    """The thresholds that the slider can take."""
    return np.abs(np.asarray(weights, dtype=np.float64)).max() * (np.arange(STEPS) / STEPS)


def rule(weights) -> float:
    """TWN's rule: 0.7 times the mean magnitude."""
    return twn_threshold(_tensor(weights)).item()


def optimum(weights) -> float:
    """The threshold with the smallest error for one scale, half way between two magnitudes."""
    return best_threshold(_tensor(weights))


def _tensor(weights):
    return torch.from_numpy(np.asarray(weights, dtype=np.float64))


class TernaryThresholds(LayerWidget):
    """Show the weights of each layer with a ternary threshold and the scales that fit best.

    Parameters
    ----------
    weights : `{layer: array}`; tensors are taken too.
    layer, step : What is shown first; `step` of `STEPS` is the threshold as a part of the largest magnitude.

    Raises
    ------
    ValueError
        If there is no layer, a layer has no weights, or `layer` is unknown.
    """

    _esm = module("common.js", "plot.js", "layers.js", "ternary_thresholds.js")

    rules = traitlets.List(traitlets.Float()).tag(sync=True)  # TWN's threshold for each layer
    optima = traitlets.List(traitlets.Float()).tag(sync=True)  # and the best one
    step = traitlets.Int(40, min=0, max=STEPS - 1).tag(sync=True)

    def __init__(self, weights, **traits):
        """See the class."""
        super().__init__(weights, **traits)
        self.rules = [rule(values) for values in self._samples.values()]
        self.optima = [optimum(values) for values in self._samples.values()]

    @property
    def readout(self) -> Ternary:
        """What the widget shows now."""
        weights = self._samples[self.layer]
        return at_threshold(weights, thresholds(weights)[self.step])

    def summary(self) -> str:
        """Return the layer, the threshold and its error."""
        now, weights = self.readout, self._samples[self.layer]
        return (
            f"{self.layer}, threshold {significant(now.threshold)}: error {now.one:.2%} of the energy; "
            f"TWN's rule {significant(rule(weights))}, best {significant(optimum(weights))}"
        )
