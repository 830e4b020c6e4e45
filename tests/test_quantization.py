"""Quantization: grids, calibration, fixed point, folding, bias correction; the same codes as torchao and PyTorch."""

import copy
import logging
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from effdl import data, models
from effdl.compress import quantization as q
from effdl.training import evaluate, fit
from hwsim.formats import FixedPoint

numbers = st.floats(-1e4, 1e4, width=32)


@given(numbers, numbers, st.integers(2, 16), st.sampled_from([q.affine_grid, q.symmetric_grid]))
def test_zero_is_exact_and_nothing_moves_more_than_half_a_step(one, other, bits, make_grid):
    low, high = min(one, other), max(one, other)
    grid = make_grid(low, high, bits)
    assert q.fake_quantize(torch.zeros(3), grid).tolist() == [0, 0, 0]
    assert grid.low <= grid.zero_point <= grid.high
    x = torch.linspace(min(low, 0), max(high, 0), 33)
    error = (q.fake_quantize(x, grid) - x).abs().max()
    # The zero point was rounded, so an end may stick out by half a step, and saturates.
    assert error <= grid.scale * (1 if make_grid is q.affine_grid else 0.5) * (1 + 1e-3)
    codes = q.quantize(x, grid)
    assert grid.low <= codes.min()
    assert codes.max() <= grid.high
    assert torch.equal(q.quantize(q.dequantize(codes, grid), grid), codes)


def test_by_hand():
    grid = q.affine_grid(-1.0, 2.0, bits=2)  # codes -2 to 1, step 1, zero at -1
    assert (grid.scale.item(), grid.zero_point.item()) == (1.0, -1.0)
    assert q.quantize(torch.tensor([-1.0, 0.4, 0.6, 2.0, 9.0, -9.0]), grid).tolist() == [-2, -1, 0, 1, 1, -2]
    grid = q.symmetric_grid(-0.6, 0.3, bits=3)
    assert grid.scale.item() == pytest.approx(0.2)
    assert q.quantize(torch.tensor([-0.6, 0.3, 0.0]), grid).tolist() == [
        -3,
        2,
        0,
    ]  # 1.5 goes to the even code
    assert q.fake_quantize(torch.zeros(4), q.affine_grid(0.0, 0.0)).tolist() == [0] * 4


def test_positive_range_uses_all_codes_above_zero():
    assert q.affine_grid(3.0, 5.0).zero_point == -128
    assert q.affine_grid(-5.0, -3.0).zero_point == 127


@pytest.mark.parametrize("bits", [1, 17])
def test_bits_out_of_range_are_refused(bits):
    with pytest.raises(ValueError, match="from 2 to 16"):
        q.affine_grid(-1.0, 1.0, bits)


