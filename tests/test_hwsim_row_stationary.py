"""Row stationary: the right convolution, and the traffic of `hwsim.Eyeriss` for one set of PEs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim import Conv2d, Eyeriss, row_stationary
from hwsim.machines.eyeriss import RowMapping

SHAPES = st.tuples(
    st.integers(1, 5), st.integers(1, 5), st.integers(0, 6), st.integers(0, 6), st.integers(1, 3)
)


@settings(deadline=None)
@given(SHAPES, st.integers(0, 99))
def test_the_product_is_right(shape, seed):
    R, S, down, across, stride = shape
    random = np.random.default_rng(seed)
    image, kernel = random.integers(-5, 6, (R + down, S + across)), random.integers(-9, 10, (R, S))
    windows = np.lib.stride_tricks.sliding_window_view(image, (R, S))[::stride, ::stride]
    output, counts = row_stationary(image, kernel, stride)
    np.testing.assert_array_equal(output, np.einsum("pqrs,rs->pq", windows, kernel))
    assert counts["MACs"] == np.count_nonzero(windows)


@pytest.mark.parametrize(("R", "S", "H", "W"), [(3, 3, 13, 13), (2, 4, 9, 12), (1, 1, 5, 7), (5, 3, 10, 8)])
def test_traffic_is_that_of_eyeriss(R, S, H, W):
    layer = Conv2d("conv", 1, 1, H, W, (R, S))
    E, F = layer.output_size
    mapping = RowMapping(m=1, n=1, e=E, p=1, q=1, r=1, t=1)
    there = Eyeriss(rows=16, cols=16).run(layer, {"conv": mapping}).traffic
    counts = row_stationary(np.ones((H, W)), np.ones((R, S)))[1]
    assert counts["array"] == there["array"] / 2
    assert counts["register"] == there["register"] / 2
    # The closed form counts an input's way into the buffer and the output's, and leaves the filters' out.
    assert counts["buffer"] - R * S + H * W + E * F == there["buffer"] / 2


def test_gating_skips_what_a_zero_would_touch():
    image = np.array([[0, 2, 0], [0, 0, 3]])
    output, gated = row_stationary(image, np.ones((2, 2), int))
    same, all_of_it = row_stationary(image, np.ones((2, 2), int), gating=False)
    assert output.tolist() == same.tolist() == [[2, 5]]
    assert (gated["MACs"], all_of_it["MACs"]) == (3, 8)
    # 8 inputs are read anyway; 3 weights; sums for the two MACs that are not the first of their row
    assert (gated["register"], all_of_it["register"]) == (8 + 3 + 2 * 2, 8 + 8 + 2 * 4)
    assert gated["array"] == all_of_it["array"]


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, bool])
def test_sums_of_small_integers_do_not_wrap(kind):
    image, kernel = np.full((3, 3), 100, kind), np.full((2, 2), 100, kind)
    output = row_stationary(image, kernel)[0]
    assert output.tolist() == [[4 * int(image[0, 0]) * int(kernel[0, 0])] * 2] * 2
    assert output.dtype == np.int64
    for real, kept in ((np.float16, np.float32), (np.float32, np.float32), (np.float64, np.float64)):
        assert row_stationary(image, kernel.astype(real))[0].dtype == np.result_type(kind, kept)


@pytest.mark.parametrize(
    ("image", "kernel"), [((2, 5), (3, 1)), ((4,), (2,)), ((4, 4), (0, 2)), ((4, 4), (2, 0))]
)
def test_shapes_that_are_refused(image, kernel):
    with pytest.raises(ValueError, match="must fit into an image"):
        row_stationary(np.ones(image), np.ones(kernel))


@pytest.mark.parametrize("stride", [0, 1.5, float("nan"), "1"])
def test_strides_that_are_refused(stride):
    with pytest.raises(ValueError, match=f"stride={stride} must be a whole number"):
        row_stationary(np.ones((4, 4)), np.ones((2, 2)), stride)


def test_numbers_that_are_none_are_refused():
    with pytest.raises(ValueError, match="finite real numbers"):
        row_stationary([[1.0, np.nan]], [[1.0]])
    with pytest.raises(ValueError, match="finite real numbers"):
        row_stationary([[1.0, 2.0]], [[np.inf]])
    for other in ("text", 1j, None):
        with pytest.raises(ValueError, match="finite real numbers"):
            row_stationary([[1.0, 2.0]], [[other]])
    with pytest.raises(ValueError, match=r"may pass 2\*\*63"):
        row_stationary([[2**62, 1]], [[2, 1]])
