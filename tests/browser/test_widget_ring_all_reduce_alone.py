"""The all-reduce widget on a bare page with no kernel: its arithmetic is Python's, and it answers to the keyboard."""

import pytest

import hwsim
from effdl.widgets import RingAllReduce
from effdl.widgets.ring_all_reduce import ALGORITHMS, WORKERS
from tests.browser.conftest import fits, in_browser, plays, readout, tab_through

AFTER = """(module, model) => module.after(module.read(model), model.get("workers"), model.get("step"))"""
CURVES = """(module, model) => module.scaling(model).speedups"""


def widget(**options):
    links = {"1 Gbit/s, 50 us": hwsim.Link(50e-6, 125e6), "500 Gbit/s, 1 us": hwsim.Link(1e-6, 62.5e9)}
    networks = {
        "ResNet-50": (0.0121, 102_015_648.0),
        "MobileNet": (0.0031, 16.9e6),
        "digits": (4e-4, 202_440),
    }
    return RingAllReduce(links, networks, **options)


def test_every_round_and_every_curve_agrees_with_python(show):
    shown = widget()
    page = show(shown)
    for algorithm in ALGORITHMS:
        for workers in WORKERS:
            shown.algorithm, shown.workers = algorithm, workers
            for step in range(shown.readout.rounds + 2):
                shown.step = step
                assert in_browser(page, shown, AFTER) == shown.readout._asdict()
    for link, *_ in shown.links:
        for network, *_ in shown.networks:
            shown.link, shown.network = link, network
            assert in_browser(page, shown, CURVES) == shown.speedups


def test_it_answers_to_the_keyboard(show):
    page = show(widget(workers=3))
    slider = page.get_by_role("slider", name="Round of the all-reduce")
    slider.focus()
    for key, complete in (("ArrowRight", 0), ("ArrowRight", 8), ("ArrowLeft", 0), ("End", 24), ("Home", 0)):
        page.keyboard.press(key)
        assert readout(page, "Complete") == f"{complete} of 24\nnumbers that are the sum of all"
    page.get_by_role("button", name="Step").press("Enter")
    assert readout(page, "Senders") == "3 of 3\nnodes that sent in this round"
    page.get_by_role("button", name="Back").press("Enter")
    assert readout(page, "Senders").startswith("0 of 3")
    page.get_by_role("combobox", name="Algorithm").select_option("parameter server")
    page.get_by_role("combobox", name="Workers").select_option("8")
    page.get_by_role("button", name="Step").press("Enter")
    assert readout(page, "Senders").startswith("8 of 9")
    page.get_by_role("combobox", name="Link").select_option("500 Gbit/s, 1 us")
    page.get_by_role("combobox", name="Network").select_option("digits")
    assert readout(page, "Fastest here").startswith("torus")


def test_it_plays_to_the_end_and_stops(show):
    page = show(widget(workers=3))
    plays(page)
    assert readout(page, "Complete").startswith("24 of 24")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_overflows_and_all_is_named(show, theme, width):
    page = show(widget(workers=8, algorithm="parameter server", step=1), theme=theme)
    fits(page, width)
    assert tab_through(page) == 8
    assert page.get_by_role("img").count() == 2
