"""Weight sharing: k-means in one dimension, shared layers, trained codebooks."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.cluster import KMeans
from torch import nn
from torch.nn import functional as F

from effdl import data, models
from effdl.compress.pruning import global_masks, local_masks, prunable, prune
from effdl.compress.sharing import (
    boundaries,
    codebook_gradient,
    compression_rate,
    first_centroids,
    kmeans,
    look_up,
    share,
    share_tensor,
    train_codebooks,
)
from effdl.training import evaluate, fit

VALUES = arrays(np.float32, st.integers(1, 60), elements=st.floats(-4, 4, width=32))


def brute_force(values, centroids):
    """Lloyd's algorithm as one would write it down: every distance, every iteration."""
    while True:
        codes = np.abs(values[:, None].astype(np.float64) - centroids).argmin(1)
        means = np.array(
            [values[codes == i].mean() if (codes == i).any() else c for i, c in enumerate(centroids)]
        )
        if np.allclose(means, centroids, atol=1e-12):
            return centroids, codes
        centroids = means


# k-means


@settings(deadline=None)
@given(VALUES, st.integers(1, 8), st.sampled_from(["linear", "density", "random"]))
def test_every_value_has_its_nearest_centroid_and_every_centroid_is_a_mean(values, k, init):
    codebook, codes = kmeans(torch.from_numpy(values).double(), k, init)
    centroids = codebook.numpy()
    assert codebook.shape == (k,)
    assert codes.shape == values.shape
    assert (np.diff(centroids) >= 0).all()
    distance = np.abs(values[:, None].astype(np.float64) - centroids)
    np.testing.assert_allclose(distance[np.arange(len(values)), codes], distance.min(1), atol=1e-9)
    for i in range(k):
        if (codes == i).any():
            assert centroids[i] == pytest.approx(
                values[codes.numpy() == i].astype(np.float64).mean(), abs=1e-9
            )


@pytest.mark.parametrize("init", ["linear", "density", "random"])
@pytest.mark.parametrize("k", [2, 5, 16])
def test_it_is_lloyds_algorithm(init, k):
    values = np.random.default_rng(k).normal(size=2000)
    start = first_centroids(np.sort(values), k, init)
    centroids, codes = brute_force(values, start)
    codebook, ours = kmeans(torch.from_numpy(values), k, init)
    np.testing.assert_allclose(codebook, centroids, atol=1e-10)
    np.testing.assert_array_equal(ours, codes)


@pytest.mark.parametrize("init", ["linear", "density", "random"])
def test_equal_to_scikit_learn_from_the_same_start(init):
    values = np.random.default_rng(3).normal(size=5000).astype(np.float32)
    start = first_centroids(np.sort(values), 16, init)
    theirs = KMeans(16, init=start[:, None], n_init=1, max_iter=10_000, tol=0, algorithm="lloyd")
    theirs.fit(values[:, None].astype(np.float64))
    codebook, codes = kmeans(torch.from_numpy(values), 16, init)
    np.testing.assert_allclose(codebook, theirs.cluster_centers_[:, 0], atol=1e-6)
    np.testing.assert_array_equal(codes, theirs.labels_)


def test_by_hand():
    codebook, codes = kmeans(torch.tensor([[2.09, -0.98], [1.48, 0.09], [1.92, 0.0], [-1.08, 2.12]]), 4)
    assert codebook.tolist() == pytest.approx([-1.03, 0.045, 1.48, 2.0433333], abs=1e-6)
    assert codes.tolist() == [[3, 0], [2, 1], [3, 1], [0, 3]]


def test_a_value_in_the_middle_goes_to_the_lower_centroid():
    assert kmeans(torch.tensor([0.0, 1.0, 2.0]), 2, iterations=0)[1].tolist() == [0, 0, 1]
    assert boundaries(np.array([0.0, 0.2]), np.float32)[0] <= 0.1


