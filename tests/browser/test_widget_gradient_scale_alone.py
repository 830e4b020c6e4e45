"""The gradient widget on a bare page with no kernel: its arithmetic is Python's, and it answers to the keyboard."""

import pytest

from effdl.widgets import GradientScale
from effdl.widgets.gradient_scale import FORMATS, POWERS
from tests.browser.conftest import fits, in_browser, readout, tab_through
from tests.test_widget_gradient_scale import gradients

AT = """(module, model) => {
    const limits = model.get("formats").find(([name]) => name === model.get("format"));
    return module.atScale(module.read(model)(model.get("layer")), model.get("power"), limits);
}"""


def widget(**options):
    return GradientScale(gradients(), **options)


def test_every_scale_agrees_with_python(show):
    shown = widget()
    page = show(shown)
    for layer in shown.layers:
        for name in FORMATS:
            for power in (*range(-24, 41, 8), 1, -1):
                shown.layer, shown.format, shown.power = layer, name, power
                assert in_browser(page, shown, AT) == shown.readout._asdict()


def test_it_answers_to_the_keyboard(show):
    shown = widget(layer="narrow")
    page = show(shown)
    slider = page.get_by_role("slider", name="Loss scale, as a power of two")
    slider.focus()
    for key, power in (("ArrowRight", 1), ("ArrowLeft", 0), ("End", POWERS[-1]), ("Home", POWERS[0])):
        page.keyboard.press(key)
        shown.power = power
        now = shown.readout
        assert readout(page, "Lost") == f"{100 * now.lost / 600:.1f} %\nrounded to zero"
        assert readout(page, "Too large") == f"{100 * now.overflow / 600:.1f} %\nbecome infinite"
        assert page.locator(".wts-slider output").inner_text() == f"2^{power}"
    page.get_by_role("combobox", name="Format").select_option("fp8 E4M3")
    assert readout(page, "Too large").endswith("become the largest")
    page.get_by_role("combobox", name="Gradient of").select_option("zeros")
    assert readout(page, "Zero anyway").startswith("100.0 %")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_overflows_and_all_is_named(show, theme, width):
    page = show(widget(format="fp8 E4M3"), theme=theme)
    fits(page, width)
    assert tab_through(page) == 3
    assert page.get_by_role("img").count() == 1
