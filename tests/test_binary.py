"""Binary weights and activations: signs, scales, gradients, and products by XNOR and popcount."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cdist
from torch import nn

from effdl import data, models
from effdl.compress import binary
from effdl.training import evaluate, fit
from hwsim.formats import Binary


def test_signs_of_zeros_are_one_as_in_hwsim():
    x = torch.tensor([-2.0, -0.0, 0.0, 0.3])
    assert binary.signs(x).tolist() == [-1, 1, 1, 1]
    assert Binary().quantize(x.numpy()).tolist() == [-1, 1, 1, 1]
    assert binary.signs(x.double()).dtype == torch.float64


def test_gradient_passes_straight_through_inside_the_limit():
    x = torch.tensor([-3.0, -1.0, -0.2, 0.0, 0.5, 1.0, 1.5], requires_grad=True)
    (binary.binary(x) * torch.arange(1.0, 8.0)).sum().backward()
    assert x.grad.tolist() == [0, 2, 3, 4, 5, 6, 0]


def test_stochastic_signs_are_right_on_average():
    x = torch.tensor([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
    drawn = binary.stochastic_signs(x.expand(40_000, 7), torch.Generator().manual_seed(0))
    assert set(drawn.unique().tolist()) == {-1, 1}
    torch.testing.assert_close(drawn.mean(0), x.clamp(-1, 1), atol=0.03, rtol=0)


@given(hnp.arrays(np.float64, (3, 7), elements=st.floats(-2, 2)), st.floats(0, 3))
def test_mean_magnitude_is_the_best_scale(weight, other):
    weight = torch.from_numpy(weight)
    scale, sign = binary.filter_scale(weight), binary.signs(weight)
    error = (weight - scale * sign).square().sum(1)
    assert (error <= (weight - other * sign).square().sum(1) + 1e-9).all()
    torch.testing.assert_close(error, weight.square().sum(1) - 7 * scale[:, 0] ** 2, atol=1e-9, rtol=1e-9)


def test_filter_scale_of_a_convolution():
    weight = torch.arange(-8.0, 8.0).view(2, 2, 2, 2)
    assert binary.filter_scale(weight).shape == (2, 1, 1, 1)
    assert binary.filter_scale(weight).flatten().tolist() == [4.5, 3.5]


def test_binary_weight_clips_the_latent_weight():
    layer = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[2.0, -0.5, -3.0]]))
    binary.through(layer, lambda: binary.BinaryWeight(scaled=True))
    torch.testing.assert_close(layer.weight, torch.tensor([[1.0, -1.0, -1.0]]) * 2.5 / 3)
    assert layer.parametrizations.weight.original.tolist() == [[1, -0.5, -1]]
    (layer.weight * torch.tensor([[1.0, 0.0, 0.0]])).sum().backward()
    # By the product rule: the scale moves with every weight, the first sign with the first weight alone.
    sign = torch.tensor([[1.0, -1.0, -1.0]])
    torch.testing.assert_close(
        layer.parametrizations.weight.original.grad, sign / 3 + torch.tensor([[2.5 / 3, 0, 0]])
    )


def test_stochastic_weights_are_drawn_while_training_only():
    layer = binary.through(nn.Linear(50, 50), lambda: binary.BinaryWeight(stochastic=True))
    assert not torch.equal(layer.weight, layer.weight)
    layer.eval()
    assert torch.equal(layer.weight, layer.weight)
    assert torch.equal(layer.weight, binary.signs(layer.parametrizations.weight.original))


def test_scaled_activations():
    x = torch.tensor([[1.0, -3.0], [0.0, 0.5]])
    assert binary.BinaryActivation()(x).tolist() == [[1, -1], [1, 1]]
    assert binary.BinaryActivation(scaled=True)(x).tolist() == [[2, -2], [0.25, 0.25]]


@given(st.integers(1, 200), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32))
def test_xnor_product_equals_the_float_product(n, m, k, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(m, n)), rng.normal(size=(k, n))
    a[rng.random(a.shape) < 0.1] = 0  # zeros count as 1
    words = binary.pack_signs(a), binary.pack_signs(b)
    assert words[0].shape == (m, -(-n // 64))
    assert words[0].dtype == np.uint64
    product = binary.xnor_matmul(*words, n, rows=3)
    exact = np.where(a >= 0, 1.0, -1.0) @ np.where(b >= 0, 1.0, -1.0).T
    assert np.array_equal(product, exact)
    # SciPy's Hamming distance is the share of signs that differ.
    assert np.array_equal(product, n - 2 * np.rint(n * cdist(a >= 0, b >= 0, "hamming")))


def test_packing_by_hand():
    assert binary.pack_signs(np.array([1, -1, 1, 1])).tolist() == [0b1101]
    assert binary.pack_signs(-np.ones((2, 65))).tolist() == [[0, 0], [0, 0]]
    assert binary.pack_signs(np.ones(65)).tolist() == [2**64 - 1, 1]
    assert binary.pack_signs(np.ones((2, 3, 70))).shape == (2, 3, 2)


def test_packing_refuses():
    for empty in (np.zeros((3, 0)), np.float64(1)):
        with pytest.raises(ValueError, match="nothing to pack"):
            binary.pack_signs(empty)
    words = binary.pack_signs(np.ones((2, 64)))
    with pytest.raises(ValueError, match="cannot hold 65"):
        binary.xnor_matmul(words, words, 65)
    with pytest.raises(ValueError, match="cannot hold"):
        binary.xnor_matmul(words, binary.pack_signs(np.ones((2, 65))), 64)


def test_speedup_formula():
    assert binary.xnor_speedup(256, 9) == pytest.approx(62.27, abs=0.005)  # XNOR-Net, section 4.1
    assert binary.xnor_speedup(1, 1) < 1
    with pytest.raises(ValueError, match="must be 1 or more"):
        binary.xnor_speedup(0, 9)


def test_a_binary_network_learns():
    digits = data.load("digits")
    model = binary.through(models.mlp(), lambda: binary.BinaryWeight(scaled=True))
    fit(model, digits.train, epochs=5, lr=3e-3, progress=False)
    assert evaluate(model, digits.validation) > 0.85
    for layer in (model.fc1, model.fc2, model.fc3):
        assert all(len(row.unique()) <= 2 for row in layer.weight)
