"""The systolic array register by register: the product, cycles and active PEs of `simulate`, and where the wave stands."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim import MatMul, SystolicArray, wavefront

SIDES = st.integers(1, 5)


@st.composite
def products(draw):
    rows, cols = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    array = SystolicArray(rows, cols, draw(st.sampled_from(["ws", "os", "is"])), drain=draw(st.booleans()))
    (m, k, n), seed = draw(st.tuples(SIDES, SIDES, SIDES)), draw(st.integers(0, 99))
    random = np.random.default_rng(seed)
    return array, random.integers(-9, 10, (m, k)), random.integers(-9, 10, (k, n))


@settings(deadline=None, max_examples=200)
@given(products())
def test_it_is_what_simulate_does(case):
    array, a, b = case
    wave, (product, trace) = wavefront(array, a, b), array.simulate(a, b)
    np.testing.assert_array_equal(wave.product, product)
    assert wave.product.dtype == product.dtype
    assert len(wave.fold) == trace.cycles == array.cycles(MatMul("product", *a.shape, b.shape[1]))
    active = wave.active.reshape(trace.folds, -1, array.units).sum((0, 2))
    np.testing.assert_array_equal(active, trace.active)
    assert np.bincount(wave.fold).tolist() == [len(trace.active)] * trace.folds
    assert wave.done.shape == product.shape
    assert wave.done.max() <= len(wave.fold)


def test_the_wave_of_a_weight_stationary_array():
    a, b = np.array([[1, 2], [3, 4], [5, 6]]), np.array([[10, 20], [30, 40]])
    wave = wavefront(SystolicArray(2, 2, "ws"), a, b)
    assert wave.stay[0].tolist()[0] == [30, 40]  # the bottom row of weights comes in first
    assert wave.stay[1].tolist() == [[10, 20], [30, 40]]
    assert (wave.stay[1:] == wave.stay[1]).all()
    assert [np.flatnonzero(active).tolist() for active in wave.active] == [
        [],
        [],
        [0],
        [0, 1, 2],
        [0, 1, 2, 3],
        [1, 2, 3],
        [3],
    ]
    np.testing.assert_array_equal(wave.right[3], [[3, 1], [2, np.nan]])
    np.testing.assert_array_equal(wave.down[3], [[30, 20], [10 + 60, np.nan]])
    assert wave.done.tolist() == [[4, 5], [5, 6], [6, 7]]


def test_sums_that_stay_are_pushed_out_at_the_bottom():
    a, b = np.array([[1, 2], [3, 4]]), np.array([[5, 6], [7, 8]])
    wave = wavefront(SystolicArray(2, 2, "os"), a, b)
    assert wave.stay[3].tolist() == (a @ b).tolist()
    np.testing.assert_array_equal(wave.stay[5], [[np.nan, np.nan], (a @ b)[0]])
    assert wave.done.tolist() == [[6, 6], [5, 5]]
    kept = wavefront(SystolicArray(2, 2, "os", drain=False), a, b)
    assert (len(kept.fold), kept.done.tolist()) == (4, [[4, 4], [4, 4]])


def test_each_result_leaves_where_it_is_said_to():
    random = np.random.default_rng(1)
    a, b = random.integers(1, 9, (4, 3)), random.integers(1, 9, (3, 3))
    for dataflow in ("ws", "os"):
        wave = wavefront(SystolicArray(3, 3, dataflow), a[:3], b)
        bottom = (wave.down if dataflow == "ws" else wave.stay)[:, -1]
        for (i, j), cycle in np.ndenumerate(wave.done):
            assert bottom[cycle - 1, j] == wave.product[i, j]


def test_what_is_too_large_or_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"more than 100,000: use SystolicArray\.simulate"):
        wavefront(SystolicArray(32, 32), np.ones((64, 64)), np.ones((64, 64)))
    with pytest.raises(ValueError, match="multiplies"):
        wavefront(SystolicArray(2, 2), np.ones((2, 3)), np.ones((2, 3)))


def test_integers_that_float64_cannot_hold_are_refused():
    array, one = SystolicArray(2, 2), np.eye(2, dtype=int)
    for a, b in ((np.full((2, 2), 2**53 + 1), one), (2**30 * one, 2**30 * one), (2**60 * one, 0 * one)):
        with pytest.raises(ValueError, match=r"may pass 2\*\*53: use SystolicArray\.simulate"):
            wavefront(array, a, b)
    assert wavefront(array, 2**52 * one, one).product.tolist() == (2**52 * one).tolist()
    assert wavefront(array, 2.0**60 * one, one).product.tolist() == (2.0**60 * one).tolist()
