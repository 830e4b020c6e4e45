"""Relative indices: exact round trip, filler zeros counted as the papers count them, bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from effdl.compress.relative_index import from_relative_index, relative_index

sparse_arrays = hnp.arrays(
    np.float32,
    hnp.array_shapes(max_dims=3, max_side=30),
    elements=st.one_of(st.just(0.0), st.just(0.0), st.just(0.0), st.floats(-2, 2, width=32)),
)


@given(sparse_arrays, st.integers(1, 8))
def test_round_trip_is_exact(weight, bits):
    gaps, values = relative_index(weight, bits)
    assert (gaps < 2**bits).all()
    assert np.array_equal(from_relative_index(gaps, values, weight.shape), weight)


@given(st.integers(0, 200), st.integers(1, 5))
def test_a_gap_costs_one_entry_and_a_filler_for_each_reach(gap, bits):
    weight = np.zeros(gap + 1)
    weight[-1] = 7
    gaps, values = relative_index(weight, bits)
    assert len(gaps) == 1 + gap // 2**bits
    assert np.count_nonzero(values) == 1


@pytest.mark.parametrize("weight", [np.zeros(0), np.zeros((3, 4))])
def test_nothing_to_store(weight):
    gaps, values = relative_index(weight)
    assert len(gaps) == len(values) == 0
    assert np.array_equal(from_relative_index(gaps, values, weight.shape), weight)


@pytest.mark.parametrize("bits", [0, 17])
def test_width_of_a_gap_is_checked(bits):
    with pytest.raises(ValueError, match=f"bits={bits}"):
        relative_index(np.ones(3), bits)


def test_what_does_not_fit_the_shape_is_refused():
    with pytest.raises(ValueError, match=r"do not fit the shape \(2, 2\)"):
        from_relative_index([3, 0], [1.0, 2.0], (2, 2))
    with pytest.raises(ValueError, match="2 gaps and 1 values"):
        from_relative_index([0, 0], [1.0], (2, 2))
