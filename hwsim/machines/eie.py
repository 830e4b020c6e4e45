"""EIE: a sparse matrix times a sparse vector, straight from the compressed form.

Han, Liu, Mao, Pu, Pedram, Horowitz, Dally, "EIE: Efficient Inference Engine on Compressed Deep Neural Network",
ISCA 2016, arXiv 1602.01528.
"""

from dataclasses import dataclass, replace
from os import PathLike

import numpy as np
from numpy.typing import ArrayLike

from hwsim.compressed_file import read
from hwsim.energy import EnergyTable
from hwsim.report import Report
from hwsim.sparse_matrix import POINTER_BITS, SparseMatrix
from hwsim.workload import Conv2d, MatMul, Network, check_positive, layers_of

PIPELINE = 6  # cycles from the last entry to the result, as in the authors' cycle simulator
PE_POWER = {  # watts of one PE at 800 MHz in 45 nm, Table II
    "entry memory": 4.955e-3,  # SpmatRead
    "pointer memory": 1.807e-3,  # PtrRead
    "arithmetic": 1.162e-3,  # ArithmUnit
    "activations": 1.122e-3,  # ActRW
    "queue": 0.112e-3,  # Act_queue
}
PE_POWER_CLOCK = 800e6


@dataclass(frozen=True)
class QueueTimeline:
    """When EIE's queues fill and its PEs work: broadcast k brings the activation of `columns[k]` to all of them.

    Parameters
    ----------
    columns : array (broadcasts,) of int, the nonzero activations; the last one is the empty bias column after the others
    sent : array (broadcasts,) of int, the cycle in which each is broadcast
    taken : array (broadcasts, pes) of int, the cycle in which each PE takes it from its queue
    work : array (broadcasts, pes) of int, the cycles that the PE then needs: its entries of the column, 1 if it has none

    Examples
    --------
    >>> eie = EIE(pes=2)
    >>> run = eie.timeline(eie.encode([[0, 2, 0], [1, 0, 0], [0, 3, 0], [0, 0, 4]]), [5, 1, 0])
    >>> run.columns.tolist(), run.sent.tolist(), run.taken.tolist(), run.cycles
    ([0, 1, 3], [0, 1, 2], [[1, 1], [2, 2], [4, 3]], 5)
    >>> run.occupancy().tolist()
    [[1, 1], [1, 1], [1, 1], [1, 0], [0, 0]]
    """

    columns: np.ndarray
    sent: np.ndarray
    taken: np.ndarray
    work: np.ndarray

    @property
    def freed(self) -> np.ndarray:
        """Array (broadcasts, pes): the cycle in which each PE is done with each activation."""
        return self.taken + self.work

    @property
    def cycles(self) -> int:
        """Cycles until the last PE is free; the pipeline comes on top in a `Report`."""
        return int(self.freed.max())

    @property
    def waited(self) -> int:
        """Cycles in which the next broadcast was ready, but a queue was full."""
        return int(self.sent[-1] - broadcast_steps(self.columns, self.work.shape[1]).sum())

    def occupancy(self) -> np.ndarray:
        """Array (cycles, pes): the activations in each queue at the end of each cycle, never more than it has slots."""
        came = np.bincount(self.sent, minlength=self.cycles)
        went = [np.bincount(taken, minlength=self.cycles) for taken in self.taken.T]
        return np.cumsum(came[:, None] - np.stack(went, axis=1), axis=0)


