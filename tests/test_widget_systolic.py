"""The systolic array widget without a browser: it shows what the simulator did, and refuses what cannot be shown."""

import numpy as np
import pytest
import torch
import traitlets

from effdl.widgets import Systolic
from hwsim import MatMul, SystolicArray

A = np.array([[1, -2, 3], [4, 0, 6], [-7, 8, 9], [2, 5, -1]])
B = np.array([[1, 2, 0], [-3, 4, 5], [6, -1, 7]])


def systolic(**options):
    return Systolic(A, B, **options)


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
def test_the_end_is_the_product(dataflow):
    cycles = SystolicArray(3, 3, dataflow).cycles(MatMul("product", 4, 3, 3))
    widget = systolic(dataflow=dataflow, cycle=cycles)
    assert widget.readout.macs == 4 * 3 * 3
    assert widget.readout.finished == list(range(12))
    assert f"cycle {cycles} of {cycles}" in repr(widget)
    last = int(widget._waves[dataflow].done.max())
    before = systolic(dataflow=dataflow, cycle=last - 1)
    assert len(before.readout.finished) < 12


def test_cycle_by_cycle():
    widget = systolic()
    assert widget.readout.stay == [[None] * 3] * 3
    assert (widget.readout.active, widget.readout.macs, widget.readout.finished) == ([], 0, [])
    widget.cycle = 3
    assert widget.readout.stay == B.tolist()
    assert widget.readout.right == [[None] * 3] * 3
    widget.cycle = 5
    assert widget.readout.right == [[4, 1, None], [-2, None, None], [None, None, None]]
    assert widget.readout.down == [[4, 2, None], [1 + 6, None, None], [None, None, None]]
    assert widget.readout.active == [0, 1, 3]
    assert repr(widget) == (
        "<Systolic: 3 x 3 array, weights stay, cycle 5 of 11: 4 MACs, 8.9% used so far, 0 of 12 results>"
    )


def test_folds_follow_each_other():
    widget = systolic(dataflow="os")
    per_fold = len(widget._waves["os"].fold) // 2
    assert [systolic(dataflow="os", cycle=c).readout.fold for c in (0, per_fold, per_fold + 1)] == [0, 0, 1]
    assert Systolic(torch.from_numpy(A), torch.from_numpy(B), rows=2, cols=4).size == [2, 4]


def test_what_is_refused():
    with pytest.raises(ValueError, match="multiplies"):
        Systolic(A, A)
    with pytest.raises(ValueError, match="more than 100,000"):
        Systolic(np.ones((300, 30)), np.ones((30, 30)), rows=20, cols=20)
    with pytest.raises(traitlets.TraitError):
        systolic(dataflow="rs")
    with pytest.raises(traitlets.TraitError):
        systolic(cycle=-1)
