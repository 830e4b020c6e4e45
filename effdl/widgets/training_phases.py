"""`TrainingPhases`: the weights of a layer, epoch by epoch, those apart that a mask held at zero for a while."""

from typing import NamedTuple

import numpy as np
import traitlets

from effdl.widgets.base import Widget, array, known, module, pack, significant

BINS = 81  # an odd number, so that the middle one is around zero


class Snapshot(NamedTuple):
    """The weights of a layer after one epoch. What lies beyond the limit is counted in the first or last bin."""

    kept: list  # (BINS,) int, weights that the mask keeps
    removed: list  # (BINS,) int, weights that the mask removes or removed, those at zero left out
    zeros: int  # weights that are exactly zero
    weights: int
    kept_size: float  # mean |w| of the weights that the mask keeps; 0 for none
    removed_size: float  # of the others


def count(weights, mask, limit: float) -> Snapshot:
    """Count the weights in bins that divide [-limit, limit], by what the mask does to them.

    Parameters
    ----------
    weights : array of any shape.
    mask : boolean array of the same shape, True where a weight is kept.
    limit : float above 0.

    Raises
    ------
    ValueError
        When there is no weight, one is not finite, or the shapes differ.

    >>> now = count([-1.0, 0.0, 0.0, 0.5], [True, False, True, False], limit=1.0)
    >>> (sum(now.kept), sum(now.removed), now.zeros, now.kept_size, now.removed_size)
    (1, 1, 2, 0.5, 0.25)
    """
    weights, mask = array(weights, np.float64), array(mask, bool)
    if weights.size == 0 or not np.isfinite(weights).all():
        raise ValueError(f"a layer needs weights, all of them finite; got {weights.size} weights")
    if weights.shape != mask.shape:
        raise ValueError(f"weights {weights.shape} and mask {mask.shape} differ in shape")
    bins = np.clip((weights + limit) / (2 * limit) * BINS, 0, BINS - 1).astype(int)
    kept, removed = (
        np.bincount(bins[chosen & (weights != 0)], minlength=BINS).tolist() for chosen in (mask, ~mask)
    )
    kept_size, removed_size = (
        float(abs(weights[chosen]).mean()) if chosen.any() else 0.0 for chosen in (mask, ~mask)
    )
    return Snapshot(kept, removed, int((weights == 0).sum()), weights.size, kept_size, removed_size)


class TrainingPhases(Widget):
    """Show how the weights of each layer move from epoch to epoch through the phases of training.

    Parameters
    ----------
    snapshots : list, one entry an epoch, of `{layer: array}` with the same layers and shapes.
    masks : `{layer: boolean array}`, False for the weights that the sparse phase removes.
    phases : list of the same length: the name of the phase that an epoch belongs to.
    accuracy : list of the same length: accuracy in [0, 1] after each epoch.
    layer, epoch : What is shown first; epoch 0 is the first of the list.

    Raises
    ------
    ValueError
        When the lists differ in length or are empty, snapshots differ in their layers, layers have no mask, an accuracy is
        out of its range, or `layer` is unknown.
    """

    _esm = module("common.js", "plot.js", "stepper.js", "training_phases.js")

    layers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    epoch = traitlets.Int(0, min=0).tag(sync=True)
    phases = traitlets.List(traitlets.Unicode()).tag(sync=True)
    accuracy = traitlets.List(traitlets.Float()).tag(sync=True)
    limits = traitlets.List(traitlets.Float()).tag(sync=True)  # one a layer
    # One row an epoch of a layer, layer after layer: kept and removed bins, zeros, weights; and both mean sizes.
    counts = traitlets.Bytes().tag(sync=True)  # (rows, 2 BINS + 2) uint32
    sizes = traitlets.Bytes().tag(sync=True)  # (rows, 2) float64

    def __init__(self, snapshots, masks, phases, accuracy, *, layer=None, epoch=0):
        """See the class."""
        if not snapshots or not len(snapshots) == len(phases) == len(accuracy):
            raise ValueError(
                f"{len(snapshots)} snapshots, {len(phases)} phases and {len(accuracy)} accuracies: give one of each an epoch"
            )
        layers = list(snapshots[0])
        if any(list(now) != layers for now in snapshots):
            raise ValueError(f"every snapshot needs the same layers, {', '.join(layers)}")
        if not all(0 <= a <= 1 for a in accuracy):
            raise ValueError("an accuracy must be from 0 to 1")
        layer = known(layer, layers, "layer")
        if missing := [name for name in layers if name not in masks]:
            raise ValueError(f"no mask for {', '.join(missing)}")
        limits = [
            1.05 * max(float(abs(array(now[name])).max(initial=0)) for now in snapshots) or 1.0
            for name in layers
        ]
        self._rows = {
            name: [count(now[name], masks[name], limit) for now in snapshots]
            for name, limit in zip(layers, limits, strict=True)
        }
        rows = [row for name in layers for row in self._rows[name]]
        super().__init__(
            layers=layers,
            layer=layer,
            epoch=epoch,
            phases=list(phases),
            accuracy=[float(a) for a in accuracy],
            limits=limits,
            counts=pack([[*row.kept, *row.removed, row.zeros, row.weights] for row in rows], "u4"),
            sizes=pack([[row.kept_size, row.removed_size] for row in rows], "f8"),
        )

    @property
    def readout(self) -> Snapshot:
        """What the widget shows now; after the last epoch, the last one."""
        return self._rows[self.layer][min(self.epoch, len(self.phases) - 1)]

    def summary(self) -> str:
        """Return the epoch, its phase, and the zeros of the layer."""
        epoch, now = min(self.epoch, len(self.phases) - 1), self.readout
        return (
            f"{self.layer} after epoch {epoch + 1} of {len(self.phases)} ({self.phases[epoch]}): "
            f"{now.zeros:,} of {now.weights:,} weights are zero, mean size of the removed ones "
            f"{significant(now.removed_size)}, of the others {significant(now.kept_size)}"
        )
