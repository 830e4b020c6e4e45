"""`WeightDistribution`: the weights of every layer as a histogram, with a threshold that removes the small ones."""

from typing import NamedTuple

import numpy as np
import traitlets

from effdl.widgets.base import Widget, array, known, module, pack, significant

STEPS = 512  # a threshold stands on the edge of a bin of |w|: there, the counts are exact
ALL = "all layers"


class Histogram(NamedTuple):
    """The weights of one layer, counted finely enough that the weights themselves need not be handed over.

    Bin `i` holds the nonzero weights with `edges(limit)[i] <= |w| < edges(limit)[i + 1]`; the last one holds all beyond too.
    """

    zeros: int  # weights that are exactly zero
    beyond: int  # weights with |w| >= limit, in the last bin
    negative: np.ndarray  # (STEPS,) uint32, weights below zero
    positive: np.ndarray  # (STEPS,) uint32, weights above zero
    energy: np.ndarray  # (STEPS,) float32, sum of the squares in each bin


class Readout(NamedTuple):
    """What a threshold does to a layer."""

    threshold: float
    weights: int
    zeros: int  # zero before any threshold
    removed: int  # zero afterwards
    sparsity: float  # removed / weights
    energy_kept: float  # sum of squares that is left, as a share of one


def edges(limit: float) -> np.ndarray:
    """Return the (STEPS,) lower edges of the bins of |w| when they divide [0, limit]."""
    return np.arange(STEPS) * (limit / STEPS)


def reach(*layers) -> float:
    """Return a limit that shows all but a far tail: the largest |w|, but at most 1.2 times what 99.9 % stay below."""
    size = np.abs(np.concatenate([np.ravel(layer) for layer in layers]).astype(np.float64))
    size = size[size > 0]
    return float(min(size.max(), 1.2 * np.quantile(size, 0.999))) if size.size else 1.0


def histogram(weights, limit: float) -> Histogram:
    """Count the weights of a layer, an array of any shape, in bins that divide [0, limit].

    Raises
    ------
    ValueError
        If there is no weight, or a weight is not finite.
    """
    weights = np.asarray(weights, dtype=np.float64).ravel()
    if weights.size == 0 or not np.isfinite(weights).all():
        raise ValueError(f"a layer needs weights, all of them finite; got {weights.size} weights")
    size = np.abs(weights)
    bins = np.searchsorted(edges(limit), size, side="right") - 1

    def count(select):
        return np.bincount(bins[select], minlength=STEPS).astype(np.uint32)

    return Histogram(
        zeros=int((weights == 0).sum()),
        beyond=int((size >= limit).sum()),
        negative=count(weights < 0),
        positive=count(weights > 0),
        energy=np.bincount(bins, weights=size**2, minlength=STEPS).astype(np.float32),
    )


def at_threshold(counted: Histogram, limit: float, step: int) -> Readout:
    """Return what is left of a layer when every weight with `|w| < step * limit / STEPS` is removed.

    The browser module computes the same from the same numbers.
    """
    weights = counted.zeros + int(counted.negative.sum()) + int(counted.positive.sum())
    removed = counted.zeros + int(counted.negative[:step].sum()) + int(counted.positive[:step].sum())
    energy = counted.energy.astype(np.float64)
    total = energy.sum()
    return Readout(
        threshold=step * (limit / STEPS),
        weights=weights,
        zeros=counted.zeros,
        removed=removed,
        sparsity=removed / weights,
        energy_kept=float(energy[step:].sum() / total) if total else 1.0,
    )


