"""The widget of EIE's queues without a browser: what it shows, what it hands over, what it refuses."""

import numpy as np
import pytest
import traitlets

import hwsim
from effdl.widgets import Queues

WEIGHT = np.array([[1, 1, 0], [0, 2, 0], [3, 0, 0], [0, 4, 0], [5, 0, 0]])
ACTIVATIONS = np.array([1, 2, 0])


def widget(**options):
    random = np.random.default_rng(4)
    weight = random.integers(-3, 4, (16, 12)) * (random.random((16, 12)) < random.random((16, 1)))
    return Queues({"one": weight, "other": np.roll(weight, 1, axis=1)}, random.integers(-1, 3, 12), **options)


def test_by_hand():
    """The timeline that tests/test_hwsim_eie.py works out by hand: column 1 waits for PE 0's three weights of column 0."""
    shown = Queues({"w": WEIGHT}, ACTIVATIONS, pes=[2], depths=[1])
    assert shown.readout == (0, [[0], [0]], [-1, -1], [-1, -1], [0.0] * 5, 0, 6, 7, 3)
    shown.cycle = 3
    now = shown.readout
    assert (now.broadcast, now.queues) == (-1, [[1], []])
    assert (now.columns, now.rows) == ([0, 1], [4, 1])
    assert (now.sums, now.products) == ([1, 4, 3, 0, 5], 4)
    shown.cycle = 6
    assert shown.readout.columns == [3, 3]  # the bias column, which is empty
    assert shown.readout.rows == [-1, -1]
    assert shown.readout.sums == (WEIGHT @ ACTIVATIONS).tolist()


@pytest.mark.parametrize("pes", [2, 4, 8])
@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_it_is_the_simulators_run(pes, depth):
    shown = widget(count=pes, depth=depth)
    eie = hwsim.EIE(pes=pes, fifo_depth=depth)
    weight, activations = shown._weights["one"], shown._activations
    run = eie.timeline(eie.encode(weight), activations)
    report = eie.run(eie.encode(weight), activations)
    products = 0
    for cycle, occupancy in enumerate(run.occupancy().tolist()):
        shown.cycle = cycle
        now = shown.readout
        assert [len(queue) for queue in now.queues] == occupancy
        products += sum(row >= 0 for row in now.rows)
        assert now.products == products
    assert (now.cycles + 6, now.products, now.total) == (report.cycles, report.macs, report.macs)
    assert now.sums == report.output.tolist()
    shown.cycle = 10_000
    assert shown.readout == now


def test_the_summary():
    assert repr(Queues({"w": WEIGHT}, ACTIVATIONS, pes=[2], depths=[1], cycle=3)) == (
        "<Queues: w, 2 PEs with queues of 1: cycle 4 of 7, 4 of 6 products; the broadcast waits in 3 cycles>"
    )


def test_what_it_refuses():
    with pytest.raises(ValueError, match="one matrix at least"):
        Queues({}, ACTIVATIONS)
    with pytest.raises(ValueError, match="at most 16 rows"):
        Queues({"w": np.ones((17, 3))}, ACTIVATIONS)
    with pytest.raises(ValueError, match="of one shape"):
        Queues({"w": WEIGHT, "v": WEIGHT[:3]}, ACTIVATIONS)
    with pytest.raises(ValueError, match="one vector of 3 activations"):
        Queues({"w": WEIGHT}, np.ones(4))
    long = np.ones((16, 4100))  # eight rows a PE: 32,800 cycles and more
    with pytest.raises(ValueError, match=r"32,\d+ cycles are too many to be looked at: take fewer columns"):
        Queues({"w": long}, np.ones(4100), pes=[2], depths=[1])
    with pytest.raises(ValueError, match="unknown depth 3"):
        Queues({"w": WEIGHT}, ACTIVATIONS, depth=3)
    shown = widget()
    for name, value in (("count", 3), ("depth", 0), ("matrix", "none")):
        with pytest.raises(traitlets.TraitError, match="must be one of"):
            setattr(shown, name, value)
    with pytest.raises(traitlets.TraitError, match="cycle"):
        shown.cycle = -1
