"""The all-reduce widget without a browser: it follows the simulator, and says what it refuses."""

import numpy as np
import pytest
import traitlets

import hwsim
from effdl.widgets import RingAllReduce
from effdl.widgets.ring_all_reduce import ALGORITHMS, COUNTS, ELEMENTS, WORKERS, after, trace

LINKS = {"slow": hwsim.Link(50e-6, 125e6), "fast": hwsim.Link(1e-6, 62.5e9)}
NETWORKS = {"large": (0.012, 102e6), "small": (1e-3, 4e4)}


def widget(**options):
    return RingAllReduce(LINKS, NETWORKS, **options)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("workers", WORKERS)
def test_the_last_round_is_the_simulators_result(algorithm, workers):
    messages = trace(algorithm, workers)
    start = np.array(after(messages, workers, 0).values[:workers])
    expected = ALGORITHMS[algorithm](workers).simulate(start, hwsim.Link(0, 1))
    now = after(messages, workers, 1000)
    np.testing.assert_array_equal(now.values[:workers], expected.output)
    assert now.rounds == expected.rounds
    assert tuple(8 * sent for sent in now.sent) == expected.sent  # the simulator counts bytes of int64
    assert np.array(now.shares[:workers]).tolist() == np.full((workers, ELEMENTS), workers).tolist()


def test_each_number_is_the_sum_of_as_many_workers_as_it_says():
    messages = trace("ring", 4)
    shares = [np.array(after(messages, 4, step).shares) for step in range(7)]
    assert [int(share.max()) for share in shares] == [1, 2, 3, 4, 4, 4, 4]
    assert [int((share == 4).sum()) for share in shares] == [0, 0, 0, 8, 16, 24, 32]


def test_by_hand():
    now = after(trace("ring", 2), 2, 1)  # each sends half of its eight numbers
    assert after(trace("ring", 2), 2, 0).values == [[1, 6, 2, 7, 3, 8, 4, 9], [4, 9, 5, 1, 6, 2, 7, 3]]
    assert now.values == [[1, 6, 2, 7, 9, 10, 11, 12], [5, 15, 7, 8, 6, 2, 7, 3]]
    assert (now.moves, now.sent, now.rounds) == ([[0, 1, 0, 4, 1], [1, 0, 4, 8, 1]], [4, 4], 2)


def test_the_server_is_one_more_node():
    now = after(trace("parameter server", 3), 3, 1)
    assert len(now.values) == 4
    assert now.shares[3] == [3] * ELEMENTS
    assert now.sent == [8, 8, 8, 0]


def test_the_curves_are_the_simulators():
    shown = widget(link="slow", network="small")
    for name, algorithm in ALGORITHMS.items():
        for count, speedup in zip(COUNTS, shown.speedups[name], strict=True):
            moved = algorithm(count).seconds(4e4, LINKS["slow"]) if count > 1 else 0
            assert speedup == pytest.approx(count * 1e-3 / (1e-3 + moved))


def test_the_summary():
    text = repr(widget(algorithm="torus", workers=6, step=99, link="fast"))
    assert text == (
        "<RingAllReduce: torus of 6 workers, round 6 of 6; large on 256 workers with fast: 201 times as fast as one>"
    )


def test_what_it_refuses():
    with pytest.raises(ValueError, match="one link at least"):
        RingAllReduce({}, NETWORKS)
    with pytest.raises(ValueError, match="one network at least"):
        RingAllReduce(LINKS, {})
    with pytest.raises(ValueError, match="unknown network 'b'"):
        widget(network="b")
    for numbers in ((0, 1), (1, 0), (float("nan"), 1), (1, float("inf"))):
        with pytest.raises(ValueError, match="must be positive"):
            RingAllReduce(LINKS, {"a": numbers})
    for name, value in (("workers", 7), ("algorithm", "star")):
        with pytest.raises(traitlets.TraitError):
            widget(**{name: value})
