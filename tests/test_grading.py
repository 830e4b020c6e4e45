"""The parts of grading, each alone: reading, collecting, transplanting, releasing, writing results, proving."""

import csv
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from course import code, markdown, write

from grading import commands, proof
from grading.__main__ import main, parser
from grading.assignments import Assignment
from grading.collect import CollectError, Submission, collect, gather
from grading.desk import sort_out
from grading.lab import LabError, names, read_lab
from grading.notebook import NotebookError, load, nbgrader
from grading.release import release
from grading.result import Result, Typed
from grading.results import Store, line, penalty, write_grades

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


# releasing


def test_release_is_reproducible_and_hides_the_answers(tmp_path):
    first = (release("tiny", SOLUTIONS, tmp_path) / "tiny.ipynb").read_bytes()
    assert (release("tiny", SOLUTIONS, tmp_path) / "tiny.ipynb").read_bytes() == first
    made = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*") if path.is_file()}
    assert sorted(made) == [".released/tiny/tiny.ipynb", "tiny/tiny.ipynb"]  # and no gradebook
    assert made[".released/tiny/tiny.ipynb"].read_bytes() == first
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


def result(student="ada", lab="one", **changes):
    values = {"possible": {"a": 2.0, "open": 1.0}, "points": {"a": 2.0, "open": None}, "digest": "d"}
    return Result(student, lab, **values | changes)


