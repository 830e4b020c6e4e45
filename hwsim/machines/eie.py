"""EIE: a sparse matrix times a sparse vector, straight from the compressed form.

Han, Liu, Mao, Pu, Pedram, Horowitz, Dally, "EIE: Efficient Inference Engine on Compressed Deep Neural Network",
ISCA 2016, arXiv 1602.01528.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from hwsim.report import Report

POINTER_BITS = 16  # start of a column within a PE's entries
CODEBOOK_BITS = 16  # one shared weight
LINE_BITS = 64  # width of the memory that holds the entries
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
class SparseMatrix:
    """A matrix in EIE's form: for each PE and column, its nonzeros as (zeros before it, value) pairs.

    Row `i` lives in PE `i mod pes`. Within a PE's part of a column each entry holds the number of zeros since the
    entry before, in `index_bits` bits; a longer run of zeros needs filler entries of value zero. The entries of a PE
    stand column after column, and `pointers` says where each column starts.

    The chip stores a `weight_bits` code for each value and looks the value up in a table of 2**weight_bits shared
    weights. Here the values themselves are kept, so that `decode` is exact for any matrix. `bytes` is what the chip
    would store: it is true to the matrix when `distinct_values` is at most 2**weight_bits - 1 (one code is the
    filler's zero), and otherwise it is the size after the weights have been shared.

    Parameters
    ----------
    shape : (rows, cols) of the matrix: outputs, inputs
    pes, index_bits, weight_bits : int
    zeros : array (entries,) of int, zeros before each entry; PE after PE, column after column
    values : array (entries,), zero for fillers
    pointers : array (pes, cols + 1) of int, positions in `zeros` and `values`
    """

    shape: tuple[int, int]
    pes: int
    index_bits: int
    weight_bits: int
    zeros: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)
    pointers: np.ndarray = field(repr=False)

    @property
    def entries(self):
        """Entries stored, fillers included."""
        return self.values.size

    @cached_property
    def padding_zeros(self):
        """Filler entries."""
        return int(self.entries - np.count_nonzero(self.values))

    @cached_property
    def distinct_values(self):
        """Different values other than zero."""
        return int(np.count_nonzero(np.unique(self.values)))

    @property
    def bytes(self):
        """Size in bytes: entries, a 16-bit pointer for each column of each PE and one more, and the table of shared weights."""
        entry_bits = self.entries * (self.index_bits + self.weight_bits)
        pointer_bits = self.pointers.size * POINTER_BITS
        return (entry_bits + pointer_bits + 2**self.weight_bits * CODEBOOK_BITS + 7) // 8

    @cached_property
    def rows(self):
        """Array (entries,): the row of the matrix that each entry belongs to."""
        after = np.cumsum(self.zeros.astype(np.int64) + 1)
        starts = self.pointers[:, :-1].ravel()
        before = np.concatenate([[0], after])[starts]
        lengths = np.diff(self.pointers, axis=1)
        local = after - 1 - np.repeat(before, lengths.ravel())
        return local * self.pes + np.repeat(np.arange(self.pes), lengths.sum(axis=1))

    def decode(self):
        """The matrix, exactly: array of `shape` and of the type that was encoded."""
        matrix = np.zeros(self.shape, self.values.dtype)
        columns = np.tile(np.arange(self.shape[1]), self.pes)
        matrix[self.rows, np.repeat(columns, np.diff(self.pointers, axis=1).ravel())] = self.values
        return matrix


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
    clock : float, cycles a second

    Raises
    ------
    ValueError
        When a parameter is out of range.

    Held against: the authors' C++ cycle simulator on 29 seeded matrices (`tests/reference/eie_cycles.csv`): entries,
    fillers, work of the busiest PE and the event model's cycles + 6 are equal in every row. The C++ program stops early
    in some rows and prints up to 0.6% fewer cycles there; in the others pointer reads and line reads are equal as well.
    Power of 64 PEs (Table II): 586 mW, where the paper prints 590 mW.
    """

    pes: int = 64
    fifo_depth: int = 8
    index_bits: int = 4
    weight_bits: int = 4
    clock: float = 800e6

    def __post_init__(self):
        """Check the parameters."""
        for name, low, high in [
            ("pes", 1, 2**20),
            ("fifo_depth", 1, 2**20),
            ("index_bits", 1, 16),
            ("weight_bits", 1, 16),
        ]:
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise ValueError(f"EIE: {name} must be an integer from {low} to {high}, got {value!r}")
        if not self.clock > 0:
            raise ValueError(f"EIE: clock must be positive, in cycles a second, got {self.clock!r}")

    def encode(self, weights):
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
        # Each nonzero in the order of PE, then column, then row. Segment: the part of one column in one PE.
        segments, locals_in_pe, kept = [], [], []
        for pe in range(min(self.pes, weights.shape[0])):
            part = weights[pe :: self.pes].T
            flat = np.ascontiguousarray(part).ravel()
            position = np.flatnonzero(flat != 0)
            column, row = np.divmod(position, part.shape[1])
            segments.append(pe * weights.shape[1] + column)
            locals_in_pe.append(row)
            kept.append(flat[position])
        segment, local, values = (np.concatenate(parts) for parts in (segments, locals_in_pe, kept))
        if not np.isfinite(values).all():
            raise ValueError("EIE.encode needs finite weights; this matrix holds NaN or infinity")

        first = np.diff(segment, prepend=-1) != 0
        gap = np.where(first, local, np.diff(local, prepend=0) - 1)
        reach = 2**self.index_bits  # rows that one filler passes: 2**index_bits - 1 zeros and itself
        fillers = gap // reach
        position = np.arange(values.size) + np.cumsum(fillers)
        entries = values.size + int(fillers.sum())

        zeros = np.full(entries, reach - 1, np.uint16)
        zeros[position] = gap % reach
        stored = np.zeros(entries, values.dtype)
        stored[position] = values
        counts = np.bincount(np.repeat(segment, fillers + 1), minlength=self.pes * weights.shape[1])
        ends = np.cumsum(counts).reshape(self.pes, -1)
        pointers = np.concatenate([np.append(0, ends[:-1, -1])[:, None], ends], axis=1)
        return SparseMatrix(
            weights.shape, self.pes, self.index_bits, self.weight_bits, zeros, stored, pointers
        )

    def run(self, matrix, activations, name="matrix-vector product"):
        """Multiply an encoded matrix by a vector.

        Parameters
        ----------
        matrix : SparseMatrix, from `encode` of a machine with as many PEs and the same bits
        activations : array (inputs,); zeros are skipped.
        name : str, for the report

        Returns
        -------
        Report
            `output` is the product (outputs,). `macs` counts products of nonzero weights and nonzero activations.
            `energy` is the power of Table II times the time, for each part of the PEs; `traffic` is bytes read from
            the memories. `counts`: entries worked through, by all PEs and by the busiest one; fillers among them.

        Raises
        ------
        ValueError
            When the matrix is not one that this machine encoded, or the vector has another length or holds NaN.
        """
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
        start, stop = matrix.pointers[:, nonzero], matrix.pointers[:, nonzero + 1]
        work = np.maximum(stop - start, 1)  # an empty column still takes a cycle
        cycles = self._cycles(nonzero, work, matrix.shape[1]) + PIPELINE

        entry = _ranges(start.ravel(), stop.ravel())
        factor = np.repeat(np.tile(activations[nonzero], self.pes), (stop - start).ravel())
        values = matrix.values[entry]
        output = np.bincount(matrix.rows[entry], values * factor.astype(np.float64), matrix.shape[0])
        macs = int(np.count_nonzero(values))
        reads = (nonzero.size + 1) * self.pes
        return Report(
            name=name,
            machine=f"EIE, {self.pes} PEs",
            macs=macs,
            cycles=cycles,
            clock=self.clock,
            units=self.pes,
            energy={part: watts * self.pes * cycles / PE_POWER_CLOCK for part, watts in PE_POWER.items()},
            traffic={
                "entry memory": _line_reads(matrix, start, stop) * LINE_BITS // 8,
                "pointer memory": reads * 2 * POINTER_BITS // 8,  # start and end of the column
            },
            counts={
                "nonzero activations": int(nonzero.size),
                "work": int(entry.size),
                "work of the busiest PE": int((stop - start).sum(axis=1).max()),
                "fillers": int(entry.size) - macs,
                "pointer reads": reads,
            },
            output=output.astype(np.result_type(matrix.values, activations)),
        )

    def _check(self, matrix):
        if not isinstance(matrix, SparseMatrix):
            raise ValueError(
                "EIE works on the values of a matrix: give it eie.encode(weights) and the activations, "
                f"for one layer at a time, not a {type(matrix).__name__}"
            )
        theirs = (matrix.pes, matrix.index_bits, matrix.weight_bits)
        if theirs != (self.pes, self.index_bits, self.weight_bits):
            raise ValueError(
                f"this matrix was encoded for (PEs, index bits, weight bits) = {theirs}, but the machine has "
                f"{(self.pes, self.index_bits, self.weight_bits)}: encode it with this machine"
            )

    def _cycles(self, nonzero, work, columns):
        """Cycles until the last PE is free, by events: broadcast k at `t`, taken from PE p's queue at `taken[p]`."""
        broadcast = np.append(nonzero, columns)  # an empty bias column ends each run
        work = np.concatenate([work, np.ones((self.pes, 1), np.int64)], axis=1).T.copy()
        # The activations stand `pes` in a row; going to the next rows costs a cycle each, but the scan past a row's
        # last activation does that for free.
        row = broadcast // self.pes
        step = 1 + np.diff(row) - ((np.diff(row) > 0) & (broadcast[:-1] % self.pes == self.pes - 1))
        free = np.zeros(self.pes, np.int64)
        last_taken = []  # for each broadcast, when the slowest PE took it from its queue
        t = int(row[0])
        for k in range(broadcast.size):
            if k:
                t += int(step[k - 1])
            if k >= self.fifo_depth:
                t = max(t, last_taken[k - self.fifo_depth] + 1)  # wait until every queue has a slot
            taken = np.maximum(free, t + 1)
            last_taken.append(int(taken.max()))
            free = taken + work[k]
        return int(free.max())


def _ranges(start, stop):
    """The numbers of all half-open ranges [start, stop), one range after the other."""
    length = stop - start
    offset = np.repeat(start - np.concatenate([[0], np.cumsum(length)[:-1]]), length)
    return np.arange(length.sum()) + offset


def _line_reads(matrix, start, stop):
    """Lines of the entry memory that the PEs read; a line that the last column left in the buffer is not read again."""
    per_line = max(1, LINE_BITS // (matrix.index_bits + matrix.weight_bits))
    base = matrix.pointers[:, :1]  # each PE counts its own entries from zero
    first, last = (start - base) // per_line, (stop - 1 - base) // per_line
    reads = 0
    for pe in range(matrix.pes):
        used = stop[pe] > start[pe]
        begin, end = first[pe][used], last[pe][used]
        held = np.concatenate([[-1], end[:-1]]) if end.size else end
        reads += int((end - begin + 1 - (begin == held)).sum())
    return reads
