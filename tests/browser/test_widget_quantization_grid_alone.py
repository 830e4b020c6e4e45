"""The quantization grid in a browser: it agrees with Python in every state, and answers to the keyboard."""

import numpy as np
import pytest

from effdl.widgets import QuantizationGrid
from effdl.widgets.base import significant
from effdl.widgets.quantization_grid import best, errors
from tests.browser.conftest import fits, in_browser, readout, tab_through


def widget(**options):
    random = np.random.default_rng(1)
    layers = {
        "conv": random.standard_t(3, (16, 9)),
        "output": random.normal(0, 0.3, (10, 80)),
        "zero": np.zeros(5),
    }
    return QuantizationGrid(layers, **options)


def test_the_browser_computes_every_state_exactly(show):
    grid = widget()
    found = in_browser(
        show(grid),
        grid,
        """(module, model) => model.get("layers").map((layer) => [2, 3, 4, 8].map((bits) => {
            const points = module.curve(module.read(model)(layer), bits);
            return {points, best: module.best(points)};
        }))""",
    )
    for layer, states in zip(grid.layers, found, strict=True):
        weights = grid._samples[layer]
        for bits, state in zip((2, 3, 4, 8), states, strict=True):
            assert state["best"] == best(weights, bits)
            for percent, point in enumerate(state["points"], start=1):
                assert point == errors(weights, bits, percent)._asdict()


def test_sliders_answer_to_the_keyboard(show):
    grid = widget(bits=3)
    page = show(grid)
    bits, span = page.get_by_role("slider", name="Bits"), page.get_by_role("slider", name="Range")
    bits.focus()
    page.keyboard.press("ArrowRight")
    span.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    grid.bits, grid.percent = 4, 98
    assert readout(page, "Sum") == f"{significant(100 * grid.readout.total)} %\nof the energy"
    assert readout(page, "Rounding error").startswith(f"{significant(100 * grid.readout.rounding)} %")
    assert readout(page, "Clipping error").startswith(f"{significant(100 * grid.readout.clipping)} %")
    page.get_by_role("combobox", name="Layer").select_option("output")
    page.get_by_role("button", name="Go to the least error").press("Enter")
    least = best(grid._samples["output"], 4)
    assert span.input_value() == str(least)
    assert readout(page, "Least").endswith(f"at a range of {least} %")
    assert page.locator("svg .mark").count() == 15 + 1  # the numbers of the grid, and the least error


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_overflows_and_all_is_named(show, theme, width):
    page = show(widget(bits=8), theme=theme)
    fits(page, width)
    assert tab_through(page) == 4
