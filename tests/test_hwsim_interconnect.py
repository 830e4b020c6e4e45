"""All-reduce: the sum is right on every worker, and simulation, closed forms and published models agree."""

import csv
import re
from math import ceil, log2
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim import networks
from hwsim.interconnect import AllReduce, Link, Message, ParameterServer, Ring, Torus, Tree, scaling

LINK = Link(latency=5e-6, bandwidth=10e9, adding=40e9)
SIZES = [1, 2, 3, 4, 5, 7, 8, 12, 16]
ALGORITHMS = [
    *(kind(p) for kind in (ParameterServer, Tree, Ring) for p in SIZES),
    *(Torus(*shape) for shape in [(1, 1), (1, 4), (4, 1), (2, 2), (2, 3), (3, 2), (4, 4), (3, 5)]),
]

with (Path(__file__).parent / "reference" / "allreduce_models.csv").open() as file:
    MODELS = {row["algorithm"]: row for row in csv.DictReader(file)}


def published(name, column="time", **values):
    """Value of a formula of the file, written as in the papers: "2(p-1)*alpha (+ n*gamma)", "ceil(log2 p)"."""
    text = re.sub(r"(\d)\(", r"\1*(", MODELS[name][column])
    text = re.sub(r"\(\+ (.*)\)$", r"+ \1", text).replace("log2 p", "log2(p)")
    return eval(text, {"ceil": ceil, "log2": log2, **values})


@pytest.mark.parametrize("p", SIZES)
@pytest.mark.parametrize("n", [4, 1_000, 97_490_000])
def test_closed_forms_are_the_published_models(p, n):
    values = {"p": p, "n": n, "alpha": 5e-6, "beta": 1 / 10e9, "gamma": 1 / 40e9}
    assert Ring(p).seconds(n, LINK) == pytest.approx(published("ring all-reduce", **values), rel=1e-12)
    halves = 2 * published("reduce-scatter / all-gather", **values)
    no_adding = Link(5e-6, 10e9)
    assert Ring(p).seconds(n, no_adding) == pytest.approx(halves, rel=1e-12)
    tree = published("binomial tree reduce+bcast", **values)
    assert Tree(p).seconds(n, no_adding) == pytest.approx(tree, rel=1e-12)
    server = published("parameter server (1 link)", **values)  # the model has no latency
    assert ParameterServer(p).seconds(n, Link(0, 10e9)) == pytest.approx(server, rel=1e-12)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_simulation_takes_the_closed_form(algorithm):
    elements = 240 * algorithm.workers
    arrays = np.arange(algorithm.workers * elements).reshape(algorithm.workers, elements)
    exchange = algorithm.simulate(arrays, LINK)
    assert exchange.seconds == pytest.approx(algorithm.seconds(8 * elements, LINK), rel=1e-12)
    assert (exchange.output == arrays.sum(axis=0)).all()
    assert sum(exchange.sent) == sum(exchange.received)


@given(
    st.sampled_from(ALGORITHMS),
    st.lists(st.integers(0, 4), max_size=3),
    st.integers(0, 2**32 - 1),
)
def test_every_worker_has_the_exact_sum(algorithm, shape, seed):
    rng = np.random.default_rng(seed)
    arrays = rng.integers(-(2**40), 2**40, (algorithm.workers, *shape))
    before = arrays.copy()
    exchange = algorithm.simulate(arrays, LINK)
    assert (exchange.output == arrays.sum(axis=0)).all()
    assert exchange.output.shape == arrays.shape
    assert (arrays == before).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_floats_are_the_same_bits_on_every_worker(algorithm):
    arrays = np.random.default_rng(0).normal(size=(algorithm.workers, 101)).astype(np.float32)
    exchange = algorithm.simulate(arrays, LINK)
    assert exchange.output.dtype == np.float32
    assert (exchange.output == exchange.output[0]).all()
    np.testing.assert_allclose(exchange.output[0], arrays.sum(axis=0), rtol=0, atol=1e-5)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
