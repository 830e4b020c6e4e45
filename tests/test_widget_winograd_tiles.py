"""The tiles widget without a browser: what it computes, what it hands over, what it refuses."""

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st

from effdl.compress.winograd import transforms
from effdl.widgets import WinogradTiles
from effdl.widgets.winograd_tiles import STAGES, at_tile


def matrices(m, r):
    return [matrix.astype(float) for matrix in transforms(m, r)]


@settings(deadline=None)
@given(
    m=st.integers(1, 6),
    r=st.integers(1, 4),
    size=st.tuples(st.integers(4, 9), st.integers(4, 9)),
    padding=st.integers(0, 2),
    seed=st.integers(0, 99),
)
def test_the_tiles_together_are_the_convolution(m, r, size, padding, seed):
    random = np.random.default_rng(seed)
    image, kernel = random.normal(size=size), random.normal(size=(r, r))
    exact = torch.nn.functional.conv2d(
        torch.from_numpy(image)[None, None], torch.from_numpy(kernel)[None, None], padding=padding
    )[0, 0].numpy()
    output, tile = np.zeros(exact.shape), 0
    while True:
        now = at_tile(image, kernel, matrices(m, r), padding, tile, len(STAGES) - 1)
        down, across = now.visible
        output[now.row * m : now.row * m + down, now.column * m : now.column * m + across] = now.values[
            :down, :across
        ]
        tile += 1
        if tile == now.rows * now.columns:
            break
    np.testing.assert_allclose(output, exact, atol=1e-9)
    assert now.direct == exact.size * r * r
    assert now.products == tile * (m + r - 1) ** 2


def test_stages_by_hand():
    image, kernel = np.arange(16.0).reshape(4, 4), np.eye(3)
    values = [at_tile(image, kernel, matrices(2, 3), 0, 0, stage).values for stage in range(5)]
    assert values[0].tolist() == image.tolist()
    # row 1 of B^T d is d1 + d2 = 12 14 16 18; times the rows of B^T: 16 - 12, 14 + 16, 16 - 14, 18 - 14
    assert values[1][1].tolist() == [16 - 12, 14 + 16, 16 - 14, 18 - 14]
    np.testing.assert_array_equal(values[3], values[1] * values[2])
    np.testing.assert_allclose(values[4], [[0 + 5 + 10, 1 + 6 + 11], [4 + 9 + 14, 5 + 10 + 15]])


def test_summary_and_state():
    widget = WinogradTiles(torch.ones(8, 8), torch.ones(3, 3), sizes=(2, 4), size=4, tile=3, stage=4)
    assert widget.readout.largest == pytest.approx(9)
    assert repr(widget) == (
        "<WinogradTiles: F(4 x 4, 3 x 3), tile 4 of 4, output, largest 9; 144 multiplications instead of 576>"
    )


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((np.ones(8), np.ones((3, 3))), {}, "an image"),
        ((np.ones((8, 8)), np.ones((3, 2))), {}, "square kernel"),
        ((np.ones((2, 8)), np.ones((5, 5))), {}, "does not fit"),
        ((np.ones((8, 8)), np.ones((3, 3))), {"size": 3}, "unknown size 3"),
        ((np.ones((8, 8)), np.ones((3, 3))), {"errors": {"fp32": {2: 0.0}}}, "above 0"),
    ],
)
def test_what_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        WinogradTiles(*arguments, **options)


def test_stages_and_tiles_stay_in_range():
    widget = WinogradTiles(np.ones((8, 8)), np.ones((3, 3)))
    with pytest.raises(traitlets.TraitError, match="stage"):
        widget.stage = 5
    with pytest.raises(traitlets.TraitError, match="tile"):
        widget.tile = 16
