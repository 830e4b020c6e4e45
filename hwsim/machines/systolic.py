"""A systolic array: a grid of multipliers that hand numbers to their neighbors, so that memory is read only at the edge.

Every processing element (PE) does one multiply-accumulate a cycle and talks to nobody but its neighbors. A number read
once from memory enters at an edge and is used by every PE that it passes: an array of R x C PEs does R * C MACs a cycle,
while at most R + C numbers cross its edge in each direction. The name is from the heart: data is pumped through in beats (Kung, "Why Systolic
Architectures?", IEEE Computer, 1982).

Of the three matrices in `a (m x k) times b (k x n)`, one stays in the PEs and two move. Which one stays is the dataflow::

    output stationary ("os")          weight stationary ("ws")           input stationary ("is")
    PE (r, c) owns product[r, c]      PE (r, c) holds b[r, c]            PE (r, c) holds a[c, r]

          b: column c, k after k            zero sums                          zero sums
             |    |    |                     |    |    |                        |    |    |
    a row -> PE - PE - PE            a -> PE - PE - PE                  b -> PE - PE - PE
             |    |    |             a -> PE - PE - PE                  b -> PE - PE - PE
    a row -> PE - PE - PE            a -> PE - PE - PE                  b -> PE - PE - PE
             |    |    |                     |    |    |                        |    |    |
    sums stay until the end           products, complete at the bottom   products, complete at the bottom

Numbers that belong together must meet. It takes r cycles to come down to row r and c cycles to come across to column c,
so row r of what enters on the left starts r cycles late, and column c at the top c cycles late. The work therefore runs
as a diagonal wave from the top left PE to the bottom right one. Its cycles for a stream of T numbers are those of the
stream, and of the wave's way to the last row and the last column::

    T + (rows - 1) + (cols - 1)

A weight-stationary array first takes `rows` cycles to push its weights in from the top. An output-stationary one at the
end takes `rows` cycles to push its sums out at the bottom. Either way a pass costs 2 rows + cols + T - 2.

A matrix larger than the array is cut into folds, one after the other. A fold at the border that fills only part of the
array costs as much as a full one. If the dimension that is summed over is folded ("ws" and "is" with k > rows), every
fold after the first reads the partial sums of the one before, adds to them and writes them back.
"""

from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.typing import ArrayLike

from hwsim.energy import HOROWITZ_45NM, EnergyTable
from hwsim.report import Report
from hwsim.workload import Conv2d, MatMul, Network, check_positive, check_sizes, layers_of

DATAFLOWS = ("ws", "os", "is")  #: What can stay in the PEs: weights, outputs, inputs.
BLOCK = 512  # side of the part of a matrix whose folds are simulated together: its registers fit into a cache


@dataclass(frozen=True)
class Trace:
    """What happened in the array.

    Parameters
    ----------
    folds : int, passes through the array, one after the other
    active : array (cycles of a fold,) of int: PEs that did a needed MAC in that cycle, summed over all folds.
    counts : dict of the numbers that crossed the edge of the array: "activation reads", "weight reads",
        "output writes", "partial sum reads"
    """

    folds: int
    active: np.ndarray = field(repr=False)
    counts: dict[str, int]

    @property
    def cycles(self) -> int:
        """Cycles of all folds."""
        return self.folds * self.active.size

    @property
    def macs(self) -> int:
        """Needed multiply-accumulates."""
        return int(self.active.sum())


