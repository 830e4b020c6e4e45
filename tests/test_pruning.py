"""Pruning: masks, budgets, the retraining loop, second derivatives; the same masks as torch.nn.utils.prune."""

import copy
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune as torch_prune

from effdl import data, models
from effdl.compress import pruning
from effdl.training import evaluate, fit


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(scope="module")
def trained(digits):
    model = models.mlp()
    fit(model, digits.train, epochs=8, progress=False)
    return model


def test_prunable_leaves_biases_and_embeddings_out():
    assert list(pruning.prunable(models.convnet())) == ["conv1.weight", "conv2.weight", "fc.weight"]
    lstm = models.char_lstm(10)
    assert list(pruning.prunable(lstm)) == ["lstm.weight_ih_l0", "lstm.weight_hh_l0", "head.weight"]


@given(st.lists(st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0]), max_size=40), st.floats(0, 1))
def test_magnitude_mask_removes_exactly_the_smallest(values, sparsity):
    weight = torch.tensor(values)
    mask = pruning.magnitude_mask(weight, sparsity)
    assert mask.shape == weight.shape
    assert (~mask).sum() == round(sparsity * len(values))
    if mask.any() and not mask.all():
        assert weight[mask].abs().min() >= weight[~mask].abs().max()


def test_ties_go_from_the_front_and_the_weight_is_not_changed():
    weight = torch.tensor([[1.0, -1.0], [1.0, 1.0]])
    assert pruning.magnitude_mask(weight, 0.5).tolist() == [[False, False], [True, True]]
    assert weight.tolist() == [[1, -1], [1, 1]]


@pytest.mark.parametrize("sparsity", [-0.1, 1.1, float("nan")])
def test_sparsity_outside_the_range_is_refused(sparsity):
    with pytest.raises(ValueError, match="must be between 0"):
        pruning.magnitude_mask(torch.ones(3), sparsity)


def test_not_a_number_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        pruning.smallest_mask(torch.tensor([1.0, float("nan")]), 0.5)


def test_local_masks_take_one_share_or_one_for_each_layer(trained):
    for mask in pruning.local_masks(trained, 0.9).values():
        assert (~mask).sum() == round(0.9 * mask.numel())
    one = pruning.local_masks(trained, {"fc2.weight": 0.5})
    assert list(one) == ["fc2.weight"]
    with pytest.raises(ValueError, match=r"no weight 'fc7.weight' to prune; there are fc1.weight"):
        pruning.local_masks(trained, {"fc7.weight": 0.5})


def test_global_masks_rank_all_layers_together(trained):
    masks = pruning.global_masks(trained, 0.8)
    weights = pruning.prunable(trained)
    assert sum((~m).sum() for m in masks.values()) == round(0.8 * 50_200)
    kept = min(weights[n].abs()[m].min() for n, m in masks.items() if m.any())
    removed = max(weights[n].abs()[~m].max() for n, m in masks.items())
    assert kept >= removed


def test_same_masks_as_torch(trained):
    library, ours = copy.deepcopy(trained), pruning.local_masks(trained, 0.7)
    for name in ("fc1", "fc2", "fc3"):
        layer = library.get_submodule(name)
        torch_prune.l1_unstructured(layer, "weight", amount=0.7)
        assert torch.equal(layer.weight_mask.bool(), ours[f"{name}.weight"])
    library, ours = copy.deepcopy(trained), pruning.global_masks(trained, 0.7)
    layers = [library.fc1, library.fc2, library.fc3]
    torch_prune.global_unstructured([(x, "weight") for x in layers], torch_prune.L1Unstructured, amount=0.7)
    for layer, mask in zip(layers, ours.values(), strict=True):
        assert torch.equal(layer.weight_mask.bool(), mask)


def test_prune_sets_zeros_in_place_and_sparsity_counts_them(trained):
    model = copy.deepcopy(trained)
    assert pruning.sparsity_of(model) < 0.01
    assert pruning.prune(model, pruning.global_masks(model, 0.6)) is model
    assert pruning.sparsity_of(model) == pytest.approx(0.6, abs=1e-4)


@given(st.floats(0, 0.99), st.integers(1, 10))
def test_geometric_schedule_removes_the_same_share_each_round(sparsity, rounds):
    kept = [1.0] + [1 - s for s in pruning.geometric_schedule(sparsity, rounds)]
    ratios = [b / a for a, b in pairwise(kept)]
    assert kept[-1] == pytest.approx(1 - sparsity)
    assert ratios == pytest.approx([ratios[0]] * rounds)


