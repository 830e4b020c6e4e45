"""All-reduce: every worker has an array, and at the end every worker has the sum of all.

Data-parallel training does it with the gradients in each step. Each algorithm has a closed form (`seconds`) and a
schedule of messages that `simulate` carries out on real arrays. Both use the alpha-beta-gamma model: a message of s
bytes takes latency + s / bandwidth, and summing s bytes takes s / adding. Messages of one round travel at the same
time, except that those through the same port of a node follow each other. Every node has one port in and one port out.

Left out: contention inside switches, messages in flight behind each other, both directions of a link at once in the
ring and torus (which can halve the transfer), and trees that pipeline parts of the array.

Thakur, Rabenseifner, Gropp, "Optimization of Collective Communication Operations in MPICH", 2005.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isqrt
from numbers import Real
from typing import NamedTuple

import numpy as np

from hwsim.workload import check_sizes


@dataclass(frozen=True)
class Link:
    """What a message costs; ValueError when the latency is negative or a rate not positive.

    Parameters
    ----------
    latency : float, seconds before the first byte arrives (alpha)
    bandwidth : float, bytes a second (1 / beta)
    adding : float, bytes a second at which a node adds what arrives to what it has (1 / gamma); no cost by default

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
        numbers = all(isinstance(value, Real) for value in (self.latency, self.bandwidth, self.adding))
        if not (numbers and 0 <= self.latency < inf and self.bandwidth > 0 and self.adding > 0):
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
    """What the algorithms share: `simulate`, from `workers` (p), `nodes` and `schedule(elements)`.

    ValueError unless the numbers of workers, rows and columns are integers of at least 1.
    """

    workers: int

    def __post_init__(self) -> None:
        """Check the sizes."""
        check_sizes(type(self).__name__, **vars(self))

    @property
    def nodes(self) -> int:
        """Nodes that exchange messages."""
        return self.workers

    def schedule(self, elements: int) -> Rounds:
        """Yield the messages of each round, for arrays of that many elements."""
        raise NotImplementedError

    def seconds(self, size: float, link: Link) -> float:
        """Closed form of the time for `size` (n) bytes on each worker."""
        raise NotImplementedError

    def simulate(
        self, arrays: np.ndarray, link: Link, links: Mapping[tuple[int, int], Link] | None = None
    ) -> Exchange:
        """Send the messages one round after the other; a round lasts as long as its slowest port.

        Parts of the array are whole elements. Where the workers divide the elements, the time is the closed form's;
        otherwise the largest part decides, and it is a little longer.

        Parameters
        ----------
        arrays : array (workers, ...) of numbers, what each worker has; left as it is. Anything else: ValueError.
        link : Link
        links : mapping (source, target) -> Link, the links that differ

        Returns
        -------
        Exchange. The sum is exact for integers. Floating-point sums depend on the order of the additions, which differs
        between algorithms, but all workers have the same bits.
        """
        arrays = np.asarray(arrays)
        if arrays.ndim == 0 or len(arrays) != self.workers or arrays.dtype.kind not in "iufc":
            raise ValueError(
                f"{self} needs an array of numbers with {self.workers} rows, one for each worker; "
                f"got shape {arrays.shape} of {arrays.dtype}"
            )
        stray = [pair for pair in links or {} if not {*pair} <= set(range(self.nodes))]
        if stray:
            raise ValueError(f"links: {stray[0]} are not two of the nodes 0 to {self.nodes - 1}")
        elements = arrays[0].size
        held = np.zeros((self.nodes, elements), arrays.dtype)
        held[: self.workers] = arrays.reshape(self.workers, elements)
        sent, received = [0] * self.nodes, [0] * self.nodes
        rounds, messages, seconds = 0, 0, 0.0
        for batch in self.schedule(elements):
            # All messages of a round leave before any arrives.
            payloads = [held[m.source, m.start : m.stop].copy() for m in batch]
            out, into = np.zeros(self.nodes), np.zeros(self.nodes)  # seconds that each port is busy
            for message, payload in zip(batch, payloads, strict=True):
                part = held[message.target, message.start : message.stop]
                part[:] = part + payload if message.add else payload
                used = (links or {}).get((message.source, message.target), link)
                time = used.seconds(payload.nbytes)
                out[message.source] += time
                into[message.target] += time + (payload.nbytes / used.adding if message.add else 0)
                sent[message.source] += payload.nbytes
                received[message.target] += payload.nbytes
            rounds, messages = rounds + 1, messages + len(batch)
            seconds += max(out.max(), into.max())
        output = held[: self.workers].reshape(arrays.shape)
        return Exchange(output, rounds, messages, tuple(sent), tuple(received), float(seconds))


