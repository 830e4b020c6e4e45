"""The gradient widget without a browser: its borders are those of the formats, and it says what it refuses."""

import numpy as np
import pytest
import torch
import traitlets

from effdl.widgets import GradientScale
from effdl.widgets.gradient_scale import FORMATS, HIGHEST, LOWEST, POWERS, at_scale


def gradients():
    random = np.random.default_rng(4)
    spread = random.normal(size=3000) * 2.0 ** random.integers(-60, 30, 3000)
    return {
        "wide": spread,
        "narrow": random.normal(0, 1e-5, (20, 30)),
        "zeros": np.zeros(7),
        "few": [0.0, 1.0, -2.0],
    }


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("power", [-24, -3, 0, 10, 40])
def test_the_classes_are_those_of_the_rounded_numbers(name, power):
    number, values = FORMATS[name], np.float32(gradients()["wide"])
    now = at_scale(values, power, name)
    scaled = abs(values.astype(np.float64)) * 2.0**power
    rounded = number.quantize(scaled)
    assert now.zero == 0
    assert now.lost == (rounded == 0).sum()
    if number.infinities:
        assert now.overflow == np.isinf(rounded).sum()
    else:
        assert now.overflow == (scaled > 464).sum()  # half way from 448 to what would be 480
    assert now.subnormal == ((scaled < number.smallest_normal) & (rounded > 0)).sum()
    assert now.lost + now.subnormal + now.normal + now.overflow == sum(now.bars) == values.size


def test_by_hand():
    now = at_scale(np.float32([0, 2.0**-25, 2.0**-24, -(2.0**-14), 1, 65504, 65520]), 0, "fp16")
    assert (now.zero, now.lost, now.subnormal, now.normal, now.overflow) == (1, 1, 1, 3, 1)
    assert now.bars[-25 - LOWEST] == now.bars[0 - LOWEST] == 1
    assert now.bars[15 - LOWEST] == 2
    assert now.most == -1
    moved = at_scale(np.float32([2.0**-25]), 11, "fp16")
    assert (moved.normal, moved.most) == (1, POWERS[-1])


def test_a_scale_moves_the_bars():
    values = np.float32(gradients()["narrow"]).ravel()
    assert at_scale(values, 5, "bf16").bars[5:] == at_scale(values, 0, "bf16").bars[:-5]
    far = at_scale(np.float32([1e-30, 1e30]), 0, "bf16")
    assert far.bars[0] == far.bars[HIGHEST - LOWEST] == 1


def test_zeros_have_no_limit():
    now = at_scale(np.zeros(3, np.float32), 0, "fp16")
    assert (now.zero, sum(now.bars), now.most) == (3, 0, POWERS[-1])
    assert at_scale(np.float32([3e38]), 0, "fp8 E4M3").most is None


def test_the_summary():
    shown = GradientScale(gradients(), layer="few", format="fp8 E4M3", power=9)
    assert repr(shown) == (
        "<GradientScale: few in fp8 E4M3 with a loss scale of 2^9: 0.0% lost, 0.0% subnormal, 66.7% too large>"
    )


def test_what_it_refuses():
    with pytest.raises(ValueError, match="one layer at least"):
        GradientScale({})
    with pytest.raises(ValueError, match="finite"):
        GradientScale({"a": torch.tensor([1.0, torch.inf])})
    with pytest.raises(ValueError, match="unknown layer 'b'"):
        GradientScale({"a": torch.ones(3)}, layer="b")
    for name, value in (("power", 41), ("power", -25), ("format", "fp12")):
        with pytest.raises(traitlets.TraitError):
            GradientScale({"a": torch.ones(3)}, **{name: value})
