"""The walk through a loop nest: as many accesses as the closed form counts, each where and when it must be."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings

from hwsim import Access, Conv2d, Level, LoopNest, MatMul, Spatial, operands, walk_nest
from hwsim.loopnest import TENSORS
from hwsim.nest_walk import sizes_of
from tests.test_hwsim_loopnest import nests


def totals(trace):
    """Accesses of each kind, by level and tensor, of all instances."""
    counted = defaultdict(Counter)
    for access in trace:
        counted[access.level, access.tensor][access.kind] += 1
    return counted


@settings(deadline=None, max_examples=200)
@given(nests())
def test_as_many_accesses_as_the_closed_form(case):
    nest, layer = case
    counted = totals(walk_nest(nest, layer))
    for key, accesses in nest.counts(layer).items():
        there = counted.pop(key, Counter())
        expected = [each * accesses.instances for each in accesses[:3]]
        assert [there["read"], there["fill"], there["update"]] == expected
    assert not counted


@settings(deadline=None, max_examples=100)
@given(nests())
def test_the_operands_give_the_product(case):
    nest, layer = case
    used, sizes = operands(nest, layer), sizes_of(layer)
    random = np.random.default_rng(0)
    tensors = {name: random.integers(-9, 10, sizes[name]) for name in ("weights", "inputs")}
    sums = np.zeros(sizes["outputs"], int).ravel()
    np.add.at(sums, used["outputs"], np.prod([t.ravel()[used[name]] for name, t in tensors.items()], axis=0))
    (P, Q), (R, S) = sizes["outputs"][2:], sizes["weights"][2:]
    windows = np.lib.stride_tricks.sliding_window_view(tensors["inputs"], (R, S), (2, 3))
    windows = windows[:, :, :: layer.stride[0], :: layer.stride[1]]
    assert windows.shape[2:4] == (P, Q)
    exact = np.einsum("ncpqrs,mcrs->nmpq", windows, tensors["weights"])
    np.testing.assert_array_equal(sums.reshape(sizes["outputs"]), exact)


def test_steps_by_hand():
    """Weight stationary on a 1-D convolution of three outputs: the weight is fetched when the kernel moves on."""
    layer = Conv2d("conv", 1, 1, 1, 4, (1, 2))
    nest = LoopNest([Level("buffer", TENSORS, [("S", 2), ("Q", 3)]), Level("register", ("weights",))])
    trace = walk_nest(nest, layer)
    fetched = [(a.step, a.element) for a in trace if a[1:4] == ("register", "weights", "fill")]
    assert fetched == [(0, 0), (3, 1)]
    assert [(a.step, a.element) for a in trace if a[2:4] == ("inputs", "read")] == [
        (0, 0), (1, 1), (2, 2), (3, 1), (4, 2), (5, 3)
    ]  # fmt: skip
    assert [(a.step, a.element) for a in trace if a[2:4] == ("outputs", "read")] == [(3, 0), (4, 1), (5, 2)]
    assert [a.step for a in trace if a.kind == "update"] == [0, 1, 2, 3, 4, 5]
    assert trace[0] == Access(0, "buffer", "weights", "read", 0, 0)


def test_a_shared_read_is_one_access():
    nest = LoopNest(
        [Level("DRAM", TENSORS), Spatial([("N", 4)]), Level("register", ("weights",), [("C", 3)])]
    )
    trace = walk_nest(nest, MatMul("fc", m=4, k=3, n=1))
    assert Counter(a.instance for a in trace if a[1:4] == ("register", "weights", "fill")) == dict.fromkeys(
        range(4), 3
    )
    assert sum(a[1:4] == ("DRAM", "weights", "read") for a in trace) == 3


def test_partial_sums_go_up_in_the_last_step_of_a_visit():
    nest = LoopNest([Level("DRAM", TENSORS, [("M", 2)]), Level("register", ("outputs",), [("C", 3)])])
    trace = walk_nest(nest, MatMul("fc", m=1, k=3, n=2))
    assert [(a.step, a.element) for a in trace if a[1:4] == ("DRAM", "outputs", "update")] == [(2, 0), (5, 1)]


def test_layers_that_are_refused():
    nest = LoopNest([Level("DRAM", TENSORS, [("N", 3), ("C", 100), ("M", 100)])])
    with pytest.raises(ValueError, match=r"30,000 MACs, more than 20,000: count them with LoopNest\.counts"):
        walk_nest(nest, MatMul("fc", 3, 100, 100))
    with pytest.raises(ValueError, match="does not cover fc: N"):
        operands(nest, MatMul("fc", 2, 100, 100))
    with pytest.raises(ValueError, match="one group"):
        walk_nest(nest, Conv2d("grouped", 4, 4, 8, 8, 3, groups=2))
