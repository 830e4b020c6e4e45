"""The systolic array widget in a browser: every cycle as Python computes it; keys, names, widths, themes."""

import numpy as np
import pytest

from effdl.widgets import Systolic
from tests.browser.conftest import fits, in_browser, plays, readout, tab_through
from tests.test_widget_systolic import systolic


def test_every_cycle_is_computed_exactly(show):
    shown = systolic()
    page = show(shown)
    found = in_browser(
        page,
        shown,
        """(module, model) => ["ws", "os", "is"].map((flow) => {
            const plan = module.read(model, flow);
            return Array.from({length: plan.cycles + 2}, (_, cycle) => module.atCycle(plan, cycle));
        })""",
    )
    for flow, cycles in zip(("ws", "os", "is"), found, strict=True):
        shown.dataflow = flow
        for cycle, one in enumerate(cycles):
            shown.cycle = cycle
            assert one == shown.readout._asdict()


def test_it_plays_and_steps_from_the_keyboard(show):
    shown = systolic()
    page = show(shown)
    where = page.locator(".wts-slider output")
    plays(page)
    assert where.inner_text() == "11 of 11"
    assert readout(page, "Results") == "12\nof 12 have left"
    page.get_by_role("combobox", name="Dataflow").select_option("outputs stay")
    shown.dataflow = "os"
    assert where.inner_text() == f"0 of {len(shown._waves['os'].fold)}"
    page.get_by_role("slider", name="Cycle of the array").press("ArrowRight")
    assert readout(page, "At work") == "1 of 9\nelements in this cycle"
    assert readout(page, "Fold") == "1\nof 2"


def test_names_for_a_screen_reader(show):
    page = show(systolic(cycle=5))
    for role, name in (
        ("combobox", "Dataflow"),
        ("slider", "Cycle of the array"),
        ("img", "Cycle 5: 3 of 9 elements at work. Row 1: activation 4, sum 4, weight 1"),
        ("img", "Results so far: none."),
    ):
        assert page.get_by_role(role, name=name).count() == 1, name


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_overflows_and_all_is_named(show, theme, width):
    page = show(systolic(dataflow="is", cycle=9), theme=theme)
    fits(page, width)
    assert tab_through(page) == 5


def test_floats_are_written_with_three_digits(show):
    page = show(Systolic(np.full((3, 3), 0.1), np.full((3, 3), 2 / 3), cycle=5))
    page.get_by_role("img", name="Row 1: activation 0.1, sum 0.0667, weight 0.667").wait_for()
    texts = page.locator("svg text").all_text_contents()
    assert {"→0.1", "↓0.0667", "0.667"} <= set(texts)
    page.get_by_role("slider", name="Cycle of the array").press("End")
    page.get_by_role("img", name="row 1, column 1 is 0.2").wait_for()
    texts = page.locator("svg text").all_text_contents()
    assert not [text for text in texts if len(text.partition(".")[2]) > 4]
    fits(page, 360)