def test_grades_are_written_as_a_table(tmp_path):
    good = result("Zoë, B.", flags=("grade by hand: open",), penalty=0.5, seed=7)
    bad = result("ada", "two", possible={"b": 4.0}, points={"b": 0.0}, flags=("not a notebook",), failed=True)
    formula = result("=1+1")
    write_grades(tmp_path / "grades.csv", [good, bad, formula])
    with (tmp_path / "grades.csv").open(encoding="utf-8") as file:
        rows = [list(row.values()) for row in csv.DictReader(file)]
    assert rows == [
        ["'=1+1", "one", "2", "", "", "0", "2", "3", "", "", "0"],
        ["Zoë, B.", "one", "2", "", "", "0.5", "1.5", "3", "grade by hand: open", "", "7"],
        ["ada", "two", "", "", "0", "0", "0", "4", "not a notebook", "", "0"],
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["grades.csv"]


def test_the_store_finds_a_result_for_the_same_submission_and_lab_only(tmp_path):
    assignment = Assignment(read_lab(SOLUTIONS, "tiny"), {"cells": []})
    changed = Assignment(assignment.lab, {"cells": []}, {"double-check": {"new": "mistake"}})
    submission = Submission("ada", "tiny", b"{}")
    kept = result(lab="tiny", digest=submission.digest)
    store = Store(tmp_path)
    assert store.find(assignment, submission) is None
    store.keep(assignment, kept)
    assert store.find(assignment, submission) == kept
    assert store.find(changed, submission) is None
    assert store.find(assignment, Submission("ada", "tiny", b"{ }")) is None
    assert store.all() == [kept]
    store.keep(assignment, kept, Typed({"open": 1.0}, {"open": "Good."}))
    assert store.find(assignment, submission) == kept
    assert store.all()[0].points == {"a": 2.0, "open": 1.0}
    assert [path.name for path in (tmp_path / "ada").iterdir()] == ["tiny.json"]


@pytest.mark.parametrize(
    ("submitted", "points"),
    [
        ("", 0),
        ("2026-03-01T18:00:00+00:00", 0),
        ("2026-03-01T18:00:01+00:00", 0.3),
        ("2026-03-01T19:00:00+01:00", 0),
        ("2026-03-02T18:00:00+00:00", 0.3),
        ("2026-03-02T18:00:01+00:00", 0.6),
        ("2027-03-02T18:00:01+00:00", 3),
    ],
)
def test_late_days_begun_cost_a_share_of_the_maximum(submitted, points):
    due = datetime(2026, 3, 1, 18, tzinfo=UTC)
    assert penalty(result(submitted=submitted), due, 10) == pytest.approx(points)


def test_a_penalty_takes_no_more_than_there_is():
    assert result(penalty=3).total == 0
    assert result(penalty=0.5).total == 1.5


def test_a_line_for_the_terminal_has_no_control_characters():
    assert "\x1b" not in line(result("a\x1b[2Jb"))


# gathering


def handed_in(folder, text, time=""):
    folder.mkdir(parents=True)
    (folder / "tiny.ipynb").write_text(text)
    if time:
        (folder / "timestamp.txt").write_text(time)


def test_the_newest_of_an_exchange_is_copied(tmp_path):
    inbound, target = tmp_path / "inbound", tmp_path / "submissions"
    for time, text in (("2026-03-02 09:00:00.000000 UTC", "new"), ("2026-03-01 10:00:00.000000 UTC", "old")):
        handed_in(inbound / f"ada+tiny+{time}+x{text}", text, time)
        handed_in(inbound / f"ada+cost+{time}", "other lab", time)
    assert gather(inbound, target, "tiny") == [("ada", "2026-03-02T09:00:00+00:00")]
    assert (target / "ada/tiny/tiny.ipynb").read_text() == "new"
    (found,) = collect(target)
    assert found.submitted == "2026-03-02T09:00:00+00:00"
    (inbound / "ada+tiny+2026-03-02 09:00:00.000000 UTC+xnew/tiny.ipynb").unlink()
    gather(inbound, target, "tiny")
    assert (target / "ada/tiny/tiny.ipynb").read_text() == "new", "an older one does not replace a newer one"


def test_a_platforms_zip_file_is_understood(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        packed.writestr("Zoë B_123_assignsubmission_file_/tiny.ipynb", "zoe")
        packed.writestr("ben/tiny/tiny.ipynb", "ben")
        packed.writestr("../../evil/tiny.ipynb", "evil")
        packed.writestr("ben/essay.pdf", "no")
    assert gather(tmp_path / "all.zip", tmp_path / "in", "tiny") == [("Zoë B", ""), ("ben", ""), ("evil", "")]
    assert (tmp_path / "in/Zoë B/tiny/tiny.ipynb").read_text() == "zoe"
    assert not (tmp_path.parent / "evil").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"all.zip", "in"}


def test_nothing_to_gather_is_told(tmp_path):
    with pytest.raises(CollectError, match="does not exist"):
        gather(tmp_path / "none", tmp_path, "tiny")
    with pytest.raises(CollectError, match=r"holds no tiny\.ipynb"):
        gather(tmp_path, tmp_path / "in", "tiny")
    (tmp_path / "file.zip").write_text("no zip")
    with pytest.raises(CollectError, match="neither a folder nor a zip file"):
        gather(tmp_path / "file.zip", tmp_path / "in", "tiny")
    target = tmp_path / "secret"
    target.write_text("x")
    (tmp_path / "link").mkdir()
    (tmp_path / "link/tiny.ipynb").symlink_to(target)
    with pytest.raises(CollectError, match="holds no"):
        gather(tmp_path, tmp_path / "in", "tiny")


# desk


def test_a_renamed_file_is_its_lab_unless_the_lab_is_there_too(tmp_path):
    released = load(SOLUTIONS / "tiny/tiny.ipynb")
    assignments = {"tiny": Assignment(read_lab(SOLUTIONS, "tiny"), released)}
    for name in ("ada/tiny (1).ipynb", "ben/tiny.ipynb", "ben/tiny (1).ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((SOLUTIONS / "tiny/tiny.ipynb").read_bytes())
    write(tmp_path / "cleo/essay.ipynb")
    (tmp_path / "dora").mkdir()
    (tmp_path / "dora/broken.ipynb").write_text("{")
    chosen, refused = sort_out(collect(tmp_path), assignments, ["tiny", "cost"])
    assert [(one.student, one.lab, one.path.name) for one in chosen] == [
        ("ada", "tiny", "tiny (1).ipynb"),
        ("ben", "tiny", "tiny.ipynb"),
    ]
    assert [(one.student, why) for one, why in refused] == [
        ("cleo", "unknown lab: the labs are tiny, cost"),
        ("dora", "unknown lab: the labs are tiny, cost"),
    ]


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
    assert proof.grade(spoiling, check, prepared)[0].startswith("double each value")
    assert proof.grade(lab.tasks[0].source, check, prepared) == ("passed", False)


def test_a_broken_answer_proves_nothing():
    lab = read_lab(SOLUTIONS, "tiny")
    with pytest.raises(LabError, match="broken, not wrong: NameError"):
        proof.grade("def double(values):\n    return value", lab.tasks[0].checks[0], proof.prepare(lab))


def test_the_report_prints_rates_and_fails_on_a_gap(tmp_path, capsys):
    command = ["--solutions", str(SOLUTIONS), "--mutants"]
    assert main([*command, str(FIXTURES / "mutants"), "prove"]) == 0
    assert "tiny                            2      8/8 = 100%        4/4 = 100%" in capsys.readouterr().out
    gap = {
        "double-check": {
            "wrong": {"not wrong": "def double(v):\n    return v + v"},
            "right": {"bad": "double = abs"},
        }
    }
    (tmp_path / "tiny.py").write_text(f"MUTANTS = {gap!r}")
    assert main([*command, str(tmp_path), "prove"]) == 1
    out = capsys.readouterr().out
    assert "tiny/double-check: wrong answer passed: not wrong" in out
    assert "tiny/double-check: right answer lost its points: bad" in out
    assert main([*command, str(tmp_path / "none"), "prove"]) == 2
    assert "tiny.py is missing" in capsys.readouterr().err


# the command line


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["release", "big"], "unknown lab big: the labs are tiny"),
        (["grade", "--submissions", "none"], "none does not exist"),
        (["grade", "big", "--submissions", "none"], "unknown lab big"),
        (["collect", "tiny", "--from", "none"], "none does not exist"),
        (["report", "--output", "none"], "nothing to report on"),
        (["validate", "none.ipynb"], "cannot be read"),
        (["prove", "big"], "unknown lab big"),
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


@pytest.mark.parametrize("command", [["release"], ["release", "--bundle", "class.zip"], ["prove"]])
def test_a_copy_without_solutions_is_told(tmp_path, capsys, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    assert main(["--solutions", "solutions", *command]) == 2
    error = capsys.readouterr().err
    assert error == "grading: solutions holds no lab: this copy of the course is for students\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--due", "tomorrow", "'tomorrow' is not a time: write it as 2026-11-30T23:59"),
        ("--workers", "two", "'two' is not a number of workers: at least 1, as 4"),
        ("--workers", "0", "'0' is not a number of workers: at least 1, as 4"),
        ("--seconds", "0", "'0' is not a number of seconds: more than 0, as 60"),
        ("--seconds", "inf", "'inf' is not a number of seconds: more than 0, as 60"),
        ("--memory", "0.4", "'0.4' is not a number of GiB: at least 0.5, as 3"),
        ("--memory", "3G", "'3G' is not a number of GiB: at least 0.5, as 3"),
        ("--late", "101", "'101' is not a percentage: from 0 to 100, as 10"),
        ("--late", "-1", "'-1' is not a percentage: from 0 to 100, as 10"),
        ("--late", "nan", "'nan' is not a percentage: from 0 to 100, as 10"),
    ],
)
def test_an_option_that_cannot_be_is_refused_with_an_example(capsys, option, value, reason):
    with pytest.raises(SystemExit) as end:
        main(["grade", f"{option}={value}"])
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith(f"error: argument {option}: {reason}\n")


def test_options_at_their_limits_are_taken():
    words = ["grade", "--due=2026-11-30T23:59", "--workers=1", "--seconds=0.5", "--memory=0.5"]
    given = parser().parse_args([*words, "--late=0"])
    assert given.due == datetime(2026, 11, 30, 23, 59).astimezone()
    assert (given.workers, given.seconds, given.memory, given.late) == (1, 0.5, 0.5, 0)
    assert parser().parse_args(["grade", "--late=100"]).late == 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["grade"], "grading: stopped; what is done is kept, go on with --resume\n"),
        (["report"], "grading: stopped\n"),
    ],
    ids=["grade", "report"],
)
def test_only_grade_goes_on_after_ctrl_c(capsys, monkeypatch, words, said):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setitem(commands.COMMANDS, words[0], interrupted)
    assert main(words) == 130
    assert capsys.readouterr().err == said
