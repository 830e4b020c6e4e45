"""The quantization grid widget: its numbers by hand, against effdl's grids, and its limits."""

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given
from hypothesis import strategies as st

from effdl.compress.quantization import fake_quantize, symmetric_grid
from effdl.widgets import QuantizationGrid
from effdl.widgets.layers import MOST, sample
from effdl.widgets.quantization_grid import best, errors


def test_by_hand():
    now = errors([1.0, -0.4, 0.1], bits=2, percent=50)  # the grid -0.5, 0, 0.5
    assert (now.limit, now.step, now.clipped) == (0.5, 0.5, 1)
    energy = 1 + 0.16 + 0.01
    assert now.clipping == pytest.approx(0.25 / energy)
    assert now.rounding == pytest.approx((0.01 + 0.01) / energy)
    assert now.total == pytest.approx(0.27 / energy)


@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=40), st.integers(2, 8), st.integers(1, 100))
def test_the_total_is_the_error_of_the_librarys_grid(weights, bits, percent):
    weights = torch.tensor(weights, dtype=torch.float64)
    limit = weights.abs().max().item() * (percent / 100)
    energy = weights.square().sum().item()
    error = (weights - fake_quantize(weights, symmetric_grid(-limit, limit, bits))).square().sum().item()
    if energy > 1e-12:
        assert errors(weights, bits, percent).total == pytest.approx(error / energy, rel=1e-4, abs=1e-9)


def test_best_is_the_least():
    weights = np.random.default_rng(0).normal(size=500)
    for bits in (2, 4, 8):
        totals = [errors(weights, bits, percent).total for percent in range(1, 101)]
        assert totals[best(weights, bits) - 1] == min(totals)
    assert best(weights, 2) < best(weights, 4) < best(weights, 8)


def test_large_layers_are_sampled_with_both_ends():
    weights = np.random.default_rng(1).normal(size=3 * MOST).astype(np.float32)
    few = sample(weights)
    assert len(few) == MOST
    assert (few[0], few[-1]) == (weights.min(), weights.max())
    assert np.std(few) == pytest.approx(np.std(weights), rel=0.01)
    assert len(sample(weights[:MOST])) == MOST


def test_widget_follows_its_state():
    widget = QuantizationGrid({"a": torch.ones(3, 2), "b": np.zeros(4)}, layer="b")
    assert widget.readout.total == 0
    widget.layer, widget.bits, widget.percent = "a", 2, 50
    assert widget.readout.total == pytest.approx(0.25)
    assert "a, 2 bits up to 0.5: error 25.00% of the energy, least at 100%" in repr(widget)
    for name, value in (("bits", 1), ("bits", 9), ("percent", 0), ("percent", 101)):
        with pytest.raises(traitlets.TraitError):
            setattr(widget, name, value)


def test_widget_refuses():
    with pytest.raises(ValueError, match="one layer at least"):
        QuantizationGrid({})
    with pytest.raises(ValueError, match="unknown layer 'c'"):
        QuantizationGrid({"a": np.ones(2)}, layer="c")
    for weights in ([], [float("nan")]):
        with pytest.raises(ValueError, match="needs weights"):
            QuantizationGrid({"a": np.array(weights)})
