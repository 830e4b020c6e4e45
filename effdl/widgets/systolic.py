"""A small systolic array at work: what each processing element holds, cycle by cycle, for three dataflows."""

from typing import NamedTuple

import numpy as np
import traitlets

from effdl.widgets.base import Widget, array, module, pack
from hwsim import SystolicArray, Wavefront, wavefront
from hwsim.machines.systolic import DATAFLOWS

NAMES = {"ws": "weights stay", "os": "outputs stay", "is": "inputs stay"}


class Readout(NamedTuple):
    """The array after some cycles; None where an element holds nothing."""

    right: list  # rows of what moves to the right
    down: list  # rows of what moves down
    stay: list  # rows of what stays
    active: list  # the elements that did a needed MAC in the last cycle, numbered row by row
    fold: int  # from 0
    macs: int  # so far
    finished: list  # the elements of the product that have left the array, numbered row by row


def at_cycle(wave: Wavefront, cycle: int) -> Readout:
    """Return what `cycle` cycles have done; the browser module computes the same."""
    cycle = min(cycle, len(wave.fold))
    nothing = np.full(wave.right.shape[1:], np.nan)
    states = [moving[cycle - 1] if cycle else nothing for moving in (wave.right, wave.down, wave.stay)]
    return Readout(
        *([[None if np.isnan(x) else x for x in row] for row in state.tolist()] for state in states),
        active=np.flatnonzero(wave.active[cycle - 1]).tolist() if cycle else [],
        fold=int(wave.fold[max(0, cycle - 1)]),
        macs=int(wave.active[:cycle].sum()),
        finished=np.flatnonzero(wave.done <= cycle).tolist(),
    )


class Systolic(Widget):
    """Step through a product of two small matrices on a systolic array.

    Parameters
    ----------
    a : (m, k), the activations. Tensors are taken too.
    b : (k, n), the weights.
    rows, cols : The processing elements.
    dataflow, cycle : What is shown first: "ws", "os" or "is". They follow the controls.

    Raises
    ------
    ValueError
        If the matrices do not fit each other, or the run is too long to be looked at.
    """

    _esm = module("common.js", "plot.js", "stepper.js", "systolic.js")

    dataflow = traitlets.Enum(DATAFLOWS, "ws").tag(sync=True)
    cycle = traitlets.Int(0, min=0).tag(sync=True)
    size = traitlets.List().tag(sync=True)  # rows, columns
    shape = traitlets.List().tag(sync=True)  # m, k, n
    cycles = traitlets.List().tag(sync=True)  # of each dataflow
    # float64, for each dataflow right, down, stay: (cycles, rows, columns)
    states = traitlets.Bytes().tag(sync=True)
    active = traitlets.Bytes().tag(sync=True)  # uint8
    folds = traitlets.Bytes().tag(sync=True)  # int32
    done = traitlets.Bytes().tag(sync=True)  # int32, (m, n) for each dataflow
    matrices = traitlets.Bytes().tag(sync=True)  # float64: a, b, the product

    def __init__(self, a, b, rows=3, cols=3, **traits):
        """See the class."""
        a, b = array(a, np.float64), array(b, np.float64)
        self._waves = {flow: wavefront(SystolicArray(rows, cols, flow), a, b) for flow in DATAFLOWS}
        waves = list(self._waves.values())
        super().__init__(
            size=[rows, cols],
            shape=[*a.shape, b.shape[1]],
            cycles=[len(wave.fold) for wave in waves],
            states=b"".join(pack(np.stack([wave.right, wave.down, wave.stay]), "f8") for wave in waves),
            active=b"".join(pack(wave.active, "u1") for wave in waves),
            folds=b"".join(pack(wave.fold, "i4") for wave in waves),
            done=b"".join(pack(wave.done, "i4") for wave in waves),
            matrices=b"".join(pack(matrix, "f8") for matrix in (a, b, waves[0].product)),
            **traits,
        )

    @property
    def readout(self) -> Readout:
        """What the widget shows now."""
        return at_cycle(self._waves[self.dataflow], self.cycle)

    def summary(self) -> str:
        """Return the dataflow, the cycle, and the work so far."""
        now, total = self.readout, len(self._waves[self.dataflow].fold)
        cycle = min(self.cycle, total)
        used = now.macs / (cycle * self.size[0] * self.size[1]) if cycle else 0
        return (
            f"{self.size[0]} x {self.size[1]} array, {NAMES[self.dataflow]}, cycle {cycle} of {total}: {now.macs} MACs, "
            f"{used:.1%} used so far, {len(now.finished)} of {self.shape[0] * self.shape[2]} results"
        )
