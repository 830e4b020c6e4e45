"""The ternary threshold in a browser: it agrees with Python in every state, and answers to the keyboard."""

import numpy as np
import pytest

from effdl.widgets import TernaryThresholds
from effdl.widgets.base import significant
from effdl.widgets.ternary_thresholds import STEPS, at_threshold, optimum, rule, thresholds
from tests.browser.conftest import fits, in_browser, readout, tab_through


def widget(**options):
    random = np.random.default_rng(1)
    layers = {
        "fc1": random.normal(0.02, 0.1, (40, 30)),
        "ties": np.round(random.normal(0, 1, 200)),
        "zero": np.zeros(5),
    }
    return TernaryThresholds(layers, **options)


def test_the_browser_computes_every_state_exactly(show):
    threshold = widget()
    found = in_browser(
        show(threshold),
        threshold,
        """(module, model) => model.get("layers").map((layer) => {
            const weights = module.read(model)(layer);
            return module.curve(weights);
        })""",
    )
    for layer, points in zip(threshold.layers, found, strict=True):
        weights = threshold._samples[layer]
        assert len(points) == STEPS
        for point, value in zip(points, thresholds(weights), strict=True):
            assert point == at_threshold(weights, value)._asdict()


def test_it_answers_to_the_keyboard(show):
    threshold = widget(step=10)
    page = show(threshold)
    slider = page.get_by_role("slider", name="Threshold")
    slider.focus()
    page.keyboard.press("ArrowRight")
    threshold.step = 11
    now = threshold.readout
    assert readout(page, "One scale") == f"{significant(now.scale)}\nerror {100 * now.one:.1f} %"
    assert readout(page, "Two scales").startswith(f"-{significant(now.lower)}, {significant(now.upper)}\n")
    page.get_by_role("button", name="Best threshold").press("Enter")
    weights = threshold._samples["fc1"]
    best = int(abs(thresholds(weights) - optimum(weights)).argmin())
    assert slider.input_value() == str(best)
    page.get_by_role("button", name="TWN's rule").press("Enter")
    assert slider.input_value() == str(int(abs(thresholds(weights) - rule(weights)).argmin()))
    page.get_by_role("combobox", name="Layer").select_option("ties")
    assert (
        page.get_by_label(f"TWN's rule is at {significant(rule(threshold._samples['ties']))},").count() == 1
    )
    assert readout(page, "Best").startswith(significant(optimum(threshold._samples["ties"])))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_overflows_and_all_is_named(show, theme, width):
    page = show(widget(), theme=theme)
    fits(page, width)
    assert tab_through(page) == 4
