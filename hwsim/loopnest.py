"""How often each memory is accessed when a layer runs as a given nest of loops.

A convolution is seven loops around one multiplication. Cut the loops into pieces, put the pieces in some order, say
which memory stands between which of them, and the number of accesses to every memory follows. That is all a dataflow
is, and most of its energy::

    for p in 0..8                    DRAM holds weights, inputs, outputs
      for m in 0..4
        for q in 0..14               buffer holds inputs, outputs: what the loops from here inward touch
          at once: c in 0..3         three instances of everything below
            for r in 0..3            register holds weights
              one MAC

is::

    LoopNest([
        Level("DRAM", TENSORS, [("P", 8), ("M", 4)]),
        Level("buffer", ("inputs", "outputs"), [("Q", 14)]),
        Spatial([("C", 3)]),
        Level("register", ("weights",), [("R", 3)]),
    ])

The counting rules are Timeloop's (Parashar et al., "Timeloop: A Systematic Approach to DNN Accelerator Evaluation",
ISPASS 2019, Section VI).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np

from hwsim.energy import EnergyTable
from hwsim.workload import Conv2d, MatMul, check_sizes, pair

TENSORS = ("weights", "inputs", "outputs")  #: What a level can keep.
#: The loops of a convolution: N images, M output channels, C input channels, P and Q output rows and columns, R and S
#: kernel rows and columns.
DIMS = {
    "N": "images",
    "M": "output channels",
    "C": "input channels",
    "P": "output rows",
    "Q": "output columns",
    "R": "kernel rows",
    "S": "kernel columns",
}
# The dims that change which element is used.
TOUCHES = {"weights": "MCRS", "inputs": "NCPQRS", "outputs": "NMPQ"}
SLIDES = "PQRS"  # the dims that move the window over the input, so that one tile overlaps the next

Loops = Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Level:
    """A memory, and the loops that run in time over the tiles of what lies below it.

    Its tile of a tensor is what its own loops and all loops further in touch; the loops outside decide how often the
    tile changes.

    Parameters
    ----------
    name : str
    keeps : the tensors that it holds: of "weights", "inputs", "outputs". Others pass by.
    loops : (dim, bound) pairs, outermost first; dims are N, M, C, P, Q, R, S.
    entry : str or None, its name in a table of energies; None: `name`.

    ValueError when a tensor, a dim or a bound is not one.
    """

    name: str
    keeps: tuple[str, ...]
    loops: Loops = ()
    entry: str | None = None

    def __post_init__(self) -> None:
        """Keep tuples and check them."""
        keeps = (self.keeps,) if isinstance(self.keeps, str) else tuple(self.keeps)
        if set(keeps) - set(TENSORS) or len(set(keeps)) < len(keeps):
            raise ValueError(
                f"{self.name}: keeps names each of {', '.join(TENSORS)} at most once, got {keeps}"
            )
        object.__setattr__(self, "keeps", keeps)
        object.__setattr__(self, "loops", _checked(self.name, self.loops))


@dataclass(frozen=True)
class Spatial:
    """Loops that run in space: as many instances of everything further in, all at work at once.

    `loops` are (dim, bound) pairs as in a `Level`; ValueError when a dim or a bound is not one.
    """

    loops: Loops

    def __post_init__(self) -> None:
        """Keep a tuple and check it."""
        object.__setattr__(self, "loops", _checked("Spatial", self.loops))


class Accesses(NamedTuple):
    """Elements that one instance of a level reads, is filled with from the level above, and takes in from below.

    `reads`: handed down to the next keeper of the tensor or to the MAC; for outputs, partial sums read back.
    `fills`: taken from the next keeper above. `updates`: outputs written from below. `instances`: how many there are.
    """

    reads: int
    fills: int
    updates: int
    instances: int

    @property
    def total(self) -> int:
        """Accesses of all kinds and instances."""
        return (self.reads + self.fills + self.updates) * self.instances


class Loop(NamedTuple):
    """One loop of a nest: it runs `bound` times over a dim, in time or in space."""

    dim: str
    bound: int
    spatial: bool

    def touches(self, tensor: str) -> bool:
        """Whether a turn of the loop changes which element of the tensor is used."""
        return self.dim in TOUCHES[tensor]


@dataclass(frozen=True)
class LoopNest:
    """A layer's loops, cut, ordered and spread over memories and instances.

    Parameters
    ----------
    parts : Level and Spatial, from the outermost in. The first is a Level that keeps all three tensors: it is where
        the layer lies before and after. A part of an index that is further in counts finer: ("P", 8) outside of
        ("P", 14) walks 112 rows in 8 blocks of 14.

    Rules
    -----
    - From a tile outward, loops in time that do not touch its tensor cost nothing, until the first that does; that
      one and all further out multiply the fetches.
    - Where the very innermost loop in time above an input tile slides it (P, Q, R or S), only what is new is fetched.
      Everywhere else whole tiles are, overlap included.
    - A loop in space that does not touch a tensor multicasts it on the way down: one read above, a fill in each
      instance below. On the way up it adds the partial sums: one update.
    - Partial sums are read back, except at an output's first visit. The outermost level has no fills.
    - The innermost keeper of an operand is read for each MAC.

    Left out: capacities, padding (pixels around the input count as stored), and neighbors that pass each other their
    overlap. Where a stride jumps over pixels, they do not count as touched; Timeloop counts the whole span.

    ValueError when the first part does not keep everything or two levels have the same name.

    Examples
    --------
    Four samples at once, each in an instance that keeps the 2 x 3 weights and its own sums: DRAM reads each weight once
    and hands it to all four; each input is fetched anew for both outputs.

    >>> from hwsim import MatMul
    >>> nest = LoopNest([
    ...     Level("DRAM", TENSORS, [("M", 2)]),
    ...     Spatial([("N", 4)]),
    ...     Level("register", ("weights", "outputs"), [("C", 3)]),
    ... ])
    >>> counts = nest.counts(MatMul("fc", m=4, k=3, n=2))
    >>> counts["DRAM", "weights"].reads, counts["DRAM", "inputs"].reads, nest.cycles
    (6, 24, 6)
    >>> counts["register", "weights"]
    Accesses(reads=6, fills=6, updates=0, instances=4)

    Held against: Timeloop on the two nests of `tests/reference/timeloop_loopnests.csv`: all reads, fills, updates,
    instances and cycles are equal.
    """

    parts: tuple[Level | Spatial, ...]

    def __post_init__(self) -> None:
        """Keep a tuple and check it."""
        if isinstance(self.parts, Level | Spatial) or not all(
            isinstance(part, Level | Spatial) for part in self.parts
        ):
            raise ValueError("a nest is a list of Level and Spatial, from the outermost in")
        object.__setattr__(self, "parts", tuple(self.parts))
        first = self.parts[0] if self.parts else None
        missing = [t for t in TENSORS if not isinstance(first, Level) or t not in first.keeps]
        if missing:
            raise ValueError(
                "the outermost part of a nest is a Level that keeps weights, inputs and outputs; "
                f"missing: {', '.join(missing)}"
            )
        names = [level.name for level in self.levels]
        if len(set(names)) < len(names):
            raise ValueError(f"two levels have the same name among {', '.join(names)}: give each its own")

    @property
    def levels(self) -> tuple[Level, ...]:
        """The memories, outermost first."""
        return tuple(part for part in self.parts if isinstance(part, Level))

    @property
    def cycles(self) -> int:
        """Steps in time: the product of the loops that are not in space. Each instance does one MAC a step."""
        return _turns(loop for loop in self.loops if not loop.spatial)

    @property
    def loops(self) -> tuple[Loop, ...]:
        """All loops, outermost first."""
        return tuple(
            Loop(dim, bound, isinstance(part, Spatial)) for part in self.parts for dim, bound in part.loops
        )

    def counts(self, layer: Conv2d | MatMul) -> dict[tuple[str, str], Accesses]:
        """Accesses to each level for each tensor that it keeps.

        Parameters
        ----------
        layer : Conv2d without groups, or MatMul (m is N, k is C, n is M)

        Returns
        -------
        dict of (level, tensor) -> Accesses, in elements, for one instance. ValueError when the loops do not cover the
        layer exactly, naming each dim that is off, or the layer has groups or steps.
        """
        conv = self.covered(layer)
        counts: dict[tuple[str, str], Accesses] = {}
        for tensor in TENSORS:
            counts |= self._count_tensor(conv, tensor)
        return {(level.name, t): counts[level.name, t] for level in self.levels for t in level.keeps}

    def energy(
        self, layer: Conv2d | MatMul, table: EnergyTable, bits: int = 16, mac: str | None = None
    ) -> dict[tuple[str, str], float]:
        """Energy of the accesses, and of the MACs if you name their entry.

        Parameters
        ----------
        layer : Conv2d or MatMul
        table : EnergyTable with an entry for each level: `level.entry`, or else `level.name`. Reads and writes cost the
            same; an entry for more bits than an element has serves several elements.
        bits : int, of an element
        mac : str or None, the entry of one multiply-accumulate

        Returns
        -------
        dict of (level, tensor) -> joules, of all instances, and ("mac", "") -> joules. ValueError when the nest does not
        cover the layer, KeyError when the table has no such entry.
        """
        entries = {level.name: level.entry or level.name for level in self.levels}
        energy = {
            (level, tensor): table.joules(entries[level], accesses.total * bits / table[entries[level]].bits)
            for (level, tensor), accesses in self.counts(layer).items()
        }
        return energy if mac is None else energy | {("mac", ""): table.joules(mac, layer.macs)}

    def _count_tensor(self, conv: Conv2d, tensor: str) -> dict[tuple[str, str], Accesses]:
        """Counts of one tensor, from the MAC outward."""
        counts = {}
        loops, outputs = self.loops, tensor == "outputs"
        # `asked`: elements that an instance below asks of its keeper over the run, first the MAC, one each step, then
        # the keeper just counted. `again`: those among them that are partial sums which exist already.
        inside, asked, again = len(loops), self.cycles, 0
        start = len(loops)
        for part in reversed(self.parts):
            start -= len(part.loops)
            if isinstance(part, Spatial) or tensor not in part.keeps:
                continue
            above, below = loops[:start], loops[start:inside]
            spread = _turns(loop for loop in below if loop.spatial and loop.touches(tensor))
            tile = _elements(conv, tensor, loops[start:])
            first = tile * _turns(loop for loop in above if not loop.spatial and loop.touches(tensor))
            if inside == len(loops) and outputs:
                again = asked - first // spread  # each MAC reads the sum, except an output's first
            visits = _fetches(conv, tensor, loops, start)
            fills = 0 if part is self.parts[0] else visits - first if outputs else visits
            counts[part.name, tensor] = Accesses(
                reads=spread * (again if outputs else asked),
                fills=fills,
                updates=spread * asked if outputs else 0,
                instances=_turns(loop for loop in above if loop.spatial),
            )
            inside, asked, again = start, visits, fills
        return counts

    def covered(self, layer: Conv2d | MatMul) -> Conv2d:
        """The layer as a convolution (m, k, n of a product are its N, C, M); ValueErrors are those of `counts`."""
        conv = _as_conv(layer)
        sizes = (conv.batch, conv.out_channels, conv.in_channels, *conv.output_size, *pair(conv.kernel))
        covered = _extents(self.loops)
        wrong = [
            f"{dim} ({DIMS[dim]}) covers {covered[dim]} of {size}"
            for dim, size in zip(DIMS, sizes, strict=True)
            if covered[dim] != size
        ]
        if wrong:
            raise ValueError(
                f"the nest does not cover {conv.name}: {'; '.join(wrong)}. "
                "The bounds of a dim must multiply to its size"
            )
        return conv


def _as_conv(layer: Conv2d | MatMul) -> Conv2d:
    """The layer as a convolution without groups: m, k, n of a product are its images, input and output channels."""
    if isinstance(layer, MatMul) and layer.groups * layer.steps == 1:
        return Conv2d(layer.name, layer.k, layer.n, height=1, width=1, kernel=1, batch=layer.m)
    if isinstance(layer, MatMul):
        raise ValueError(f"{layer.name}: a nest runs one product; give it a MatMul with groups=1 and steps=1")
    if not isinstance(layer, Conv2d):
        raise ValueError(f"a nest runs one Conv2d or MatMul at a time, not a {type(layer).__name__}")
    if layer.groups > 1:
        raise ValueError(
            f"{layer.name}: a nest runs one group; give it a Conv2d with 1/{layer.groups} of the channels and groups=1"
        )
    return layer


def _turns(loops: Iterable[Loop]) -> int:
    return prod(loop.bound for loop in loops)


def _extents(loops: Sequence[Loop]) -> dict[str, int]:
    """How far the loops run in each dim."""
    return {dim: _turns(loop for loop in loops if loop.dim == dim) for dim in DIMS}


def _elements(conv: Conv2d, tensor: str, loops: Sequence[Loop], slide: str = "", step: int = 0) -> int:
    """Elements of the tensor that the loops touch; or the inputs that are new when their tile moves `step` in dim `slide`."""
    extents = _extents(loops)
    if tensor != "inputs":
        return prod(extents[dim] for dim in TOUCHES[tensor])
    elements = extents["N"] * extents["C"]
    for out, kernel, stride in zip("PQ", "RS", pair(conv.stride), strict=True):
        # The rows, then the columns of the input under the tile, counted from its first.
        pixels = np.unique(np.add.outer(stride * np.arange(extents[out]), np.arange(extents[kernel])))
        if slide in (out, kernel):
            moved = pixels + step * (stride if slide == out else 1)
            pixels = np.setdiff1d(moved, pixels)
        elements *= pixels.size
    return elements


def _fetches(conv: Conv2d, tensor: str, loops: Sequence[Loop], start: int) -> int:
    """Elements that a tile takes in over the run: the loops in time above it change it, seen from the inside out."""
    above = [i for i, loop in enumerate(loops[:start]) if not loop.spatial and loop.bound > 1]
    tile, new = loops[start:], 0
    if tensor == "inputs" and above and loops[above[-1]].dim in SLIDES:
        i = above.pop()
        dim, bound, _ = loops[i]
        new = (bound - 1) * _elements(conv, tensor, tile, dim, step=_extents(loops[i + 1 :])[dim])
    else:
        while above and not loops[above[-1]].touches(tensor):
            above.pop()
    return _turns(loops[i] for i in above) * (_elements(conv, tensor, tile) + new)


def _checked(name: str, loops: Loops) -> tuple[tuple[str, int], ...]:
    loops = tuple(loops)
    if not all(isinstance(loop, tuple | list) and len(loop) == 2 for loop in loops):
        raise ValueError(f"{name}: loops are a list of (dim, bound), as [('P', 4), ('M', 2)], not {loops}")
    for dim, bound in loops:
        if dim not in DIMS:
            raise ValueError(f"{name}: a loop runs over one of {', '.join(DIMS)}, not {dim!r}")
        check_sizes(name, **{f"the bound of {dim}": bound})
    return tuple((dim, bound) for dim, bound in loops)
