"""Run-length compression of activations, as Eyeriss stores them in DRAM.

After ReLU most activations are zero. Each pair holds the zeros before a value, at most 31, and the value of 16 bits; three
pairs and a flag fill a word of 64 bits (Chen et al., Eyeriss, IEEE JSSC 52(1), 2017).
"""

import numpy as np
from numpy.typing import ArrayLike

WORD_BITS = 16  # of a number as it is
RUN = 32  # numbers that a pair covers at most: 31 zeros, and its value, which may be zero too
PAIR_BITS = 64 / 3


def run_length_bytes(values: ArrayLike) -> int:
    """Bytes of 16-bit numbers after compression.

    Parameters
    ----------
    values : array of any shape, in the order of storage

    Returns
    -------
    int, whole words of 64 bits

    Examples
    --------
    >>> run_length_bytes([0, 0, 5, 0, 0, 0, 0, 7]), 8 * 2  # compressed, and as it is
    (8, 16)
    """
    flat = np.ravel(values)
    nonzero = np.flatnonzero(flat)
    runs = np.diff(nonzero, prepend=-1) - 1
    after = flat.size - 1 - (nonzero[-1] if nonzero.size else -1)
    pairs = nonzero.size + int((runs // RUN).sum()) + -(-int(after) // RUN)
    return 8 * -(-pairs // 3)


def run_length_ratio(zeros: ArrayLike) -> float:
    """Size after compression as a share of the size before, at most 1: a layer may be stored as it is.

    Parameters
    ----------
    zeros : the numbers themselves (array), or the share of zeros among them (one number, 0 to 1) if they lie at random

    Returns
    -------
    float, 0 to 1

    Raises
    ------
    ValueError
        When the share is not from 0 to 1.

    Examples
    --------
    >>> [round(run_length_ratio(share), 2) for share in (0.1, 0.5, 0.9)]
    [1.0, 0.67, 0.14]
    """
    share, numbers = zeros_share(zeros), np.asarray(zeros)
    if numbers.ndim:
        return min(1.0, run_length_bytes(numbers) * 8 / (WORD_BITS * numbers.size))
    # Pairs for each number: those that are not zero, and one more for every 32 zeros of a run.
    pairs = 1 / RUN if share == 1 else (1 - share) / (1 - share**RUN)
    return min(1.0, pairs * PAIR_BITS / WORD_BITS)


def zeros_share(zeros: ArrayLike) -> float:
    """The share of zeros, from the numbers or from the share itself; ValueError unless that is a number from 0 to 1."""
    numbers = np.asarray(zeros)
    if numbers.dtype.kind not in "iufb" or not numbers.size:
        raise ValueError(f"zeros are numbers or their share, from 0 to 1; got {zeros!r}")
    if numbers.ndim:
        return 1 - np.count_nonzero(numbers) / numbers.size
    if not 0 <= numbers <= 1:
        raise ValueError(f"the share of zeros is a number from 0 to 1, got {zeros!r}")
    return float(numbers)
