"""The check of the notebooks' form finds each planted fault, and only that."""

import json

import pytest
from course import chapter, code, markdown, notebook, printed, write

from tools import notebooks


def found(tmp_path, *cells, folder="solutions", **changes):
    path = write(tmp_path / folder / "lab" / "lab.ipynb", *cells)
    data = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(data))
    return list(notebooks.problems(tmp_path))


def one(tmp_path, *cells, **keywords):
    """The only problem that is found."""
    problems = found(tmp_path, *cells, **keywords)
    assert len(problems) == 1, problems
    return problems[0]


def test_a_good_chapter_has_no_problem(tmp_path):
    write(tmp_path / "chapters" / "02_pruning.ipynb", *chapter())
    assert list(notebooks.problems(tmp_path)) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b'{"cells": [', "bad JSON in line 1"),
        (b"[1, 2]", "list of cells"),
        (b'{"cells": 3}', "list of cells"),
        (
            b'{"cells": [], "nbformat": 4, "nbformat_minor": 2, "metadata": {}}',
            "format 4.2: save it as format 4.5",
        ),
        (
            b'{"cells": [{"id": 1}], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
            "not a valid notebook",
        ),
        (b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_notebook_is_one_clear_problem(tmp_path, content, reason):
    path = tmp_path / "chapters" / "02_pruning.ipynb"
    path.parent.mkdir()
    path.write_bytes(content)
    (problem,) = notebooks.problems(tmp_path)
    assert problem.startswith("chapters/02_pruning.ipynb: ")
    assert reason in problem


def test_a_problem_names_file_and_cell(tmp_path):
    problem = one(tmp_path, markdown("story", "![](https://example.org/a.png)"))
    assert problem.startswith("solutions/lab/lab.ipynb:story: ")


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (code("a1", "1", [printed("1")]), "remove the output, or tag the cell"),
        (code("a1", "1", tags=["NBVAL_CHECK_OUTPUT"]), "holds no output"),
        (code("a1", "1") | {"execution_count": 3}, "remove the execution count"),
        (code("a1", "1", scrolled=True), "remove the editor's metadata scrolled"),
        (code("a1", "1", deletable=False), "remove the editor's metadata deletable"),
        (code("3f2504e0", "1"), "the id is not readable"),
        (code("3f2504e0-4f89-11d3-9a0c-0305e82c3301", "1"), "the id is not readable"),
        (code("f2504e03", "1"), "the id is not readable"),
        (code("Cell", "1"), "the id is not readable"),
        ({"cell_type": "raw", "id": "raw", "metadata": {}, "source": ""}, "use code or Markdown"),
        (markdown("a1", "<div>boxed</div>"), "raw HTML `<div>`"),
        (
            markdown("a1", "a <br> break"),
            "raw HTML `<br>`",
        ),
        (markdown("a1", "<!-- hidden -->"), "raw HTML"),
        (markdown("a1", "<img src='https://a.org/a.png'>"), "the <img> has no alt text"),
        (markdown("a1", "<img src='a.png' alt='a curve'>"), "a.png leads nowhere"),
        (markdown("a1", "![ ](https://a.org/a.png)"), "has no alt text"),
        (markdown("a1", "[lab](../labs/none.ipynb#task)"), "leads nowhere: there is no none.ipynb"),
        (markdown("a1", "![a curve](a.png)") | {"attachments": {}}, "leads nowhere"),
        (markdown("a1", "x") | {"attachments": {"a.png": {"image/png": "AA"}}}, "holds an attachment"),
    ],
)
def test_each_fault_is_found(tmp_path, cell, reason):
    assert reason in one(tmp_path, cell)


@pytest.mark.parametrize(
    "source",
    [
        "<details><summary>Answer</summary>\n\n42\n\n</details>",
        "`<div>` in code, $a < b$ in a formula, and <https://example.org>",
        "```\n<div>\n```",
        "[another](lab.ipynb#part) and [here](#part)",
        "<img src='https://a.org/a.png' alt='accuracy against sparsity'>",
    ],
)
def test_what_is_allowed_is_not_reported(tmp_path, source):
    assert found(tmp_path, markdown("a1", source)) == []


def test_ids_are_unique(tmp_path):
    assert "used twice" in one(tmp_path, code("same", "1"), code("same", "2"))


def test_metadata_of_the_notebook(tmp_path):
    assert "keep only" in one(tmp_path, metadata=notebooks.METADATA | {"toc": {}})


def test_an_error_is_no_output_to_keep(tmp_path):
    error = {"output_type": "error", "ename": "ValueError", "evalue": "", "traceback": []}
    assert "the output is an error" in one(tmp_path, code("a1", "1", [error], tags=["NBVAL_CHECK_OUTPUT"]))


def test_labs_may_hold_the_locks_of_nbgrader(tmp_path):
    assert found(tmp_path, code("a1", "1", deletable=False, editable=False), folder="labs") == []


def test_chapters_have_short_cells_and_checked_outputs(tmp_path):
    cells = [*chapter()[:-3], code("long", "x = 1\n" * 26)]
    path = write(tmp_path / "chapters" / "02_pruning.ipynb", *cells)
    assert ["26 lines of code, at most 25" in text for text in notebooks.problems(tmp_path)] == [True]
    write(path, *[cell for cell in chapter() if cell["id"] != "check-3"])
    assert ["4 cells are tagged" in text for text in notebooks.problems(tmp_path)] == [True]


def test_the_sources_are_read_as_one_text(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook(code("a1", ["x = 1\n", "y = 2"]))))
    assert notebooks.read(path)["cells"][0]["source"] == "x = 1\ny = 2"


def test_copies_in_folders_with_a_dot_are_left_out(tmp_path):
    for name in ("labs/a/a.ipynb", "labs/.released/a/a.ipynb", "labs/a/.ipynb_checkpoints/a.ipynb"):
        write(tmp_path / name)
    assert notebooks.paths(tmp_path, "labs") == [tmp_path / "labs/a/a.ipynb"]
