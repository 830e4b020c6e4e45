"""`GemmTiles`: a matrix product in tiles on a small GPU, wave by wave, from the simulator's own schedule."""

import itertools
from typing import NamedTuple

import numpy as np
import traitlets

import hwsim
from effdl.widgets.base import Widget, known, module, pack


class Readout(NamedTuple):
    """What the GPU does in one step: a chunk of k for all tiles of a wave."""

    wave: int  # from 0
    chunk: int  # of k, from 0
    running: list  # for each SM the numbers of its tiles, in reading order of the result
    done: int  # tiles of the waves before
    tiles: int
    slots: int  # tiles that all waves have room for
    waves: int
    chunks: int
    cycles: int  # of the whole product
    waits: bool  # whether DRAM, not arithmetic, sets its time
    used: float  # share of the tensor cores' cycles that did needed work


def at_step(schedule, report, columns, sms, step):
    """Return the `Readout` of one step, the last one if there are fewer; the browser module computes the same.

    Parameters
    ----------
    schedule, report : of one product, from `hwsim.TensorCoreGPU`
    columns : int, tiles across the product
    sms, step : int
    """
    step = min(step, schedule.waves * schedule.chunks - 1)
    wave, chunk = divmod(step, schedule.chunks)
    number = schedule.row * columns + schedule.column
    now = schedule.wave == wave
    return Readout(
        wave=wave,
        chunk=chunk,
        running=[number[now & (schedule.sm == sm)].tolist() for sm in range(sms)],
        done=int((schedule.wave < wave).sum()),
        tiles=len(number),
        slots=schedule.waves * schedule.places * sms,
        waves=schedule.waves,
        chunks=schedule.chunks,
        cycles=report.cycles,
        waits=report.cycles > schedule.cycles,
        used=report.utilization,
    )


class GemmTiles(Widget):
    """Step through a product (m x k)(k x n) on a GPU: which tile runs on which SM, what a tile consists of, how long it takes.

    Parameters
    ----------
    machines : `{name: hwsim.TensorCoreGPU}`, the tiles to choose from; all with as many SMs.
    ms, ns, ks : sizes to choose from
    machine, m, n, k, step : what is shown first. They follow the controls.

    Raises
    ------
    ValueError
        If there is nothing to choose from, the machines have different numbers of SMs, what is to be shown first is
        unknown, or a product has more than 256 tiles.
    """

    _esm = module("common.js", "plot.js", "stepper.js", "gemm_tiles.js")

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    machine = traitlets.Unicode().tag(sync=True)
    sms = traitlets.Int().tag(sync=True)
    # of each machine: rows, columns, depth, warp's rows and columns, blocks
    shapes = traitlets.List().tag(sync=True)
    ms = traitlets.List(traitlets.Int()).tag(sync=True)
    ns = traitlets.List(traitlets.Int()).tag(sync=True)
    ks = traitlets.List(traitlets.Int()).tag(sync=True)
    m = traitlets.Int().tag(sync=True)
    n = traitlets.Int().tag(sync=True)
    k = traitlets.Int().tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    # uint8, for each machine, m and n: row, column, wave, SM of each tile
    orders = traitlets.Bytes().tag(sync=True)
    # float64, for each machine, m, n and k: cycles, those of computing, use
    times = traitlets.Bytes().tag(sync=True)

    def __init__(self, machines, ms, ns, ks, *, machine=None, m=None, n=None, k=None, **traits):
        """See the class."""
        machine = known(machine, list(machines), "machine")
        m, n, k = known(m, list(ms), "m"), known(n, list(ns), "n"), known(k, list(ks), "k")
        if len({gpu.sms for gpu in machines.values()}) > 1:
            raise ValueError(f"machines of as many SMs are needed, not {[g.sms for g in machines.values()]}")
        self._machines, orders, times = dict(machines), [], []
        for name, m_, n_ in itertools.product(machines, ms, ns):
            schedule, _ = self._run(name, m_, n_, ks[0])
            if len(schedule.row) > 256:
                raise ValueError(
                    f"{m_} x {n_} has {len(schedule.row)} tiles of {name}: at most 256 are drawn"
                )
            orders += [schedule.row, schedule.column, schedule.wave, schedule.sm]
            for k_ in ks:
                schedule, report = self._run(name, m_, n_, k_)
                times.append([report.cycles, schedule.cycles, report.utilization])
        super().__init__(
            names=list(machines),
            machine=machine,
            sms=machines[machine].sms,
            shapes=[[*gpu.tile, *gpu.warp, gpu.blocks] for gpu in machines.values()],
            ms=list(ms),
            ns=list(ns),
            ks=list(ks),
            m=m,
            n=n,
            k=k,
            orders=pack(np.concatenate(orders), "u1"),
            times=pack(times, "f8"),
            **traits,
        )

    def _run(self, name, m, n, k):
        layer = hwsim.MatMul("product", m, k, n)
        return self._machines[name].schedule(layer), self._machines[name].run(layer)

    @traitlets.validate("machine", "m", "n", "k")
    def _a_choice(self, proposal):
        name = proposal["trait"].name
        choices = self.names if name == "machine" else getattr(self, f"{name}s")
        if proposal["value"] not in choices:
            raise traitlets.TraitError(f"{name} must be one of {choices}; got {proposal['value']}")
        return proposal["value"]

    @property
    def readout(self) -> Readout:
        """What the widget shows now."""
        gpu = self._machines[self.machine]
        schedule, report = self._run(self.machine, self.m, self.n, self.k)
        return at_step(schedule, report, -(-self.n // gpu.tile[1]), gpu.sms, self.step)

    def summary(self) -> str:
        """Return the product, the wave, and how long it takes."""
        now = self.readout
        return (
            f"({self.m} x {self.k})({self.k} x {self.n}) in tiles of {self.machine}: wave {now.wave + 1} of {now.waves}, "
            f"{now.tiles} tiles in {now.slots} slots, {now.cycles:,} cycles, {now.used:.1%} used"
        )
