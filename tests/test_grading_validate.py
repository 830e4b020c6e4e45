"""What a student sees before handing in, on the released form of the fixture lab."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grading.__main__ import main
from grading.lab import LabError
from grading.notebook import NotebookError, load, nbgrader
from grading.release import release
from grading.validate import BY_HAND, EMPTY, PASSED, WRONG, validate
from tests.results import SOLUTIONS

ROOT = Path(__file__).resolve().parent.parent
DOUBLE = "def double(values):\n    return 2 * values"
BYTES = "def bytes_of_three():\n    return 12"
OPEN = "Moving them costs energy."


@pytest.fixture(scope="module")
def labs(tmp_path_factory):
    """The folder of released labs: tiny, and another one whose set-up fails here."""
    folder = tmp_path_factory.mktemp("labs")
    release("tiny", SOLUTIONS, folder)
    text = (folder / "tiny/tiny.ipynb").read_text(encoding="utf-8")
    (folder / "broken").mkdir()
    text = text.replace("import numpy as np", "import no_such_library").replace(
        '"grade_id": "', '"grade_id": "b-'
    )
    (folder / "broken/broken.ipynb").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def hand_in(tmp_path, labs):
    """hand_in(**answers) writes a released lab with answers by `grade_id`, and validates it."""

    def hand_in(change=lambda cells: None, name="tiny.ipynb", lab="tiny", seconds=60, **answers):
        notebook = load(labs / lab / f"{lab}.ipynb")
        for cell in notebook["cells"]:
            cell["source"] = answers.get(nbgrader(cell).get("grade_id"), cell["source"])
        change(notebook["cells"])
        path = tmp_path / name
        path.write_text(json.dumps(notebook), encoding="utf-8")
        return validate(path, labs, seconds, progress=False)

    return hand_in


def states(report):
    return [outcome.state for outcome in report.outcomes]


def find(cells, name):
    return next(cell for cell in cells if nbgrader(cell).get("grade_id") == name)


def test_a_right_notebook_passes(hand_in):
    report = hand_in(double=DOUBLE, bytes=BYTES, open=OPEN)
    assert (states(report), report.warnings, report.passed) == ([PASSED, PASSED, BY_HAND], (), True)
    assert str(report).splitlines()[:4] == [
        "tiny: visible checks of 4 of 6 points pass",
        "  double-check     3  passed",
        "  bytes-check      1  passed",
        "  open             2  graded by hand",
    ]


def test_an_untouched_lab_is_not_answered(hand_in):
    report = hand_in()
    assert (states(report), report.warnings, report.passed) == ([EMPTY] * 3, (), False)


def test_only_the_visible_part_counts(hand_in):
    report = hand_in(double="def double(values):\n    return np.array([2.0, -4.0, 6.0])")
    assert states(report) == [PASSED, EMPTY, EMPTY]


def test_what_is_wrong_is_said_in_words(hand_in):
    report = hand_in(
        double="def double(values):\n    return abs(values)", bytes="def bytes_of_three()\n    return 12"
    )
    assert states(report) == [WRONG, WRONG, EMPTY]
    assert report.outcomes[0].message == "double each value, the negative ones too"
    assert "NameError: name 'bytes_of_three' is not defined" in report.outcomes[1].message
    assert "Your cell ended with SyntaxError: expected ':' (line 1)" in report.outcomes[1].message
    assert "double each value, the negative ones too" in str(report)


def test_a_stub_that_still_raises_is_not_answered(hand_in):
    report = hand_in(double="def double(values):\n    # soon\n    raise NotImplementedError")
    assert states(report)[0] == EMPTY
    assert "double still raises NotImplementedError" in report.outcomes[0].message


@pytest.mark.parametrize(
    ("double", "said"),
    [
        ("def double(values):\n    while True: pass", "it took longer than 4 s"),
        (
            "while True:\n    try:\n        while True: pass\n    except KeyboardInterrupt: pass",
            "longer than 4 s",
        ),
        ("import os\ndef double(values):\n    os._exit(0)", "it ended the Python process"),
    ],
    ids=["loop", "loop that swallows interrupts", "exit"],
)
def test_a_task_that_loses_the_kernel_costs_no_other_one(hand_in, double, said):
    report = hand_in(double=double, bytes=BYTES, seconds=4)
    assert states(report)[:2] == [WRONG, PASSED]
    assert said in report.outcomes[0].message


def test_an_answer_that_needs_another_one_is_told(hand_in):
    helper = f"FOUR = 4\n{DOUBLE}"
    report = hand_in(double=helper, bytes="def bytes_of_three():\n    return 3 * FOUR", open=OPEN)
    assert states(report) == [PASSED, PASSED, BY_HAND]
    (warning,) = report.warnings
    assert "The answer bytes needs something outside its cell" in warning
    assert "name 'FOUR' is not defined" in warning
    assert not report.passed


def test_cells_of_ones_own_are_left_out(hand_in):
    def add(cells):
        cells.insert(0, {"cell_type": "code", "metadata": {}, "source": "FOUR = 4", "outputs": []})

    report = hand_in(add, bytes="def bytes_of_three():\n    return 3 * FOUR")
    assert states(report)[1] == WRONG
    assert "cells of your own are left out" in report.outcomes[1].message


def test_missing_doubled_and_renamed(hand_in):
    def change(cells):
        cells.remove(find(cells, "double"))
        again = json.loads(json.dumps(find(cells, "bytes")))
        cells.append(again | {"source": "def bytes_of_three():\n    return 13"})

    report = hand_in(change, "tiny (1).ipynb", bytes=BYTES)
    assert report.lab == "tiny"
    assert states(report)[:2] == [EMPTY, PASSED]
    renamed, missing, doubled = report.warnings
    assert not report.passed
    assert renamed == "The file is named tiny (1).ipynb. Hand it in as tiny.ipynb."
    assert missing.startswith("The cell “double” is not in your notebook")
    assert doubled.startswith("The cell “bytes” stands 2 times")


def test_checks_are_the_labs_own(hand_in):
    def change(cells):
        find(cells, "double-check")["source"] = "pass"
        cells.remove(find(cells, "bytes-check"))

    report = hand_in(change, double="def double(values):\n    return 0 * values", bytes=BYTES)
    assert states(report)[:2] == [WRONG, PASSED]


def test_an_answer_that_spoils_a_name_of_the_set_up(hand_in):
    report = hand_in(double=f"{DOUBLE}\ngiven = None", bytes=BYTES)
    assert "TypeError" in report.outcomes[0].message
    assert states(report)[1] == PASSED


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        ("{}", "a list of cells"),
        ("print(1)", "bad JSON"),
        (None, "cannot be read"),
    ],
    ids=["empty", "no cells", "no JSON", "no file"],
)
def test_what_is_no_notebook_is_refused(tmp_path, labs, content, said):
    path = tmp_path / "tiny.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NotebookError, match=said):
        validate(path, labs, progress=False)


def test_a_notebook_of_no_lab_is_refused(tmp_path, labs):
    path = tmp_path / "mine.ipynb"
    path.write_text('{"cells": []}')
    with pytest.raises(LabError, match=r"no cells of one. The labs are broken, tiny"):
        validate(path, labs, progress=False)
    with pytest.raises(LabError, match="holds no lab"):
        validate(path, tmp_path / "elsewhere", progress=False)


def test_a_machine_on_which_the_set_up_fails_is_told(hand_in):
    with pytest.raises(LabError, match=r"a set-up cell of broken fails on this machine: .*no_such_library"):
        hand_in(lab="broken", name="broken.ipynb", **{"b-double": DOUBLE})


def test_a_released_copy_is_enough(tmp_path, labs):
    """Without solutions, mutants, and the modules of grading that need a sandbox."""
    shutil.copytree(ROOT / "grading", tmp_path / "grading", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("sandbox", "kernel", "run", "tester", "proof", "gradebook", "provisioner"):
        (tmp_path / f"grading/{name}.py").unlink()
    shutil.copyfile(labs / "tiny/tiny.ipynb", tmp_path / "tiny.ipynb")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from grading.validate import validate; "
    program += f"import grading; assert grading.__path__ == [{str(tmp_path / 'grading')!r}]; "
    program += f"print(validate({str(tmp_path / 'tiny.ipynb')!r}, {str(labs)!r}))"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    assert "visible checks of 0 of 6 points pass" in done.stdout


# from the command line, in the folder that students answer in


@pytest.fixture
def answer_in_place(tmp_path, monkeypatch, capsys):
    """answer_in_place(change) releases tiny, changes `labs/tiny/tiny.ipynb` and validates it with no other option."""

    def answer_in_place(change):
        release("tiny", SOLUTIONS, tmp_path / "labs")
        path = tmp_path / "labs/tiny/tiny.ipynb"
        notebook = load(path)
        change(notebook["cells"])
        path.write_text(json.dumps(notebook), encoding="utf-8")
        monkeypatch.setattr("grading.__main__.ROOT", tmp_path)
        code = main(["validate", str(path)])
        return code, capsys.readouterr().out.splitlines()

    return answer_in_place


def test_an_answer_in_place_is_seen(answer_in_place):
    def change(cells):
        for name, text in {"double": DOUBLE, "bytes": BYTES, "open": OPEN}.items():
            find(cells, name)["source"] = text

    code, lines = answer_in_place(change)
    assert lines[:4] == [
        "tiny: visible checks of 4 of 6 points pass",
        "  double-check     3  passed",
        "  bytes-check      1  passed",
        "  open             2  graded by hand",
    ]
    assert code == 0


def test_a_syntax_error_in_place_is_that_answers_own(answer_in_place):
    def change(cells):
        find(cells, "double")["source"] = DOUBLE
        find(cells, "bytes")["source"] = "def bytes_of_three()\n    return 12"

    code, lines = answer_in_place(change)
    assert lines[1:3] == ["  double-check     3  passed", "  bytes-check      1  wrong"]
    assert "Your cell ended with SyntaxError: expected ':' (line 1)" in "\n".join(lines)
    assert code == 1


@pytest.mark.parametrize("name", ["double", "double-check"])
def test_a_cell_deleted_in_place(answer_in_place, name):
    def change(cells):
        find(cells, "double")["source"] = DOUBLE
        cells.remove(find(cells, name))

    code, lines = answer_in_place(change)
    missing = "  warning: The cell “double” is not in your notebook: it was renamed or deleted. "
    missing += "Start from the released lab."
    assert (missing in lines) == (name == "double")
    assert lines[1].split()[-1] == ("answered" if name == "double" else "passed")
    assert code == 1