@dataclass(frozen=True)
class ParameterServer(AllReduce):
    """Every worker sends its array to a server, which sends the sum to every worker: p n bytes in, p n bytes out.

    Examples
    --------
    >>> exchange = ParameterServer(4).simulate(np.ones((4, 1000)), Link(10e-6, 1e9))
    >>> exchange.rounds, exchange.sent  # four workers, and the server
    (2, (8000, 8000, 8000, 8000, 32000))
    """

    workers: int

    @property
    def nodes(self) -> int:
        """The workers, and the server as one more."""
        return self.workers + 1

    def schedule(self, elements: int) -> Rounds:
        """Yield the round to the server and the round back."""
        server = self.workers
        yield [Message(w, server, 0, elements, add=w > 0) for w in range(self.workers)]
        yield [Message(server, w, 0, elements, add=False) for w in range(self.workers)]

    def seconds(self, size: float, link: Link) -> float:
        """2 p (alpha + n beta) + (p - 1) n gamma."""
        return 2 * self.workers * link.seconds(size) + (self.workers - 1) * size / link.adding


@dataclass(frozen=True)
class Tree(AllReduce):
    """A binomial tree to worker 0 and back: pairs, then pairs of pairs, with the whole array in each message.

    Examples
    --------
    >>> exchange = Tree(4).simulate(np.ones((4, 1000)), Link(10e-6, 1e9))
    >>> exchange.rounds, exchange.sent
    (4, (16000, 8000, 16000, 8000))
    """

    workers: int

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
        """ceil(log2 p) (2 (alpha + n beta) + n gamma): few rounds, many bytes."""
        return self.depth * (2 * link.seconds(size) + size / link.adding)


@dataclass(frozen=True)
class Ring(AllReduce):
    """Each worker passes a part of 1 / p to the next: p - 1 rounds sum the parts, p - 1 more hand the sums around.

    Patarasuk and Yuan, "Bandwidth Optimal All-reduce Algorithms", 2009.

    Examples
    --------
    >>> exchange = Ring(4).simulate(np.diag([1, 2, 3, 4]), Link(10e-6, 1e9))
    >>> exchange.output[0].tolist(), exchange.rounds, exchange.sent
    ([1, 2, 3, 4], 6, (48, 48, 48, 48))
    """

    workers: int

    def schedule(self, elements: int) -> Rounds:
        """Yield the rounds that sum and the rounds that hand around."""
        for add in (True, False):
            yield from _pass_on([(range(self.workers), range(elements))], add)

    def seconds(self, size: float, link: Link) -> float:
        """2 (p - 1) alpha + (p - 1) / p n (2 beta + gamma): the bytes hardly grow with p, the rounds do."""
        part = size / self.workers
        return (self.workers - 1) * (2 * link.seconds(part) + part / link.adding)


@dataclass(frozen=True)
class Torus(AllReduce):
    """A ring in each row sums a part for each column, a ring in each column completes it, the rows hand it around.

    Worker i of the rows x cols `workers` stands in row i // cols. Mikami et al., "Massively Distributed SGD", 2018,
    arXiv 1811.05233.

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
        super().__post_init__()
        object.__setattr__(self, "workers", self.rows * self.cols)

    @classmethod
    def of(cls, workers: int) -> "Torus":
        """Make the torus of that many workers that is closest to a square."""
        check_sizes("Torus", workers=workers)
        rows = next(rows for rows in range(isqrt(workers), 0, -1) if workers % rows == 0)
        return cls(rows, workers // rows)

    def schedule(self, elements: int) -> Rounds:
        """Yield the rounds along the rows, along the columns, and along the rows again."""
        grid = np.arange(self.workers).reshape(self.rows, self.cols)
        rows = [(row, range(elements)) for row in grid.tolist()]
        # Column j has the rows' sums of part j + 1.
        columns = [(col, _part(range(elements), j + 1, self.cols)) for j, col in enumerate(grid.T.tolist())]
        for rings, add in ((rows, True), (columns, True), (columns, False), (rows, False)):
            yield from _pass_on(rings, add)

    def seconds(self, size: float, link: Link) -> float:
        """2 (rows + cols - 2) alpha + (p - 1) / p n (2 beta + gamma): the bytes of a ring in far fewer rounds."""
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
    list of Scaling, in the order of `workers`. ValueError when the mode is neither, or a number is out of range.

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
        check_sizes("scaling", workers=count)
        own = compute if mode == "weak" else compute / count
        communication = algorithm(count).seconds(gradient_bytes, link) if count > 1 else 0.0
        seconds = own + max(0.0, communication - overlap * own)
        batches = count if mode == "weak" else 1  # of the size that one worker does in a step
        rows.append(Scaling(count, own, communication, seconds, batches * compute / seconds))
    return rows


def _pass_on(rings: Sequence[tuple[Sequence[int], range]], add: bool) -> Rounds:
    """The rounds of rings (nodes, elements) of one length, at the same time: each node sends a part to the next one.

    A round later it sends the part that it has just got. With `add` node i begins with part i, and at the end has the
    sum of part i + 1 (reduce-scatter); without, it begins with that one, and at the end has all (all-gather).
    """
    size, first = len(rings[0][0]), 0 if add else 1
    for step in range(size - 1):
        batch = []
        for nodes, elements in rings:
            for i, node in enumerate(nodes):
                part = _part(elements, i + first - step, size)
                batch.append(Message(node, nodes[(i + 1) % size], part.start, part.stop, add))
        yield batch


def _part(elements: range, i: int, parts: int) -> range:
    """Part `i` of `parts` nearly equal ones; after the last comes the first."""
    i %= parts
    return elements[len(elements) * i // parts : len(elements) * (i + 1) // parts]
