"""Winograd: exact transforms, tiling of any size, the rounding bound, counted operations."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import hwsim
from effdl import models
from effdl.compress import winograd

# Lavin and Gray, arXiv 1509.09308, section 4: a_t, g, b_t.
PUBLISHED = {
    (2, 3): (
        "1 1 1 0; 0 1 -1 -1",
        "1 0 0; 1/2 1/2 1/2; 1/2 -1/2 1/2; 0 0 1",
        "1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1",
    ),
    (4, 3): (
        "1 1 1 1 1 0; 0 1 -1 2 -2 0; 0 1 1 4 4 0; 0 1 -1 8 -8 1",
        "1/4 0 0; -1/6 -1/6 -1/6; -1/6 1/6 -1/6; 1/24 1/12 1/6; 1/24 -1/12 1/6; 0 0 1",
        "4 0 -5 0 1 0; 0 -4 -4 1 1 0; 0 4 -4 -1 1 0; 0 -2 -1 2 1 0; 0 2 -1 -2 1 0; 0 4 0 -5 0 1",
    ),
}


def published(m, r):
    return winograd.Transform(
        *(
            np.array([[Fraction(x) for x in row.split()] for row in text.split(";")])
            for text in PUBLISHED[m, r]
        )
    )


def test_f43_is_the_published_one():
    for ours, theirs in zip(winograd.transforms(4, 3), published(4, 3), strict=True):
        assert (ours == theirs).all()


def test_f23_is_the_published_one_but_for_free_signs():
    a_t, g, b_t = winograd.transforms(2, 3)
    g[0], b_t[0] = -g[0], -b_t[0]
    a_t[:, -1], b_t[-1] = -a_t[:, -1], -b_t[-1]
    for ours, theirs in zip((a_t, g, b_t), published(2, 3), strict=True):
        assert (ours == theirs).all()


@pytest.mark.parametrize("size", PUBLISHED)
def test_the_terms_of_the_published_ones_are_equal(size):
    assert (winograd.terms(published(*size)) == winograd.terms(winograd.transforms(*size))).all()
    assert winograd.amplification(published(*size)) == winograd.amplification(winograd.transforms(*size))


def is_a_filter(transform):
    m, r = len(transform.a_t), transform.g.shape[1]
    p, q, s = np.ogrid[:m, :r, : m + r - 1]
    return (winograd.terms(transform) == (s == p + q)).all()


@pytest.mark.parametrize(("m", "r"), [(m, r) for m in range(1, 10) for r in range(1, 11 - m)])
def test_every_small_transform_is_exact(m, r):
    assert is_a_filter(winograd.transforms(m, r))


@given(st.lists(st.fractions(-5, 5, max_denominator=5), min_size=1, max_size=6, unique=True), st.data())
def test_any_points_give_an_exact_transform(points, data):
    m = data.draw(st.integers(1, len(points) + 1))
    assert is_a_filter(winograd.transforms(m, len(points) + 2 - m, points))


def test_one_output_of_one_weight_needs_no_point():
    assert [matrix.tolist() for matrix in winograd.transforms(1, 1)] == [[[1]], [[1]], [[1]]]


def test_by_hand_in_one_dimension():
    """Data 1 2 3 4 and weights 1 0 -1 give 1 - 3 and 2 - 4, exactly."""
    a_t, g, b_t = winograd.transforms(2, 3)
    output = a_t @ ((g @ [1, 0, -1]) * (b_t @ [1, 2, 3, 4]))
    assert output.tolist() == [-2, -2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 3), "m and r of 1 or more"),
        ((2, 0), "m and r of 1 or more"),
        ((11, 3), "your own points"),
        ((2, 3, [0, 1]), "needs 3 different points"),
        ((2, 3, [0, 1, 1]), "needs 3 different points"),
    ],
)
def test_transforms_that_cannot_be_made(arguments, message):
    with pytest.raises(ValueError, match=message):
        winograd.transforms(*arguments)


CASES = {
    "m": st.integers(1, 6),
    "r": st.integers(1, 4),
    "sizes": st.tuples(*[st.integers(1, 3)] * 3),
    "extra": st.tuples(*[st.integers(0, 9)] * 2),
    "padding": st.integers(0, 2),
    "seed": st.integers(0, 999),
}


@settings(deadline=None, max_examples=150)
@given(**CASES)
def test_equal_to_torch_within_the_bound(m, r, sizes, extra, padding, seed):
    generator = torch.Generator().manual_seed(seed)
    batch, channels, out = sizes
    height, width = (max(1, r - 2 * padding) + e for e in extra)
    images = torch.randn(batch, channels, height, width, generator=generator)
    weight = torch.randn(out, channels, r, r, generator=generator)
    exact = F.conv2d(images.double(), weight.double(), padding=padding)
    ours = winograd.winograd_conv2d(images, weight, m=m, padding=padding)
    assert ours.shape == exact.shape
    assert ((ours - exact).abs() <= winograd.error_bound(images, weight, m=m, padding=padding)).all()
    inputs = images.double(), weight.double()
    torch.testing.assert_close(
        winograd.winograd_conv2d(*inputs, m=m, padding=padding), exact, atol=1e-9, rtol=0
    )


def test_the_bound_is_the_norms_where_all_inputs_are_one():
    """Inputs of size 1: the bound at an inner output is K u / (1 - K u) times channels times amplification squared."""
    m, r, channels = 4, 3, 5
    bound = winograd.error_bound(torch.ones(1, channels, 6, 6), torch.ones(1, channels, r, r), m=m)
    roundings = (4 * 6 + 2 * r + channels + 6) * 2**-24
    largest = float(winograd.amplification(winograd.transforms(m, r))) ** 2 * channels
    assert bound.max().item() == pytest.approx(largest * roundings / (1 - roundings), rel=1e-12)


def test_a_coarse_unit_holds_for_a_coarse_format():
    """Half precision of the inputs' transforms only: far within the bound for its unit, beyond the one of float32."""
    images, weight = torch.randn(1, 8, 12, 12), torch.randn(4, 8, 3, 3)
    half = winograd.winograd_conv2d(images, weight, m=4, rounding=lambda tensor: tensor.half().float())
    error = (half - F.conv2d(images.double(), weight.double())).abs()
    assert (error <= winograd.error_bound(images, weight, m=4, unit=2.0**-11)).all()
    assert (error > winograd.error_bound(images, weight, m=4)).any()