@pytest.mark.parametrize("ends", [(1.0, -1.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_ends_must_be_a_range(ends):
    with pytest.raises(ValueError, match="two finite ends"):
        q.symmetric_grid(*ends)


@pytest.mark.parametrize("make_grid", [q.affine_grid, q.symmetric_grid])
@pytest.mark.parametrize("bits", [8, 5, 3])
def test_same_codes_as_torchao(make_grid, bits):
    logging.getLogger("torch.utils._pytree").setLevel(logging.ERROR)
    from torchao.quantization import quant_primitives as ao

    weight = torch.randn(9, 40, generator=torch.Generator().manual_seed(bits))
    grid = q.calibrate(weight, bits, make_grid=make_grid, per_channel=True)
    kind = ao.MappingType.ASYMMETRIC if make_grid is q.affine_grid else ao.MappingType.SYMMETRIC
    limits = {"quant_min": grid.low, "quant_max": grid.high}
    scale, zero = ao.choose_qparams_affine(weight, kind, (1, 40), torch.int8, **limits)
    assert torch.equal(scale, grid.scale.flatten())
    assert torch.equal(zero.float(), grid.zero_point.flatten())
    codes = ao.quantize_affine(weight, (1, 40), scale, zero, torch.int8, grid.low, grid.high)
    gap = (
        codes.int() - q.quantize(weight, grid)
    ).abs()  # it multiplies by 1 / scale: a tie may go the other way
    assert gap.max() <= 1
    assert gap.sum() <= 1


def test_same_as_pytorchs_fake_quantization():
    x = torch.randn(500, generator=torch.Generator().manual_seed(0)) * 3
    grid = q.affine_grid(-2.0, 4.0)
    theirs = torch.fake_quantize_per_tensor_affine(x, grid.scale, grid.zero_point.int(), grid.low, grid.high)
    torch.testing.assert_close(q.fake_quantize(x, grid), theirs)


def test_per_channel_gives_each_channel_its_own_step():
    weight = torch.tensor([[1.0, -0.5], [0.01, 0.004]])
    one, each = q.calibrate(weight, 4), q.calibrate(weight, 4, per_channel=True)
    assert one.scale.shape == ()
    assert each.scale.shape == (2, 1)
    assert q.fake_quantize(weight, one)[1].tolist() == [0, 0]
    torch.testing.assert_close(q.fake_quantize(weight, each)[1, 0], weight[1, 0])
    assert q.calibrate(torch.ones(3, 2, 5, 5), per_channel=True).scale.shape == (3, 1, 1, 1)
    assert q.calibrate(torch.ones(3), per_channel=True).scale.shape == ()


def test_percentile_leaves_outliers_out():
    x = torch.cat([torch.linspace(-1, 1, 2001), torch.tensor([1000.0])])
    low, high = q.minmax_range(x[None], 99.0)
    assert low.item() == pytest.approx(-0.99, abs=0.01)
    assert high.item() == pytest.approx(0.99, abs=0.01)
    assert q.calibrate(x, method="percentile", percent=99.0).scale < q.calibrate(x).scale / 500
    with pytest.raises(ValueError, match="percent=0"):
        q.minmax_range(x[None], 0)


@given(
    st.integers(0, 2**31),
    st.integers(2, 8),
    st.booleans(),
    st.sampled_from([q.affine_grid, q.symmetric_grid]),
)
@settings(max_examples=30, deadline=None)
def test_mse_is_never_worse_than_minmax(seed, bits, per_channel, make_grid):
    x = torch.randn(4, 50, generator=torch.Generator().manual_seed(seed)) ** 3
    options = {"make_grid": make_grid, "per_channel": per_channel}
    error = {
        method: (x - q.fake_quantize(x, q.calibrate(x, bits, method=method, **options)))
        .square()
        .mean()
        .item()
        for method in ("minmax", "mse")
    }
    assert error["mse"] <= error["minmax"] * (1 + 1e-6)


def test_calibrate_refuses():
    with pytest.raises(ValueError, match="no number"):
        q.calibrate(torch.zeros(0))
    with pytest.raises(ValueError, match="must be"):
        q.calibrate(torch.ones(2), method="best")


@given(st.floats(1e-6, 1e6), st.integers(2, 16))
def test_fraction_bits_is_the_finest_that_holds(limit, bits):
    fraction = q.fraction_bits(limit, bits)
    assert FixedPoint(bits, fraction).largest >= limit * (1 - 1e-12)
    assert FixedPoint(bits, fraction + 1).largest < limit * (1 + 1e-12)


@pytest.mark.parametrize("limit", [0, -1, float("inf"), float("nan")])
def test_fraction_bits_refuses(limit):
    with pytest.raises(ValueError, match="positive and finite"):
        q.fraction_bits(limit, 8)


def test_dynamic_fixed_point_and_blocks():
    x = torch.tensor([[0.9, -0.3], [100.0, 3.0]])
    rounded, number = q.dynamic_fixed_point(x, 8)
    assert number == FixedPoint(8, 0)
    assert rounded.tolist() == [[1, 0], [100, 3]]
    blocks = q.block_floating_point(x, 8, 2)
    assert blocks[0].tolist() == pytest.approx([115 / 128, -38 / 128])
    assert blocks[1].tolist() == [100, 3]
    torch.testing.assert_close(q.block_floating_point(x, 8, 4), rounded)
    with pytest.raises(ValueError, match="whole blocks"):
        q.block_floating_point(x, 8, 3)


def batch_normed(seed=0, bias=False):
    with models.seeded(seed):
        model = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(1, 6, 3, padding=1, bias=bias),
                bn=nn.BatchNorm2d(6),
                relu=nn.ReLU(),
                flatten=nn.Flatten(),
                fc=nn.Linear(384, 12),
                bn2=nn.BatchNorm1d(12),
            )
        )
        for norm in (model.bn, model.bn2):
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.1, 3)
    return model.double().eval()


