"""The codebook widget on a bare page with no kernel: its arithmetic is Python's, and it answers to the keyboard."""

import numpy as np
import pytest

from effdl.widgets import Codebook
from effdl.widgets.base import significant
from effdl.widgets.codebook import BITS, INITS
from tests.browser.conftest import fits, in_browser, plays, readout, tab_through

AT = """(module, model) => {
    const layer = module.read(model, model.get("layer"));
    const steps = module.path(layer, module.start(layer, model.get("init"), model.get("bits")));
    return module.atIteration(layer, steps, model.get("iteration"));
}"""


def widget(**options):
    random = np.random.default_rng(5)
    dense = random.normal(0.02, 0.1, (40, 50))
    pruned = np.where(abs(dense) < 0.08, 0, dense)
    return Codebook({"dense": dense, "pruned": pruned, "few": np.array([0.1, 0.4, 0.7])}, **options)


def test_every_iteration_agrees_with_python(show):
    shown = widget()
    page = show(shown)
    for layer in shown.layers:
        for init in INITS:
            for bits in BITS:
                for iteration in (0, 1, 7, 400):
                    shown.layer, shown.init, shown.bits, shown.iteration = layer, init, bits, iteration
                    assert in_browser(page, shown, AT) == shown.readout._asdict()


def test_it_answers_to_the_keyboard(show):
    shown = widget(layer="pruned", bits=3)
    page = show(shown)
    slider = page.get_by_role("slider", name="Iteration of k-means")
    slider.focus()
    for key, iteration in (
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowLeft", 1),
        ("End", 10_000),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        shown.iteration = iteration
        now = shown.readout
        assert (
            readout(page, "Squared error")
            == f"{significant(now.error)}\n{100 * now.error / now.energy:.1f} % of the energy"
        )
    page.get_by_label("Start").select_option("density")
    page.get_by_label("Bits of a code").select_option("1")
    page.get_by_label("Layer").select_option("dense")
    assert readout(page, "Centroids") == "2\nno weight is zero"
    assert page.locator(".wts-slider output").inner_text().startswith("0 of ")


def test_it_plays_to_the_end_and_stops(show):
    page = show(widget(layer="dense", bits=2))
    plays(page)
    last = page.get_by_role("slider").get_attribute("max")
    assert page.locator(".wts-slider output").inner_text() == f"{last} of {last}"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_overflows_and_all_is_named(show, theme, width):
    page = show(widget(bits=6), theme=theme)
    fits(page, width)
    assert tab_through(page) == 7
    assert page.get_by_role("img").count() == 2