@pytest.mark.parametrize("elements", [0, 1, 50, 1001])
def test_uneven_parts_cost_at_most_an_element_a_round(algorithm, elements):
    exchange = algorithm.simulate(np.ones((algorithm.workers, elements)), LINK)
    even = algorithm.seconds(8 * elements, LINK)
    bound = exchange.rounds * 2 * 8 * (1 / LINK.bandwidth + 1 / LINK.adding)  # a torus divides twice
    assert even * (1 - 1e-12) <= exchange.seconds <= even * (1 + 1e-12) + bound


def test_rounds_messages_and_bytes():
    arrays, size = np.ones((8, 800), np.float32), 3200
    ring = Ring(8).simulate(arrays, LINK)
    assert (ring.rounds, ring.messages) == (14, 14 * 8)
    factor = published("ring all-reduce", "bus_factor", n=8)
    assert ring.sent == ring.received == (factor * size,) * 8
    torus = Torus(2, 4).simulate(arrays, LINK)
    assert (torus.rounds, torus.messages) == (2 * (2 + 4 - 2), 8 * 8)
    assert torus.sent == ring.sent
    tree = Tree(8).simulate(arrays, LINK)
    assert (tree.rounds, tree.messages) == (6, 14)
    assert tree.sent == tuple(size * messages for messages in [3, 1, 2, 1, 3, 1, 2, 1])
    server = ParameterServer(8).simulate(arrays, LINK)
    assert (server.rounds, server.messages) == (2, 16)
    assert server.sent == (size,) * 8 + (8 * size,)


class RecursiveDoubling(AllReduce):
    """In each round pairs swap all they have, at twice the distance of the round before; for powers of two."""

    def __init__(self, workers):
        self.workers = workers

    def schedule(self, elements):
        for level in range(self.workers.bit_length() - 1):
            yield [Message(i, i ^ 2**level, 0, elements, add=True) for i in range(self.workers)]


@pytest.mark.parametrize("p", [1, 2, 4, 8, 16])
def test_another_schedule_runs_too_and_messages_of_a_round_pass_each_other(p):
    arrays = np.arange(5 * p).reshape(p, 5)
    exchange = RecursiveDoubling(p).simulate(arrays, Link(5e-6, 10e9))
    assert (exchange.output == arrays.sum(axis=0)).all()
    model = published("recursive doubling", p=p, n=40, alpha=5e-6, beta=1 / 10e9)
    assert exchange.seconds == pytest.approx(model, rel=1e-12)


def test_one_slow_link_sets_the_pace_of_a_ring_and_spares_a_tree_that_does_not_use_it():
    arrays, slow = np.ones((4, 400)), Link(1e-3, 1e6)
    links = {(1, 2): slow}
    with pytest.raises(ValueError, match=r"links: \(0, 9\) are not two of the nodes 0 to 3"):
        Ring(4).simulate(arrays, LINK, {(0, 9): slow})
    assert Ring(4).simulate(arrays, LINK, links).seconds == pytest.approx(
        6 * slow.seconds(800) + 3 * 800 / slow.adding
    )
    assert Tree(4).simulate(arrays, LINK, links).seconds == Tree(4).simulate(arrays, LINK).seconds
    assert (Ring(4).simulate(arrays, LINK, links).output == 4).all()


def test_small_arrays_want_a_tree_and_large_ones_a_ring():
    assert Tree(16).seconds(100, LINK) < Torus(4, 4).seconds(100, LINK) < Ring(16).seconds(100, LINK)
    assert Torus(4, 4).seconds(1e8, LINK) < Ring(16).seconds(1e8, LINK) < Tree(16).seconds(1e8, LINK)
    assert Tree(16).seconds(1e8, LINK) < ParameterServer(16).seconds(1e8, LINK)


@pytest.mark.parametrize(
    ("workers", "shape"), [(1, (1, 1)), (7, (1, 7)), (12, (3, 4)), (16, (4, 4)), (50, (5, 10))]
)
def test_torus_of_is_closest_to_a_square(workers, shape):
    assert Torus.of(workers) == Torus(*shape)


