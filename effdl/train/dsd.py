"""Dense, sparse, dense: prune in the middle of training, then let the removed weights grow again (chapter 23).

Source: S. Han, J. Pool, S. Narang, H. Mao, E. Gong, S. Tang, et al., DSD: Dense-Sparse-Dense Training for Deep Neural
Networks, ICLR 2017.
"""

import copy
from itertools import product
from math import inf
from typing import NamedTuple

import numpy as np
import torch

from effdl.compress.pruning import local_masks
from effdl.training import fit


class Phase(NamedTuple):
    """A stretch of training with one mask."""

    name: str
    epochs: int
    lr: float
    sparsity: float  # share of each layer's weights that is held at zero, from 0 to 1


def dsd_schedule(epochs, sparsity, lr=1e-3, last=0.1):
    """The three phases of DSD: dense, sparse, re-dense.

    Parameters
    ----------
    epochs : int of at least 1, the epochs of each phase.
    sparsity : float from 0 to 1, of the sparse phase.
    lr : float above 0, learning rate of the first two phases.
    last : float above 0, what multiplies it in the third.

    Returns
    -------
    list of three `Phase`.

    Raises
    ------
    ValueError
        When a number is out of its range.

    Source: Han et al., 2017.

    >>> [tuple(phase) for phase in dsd_schedule(5, 0.3, lr=0.5, last=0.5)]
    [('dense', 5, 0.5, 0.0), ('sparse', 5, 0.5, 0.3), ('re-dense', 5, 0.25, 0.0)]
    """
    if not epochs >= 1 or epochs % 1 or not 0 <= sparsity <= 1:
        raise ValueError(
            f"epochs={epochs} must be a whole number from 1, and sparsity={sparsity} from 0 to 1"
        )
    if not (0 < lr < inf and 0 < last < inf):
        raise ValueError(f"lr={lr} and last={last} must be finite and above 0")
    return [
        Phase("dense", epochs, lr, 0.0),
        Phase("sparse", epochs, lr, sparsity),
        Phase("re-dense", epochs, lr * last, 0.0),
    ]


def without_masks(schedule):
    """The same phases with nothing pruned: plain training of equal length, at equal learning rates."""
    return [phase._replace(sparsity=0.0) for phase in schedule]


def train_phases(model, train, schedule, seed=0, choose=local_masks, **training):
    """Train through the phases in turn, in place.

    Each phase that prunes draws its masks from the weights as they are at its start. The next phase drops them: what
    was removed starts at zero and is free to move. Every phase starts Adam anew and has its own order of examples.

    Parameters
    ----------
    model : module.
    train : Split to train on.
    schedule : list of `Phase`, at least one.
    seed : int; phase i shuffles with `seed + 1000 i`.
    choose : function of (model, sparsity) that returns masks.
    training : what else `effdl.training.fit` takes.

    Returns
    -------
    (states, masks) : lists with one entry a phase: a copy of the model's state at its end, and its masks or None.

    Raises
    ------
    ValueError
        When the schedule is empty.
    """
    if not schedule:
        raise ValueError("the schedule is empty: give one phase at least")
    states, masks = [], []
    for i, phase in enumerate(schedule):
        masks.append(choose(model, phase.sparsity) if phase.sparsity else None)
        fit(model, train, epochs=phase.epochs, lr=phase.lr, seed=seed + 1000 * i, masks=masks[-1], **training)
        states.append(copy.deepcopy(model.state_dict()))
    return states, masks


def regrowth(weight, mask):
    """How far the removed weights came back: (mean |w| where the mask is False, mean |w| where it is True).

    Raises
    ------
    ValueError
        When the mask is not boolean or of another shape, or keeps all weights or none.
    """
    if weight.shape != mask.shape or mask.dtype != torch.bool:
        raise ValueError(
            f"a boolean mask of the shape {tuple(weight.shape)} is needed, not {mask.dtype} {tuple(mask.shape)}"
        )
    if mask.all() or not mask.any():
        raise ValueError("the mask must keep some weights and remove others")
    size = weight.detach().abs()
    return size[~mask].mean().item(), size[mask].mean().item()


def sign_flip_test(differences, exact=14, draws=20_000, seed=0):
    """Two-sided p-value of paired differences: how often a mean so far from zero comes by chance.

    If the pairing made no difference, every difference could as well have had the other sign. So flip the signs in
    all ways, and count how often the mean is at least as far from zero as it was.

    Parameters
    ----------
    differences : array (n,), one for each seed.
    exact : int, up to which n all 2^n flips are tried; beyond, `draws` random ones (and the observed one).

    Returns
    -------
    float above 0, at most 1.

    Raises
    ------
    ValueError
        When there is no difference, or one is not finite, or `exact` or `draws` is out of its range.

    Source: R. A. Fisher, The Design of Experiments, 1935, section 21.

    >>> sign_flip_test([1.0, 2.0, 3.0])  # only +++ and --- are as far from zero: 2 of 8
    0.25
    """
    differences = np.asarray(differences, float)
    if differences.ndim != 1 or not len(differences) or not np.isfinite(differences).all():
        raise ValueError("the test needs a list of finite differences, at least one")
    if draws < 1 or exact > 20:
        raise ValueError(f"draws={draws} must be 1 or more, and exact={exact} at most 20 (a million flips)")
    differences, n = differences / (abs(differences).max() or 1.0), len(differences)
    if n <= exact:
        signs = np.array(list(product((1, -1), repeat=n)))
    else:
        signs = np.random.default_rng(seed).choice((1, -1), (draws, n))
        signs[0] = 1  # the one that was observed
    sums = abs(signs @ differences)
    return float((sums >= abs(differences.sum()) - 1e-9).mean())
