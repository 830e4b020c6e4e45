"""The widget of a product in tiles on a bare page with no kernel: its numbers are Python's, and it answers to the keyboard."""

import itertools

import pytest

from tests.browser.conftest import fits, in_browser, plays, readout, tab_through
from tests.test_widget_gemm_tiles import widget

AT = """(module, model) => {
    const product = module.read(model)(...["machine", "m", "n", "k"].map((name) => model.get(name)));
    return module.atStep(product, model.get("step"));
}"""


def test_every_step_agrees_with_python(show):
    shown = widget()
    page = show(shown)
    for state in itertools.product(shown.names, shown.ms, shown.ns, shown.ks, (0, 1, 9, 10_000)):
        shown.machine, shown.m, shown.n, shown.k, shown.step = state
        assert in_browser(page, shown, AT) == shown.readout._asdict()


def test_it_answers_to_the_keyboard(show):
    shown = widget(machine="32 x 64", m=512, n=512, k=200)
    page = show(shown)
    page.get_by_role("slider", name="Step through waves and chunks of k").focus()
    for key, step in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 10_000), ("Home", 0)):
        page.keyboard.press(key)
        shown.step = step
        now = shown.readout
        assert page.locator(".wts-slider output").inner_text() == f"wave {now.wave + 1} of {now.waves}"
        assert readout(page, "Tiles of this wave").startswith(f"{sum(map(len, now.running))} of ")
    page.get_by_role("combobox", name="m", exact=True).select_option("200")
    page.get_by_role("combobox", name="n", exact=True).select_option("320")
    page.get_by_role("combobox", name="k", exact=True).select_option("32")
    page.get_by_role("combobox", name="Tile").select_option("64 x 64")
    shown.machine, shown.m, shown.n, shown.k, shown.step = "64 x 64", 200, 320, 32, 0
    now = shown.readout
    assert readout(page, "Tiles") == f"{now.tiles}\nof {now.slots} slots, {100 * now.tiles / now.slots:.1f} %"
    assert readout(page, "Cycles").startswith(f"{now.cycles:,}\n")


def test_it_plays_to_the_end_and_stops(show):
    page = show(widget(m=512, n=512, k=200))
    plays(page)
    assert page.locator(".wts-slider output").inner_text() == "wave 2 of 2"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_overflows_and_all_is_named(show, theme, width):
    page = show(widget(machine="32 x 64", m=512, n=320, k=200, step=3), theme=theme)
    fits(page, width)
    assert tab_through(page) == 8
    assert page.get_by_role("img").count() == 4