def test_an_empty_cluster_keeps_its_centroid():
    codebook, codes = kmeans(torch.tensor([0.0, 0.1, 10.0]), 3)
    assert codebook.tolist() == pytest.approx([0.05, 5.0, 10.0])
    assert codes.tolist() == [0, 0, 2]


def test_equal_values_and_one_value():
    codebook, codes = kmeans(torch.full((3, 2), 0.7), 4)
    assert (look_up(codebook, codes) == 0.7).all()
    assert kmeans(torch.tensor([2.5]), 3, "random")[0].tolist() == [2.5, 2.5, 2.5]


def test_where_it_starts():
    ordered = np.array([0.0, 1, 2, 3, 4, 5, 6, 100])
    assert first_centroids(ordered, 3, "linear").tolist() == [0, 50, 100]
    assert first_centroids(ordered, 4, "density").tolist() == [1, 3, 5, 100]
    picked = first_centroids(ordered, 4, "random", seed=1)
    assert len(set(picked)) == 4
    assert set(picked) <= set(ordered)
    assert sorted(picked) == picked.tolist()
    assert picked.tolist() != first_centroids(ordered, 4, "random", seed=2).tolist()


@pytest.mark.parametrize(("k", "kind"), [(255, torch.uint8), (256, torch.int16), (2**15, torch.int32)])
def test_codes_are_small_and_right(k, kind):
    values = torch.arange(k, dtype=torch.float32)
    codebook, codes = kmeans(values, k)
    assert codes.dtype == kind
    assert torch.equal(look_up(codebook, codes), values)


def test_types_of_values():
    half = torch.tensor([0.5, 0.25, 2.0]).half()
    assert kmeans(half, 2)[0].dtype == torch.float16
    assert kmeans(half.double(), 2)[0].dtype == torch.float64


@pytest.mark.parametrize(
    ("values", "k", "init", "message"),
    [
        ([], 2, "linear", "needs values"),
        ([1.0, float("nan")], 2, "linear", "1 of 2 values are not finite"),
        ([1.0, float("inf")], 2, "linear", "finite"),
        ([0, 1, 2, 9, 10], 2, "linear", "needs floats, not torch.int64"),
        ([1.0], 0, "linear", "k=0"),
        ([1.0], 2, "uniform", "init='uniform'"),
    ],
)
def test_what_cannot_be_clustered(values, k, init, message):
    with pytest.raises(ValueError, match=message):
        kmeans(torch.tensor(values), k, init)


# Shared layers


@settings(deadline=None)
@given(VALUES, st.integers(1, 5))
def test_zeros_stay_zero_and_the_codes_fit_in_the_bits(values, bits):
    weight = torch.from_numpy(values)
    codebook, codes = share_tensor(weight, 2**bits)
    shared = look_up(codebook, codes)
    assert (shared[weight == 0] == 0).all()
    assert (codes[weight == 0] == len(codebook)).all()
    assert codes.max() < 2**bits
    assert len(shared.unique()) <= 2**bits


def test_a_model_is_shared_in_place():
    model = models.mlp()
    prune(model, local_masks(model, 0.9))
    before = copy.deepcopy(model)
    shared = share(model, 4)
    assert list(shared) == list(prunable(model))
    for name, weight in prunable(model).items():
        codebook, codes = shared[name]
        assert len(codebook) == 15
        assert torch.equal(look_up(codebook, codes), weight)
        assert torch.equal(weight == 0, before.get_parameter(name) == 0)
    assert torch.equal(model.fc1.bias, before.fc1.bias)


def test_bits_by_layer_and_a_layer_without_zeros():
    model = models.convnet()
    fc = model.fc.weight.detach().clone()
    shared = share(model, {"conv1.weight": 2, "conv2.weight": 3}, "density")
    assert [len(codebook) for codebook, _ in shared.values()] == [4, 8]
    assert torch.equal(model.fc.weight, fc)


