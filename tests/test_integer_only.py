"""Integer-only inference: equal to its float64 simulation in every code, and within a step of ONNX Runtime."""

from fractions import Fraction

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from effdl import data, models
from effdl.compress import integer_only as integer
from effdl.compress.integer_onnx import to_onnx
from effdl.compress.quantization import affine_grid
from effdl.training import evaluate, fit


@given(st.floats(2**-40, 2**29))
def test_fixed_point_is_close(real):
    multiplier, shift = integer.fixed_point(real)
    assert 0 <= multiplier < 2**31
    assert 1 <= shift <= integer.MOST_SHIFT
    error = abs(Fraction(int(multiplier), 2 ** int(shift)) - Fraction(real))
    if real >= 2**-14:
        assert multiplier >= 2**30
        assert error <= Fraction(real) / 2**31
    else:
        assert error <= Fraction(1, 2**45)


def test_fixed_point_by_hand():
    assert [int(x) for x in integer.fixed_point(0.75)] == [3 * 2**29, 31]
    assert [int(x) for x in integer.fixed_point(np.nextafter(1, 0))] == [2**30, 30]
    for real in (0.0, -1.0, 2.0**30):
        with pytest.raises(ValueError, match="positive and below"):
            integer.fixed_point(real)


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**31 - 1), st.integers(1, 44))
def test_rescale_rounds_to_nearest_with_ties_upward(number, multiplier, shift):
    exact = Fraction(number * multiplier, 2**shift)
    result = integer.rescale(np.array([number], np.int32), np.int64(multiplier), np.int64(shift))[0]
    assert result == (exact + Fraction(1, 2)).__floor__()


def test_rescale_by_hand():
    sums = np.array([3, -3, 5, -5, 2**31 - 1, -(2**31)], np.int32)
    half = np.int64(1 << 30), np.int64(31)
    assert integer.rescale(sums, *half).tolist() == [2, -1, 3, -2, 2**30, -(2**30)]


sizes = st.integers(1, 5)


