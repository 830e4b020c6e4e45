"""The temperature widget without a browser: softmax by hand and by PyTorch, what it refuses."""

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given
from hypothesis import strategies as st

from effdl.widgets import SoftTargets
from effdl.widgets.soft_targets import MOST, at_temperature


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=12), st.integers(1, MOST))
def test_it_is_pytorchs_softmax(logits, tenths):
    now = at_temperature(logits, tenths)
    expected = torch.softmax(torch.tensor(logits, dtype=torch.float64) / (tenths / 10), 0)
    np.testing.assert_allclose(now.probabilities, expected, atol=1e-12)
    assert 0 <= now.entropy <= np.log2(len(logits)) + 1e-9
    assert now.others == pytest.approx(1 - max(now.probabilities))


def test_by_hand():
    now = at_temperature([0.0, 0.0, 0.0, 0.0], 7)
    assert (now.temperature, now.probabilities, now.entropy, now.others) == (0.7, [0.25] * 4, 2, 0.75)
    assert at_temperature([1000.0, 0.0], 1).entropy == 0


def test_it_follows_its_state():
    widget = SoftTargets({"a": torch.tensor([1.0, 2.0, 3.0]), "b": [3.0, 1.0, 1.0]}, images={"b": np.eye(2)})
    assert repr(widget) == "<SoftTargets: a at temperature 1: 2 66.5%, 1 24.5%; 1.2 bits>"
    widget.example, widget.tenths = "b", 200
    assert widget.readout == at_temperature([3.0, 1.0, 1.0], 200)
    assert widget.images == {"b": [[1, 0], [0, 1]]}


def test_what_it_refuses():
    for examples, words in (
        ({}, "one example at least"),
        ({"a": [1.0, 2.0], "b": [1.0]}, "arrays of one length"),
        ({"a": [1.0]}, "arrays of one length"),
        ({"a": [1.0, np.nan]}, "finite"),
    ):
        with pytest.raises(ValueError, match=words):
            SoftTargets(examples)
    with pytest.raises(ValueError, match="images of no example"):
        SoftTargets({"a": [1.0, 2.0]}, images={"b": np.eye(2)})
    with pytest.raises(ValueError, match="unknown example 'b'"):
        SoftTargets({"a": [1.0, 2.0]}, example="b")
    for tenths in (0, MOST + 1):
        with pytest.raises(traitlets.TraitError):
            SoftTargets({"a": [1.0, 2.0]}, tenths=tenths)
