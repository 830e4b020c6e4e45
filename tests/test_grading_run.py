"""Submissions go through nbgrader for real: a class with good, wrong, broken and odd notebooks."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from grading.__main__ import main
from grading.notebook import load, nbgrader
from grading.proof import load_mutants
from grading.release import release

FIXTURES = Path(__file__).resolve().parent / "fixtures"
SOLUTIONS = FIXTURES / "solutions"


def with_answers(notebook, **given):
    """A copy of a notebook with other sources in some solution cells."""
    copy = json.loads(json.dumps(notebook))
    for cell in copy["cells"]:
        cell["source"] = given.get(nbgrader(cell).get("grade_id"), cell["source"])
    return copy


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Grade a class of seven; return (the rows of grades.csv by student, the output folder, the exit code)."""
    root = tmp_path_factory.mktemp("class")
    lab = load(release("tiny", SOLUTIONS, root) / "tiny.ipynb")
    source = load(SOLUTIONS / "tiny/tiny.ipynb")
    wrong = load_mutants(FIXTURES / "mutants/tiny.py")["double-check"]["wrong"]["hard-coded"]
    warning = "import sys\ndef double(values):\n    print('careful', file=sys.stderr)\n    return 2 * values"
    kills = "import os\ndef double(values):\n    os._exit(1)"
    notebooks = {
        "untouched": lab,
        "reference": source,
        "wrong [x] y": with_answers(source, double=wrong, open="They are <b>small</b>."),
        "warned": with_answers(lab, double=warning),
        "no cells": {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5},
        "crashed": with_answers(source, double=kills),
    }
    for student, notebook in notebooks.items():
        path = root / "submissions" / student / "tiny.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(notebook), encoding="utf-8")
    shutil.copytree(root / "submissions/reference", root / "submissions/unknown")
    (root / "submissions/unknown/tiny.ipynb").rename(root / "submissions/unknown/big.ipynb")
    (root / "submissions/empty").mkdir()
    (root / "submissions/empty/tiny.ipynb").touch()
    out = root / "out"
    code = main(["--solutions", str(SOLUTIONS), "grade", str(root / "submissions"), "--output", str(out)])
    with (out / "grades.csv").open(encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}, out, code


@pytest.mark.parametrize(
    ("student", "points", "total", "flag"),
    [
        ("untouched", ("0", "0", "0"), "0", ""),
        ("reference", ("3", "1", ""), "4", "grade by hand: open"),
        ("wrong [x] y", ("0", "1", ""), "1", "grade by hand: open"),
        ("warned", ("3", "0", "0"), "3", ""),
        ("no cells", ("0", "0", "0"), "0", "no cell double; no cell bytes; no cell open"),
        ("empty", ("0", "0", "0"), "0", "not a notebook: the file is empty"),
        ("unknown", ("", "", ""), "0", "unknown lab: the labs are tiny"),
    ],
)
def test_grades(graded, student, points, total, flag):
    row = graded[0][student]
    assert (row["double-check"], row["bytes-check"], row["open"]) == points
    assert row["total"] == total
    assert row["flag"] == flag
    assert row["max"] == ("0" if student == "unknown" else "6")


def test_a_kernel_that_dies_does_not_stop_the_class(graded):
    row = graded[0]["crashed"]
    assert row["total"] == "0"
    assert row["flag"].startswith("could not be run: ")
    assert len(graded[0]) == 8


def test_the_exit_code_tells_that_some_could_not_be_run(graded):
    assert graded[2] == 1


def test_feedback_shows_points_but_no_hidden_test(graded):
    pages = {path.parent.name: path.read_text() for path in (graded[1] / "feedback").glob("*/tiny.html")}
    assert set(pages) == {"untouched", "reference", "wrong [x] y", "warned", "no cells"}
    for page in pages.values():
        assert "secret-hidden-test" not in page
        assert "HIDDEN TESTS" not in page
    assert "AssertionError: an empty array stays empty" in pages["wrong [x] y"]
    assert "secret-sample" not in pages["untouched"]
    assert "image/png;base64" in pages["reference"]


def test_only_results_are_left(graded):
    assert sorted(path.name for path in graded[1].iterdir()) == ["feedback", "grades.csv"]
