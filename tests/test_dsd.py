"""DSD: its schedule, its phases beside one long plain training, regrowth, and the test of paired differences."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test

from effdl import data, models
from effdl.compress.pruning import local_masks, sparsity_of
from effdl.train.dsd import (
    Phase,
    dsd_schedule,
    regrowth,
    sign_flip_test,
    train_phases,
    without_masks,
)
from effdl.training import fit


@pytest.fixture(scope="module")
def train():
    return data.load("digits").train.subset(200)


def test_the_schedule():
    phases = dsd_schedule(4, 0.3, lr=0.02, last=0.5)
    assert phases == [
        Phase("dense", 4, 0.02, 0.0),
        Phase("sparse", 4, 0.02, 0.3),
        Phase("re-dense", 4, 0.01, 0.0),
    ]
    assert [phase.sparsity for phase in without_masks(phases)] == [0, 0, 0]
    assert [phase[:3] for phase in without_masks(phases)] == [phase[:3] for phase in phases]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0, "sparsity": 0.3}, "epochs=0 must be a whole number from 1"),
        ({"epochs": 1.5, "sparsity": 0.3}, "epochs=1.5"),
        ({"epochs": float("nan"), "sparsity": 0.3}, "epochs=nan"),
        ({"epochs": 1, "sparsity": 0.3, "lr": float("inf")}, "lr=inf"),
        ({"epochs": 1, "sparsity": 1.1}, "sparsity=1.1 from 0 to 1"),
        ({"epochs": 1, "sparsity": float("nan")}, "sparsity=nan"),
        ({"epochs": 1, "sparsity": 0.3, "lr": 0}, "lr=0"),
        ({"epochs": 1, "sparsity": 0.3, "last": -1}, "last=-1"),
    ],
)
def test_a_schedule_out_of_range_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        dsd_schedule(**options)


def test_each_phase_ends_as_it_says(train):
    model = models.mlp(1)
    states, masks = train_phases(model, train, dsd_schedule(2, 0.6), seed=1, progress=False)
    assert masks[0] is masks[2] is None
    dense, sparse, final = (copy.deepcopy(model) for _ in range(3))
    for network, state in zip((dense, sparse, final), states, strict=True):
        network.load_state_dict(state)
    assert sparsity_of(sparse) == pytest.approx(0.6, abs=1e-4)
    assert sparsity_of(dense) == 0
    assert 0 < sparsity_of(final) < 0.2  # weights of pixels that are black in every image get no gradient
    expected = local_masks(dense, 0.6)
    assert all(torch.equal(masks[1][name], mask) for name, mask in expected.items())
    assert all(
        torch.equal(a, b) for a, b in zip(states[2].values(), model.state_dict().values(), strict=True)
    )


def test_without_masks_it_is_plain_training(train):
    phased, plain = models.mlp(2), models.mlp(2)
    schedule = without_masks(dsd_schedule(1, 0.5))
    states, masks = train_phases(phased, train, schedule, seed=3, progress=False)
    for i, phase in enumerate(schedule):
        fit(plain, train, epochs=1, lr=phase.lr, seed=3 + 1000 * i, progress=False)
        for name, weight in plain.state_dict().items():
            assert torch.equal(states[i][name], weight)
    assert masks == [None, None, None]


def test_an_epoch_can_be_watched(train):
    seen = []
    train_phases(
        models.mlp(),
        train,
        dsd_schedule(2, 0.5),
        after_epoch=lambda m: seen.append(sparsity_of(m)),
        progress=False,
    )
    assert [round(s, 3) for s in seen[:4]] == [0, 0, 0.5, 0.5]
    assert all(0 < s < 0.2 for s in seen[4:])


def test_an_empty_schedule_is_refused(train):
    with pytest.raises(ValueError, match="one phase at least"):
        train_phases(models.mlp(), train, [])


def test_regrowth():
    weight, mask = torch.tensor([[1.0, -0.5], [0.25, -3.0]]), torch.tensor([[True, False], [False, True]])
    assert regrowth(weight, mask) == (0.375, 2.0)
    for wrong in (mask[0], mask.int()):
        with pytest.raises(ValueError, match="a boolean mask of the shape"):
            regrowth(weight, wrong)
    for useless in (torch.ones(2, 2, dtype=torch.bool), torch.zeros(2, 2, dtype=torch.bool)):
        with pytest.raises(ValueError, match="keep some weights and remove others"):
            regrowth(weight, useless)


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=8))
def test_the_sign_flip_test_is_scipys(differences):
    theirs = permutation_test(
        (np.array(differences, float), np.zeros(len(differences))),
        lambda x, y, axis: (x - y).mean(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert sign_flip_test(differences) == pytest.approx(theirs.pvalue)


def test_many_pairs_are_drawn():
    random = np.random.default_rng(0)
    noise = random.normal(size=40)
    drawn = sign_flip_test(noise - noise.mean() + 0.3 * noise.std())
    assert drawn == pytest.approx(0.06, abs=0.02)  # a mean of 1.9 standard errors
    assert 0 < sign_flip_test(np.ones(40)) < 1e-3
    assert sign_flip_test(np.zeros(5)) == 1
    assert sign_flip_test([3.0]) == 1  # one pair says nothing
    assert sign_flip_test([1e-13, 2e-13, 3e-13]) == sign_flip_test([1e308] * 3) == 0.25


def test_what_the_sign_flip_test_refuses():
    for wrong in ([], [1.0, np.nan], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="finite differences"):
            sign_flip_test(wrong)
    for options in ({"draws": 0}, {"exact": 21}):
        with pytest.raises(ValueError, match="must be 1 or more"):
            sign_flip_test([1.0], **options)
