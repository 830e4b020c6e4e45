"""Balance-aware pruning: as many weights, but the same number for each processing element of EIE (chapter 18).

EIE deals the rows of a matrix out to its processing elements (PEs): row i lives in PE `i mod pes`. All PEs get the same
columns in the same order, so a column takes as long as the PE that has most of its weights.

Source: S. Han et al., ESE: Efficient Speech Recognition Engine with Sparse LSTM on FPGA, FPGA 2017, which prunes each
PE's part of a matrix to the same sparsity. Groups of columns, and taking turns, are this course's.
"""

import numpy as np
import torch


def places(group, *keys):
    """Place of each entry among those of its group: 0 for the smallest key; later keys decide where earlier ones tie.

    Parameters
    ----------
    group : array (n,) of int from 0 on.
    keys : arrays (n,), the most important one first.

    Returns
    -------
    array (n,) of int. What ties in all keys keeps its order.

    >>> places(np.array([0, 1, 0, 0]), np.array([5, 2, 3, 4])).tolist()
    [2, 0, 0, 1]
    """
    order = np.lexsort((*reversed(keys), group))
    sizes = np.bincount(group)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return place


def balanced_mask(weight, mask, pes, columns=None):
    """Mask that keeps as many weights as `mask`, spread evenly over the PEs.

    In each group of columns the PEs take turns: in every turn each one keeps the largest of its weights that are left,
    until as many are kept as `mask` keeps there. In the last turn the largest ones of all go first.

    Parameters
    ----------
    weight : tensor (rows, inputs) of floats.
    mask : boolean tensor of the same shape; only its number of weights in each group of columns counts.
    pes : int, the number of PEs; row i lives in PE `i mod pes`.
    columns : int, the neighboring columns that are balanced together; all of them when None.

    Returns
    -------
    boolean tensor (rows, inputs), True where the weight is kept. PEs with as many rows keep as many weights in each group
    of columns, give or take one; a PE whose rows run out keeps all it has.

    Raises
    ------
    ValueError
        When the weight is no matrix or has a NaN, the mask is not boolean or has another shape, or `pes` or `columns` is
        no integer of at least 1.

    >>> weight = torch.tensor([[9.0, 8], [1, 2], [7, 6], [4, 3]])
    >>> balanced_mask(weight, weight > 5, pes=2).int().tolist()
    [[1, 1], [0, 0], [0, 0], [1, 1]]
    """
    if weight.ndim != 2 or mask.shape != weight.shape:
        raise ValueError(
            f"a matrix and a mask of its shape are needed, not {tuple(weight.shape)} and {tuple(mask.shape)}"
        )
    if mask.dtype != torch.bool:
        raise ValueError(f"the mask must be boolean, not {mask.dtype}: give mask != 0")
    if any(not isinstance(n, int | np.integer) or n < 1 for n in (pes, 1 if columns is None else columns)):
        raise ValueError(f"pes={pes} and columns={columns} must be whole numbers of 1 or more")
    magnitude = weight.detach().abs().flatten().double().numpy()
    if np.isnan(magnitude).any():
        raise ValueError("a weight is not a number (NaN), so the weights cannot be ordered")
    row, column = np.divmod(np.arange(magnitude.size), weight.shape[1])
    group = column // (columns or weight.shape[1])
    turn = places(group * pes + row % pes, -magnitude)
    kept = np.bincount(group, mask.flatten().numpy()).astype(np.int64)
    return torch.from_numpy(places(group, turn, -magnitude) < kept[group]).view(weight.shape)


def balanced_masks(model, masks, pes, columns=None):
    """Masks of a network with as many weights in each layer as `masks` keep, each balanced; see `balanced_mask`.

    Parameters
    ----------
    model : module.
    masks : dict from parameter names to boolean masks, as `effdl.compress.pruning.global_masks` returns.
    pes, columns : as for `balanced_mask`.

    Returns
    -------
    dict from the names in `masks` to boolean masks.
    """
    return {
        name: balanced_mask(model.get_parameter(name), mask, pes, columns) for name, mask in masks.items()
    }