def test_weak_scaling_by_hand():
    link = Link(0, 1e9)
    one, four = scaling(Ring, [1, 4], compute=0.3, gradient_bytes=1e8, link=link)
    assert (one.seconds, one.communication, one.speedup, one.efficiency) == (0.3, 0, 1, 1)
    assert four.communication == pytest.approx(2 * 3 / 4 * 0.1)
    assert four.seconds == pytest.approx(0.45)
    assert four.speedup == pytest.approx(4 * 0.3 / 0.45)
    assert four.efficiency == pytest.approx(2 / 3)


def test_strong_scaling_by_hand():
    link = Link(0, 1e9)
    one, four = scaling(Ring, [1, 4], compute=0.3, gradient_bytes=1e8, link=link, mode="strong")
    assert (one.seconds, one.efficiency) == (0.3, 1)
    assert four.compute == pytest.approx(0.075)
    assert four.seconds == pytest.approx(0.225)
    assert four.speedup == pytest.approx(4 / 3)
    assert four.efficiency == pytest.approx(1 / 3)


def test_overlap_hides_communication_until_it_is_the_longer():
    weak = {"compute": 0.3, "gradient_bytes": 1e8, "link": Link(0, 1e9)}
    assert scaling(Ring, [4], **weak, overlap=0.25)[0].seconds == pytest.approx(0.375)
    assert scaling(Ring, [4], **weak, overlap=1.0)[0].efficiency == 1
    (strong,) = scaling(Ring, [4], **weak, overlap=1.0, mode="strong")
    assert strong.seconds == pytest.approx(strong.communication)


def test_scaling_of_resnet50():
    gradients = networks.resnet50().weight_bytes()
    counts = [1, 2, 4, 8, 16, 32, 64]
    weak, strong, server, torus = (
        scaling(algorithm, counts, 0.1, gradients, LINK, mode)
        for algorithm, mode in [
            (Ring, "weak"),
            (Ring, "strong"),
            (ParameterServer, "weak"),
            (Torus.of, "weak"),
        ]
    )
    assert [row.workers for row in weak] == counts
    for rows in (weak, strong, server, torus):
        efficiency = [row.efficiency for row in rows]
        assert efficiency == sorted(efficiency, reverse=True)
        assert efficiency[0] == 1  # one worker sends nothing, not even to a server
    for i in range(1, len(counts)):
        assert strong[i].efficiency < weak[i].efficiency
        assert server[i].efficiency < weak[i].efficiency <= torus[i].efficiency + 1e-12
    assert weak[-1].efficiency > 0.8  # bounded: the bytes of a ring hardly grow
    assert max(row.speedup for row in server) < 0.1 / (2 * gradients / LINK.bandwidth)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ring(0), "Ring: workers must be an integer of at least 1, got 0"),
        (lambda: Tree(2.0), "Tree: workers"),
        (lambda: ParameterServer(True), "ParameterServer: workers"),
        (lambda: Torus(2, 0), "Torus: cols"),
        (lambda: Torus.of(0), "Torus: workers"),
        (lambda: Link(-1, 1), "latency of at least 0"),
        (lambda: Link(0, 0), "rates above 0"),
        (lambda: Link(0, 1, 0), "rates above 0"),
        (lambda: Ring(3).simulate(np.ones((2, 5)), LINK), "3 rows, one for each worker; got shape"),
        (lambda: Ring(3).simulate(np.float32(1), LINK), "got shape \\(\\)"),
        (lambda: Ring(2).simulate(np.ones((2, 5), bool), LINK), "of bool"),
        (lambda: scaling(Ring, [1], 1, 1, LINK, mode="both"), 'mode must be "weak" or "strong"'),
        (lambda: scaling(Ring, [1], 0, 1, LINK), "compute must be above 0"),
        (lambda: scaling(Ring, [1], 1, 1, LINK, overlap=2), "overlap between 0 and 1"),
        (lambda: scaling(Ring, [0], 1, 1, LINK), "scaling: workers"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
