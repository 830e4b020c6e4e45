"""Every chapter keeps the spine, and its library cells are the library's own code."""

from pathlib import Path

import pytest

from tools import notebooks, spine, twins

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = notebooks.paths(ROOT, "chapters")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_form_and_spine(path):
    notebook = notebooks.read(path)
    assert list(notebooks.form(path, notebook)) == []
    assert list(spine.spine(notebook, welcome=path.stem == spine.WELCOME)) == []


@pytest.fixture(scope="module")
def library():
    return twins.library(ROOT)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_library_cells_are_the_library(path, library):
    cells = [cell for cell in notebooks.read(path)["cells"] if twins.TAG in notebooks.tags(cell)]
    assert [text for cell in cells for text in twins.compare(cell["source"], library)] == []
