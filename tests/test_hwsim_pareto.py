"""The Pareto front."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim import pareto


def test_front_by_hand():
    cost = [1, 2, 3, 4, 2]
    quality = [0.5, 0.8, 0.7, 0.9, 0.6]
    assert pareto(cost, quality).tolist() == [True, True, False, True, False]


def test_ties():
    assert pareto([1, 1], [2, 2]).tolist() == [True, True]
    assert pareto([1, 2], [2, 2]).tolist() == [True, False]
    assert pareto([1, 1], [1, 2]).tolist() == [False, True]
    assert pareto([], []).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_front_is_what_no_other_beats(designs):
    cost, quality = np.array(designs).T
    front = pareto(cost, quality)
    assert front.any()
    for i, (c, q) in enumerate(designs):
        beaten = any(a <= c and b >= q and (a, b) != (c, q) for a, b in designs)
        assert front[i] == (not beaten)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match=r"one cost and one quality for each design, got \(2,\), \(3,\)"):
        pareto([1, 2], [1, 2, 3])
