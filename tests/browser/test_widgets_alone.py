"""The widgets on a bare page with no kernel: they answer to keyboard and mouse, and agree with their Python half."""

import numpy as np
import pytest

from effdl.widgets import Prediction, Roofline, WeightDistribution
from effdl.widgets.base import significant
from effdl.widgets.prediction import verdict
from effdl.widgets.roofline import under_roof
from effdl.widgets.weight_distribution import STEPS, at_threshold
from tests.browser.conftest import fits, in_browser, readout, tab_through


def distribution(**options):
    random = np.random.default_rng(1)
    before = {"hidden": random.normal(0, 0.1, (80, 64)), "output": random.normal(0, 0.3, (10, 80))}
    after = {name: np.where(abs(weight) < 0.1, 0, weight) for name, weight in before.items()}
    accuracy = {"before": {"all layers": ([0.0, 0.05, 0.1, 0.2], [0.97, 0.96, 0.9, 0.3])}}
    return WeightDistribution({"before": before, "after": after}, accuracy, **options)


def test_a_number_is_guessed_and_compared(show):
    question = Prediction("How many weights can go?", unit="%")
    page = show(question, question.compare(91.3, "Measured."))
    result = page.locator(".wts-comparison .wts-verdict")
    assert result.inner_text() == verdict(None, 91.3, "%")

    page.get_by_role("button", name="Go back and guess").click()
    page.keyboard.press("ArrowRight")  # the focus is on the slider, at half
    assert result.inner_text() == verdict(50.5, 91.3, "%")

    page.get_by_role("spinbutton", name="Your guess in %").fill("88")
    page.keyboard.press("Enter")
    assert result.inner_text() == verdict(88, 91.3, "%")

    page.reload()
    result.wait_for()
    assert result.inner_text() == verdict(88, 91.3, "%")
    page.get_by_role("button", name="Forget my guess").click()
    assert result.inner_text() == verdict(None, 91.3, "%")


def test_a_choice_is_guessed_with_mouse_and_keys(show):
    choices = ["an addition", "a multiplication", "a DRAM read"]
    question = Prediction("Which costs most?", choices)
    page = show(question, question.compare("a DRAM read"))
    page.get_by_label("a multiplication").click()
    result = page.locator(".wts-comparison")
    assert result.locator(".wts-verdict").inner_text() == verdict("a multiplication", "a DRAM read")
    page.keyboard.press("ArrowDown")
    assert result.locator(".wts-verdict").inner_text() == verdict("a DRAM read", "a DRAM read")
    assert result.locator("li.measured .wts-tag").all_inner_texts() == ["measured", "your guess"]


def test_a_slider_in_equal_ratios(show):
    question = Prediction("How many times?", unit="times", low=1, high=10_000, log=True)
    page = show(question, question.compare(6400))
    page.locator(".wts-prediction input[type=range]").focus()
    page.keyboard.press("End")
    page.keyboard.press("Home")
    assert page.locator(".wts-verdict").inner_text() == verdict(1, 6400, "times", log=True)


def test_every_threshold_agrees_with_python(show):
    widget = distribution()
    page = show(widget)
    layer, stage = page.get_by_label("Layer"), page.get_by_label("Stage")
    slider = page.get_by_role("slider", name="Threshold")
    for stage_name, layer_name, step in [
        ("before", "all layers", 0),
        ("before", "hidden", 77),
        ("before", "output", STEPS - 1),
        ("after", "all layers", 200),
        ("after", "hidden", 1),
    ]:
        stage.select_option(stage_name)
        layer.select_option(layer_name)
        slider.fill(str(step))
        widget.stage, widget.layer, widget.step = stage_name, layer_name, step
        now = widget.readout
        assert readout(page, "Sparsity") == (
            f"{100 * now.sparsity:.1f} %\n{significant(now.removed)} of {significant(now.weights)} weights"
        )
        assert readout(page, "Energy kept").startswith(f"{100 * now.energy_kept:.1f} %")
        assert readout(page, "Already zero").startswith(significant(now.zeros))
        assert page.locator(".wts-slider output").inner_text() == f"|w| < {significant(now.threshold)}"