@dataclass(frozen=True)
class SystolicArray:
    """A grid of `rows` x `cols` PEs, each one MAC a cycle.

    Parameters
    ----------
    rows, cols : int
    dataflow : "ws", "os" or "is": weights, outputs or inputs stay in the PEs.
    drain : bool, whether an output-stationary array is charged the `rows` cycles that push its sums out. The other
        dataflows push their results out as they go.
    clock : float, cycles a second
    bits, sum_bits : int, of an operand and of a sum
    table : EnergyTable

    Modelled: every number that enters, leaves, or goes from a PE to the next, for each needed MAC. Left out: stalls for
    memory, loading the next fold while this one runs, pushing weights in and sums out from PE to PE, DRAM.

    Raises
    ------
    ValueError
        When a parameter is out of range.

    Examples
    --------
    >>> machine = SystolicArray(2, 2, "ws")
    >>> product, trace = machine.simulate([[1, 2], [3, 4]], [[5, 6], [7, 8]])
    >>> product.tolist(), trace.cycles, trace.active.tolist()
    ([[19, 22], [43, 50]], 6, [0, 0, 1, 3, 3, 1])
    >>> machine.cycles(MatMul("product", m=2, k=2, n=2))
    6

    Held against: SCALE-Sim 3.0 (`tests/reference/scalesim_cycles.csv`, 127 runs without stalls): with `drain=False`
    cycles, utilization, mapped PEs and SRAM reads are equal in every row. SCALE-Sim prints the index of the last cycle,
    one less than their number; its output-stationary writes are `folds * (rows + cols)` too many; and it does not count
    partial sums that are read back. Its paper (Samajdar et al., ISPASS 2020) charges the drain, as is the default here.
    """

    rows: int
    cols: int
    dataflow: str = "ws"
    drain: bool = True
    clock: float = 700e6
    bits: int = 8
    sum_bits: int = 32
    table: EnergyTable = HOROWITZ_45NM

    def __post_init__(self) -> None:
        """Check the parameters."""
        check_sizes("SystolicArray", rows=self.rows, cols=self.cols, bits=self.bits, sum_bits=self.sum_bits)
        if self.dataflow not in DATAFLOWS:
            raise ValueError(
                f'SystolicArray: dataflow must be "ws", "os" or "is" (weights, outputs or inputs stay), '
                f"got {self.dataflow!r}"
            )
        check_positive("SystolicArray", clock=self.clock)

    def __str__(self) -> str:
        """Name the machine."""
        return f"{self.rows} x {self.cols} systolic array, {self.dataflow}"

    @property
    def units(self) -> int:
        """PEs."""
        return self.rows * self.cols

    def folds(self, layer: MatMul | Conv2d) -> tuple[int, int]:
        """How often the matrix that stays is cut along the rows and along the columns of the array."""
        down, across, _ = self._mapping(_product(layer))
        return -(-down // self.rows), -(-across // self.cols)

    def fold_cycles(self, layer: MatMul | Conv2d) -> int:
        """Cycles of one pass: push in or out what stays, and let the wave cross the array."""
        stream = self._mapping(_product(layer))[2]
        moved = self.rows if self.dataflow != "os" or self.drain else 0
        return moved + stream + self.rows + self.cols - 2

    def cycles(self, layer: MatMul | Conv2d) -> int:
        """Cycles of all folds, in closed form; groups and steps of the layer run one after the other.

        Parameters
        ----------
        layer : MatMul, or Conv2d (as the matrix product `layer.as_matmul()`)
        """
        down, across = self.folds(layer)
        return _repeats(layer) * down * across * self.fold_cycles(layer)

    def mapped(self, layer: MatMul | Conv2d) -> float:
        """Share of the PEs that a fold gives work to, on average over the folds, 0 to 1."""
        rows, cols, _ = self._mapping(_product(layer))
        down, across = self.folds(layer)
        return rows * cols / (down * across * self.units)

    def counts(self, layer: MatMul | Conv2d) -> dict[str, int]:
        """Numbers that cross the edge of the array, in closed form; the keys are those of `Trace.counts`."""
        product = _product(layer)
        down, across = self.folds(layer)
        a, b, c = product.m * product.k, product.k * product.n, product.m * product.n
        # What moves to the right is read anew for each fold across; what comes from the top in "os", for each down.
        reads = {"ws": (a * across, b), "is": (a, b * across), "os": (a * across, b * down)}[self.dataflow]
        passes = 1 if self.dataflow == "os" else down
        numbers = (*reads, c * passes, c * (passes - 1))
        return {key: _repeats(layer) * number for key, number in zip(_COUNTS, numbers, strict=True)}

    def run(self, workload: MatMul | Conv2d | Network) -> Report:
        """Run a layer, or the layers of a network one after the other, by the closed form.

        Parameters
        ----------
        workload : MatMul, Conv2d or Network

        Returns
        -------
        Report
            `traffic` in bytes: "buffer" at the edge of the array, "array" from PE to PE, "register" what stays in the
            PEs, read (and, for sums, written) for each MAC. `counts`: the numbers that cross the edge, and the folds.

        Raises
        ------
        ValueError
            When the workload is something else.
        """
        reports = [self._layer(layer) for layer in layers_of(workload)]
        return Report.total(workload.name, reports)

    def _layer(self, layer: MatMul | Conv2d) -> Report:
        counts = self.counts(layer)
        results = counts["output writes"] + counts["partial sum reads"]
        operands = counts["activation reads"] + counts["weight reads"]
        moving = {"os": 2 * self.bits}.get(
            self.dataflow, self.bits + self.sum_bits
        )  # of a MAC, to the neighbors
        staying = {"os": 2 * self.sum_bits}.get(self.dataflow, self.bits)
        traffic = {
            "buffer": (operands * self.bits + results * self.sum_bits) / 8,
            "array": layer.macs * moving / 8,
            "register": layer.macs * staying / 8,
        }
        return Report(
            name=layer.name,
            machine=str(self),
            macs=layer.macs,
            cycles=self.cycles(layer),
            clock=self.clock,
            units=self.units,
            energy=self.table.charge(layer.macs, f"int{self.bits}", traffic),
            prices=self.table.name,
            traffic=traffic,
            counts={**counts, "folds": _repeats(layer) * prod(self.folds(layer))},
        )

    def simulate(self, a: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, Trace]:
        """Multiply two matrices register by register, cycle by cycle.

        Folds are stepped together, as one array of registers (folds down, folds across, rows, cols). They are alike
        but for their data, so that the cycles of one stand for each. Output stationary takes all folds at once, the
        others those of up to 512 x 512 elements. Memory: at most three times the matrices and 200 bytes for each output.

        Parameters
        ----------
        a : array (m, k), the activations
        b : array (k, n), the weights

        Returns
        -------
        product : array (m, n): int64 for integers, exact as long as it fits; float64 otherwise
        trace : Trace

        Raises
        ------
        ValueError
            When the matrices do not fit each other, are empty, or do not hold finite real numbers.
        """
        a, b = checked_operands(a, b)
        product, trace = self._simulate(*_narrowed(a, b))
        return product.astype(a.dtype), trace

    def _simulate(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, Trace]:
        if self.dataflow == "os":
            return self._simulate_os(a, b)
        if self.dataflow == "ws":
            product, folds, active, numbers = self._simulate_stationary(a, b)
        else:  # the same machine with the roles exchanged: transposed(a b) = transposed(b) transposed(a)
            product, folds, active, numbers = self._simulate_stationary(b.T, a.T)
            product, numbers = product.T, (numbers[1], numbers[0], *numbers[2:])
        return product, Trace(folds, active, dict(zip(_COUNTS, numbers, strict=True)))

    def _mapping(self, product: MatMul) -> tuple[int, int, int]:
        """What lies along the rows, along the columns, and in time."""
        m, k, n = product.m, product.k, product.n
        return {"os": (m, n, k), "ws": (k, n, m), "is": (k, m, n)}[self.dataflow]

    def _simulate_os(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, Trace]:
        m, n = a.shape[0], b.shape[1]
        left, left_valid = _skewed(a.T, self.rows, self.cols - 1)
        top, top_valid = _skewed(b, self.cols, self.rows - 1)
        down, across = left.shape[1], top.shape[1]
        # All folds with the same rows of `a` carry the same numbers to the right, so one copy serves them; so for `b`.
        rightward = np.zeros((down, 1, self.rows, self.cols), a.dtype)
        downward = np.zeros((1, across, self.rows, self.cols), b.dtype)
        busy = np.zeros(self.cols, int)  # rows, of all folds down, whose PE in this column holds data
        sums = np.zeros((down, across, self.rows, self.cols), a.dtype)
        products = np.empty_like(sums)
        columns = _used(n, self.cols)

        active = []
        for entering, arriving, from_top in zip(left, left_valid.sum(axis=(1, 2)), top, strict=True):
            rightward = _push_right(rightward, entering)
            busy = np.append(arriving, busy[:-1])  # moves right with the data
            downward = _push_down(downward, from_top[None])
            np.multiply(rightward, downward, out=products)
            sums += products
            active.append(busy @ columns)

        if self.drain:
            drained = np.empty_like(sums)
            for row in reversed(range(self.rows)):
                drained[:, :, row] = sums[:, :, -1]
                sums = _push_down(sums, np.zeros_like(sums[:, :, 0]))
                active.append(0)
            sums = drained
        product = sums.transpose(0, 2, 1, 3).reshape(down * self.rows, across * self.cols)[:m, :n]
        numbers = (int(left_valid.sum()) * across, int(top_valid.sum()) * down, product.size, 0)
        return product, Trace(down * across, np.array(active), dict(zip(_COUNTS, numbers, strict=True)))

    def _simulate_stationary(
        self, stream: np.ndarray, matrix: np.ndarray
    ) -> tuple[np.ndarray, int, np.ndarray, tuple[int, int, int, int]]:
        """Multiply stream (t, k) by matrix (k, n), where the matrix stays in the PEs."""
        (t, k), n = stream.shape, matrix.shape[1]
        product = np.empty((t, n), stream.dtype)  # the memory of outputs
        folds, active, stream_reads, writes, partial_reads = 0, np.zeros(1, int), 0, 0, 0
        high = self.rows * max(
            1, min(BLOCK // self.rows, 16)
        )  # the sums of each fold down are kept until its end
        wide = self.cols * max(1, BLOCK // self.cols)
        for top in range(0, k, high):
            left, left_valid = _skewed(stream[:, top : top + high], self.rows, self.cols - 1)
            for first in range(0, n, wide):
                held = self._held(matrix[top : top + high, first : first + wide])
                used = _used(min(wide, n - first), self.cols)
                results, working = self._stream(left, left_valid, held, used)
                memory = product[:, first : first + wide]
                for fold, partial in enumerate(results[:, :t, : memory.shape[1]]):
                    if top or fold:  # read what is there, add, write back
                        memory += partial
                        partial_reads += partial.size
                    else:
                        memory[...] = partial
                    writes += partial.size
                folds += held.shape[0] * held.shape[1]
                active = active + working
                stream_reads += int(left_valid.sum()) * held.shape[1]
        idle = np.zeros(self.rows, int)  # while the weights came in
        return (
            product,
            folds,
            np.concatenate([idle, active]),
            (stream_reads, matrix.size, writes, partial_reads),
        )

    def _held(self, matrix: np.ndarray) -> np.ndarray:
        """The registers (folds down, folds across, rows, cols) after `rows` cycles that push the matrix in from the top."""
        (k, n), (rows, cols) = matrix.shape, (self.rows, self.cols)
        down, across = -(-k // rows), -(-n // cols)
        padded = np.zeros((down * rows, across * cols), matrix.dtype)
        padded[:k, :n] = matrix
        tiles = padded.reshape(down, rows, across, cols).transpose(0, 2, 1, 3)
        held = np.zeros(tiles.shape, matrix.dtype)
        for row in reversed(range(rows)):  # the bottom row has the longest way, so it goes in first
            held = _push_down(held, tiles[:, :, row])
        return held

    def _stream(
        self, left: np.ndarray, left_valid: np.ndarray, held: np.ndarray, used: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Let the stream pass the held numbers: results (folds down, t, columns of all folds), PEs active a cycle."""
        down, across = held.shape[:2]
        rightward = np.zeros((down, 1, self.rows, self.cols), left.dtype)  # the same in all folds across
        busy = np.zeros(self.cols, int)  # rows, of all folds down, whose PE in this column holds data
        sums, before = np.zeros((2, *held.shape), left.dtype)
        leaving = np.empty((len(left), down, across, self.cols), left.dtype)  # what falls out at the bottom
        active = []
        for cycle, (entering, arriving) in enumerate(zip(left, left_valid.sum(axis=(1, 2)), strict=True)):
            rightward = _push_right(rightward, entering)
            busy = np.append(arriving, busy[:-1])  # moves right with the data
            sums, before = before, sums
            np.multiply(rightward, held, out=sums)
            sums[:, :, 1:] += before[:, :, :-1]  # each PE adds to the sum that the one above had
            leaving[cycle] = sums[:, :, -1]
            active.append(busy @ used)

        # Column c's first sum reaches the bottom after rows - 1 cycles down and c cycles across.
        t = len(left) - (self.rows - 1) - (self.cols - 1)
        for column in range(self.cols):
            start = self.rows - 1 + column
            leaving[:t, ..., column] = leaving[start : start + t, ..., column]
        return leaving[:t].transpose(1, 0, 2, 3).reshape(down, t, across * self.cols), np.array(active)


_COUNTS = ("activation reads", "weight reads", "output writes", "partial sum reads")


def _push_right(registers: np.ndarray, entering: np.ndarray) -> np.ndarray:
    """One clock edge: every register takes what its left neighbor had; the first column takes what enters (folds, rows)."""
    return np.concatenate([entering[:, None, :, None], registers[..., :-1]], axis=3)


def _push_down(registers: np.ndarray, entering: np.ndarray) -> np.ndarray:
    """One clock edge: every register takes what the one above had; the first row takes what enters (.., .., cols)."""
    return np.concatenate([entering[:, :, None], registers[:, :, :-1]], axis=2)


def _skewed(stream: np.ndarray, lanes: int, after: int) -> tuple[np.ndarray, np.ndarray]:
    """What enters at an edge of `lanes` PEs, cycle by cycle, and whether it is data.

    Lane i starts i cycles late, and `after` empty cycles let the last number cross the array: from (t, width) to
    (t + lanes - 1 + after, folds, lanes), the width cut into folds of `lanes`.
    """
    t, width = stream.shape
    folds = -(-width // lanes)
    entering = np.zeros((t + lanes - 1 + after, folds, lanes), stream.dtype)
    valid = np.zeros(entering.shape, bool)
    for i in range(width):
        fold, lane = divmod(i, lanes)
        entering[lane : lane + t, fold, lane] = stream[:, i]
        valid[lane : lane + t, fold, lane] = True
    return entering, valid


def _used(width: int, lanes: int) -> np.ndarray:
    """For each lane, the number of folds in which it is used."""
    return np.bincount(np.arange(width) % lanes, minlength=lanes)


def _product(layer: MatMul | Conv2d) -> MatMul:
    if not isinstance(layer, MatMul | Conv2d):
        raise ValueError(
            f"one MatMul or Conv2d at a time, not a {type(layer).__name__}; `run` takes a Network"
        )
    return layer.as_matmul()


def _repeats(layer: MatMul | Conv2d) -> int:
    product = _product(layer)
    return product.groups * product.steps


def checked_operands(a: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both matrices as int64 or float64; ValueError when they do not fit each other or hold no finite numbers."""
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0] or 0 in a.shape + b.shape:
        raise ValueError(f"simulate multiplies (m, k) by (k, n), got arrays of shape {a.shape} and {b.shape}")
    for matrix in (a, b):
        if matrix.dtype.kind not in "iufb" or not np.isfinite(matrix).all():
            raise ValueError("simulate needs matrices of finite real numbers")
    kind = np.float64 if "f" in a.dtype.kind + b.dtype.kind else np.int64
    return a.astype(kind), b.astype(kind)


def _narrowed(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integers as the floating-point numbers that hold every sum exactly, if there are such: several times faster."""
    if a.dtype == np.int64:
        # Each magnitude as a Python integer, which cannot overflow.
        bound = a.shape[1] * max(-int(a.min()), int(a.max())) * max(-int(b.min()), int(b.max()))
        for kind, exact in ((np.float32, 2**24), (np.float64, 2**53)):
            if bound <= exact:
                return a.astype(kind), b.astype(kind)
    return a, b
