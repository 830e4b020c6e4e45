"""The loop nest widget without a browser: its totals are the simulator's, its outputs the convolution's."""

import numpy as np
import pytest
import torch
import traitlets

from effdl.widgets import LoopNestExplorer
from hwsim import EYERISS_RELATIVE, Conv2d, Level, LoopNest, Spatial
from hwsim.loopnest import TENSORS

LAYER = Conv2d("tiny", 1, 2, 4, 4, 2)
WEIGHTS = np.array([1, -2, 3, 0, 2, 1, -1, 4]).reshape(2, 1, 2, 2)
INPUTS = np.arange(16).reshape(1, 1, 4, 4) % 5
LOOPS = {"M": 2, "P": 3, "Q": 3, "R": 2, "S": 2}
ROWS = [Level("buffer", TENSORS, [("M", 2)]), Spatial([("R", 2), ("P", 3)])]
NESTS = {
    "weight stationary": LoopNest(
        [
            Level("DRAM", TENSORS),
            Level("buffer", TENSORS, [(dim, LOOPS[dim]) for dim in "MRSPQ"]),
            Level("register", "weights"),
        ]
    ),
    "rows": LoopNest(
        [Level("DRAM", TENSORS), *ROWS, Level("register", TENSORS, [("Q", 3), ("S", 2)])],
    ),
    "small buffer": LoopNest(
        [
            Level("DRAM", TENSORS, [("M", 2), ("P", 3)]),
            Level("buffer", TENSORS, [(dim, LOOPS[dim]) for dim in "QRS"]),
            Level("register", "outputs"),
        ]
    ),
}


def explorer(**options):
    return LoopNestExplorer(NESTS, LAYER, WEIGHTS, INPUTS, **options)


@pytest.mark.parametrize("name", NESTS)
def test_the_last_step_has_the_totals_and_the_product(name):
    widget = explorer(nest=name, step=NESTS[name].cycles)
    counts = NESTS[name].counts(LAYER)
    for level, there in zip(NESTS[name].levels, widget.readout.counts, strict=True):
        mine = [accesses for (where, _), accesses in counts.items() if where == level.name]
        expected = [
            sum(getattr(a, kind) * a.instances for a in mine) for kind in ("reads", "fills", "updates")
        ]
        assert there == expected
    joules = sum(NESTS[name].energy(LAYER, EYERISS_RELATIVE, mac="mac").values())
    assert sum(widget.readout.energy) == pytest.approx(joules * 1e12)
    exact = torch.nn.functional.conv2d(torch.from_numpy(INPUTS), torch.from_numpy(WEIGHTS))
    assert widget.readout.sums[:2] == [exact.flatten().tolist()] * 2


def test_step_by_step():
    widget = explorer()
    assert widget.readout.counts == [[0, 0, 0]] * 3
    assert widget.readout.turns == [-1] * 5
    assert widget.readout.touched == []
    widget.step = 4  # the first weight, second row of pixels, first column
    assert widget.readout.turns == [0, 0, 0, 1, 0]
    assert widget.readout.touched == [[2, 0, 0, 0, 0], [1, 1, 0, 4, 0], [1, 2, 2, 3, 0]]
    assert [sums[:4] for sums in widget.readout.sums] == [[0, 0, 0, 0], [0, 1, 2, 4], [0, 0, 0, 0]]
    widget.step = 10**6
    assert widget.readout.turns == [1, 1, 1, 2, 2]


def test_what_is_held():
    plan = explorer()._plans["small buffer"]
    elements = 8 + 16 + 18
    assert plan.held.shape == (3, 72, elements)
    assert (plan.held[0] == 1).all()  # all of it is in DRAM
    # one filter, two rows of four pixels, one row of three outputs, in every step
    assert (plan.held[1].sum(1) == 4 + 8 + 3).all()
    assert np.flatnonzero(plan.held[1, 0]).tolist() == [*range(4), *range(8, 16), *range(24, 27)]
    assert (plan.held[2].sum(1) == 1).all()
    rows = explorer()._plans["rows"]
    assert rows.held[2, 0, 8:24].tolist() == [1] * 4 + [2] * 8 + [1] * 4  # the middle rows of pixels, twice


def test_summary_and_what_is_refused():
    assert repr(explorer(nest="rows", step=12)) == (
        "<LoopNestExplorer: rows, 12 of 12 steps; accesses: DRAM 42, buffer 74, register 300; "
        "energy 9,216 pJ of Eyeriss, relative (a MAC as 1 pJ)>"
    )
    with pytest.raises(ValueError, match=r"weights must have the shape \(2, 1, 2, 2\), not \(8,\)"):
        LoopNestExplorer(NESTS, LAYER, WEIGHTS.ravel(), INPUTS)
    with pytest.raises(ValueError, match="inputs must be finite numbers"):
        LoopNestExplorer(NESTS, LAYER, WEIGHTS, np.where(INPUTS == 3, np.nan, INPUTS))
    large = {"large": LoopNest([Level("DRAM", TENSORS, [("M", 16), ("P", 30), ("Q", 30)])])}
    with pytest.raises(ValueError, match="14,400 steps over 15,316 numbers are too many"):
        LoopNestExplorer(
            large, Conv2d("large", 1, 16, 30, 30, 1), np.ones((16, 1, 1, 1)), np.ones((1, 1, 30, 30))
        )
    with pytest.raises(ValueError, match="unknown nest 'columns'"):
        explorer(nest="columns")
    with pytest.raises(ValueError, match="one nest at least"):
        LoopNestExplorer({}, LAYER, WEIGHTS, INPUTS)
    with pytest.raises(traitlets.TraitError):
        explorer(step=-1)
    uncovered = {"none": LoopNest([Level("DRAM", TENSORS)])}
    with pytest.raises(ValueError, match="does not cover tiny"):
        LoopNestExplorer(uncovered, LAYER, WEIGHTS, INPUTS)
