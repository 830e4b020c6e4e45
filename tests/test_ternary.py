"""Ternary and power-of-two weights: thresholds, scales, gradients, and products by shifts."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn
from torch.nn.utils import parametrize

from effdl.compress import binary, ternary
from hwsim.formats import Log2

weights = hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-2, 2)).map(torch.from_numpy)


def test_by_hand():
    weight = torch.tensor([0.1, -0.9, 0.5, 0.0, -0.5])
    threshold = ternary.twn_threshold(weight)
    assert threshold.item() == pytest.approx(0.7 * 0.4)
    assert ternary.ternary(weight, threshold).tolist() == [0, -1, 1, 0, -1]
    assert ternary.ternary_scale(weight, threshold).item() == pytest.approx(1.9 / 3)
    assert ternary.ternary_scale(weight, 5.0) == 0


@given(weights, st.floats(0, 3))
def test_mean_of_the_kept_is_the_best_scale(weight, other):
    threshold = ternary.twn_threshold(weight)
    error = (weight - other * ternary.ternary(weight, threshold)).square().sum()
    assert ternary.ternary_error(weight, threshold) <= error + 1e-9


@given(weights)
def test_best_threshold_beats_all_others(weight):
    best = ternary.ternary_error(weight, ternary.best_threshold(weight))
    size = weight.abs()
    for threshold in [ternary.twn_threshold(weight), -1.0, *(size * (1 - 1e-12)), *size]:
        assert best <= ternary.ternary_error(weight, threshold) + 1e-9


def test_twn_rule_is_nearly_best_for_a_normal_distribution():
    weight = torch.randn(200_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rule, best = ternary.twn_threshold(weight), ternary.best_threshold(weight)
    assert best == pytest.approx(0.6, abs=0.03)  # of the standard deviation
    assert ternary.ternary_error(weight, rule) <= 1.01 * ternary.ternary_error(weight, best)


def test_best_threshold_needs_finite_weights():
    with pytest.raises(ValueError, match="no weight"):
        ternary.best_threshold(torch.zeros(0))
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="must be finite"):
            ternary.best_threshold(torch.tensor([1.0, value]))


def test_twn_gradient_goes_straight_through():
    layer = binary.through(nn.Linear(4, 3, bias=False), ternary.TernaryWeight)
    latent = layer.parametrizations.weight.original
    values = layer.weight
    assert len(values.abs().unique()) <= 2
    (values * torch.arange(12.0).view(3, 4)).sum().backward()
    assert torch.equal(latent.grad, torch.arange(12.0).view(3, 4))


def test_ttq_gradients():
    weight = torch.tensor([0.8, 0.01, -0.6, 0.3, -0.02], requires_grad=True)
    positive, negative = torch.tensor(0.5, requires_grad=True), torch.tensor(0.4, requires_grad=True)
    value = ternary.TTQ.apply(weight, positive, negative, torch.tensor(0.05))
    assert value.tolist() == pytest.approx([0.5, 0, -0.4, 0.5, 0])
    gradient = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    value.backward(gradient)
    assert positive.grad == 5
    assert negative.grad == -3
    assert weight.grad.tolist() == pytest.approx([0.5, 2, 1.2, 2, 5])


@given(st.integers(0, 2**31))
def test_ttq_gradients_of_the_scales_are_those_of_autograd(seed):
    generator = torch.Generator().manual_seed(seed)
    weight, gradient = torch.randn(2, 30, generator=generator, dtype=torch.float64)
    scales = [torch.tensor(s, dtype=torch.float64, requires_grad=True) for s in (0.7, 0.2)]
    ternary.TTQ.apply(weight, *scales, 0.3).backward(gradient)
    plain = [s.detach().requires_grad_() for s in scales]
    ((weight > 0.3) * plain[0] - (weight < -0.3) * plain[1]).backward(gradient)
    for ours, theirs in zip(scales, plain, strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_trained_ternary_weight_has_two_learned_scales():
    layer = nn.Linear(20, 5)
    parametrize.register_parametrization(layer, "weight", ternary.TrainedTernaryWeight(layer.weight, 0.3))
    assert len(list(layer.parameters())) == 4
    assert len(layer.weight.unique()) == 3
    layer.weight.square().sum().backward()
    scales = layer.parametrizations.weight[0]
    assert scales.positive.grad > 0
    assert scales.negative.grad > 0


@given(weights, st.integers(2, 6))
def test_log_weights_are_those_of_hwsim(weight, bits):
    if weight.abs().max() > 1e-3:
        value = ternary.LogWeight(bits)(weight)
        number = ternary.log_format(weight, bits)
        assert isinstance(number, Log2)
        assert np.array_equal(value.numpy(), number.quantize(weight.numpy()))
        largest = weight.abs().max()
        assert 0.75 * number.largest <= largest * (1 + 1e-9)
        assert largest < 1.5 * number.largest * (1 + 1e-9)


@given(st.integers(0, 2**31), st.integers(2, 5), st.integers(1, 40))
def test_shifts_equal_products_in_integers(seed, bits, n):
    rng = np.random.default_rng(seed)
    weight = Log2(bits, 1).quantize(rng.normal(size=(3, n)))
    if weight.any():
        x = rng.integers(-128, 128, (4, n))
        sign, shift, lowest = ternary.to_shifts(weight)
        assert (shift >= 0).all()
        assert np.array_equal(sign * 2.0**shift * 2.0**lowest, weight)
        assert np.array_equal(ternary.shift_matmul(x, sign, shift) * 2.0**lowest, x @ weight.T)


@pytest.mark.parametrize("weight", [[0.5, 0.3], [0.0, 0.0]])
def test_shifts_need_powers_of_two(weight):
    with pytest.raises(ValueError, match="powers of two"):
        ternary.to_shifts(np.array(weight))


def test_shifts_refuse_sums_that_int64_cannot_hold():
    sign, shift, _ = ternary.to_shifts(Log2(7, -1).quantize(np.array([[0.5, 2.0**-62]])))
    assert shift.max() == 61
    with pytest.raises(ValueError, match="may need 70 bits"):  # 7 for 127, 61, and 2 for two summands
        ternary.shift_matmul(np.array([[127, 127]], np.int8), sign, shift)
    sign, shift = np.array([[1]]), np.array([[60]])
    assert ternary.shift_matmul(np.array([[-3]]), sign, shift).item() == -3 * 2**60  # 63 bits
    for x in (np.array([[-4]]), np.array([[2**63]], np.uint64), np.array([[-(2**63)]])):
        with pytest.raises(ValueError, match="int64 has 63"):
            ternary.shift_matmul(x, sign, shift)


def test_shifts_refuse_what_is_no_integer():
    with pytest.raises(ValueError, match="integers, not float64"):
        ternary.shift_matmul(np.array([[0.5]]), np.array([[1]]), np.array([[0]]))


def test_log_weights_of_8_bits_need_a_large_weight():
    assert ternary.LogWeight(7)(torch.tensor([1e-3, 0.5])).tolist() == [2.0**-10, 0.5]
    assert ternary.LogWeight(8)(torch.tensor([0.75])).item() == 1
    with pytest.raises(ValueError, match="below 2"):
        ternary.LogWeight(8)(torch.tensor([0.74]))
