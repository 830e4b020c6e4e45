"""Relative indices: store a sparse array as the gaps between its nonzero weights (chapters 02 and 05).

Source: S. Han, H. Mao, W. J. Dally, Deep Compression, ICLR 2016, Figure 2.
"""

import numpy as np

from hwsim.compressed_file import from_relative_index

__all__ = ["from_relative_index", "relative_index"]


def relative_index(weight, bits=4):
    """Encode an array as gaps and values, row by row.

    Parameters
    ----------
    weight : array of any shape.
    bits : int from 1 to 16, the width of a gap. A run of zeros too long for it is broken by filler zeros.

    Returns
    -------
    gaps : uint16 array, zeros skipped before each entry, each below `2**bits`.
    values : array of the weight's dtype, the entries; a filler is an entry of value 0.
    """
    if not 1 <= bits <= 16:
        raise ValueError(f"bits={bits} must be from 1 to 16")
    flat = np.asarray(weight).ravel()
    positions = np.flatnonzero(flat)
    skipped = np.diff(positions, prepend=-1) - 1
    fillers, remainder = np.divmod(skipped, 2**bits)
    last = np.cumsum(fillers + 1) - 1  # where each nonzero weight stands among the entries
    gaps = np.full(last[-1] + 1 if len(last) else 0, 2**bits - 1, np.uint16)
    values = np.zeros(len(gaps), flat.dtype)
    gaps[last], values[last] = remainder, flat[positions]
    return gaps, values
