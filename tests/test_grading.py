"""The parts of grading, each alone: reading, collecting, transplanting, releasing, writing results, proving."""

import csv
import os
from pathlib import Path

import pytest
from course import code, markdown, write

from grading import proof
from grading.__main__ import main
from grading.collect import CollectError, collect
from grading.lab import LabError, names, read_lab
from grading.notebook import NotebookError, load, nbgrader
from grading.release import release
from grading.results import Grade, write_feedback, write_grades
from grading.run import Result
from grading.transplant import answers, transplant

FIXTURES = Path(__file__).resolve().parent / "fixtures"
SOLUTIONS = FIXTURES / "solutions"


def solution(name, source):
    return code(name, source, nbgrader={"solution": True, "grade": False, "grade_id": name})


# reading


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"  \n", "the file is empty"),
        (b"PK\x03\x04\xff\xff", "not UTF-8"),
        (b"{", "bad JSON in line 1"),
        (b"[" * 100_000, "bad JSON"),
        (b"3", "list of cells"),
        (b'{"cells": [3]}', "cell 0 is not a cell"),
        (b'{"cells": [{"source": [3]}]}', "the source of cell 0 is not text"),
        (b'{"cells": [{"metadata": 3}]}', "cell 0 is not a cell"),
    ],
)
def test_what_is_no_notebook_is_told(tmp_path, content, reason):
    path = tmp_path / "a.ipynb"
    path.write_bytes(content)
    with pytest.raises(NotebookError, match=reason):
        load(path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(NotebookError, match="cannot be read: No such file"):
        load(tmp_path / "a.ipynb")


def test_a_lab_is_read():
    lab = read_lab(SOLUTIONS, "tiny")
    assert names(SOLUTIONS) == ["tiny"]
    assert [task.name for task in lab.tasks] == ["double", "bytes"]
    assert lab.points == {"double-check": 3, "bytes-check": 1, "open": 2}
    check = lab.tasks[0].checks[0]
    assert "secret-hidden-test" in check.source
    assert "secret-hidden-test" not in check.visible
    assert check.visible.splitlines()[-1].startswith("assert np.allclose")


def test_an_unknown_lab_is_told():
    with pytest.raises(LabError, match="unknown lab big: the labs are tiny"):
        read_lab(SOLUTIONS, "big")


# collecting


def test_both_layouts_are_collected_in_order(tmp_path):
    for path in (
        "ben/tiny.ipynb",
        "ada/tiny/tiny.ipynb",
        "ada/cost.ipynb",
        "ada/tiny/scratch.ipynb",
        ".git/a.ipynb",
    ):
        write(tmp_path / path)
    (tmp_path / "notes.txt").write_text("")
    found = [(one.student, one.lab, str(one.path.relative_to(tmp_path))) for one in collect(tmp_path)]
    assert found == [
        ("ada", "cost", "ada/cost.ipynb"),
        ("ada", "tiny", "ada/tiny/tiny.ipynb"),
        ("ben", "tiny", "ben/tiny.ipynb"),
    ]


def test_a_lab_that_stands_in_both_layouts_counts_once(tmp_path):
    write(tmp_path / "ada/tiny/tiny.ipynb")
    write(tmp_path / "ada/tiny.ipynb")
    assert [one.path for one in collect(tmp_path)] == [tmp_path / "ada/tiny.ipynb"]


def test_a_folder_without_submissions_is_told(tmp_path):
    with pytest.raises(CollectError, match=r"holds no submission: expected .*/STUDENT/LAB.ipynb"):
        collect(tmp_path)
    with pytest.raises(CollectError, match="does not exist"):
        collect(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(CollectError, match="is a file"):
        collect(tmp_path / "file")


# transplanting


def test_only_the_text_of_answers_is_carried_over():
    clean = {"cells": [solution("a", "stub"), code("check", "assert f()"), solution("b", "stub")]}
    forged = solution("a", "x = 1") | {"cell_type": "markdown", "id": "other", "outputs": [1]}
    given = {"cells": [code("extra", "import os"), forged, solution("a", "x = 2"), code("check", "pass")]}
    made, missing = transplant(clean, answers(given))
    assert [cell["source"] for cell in made["cells"]] == ["x = 1", "assert f()", "stub"]
    assert made["cells"][0] == clean["cells"][0] | {"source": "x = 1"}
    assert clean["cells"][0]["source"] == "stub"
    assert missing == ["b"]


@pytest.mark.parametrize(
    "metadata", [{}, {"nbgrader": 3}, {"nbgrader": {"solution": True, "grade_id": ["a"]}}]
)
def test_strange_metadata_give_no_answer(metadata):
    assert answers({"cells": [{"metadata": metadata, "source": "1"}]}) == {}


# releasing


def test_release_is_reproducible_and_hides_the_answers(tmp_path):
    first = (release("tiny", SOLUTIONS, tmp_path) / "tiny.ipynb").read_bytes()
    assert (release("tiny", SOLUTIONS, tmp_path) / "tiny.ipynb").read_bytes() == first
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["tiny", "tiny.ipynb"]  # and no gradebook
    assert b"secret" not in first
    cells = load(tmp_path / "tiny" / "tiny.ipynb")["cells"]
    source = load(SOLUTIONS / "tiny" / "tiny.ipynb")["cells"]
    assert [cell["id"] for cell in cells] == [cell["id"] for cell in source]
    by_id = {nbgrader(cell).get("grade_id"): cell["source"] for cell in cells}
    assert by_id["double"].endswith('"""\n    raise NotImplementedError')
    assert by_id["open"] == "*Your answer here.*"


def test_a_release_leaves_the_environment_as_it_was(tmp_path):
    before = dict(os.environ)
    release("tiny", SOLUTIONS, tmp_path)
    assert dict(os.environ) == before


def test_a_source_that_nbgrader_refuses_leaves_the_old_lab(tmp_path):
    write(tmp_path / "solutions/bad/bad.ipynb", solution("a", "### BEGIN SOLUTION\n1"))
    old = write(tmp_path / "labs/bad/bad.ipynb", markdown("old", "old"))
    before = old.read_bytes()
    with pytest.raises(LabError, match=r"bad\.ipynb: nbgrader refuses it"):
        release("bad", tmp_path / "solutions", tmp_path / "labs")
    assert old.read_bytes() == before


# results


def test_grades_are_written_as_a_table(tmp_path):
    possible = {"a": 2.0, "open": 1.0}
    good = Grade("Zoë, B.", "one", Result({"a": 2.0, "open": None}, "<p>", "grade by hand: open"), possible)
    bad = Grade("ada", "two", Result(flag="not a notebook", failed=True), {"b": 4.0})
    write_grades(tmp_path / "grades.csv", [good, bad])
    with (tmp_path / "grades.csv").open(encoding="utf-8") as file:
        rows = [list(row.values()) for row in csv.DictReader(file)]
    assert rows == [
        ["Zoë, B.", "one", "2", "", "", "2", "3", "grade by hand: open"],
        ["ada", "two", "", "", "0", "0", "4", "not a notebook"],
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["grades.csv"]
    for grade in (good, bad):
        write_feedback(tmp_path / "feedback", grade)
    assert [path.name for path in (tmp_path / "feedback").rglob("*.html")] == ["one.html"]


# proving


def test_the_stub_is_the_released_cell(tmp_path):
    cells = load(release("tiny", SOLUTIONS, tmp_path) / "tiny.ipynb")["cells"]
    released = {nbgrader(cell).get("grade_id"): cell["source"] for cell in cells}
    for task in read_lab(SOLUTIONS, "tiny").tasks:
        assert proof.stub(task) == released[task.name]


def test_an_answer_cannot_change_what_the_next_one_gets():
    lab = read_lab(SOLUTIONS, "tiny")
    prepared = proof.prepare(lab)
    check = lab.tasks[0].checks[0]
    spoiling = "given *= 0\ndef double(values):\n    return values\n"
    assert proof.grade(spoiling, check, prepared)[0].startswith("AssertionError")
    assert proof.grade(lab.tasks[0].source, check, prepared) == ("passed", False)


def test_a_broken_answer_proves_nothing():
    lab = read_lab(SOLUTIONS, "tiny")
    with pytest.raises(LabError, match="broken, not wrong: NameError"):
        proof.grade("def double(values):\n    return value", lab.tasks[0].checks[0], proof.prepare(lab))


def test_the_report_prints_rates_and_fails_on_a_gap(tmp_path, capsys):
    report = ["--solutions", str(SOLUTIONS), "report", "--mutants"]
    assert main([*report, str(FIXTURES / "mutants")]) == 0
    assert "tiny                            2      8/8 = 100%        4/4 = 100%" in capsys.readouterr().out
    gap = {
        "double-check": {
            "wrong": {"not wrong": "def double(v):\n    return v + v"},
            "right": {"bad": "double = abs"},
        }
    }
    (tmp_path / "tiny.py").write_text(f"MUTANTS = {gap!r}")
    assert main([*report, str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "tiny/double-check: wrong answer passed: not wrong" in out
    assert "tiny/double-check: right answer lost its points: bad" in out
    assert main([*report, str(tmp_path / "none")]) == 2
    assert "tiny.py is missing" in capsys.readouterr().err


# the command line


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["release", "big"], "unknown lab big: the labs are tiny"),
        (["grade", "none"], "none does not exist"),
        (["grade", "none", "--lab", "big"], "unknown lab big"),
        (["report", "big"], "unknown lab big"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(tmp_path, capsys, monkeypatch, words, reason):
    monkeypatch.chdir(tmp_path)
    assert main(["--solutions", str(SOLUTIONS), *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("grading: ")
    assert reason in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
