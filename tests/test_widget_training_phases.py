"""The widget of the training phases without a browser: its counts, its readout, what it refuses."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from effdl.widgets import TrainingPhases
from effdl.widgets.training_phases import BINS, count


@given(st.lists(st.tuples(st.floats(-4, 4), st.booleans()), min_size=1, max_size=50), st.floats(0.1, 5))
def test_every_weight_is_counted_once(pairs, limit):
    weights, mask = (np.array(column) for column in zip(*pairs, strict=True))
    now = count(weights, mask, limit)
    assert sum(now.kept) == np.count_nonzero(weights[mask])
    assert sum(now.removed) == np.count_nonzero(weights[~mask])
    assert sum(now.kept) + sum(now.removed) + now.zeros == now.weights == len(pairs)


def test_by_hand():
    now = count(torch.tensor([-3.0, -0.001, 0.0, 0.9]), torch.tensor([True, False, False, True]), limit=1.0)
    assert [i for i, n in enumerate(now.kept) if n] == [0, 76]  # beyond the limit; (1.9 / 2) * 81 = 76.95
    assert [i for i, n in enumerate(now.removed) if n] == [BINS // 2]
    assert (now.zeros, now.weights) == (1, 4)
    assert (now.kept_size, now.removed_size) == pytest.approx((1.95, 0.0005))
    assert count([1.0], [True], 1.0).removed_size == 0


def widget(**options):
    mask = {"a": np.array([True, False]), "b": np.array([[False]])}
    snapshots = [
        {"a": np.array([0.5, -0.2]), "b": np.array([[1.0]])},
        {"a": np.array([0.6, 0.0]), "b": np.array([[0.0]])},
    ]
    return TrainingPhases(snapshots, mask, ["dense", "sparse"], [0.5, 0.25], **options)


def test_it_follows_its_state():
    shown = widget()
    assert shown.limits == pytest.approx([0.63, 1.05])
    assert shown.readout.zeros == 0
    shown.epoch = 9
    assert shown.readout == count([0.6, 0.0], [True, False], shown.limits[0])
    shown.layer = "b"
    assert repr(shown) == (
        "<TrainingPhases: b after epoch 2 of 2 (sparse): 1 of 1 weights are zero, "
        "mean size of the removed ones 0, of the others 0>"
    )
    assert len(shown.counts) == 4 * 4 * (2 * BINS + 2)


def test_zeros_only():
    TrainingPhases([{"a": np.zeros(3)}], {"a": np.ones(3, bool)}, ["dense"], [0.1])


def test_what_it_refuses():
    with pytest.raises(ValueError, match="1 snapshots, 2 phases and 1 accuracies"):
        TrainingPhases([{"a": np.ones(2)}], {"a": np.ones(2, bool)}, ["x", "y"], [0.1])
    with pytest.raises(ValueError, match="give one of each"):
        TrainingPhases([], {}, [], [])
    with pytest.raises(ValueError, match="the same layers, a"):
        TrainingPhases([{"a": np.ones(2)}, {}], {"a": np.ones(2, bool)}, ["x", "y"], [0.1, 0.2])
    for accuracy in (50, float("nan")):
        with pytest.raises(ValueError, match="from 0 to 1"):
            TrainingPhases([{"a": np.ones(2)}], {"a": np.ones(2, bool)}, ["x"], [accuracy])
    with pytest.raises(ValueError, match="no mask for a"):
        TrainingPhases([{"a": np.ones(2)}], {}, ["x"], [0.1])
    with pytest.raises(ValueError, match="unknown layer 'c'"):
        widget(layer="c")
    with pytest.raises(ValueError, match="differ in shape"):
        count([1.0], [True, False], 1.0)
    for weights in ([], [np.inf]):
        with pytest.raises(ValueError, match="needs weights"):
            count(weights, np.ones(len(weights), bool), 1.0)
