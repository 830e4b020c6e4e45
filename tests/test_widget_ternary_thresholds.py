"""The ternary threshold widget: its numbers by hand, against effdl's own functions, and its limits."""

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from effdl.compress import ternary
from effdl.widgets import TernaryThresholds
from effdl.widgets.ternary_thresholds import STEPS, at_threshold, optimum, rule, thresholds

layers = hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-2, 2))


def test_by_hand():
    now = at_threshold([-0.9, -0.5, 0.1, 0.4, 0.0], 0.3)
    assert (now.negative, now.zero, now.positive) == (2, 2, 1)
    assert (now.lower, now.upper, now.scale) == pytest.approx((0.7, 0.4, 0.6))
    energy = 0.81 + 0.25 + 0.01 + 0.16
    assert now.one == pytest.approx((0.09 + 0.01 + 0.01 + 0.04) / energy)
    assert now.two == pytest.approx((0.04 + 0.04 + 0.01) / energy)


@given(layers, st.floats(0, 2))
def test_same_as_the_library(weights, threshold):
    tensor = torch.from_numpy(weights)
    now = at_threshold(weights, threshold)
    energy = (weights**2).sum()
    assert now.scale == pytest.approx(ternary.ternary_scale(tensor, threshold).item())
    assert rule(weights) == ternary.twn_threshold(tensor).item()
    assert optimum(weights) == ternary.best_threshold(tensor)
    assert now.two <= now.one + 1e-9
    if energy > 1e-6:
        assert now.one == pytest.approx(ternary.ternary_error(tensor, threshold).item() / energy, abs=1e-9)


def test_slider_reaches_from_zero_to_nearly_the_largest():
    values = thresholds(np.array([-4.0, 1.0]))
    assert len(values) == STEPS
    assert (values[0], values[-1]) == (0, pytest.approx(4 * (1 - 1 / STEPS)))


def test_widget_follows_its_state():
    widget = TernaryThresholds({"a": torch.tensor([[1.0, -0.5]]), "b": np.zeros(4)}, layer="b")
    assert widget.readout.one == 0
    assert widget.rules == pytest.approx([0.7 * 0.75, 0])
    assert widget.optima == [0.25, 0]
    widget.layer, widget.step = "a", 0
    assert widget.readout.scale == 0.75
    assert "a, threshold 0: error 10.00% of the energy" in repr(widget)
    for step in (-1, STEPS):
        with pytest.raises(traitlets.TraitError):
            widget.step = step


def test_widget_refuses():
    with pytest.raises(ValueError, match="one layer at least"):
        TernaryThresholds({})
    with pytest.raises(ValueError, match="unknown layer 'c'"):
        TernaryThresholds({"a": np.ones(2)}, layer="c")
    with pytest.raises(ValueError, match="needs weights"):
        TernaryThresholds({"a": np.array([])})
