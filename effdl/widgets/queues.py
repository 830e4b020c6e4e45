"""`Queues`: EIE's queues and processing elements, cycle by cycle, from the simulator's own timeline."""

from typing import NamedTuple

import numpy as np
import traitlets

import hwsim
from effdl.widgets.base import Widget, array, known, module, pack

MOST_CYCLES = 2**15 - 1  # the timelines go to the browser as int16
ROWS = 16  # at most: then no gap within a PE is too long for 4 bits, so that there are no fillers
IDLE = -1


class Readout(NamedTuple):
    """What the machine does in one cycle."""

    broadcast: (
        int  # column whose activation is sent in this cycle, the number of columns for the bias, or IDLE
    )
    queues: list  # for each PE the columns that wait, the oldest first
    columns: list  # for each PE the column that it works on, or IDLE
    rows: list  # and the row of the weight that it multiplies, IDLE if it has none in that column
    sums: list  # of each row, up to and with this cycle
    products: int  # up to and with this cycle
    total: int  # products of the whole run
    cycles: int  # of the whole run
    waited: int  # of those, cycles in which the broadcast waited for a slot


def at_cycle(weight, activations, timeline, cycle):
    """Return the `Readout` of one cycle, the last one if there are fewer; the browser module computes the same.

    Parameters
    ----------
    weight, activations : float64 arrays (rows, columns) and (columns,)
    timeline : hwsim.machines.eie.QueueTimeline of their product
    cycle : int from 0
    """
    pes = timeline.taken.shape[1]
    cycle = min(cycle, timeline.cycles - 1)
    queues, columns, rows = [[] for _ in range(pes)], [IDLE] * pes, [IDLE] * pes
    sums, products, total = [0.0] * len(weight), 0, 0
    for k, column in enumerate(timeline.columns.tolist()):
        for pe in range(pes):
            taken = int(timeline.taken[k, pe])
            if timeline.sent[k] <= cycle < taken:
                queues[pe].append(column)
            if taken <= cycle < taken + timeline.work[k, pe]:
                columns[pe] = column
            if column == len(activations):
                continue
            for i, row in enumerate(np.flatnonzero(weight[pe::pes, column]).tolist()):
                total += 1
                if taken + i <= cycle:
                    products += 1
                    sums[pe + row * pes] += float(weight[pe + row * pes, column] * activations[column])
                if taken + i == cycle:
                    rows[pe] = pe + row * pes
    at = np.flatnonzero(timeline.sent == cycle)
    broadcast = int(timeline.columns[at[0]]) if at.size else IDLE
    return Readout(broadcast, queues, columns, rows, sums, products, total, timeline.cycles, timeline.waited)


class Queues(Widget):
    """Step through a small product on EIE: what is broadcast, what waits in the queues, what each PE multiplies.

    Parameters
    ----------
    matrices : `{name: array (rows, columns)}`, all of one shape, of ROWS rows at most. Tensors are taken too.
    activations : array (columns,)
    pes, depths : numbers of PEs and of slots to choose from
    matrix, count, depth, cycle : what is shown first: a name, a number of PEs, slots, and the cycle. They follow the
        controls.

    Raises
    ------
    ValueError
        If there is no matrix, their shapes differ or have too many rows, the activations do not fit, a run takes more
        than MOST_CYCLES, or what is to be shown first is unknown.
    """

    _esm = module("common.js", "plot.js", "stepper.js", "queues.js")

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    matrix = traitlets.Unicode().tag(sync=True)
    pes = traitlets.List(traitlets.Int()).tag(sync=True)
    count = traitlets.Int().tag(sync=True)
    depths = traitlets.List(traitlets.Int()).tag(sync=True)
    depth = traitlets.Int().tag(sync=True)
    cycle = traitlets.Int(0, min=0).tag(sync=True)
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # rows, columns
    weights = traitlets.Bytes().tag(sync=True)  # float64, matrix after matrix
    activations = traitlets.Bytes().tag(sync=True)  # float64
    # int16: for each matrix, number of PEs and depth: sent, then taken
    timelines = traitlets.Bytes().tag(sync=True)

    def __init__(
        self,
        matrices,
        activations,
        *,
        pes=(2, 4, 8),
        depths=(1, 2, 4, 8),
        matrix=None,
        count=None,
        depth=None,
        **traits,
    ):
        """See the class."""
        matrix = known(matrix, list(matrices), "matrix")
        count, depth = known(count, list(pes), "number of PEs"), known(depth, list(depths), "depth")
        self._weights = {name: array(weight, np.float64) for name, weight in matrices.items()}
        self._activations = array(activations, np.float64)
        shape = self._weights[matrix].shape
        if len(shape) != 2 or shape[0] > ROWS or any(w.shape != shape for w in self._weights.values()):
            raise ValueError(
                f"give matrices of one shape with at most {ROWS} rows, not {[w.shape for w in self._weights.values()]}"
            )
        self._timelines = {
            (name, p, d): self._timeline(weight, p, d)
            for name, weight in self._weights.items()
            for p in pes
            for d in depths
        }
        longest = max(run.cycles for run in self._timelines.values())
        if longest > MOST_CYCLES:
            raise ValueError(f"{longest:,} cycles are too many to be looked at: take fewer columns")
        times = [np.append(run.sent, run.taken) for run in self._timelines.values()]
        super().__init__(
            names=list(matrices),
            matrix=matrix,
            pes=list(pes),
            count=count,
            depths=list(depths),
            depth=depth,
            shape=list(shape),
            weights=b"".join(pack(weight, "f8") for weight in self._weights.values()),
            activations=pack(self._activations, "f8"),
            timelines=pack(np.concatenate(times), "i2"),
            **traits,
        )

    def _timeline(self, weight, pes, depth):
        eie = hwsim.EIE(pes=pes, fifo_depth=depth)
        return eie.timeline(eie.encode(weight), self._activations)

    @traitlets.validate("count", "depth", "matrix")
    def _a_choice(self, proposal):
        choices = {"count": self.pes, "depth": self.depths, "matrix": self.names}[proposal["trait"].name]
        if proposal["value"] not in choices:
            raise traitlets.TraitError(
                f"{proposal['trait'].name} must be one of {choices}; got {proposal['value']}"
            )
        return proposal["value"]

    @property
    def readout(self) -> Readout:
        """What the widget shows now."""
        timeline = self._timelines[self.matrix, self.count, self.depth]
        return at_cycle(self._weights[self.matrix], self._activations, timeline, self.cycle)

    def summary(self) -> str:
        """Return the machine, the cycle, and how far the product is."""
        now = self.readout
        return (
            f"{self.matrix}, {self.count} PEs with queues of {self.depth}: cycle {min(self.cycle, now.cycles - 1) + 1} of "
            f"{now.cycles}, {now.products} of {now.total} products; the broadcast waits in {now.waited} cycles"
        )