def test_a_layer_of_zeros():
    codebook, codes = share_tensor(torch.zeros(3, 2), 4)
    assert codebook.shape == (0,)
    assert torch.equal(look_up(codebook, codes), torch.zeros(3, 2))


def test_more_bits_less_error():
    weight = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    errors = [(look_up(*share_tensor(weight, 2**bits)) - weight).square().sum() for bits in range(1, 9)]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize(
    ("bits", "message"), [({"fc9.weight": 4}, "no weight 'fc9.weight'"), (0, "bits=0"), (17, "bits=17")]
)
def test_what_cannot_be_shared(bits, message):
    with pytest.raises(ValueError, match=message):
        share(models.mlp(), bits)


@pytest.mark.parametrize("bits", [{"fc1.weight": 2, "fc9.weight": 4}, {"fc1.weight": 2, "fc2.weight": 0}, 2])
def test_a_model_that_cannot_be_shared_stays_as_it_was(bits):
    model = models.mlp()
    with torch.no_grad():
        model.fc3.weight[0, 0] = float("nan")
    before = model.fc1.weight.detach().clone()
    with pytest.raises(ValueError, match=r"fc9|bits=0|not finite"):
        share(model, bits)
    assert torch.equal(model.fc1.weight, before)


# Training the centroids


def test_the_gradient_is_summed_by_code():
    gradient = torch.tensor([[1.0, 2.0], [4.0, 8.0]])
    codes = torch.tensor([[1, 0], [1, 3]], dtype=torch.uint8)
    assert codebook_gradient(gradient, codes, 3).tolist() == [2.0, 5.0, 0.0]
    with pytest.raises(ValueError, match="differ in shape"):
        codebook_gradient(gradient, codes[0], 3)


def test_the_gradient_is_the_one_of_automatic_differentiation():
    layer, inputs = nn.Linear(12, 5), torch.randn(7, 12)
    codebook, codes = share(layer, 2)["weight"]
    leaf = codebook.clone().requires_grad_()
    F.linear(inputs, look_up(leaf, codes), layer.bias).square().sum().backward()
    layer(inputs).square().sum().backward()
    torch.testing.assert_close(codebook_gradient(layer.weight.grad, codes, 4), leaf.grad)


def test_training_the_centroids_keeps_what_is_shared():
    train, validation, _ = data.load("digits")
    model = models.mlp()
    fit(model, train, epochs=5, progress=False)
    fit(model, train, epochs=3, masks=global_masks(model, 0.8), progress=False)
    shared = share(model, 2)
    before = copy.deepcopy(model)
    start = {name: codebook.clone() for name, (codebook, _) in shared.items()}
    losses = train_codebooks(model, shared, train, epochs=5, lr=3e-3, progress=False)
    assert len(losses) == 5
    assert losses[-1] < losses[0]
    assert evaluate(model, validation) > evaluate(before, validation)
    for name, (codebook, codes) in shared.items():
        weight = model.get_parameter(name)
        assert not torch.equal(codebook, start[name])
        assert torch.equal(weight, look_up(codebook, codes))
        assert (weight[before.get_parameter(name) == 0] == 0).all()
    assert torch.equal(model.fc1.bias, before.fc1.bias)
    again = copy.deepcopy(before)
    train_codebooks(
        again,
        {n: (start[n].clone(), c) for n, (_, c) in shared.items()},
        train,
        epochs=5,
        lr=3e-3,
        progress=False,
    )
    assert torch.equal(again.fc2.weight, model.fc2.weight)


# Sizes


def test_the_compression_rate():
    assert compression_rate(16, 4) == 3.2
    assert compression_rate(300, 1) == pytest.approx(300 * 32 / 32)
    assert compression_rate(1000, 5, b=16) == pytest.approx(16000 / (3000 + 80))
    for n, k in ((0, 4), (16, 0)):
        with pytest.raises(ValueError, match="1 or more"):
            compression_rate(n, k)
