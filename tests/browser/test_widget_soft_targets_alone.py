"""The temperature widget in a browser: its softmax is Python's, and the keyboard moves the temperature."""

import numpy as np
import pytest

from effdl.widgets import SoftTargets
from effdl.widgets.base import significant
from tests.browser.conftest import fits, in_browser, readout, tab_through


def widget(**options):
    random = np.random.default_rng(2)
    examples = {f"image {i}": random.normal(0, 6, 10) for i in range(3)}
    return SoftTargets(examples, images={"image 0": random.random((8, 8))}, **options)


def test_the_browser_computes_the_same(show):
    shown = widget()
    found = in_browser(
        show(shown),
        shown,
        """(module, model) => model.get("names").map((name) => [1, 5, 10, 35, 200].map(
            (tenths) => module.atTemperature(module.logitsOf(model, name), tenths)))""",
    )
    for name, states in zip(shown.names, found, strict=True):
        for tenths, state in zip((1, 5, 10, 35, 200), states, strict=True):
            shown.example, shown.tenths = name, tenths
            now = shown.readout
            np.testing.assert_allclose(state["probabilities"], now.probabilities, rtol=1e-12)
            for key in ("temperature", "entropy", "others"):
                assert state[key] == pytest.approx(getattr(now, key), rel=1e-9, abs=1e-12)


def test_it_answers_to_the_keyboard(show):
    shown = widget()
    page = show(shown)
    slider = page.get_by_role("slider", name="Temperature")
    slider.focus()
    for key, tenths in (("ArrowRight", 11), ("ArrowRight", 12), ("End", 200), ("Home", 1)):
        page.keyboard.press(key)
        shown.tenths = tenths
        top = int(np.argmax(shown.readout.probabilities))
        assert readout(page, "Most probable").splitlines()[0] == str(top)
        assert readout(page, "All others").splitlines()[0] == f"{significant(100 * shown.readout.others)} %"
    assert page.get_by_role("img").count() == 2
    page.get_by_label("Example").select_option("image 2")
    shown.example = "image 2"
    assert page.get_by_role("img").count() == 1  # this one has no image
    assert readout(page, "Entropy").startswith(f"{significant(shown.readout.entropy)} bits")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_overflows_and_all_is_named(show, theme, width):
    page = show(widget(tenths=40), theme=theme)
    fits(page, width)
    assert tab_through(page) == 2