@pytest.mark.parametrize("bias", [False, True])
def test_folded_network_is_equal_and_as_pytorchs(bias):
    model = batch_normed(bias=bias)
    before = copy.deepcopy(model.state_dict())
    folded = q.fold_batch_norms(model)
    assert [name for name, _ in folded.named_children()] == ["conv", "relu", "flatten", "fc"]
    x = torch.randn(5, 1, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(folded(x), model(x), rtol=1e-12, atol=1e-12)
    theirs = nn.utils.fuse_conv_bn_eval(model.conv, model.bn)
    torch.testing.assert_close(folded.conv.weight, theirs.weight)
    torch.testing.assert_close(folded.conv.bias, theirs.bias)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_fold_needs_statistics():
    with pytest.raises(ValueError, match="running statistics"):
        q.fold(nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False))


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(scope="module")
def trained(digits):
    model = models.convnet()
    fit(model, digits.train, epochs=10, lr=3e-3, progress=False)
    return model


def test_eight_bits_cost_next_to_nothing(trained, digits):
    accuracy = evaluate(trained, digits.validation)
    quantized = q.quantize_weights(trained, 8, per_channel=True)
    assert abs(evaluate(quantized, digits.validation) - accuracy) <= 0.02
    both = q.quantize_activations(quantized, digits.train.inputs[:200], 8)
    assert abs(evaluate(both, digits.validation) - accuracy) <= 0.02
    assert torch.equal(quantized.conv1.bias, trained.conv1.bias)
    assert not torch.equal(quantized.conv1.weight, trained.conv1.weight)


def test_activations_lie_on_their_grids(trained, digits):
    model = q.quantize_activations(trained, digits.train.inputs[:100], 4)
    names = [name for name, layer in model.named_children() if isinstance(layer, q.FakeQuantize)]
    assert names == ["input_grid", "relu1_grid", "relu2_grid", "fc_grid"]
    x = digits.validation.inputs
    for layer in model:
        x = layer(x)
        if isinstance(layer, q.FakeQuantize):
            assert len(x.unique()) <= 16


def test_bias_correction_restores_the_mean_outputs(trained, digits):
    inputs = digits.train.inputs[:200]
    quantized = q.quantize_weights(trained, 3)
    drift = (quantized(inputs) - trained(inputs)).mean(0).abs().max()
    q.correct_biases(trained, quantized, inputs)
    assert drift > 0.1
    assert (quantized(inputs) - trained(inputs)).mean(0).abs().max() < 1e-4
    assert np.isfinite(quantized(inputs).detach().numpy()).all()


def test_what_has_no_code_and_no_bias_is_refused():
    grid = q.symmetric_grid(-1.0, 1.0)
    with pytest.raises(ValueError, match="NaN has no code"):
        q.quantize(torch.tensor([0.5, float("nan")]), grid)
    with pytest.raises(ValueError, match="learned scales"):
        q.fold(nn.Linear(3, 2), nn.BatchNorm1d(2, affine=False))
    model = nn.Sequential(nn.Linear(3, 2, bias=False))
    with pytest.raises(ValueError, match="has no bias"):
        q.correct_biases(model, copy.deepcopy(model), torch.ones(4, 3))