def test_bias_and_refused_shapes():
    images, weight, bias = torch.randn(2, 3, 7, 5), torch.randn(4, 3, 3, 3), torch.randn(4)
    torch.testing.assert_close(
        winograd.winograd_conv2d(images, weight, bias, padding=1),
        F.conv2d(images, weight, bias, padding=1),
        atol=1e-4,
        rtol=0,
    )
    for wrong in (torch.randn(4, 3, 3, 5), torch.randn(4, 2, 3, 3), torch.randn(4, 3, 3)):
        with pytest.raises(ValueError, match="must be"):
            winograd.winograd_conv2d(images, wrong)
    with pytest.raises(ValueError, match="does not fit"):
        winograd.winograd_conv2d(torch.randn(1, 3, 2, 9), weight)


def test_tiles_overlap_and_are_filled_up():
    image = torch.arange(25.0).view(1, 1, 5, 5)
    tiles = winograd.cut_tiles(image, 2, 3)[0, 0]
    assert tiles.shape == (2, 2, 4, 4)
    assert tiles[0, 0].tolist() == image[0, 0, :4, :4].tolist()
    assert tiles[1, 0, :3].tolist() == image[0, 0, 2:, :4].tolist()
    assert tiles[1, 0, 3].tolist() == [0, 0, 0, 0]


