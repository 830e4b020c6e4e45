"""Balance-aware pruning: as many weights, evenly spread, and the largest of each PE."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import hwsim
from effdl import models
from effdl.compress.balance import balanced_mask, balanced_masks, places
from effdl.compress.pruning import global_masks, magnitude_mask


def test_places_by_hand():
    group = np.array([0, 1, 0, 0, 1])
    assert places(group, np.array([3, 1, 3, 2, 0])).tolist() == [1, 1, 2, 0, 0]
    assert places(group, np.array([3, 1, 3, 2, 0]), np.array([9, 0, 8, 0, 0])).tolist() == [2, 1, 1, 0, 0]
    assert places(np.array([], int), np.array([])).tolist() == []


def test_the_pes_take_turns():
    weight = torch.tensor([[9.0, 1, 8], [5, 5, 5], [7, 2, 6], [-4, 3, 5]])
    five = torch.tensor(
        [[True, False, True], [False, False, False], [True, False, True], [False, True, False]]
    )
    # PE 0 has 9 1 8 7 2 6, PE 1 has 5 5 5 -4 3 5; two turns each, and in the third one 7 is larger than 5.
    assert balanced_mask(weight, five, 2).int().tolist() == [[1, 0, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0]]
    # By column: two weights of column 0, one of column 1, two of column 2.
    by_column = balanced_mask(weight, five, 2, columns=1).int().tolist()
    assert by_column == [[1, 0, 1], [1, 1, 1], [0, 0, 0], [0, 0, 0]]


sizes = st.tuples(st.integers(1, 12), st.integers(1, 9), st.integers(1, 14), st.integers(1, 10))


@given(sizes, st.floats(0, 1), st.integers(0, 2**31))
def test_as_many_weights_evenly_spread_and_the_largest_of_each_pe(sizes, sparsity, seed):
    rows, inputs, pes, columns = sizes
    weight = torch.from_numpy(np.random.default_rng(seed).integers(-4, 5, (rows, inputs)).astype(np.float32))
    mask = magnitude_mask(weight, sparsity)
    for width in (None, columns):
        balanced = balanced_mask(weight, mask, pes, width)
        for group in range(0, inputs, width or inputs):
            part = slice(group, group + (width or inputs))
            assert balanced[:, part].sum() == mask[:, part].sum()
            kept = [balanced[pe::pes, part].sum().item() for pe in range(min(pes, rows))]
            room = [balanced[pe::pes, part].numel() for pe in range(min(pes, rows))]
            for k, r in zip(kept, room, strict=True):
                assert k >= min(r, max(kept) - 1)
            for pe in range(min(pes, rows)):
                own, chosen = weight[pe::pes, part].abs(), balanced[pe::pes, part]
                if chosen.any() and not chosen.all():
                    assert own[chosen].min() >= own[~chosen].max()


def test_one_pe_and_all_columns_is_magnitude_pruning():
    weight = torch.randn(7, 9, generator=torch.Generator().manual_seed(1))
    mask = magnitude_mask(weight, 0.6)
    assert torch.equal(balanced_mask(weight, mask, 1), mask)


def test_pruned_weights_do_not_come_back():
    """From fewer weights to still fewer, as in iterative pruning: what is zero already is not chosen again."""
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(30, 20, generator=generator) * torch.randn(30, 1, generator=generator)
    for columns in (None, 4, 1):
        first = magnitude_mask(weight, 0.5)
        pruned = weight * balanced_mask(weight, first, 4, columns)
        second = first & magnitude_mask(weight, 0.8)
        assert not (balanced_mask(pruned, second, 4, columns) & (pruned == 0)).any()


def test_a_network_keeps_as_many_weights_in_each_layer_and_takes_fewer_cycles():
    model = models.mlp()
    with torch.no_grad():
        model.fc2.weight.mul_(
            torch.linspace(0.2, 2, 100)[torch.randperm(100, generator=torch.Generator())][:, None]
        )
    masks = global_masks(model, 0.8)
    balanced = balanced_masks(model, masks, 16, columns=1)
    assert {name: int(m.sum()) for name, m in balanced.items()} == {n: int(m.sum()) for n, m in masks.items()}
    weight, eie = model.fc2.weight.detach().numpy(), hwsim.EIE(pes=16)
    cycles = [
        eie.run(eie.encode(weight * m["fc2.weight"].numpy()), np.ones(300)).cycles for m in (masks, balanced)
    ]
    assert cycles[1] < 0.9 * cycles[0]


@pytest.mark.parametrize(
    ("weight", "mask", "options", "message"),
    [
        (torch.zeros(3), torch.ones(3, dtype=torch.bool), {"pes": 2}, r"not \(3,\) and \(3,\)"),
        (torch.zeros(3, 2), torch.ones(2, 3, dtype=torch.bool), {"pes": 2}, r"\(3, 2\) and \(2, 3\)"),
        (torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.bool), {"pes": 0}, "pes=0"),
        (torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.bool), {"pes": 1, "columns": 0}, "columns=0"),
        (torch.zeros(2, 2), torch.ones(2, 2), {"pes": 1}, "must be boolean, not torch.float32"),
        (torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.bool), {"pes": 2.5}, "pes=2.5 .* whole numbers"),
        (torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.bool), {"pes": float("nan")}, "pes=nan"),
        (torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.bool), {"pes": 1, "columns": 1.5}, "columns=1.5"),
        (torch.full((2, 2), float("nan")), torch.ones(2, 2, dtype=torch.bool), {"pes": 1}, "NaN"),
    ],
)
def test_what_it_refuses(weight, mask, options, message):
    with pytest.raises(ValueError, match=message):
        balanced_mask(weight, mask, **options)
