"""A systolic array, every register in every cycle.

`SystolicArray.simulate` steps all folds of a product together and keeps only what it needs. Here one fold follows the other,
and everything that a processing element (PE) holds is written down. That is for small arrays, to be looked at.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from hwsim.machines.systolic import SystolicArray, checked_operands
from hwsim.workload import MatMul

State = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # right, down, stay, active of all PEs
MOST_STATES = 100_000  #: PEs times cycles; for more there is `SystolicArray.simulate`.


class Wavefront(NamedTuple):
    """What every PE holds at the end of each cycle; NaN where it holds nothing.

    `right` moves to the right and `down` downward, one PE a cycle, and `stay` stays::

        "ws"   right: activations   down: sums        stay: weights
        "os"   right: activations   down: weights     stay: sums
        "is"   right: weights       down: sums        stay: activations

    All three are arrays (cycles, rows, cols). `active` (same shape) marks the PEs that did a needed MAC. `fold` (cycles,) is
    the fold, `product` the result, and `done` (its shape) the cycle, from 1, in which each element of it has left the array.
    """

    right: np.ndarray
    down: np.ndarray
    stay: np.ndarray
    active: np.ndarray
    fold: np.ndarray
    product: np.ndarray
    done: np.ndarray


def push_right(registers: np.ndarray, entering: np.ndarray) -> np.ndarray:
    """Every register takes what its left neighbor had; the first column takes what enters."""
    return np.column_stack([entering, registers[:, :-1]])


def push_down(registers: np.ndarray, entering: np.ndarray) -> np.ndarray:
    """Every register takes what the one above had; the first row takes what enters."""
    return np.vstack([entering, registers[:-1]])


def skewed(stream: np.ndarray, lanes: int, cycles: int) -> np.ndarray:
    """What enters at an edge in each cycle, (cycles, lanes): a column of the stream for each lane, lane i starting i late."""
    entering = np.full((cycles, lanes), np.nan)
    for i, column in enumerate(stream.T):
        entering[i : i + len(column), i] = column
    return entering


def filled(values: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """The values in the top left corner of an array of PEs that hold nothing."""
    pes = np.full((rows, cols), np.nan)
    pes[: values.shape[0], : values.shape[1]] = values
    return pes


def stationary_fold(
    rows: int, cols: int, stream: np.ndarray, matrix: np.ndarray
) -> tuple[list[State], np.ndarray, np.ndarray]:
    """One pass of stream (t, k) past a matrix (k, n) that stays: states, product (t, n), and when each of it is done."""
    t, n = len(stream), matrix.shape[1]
    right = down = stay = filled(np.empty((0, 0)), rows, cols)
    states: list[State] = []
    # The bottom row has the longest way, so it goes in first.
    for row in reversed(filled(matrix, rows, cols)):
        stay = push_down(stay, row)
        states.append((right, down, stay, np.zeros((rows, cols), bool)))
    product = np.empty((t, n))
    for cycle, entering in enumerate(skewed(stream, rows, t + rows + cols - 2)):
        right = push_right(right, entering)
        down = push_down(down, np.full(cols, np.nan))
        active = ~np.isnan(right * stay)
        down[active] = np.nan_to_num(down)[active] + (right * stay)[active]
        states.append((right, down, stay, active))
        # Sums come out at the bottom as late as they went in at the left, and column by column.
        for column in range(n):
            if 0 <= cycle - (rows - 1) - column < t:
                product[cycle - (rows - 1) - column, column] = down[-1, column]
    done = rows + rows + np.add.outer(np.arange(t), np.arange(n))
    return states, product, done


def output_fold(
    rows: int, cols: int, a: np.ndarray, b: np.ndarray, drain: bool
) -> tuple[list[State], np.ndarray, np.ndarray]:
    """One pass of a (m, k) and b (k, n) through an array whose sums stay: states, product, and when each of it is done."""
    (m, k), n = a.shape, b.shape[1]
    right = down = stay = nothing = filled(np.empty((0, 0)), rows, cols)
    cycles = k + rows + cols - 2
    states: list[State] = []
    for left, top in zip(skewed(a.T, rows, cycles), skewed(b, cols, cycles), strict=True):
        right, down = push_right(right, left), push_down(down, top)
        active = ~np.isnan(right * down)
        stay = np.where(active, np.nan_to_num(stay) + right * down, stay)
        states.append((right, down, stay, active))
    product, done = stay[:m, :n], np.full((m, n), cycles)
    if drain:
        product, done = np.empty((m, n)), cycles + rows - np.tile(np.arange(m)[:, None], n)
        for row in reversed(range(rows)):
            states.append((nothing, nothing, stay, np.zeros((rows, cols), bool)))
            product[row : row + 1] = stay[-1, :n]  # a row of PEs beyond the product changes nothing
            stay = push_down(stay, np.full(cols, np.nan))
    return states, product, done


def passes(
    array: SystolicArray, a: np.ndarray, b: np.ndarray
) -> Iterator[tuple[tuple[slice, slice], tuple[list[State], np.ndarray, np.ndarray]]]:
    """Fold by fold: the part of the product that a fold adds to, and what it gives."""
    rows, cols, sums_stay = array.rows, array.cols, array.dataflow == "os"
    for top in range(0, len(a) if sums_stay else len(b), rows):
        for first in range(0, b.shape[1], cols):
            part = b[:, first : first + cols]
            if sums_stay:
                there = slice(top, top + rows), slice(first, first + cols)
                yield there, output_fold(rows, cols, a[top : top + rows], part, array.drain)
            else:
                there = slice(len(a)), slice(first, first + cols)
                yield there, stationary_fold(rows, cols, a[:, top : top + rows], part[top : top + rows])


def wavefront(array: SystolicArray, a: ArrayLike, b: ArrayLike) -> Wavefront:
    """Multiply two small matrices, and write down what every PE holds in every cycle.

    Parameters
    ----------
    array : SystolicArray
    a : array (m, k), the activations
    b : array (k, n), the weights

    Returns
    -------
    Wavefront; product, cycles and active PEs are those of `array.simulate`.

    Raises
    ------
    ValueError
        When the matrices do not fit each other, there are more than 100,000 PEs times cycles, or integers are so large
        that they or a sum may pass 2**53: registers are written down as float64.

    Examples
    --------
    >>> wave = wavefront(SystolicArray(2, 2, "ws"), [[1, 2], [3, 4]], [[5, 6], [7, 8]])
    >>> wave.product.tolist(), len(wave.fold), wave.active.sum((1, 2)).tolist()
    ([[19, 22], [43, 50]], 6, [0, 0, 1, 3, 3, 1])
    >>> wave.right[3].tolist(), wave.done.tolist()
    ([[3.0, 1.0], [2.0, nan]], [[4, 5], [5, 6]])
    """
    a, b = checked_operands(a, b)
    (m, k), n, kind = a.shape, b.shape[1], a.dtype
    largest = [max(-int(matrix.min()), int(matrix.max())) for matrix in (a, b)]
    if kind == np.int64 and max(k * largest[0] * largest[1], *largest) > 2**53:
        raise ValueError("sums of these integers may pass 2**53: use SystolicArray.simulate")
    needed = array.cycles(MatMul("product", m, k, n)) * array.units
    if needed > MOST_STATES:
        raise ValueError(f"{needed:,} states are more than {MOST_STATES:,}: use SystolicArray.simulate")
    exchanged = array.dataflow == "is"  # the same machine with the roles exchanged
    if exchanged:
        a, b = b.T, a.T
    product, done = np.zeros((len(a), b.shape[1])), np.zeros((len(a), b.shape[1]), int)
    states: list[State] = []
    fold: list[int] = []
    for number, (there, (new, result, when)) in enumerate(passes(array, a, b)):
        product[there] += result
        done[there] = len(states) + when
        states += new
        fold += [number] * len(new)
    if exchanged:
        product, done = product.T, done.T
    right, down, stay, active = (np.stack(each) for each in zip(*states, strict=True))
    return Wavefront(right, down, stay, active, np.array(fold), product.astype(kind), done)
