"""All-reduce: every worker has an array, and at the end every worker has the sum of all.

Data-parallel training does it with the gradients in each step. Each algorithm has a closed form (`seconds`) and a
schedule of messages that `simulate` carries out on real arrays. Both use the alpha-beta-gamma model: a message of s
bytes takes latency + s / bandwidth, and summing s bytes takes s / adding. Messages of one round travel at the same
time, except that those through the same port of a node follow each other. Every node has one port in and one port out.

Left out: contention inside switches, messages in flight behind each other, both directions of a link at once in the
ring and torus (which can halve the transfer), and trees that pipeline parts of the array.

Thakur, Rabenseifner, Gropp, "Optimization of Collective Communication Operations in MPICH", 2005.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from math import inf, isqrt
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Link:
    """What a message costs.

    Parameters
    ----------
    latency : float, seconds before the first byte arrives (alpha)
    bandwidth : float, bytes a second (1 / beta)
    adding : float, bytes a second at which a node adds what arrives to what it has (1 / gamma); no cost by default

    Raises
    ------
    ValueError
        When the latency is negative, or a rate is not positive.

    Examples
    --------
    >>> link = Link(latency=1e-6, bandwidth=10e9)
    >>> f"{link.seconds(1e6) * 1e6:.0f} us"
    '101 us'
    """

    latency: float
    bandwidth: float
    adding: float = inf

    def __post_init__(self) -> None:
        """Check the three numbers."""
        if not (0 <= self.latency < inf and self.bandwidth > 0 and self.adding > 0):
            raise ValueError(
                f"a link needs a latency of at least 0 seconds and rates above 0 bytes a second, got {self}"
            )

    def seconds(self, size: float) -> float:
        """Time of a message of `size` bytes."""
        return self.latency + size / self.bandwidth


class Message(NamedTuple):
    """Elements `start` to `stop` go from one node to another, which adds them or (`add=False`) takes them over."""

    source: int  #: Node that sends.
    target: int  #: Node that receives.
    start: int  #: First element.
    stop: int  #: Element after the last.
    add: bool  #: Whether the target adds.


Rounds = Iterator[list[Message]]


@dataclass(frozen=True)
class Exchange:
    """What an all-reduce did.

    Parameters
    ----------
    output : array (workers, ...), the sum, as each worker has it
    rounds, messages : int
    sent, received : tuple of int, bytes through each node's ports; a parameter server is the last node.
    seconds : float
    """

    output: np.ndarray = field(repr=False, compare=False)
    rounds: int
    messages: int
    sent: tuple[int, ...]
    received: tuple[int, ...]
    seconds: float


class AllReduce:
    """What the algorithms share: `simulate`, from `workers`, `nodes` and `schedule(elements)`."""

    workers: int

    @property
    def nodes(self) -> int:
        """Nodes that exchange messages."""
        return self.workers

    def schedule(self, elements: int) -> Rounds:
        """Yield the messages of each round, for arrays of that many elements."""
        raise NotImplementedError

    def seconds(self, size: float, link: Link) -> float:
        """Closed form of the time for `size` bytes on each worker."""
        raise NotImplementedError

    def simulate(
        self, arrays: np.ndarray, link: Link, links: Mapping[tuple[int, int], Link] | None = None
    ) -> Exchange:
        """Send the messages one round after the other; a round lasts as long as its slowest port.

        Parts of the array are whole elements. Where the workers divide the elements, the time is the closed form's;
        otherwise the largest part decides, and it is a little longer.

        Parameters
        ----------
        arrays : array (workers, ...) of numbers, what each worker has; left as it is
        link : Link
        links : mapping (source, target) -> Link, the links that differ

        Returns
        -------
        Exchange. The sum is exact for integers. Floating-point sums depend on the order of the additions, which differs
        between algorithms, but all workers have the same bits.

        Raises
        ------
        ValueError
            When there is not one array of numbers for each worker.
        """
        arrays = np.asarray(arrays)
        if arrays.ndim == 0 or len(arrays) != self.workers or arrays.dtype.kind not in "iufc":
            raise ValueError(
                f"{self} needs an array of numbers with {self.workers} rows, one for each worker; "
                f"got shape {arrays.shape} of {arrays.dtype}"
            )
        elements = arrays[0].size
        held = np.zeros((self.nodes, elements), arrays.dtype)
        held[: self.workers] = arrays.reshape(self.workers, elements)
        sent, received = [0] * self.nodes, [0] * self.nodes
        rounds = messages = 0
        seconds = 0.0
        for batch in self.schedule(elements):
            payloads = [
                held[m.source, m.start : m.stop].copy() for m in batch
            ]  # all leave before any arrives
            out, into = np.zeros(self.nodes), np.zeros(self.nodes)
            for message, payload in zip(batch, payloads, strict=True):
                part = held[message.target, message.start : message.stop]
                part[:] = part + payload if message.add else payload
                time = (links or {}).get((message.source, message.target), link).seconds(payload.nbytes)
                out[message.source] += time
                into[message.target] += time + (payload.nbytes / link.adding if message.add else 0)
                sent[message.source] += payload.nbytes
                received[message.target] += payload.nbytes
            rounds, messages = rounds + 1, messages + len(batch)
            seconds += max(out.max(), into.max())
        output = held[: self.workers].reshape(arrays.shape)
        return Exchange(output, rounds, messages, tuple(sent), tuple(received), float(seconds))


@dataclass(frozen=True)
class ParameterServer(AllReduce):
    """Every worker sends its array to a server, which sends the sum to every worker: 2 p n bytes through its port.

    Seconds: 2 p (alpha + n beta) + (p - 1) n gamma, for p workers and n bytes.

    Parameters
    ----------
    workers : int, at least 1; the server is one node more

    Raises
    ------
    ValueError
        When `workers` is not a positive integer.

    Examples
    --------
    >>> exchange = ParameterServer(4).simulate(np.ones((4, 1000)), Link(10e-6, 1e9))
    >>> exchange.rounds, exchange.sent  # four workers, and the server
    (2, (8000, 8000, 8000, 8000, 32000))
    """

    workers: int

    def __post_init__(self) -> None:
        """Check the number of workers."""
        _check("ParameterServer", workers=self.workers)

    @property
    def nodes(self) -> int:
        """The workers and the server."""
        return self.workers + 1

    def schedule(self, elements: int) -> Rounds:
        """Yield the round to the server and the round back."""
        server = self.workers
        yield [Message(w, server, 0, elements, add=w > 0) for w in range(self.workers)]
        yield [Message(server, w, 0, elements, add=False) for w in range(self.workers)]

    def seconds(self, size: float, link: Link) -> float:
        """Closed form of the time for `size` bytes on each worker."""
        return 2 * self.workers * link.seconds(size) + (self.workers - 1) * size / link.adding


@dataclass(frozen=True)
class Tree(AllReduce):
    """A binomial tree to worker 0 and back: pairs, then pairs of pairs, with the whole array in each message.

    Seconds: ceil(log2 p) (2 (alpha + n beta) + n gamma), for p workers and n bytes: few rounds, many bytes.

    Parameters
    ----------
    workers : int, at least 1

    Raises
    ------
    ValueError
        When `workers` is not a positive integer.

    Examples
    --------
    >>> exchange = Tree(4).simulate(np.ones((4, 1000)), Link(10e-6, 1e9))
    >>> exchange.rounds, exchange.sent
    (4, (16000, 8000, 16000, 8000))
    """

    workers: int

    def __post_init__(self) -> None:
        """Check the number of workers."""
        _check("Tree", workers=self.workers)

    @property
    def depth(self) -> int:
        """Rounds in each direction: log2 of the workers, rounded up."""
        return (self.workers - 1).bit_length()

    def schedule(self, elements: int) -> Rounds:
        """Yield the rounds up and, the same pairs the other way, down."""
        pairs = [
            [(child, child - 2**level) for child in range(2**level, self.workers, 2 ** (level + 1))]
            for level in range(self.depth)
        ]
        for level in pairs:
            yield [Message(child, parent, 0, elements, add=True) for child, parent in level]
        for level in reversed(pairs):
            yield [Message(parent, child, 0, elements, add=False) for child, parent in level]

    def seconds(self, size: float, link: Link) -> float:
        """Closed form of the time for `size` bytes on each worker."""
        return self.depth * (2 * link.seconds(size) + size / link.adding)


@dataclass(frozen=True)
class Ring(AllReduce):
    """Each worker passes a part of 1 / p to the next: p - 1 rounds sum the parts, p - 1 more hand the sums around.

    Seconds: 2 (p - 1) alpha + 2 (p - 1) / p n beta + (p - 1) / p n gamma, for p workers and n bytes: the bytes hardly
    grow with p, the rounds do. Patarasuk and Yuan, "Bandwidth Optimal All-reduce Algorithms", 2009.

    Parameters
    ----------
    workers : int, at least 1

    Raises
    ------
    ValueError
        When `workers` is not a positive integer.

    Examples
    --------
    >>> exchange = Ring(4).simulate(np.diag([1, 2, 3, 4]), Link(10e-6, 1e9))
    >>> exchange.output[0].tolist(), exchange.rounds, exchange.sent
    ([1, 2, 3, 4], 6, (48, 48, 48, 48))
    """

    workers: int

    def __post_init__(self) -> None:
        """Check the number of workers."""
        _check("Ring", workers=self.workers)

    def schedule(self, elements: int) -> Rounds:
        """Yield the rounds that sum and the rounds that hand around."""
        nodes = range(self.workers)
        yield from _reduce_scatter(nodes, 0, elements)
        yield from _all_gather(nodes, 0, elements)

    def seconds(self, size: float, link: Link) -> float:
        """Closed form of the time for `size` bytes on each worker."""
        part = size / self.workers
        return (self.workers - 1) * (2 * link.seconds(part) + part / link.adding)


@dataclass(frozen=True)
class Torus(AllReduce):
    """A ring in each row sums a part for each column, a ring in each column completes it, the rows hand it around.

    Seconds, for r x c = p workers and n bytes: 2 (r + c - 2) alpha + 2 (p - 1) / p n beta + (p - 1) / p n gamma: the bytes
    of the ring in far fewer rounds. Mikami et al., "Massively Distributed SGD", 2018, arXiv 1811.05233.

    Parameters
    ----------
    rows, cols : int, at least 1; worker i of the rows x cols `workers` stands in row i // cols

    Raises
    ------
    ValueError
        When a size is not a positive integer.

    Examples
    --------
    >>> link = Link(latency=10e-6, bandwidth=1e9)
    >>> [f"{algorithm.seconds(100e3, link) * 1e3:.2f} ms" for algorithm in (Ring(64), Torus.of(64))]
    ['1.46 ms', '0.48 ms']
    """

    rows: int
    cols: int
    workers: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the sizes and count the workers."""
        _check("Torus", rows=self.rows, cols=self.cols)
        object.__setattr__(self, "workers", self.rows * self.cols)

    @classmethod
    def of(cls, workers: int) -> "Torus":
        """Make the torus of that many workers that is closest to a square."""
        _check("Torus", workers=workers)
        rows = next(rows for rows in range(isqrt(workers), 0, -1) if workers % rows == 0)
        return cls(rows, workers // rows)

    def schedule(self, elements: int) -> Rounds:
        """Yield the rounds along the rows, along the columns, and along the rows again."""
        grid = np.arange(self.workers).reshape(self.rows, self.cols).tolist()
        columns = [
            (nodes, *_part(_owned(j, self.cols), self.cols, 0, elements))
            for j, nodes in enumerate(zip(*grid, strict=True))
        ]
        yield from _together(_reduce_scatter(row, 0, elements) for row in grid)
        yield from _together(_reduce_scatter(*column) for column in columns)
        yield from _together(_all_gather(*column) for column in columns)
        yield from _together(_all_gather(row, 0, elements) for row in grid)

    def seconds(self, size: float, link: Link) -> float:
        """Closed form of the time for `size` bytes on each worker."""
        return Ring(self.cols).seconds(size, link) + Ring(self.rows).seconds(size / self.cols, link)


@dataclass(frozen=True)
class Scaling:
    """A training step on some workers.

    Parameters
    ----------
    workers : int
    compute : float, seconds that each worker computes
    communication : float, seconds of the all-reduce
    seconds : float, the step; less than the sum of both where they overlap
    speedup : float, examples a second over those of one worker
    """

    workers: int
    compute: float
    communication: float
    seconds: float
    speedup: float

    @property
    def efficiency(self) -> float:
        """Speed-up for each worker, 0 to 1."""
        return self.speedup / self.workers


def scaling(
    algorithm: Callable[[int], AllReduce],
    workers: Iterable[int],
    compute: float,
    gradient_bytes: float,
    link: Link,
    mode: str = "weak",
    overlap: float = 0.0,
) -> list[Scaling]:
    """Data-parallel training on more and more workers.

    Parameters
    ----------
    algorithm : from a number of workers to an all-reduce: `Ring`, `Tree`, `ParameterServer`, `Torus.of`
    workers : numbers of workers, each at least 1; one worker sends nothing
    compute : float, seconds of a step's forward and backward pass on one worker
    gradient_bytes : float, `network.weight_bytes(bits)`
    link : Link
    mode : "weak", every worker keeps the batch of one worker and the whole batch grows (Gustafson); or "strong", the batch
        is shared out and each worker computes for compute / workers (Amdahl), as if any batch could be divided
    overlap : float, share of the compute time during which gradients can already be sent, 0 to 1

    Returns
    -------
    list of Scaling, in the order of `workers`

    Raises
    ------
    ValueError
        When the mode is neither, or a number is out of range.

    Examples
    --------
    >>> rows = scaling(Ring, [1, 4, 16], compute=0.1, gradient_bytes=100e6, link=Link(10e-6, 1e9))
    >>> [(row.workers, round(row.speedup, 1)) for row in rows]
    [(1, 1.0), (4, 1.6), (16, 5.6)]
    """
    if mode not in ("weak", "strong"):
        raise ValueError(f'mode must be "weak" or "strong", got {mode!r}')
    if not (compute > 0 and gradient_bytes >= 0 and 0 <= overlap <= 1):
        raise ValueError(
            "compute must be above 0 seconds, gradient_bytes at least 0 and overlap between 0 and 1; "
            f"got {compute}, {gradient_bytes} and {overlap}"
        )
    rows = []
    for count in workers:
        _check("scaling", workers=count)
        own = compute if mode == "weak" else compute / count
        communication = algorithm(count).seconds(gradient_bytes, link) if count > 1 else 0.0
        seconds = own + max(0.0, communication - overlap * own)
        batches = count if mode == "weak" else 1  # of the size that one worker does in a step
        rows.append(Scaling(count, own, communication, seconds, batches * compute / seconds))
    return rows


def _part(i: int, parts: int, start: int, stop: int) -> tuple[int, int]:
    """Where part `i` of `parts` nearly equal ones lies."""
    size = stop - start
    return start + size * i // parts, start + size * (i + 1) // parts


def _owned(i: int, workers: int) -> int:
    """The part that worker `i` of a ring has summed after `_reduce_scatter`."""
    return (i + 1) % workers


def _ring_rounds(nodes: Iterable[int], start: int, stop: int, first: int, add: bool) -> Rounds:
    """Each node sends a part to the next; a round later, the one that it has just got. Node i begins with part i + first."""
    nodes = list(nodes)
    p = len(nodes)
    for step in range(p - 1):
        yield [
            Message(nodes[i], nodes[(i + 1) % p], *_part((i + first - step) % p, p, start, stop), add)
            for i in range(p)
        ]


def _reduce_scatter(nodes: Iterable[int], start: int, stop: int) -> Rounds:
    """Sum over the nodes: at the end, node i has the sum of part `_owned(i)`."""
    return _ring_rounds(nodes, start, stop, first=0, add=True)


def _all_gather(nodes: Iterable[int], start: int, stop: int) -> Rounds:
    """Hand the sums around: node i begins with part `_owned(i)`."""
    return _ring_rounds(nodes, start, stop, first=1, add=False)


def _together(rings: Iterable[Rounds]) -> Rounds:
    """Run rings of the same length at the same time."""
    for rounds in zip(*rings, strict=True):
        yield list(chain.from_iterable(rounds))


def _check(name: str, **counts: int) -> None:
    for field_name, count in counts.items():
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ValueError(f"{name}: {field_name} must be an integer of at least 1, got {count!r}")
