"""A loop nest walked step by step: which element is touched, where, and when.

`LoopNest.counts` says how often each memory is accessed, in closed form. Here the same nest is run, and every access is
written down. That is slow, and needs small layers; it shows what the closed form adds up.
"""

from collections.abc import Iterator
from itertools import pairwise
from math import prod
from typing import NamedTuple

import numpy as np

from hwsim.loopnest import DIMS, SLIDES, TENSORS, Level, Loop, LoopNest
from hwsim.workload import Conv2d, MatMul, pair

MOST_MACS = 20_000  #: A larger layer is for `LoopNest.counts`.


class Access(NamedTuple):
    """One element, read from a level, filled into it from above, or written into it from below (an update).

    `step` counts from 0, `element` from 0 in the order of storage (see `operands`). A read that several instances below
    share, and an update that adds up what several of them send, are one access.
    """

    step: int
    level: str
    tensor: str
    kind: str  # "read", "fill", "update"
    element: int
    instance: int


class Tiles(NamedTuple):
    """What the instances of one level use of one tensor; without a name, what the MACs use.

    `used` is an array (turns of the loops in time above, steps of a turn, instances, MACs below an instance) of elements.
    """

    level: str
    start: int  # the first of the nest's loops that is inside
    used: np.ndarray


def sizes_of(conv: Conv2d) -> dict[str, tuple[int, ...]]:
    """Shape of each tensor: weights (M, C, R, S), inputs (N, C, rows, columns), outputs (N, M, P, Q).

    Inputs are the pixels that the kernel can reach, padding included.
    """
    (P, Q), (R, S), stride = conv.output_size, pair(conv.kernel), pair(conv.stride)
    rows, columns = (P - 1) * stride[0] + R, (Q - 1) * stride[1] + S
    return {
        "weights": (conv.out_channels, conv.in_channels, R, S),
        "inputs": (conv.batch, conv.in_channels, rows, columns),
        "outputs": (conv.batch, conv.out_channels, P, Q),
    }


def indices(nest: LoopNest) -> dict[str, np.ndarray]:
    """The value of each dim's index in each step and at each MAC: arrays (steps, MACs at once)."""
    loops = nest.loops
    order = sorted(range(len(loops)), key=lambda i: loops[i].spatial)  # time first, then space
    at_once = prod(loop.bound for loop in loops if loop.spatial)
    turns = np.indices([loops[i].bound for i in order]).reshape(len(loops), nest.cycles, at_once)
    index = {dim: np.zeros((nest.cycles, at_once), int) for dim in DIMS}
    for turn, i in zip(turns, order, strict=True):
        dim = loops[i].dim
        index[dim] += turn * prod(loop.bound for loop in loops[i + 1 :] if loop.dim == dim)
    return index


def operands(nest: LoopNest, layer: Conv2d | MatMul) -> dict[str, np.ndarray]:
    """The elements that each MAC uses.

    Parameters
    ----------
    nest : LoopNest
    layer : Conv2d without groups, or MatMul (m is N, k is C, n is M), of at most 20,000 MACs

    Returns
    -------
    dict of tensor -> array (steps, MACs at once) of elements, counted from 0 in the order of storage: weights
    (M, C, R, S), inputs (N, C, rows, columns), outputs (N, M, P, Q). ValueError when the nest does not cover the layer or
    the layer is too large.

    Examples
    --------
    >>> from hwsim import Level
    >>> nest = LoopNest([Level("DRAM", TENSORS, [("M", 2), ("C", 3)])])
    >>> {tensor: used.ravel().tolist() for tensor, used in operands(nest, MatMul("fc", 1, 3, 2)).items()}
    {'weights': [0, 1, 2, 3, 4, 5], 'inputs': [0, 1, 2, 0, 1, 2], 'outputs': [0, 0, 0, 1, 1, 1]}
    """
    conv = nest.covered(layer)
    if conv.macs > MOST_MACS:
        raise ValueError(
            f"{conv.name} has {conv.macs:,} MACs, more than {MOST_MACS:,}: count them with LoopNest.counts"
        )
    index, sizes, stride = indices(nest), sizes_of(conv), pair(conv.stride)
    row, column = index["P"] * stride[0] + index["R"], index["Q"] * stride[1] + index["S"]
    places = {
        "weights": [index[dim] for dim in "MCRS"],
        "inputs": [index["N"], index["C"], row, column],
        "outputs": [index[dim] for dim in "NMPQ"],
    }
    return {tensor: np.ravel_multi_index(place, sizes[tensor]) for tensor, place in places.items()}


