"""The codebook widget without a browser: what it computes, what it hands over, what it refuses."""

import numpy as np
import pytest
import torch
import traitlets

from effdl.compress.sharing import first_centroids, kmeans
from effdl.widgets import Codebook
from effdl.widgets.codebook import BITS, INITS, SAMPLE, at_iteration, path, sample


def layers():
    random = np.random.default_rng(2)
    dense = random.normal(0, 0.1, (20, 30))
    return {
        "dense": dense,
        "pruned": np.where(abs(dense) < 0.08, 0, dense),
        "few": np.array([0.5, -0.25, 0.5]),
    }


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("bits", BITS)
def test_the_last_iteration_is_what_kmeans_gives(init, bits):
    weights = torch.from_numpy(layers()["dense"]).float()
    widget = Codebook({"dense": weights}, init=init, bits=bits, iteration=10_000)
    codebook, codes = kmeans(weights, 2**bits, init)
    now = widget.readout
    np.testing.assert_allclose(now.centroids, codebook, atol=1e-7)
    assert now.counts == torch.bincount(codes.flatten().long(), minlength=2**bits).tolist()
    error = (weights - codebook[codes.long()]).double().square().sum().item()
    assert now.error == pytest.approx(error, rel=1e-5, abs=1e-9)
    assert now.energy == pytest.approx(weights.double().square().sum().item())


def test_the_error_never_rises():
    ordered = sample(layers()["dense"])
    start = first_centroids(ordered, 8, "random", 1)
    errors = [at_iteration(ordered, start, i).error for i in range(len(path(ordered, start)))]
    assert len(errors) > 3
    assert (np.diff(errors) <= 1e-12).all()


def test_by_hand():
    now = at_iteration(np.array([0.0, 1.0, 5.0], np.float32), np.array([0.0, 5.0]), 0)
    assert (now.boundaries, now.counts, now.error, now.energy) == ([2.5], [2, 1], 1.0, 26.0)
    later = at_iteration(np.array([0.0, 1.0, 5.0], np.float32), np.array([0.0, 5.0]), 9)
    assert (later.iterations, later.centroids, later.error) == (1, [0.5, 5.0], 0.5)


def test_zeros_take_a_centroid_and_stay_out():
    widget = Codebook(layers(), layer="pruned", bits=3)
    assert len(widget.readout.centroids) == 7
    assert sum(widget.readout.counts) == np.count_nonzero(layers()["pruned"])
    assert widget.counts[1][:2] == [600, np.count_nonzero(layers()["pruned"])]


def test_a_large_layer_is_sampled_evenly():
    weights = np.random.default_rng(0).normal(size=100_000)
    few = sample(weights)
    assert few.size == SAMPLE
    assert few[0] == np.float32(weights.min())
    assert few[-1] == np.float32(weights.max())
    assert abs(np.median(few) - np.median(weights)) < 1e-3


def test_the_summary():
    text = repr(Codebook(layers(), layer="few", bits=1, iteration=3))
    assert text == (
        "<Codebook: few, 2 centroids from a linear start; iteration 0 of 0: squared error 0, 0.0% of the energy>"
    )


def test_what_it_refuses():
    with pytest.raises(ValueError, match="one layer at least"):
        Codebook({})
    with pytest.raises(ValueError, match="nonzero weights"):
        Codebook({"a": np.zeros(3)})
    with pytest.raises(ValueError, match="finite"):
        Codebook({"a": np.array([1.0, np.nan])})
    with pytest.raises(ValueError, match="unknown layer 'b'"):
        Codebook({"a": np.ones(3)}, layer="b")
    widget = Codebook({"a": np.ones(3)})
    for name, value in (("bits", 7), ("init", "uniform")):
        with pytest.raises(traitlets.TraitError):
            setattr(widget, name, value)
