"""`Codebook`: k-means of a layer's weights, one iteration at a time, with the centroids moving."""

import itertools
from typing import NamedTuple

import numpy as np
import traitlets

from effdl.compress.sharing import first_centroids, kmeans_step
from effdl.widgets.base import Widget, array, known, module, pack, significant

SAMPLE = 4096  # of a larger layer so many weights are handed over, evenly spaced in rank
MOST = 400  # iterations at most
BITS = range(1, 7)
INITS = ("linear", "density", "random")


class Readout(NamedTuple):
    """Where the centroids stand after an iteration."""

    iterations: int  # until nothing moves, or MOST
    centroids: list  # ascending
    boundaries: list  # between two clusters
    counts: list  # weights in each cluster
    error: float  # sum of the squared distances to the nearest centroid
    energy: float  # sum of the squared weights


def sample(weights) -> np.ndarray:
    """Return the nonzero weights in ascending order, as float32; of more than SAMPLE, evenly spaced ranks.

    Raises
    ------
    ValueError
        If there is no weight other than zero, or a weight is not finite.
    """
    ordered = np.sort(np.asarray(weights, np.float32).ravel())
    if not np.isfinite(ordered).all() or not ordered.any():
        raise ValueError(f"a layer needs nonzero weights, all of them finite; got {ordered.size} weights")
    ordered = ordered[ordered != 0]
    if ordered.size <= SAMPLE:
        return ordered
    return ordered[np.linspace(0, ordered.size - 1, SAMPLE).round().astype(int)]


def path(ordered: np.ndarray, start: np.ndarray) -> list[np.ndarray]:
    """Return the centroids at the start and after each iteration, until nothing moves."""
    prefix = np.concatenate([[0.0], np.cumsum(ordered, dtype=np.float64)])
    steps = [start]
    while len(steps) <= MOST:
        moved = kmeans_step(ordered, prefix, steps[-1])
        if np.array_equal(moved, steps[-1]):
            break
        steps.append(moved)
    return steps


def at_iteration(ordered: np.ndarray, start: np.ndarray, iteration: int) -> Readout:
    """Return the clusters after an iteration, the last one if there are fewer; the browser module computes the same."""
    steps = path(ordered, start)
    centroids = steps[min(iteration, len(steps) - 1)].tolist()
    wide = ordered.astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(wide)]).tolist()
    squares = np.concatenate([[0.0], np.cumsum(wide * wide)]).tolist()
    middles = [(a + b) / 2 for a, b in itertools.pairwise(centroids)]
    cuts = [0, *np.searchsorted(wide, middles, side="right").tolist(), len(wide)]
    counts = [b - a for a, b in itertools.pairwise(cuts)]
    error = 0.0
    for i, c in enumerate(centroids):
        low, high = cuts[i], cuts[i + 1]
        error += squares[high] - squares[low] - 2 * c * (sums[high] - sums[low]) + counts[i] * c * c
    return Readout(len(steps) - 1, centroids, middles, counts, max(error, 0.0), squares[-1])


class Codebook(Widget):
    """Show how k-means shares the weights of a layer: centroids, cluster boundaries and squared error by iteration.

    Parameters
    ----------
    weights : `{layer: array}`. Tensors are taken too. Zeros stay out of the clusters; a layer that has some gets a
        centroid less, as its zeros need a code. Of more than SAMPLE weights an even sample is clustered.
    layer, init, bits, iteration : What is shown first. They follow the controls.
    seed : Of the random start.

    Raises
    ------
    ValueError
        If there is no layer, or a layer has no nonzero weight.
    """

    _esm = module("common.js", "plot.js", "stepper.js", "codebook.js")

    layers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    init = traitlets.Enum(INITS, "linear").tag(sync=True)
    bits = traitlets.Int(2).tag(sync=True)
    iteration = traitlets.Int(0).tag(sync=True)
    counts = traitlets.List().tag(sync=True)  # for each layer [weights, nonzero weights, weights handed over]
    values = traitlets.Bytes().tag(sync=True)  # float32, one layer after the other
    starts = traitlets.Bytes().tag(sync=True)  # float64, the random starts of each layer for 1, 2, ... bits

    def __init__(self, weights, *, layer=None, seed=0, **traits):
        """See the class."""
        layer = known(layer, list(weights), "layer")
        arrays = {name: array(values) for name, values in weights.items()}
        self._ordered = {name: sample(values) for name, values in arrays.items()}
        self._sparse = {name: bool((values == 0).any()) for name, values in arrays.items()}
        self._seed = seed
        super().__init__(
            layers=list(arrays),
            layer=layer,
            counts=[
                [values.size, int(np.count_nonzero(values)), self._ordered[name].size]
                for name, values in arrays.items()
            ],
            values=pack(np.concatenate(list(self._ordered.values())), "f4"),
            starts=pack(
                np.concatenate([self._start(name, "random", bits) for name in arrays for bits in BITS]), "f8"
            ),
            **traits,
        )

    def _start(self, layer, init, bits):
        return first_centroids(self._ordered[layer], 2**bits - self._sparse[layer], init, self._seed)

    @traitlets.validate("bits")
    def _known_bits(self, proposal):
        if proposal["value"] not in BITS:
            raise traitlets.TraitError(f"bits must lie in [1, {BITS[-1]}]; got {proposal['value']}")
        return proposal["value"]

    @property
    def readout(self) -> Readout:
        """What the widget shows now."""
        start = self._start(self.layer, self.init, self.bits)
        return at_iteration(self._ordered[self.layer], start, self.iteration)

    def summary(self) -> str:
        """Return the layer, the centroids and the error."""
        now = self.readout
        shown = min(self.iteration, now.iterations)
        return (
            f"{self.layer}, {len(now.centroids)} centroids from a {self.init} start; iteration {shown} of "
            f"{now.iterations}: squared error {significant(now.error)}, {now.error / now.energy:.1%} of the energy"
        )
