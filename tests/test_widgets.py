"""The widgets without a browser: what they compute, what they hand over, what they refuse."""

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import hwsim.roofline
from effdl.widgets import Comparison, Prediction, Roofline, WeightDistribution
from effdl.widgets.base import significant
from effdl.widgets.prediction import verdict
from effdl.widgets.weight_distribution import STEPS, at_threshold, edges, histogram, reach


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (0.012345, "0.0123"),
        (2.125, "2.13"),
        (91.26, "91.3"),
        (100, "100"),
        (999.6, "1000"),
        (61706, "61,706"),
        (-1234.5, "-1,235"),
        (1e-9, "0.000000001"),
    ],
)
def test_numbers_have_three_digits(value, text):
    assert significant(value) == text


# Prediction


def test_a_guess_reaches_the_comparison():
    question = Prediction("How many weights can go?", unit="%")
    result = question.compare(91.3, "Measured on the test set.")
    assert isinstance(result, Comparison)
    assert result.guess is None
    question.guess = 50
    assert result.guess == 50
    assert repr(result) == ("<Comparison: You guessed 50 %. Measured: 91.3 %. That is 41.3 points more.>")


def test_a_question_with_choices():
    question = Prediction("Which costs most?", ["an addition", "a DRAM read"])
    question.guess = "an addition"
    assert question.compare("a DRAM read").summary().endswith("That is not it.")
    question.guess = "a DRAM read"
    assert question.compare("a DRAM read").summary().endswith("That is right.")
    with pytest.raises(ValueError, match="one of the choices"):
        question.compare("a multiplication")
    with pytest.raises(traitlets.TraitError, match="a guess is one of"):
        question.guess = "neither"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((None, 3.0, "ms"), "Measured: 3 ms. You have not guessed yet."),
        ((3.001, 3.0, "ms"), "You guessed 3 ms. Measured: 3 ms. That is right."),
        ((5, 3.0, ""), "You guessed 5. Measured: 3. That is 2 less."),
        (
            (300, 6400, "times", True),
            "You guessed 300 times. Measured: 6,400 times. That is 21.3 × your guess.",
        ),
    ],
)
def test_verdict(arguments, sentence):
    assert verdict(*arguments) == sentence


def test_the_question_is_part_of_the_key():
    one, other = Prediction("One?", key="energy"), Prediction("Other?", key="energy")
    assert one.key != other.key
    assert one.key == Prediction("One?", key="energy").key


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"choices": ["only"]}, "two choices"),
        ({"low": 5, "high": 5}, "low must be below high"),
        ({"low": 0, "high": 5, "log": True}, "above 0"),
    ],
)
def test_a_question_that_cannot_be_asked(arguments, message):
    with pytest.raises(ValueError, match=message):
        Prediction("What?", **arguments)


# WeightDistribution

WEIGHTS = arrays(
    np.float32,
    st.integers(1, 60),
    elements=st.one_of(st.just(0.0), st.floats(-8, 8, width=32, allow_subnormal=False)),
)


@settings(deadline=None)
@given(WEIGHTS, st.integers(0, STEPS - 1))
def test_a_threshold_counts_exactly(weights, step):
    limit = reach(weights)
    now = at_threshold(histogram(weights, limit), limit, step)
    exact = np.abs(weights.astype(np.float64))
    removed = (exact < now.threshold) | (exact == 0)
    assert now.removed == removed.sum()
    assert now.weights == weights.size
    assert now.zeros == (weights == 0).sum()
    if (exact > 1e-15).any():
        assert now.energy_kept == pytest.approx((exact[~removed] ** 2).sum() / (exact**2).sum(), abs=1e-5)


def test_a_far_tail_is_counted_and_kept():
    weights = np.concatenate([np.linspace(-0.1, 0.1, 9999), [40.0]])
    limit = reach(weights)
    assert limit < 0.2
    counted = histogram(weights, limit)
    assert counted.beyond == 1
    assert at_threshold(counted, limit, STEPS - 1).removed == 9999


def test_bins_are_closed_below():
    assert edges(1.0)[1] == 1 / STEPS
    counted = histogram([1 / STEPS, np.nextafter(1 / STEPS, 0), -1 / STEPS], 1.0)
    assert counted.positive[:2].tolist() == [1, 1]
    assert counted.negative[:2].tolist() == [0, 1]


