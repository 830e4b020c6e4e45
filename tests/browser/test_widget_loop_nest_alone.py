"""The loop nest widget in a browser: every step as Python computes it; keys, names, widths, themes."""

import pytest

from effdl.widgets.base import significant
from tests.browser.conftest import fits, in_browser, plays, readout, tab_through
from tests.test_widget_loop_nest import NESTS, explorer


def test_every_step_is_computed_exactly(show):
    shown = explorer()
    page = show(shown)
    found = in_browser(
        page,
        shown,
        """(module, model) => model.get("names").map((name) => {
            const plan = module.read(model, name);
            return Array.from({length: plan.steps + 2}, (_, step) => module.atStep(plan, step));
        })""",
    )
    for name, steps in zip(NESTS, found, strict=True):
        shown.nest = name
        assert len(steps) == NESTS[name].cycles + 2
        for step, one in enumerate(steps):
            shown.step = step
            assert one == shown.readout._asdict()


def test_it_plays_and_steps_from_the_keyboard(show):
    shown = explorer(nest="rows")
    page = show(shown)
    where = page.locator(".wts-slider output")
    page.get_by_role("button", name="Step").press("Enter")
    assert where.inner_text() == "1 of 12"
    shown.step = 1
    assert readout(page, "Energy").startswith(significant(sum(shown.readout.energy)))
    plays(page)
    assert readout(page, "DRAM") == "42\n24 read, 18 written"
    page.get_by_role("combobox", name="Nest").select_option("small buffer")
    assert where.inner_text() == "0 of 72"
    page.get_by_role("slider", name="Step of the nest").press("End")
    shown.nest, shown.step = "small buffer", 72
    assert readout(page, "Energy").startswith(significant(sum(shown.readout.energy)))
    assert page.locator(".wts-code").inner_text().splitlines()[1] == "for M = 1 of 0 … 1"


def test_names_for_a_screen_reader(show):
    page = show(explorer(nest="rows", step=1))
    for role, name in (
        ("combobox", "Nest"),
        ("slider", "Step of the nest"),
        ("img", "Step 1. DRAM: "),
        ("img", "Energy so far: DRAM"),
    ):
        assert page.get_by_role(role, name=name).count() == 1, name


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_overflows_and_all_is_named(show, theme, width):
    page = show(explorer(nest="rows", step=7), theme=theme)
    fits(page, width)
    assert tab_through(page) == 5