def test_amplification_and_bits_by_hand():
    transform = winograd.transforms(2, 3)
    # rows of |b_t| sum to 2, of |g| to 1, 3/2, 3/2, 1, of |a_t| to 3 terms: 2 (1 + 3/2 + 3/2), and 2 (3/2 + 3/2 + 1)
    assert winograd.amplification(transform) == 8
    assert winograd.growth_bits(transform.b_t) == 2
    assert winograd.growth_bits(winograd.transforms(4, 3).b_t) == 7  # ten times ten


def test_counts_of_whole_and_cut_tiles():
    whole = hwsim.Conv2d("whole", 3, 5, 8, 8, kernel=3, padding=1)
    assert winograd.count_operations(whole, 2).products * 9 == winograd.count_operations(whole, 2).direct * 4
    assert winograd.count_operations(whole, 4).products * 4 == whole.macs
    cut = hwsim.Conv2d("cut", 3, 5, 7, 7, kernel=3, padding=1, batch=2)
    cost = winograd.count_operations(cut, 4)
    assert cost.direct == 2 * 3 * 5 * 49 * 9
    assert cost.products == 2 * 3 * 5 * 4 * 36
    assert cost.weights == 3 * 5 * 36


def test_operations_of_a_transform_by_hand():
    assert winograd.transform_operations(winograd.transforms(2, 3).b_t) == (4, 0)
    assert winograd.transform_operations(winograd.transforms(2, 3).a_t) == (4, 0)
    one_tile = hwsim.Conv2d("tile", 1, 1, 4, 4, kernel=3)
    assert winograd.count_operations(one_tile, 2) == (36, 16, 4 * 8 + 4 * 6, 0, 16)


@pytest.mark.parametrize("options", [{"stride": 2}, {"groups": 2}, {"kernel": (3, 1)}])
def test_layers_that_are_not_for_winograd(options):
    layer = hwsim.Conv2d("layer", 4, 4, 8, 8, **{"kernel": 3, **options})
    with pytest.raises(ValueError, match="square kernel, stride 1"):
        winograd.as_products(layer, 2)


def test_a_layer_takes_the_place_of_a_convolution():
    network = models.convnet()
    images = torch.rand(4, 1, 8, 8)
    before = network(images)
    for name in ("conv1", "conv2"):
        setattr(network, name, winograd.WinogradConv2d(getattr(network, name), m=4))
    torch.testing.assert_close(network(images), before, atol=1e-4, rtol=0)
    assert network.conv2.transformed.shape == (6, 6, 16, 32)
    network(images).sum().backward()
    assert network.conv2.transformed.grad.abs().sum() > 0
    unbiased = nn.Conv2d(2, 3, 3, bias=False)
    images = torch.rand(1, 2, 5, 6)
    torch.testing.assert_close(winograd.WinogradConv2d(unbiased)(images), unbiased(images), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "options",
    [
        {"stride": 2},
        {"dilation": 2},
        {"groups": 2},
        {"kernel_size": (3, 1)},
        {"padding": (0, 1)},
        {"padding": 1, "padding_mode": "reflect"},
        {"padding": "same"},
    ],
)
def test_modules_that_are_not_for_winograd(options):
    with pytest.raises(ValueError, match="square kernel, stride 1"):
        winograd.WinogradConv2d(nn.Conv2d(4, 4, **{"kernel_size": 3, **options}))


def test_only_floating_numbers_of_one_type():
    images, weight = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3)
    for a, b in ((images.long(), weight.long()), (images.double(), weight)):
        with pytest.raises(ValueError, match="both must be one floating type"):
            winograd.winograd_conv2d(a, b)


def test_no_image_gives_no_output():
    assert winograd.winograd_conv2d(torch.ones(0, 2, 6, 6), torch.ones(5, 2, 3, 3), padding=1).shape == (
        0,
        5,
        6,
        6,
    )


def test_so_coarse_a_format_has_no_bound():
    with pytest.raises(ValueError, match="there is no such bound"):
        winograd.error_bound(torch.ones(1, 256, 4, 4), torch.ones(1, 256, 3, 3), unit=2.0**-8)