@pytest.mark.parametrize(("sparsity", "rounds"), [(1, 3), (-0.1, 3), (0.5, 0)])
def test_geometric_schedule_refuses_what_it_cannot_do(sparsity, rounds):
    with pytest.raises(ValueError, match=f"sparsity={sparsity}"):
        pruning.geometric_schedule(sparsity, rounds)


def test_retraining_recovers_what_pruning_lost_and_earlier_zeros_stay(trained, digits):
    masked = pruning.prune(copy.deepcopy(trained), pruning.global_masks(trained, 0.9))
    model, seen = copy.deepcopy(trained), []

    def watch(model, sparsity):
        seen.append(pruning.global_masks(model, sparsity))
        return seen[-1]

    last = pruning.prune_and_retrain(
        model, digits.train, [0.5, 0.8, 0.9], watch, epochs=3, lr=3e-3, progress=False
    )
    assert pruning.sparsity_of(model) == pytest.approx(0.9, abs=1e-4)
    assert evaluate(model, digits.validation) > evaluate(masked, digits.validation) + 0.05
    for name, mask in last.items():
        assert not (mask & ~seen[0][name]).any()


@pytest.mark.parametrize("schedule", [[], [0.8, 0.5]])
def test_a_schedule_must_go_up(trained, digits, schedule):
    with pytest.raises(ValueError, match="from low to high"):
        pruning.prune_and_retrain(copy.deepcopy(trained), digits.train, schedule, epochs=1)


def test_sensitivity_prunes_one_layer_and_leaves_the_model_alone(trained, digits):
    before = copy.deepcopy(trained.state_dict())
    curves = pruning.sensitivity(trained, digits.validation, [0.0, 1.0])
    assert list(curves) == ["fc1.weight", "fc2.weight", "fc3.weight"]
    for dense, empty in curves.values():
        assert dense == evaluate(trained, digits.validation)
        assert empty < 0.3
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())


def tiny_network(activation):
    with models.seeded(0):
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 5), activation(), nn.Linear(5, 10)).double()


def double(split, n):
    return data.Split(split.inputs[:n].double(), split.labels[:n])


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_hessian_diagonal_equals_finite_differences(digits, activation):
    model, split, h = tiny_network(activation), double(digits.train, 40), 1e-4
    exact = pruning.hessian_diagonal(model, split, "3.weight", rows=7)
    weight = model.get_parameter("3.weight")
    for index in [(0, 0), (4, 2), (9, 4)]:
        losses = []
        for step in (-h, 0, h):
            with torch.no_grad():
                weight[index] += step
                losses.append(F.cross_entropy(model(split.inputs), split.labels).item())
                weight[index] -= step
        numeric = (losses[0] - 2 * losses[1] + losses[2]) / h**2
        assert exact[index].item() == pytest.approx(numeric, rel=1e-3, abs=1e-7)


def test_gauss_newton_is_exact_for_relu_and_not_for_tanh(digits):
    split = double(digits.train, 40)
    for activation, equal in ((nn.ReLU, True), (nn.Tanh, False)):
        model = tiny_network(activation)
        exact = pruning.hessian_diagonal(model, split, "1.weight")
        approximate = pruning.gauss_newton_diagonal(model, split, batch_size=16)["1.weight"]
        assert torch.allclose(exact, approximate, rtol=1e-4, atol=1e-8) == equal
        assert (approximate >= 0).all()


def test_gauss_newton_covers_convolutions(digits):
    model, split = models.convnet(), digits.train.subset(24)
    diagonal = pruning.gauss_newton_diagonal(model, split)
    exact = pruning.hessian_diagonal(model, split, "conv1.weight")
    torch.testing.assert_close(diagonal["conv1.weight"], exact, rtol=1e-3, atol=1e-6)


def test_obd_saliency_is_half_curvature_times_square():
    saliency = pruning.obd_saliency(torch.tensor([0.1, -0.3]), torch.tensor([8.0, 0.5]))
    torch.testing.assert_close(saliency, torch.tensor([0.04, 0.0225]))
    with pytest.raises(ValueError, match="differ in shape"):
        pruning.obd_saliency(torch.ones(2), torch.ones(3))