def walk_nest(nest: LoopNest, layer: Conv2d | MatMul) -> list[Access]:
    """Every access of a nest, step by step; as many of each kind as `LoopNest.counts` says.

    Parameters
    ----------
    nest : LoopNest
    layer : Conv2d without groups, or MatMul, of at most 20,000 MACs

    Returns
    -------
    list of Access in the order of steps: in each step what comes down from the outside in, then what goes up. A tile is
    filled in the first step of its visit, and its partial sums go up in the last.

    Raises
    ------
    ValueError
        When the nest does not cover the layer, or the layer has groups or is too large.

    Examples
    --------
    Two outputs of two inputs each, one after the other: the register hands its input on twice.

    >>> from hwsim import Level
    >>> nest = LoopNest([Level("DRAM", TENSORS, [("C", 2)]), Level("register", ("inputs",), [("M", 2)])])
    >>> for access in walk_nest(nest, MatMul("fc", m=1, k=2, n=2))[:4]:
    ...     print(access.step, access.level, access.kind, access.tensor, access.element)
    0 DRAM read weights 0
    0 DRAM read inputs 0
    0 register fill inputs 0
    0 register read inputs 0
    """
    used = operands(nest, layer)
    trace: list[Access] = []
    for tensor in TENSORS:
        for above, below in pairwise(keepers(nest, tensor, used[tensor])):
            trace += handed(nest, tensor, above, below)
    return sorted(trace, key=lambda access: (access.step, access.kind == "update"))


def keepers(nest: LoopNest, tensor: str, used: np.ndarray) -> list[Tiles]:
    """The levels that keep a tensor, from the outermost in, and last the MACs."""
    found, start = [], 0
    for part in nest.parts:
        if isinstance(part, Level) and tensor in part.keeps:
            found.append(Tiles(part.name, start, _cut(nest, start, used)))
        start += len(part.loops)
    return [*found, Tiles("", start, _cut(nest, start, used))]


def _cut(nest: LoopNest, start: int, used: np.ndarray) -> np.ndarray:
    turns, instances = (
        prod(loop.bound for loop in nest.loops[:start] if loop.spatial == spatial)
        for spatial in (False, True)
    )
    return used.reshape(turns, used.shape[0] // turns, instances, -1)


def visits(nest: LoopNest, tensor: str, below: Tiles) -> list[tuple[int, int, bool]]:
    """When a tile is there: (first turn, the turn after the last, whether it slid there from the one before).

    A new tile comes when a loop in time above it that touches the tensor goes on; to a MAC, in each step. It slides when
    that is the innermost loop alone, and moves the window over the input.
    """
    above = [loop for loop in nest.loops[: below.start] if not loop.spatial and loop.bound > 1]
    bounds = [loop.bound for loop in above]
    turns = np.indices(bounds).reshape(len(bounds), prod(bounds)).T
    changed = np.vstack([np.ones(len(bounds), bool), turns[1:] != turns[:-1]])
    touches = np.array([loop.touches(tensor) for loop in above], bool)
    if not below.level:
        return [(turn, turn + 1, False) for turn in range(len(turns))]
    starts = [turn for turn, moved in enumerate((changed & touches).any(1)) if moved or turn == 0]
    slides = tensor == "inputs" and above[-1:] and above[-1].dim in SLIDES
    alone = changed[:, :-1].sum(1) == 0
    return [(a, b, bool(slides and alone[a])) for a, b in pairwise([*starts, len(turns)])]


def leaders(loops: tuple[Loop, ...], tensor: str, instances: int) -> list[bool]:
    """Of the instances that loops in space make, those that the level above serves; others share what the first gets."""
    first = np.ones(1, bool)
    for loop in loops:
        if loop.spatial:
            serves = (np.arange(loop.bound) == 0) | loop.touches(tensor)
            first = np.logical_and.outer(first, serves).ravel()
    return np.resize(first, instances).tolist()


def handed(nest: LoopNest, tensor: str, above: Tiles, below: Tiles) -> Iterator[Access]:
    """What one keeper of a tensor hands down to the next, and takes in from it."""
    length, instances = below.used.shape[1:3]
    share = instances // above.used.shape[2]  # instances below each one above
    serves = leaders(nest.loops[above.start : below.start], tensor, instances)
    seen: list[set[int]] = [set() for _ in range(instances)]
    last: list[set[int]] = [set() for _ in range(instances)]
    for first, end, slid in visits(nest, tensor, below):
        for i in range(instances):
            tile = set(below.used[first, :, i].ravel().tolist())
            # Partial sums come down only if there are some already.
            wanted = tile & seen[i] if tensor == "outputs" else tile - last[i] if slid else tile
            seen[i] |= tile
            last[i] = tile
            for element in sorted(wanted):
                if serves[i]:
                    yield Access(first * length, above.level, tensor, "read", element, i // share)
                if below.level:
                    yield Access(first * length, below.level, tensor, "fill", element, i)
            if tensor == "outputs" and serves[i]:
                for element in sorted(tile):
                    yield Access(end * length - 1, above.level, tensor, "update", element, i // share)
