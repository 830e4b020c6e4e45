"""The spectrum widget without a browser: what it computes, what it hands over, what it refuses."""

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st

from effdl.widgets import Spectrum
from effdl.widgets.spectrum import SHOWN, at_rank, decompose


@settings(deadline=None)
@given(rows=st.integers(1, 20), columns=st.integers(1, 20), seed=st.integers(0, 99), data=st.data())
def test_a_rank_keeps_what_the_singular_values_say(rows, columns, seed, data):
    weight = np.random.default_rng(seed).normal(size=(rows, columns))
    rank = data.draw(st.integers(1, min(rows, columns)))
    now = at_rank(decompose(weight, positions=7), rank)
    u, s, v = np.linalg.svd(weight, full_matrices=False)
    best = (u[:, :rank] * s[:rank]) @ v[:rank]
    assert now.error == pytest.approx(np.linalg.norm(weight - best) / np.linalg.norm(weight), abs=1e-6)
    assert now.energy == pytest.approx((s[:rank] ** 2).sum() / (s**2).sum())
    np.testing.assert_allclose(now.picture, best[:SHOWN], atol=1e-5)
    assert now.weights == rank * (rows + columns)
    assert now.macs == 7 * now.weights
    assert (now.dense_weights, now.dense_macs) == (rows * columns, 7 * rows * columns)
    assert (now.weights < now.dense_weights) == (rank < now.break_even)


def test_summary_and_cut_rank():
    widget = Spectrum({"fc": torch.eye(4), "conv": torch.ones(6, 2, 3, 3)}, {"conv": 16}, rank=3)
    assert repr(widget) == (
        "<Spectrum: fc, 4 x 4; rank 3: energy kept 75.0%, 24 of 16 weights, break-even at rank 2>"
    )
    widget.layer, widget.rank = "conv", 99
    assert widget.readout.rank == 6
    assert widget.readout.dense_macs == 16 * 6 * 18
    assert widget.readout.energy == pytest.approx(1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({},), "one layer at least"),
        (({"a": np.eye(2)}, {"b": 3}), "unknown layer"),
        (({"a": np.eye(2)}, None, {"b": (1, 2)}), "unknown layer"),
        (({"a": np.eye(6)}, None, {"a": (2, 2)}), "do not fill"),
        (({"a": np.ones(3)},), "two axes"),
        (({"a": np.zeros((3, 3))},), "not all zero"),
        (({"a": np.full((3, 3), np.nan)},), "finite"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Spectrum(*arguments)
    with pytest.raises(ValueError, match="unknown layer"):
        Spectrum({"a": np.eye(2)}, layer="b")
    with pytest.raises(traitlets.TraitError, match="1 or more"):
        Spectrum({"a": np.eye(2)}, rank=0)