@dataclass(frozen=True)
class EIE:
    """EIE: `pes` processing elements, each holding every `pes`-th row of the matrix.

    Nonzero activations are broadcast in order; each waits in a queue of every PE until that PE has worked through its
    entries of the column, one a cycle. A PE with few entries in a column runs ahead until a queue is full: deeper
    queues balance the load.

    Parameters
    ----------
    pes : int, processing elements
    fifo_depth : int, usable slots of the queues
    index_bits : int, bits for the zeros before an entry, 1 to 16
    weight_bits : int, bits for the code of a shared weight, 1 to 16
    line_bits : int, width of the memory that holds the entries; a line is read once for all entries on it
    weight_density, activation_density : float, 0 to 1, of a workload given by its shapes alone
    seed : int, of the random numbers that such a workload gets
    table : EnergyTable or None. None: the power of Table II for the time; else what is read from the memories and
        multiplied, at the table's prices.
    clock : float, cycles a second

    Modelled: relative index with filler zeros, broadcast, queues, PEs and the pipeline, event by event; reads of both
    memories. Left out: loading the matrix, the transfer of activations between layers, the memories' capacity,
    rounding of sums to 16 bits.

    Raises
    ------
    ValueError
        When a parameter is out of range.

    Examples
    --------
    >>> eie = EIE(pes=2)
    >>> matrix = eie.encode([[0, 2, 0], [1, 0, 0], [0, 3, 0], [0, 0, 4]])
    >>> report = eie.run(matrix, [5, 1, 0])
    >>> report.output.tolist(), report.macs, report.cycles
    ([2, 5, 3, 0], 3, 11)
    >>> matrix.codes.tolist(), matrix.codebook[:5].tolist()
    ([2, 3, 1, 4], [0, 1, 2, 3, 4])

    Held against: the authors' C++ cycle simulator on 29 seeded matrices (`tests/reference/eie_cycles.csv`): entries,
    fillers, work of the busiest PE and the event model's cycles + 6 are equal in every row. The C++ program stops early
    in some rows and prints up to 0.6% fewer cycles there; in the others pointer reads and line reads are equal as well.
    Power of 64 PEs (Table II): 586 mW, where the paper prints 590 mW.
    Table IV's nine layers, as random matrices of the sizes and densities of Table III (densities recalled, not verified),
    on five seeds: six within 8% of the chip's time and NT-LSTM 11% below; AlexNet-8 is 17 to 19% and VGG-6 28% below: there the paper's own
    count of work is 1.2 times that of these densities. Table V, AlexNet FC7: 77,900 frames/s and 132,800 a joule, published
    81,967 and 138,927; with 256 PEs at 1.2 GHz 430,000 frames/s, published 426,230.
    """

    pes: int = 64
    fifo_depth: int = 8
    index_bits: int = 4
    weight_bits: int = 4
    line_bits: int = 64
    weight_density: float = 0.1
    activation_density: float = 0.35
    seed: int = 0
    table: EnergyTable | None = None
    clock: float = 800e6

    def __post_init__(self) -> None:
        """Check the parameters."""
        for name, low, high in [
            ("pes", 1, 2**20),
            ("fifo_depth", 1, 2**20),
            ("index_bits", 1, 16),
            ("weight_bits", 1, 16),
            ("line_bits", self.index_bits + self.weight_bits, 2**16),
            ("seed", 0, 2**32),
        ]:
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or not low <= value <= high:
                raise ValueError(f"EIE: {name} must be an integer from {low} to {high}, got {value!r}")
        for name in ("weight_density", "activation_density"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value <= 1:
                raise ValueError(f"EIE: {name} is a share from 0 to 1, got {value!r}")
        check_positive("EIE", clock=self.clock)

    def encode(self, weights: ArrayLike) -> SparseMatrix:
        """Compress a matrix.

        Parameters
        ----------
        weights : array (outputs, inputs); zeros are left out.

        Returns
        -------
        SparseMatrix

        Raises
        ------
        ValueError
            When `weights` is not a matrix of finite real numbers with at least one row and one column.
        """
        weights = np.asarray(weights)
        if weights.ndim != 2 or 0 in weights.shape:
            raise ValueError(
                f"EIE.encode needs a matrix (outputs, inputs), got an array of shape {weights.shape}"
            )
        if weights.dtype.kind not in "iuf":
            raise ValueError(f"EIE.encode needs real numbers, got {weights.dtype}")
        parts = [self._encode_part(weights[pe :: self.pes].T) for pe in range(self.pes)]
        zeros, values, counts = zip(*parts, strict=True)
        ends = np.cumsum(counts).reshape(self.pes, -1)
        pointers = np.concatenate([np.append(0, ends[:-1, -1])[:, None], ends], axis=1)
        return SparseMatrix(
            weights.shape,
            self.pes,
            self.index_bits,
            self.weight_bits,
            np.concatenate(zeros),
            np.concatenate(values),
            pointers,
        )

    def load(self, path: str | PathLike) -> dict[str, SparseMatrix]:
        """Encode the matrices of a compressed network, the file that `effdl.compress.container` writes.

        Parameters
        ----------
        path : the file; tensors that are no matrices, such as biases and convolutions, are left out.

        Returns
        -------
        dict from the tensors' names to SparseMatrix, in the order of the file.

        Raises
        ------
        CompressedFileError
            When the file is foreign or damaged.
        ValueError
            When a matrix cannot be encoded.
        """
        return {stored.name: self.encode(stored.array) for stored in read(path) if stored.array.ndim == 2}

    def timeline(self, matrix: SparseMatrix, activations: ArrayLike) -> QueueTimeline:
        """Follow the queues through the product of an encoded matrix and a vector; `run` reports `cycles + PIPELINE`.

        Raises ValueError as `run` does.
        """
        nonzero, start, stop = self._broadcasts(matrix, activations)[1:]
        return self._timeline(nonzero, stop - start, matrix.shape[1])

    def _encode_part(self, part: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One PE's rows (inputs, rows of this PE): zeros before each entry, values, and entries of each column."""
        flat = part.ravel()
        nonzero = np.flatnonzero(flat)
        values = flat[nonzero]
        if not np.isfinite(values).all():
            raise ValueError("EIE.encode needs finite weights; this matrix holds NaN or infinity")
        column, row = np.divmod(nonzero, max(1, part.shape[1]))
        first = np.diff(column, prepend=-1) != 0
        gap = np.where(first, row, np.diff(row, prepend=0) - 1)
        reach = 2**self.index_bits  # rows that one filler passes: 2**index_bits - 1 zeros and itself
        fillers = gap // reach
        position = np.arange(values.size) + np.cumsum(fillers)
        entries = values.size + int(fillers.sum())
        zeros = np.full(entries, reach - 1, np.uint16)
        zeros[position] = gap % reach
        stored = np.zeros(entries, values.dtype)
        stored[position] = values
        return zeros, stored, np.bincount(np.repeat(column, fillers + 1), minlength=part.shape[0])

    def run(
        self,
        workload: SparseMatrix | MatMul | Conv2d | Network,
        activations: ArrayLike | None = None,
        name: str = "matrix-vector product",
    ) -> Report:
        """Multiply an encoded matrix by a vector, or run layers of which only the shapes are known.

        Parameters
        ----------
        workload : SparseMatrix, from `encode` of a machine with as many PEs and the same bits; or MatMul, Conv2d or
            Network: then for each layer a random matrix of `weight_density` is multiplied by a random vector of
            `activation_density`, as often as the layer has vectors (EIE takes them one at a time)
        activations : array (inputs,) for a SparseMatrix; zeros are skipped.
        name : str, for the report of a SparseMatrix

        Returns
        -------
        Report
            `output` is the product (outputs,): int64 of integers, at least float32 of others. `macs` counts products of
            nonzero weights and nonzero activations. `energy` is by part of the PEs, or by level with a table; `traffic` is bytes read from the memories for
            entries and pointers. `counts`: entries worked through, by all PEs and by the busiest one; fillers among them;
            reads.

        Raises
        ------
        ValueError
            When the matrix is not one that this machine encoded, the vector has another length or holds NaN, integers are
            so large that a sum may reach 2**53, or a layer multiplies two activations.
        """
        if isinstance(workload, SparseMatrix):
            return self._multiply(workload, activations, name)
        if activations is not None:
            raise ValueError(
                "EIE multiplies the values of a matrix: give it eie.encode(weights) and the activations, or the shape of "
                f"a layer alone, not a {type(workload).__name__} with activations"
            )
        reports = [self._random(layer) for layer in layers_of(workload)]
        return Report.total(workload.name, reports)

    def _random(self, layer: MatMul | Conv2d) -> Report:
        """A layer by its shape: one random vector through one random matrix, for all of its vectors."""
        product = layer.as_matmul()
        if not product.trained:
            raise ValueError(
                f"{layer.name} multiplies two activations; EIE multiplies by weights that were encoded before"
            )
        rng = np.random.default_rng(self.seed)
        weights = np.empty((product.n, product.k), np.int8)
        for rows in np.array_split(weights, -(-product.n // 512)):
            rows[:] = rng.random(rows.shape, np.float32) < self.weight_density
        activations = np.zeros(product.k, np.int8)
        activations[rng.permutation(product.k)[: round(product.k * self.activation_density)]] = 1
        report = self._multiply(self.encode(weights), activations, layer.name)
        times = product.m * product.groups * product.steps
        return replace(
            report,
            macs=report.macs * times,
            cycles=report.cycles * times,
            energy={part: joules * times for part, joules in report.energy.items()},
            traffic={level: size * times for level, size in report.traffic.items()},
            counts={what: count * times for what, count in report.counts.items()},
            output=None,
        )

    def _multiply(self, matrix: SparseMatrix, activations: ArrayLike | None, name: str) -> Report:
        activations, nonzero, start, stop = self._broadcasts(matrix, activations)
        kind = np.result_type(matrix.values, activations, np.float32)
        if "f" not in matrix.values.dtype.kind + activations.dtype.kind:
            kind = np.dtype(np.int64)
            if matrix.shape[1] * _largest(matrix.values) * _largest(activations) >= 2**53:
                raise ValueError(
                    "EIE.run: sums of these integers may pass 2**53; scale them down or give floats"
                )
        cycles = self._timeline(nonzero, stop - start, matrix.shape[1]).cycles + PIPELINE
        entry = _ranges(start.ravel(), stop.ravel())
        factor = np.repeat(np.tile(activations[nonzero], self.pes), (stop - start).ravel())
        values = matrix.values[entry]
        output = np.bincount(matrix.rows[entry], values * factor.astype(np.float64), matrix.shape[0])
        macs = int(np.count_nonzero(values))
        lines = _line_reads(matrix, start, stop, self.line_bits)
        pointers = (nonzero.size + 1) * self.pes
        ends = 2 * POINTER_BITS  # where a column starts, and where the next one does
        traffic = {"buffer": (lines * self.line_bits + pointers * ends) // 8}
        if self.table is None:
            energy = {part: watts * self.pes * cycles / PE_POWER_CLOCK for part, watts in PE_POWER.items()}
        else:
            energy = self.table.charge(entry.size, "int16", traffic)
        return Report(
            name=name,
            machine=f"EIE, {self.pes} PEs",
            macs=macs,
            cycles=cycles,
            clock=self.clock,
            units=self.pes,
            energy=energy,
            prices=self.table.name if self.table else "power of EIE's Table II",
            traffic=traffic,
            counts={
                "nonzero activations": int(nonzero.size),
                "work": int(entry.size),
                "work of the busiest PE": int((stop - start).sum(axis=1).max()),
                "fillers": int(entry.size) - macs,
                "entry line reads": lines,
                "pointer reads": pointers,
            },
            output=output.astype(kind),
        )

    def _broadcasts(
        self, matrix: SparseMatrix, activations: ArrayLike | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The activations, which of them are nonzero, and where each PE's entries of their columns start and stop."""
        self._check(matrix)
        activations = np.asarray(activations)
        if activations.shape != matrix.shape[1:]:
            raise ValueError(
                f"EIE.run multiplies by one vector of {matrix.shape[1]} activations at a time, "
                f"got an array of shape {activations.shape}"
            )
        if activations.dtype.kind not in "iuf" or not np.isfinite(activations).all():
            raise ValueError("EIE.run needs activations that are finite real numbers")
        nonzero = np.flatnonzero(activations)
        return activations, nonzero, matrix.pointers[:, nonzero], matrix.pointers[:, nonzero + 1]

    def _check(self, matrix: SparseMatrix) -> None:
        theirs = (matrix.pes, matrix.index_bits, matrix.weight_bits)
        if theirs != (self.pes, self.index_bits, self.weight_bits):
            raise ValueError(
                f"this matrix was encoded for (PEs, index bits, weight bits) = {theirs}, but the machine has "
                f"{(self.pes, self.index_bits, self.weight_bits)}: encode it with this machine"
            )

    def _timeline(self, nonzero: np.ndarray, entries: np.ndarray, columns: int) -> QueueTimeline:
        """The run of a matrix of so many columns; `entries` (pes, nonzero) are what each PE has of the nonzero ones."""
        sent_columns = np.append(nonzero, columns)  # an empty bias column ends each run
        work = np.ones((len(sent_columns), self.pes), np.int64)
        np.maximum(entries.T, 1, out=work[:-1])  # an empty column still takes a cycle
        sent, taken = fill_queues(broadcast_steps(sent_columns, self.pes), work, self.fifo_depth)
        return QueueTimeline(sent_columns, sent, taken, work)


def broadcast_steps(columns: np.ndarray, pes: int) -> np.ndarray:
    """Cycles from one broadcast to the next, when no queue is full; the first one counts from the start.

    The activations stand `pes` in a row of their memory. The next nonzero one of the same row follows a cycle later. Each
    row that is passed costs a cycle more, but going on is free where the row's last activation was nonzero.

    Parameters
    ----------
    columns : array (broadcasts,) of int, ascending: the nonzero activations
    pes : int

    >>> broadcast_steps(np.array([1, 3, 4, 12]), 4).tolist()
    [0, 1, 1, 3]
    """
    row = columns // pes
    passed = np.diff(row)
    free = (passed > 0) & (columns[:-1] % pes == pes - 1)
    return np.append(row[:1], 1 + passed - free)


def fill_queues(steps: np.ndarray, work: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Broadcast one activation after the other into the queues of all PEs, from which each PE takes them in order.

    A broadcast waits until every queue has a free slot: a cycle after the slowest PE has taken the one `depth` before. A
    PE takes an activation the cycle after its broadcast at the earliest, and not before it is done with the last one.

    Parameters
    ----------
    steps : array (broadcasts,) of int, from `broadcast_steps`
    work : array (broadcasts, pes) of int, cycles that each PE needs for each activation
    depth : int, slots of a queue

    Returns
    -------
    sent : array (broadcasts,) of int, the cycle of each broadcast
    taken : array (broadcasts, pes) of int, the cycle in which each PE takes it

    Raises
    ------
    ValueError
        When a queue has no slot, a number is not whole or negative, or there is not one step for each row of work.

    >>> sent, taken = fill_queues(np.array([0, 1, 1]), np.array([[3, 1], [1, 1], [1, 1]]), 1)
    >>> sent.tolist(), taken.tolist()
    ([0, 2, 5], [[1, 1], [4, 3], [6, 6]])
    """
    if not isinstance(depth, int | np.integer) or depth < 1:
        raise ValueError(f"depth={depth} must be a whole number of 1 or more slots")
    if work.ndim != 2 or steps.shape != work.shape[:1]:
        raise ValueError(f"one step for each row of work is needed, not {steps.shape} for {work.shape}")
    if any(cycles.dtype.kind not in "iu" or (cycles < 0).any() for cycles in (steps, work)):
        raise ValueError("steps and work must be whole numbers of cycles, none of them negative")
    sent, last_taken = np.zeros(len(work), np.int64), np.zeros(len(work), np.int64)
    taken = np.zeros(work.shape, np.int64)
    free = np.zeros(work.shape[1], np.int64)
    t = 0
    for k, step in enumerate(steps.tolist()):
        t += step
        if k >= depth:
            t = max(t, int(last_taken[k - depth]) + 1)  # wait until every queue has a slot
        np.maximum(free, t + 1, out=taken[k])
        np.add(taken[k], work[k], out=free)
        sent[k], last_taken[k] = t, taken[k].max()
    return sent, taken


def _largest(integers: np.ndarray) -> int:
    """The largest magnitude, as Python's integer, which cannot overflow."""
    return max(-int(integers.min(initial=0)), int(integers.max(initial=0)))


def _ranges(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """The numbers of all half-open ranges [start, stop), one range after the other."""
    length = stop - start
    offset = np.repeat(start - np.concatenate([[0], np.cumsum(length)[:-1]]), length)
    return np.arange(length.sum()) + offset


def _line_reads(matrix: SparseMatrix, start: np.ndarray, stop: np.ndarray, line_bits: int) -> int:
    """Lines of the entry memory that the PEs read; a line that the last column left in the buffer is not read again."""
    per_line = max(1, line_bits // (matrix.index_bits + matrix.weight_bits))
    base = matrix.pointers[:, :1]  # each PE counts its own entries from zero
    first, last = (start - base) // per_line, (stop - 1 - base) // per_line
    reads = 0
    for pe in range(matrix.pes):
        used = stop[pe] > start[pe]
        begin, end = first[pe][used], last[pe][used]
        held = np.concatenate([[-1], end[:-1]]) if end.size else end
        reads += int((end - begin + 1 - (begin == held)).sum())
    return reads
