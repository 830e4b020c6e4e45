"""The widget of the training phases in a browser: every epoch is Python's, and the keyboard steps through them."""

import numpy as np
import pytest

from effdl.widgets import TrainingPhases
from effdl.widgets.base import significant
from tests.browser.conftest import fits, in_browser, plays, readout, tab_through


def widget(**options):
    random = np.random.default_rng(3)
    start = {"fc1": random.normal(0, 0.2, (30, 40)), "fc2": random.normal(0, 0.5, (10, 30))}
    masks = {name: abs(w) > 0.3 * w.std() for name, w in start.items()}
    snapshots, phases = [], []
    for phase in ("dense", "sparse", "re-dense"):
        for epoch in range(3):
            noise = {name: random.normal(0, 0.02, w.shape) for name, w in start.items()}
            snapshots.append(
                {n: np.where(masks[n] | (phase == "dense"), w, epoch * (phase == "re-dense")) + noise[n] * 0.1
                 if phase != "sparse" else np.where(masks[n], w + noise[n], 0) for n, w in start.items()}
            )  # fmt: skip
            phases.append(phase)
    return TrainingPhases(snapshots, masks, phases, list(np.linspace(0.5, 0.9, 9)), **options)


def test_every_epoch_agrees_with_python(show):
    shown = widget()
    found = in_browser(
        show(shown),
        shown,
        """(module, model) => model.get("layers").map((layer) => model.get("phases").map((_, epoch) => module.at(model, layer, epoch)))""",
    )
    for layer, epochs in zip(shown.layers, found, strict=True):
        for epoch, state in enumerate(epochs):
            shown.layer, shown.epoch = layer, epoch
            assert state == shown.readout._asdict()


def test_it_answers_to_the_keyboard(show):
    shown = widget()
    page = show(shown)
    slider = page.get_by_role("slider", name="Epoch of training")
    slider.focus()
    for key, epoch in (("ArrowRight", 1), ("End", 8), ("ArrowLeft", 7), ("Home", 0)):
        page.keyboard.press(key)
        shown.epoch = epoch
        zeros = shown.readout.zeros
        assert readout(page, "Phase") == f"{shown.phases[epoch]}\nafter epoch {epoch + 1}"
        assert readout(page, "Exactly zero").endswith(f"{significant(zeros)} of 1,200")
    for _ in range(3):
        page.get_by_role("button", name="Step").press("Enter")
    assert readout(page, "Phase") == "sparse\nafter epoch 4"
    assert page.locator("svg .zero").count() == 1
    page.get_by_role("button", name="Back").press("Enter")
    assert page.locator("svg .zero").count() == 0
    page.get_by_label("Layer").select_option("fc2")
    assert readout(page, "Exactly zero") == "0.0 %\n0 of 300"
    plays(page)
    assert readout(page, "Phase").startswith("re-dense")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_overflows_and_all_is_named(show, theme, width):
    page = show(widget(epoch=4), theme=theme)
    fits(page, width)
    assert tab_through(page) == 5
    assert page.get_by_role("img").count() == 2
