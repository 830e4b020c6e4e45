"""A sparse matrix in the form that EIE computes on: relative indices, codes of shared weights, pointers.

Han et al., "EIE: Efficient Inference Engine on Compressed Deep Neural Network", ISCA 2016, Section III.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

POINTER_BITS = 16  # start of a column within a PE's entries
CODEBOOK_BITS = 16  # one shared weight


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

    Examples
    --------
    >>> from hwsim import EIE
    >>> matrix = EIE(pes=2).encode([[0, 2, 0], [1, 0, 0], [0, 3, 0], [0, 0, 4]])
    >>> matrix.entries, matrix.zeros.tolist(), matrix.values.tolist(), matrix.pointers.tolist()
    (4, [0, 0, 0, 1], [2, 3, 1, 4], [[0, 0, 2, 2], [2, 3, 3, 4]])
    >>> matrix.decode().tolist()
    [[0, 2, 0], [1, 0, 0], [0, 3, 0], [0, 0, 4]]
    """

    shape: tuple[int, int]
    pes: int
    index_bits: int
    weight_bits: int
    zeros: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)
    pointers: np.ndarray = field(repr=False)

    @property
    def entries(self) -> int:
        """Entries stored, fillers included."""
        return self.values.size

    @cached_property
    def padding_zeros(self) -> int:
        """Filler entries."""
        return int(self.entries - np.count_nonzero(self.values))

    @cached_property
    def distinct_values(self) -> int:
        """Different values other than zero."""
        return int(np.count_nonzero(np.unique(self.values)))

    @cached_property
    def codebook(self) -> np.ndarray:
        """Array (2**weight_bits,): the shared weights, zero first, unused places zero.

        ValueError when the matrix has more distinct weights than there are codes.
        """
        shared = np.unique(self.values[self.values != 0])
        if shared.size >= 2**self.weight_bits:
            raise ValueError(
                f"{shared.size} distinct weights do not fit into {self.weight_bits}-bit codes, one of which is zero: "
                "share the weights first (k-means on them), or give the machine more weight_bits"
            )
        return np.concatenate(
            [np.zeros(1, shared.dtype), shared, np.zeros(2**self.weight_bits - 1 - shared.size, shared.dtype)]
        )

    @cached_property
    def codes(self) -> np.ndarray:
        """Array (entries,) of int: what the chip stores, places in the codebook; codebook[codes] are the values."""
        used = self.distinct_values + 1
        order = np.argsort(self.codebook[:used], kind="stable")
        return order[np.searchsorted(self.codebook[:used], self.values, sorter=order)].astype(np.uint16)

    @property
    def bytes(self) -> int:
        """Size in bytes: entries, a 16-bit pointer for each column of each PE and one more, and the table of shared weights.

        16 bits reach 65,536 entries; a PE with more would need wider pointers, which are not counted.
        """
        entry_bits = self.entries * (self.index_bits + self.weight_bits)
        pointer_bits = self.pointers.size * POINTER_BITS
        return (entry_bits + pointer_bits + 2**self.weight_bits * CODEBOOK_BITS + 7) // 8

    @cached_property
    def rows(self) -> np.ndarray:
        """Array (entries,): the row of the matrix that each entry belongs to."""
        rows = np.empty(self.entries, np.int32)
        for pe, pointers in enumerate(self.pointers):  # one at a time, so that all of it stays in a cache
            part = slice(pointers[0], pointers[-1])
            after = np.cumsum(self.zeros[part].astype(np.int64) + 1)
            before = np.concatenate([[0], after])[pointers[:-1] - pointers[0]]
            rows[part] = (after - 1 - np.repeat(before, np.diff(pointers))) * self.pes + pe
        return rows

    def decode(self) -> np.ndarray:
        """The matrix, exactly: array of `shape` and of the type that was encoded."""
        matrix = np.zeros(self.shape, self.values.dtype)
        columns = np.tile(np.arange(self.shape[1]), self.pes)
        matrix[self.rows, np.repeat(columns, np.diff(self.pointers, axis=1).ravel())] = self.values
        return matrix
