"""The map of a file on a bare page with no kernel: its sums are Python's, and it answers to mouse and keyboard."""

import re

import pytest
import torch

from effdl import models
from effdl.compress.container import compress
from effdl.compress.pruning import local_masks, prune
from effdl.compress.sharing import share
from effdl.widgets import FileMap
from effdl.widgets.base import significant
from effdl.widgets.file_map import ALL_PARTS, ALL_TENSORS, PARTS
from tests.browser.conftest import fits, in_browser, readout, tab_through

AT = """(module, model) => module.at(
    model.get("tensors")[model.get("file")], model.get("numbers")[model.get("file")], model.get("tensor"), model.get("part"))"""


def widget(**options):
    model = prune(models.mlp(), local_masks(models.mlp(), 0.9))
    pruned = compress(model)
    share(model, 3)
    return FileMap(
        {
            "pruned": pruned,
            "shared": compress(model),
            "dense": compress(models.convnet()),
            "with an empty tensor": compress({"w": torch.ones(3), "none": torch.zeros(0)}),
        },
        **options,
    )


def choice(page, label):
    return page.get_by_role("combobox", name=re.compile(f"^{label}"))


def test_every_choice_agrees_with_python(show):
    shown = widget()
    page = show(shown)
    for file in shown.files:
        shown.file = file
        for tensor in (ALL_TENSORS, *shown.tensors[file]):
            for part in (ALL_PARTS, *PARTS):
                shown.tensor, shown.part = tensor, part
                assert in_browser(page, shown, AT) == shown.readout._asdict()


def test_it_answers_to_keyboard_and_mouse(show):
    shown = widget(file="shared")
    page = show(shown)

    def check(tensor, part):
        shown.tensor, shown.part = tensor, part
        now = shown.readout
        assert readout(page, "Chosen") == f"{significant(now.size)} bytes\n{tensor}, {part}"
        assert (
            readout(page, "Bits a number")
            == f"{significant(now.bits)}\nfor {significant(now.weights)} numbers"
        )

    check(ALL_TENSORS, ALL_PARTS)
    choice(page, "Tensor").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    check("fc1.weight", ALL_PARTS)
    choice(page, "Part").select_option("codes")
    check("fc1.weight", "codes")
    page.locator('[data-part="fc2.weight/indices"]').click()
    check("fc2.weight", "indices")
    choice(page, "File").select_option("dense")
    shown.file = "dense"
    check(ALL_TENSORS, ALL_PARTS)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_overflows_and_all_is_named(show, theme, width):
    page = show(widget(file="shared", tensor="fc1.weight", part="indices"), theme=theme)
    choice(page, "Bars").select_option("shares")
    fits(page, width)
    assert tab_through(page) == 4
