"""`RingAllReduce`: the messages of an all-reduce, one round at a time, and how training scales with it."""

from typing import NamedTuple

import numpy as np
import traitlets

import hwsim
from effdl.widgets.base import Widget, known, module, pack, significant

ALGORITHMS = {
    "ring": hwsim.Ring,
    "tree": hwsim.Tree,
    "torus": hwsim.Torus.of,
    "parameter server": hwsim.ParameterServer,
}
WORKERS = (2, 3, 4, 5, 6, 8)  # of the animation
ELEMENTS = 8  # numbers that each worker has in it
COUNTS = tuple(2**power for power in range(9))  # workers of the scaling curves


class Readout(NamedTuple):
    """Where an all-reduce stands after some rounds."""

    values: list  # (nodes, ELEMENTS) numbers; a server has none at first
    shares: list  # (nodes, ELEMENTS), of how many workers each number is the sum
    moves: list  # [source, target, start, stop, add] of the messages that led here
    sent: list  # (nodes,), numbers sent so far
    rounds: int  # in all


def trace(algorithm: str, workers: int) -> list[list[int]]:
    """Return the messages of the simulator's schedule: [round, source, target, start, stop, add], rounds from 1."""
    schedule = ALGORITHMS[algorithm](workers).schedule(ELEMENTS)
    return [[number, *map(int, message)] for number, batch in enumerate(schedule, 1) for message in batch]


def after(messages: list[list[int]], workers: int, step: int) -> Readout:
    """Return what the nodes hold after `step` rounds; the browser module computes the same."""
    rounds = messages[-1][0]
    step = min(step, rounds)
    nodes = max(workers, 1 + max(max(source, target) for _, source, target, *_ in messages))
    held = np.zeros((nodes, ELEMENTS), int)
    held[:workers] = (3 * np.arange(workers)[:, None] + 5 * np.arange(ELEMENTS)) % 9 + 1
    shares = np.repeat(np.arange(nodes)[:, None] < workers, ELEMENTS, 1).astype(int)
    sent, moves = [0] * nodes, []
    for number in range(1, step + 1):
        moves = [message[1:] for message in messages if message[0] == number]
        before = held.copy(), shares.copy()  # all messages of a round leave before any arrives
        for source, target, start, stop, add in moves:
            for array, old in zip((held, shares), before, strict=True):
                array[target, start:stop] = add * array[target, start:stop] + old[source, start:stop]
            sent[source] += stop - start
    return Readout(held.tolist(), shares.tolist(), moves, sent, rounds)


class RingAllReduce(Widget):
    """Step through the messages of an all-reduce, and see how training scales with each algorithm.

    Parameters
    ----------
    links : `{name: hwsim.Link}`, for the curves; their cost of adding is left out.
    networks : `{name: (seconds, bytes)}`, a training step on one worker and the gradients.
    link, network : Which ones are shown first.
    algorithm : "ring", "tree", "torus" or "parameter server".
    workers, step : Of the animation. All of these follow the controls.

    Raises
    ------
    ValueError
        If there is no link or network, one is unknown, or a number is not positive.
    """

    _esm = module("common.js", "plot.js", "stepper.js", "ring_all_reduce.js")

    algorithm = traitlets.Enum(list(ALGORITHMS), "ring").tag(sync=True)
    workers = traitlets.Enum(WORKERS, 4).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    link = traitlets.Unicode().tag(sync=True)
    network = traitlets.Unicode().tag(sync=True)
    links = traitlets.List().tag(sync=True)  # [name, latency, bandwidth]
    networks = traitlets.List().tag(sync=True)  # [name, seconds, bytes]
    # messages of each algorithm and number of workers
    lengths = traitlets.List(traitlets.Int()).tag(sync=True)
    messages = traitlets.Bytes().tag(sync=True)  # int32, six numbers a message, one trace after the other

    def __init__(self, links, networks, *, link=None, network=None, **traits):
        """See the class."""
        for name, (seconds, size) in networks.items():
            if not (0 < seconds < np.inf and 0 < size < np.inf):
                raise ValueError(f"{name!r}: seconds and bytes must be positive, got {seconds} and {size}")
        self._traces = {(a, w): trace(a, w) for a in ALGORITHMS for w in WORKERS}
        super().__init__(
            link=known(link, list(links), "link"),
            network=known(network, list(networks), "network"),
            links=[[name, link.latency, link.bandwidth] for name, link in links.items()],
            networks=[[name, *numbers] for name, numbers in networks.items()],
            lengths=[len(messages) for messages in self._traces.values()],
            messages=pack(np.concatenate(list(self._traces.values())), "i4"),
            **traits,
        )

    @property
    def readout(self) -> Readout:
        """What the animation shows now."""
        return after(self._traces[self.algorithm, self.workers], self.workers, self.step)

    @property
    def speedups(self) -> dict[str, list[float]]:
        """The curves: speed-up of COUNTS workers by algorithm, each worker with the batch of one."""
        _, latency, bandwidth = next(row for row in self.links if row[0] == self.link)
        _, seconds, size = next(row for row in self.networks if row[0] == self.network)
        link = hwsim.Link(latency, bandwidth)
        return {
            name: [row.speedup for row in hwsim.scaling(algorithm, COUNTS, seconds, size, link)]
            for name, algorithm in ALGORITHMS.items()
        }

    def summary(self) -> str:
        """Return where the all-reduce stands, and the largest speed-up."""
        now = self.readout
        most = self.speedups[self.algorithm][-1]
        return (
            f"{self.algorithm} of {self.workers} workers, round {min(self.step, now.rounds)} of {now.rounds}; "
            f"{self.network} on {COUNTS[-1]} workers with {self.link}: {significant(most)} times as fast as one"
        )
