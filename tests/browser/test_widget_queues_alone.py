"""The widget of EIE's queues on a bare page with no kernel: its arithmetic is Python's, and it answers to the keyboard."""

import itertools

import pytest

from tests.browser.conftest import fits, in_browser, plays, readout, tab_through
from tests.test_widget_queues import widget

AT = """(module, model) => {
    const state = ["matrix", "count", "depth", "cycle"].map((name) => model.get(name));
    return module.atCycle(module.read(model), ...state);
}"""


def test_every_cycle_agrees_with_python(show):
    shown = widget()
    page = show(shown)
    for state in itertools.product(shown.names, shown.pes, shown.depths, (0, 1, 5, 13, 10_000)):
        shown.matrix, shown.count, shown.depth, shown.cycle = state
        assert in_browser(page, shown, AT) == shown.readout._asdict()


def test_it_answers_to_the_keyboard(show):
    shown = widget(count=4, depth=2)
    page = show(shown)
    page.get_by_role("slider", name="Cycle of the machine").focus()
    for key, cycle in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 10_000), ("Home", 0)):
        page.keyboard.press(key)
        shown.cycle = cycle
        now = shown.readout
        assert readout(page, "Products").startswith(f"{now.products} of {now.total}\n")
    page.get_by_role("button", name="Step").press("Enter")
    shown.cycle = 1
    assert page.locator(".wts-slider output").inner_text() == f"2 of {shown.readout.cycles}"
    page.get_by_role("combobox", name="Slots of a queue").select_option("8")
    page.get_by_role("combobox", name="PEs").select_option("2")
    page.get_by_role("combobox", name="Matrix").select_option("other")
    shown.matrix, shown.count, shown.depth, shown.cycle = "other", 2, 8, 0
    assert page.locator(".wts-slider output").inner_text() == f"1 of {shown.readout.cycles}"
    assert readout(page, "Cycles of the run").startswith(f"{shown.readout.cycles}\n")


def test_it_plays_to_the_end_and_stops(show):
    page = show(widget(count=8))
    plays(page)
    products, total = readout(page, "Products").split("\n")[0].split(" of ")
    assert products == total


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_overflows_and_all_is_named(show, theme, width):
    page = show(widget(count=8, depth=8, cycle=9), theme=theme)
    fits(page, width)
    assert tab_through(page) == 7
    assert page.get_by_role("img").count() == 3
