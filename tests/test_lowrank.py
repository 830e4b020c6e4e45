"""Low rank: decompositions beside TensorLy's, layers that compute what their factors say, ranks within a budget."""

from itertools import pairwise

import numpy as np
import pytest
import tensorly.decomposition
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorly.cp_tensor import cp_to_tensor
from tensorly.tenalg import svd_interface
from torch import nn

from effdl import models
from effdl.compress import lowrank


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


MATRICES = {
    "rows": st.integers(1, 9),
    "columns": st.integers(1, 9),
    "seed": st.integers(0, 999),
    "data": st.data(),
}


@settings(deadline=None)
@given(**MATRICES)
def test_the_error_of_the_svd_is_the_tail(rows, columns, seed, data):
    matrix = drawn(rows, columns, seed=seed)
    rank = data.draw(st.integers(1, min(rows, columns)))
    left, right, singular = lowrank.truncated_svd(matrix, rank)
    assert (left.shape, right.shape) == ((rows, rank), (rank, columns))
    error = (matrix.double() - left @ right).norm()
    torch.testing.assert_close(error, lowrank.tail(singular, rank), atol=1e-9, rtol=1e-6)
    other = (
        drawn(rows, rank, seed=seed + 1).double()
        @ torch.linalg.lstsq(drawn(rows, rank, seed=seed + 1).double(), matrix.double()).solution
    )
    assert (matrix.double() - other).norm() >= error - 1e-9


def test_svd_by_hand():
    left, right, singular = lowrank.truncated_svd(torch.tensor([[3.0, 0.0], [0.0, 4.0]]), 1)
    assert singular.tolist() == [4, 3]
    torch.testing.assert_close(left @ right, torch.tensor([[0.0, 0.0], [0.0, 4.0]], dtype=torch.float64))
    assert lowrank.tail(singular, 1) == 3
    assert lowrank.rank_for_energy(singular, 0.64) == 1
    assert lowrank.rank_for_energy(singular, 0.65) == 2
    assert [lowrank.rank_for_energy(singular, share) for share in (0, 1)] == [1, 2]
    assert lowrank.break_even(300, 100) == 75


@pytest.mark.parametrize("rank", [0, 4])
def test_ranks_out_of_range(rank):
    for call in (
        lambda: lowrank.truncated_svd(torch.ones(3, 5), rank),
        lambda: lowrank.aware_svd(torch.ones(3, 5), torch.ones(7, 5), rank),
        lambda: lowrank.tucker2(torch.ones(3, 5, 2, 2), (rank, 1)),
        lambda: lowrank.tucker2(torch.ones(5, 3, 2, 2), (1, rank)),
    ):
        with pytest.raises(ValueError, match="must be from 1"):
            call()
    with pytest.raises(ValueError, match="rank=0"):
        lowrank.cp(torch.ones(2, 2), 0)
    with pytest.raises(ValueError, match="one \\(n, rank\\) for each axis"):
        lowrank.cp(torch.ones(2, 2), 1, start=[torch.ones(2, 1)])


def test_a_share_out_of_range():
    with pytest.raises(ValueError, match="between 0 and 1"):
        lowrank.rank_for_energy(torch.ones(3), 1.1)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 99), rank=st.integers(1, 6))
def test_data_aware_factors_are_closest_on_the_outputs(seed, rank):
    weight = drawn(6, 8, seed=seed)
    inputs = drawn(30, 8, seed=seed + 1) * torch.logspace(-2, 1, 8)
    exact = inputs.double() @ weight.double().T

    def error(left, right):
        return (exact - inputs.double() @ (left @ right).T).norm()

    ours = error(*lowrank.aware_svd(weight, inputs, rank))
    assert ours <= error(*lowrank.truncated_svd(weight, rank)[:2]) + 1e-9
    torch.testing.assert_close(ours, torch.linalg.svdvals(exact)[rank:].norm(), atol=1e-5, rtol=1e-6)