class WeightDistribution(Widget):
    """Show how the weights of each layer are distributed, and what a threshold on |w| removes and keeps.

    Parameters
    ----------
    weights : `{layer: array}`, or `{stage: {layer: array}}` with the same layers at each stage. All layers together
        are added as a layer of their own. Tensors are taken too.
    accuracy : Accuracy in [0, 1] measured beforehand: `{layer: (thresholds, accuracies)}`, where the layer may be
        `"all layers"`, or `{stage: {layer: ...}}`.
    marks : Values to mark on the axis, such as the centroids of a codebook: a list, or `{layer: values}`.
    layer, stage, step : What is shown first; `step` of `STEPS` is the threshold. They follow the controls.

    Raises
    ------
    ValueError
        If there is no layer, stages differ in their layers, or `accuracy` or `marks` names an unknown layer.
    """

    _esm = module("common.js", "plot.js", "weight_distribution.js")

    layers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    stages = traitlets.List(traitlets.Unicode()).tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    stage = traitlets.Unicode().tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    log = traitlets.Bool(False).tag(sync=True)
    # One row a (stage, layer), stages outermost. Counts: zeros, beyond, then the negative and the positive bins.
    limits = traitlets.Bytes().tag(sync=True)  # (layers,) float64
    counts = traitlets.Bytes().tag(sync=True)  # (rows, 2 + 2 STEPS) uint32
    energies = traitlets.Bytes().tag(sync=True)  # (rows, STEPS) float32
    curves = traitlets.List().tag(sync=True)  # for each row None, or [offset, length] in `measured`
    measured = traitlets.Bytes().tag(sync=True)  # float64 pairs of threshold and accuracy
    marks = traitlets.Dict().tag(sync=True)

    def __init__(
        self, weights, accuracy=None, *, marks=(), layer=None, stage=None, step=0, log=False, **traits
    ):
        """See the class."""
        stages = weights if _is_nested(weights) else {"": weights}
        arrays = {
            name: {layer: array(values, np.float32) for layer, values in table.items()}
            for name, table in stages.items()
        }
        layers = list(next(iter(arrays.values()), {}))
        if not layers:
            raise ValueError(
                "weights must hold one layer at least: {layer: array} or {stage: {layer: array}}"
            )
        for name, table in arrays.items():
            if list(table) != layers:
                raise ValueError(
                    f"every stage must have the layers {layers}; stage {name!r} has {list(table)}"
                )
        if len(layers) > 1:
            for table in arrays.values():
                table[ALL] = np.concatenate([values.ravel() for values in table.values()])
            layers = [ALL, *layers]

        self._limits = {name: reach(*(table[name] for table in arrays.values())) for name in layers}
        self._histograms = {
            (stage, name): histogram(table[name], self._limits[name])
            for stage, table in arrays.items()
            for name in layers
        }
        rows = self._histograms.values()
        curves, measured = _pack_curves(accuracy or {}, list(arrays), layers)
        super().__init__(
            layers=layers,
            stages=list(arrays),
            layer=known(layer, layers, "layer"),
            stage=known(stage, list(arrays), "stage"),
            step=step,
            log=log,
            limits=pack(list(self._limits.values()), "f8"),
            counts=pack(
                [np.concatenate([[row.zeros, row.beyond], row.negative, row.positive]) for row in rows], "u4"
            ),
            energies=pack([row.energy for row in rows], "f4"),
            curves=curves,
            measured=measured,
            marks=_marks(marks, layers),
            **traits,
        )

    @traitlets.validate("step")
    def _in_range(self, proposal):
        if not 0 <= proposal["value"] < STEPS:
            raise traitlets.TraitError(f"step must lie in [0, {STEPS - 1}]; got {proposal['value']}")
        return proposal["value"]

    @property
    def readout(self) -> Readout:
        """What the widget shows now."""
        return at_threshold(self._histograms[self.stage, self.layer], self._limits[self.layer], self.step)

    def summary(self) -> str:
        """Return the layer, the threshold and what it removes."""
        now = self.readout
        return (
            f"{self.layer}, {now.weights:,} weights; threshold {significant(now.threshold)}: "
            f"sparsity {now.sparsity:.1%}, energy kept {now.energy_kept:.1%}"
        )


def _is_nested(table) -> bool:
    return bool(table) and all(isinstance(value, dict) for value in table.values())


def _marks(marks, layers) -> dict:
    table = marks if isinstance(marks, dict) else dict.fromkeys(layers, marks)
    return {
        known(name, layers, "layer"): [float(value) for value in values] for name, values in table.items()
    }


def _pack_curves(accuracy, stages, layers) -> tuple[list, bytes]:
    """Lay the measured curves one after the other; a row's entry says where its own curve starts and how long it is."""
    table = accuracy if _is_nested(accuracy) else dict.fromkeys(stages, accuracy)
    curves, pairs, rows = {}, [], {}
    for stage, of_stage in table.items():
        for layer, (thresholds, accuracies) in of_stage.items():
            if len(thresholds) != len(accuracies):
                raise ValueError(
                    f"{layer!r} has {len(thresholds)} thresholds, but {len(accuracies)} accuracies"
                )
            row = known(stage, stages, "stage"), known(layer, layers, "layer")
            curve = tuple(sorted(zip(map(float, thresholds), map(float, accuracies), strict=True)))
            if curve not in curves:
                curves[curve] = [len(pairs), len(curve)]
                pairs.extend(curve)
            rows[row] = curves[curve]
    return [rows.get((stage, layer)) for stage in stages for layer in layers], pack(pairs, "f8")
