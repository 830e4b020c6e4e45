"""The tiles widget in a browser: every tile, size and stage as Python computes it; keys, names, widths, themes."""

import numpy as np
import pytest

from effdl.widgets import WinogradTiles
from effdl.widgets.base import significant
from effdl.widgets.winograd_tiles import STAGES, at_tile
from tests.browser.conftest import fits, in_browser, readout, tab_through


def tiles(**options):
    random = np.random.default_rng(3)
    errors = {
        "fp32": {m: 1e-6 * 4.0**m for m in range(1, 9)},
        "fp16": {m: 1e-2 * 3.0**m for m in range(1, 9)},
    }
    image = np.round(random.random((9, 8)), 4)
    return WinogradTiles(image, random.normal(size=(3, 3)), sizes=(2, 3, 4, 6), errors=errors, **options)


def test_every_stage_is_computed_exactly(show):
    widget = tiles()
    page = show(widget)
    found = in_browser(
        page,
        widget,
        """(module, model) => {
            const input = module.read(model);
            return model.get("sizes").flatMap((m) => {
                const {rows, columns} = module.atTile(input, m, 0, 0);
                return Array.from({length: rows * columns}, (_, tile) =>
                    [0, 1, 2, 3, 4].map((stage) => module.atTile(input, m, tile, stage))).flat();
            });
        }""",
    )
    expected = []
    for m in widget.sizes:
        count = int(np.ceil(9 / m) * np.ceil(8 / m))
        for tile in range(count):
            for stage in range(len(STAGES)):
                expected.append(
                    at_tile(widget._image, widget._kernel, widget._matrices[m], widget.padding, tile, stage)
                )
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one["values"] == other.values.tolist()
        assert one["largest"] == other.largest
        assert tuple(one["visible"]) == other.visible
        for name in ("rows", "columns", "row", "column", "products", "direct"):
            assert one[name] == getattr(other, name)


def test_the_controls_work_from_the_keyboard(show):
    widget = tiles(size=4)
    page = show(widget)
    page.get_by_role("slider", name="Position of the tile").focus()
    page.keyboard.press("End")
    widget.tile = 5
    assert page.locator(".wts-slider output").inner_text() == "3, 2"
    assert readout(page, "Outputs in the image") == "1 × 4\nof 4 × 4 of this tile"
    page.get_by_role("button", name="Next stage").focus()
    page.keyboard.press("Enter")
    widget.stage = 1
    assert readout(page, "Largest number").startswith(significant(widget.readout.largest))
    assert page.get_by_role("combobox", name="Stage").input_value() == "data at the points"
    page.get_by_role("combobox", name="Tile").select_option("F(2 × 2, 3 × 3)")
    assert page.locator(".wts-slider output").inner_text() == "1, 1"
    widget.size = 2
    assert (
        readout(page, "Multiplications")
        == f"{widget.readout.products}\ninstead of {widget.readout.direct}, all tiles"
    )
    assert readout(page, "Error, measured") == "fp32 1.6e-5\nfp16 9.0e-2"


def test_names_for_a_screen_reader(show):
    page = show(tiles(stage=4))
    for role, name in (
        ("slider", "Position"),
        ("combobox", "Tile"),
        ("combobox", "Stage"),
        ("button", "Next stage"),
        ("img", "Image of 9 by 8 pixels"),
        ("img", "output:"),
        ("img", "Largest error against the tile size"),
    ):
        assert page.get_by_role(role, name=name).count() == 1, name


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_overflows_and_all_is_named(show, theme, width):
    page = show(tiles(size=6, stage=3), theme=theme)
    fits(page, width)
    assert tab_through(page) == 4


def test_numbers_stay_in_their_cells(show):
    """Outputs beyond the image are zero but for rounding: they must not be written with sixteen zeros."""
    page = show(tiles(size=6, stage=4, tile=3))
    page.set_viewport_size({"width": 700, "height": 900})
    page.wait_for_timeout(200)
    values = page.locator(".wts-tiles svg").nth(1)
    cell = values.locator("rect").first.bounding_box()["width"]
    widths = [text.bounding_box()["width"] for text in values.locator("text").all()[1:]]
    assert len(widths) == 36
    assert max(widths) <= cell + 2


def test_without_errors_there_is_no_curve(show):
    page = show(WinogradTiles(np.eye(8), np.ones((3, 3))))
    assert page.get_by_role("img").count() == 2