def test_the_browser_computes_every_step_exactly(show):
    """The module's own functions, imported in the browser, against Python: no rounding for display in between."""
    widget = distribution()
    page = show(widget)
    rows = in_browser(
        page,
        widget,
        """(module, model) => {
            const row = module.read(model);
            return model.get("stages").flatMap((stage) => model.get("layers").flatMap((layer) =>
                Array.from({length: 512}, (_, step) => module.atThreshold(row(stage, layer), step))));
        }""",
    )
    expected = [
        at_threshold(widget._histograms[stage, layer], widget._limits[layer], step)
        for stage in widget.stages
        for layer in widget.layers
        for step in range(STEPS)
    ]
    assert len(rows) == len(expected) == 2 * 3 * STEPS
    for found, wanted in zip(rows, expected, strict=True):
        assert (found["removed"], found["zeros"], found["weights"]) == (
            wanted.removed,
            wanted.zeros,
            wanted.weights,
        )
        assert found["threshold"] == wanted.threshold
        assert found["sparsity"] == wanted.sparsity
        assert found["energyKept"] == pytest.approx(wanted.energy_kept, rel=1e-12, abs=1e-15)


def test_accuracy_is_the_measured_one(show):
    page = show(distribution())
    slider = page.get_by_role("slider", name="Threshold")
    slider.focus()
    assert readout(page, "Accuracy") == "97.0 %\nmeasured at 0"
    page.keyboard.press("End")
    assert readout(page, "Accuracy") == "30.0 %\nmeasured at 0.2"
    assert page.get_by_role("img", name="Accuracy against the threshold").count() == 1
    page.get_by_label("Layer").select_option("hidden")  # nothing was measured there
    assert page.locator(".wts-readout .wts-name", has_text="Accuracy").count() == 0


def test_zeros_are_a_bar_of_their_own(show):
    page = show(distribution(stage="after", marks=[-0.2, 0.2]))
    assert page.locator("svg .zero").count() == 1
    assert "are zero" in page.locator(".wts-distribution svg").first.text_content()
    assert page.locator("svg .mark").count() == 2
    page.get_by_label("Counts").select_option("logarithmic")
    assert page.locator("svg .zero").count() == 1


def test_the_point_moves_along_the_roof(show):
    widget = Roofline([("conv", 90.0, 9e8), ("fc", 0.5, 3e7)], intensity=4)
    page = show(widget)
    handle = page.get_by_role("slider", name="Arithmetic intensity")

    handle.focus()
    page.keyboard.press("PageUp")
    assert readout(page, "Intensity").startswith("8 op/B")
    page.keyboard.press("ArrowLeft")
    assert readout(page, "Intensity").startswith(f"{significant(8 * 2**-0.125)} op/B")

    page.get_by_label("Point at").select_option("fc")
    assert readout(page, "Intensity") == "0.5 op/B\nfc"
    assert readout(page, "Bound by").startswith("memory")

    before = handle.bounding_box()
    page.mouse.move(before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
    page.mouse.down()
    page.mouse.move(before["x"] + 400, before["y"], steps=4)
    page.mouse.up()
    assert handle.bounding_box()["x"] > before["x"] + 300
    assert readout(page, "Bound by").startswith("compute")
    assert page.get_by_label("Point at").input_value() == "move it yourself"

    for name, platform in widget._platforms.items():
        page.get_by_role("combobox", name="Platform").select_option(name)
        now = under_roof(platform, 1.0)
        assert readout(page, "Ridge").startswith(f"{significant(now.ridge)} op/B")


def test_other_platforms_can_be_hidden(show):
    page = show(Roofline())
    roofs = page.locator("svg .roof").count()
    page.get_by_label("show the other platforms").press("Space")
    assert page.locator("svg .roof").count() == 1 < roofs


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_overflows_or_fades(show, theme):
    """At 700 px all stays inside, and text stands out from its ground by 4.5 to 1 (WCAG AA)."""
    question = Prediction("How many weights can go?", unit="%")
    page = show(question, question.compare(91.3), distribution(), Roofline(), theme=theme)
    fits(page, 700)
    colors = page.locator(".wts").first.evaluate(
        """(node) => ["ink", "soft", "blue", "orange", "paper"].map(
            (name) => getComputedStyle(node).getPropertyValue(`--wts-${name}`).trim())"""
    )
    *texts, paper = [luminance(color) for color in colors]
    for text in texts:
        assert (max(text, paper) + 0.05) / (min(text, paper) + 0.05) >= 4.5


def luminance(color):
    channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_every_control_has_a_name_and_shows_its_focus(show):
    question = Prediction("How many weights can go?", unit="%")
    page = show(question, question.compare(91.3), distribution(), Roofline([("fc", 0.5, 3e7)]))
    assert tab_through(page) == 11
