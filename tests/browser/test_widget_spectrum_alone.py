"""The spectrum widget in a browser: every layer and rank as Python computes it; keys, names, widths, themes."""

import numpy as np
import pytest

from effdl.widgets import Spectrum
from effdl.widgets.base import significant
from effdl.widgets.spectrum import at_rank
from tests.browser.conftest import fits, in_browser, readout, tab_through


def spectrum(**options):
    random = np.random.default_rng(2)
    thin = random.normal(size=(30, 5)) @ random.normal(size=(5, 16))
    weights = {
        "fc1": thin + 0.3 * random.normal(size=(30, 16)),
        "conv2": random.normal(size=(8, 4, 3, 3)),
        "fc3": random.normal(size=(10, 24)),
    }
    return Spectrum(weights, {"conv2": 16}, {"fc1": (4, 4), "conv2": (4, 9)}, **options)


def test_every_rank_is_computed_exactly(show):
    widget = spectrum()
    page = show(widget)
    found = in_browser(
        page,
        widget,
        """(module, model) => {
            const layers = module.read(model);
            return model.get("layers").flatMap((name) => Array.from({length: layers[name].values.length},
                (_, i) => { const now = module.atRank(layers[name], i + 1); return {...now, picture: [...now.picture]}; }));
        }""",
    )
    expected = [
        at_rank(layer, rank) for layer in widget._layers.values() for rank in range(1, len(layer.values) + 1)
    ]
    assert len(found) == len(expected)
    names = {
        "energy": "energy",
        "error": "error",
        "weights": "weights",
        "denseWeights": "dense_weights",
        "macs": "macs",
        "denseMacs": "dense_macs",
        "breakEven": "break_even",
    }
    for one, other in zip(found, expected, strict=True):
        assert one["picture"] == other.picture.ravel().tolist()
        for there, here in names.items():
            assert one[there] == getattr(other, here), there


def test_the_controls_work_from_the_keyboard(show):
    widget = spectrum(rank=4)
    page = show(widget)
    slider = page.get_by_role("slider", name="Rank")
    slider.focus()
    page.keyboard.press("ArrowRight")
    widget.rank = 5
    now = widget.readout
    assert page.locator(".wts-slider output").inner_text() == "5 of 16"
    assert readout(page, "Energy kept").startswith(f"{100 * now.energy:.1f} %")
    assert readout(page, "Weights").startswith(significant(now.weights))
    assert readout(page, "Break-even rank") == f"{significant(now.break_even)}\nthis rank saves weights"
    page.keyboard.press("End")
    assert readout(page, "Break-even rank").endswith("this rank saves none")
    page.get_by_role("combobox", name="Layer").select_option("conv2")
    assert page.locator(".wts-slider output").inner_text() == "8 of 8"
    assert readout(page, "MACs").endswith(f"instead of {significant(16 * 8 * 36)}")


def test_names_for_a_screen_reader(show):
    page = show(spectrum(rank=3))
    for role, name in (
        ("slider", "Rank"),
        ("combobox", "Layer"),
        ("img", "16 singular values"),
        ("img", "First 12 filters, whole"),
        ("img", "First 12 filters, rank 3"),
    ):
        assert page.get_by_role(role, name=name).count() == 1, name


def test_the_picture_has_colors(show):
    """A canvas that was never drawn on is empty."""
    page = show(spectrum(rank=2))
    drawn = page.evaluate(
        """() => [...document.querySelectorAll(".wts-spectrum canvas")].map((canvas) => {
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return new Set(Array.from({length: data.length / 4}, (_, i) => data[4 * i + 3])).size;
        })"""
    )
    assert len(drawn) == 2
    assert min(drawn) > 10


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1200])
@pytest.mark.parametrize("layer", ["fc1", "fc3"])
def test_nothing_overflows_and_all_is_named(show, theme, width, layer):
    page = show(spectrum(layer=layer, rank=9), theme=theme)
    fits(page, width)
    assert tab_through(page) == 2