@st.composite
def layers(draw, linear):
    """A layer with random codes, zero points, multipliers from the smallest to the largest, and inputs for it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    groups = 1 if linear else draw(st.integers(1, 3))
    out, inputs = groups * draw(sizes), draw(sizes)
    kernel = () if linear else (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    scale = 2.0 ** draw(st.floats(-42, 1))
    multiplier, shift = integer.fixed_point(scale * rng.uniform(1, 2, out))
    layer = integer.IntegerLayer(
        weight=rng.integers(-127, 128, (out, inputs, *kernel)).astype(np.int8),
        bias=rng.integers(-(2 ** draw(st.integers(0, 30))), 2 ** draw(st.integers(0, 30)), out).astype(
            np.int32
        ),
        multiplier=multiplier,
        shift=shift,
        input_zero_point=draw(st.integers(-128, 127)),
        zero_point=draw(st.integers(-128, 127)),
        low=-128,
        high=127,
        stride=(1, 1) if linear else (draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        padding=(0, 0) if linear else (draw(st.integers(0, 2)), draw(st.integers(0, 2))),
        groups=groups,
    )
    shape = (inputs,) if linear else (groups * inputs, draw(st.integers(3, 7)), draw(st.integers(3, 7)))
    codes = rng.integers(-128, 128, (draw(st.integers(1, 3)), *shape)).astype(np.int8)
    return layer, codes


@given(st.booleans().flatmap(layers))
@settings(max_examples=300, deadline=None)
def test_integers_equal_their_float64_simulation_in_every_code(drawn):
    layer, codes = drawn
    ours, simulated = integer.integer_layer(codes, layer), integer.float_layer(codes, layer)
    assert ours.dtype == simulated.dtype == np.int8
    assert ours.shape == simulated.shape
    assert np.array_equal(ours, simulated)


@given(st.booleans().flatmap(layers))
@settings(max_examples=60, deadline=None)
def test_onnx_runtime_is_at_most_a_step_away(drawn):
    layer, codes = drawn
    network = integer.IntegerNetwork(None, [("layer", layer)], None)
    session = onnxruntime.InferenceSession(
        to_onnx(network, codes.shape[1:]), providers=["CPUExecutionProvider"]
    )
    theirs = session.run(None, {"codes": codes})[0]
    ours = integer.run(network, codes)
    assert theirs.shape == ours.shape
    # It multiplies in float32 and rounds ties to even: the two differ at ties, or within a rounding error of one.
    assert np.abs(theirs.astype(int) - ours).max() <= 1


def test_padding_is_zero_and_not_the_code_zero():
    conv = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.constant_(conv.weight, 1.0)
    inputs, outputs = affine_grid(-1.0, 3.0), affine_grid(-4.0, 12.0)
    layer = integer.to_integer_layer(conv, inputs, outputs)
    zeros = np.full((1, 1, 4, 4), int(inputs.zero_point), np.int8)
    assert np.all(integer.integer_layer(zeros, layer) == int(outputs.zero_point))


def test_float_codes_are_refused():
    layer = integer.to_integer_layer(nn.Linear(2, 2), affine_grid(0.0, 1.0), affine_grid(0.0, 1.0))
    with pytest.raises(ValueError, match="must be int8"):
        integer.integer_layer(np.zeros((1, 2), np.float32), layer)


def test_layers_that_do_not_fit_are_refused():
    grid = affine_grid(-1.0, 1.0)
    with pytest.raises(ValueError, match="8 bits at most"):
        integer.to_integer_layer(nn.Linear(2, 2), grid, grid, bits=9)
    with pytest.raises(ValueError, match="overflow"):
        integer.to_integer_layer(nn.Linear(70_000, 1), grid, grid)
    with pytest.raises(ValueError, match="dilation"):
        integer.to_integer_layer(nn.Conv2d(1, 1, 3, dilation=2), grid, grid)
    for wrong in (nn.Sequential(nn.Linear(4, 4), nn.Tanh()), nn.Sequential(nn.Flatten(), nn.ReLU())):
        with pytest.raises(ValueError, match="no integer form"):
            integer.quantize_network(wrong, torch.ones(2, 4))


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.mark.parametrize("make", [models.convnet, models.mlp])
def test_a_network_keeps_its_accuracy_in_integers(digits, make):
    model = make()
    fit(model, digits.train, epochs=10, lr=3e-3, progress=False)
    network = integer.quantize_network(model, digits.train.inputs[:200])
    codes = integer.input_codes(network, digits.validation.inputs)
    ours = integer.run(network, codes)
    assert np.array_equal(ours, integer.run(network, codes, integer.float_layer))
    right = (integer.predict(network, digits.validation.inputs) == digits.validation.labels).float().mean()
    assert abs(right - evaluate(model, digits.validation)) <= 0.02
    real = model(digits.validation.inputs)
    step = network.outputs.scale
    assert (integer.outputs_of(network, ours) - real).abs().mean() < 3 * step


def test_max_pooling_of_codes_is_max_pooling():
    codes = np.random.default_rng(0).integers(-128, 128, (2, 3, 7, 6)).astype(np.int8)
    theirs = nn.MaxPool2d(2)(torch.from_numpy(codes).float()).numpy()
    assert np.array_equal(integer.max_pool(codes, nn.MaxPool2d(2)), theirs)


@torch.no_grad()
def test_a_channel_that_is_nearly_or_wholly_dead_keeps_its_bias():
    layer = nn.Linear(4, 3)
    layer.weight[0], layer.weight[1] = 1e-9, 0
    layer.bias.copy_(torch.tensor([0.8, 0.3, -0.1]))
    model, inputs = nn.Sequential(layer), 20 * torch.rand(200, 4, generator=torch.Generator().manual_seed(0))
    network = integer.quantize_network(model, inputs)
    found = integer.outputs_of(network, integer.run(network, integer.input_codes(network, inputs)))
    step = network.outputs.scale
    assert (found[:, :2] - model(inputs)[:, :2]).abs().max() <= 0.51 * step


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)], "no integer form of 0"),
        ([nn.MaxPool2d(3, 2, padding=1), nn.Flatten()], "no integer form of 0"),
        ([nn.MaxPool2d(3, 2, ceil_mode=True), nn.Flatten()], "no integer form of 0"),
        ([nn.MaxPool2d((2, 2)), nn.Flatten()], "no integer form of 0"),
        ([nn.Flatten(2)], "no integer form of 0"),
    ],
    ids=["ReLU first", "padded pool", "rounded-up pool", "pair", "partly flat"],
)
def test_layers_without_an_integer_form(layers, message):
    with pytest.raises(ValueError, match=message):
        integer.quantize_network(nn.Sequential(*layers), torch.rand(5, 1, 4, 4))


def test_grids_without_an_integer_form():
    layer, inputs = nn.Linear(4, 3), affine_grid(-1.0, 1.0)
    with pytest.raises(ValueError, match="weights need a symmetric grid"):
        integer.to_integer_layer(layer, inputs, inputs, make_grid=affine_grid)
    with pytest.raises(ValueError, match="are no int8"):
        integer.to_integer_layer(layer, inputs, affine_grid(-1.0, 1.0, bits=16))