def test_unfold_and_khatri_rao_fit_together():
    factors = [drawn(n, 3, seed=n).double() for n in (2, 4, 5)]
    tensor = lowrank.cp_product(factors)
    torch.testing.assert_close(tensor, torch.einsum("ar,br,cr->abc", *factors))
    for axis in range(3):
        others = factors[:axis] + factors[axis + 1 :]
        torch.testing.assert_close(lowrank.unfold(tensor, axis), factors[axis] @ lowrank.khatri_rao(others).T)


def by_tensorly(matrix, rank):
    u, singular, v = svd_interface(matrix.detach().double().numpy(), n_eigenvecs=rank)
    return torch.from_numpy(u * singular @ v)


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_svd_and_both_splits_beside_tensorly(rank):
    layer = nn.Conv2d(8, 12, 3)
    left, right, _ = lowrank.truncated_svd(layer.weight.flatten(1), rank)
    torch.testing.assert_close(left @ right, by_tensorly(layer.weight.flatten(1), rank))
    first, second = lowrank.factor_channel(layer, rank)
    whole = torch.einsum("rshw,tr->tshw", first.weight, second.weight[..., 0, 0]).flatten(1)
    torch.testing.assert_close(
        whole.double(), by_tensorly(layer.weight.flatten(1), rank), atol=1e-6, rtol=1e-5
    )
    first, second = lowrank.factor_spatial(layer, rank)
    whole = torch.einsum("rsh,trw->shtw", first.weight[..., 0], second.weight[:, :, 0]).reshape(24, 36)
    matrix = layer.weight.permute(1, 2, 0, 3).reshape(24, 36)
    torch.testing.assert_close(whole.double(), by_tensorly(matrix, rank), atol=1e-6, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:Trying to compute SVD")
@pytest.mark.parametrize("ranks", [(3, 2), (5, 5), (12, 1), (12, 8)])
def test_tucker_beside_tensorly(ranks):
    weight = drawn(12, 8, 3, 3)
    core, u_out, u_in = lowrank.tucker2(weight, ranks, iterations=30)
    assert (core.shape, u_out.shape, u_in.shape) == ((*ranks, 3, 3), (12, ranks[0]), (8, ranks[1]))
    for u in (u_out, u_in):
        torch.testing.assert_close(u.T @ u, torch.eye(u.shape[1], dtype=torch.float64))
    ours = lowrank.relative_error(weight, torch.einsum("abhw,oa,ib->oihw", core, u_out, u_in))
    (theirs, factors), _ = tensorly.decomposition.partial_tucker(
        weight.double().numpy(), list(ranks), modes=[0, 1], n_iter_max=30, tol=1e-14
    )
    rebuilt = np.einsum("abhw,oa,ib->oihw", theirs, *factors)
    assert ours == pytest.approx(lowrank.relative_error(weight, torch.from_numpy(rebuilt)), abs=1e-7)


def test_each_round_of_hooi_is_no_worse():
    weight = drawn(10, 9, 3, 3, seed=4)
    errors = []
    for rounds in range(6):
        core, u_out, u_in = lowrank.tucker2(weight, (3, 3), rounds)
        errors.append(lowrank.relative_error(weight, torch.einsum("abhw,oa,ib->oihw", core, u_out, u_in)))
    assert all(after <= before + 1e-12 for before, after in pairwise(errors))
    assert errors[-1] < errors[0]


@pytest.mark.parametrize("rank", [1, 4, 11])
def test_cp_beside_tensorly_from_the_same_start(rank):
    weight = drawn(10, 8, 3, 3, seed=2)
    start = [drawn(n, rank, seed=5 + i).double() for i, n in enumerate(weight.shape)]
    ours = lowrank.cp(weight, rank, iterations=15, start=start)
    theirs = tensorly.decomposition.parafac(
        weight.double().numpy(),
        rank,
        n_iter_max=15,
        init=(np.ones(rank), [factor.numpy().copy() for factor in start]),
        tol=0,
    )
    np.testing.assert_allclose(lowrank.cp_product(ours).numpy(), cp_to_tensor(theirs), atol=1e-6)


def test_cp_finds_a_tensor_of_that_rank():
    weight = lowrank.cp_product([drawn(n, 2, seed=n).double() for n in (6, 5, 3, 4)])
    found = min(
        lowrank.relative_error(weight, lowrank.cp_product(lowrank.cp(weight, 2, seed=s))) for s in range(3)
    )
    assert found < 1e-6


KERNELS = [
    {},
    {"bias": False},
    {"stride": 2},
    {"padding": 1},
    {"kernel_size": (3, 5), "stride": (2, 1), "padding": (0, 2)},
]


def rebuilt(method, layer, rank):
    """The kernel that the factors stand for, by another way than layers."""
    out, into, high, wide = layer.weight.shape
    weight = layer.weight.detach().double()
    if method == "channel":
        left, right, _ = lowrank.truncated_svd(weight.reshape(out, -1), rank)
        return (left @ right).view_as(weight)
    if method == "spatial":
        left, right, _ = lowrank.truncated_svd(weight.permute(1, 2, 0, 3).reshape(into * high, -1), rank)
        return (left @ right).view(into, high, out, wide).permute(2, 0, 1, 3)
    if method == "tucker":
        core, u_out, u_in = lowrank.tucker2(weight, rank)
        return torch.einsum("abhw,oa,ib->oihw", core, u_out, u_in)
    return lowrank.cp_product(lowrank.cp(weight, rank))


@pytest.mark.parametrize("options", KERNELS, ids=str)
@pytest.mark.parametrize(("method", "rank"), [("channel", 4), ("spatial", 5), ("tucker", (4, 3)), ("cp", 6)])
def test_layers_compute_with_the_kernel_of_their_factors(method, rank, options):
    with models.seeded(0):
        layer = nn.Conv2d(5, 7, **{"kernel_size": 3, **options}).double()
    images = drawn(2, 5, 11, 9).double()
    layers = lowrank.METHODS[method](layer, rank)
    whole = torch.nn.functional.conv2d(
        images, rebuilt(method, layer, rank), layer.bias, layer.stride, layer.padding
    )
    torch.testing.assert_close(layers(images), whole)
    assert sum(p.ndim == 1 for p in layers.parameters()) == (layer.bias is not None)


@pytest.mark.parametrize(
    ("method", "rank"), [("channel", 6), ("spatial", 12), ("tucker", (6, 4)), ("cp", 40)]
)
def test_full_rank_changes_nothing(method, rank):
    with models.seeded(1):
        layer = nn.Conv2d(4, 6, 3, padding=1)
    images = drawn(2, 4, 6, 6)
    assert (lowrank.METHODS[method](layer, rank)(images) - layer(images)).abs().max() < 2e-3


def test_linear_layers():
    with models.seeded(0):
        layer = nn.Linear(9, 5)
    inputs = drawn(20, 9)
    torch.testing.assert_close(lowrank.factor_linear(layer, 5)(inputs), layer(inputs), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        lowrank.factor_linear(layer, 5, inputs)(inputs), layer(inputs), atol=1e-5, rtol=0
    )
    assert lowrank.factor_linear(nn.Linear(9, 5, bias=False), 2)[1].bias is None
    assert lowrank.factor_linear(nn.Linear(9, 5).double(), 2)[0].weight.dtype == torch.float64


@pytest.mark.parametrize(
    "options",
    [{"groups": 2}, {"dilation": 2}, {"padding": "same"}, {"padding": 1, "padding_mode": "reflect"}],
)
@pytest.mark.parametrize("method", ["channel", "spatial", "tucker", "cp"])
def test_convolutions_that_are_refused(method, options):
    with pytest.raises(ValueError, match="one group"):
        lowrank.METHODS[method](nn.Conv2d(4, 4, 3, **options), (2, 2) if method == "tucker" else 2)


def test_factorize_replaces_layers_in_a_copy():
    network = models.convnet()
    images = drawn(3, 1, 8, 8)
    small = lowrank.factorize(network, {"conv2": ("tucker", (8, 6)), "fc": 4, "conv1": 3})
    assert isinstance(network.conv2, nn.Conv2d)
    assert [tuple(p.shape) for p in small.conv2.parameters()] == [
        (6, 16, 1, 1),
        (8, 6, 3, 3),
        (32, 8, 1, 1),
        (32,),
    ]
    assert [tuple(p.shape) for p in small.fc.parameters()] == [(4, 128), (10, 4), (10,)]
    assert len(small.conv1) == 2
    whole = lowrank.factorize(network, {"conv2": ("spatial", 48), "fc": 10, "conv1": ("channel", 9)})
    torch.testing.assert_close(whole(images), network(images), atol=1e-5, rtol=0)
    nested = nn.Sequential(nn.Sequential(nn.Linear(4, 4)))
    assert len(lowrank.factorize(nested, {"0.0": 2})[0][0]) == 2


@pytest.mark.parametrize(
    ("ranks", "message"),
    [
        ({"nowhere": 2}, "no linear layer or convolution"),
        ({"relu1": 2}, "no linear layer or convolution"),
        ({"conv2": ("svd", 2)}, "no method"),
        ({"conv2": ("linear", 2)}, "no method"),
        ({"fc": ("cp", 2)}, "no method"),
    ],
)
def test_factorize_refuses(ranks, message):
    with pytest.raises(ValueError, match=message):
        lowrank.factorize(models.convnet(), ranks)


@given(
    spectra=st.lists(st.lists(st.floats(0.1, 10), min_size=1, max_size=8), min_size=1, max_size=4),
    costs=st.lists(st.integers(1, 20), min_size=4, max_size=4),
    share=st.floats(0, 1),
)
def test_ranks_stay_within_the_budget(spectra, costs, share):
    spectra = {str(i): torch.tensor(sorted(values, reverse=True)) for i, values in enumerate(spectra)}
    costs = dict(zip("0123", costs, strict=True))
    low = sum(costs[name] for name in spectra)
    high = sum(costs[name] * len(values) for name, values in spectra.items())
    budget = low + share * (high - low)
    ranks = lowrank.ranks_by_budget(spectra, costs, budget)
    assert sum(ranks[name] * costs[name] for name in ranks) <= budget
    assert all(1 <= ranks[name] <= len(values) for name, values in spectra.items())


def test_ranks_by_hand():
    spectra = {"steep": torch.tensor([10.0, 1.0, 0.1]), "flat": torch.tensor([3.0, 3.0, 3.0])}
    assert lowrank.ranks_by_budget(spectra, {"steep": 1, "flat": 1}, 4) == {"steep": 1, "flat": 3}
    assert lowrank.ranks_by_budget(spectra, {"steep": 1, "flat": 100}, 203) == {"steep": 2, "flat": 2}
    with pytest.raises(ValueError, match="below the cost"):
        lowrank.ranks_by_budget(spectra, {"steep": 1, "flat": 1}, 1)


def test_a_layer_of_zeros_gives_its_ranks_up_first():
    spectra = {"a": torch.tensor([4.0, 3, 2, 1]), "z": torch.zeros(4)}
    for order in (["a", "z"], ["z", "a"]):
        ranks = lowrank.ranks_by_budget({name: spectra[name] for name in order}, {"a": 1, "z": 1}, 4)
        assert ranks == {"a": 3, "z": 1}


def test_the_whole_energy_needs_every_rank():
    assert lowrank.rank_for_energy(torch.tensor([1e4, 1.0, 0.1]), 1.0) == 3


def test_directions_need_an_example():
    with pytest.raises(ValueError, match="an example at least"):
        lowrank.aware_svd(torch.ones(3, 4), torch.ones(0, 4), 1)


@pytest.mark.parametrize("choice", [("tucker", 2), ("cp", (2, 2))])
def test_a_rank_of_the_wrong_form(choice):
    with pytest.raises(ValueError, match="with rank"):
        lowrank.factorize(nn.Sequential(nn.Conv2d(4, 4, 3)), {"0": choice})