def test_layers_and_stages():
    before = {"fc1": torch.tensor([[0.5, -0.25], [0.1, 0.0]], requires_grad=True), "fc2": torch.tensor([1.0])}
    after = {"fc1": torch.tensor([[0.5, 0.0], [0.0, 0.0]]), "fc2": torch.tensor([1.0])}
    widget = WeightDistribution({"before": before, "after": after}, stage="after", layer="fc1")
    assert widget.layers == ["all layers", "fc1", "fc2"]
    assert (widget.readout.weights, widget.readout.zeros, widget.readout.sparsity) == (4, 3, 0.75)
    widget.layer = "all layers"
    assert (widget.readout.weights, widget.readout.removed) == (5, 3)
    widget.stage, widget.step = "before", STEPS // 2
    assert widget.readout.removed == 3  # 0, 0.1 and 0.25; the limit is 1, the threshold 0.5
    assert widget.readout.energy_kept == pytest.approx(1.25 / 1.3225)
    assert "sparsity 60.0%" in repr(widget)


def test_the_buffers_hold_the_same_numbers():
    weights = np.random.default_rng(0).normal(size=(20, 30))
    widget = WeightDistribution({"fc": weights}, {"fc": ([0.2, 0.0], [0.5, 0.9])})
    counts = np.frombuffer(widget.counts, "<u4")
    assert counts.size == 2 + 2 * STEPS
    assert counts[0] + counts[2:].sum() == 600
    assert np.frombuffer(widget.energies, "<f4").sum() == pytest.approx((weights**2).sum(), rel=1e-5)
    assert np.frombuffer(widget.measured, "<f8").tolist() == [0.0, 0.9, 0.2, 0.5]
    assert widget.curves == [[0, 2]]


def test_accuracy_by_stage_and_marks_by_layer():
    table = {"a": [1.0, 2.0], "b": [3.0]}
    widget = WeightDistribution(
        {"before": table, "after": table},
        {"before": {"all layers": ([0], [1])}, "after": {"a": ([1, 2], [0.5, 0.25])}},
        marks={"b": [-1, 1]},
    )
    assert widget.curves == [[0, 1], None, None, None, [1, 2], None]
    assert widget.marks == {"b": [-1.0, 1.0]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({},), "one layer at least"),
        (({"fc": []},), "needs weights"),
        (({"fc": [np.nan]},), "finite"),
        (({"before": {"a": [1]}, "after": {"b": [1]}},), "every stage must have the layers"),
        (({"fc": [1]}, {"fc2": ([0], [1])}), "unknown layer 'fc2'"),
        (({"fc": [1]}, {"fc": ([0, 1], [1])}), "2 thresholds, but 1"),
    ],
)
def test_weights_that_cannot_be_shown(arguments, message):
    with pytest.raises(ValueError, match=message):
        WeightDistribution(*arguments)


def test_a_threshold_out_of_range():
    with pytest.raises(traitlets.TraitError, match="step must lie in"):
        WeightDistribution({"fc": [1.0]}, step=STEPS)


# Roofline


def test_the_roof_is_that_of_hwsim():
    for platform in hwsim.roofline.PLATFORMS.values():
        for intensity in (0.5, platform.ridge, 1e5):
            now = Roofline(platform=platform.name, intensity=intensity).readout
            assert now.attainable == hwsim.roofline.attainable(platform, intensity)
            assert now.bound == ("memory" if intensity < platform.ridge else "compute")
            assert now.ridge == platform.ridge


def test_layers_and_platforms_reach_the_browser():
    platform = hwsim.roofline.Platform("toy", "CPU", 100.0, 10.0, 32, "made up")
    widget = Roofline({"fc": (0.5, 2000)}, [platform], intensity=2)
    assert np.frombuffer(widget.points, "<f8").tolist() == [0.5, 2000]
    assert np.frombuffer(widget.roofs, "<f8").tolist() == [100, 10]
    assert widget.lowest < 0.5 < 10 < widget.highest
    assert repr(widget) == (
        "<Roofline: toy at 2 operations per byte: 20 operations per second, memory-bound (ridge 10)>"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"platforms": []}, "one platform"),
        ({"platform": "abacus"}, "unknown platform"),
        ({"layers": [("fc", 0, 1)]}, "above 0"),
        ({"intensity": -1}, "above 0"),
    ],
)
def test_a_roofline_that_cannot_be_drawn(arguments, message):
    with pytest.raises(ValueError, match=message):
        Roofline(**arguments)
