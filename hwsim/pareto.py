"""Which designs are worth a look: those that no other beats."""

import numpy as np
from numpy.typing import ArrayLike


def pareto(cost: ArrayLike, quality: ArrayLike) -> np.ndarray:
    """Find the designs for which no other is at least as cheap and at least as good, and one of the two strictly.

    Parameters
    ----------
    cost, quality : array (n,), lower cost and higher quality are better.

    Returns
    -------
    bool array (n,), True on the front. Equal designs are all on it or all off it.

    Raises
    ------
    ValueError
        When the two do not have the same length.

    Examples
    --------
    >>> pareto(cost=[1, 2, 3], quality=[0.7, 0.6, 0.9]).tolist()
    [True, False, True]
    """
    cost, quality = np.asarray(cost), np.asarray(quality)
    if cost.ndim != 1 or cost.shape != quality.shape:
        raise ValueError(
            f"pareto needs one cost and one quality for each design, got {cost.shape}, {quality.shape}"
        )
    no_dearer = cost <= cost[:, None]  # [i, j]: design j costs no more than design i
    no_worse = quality >= quality[:, None]
    differs = (cost != cost[:, None]) | (quality != quality[:, None])
    return ~(no_dearer & no_worse & differs).any(axis=1)
