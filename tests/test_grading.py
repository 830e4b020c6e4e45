"""The parts of grading, each alone: reading, collecting, transplanting, releasing, writing results, proving."""

import csv
import os
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from course import code, markdown, write

from grading import commands, proof
from grading.__main__ import main, parser
from grading.assignments import Assignment
from grading.collect import BAD_TIME, CollectError, Found, Submission, collect, gather, moment
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


def test_renamed_notebooks_and_empty_folders_are_collected(tmp_path):
    for path in (
        "ada/a/hw.ipynb",
        "ada/b/hw.ipynb",
        "bob/tiny/tiny (1).ipynb",
        "bob/tiny/.ipynb_checkpoints/tiny-checkpoint.ipynb",
        "eva/sub/dir/tiny.ipynb",
    ):
        write(tmp_path / path)
    (tmp_path / "fay").mkdir()
    found = [(one.student, one.lab, str(one.path.relative_to(tmp_path))) for one in collect(tmp_path)]
    assert found == [
        ("ada", "a/hw", "ada/a/hw.ipynb"),
        ("ada", "b/hw", "ada/b/hw.ipynb"),
        ("bob", "tiny/tiny (1)", "bob/tiny/tiny (1).ipynb"),
        ("eva", "", "eva"),
        ("fay", "", "fay"),
    ]


def test_a_linked_folder_takes_the_place_of_its_notebooks(tmp_path):
    write(tmp_path / "other/tiny/tiny.ipynb")
    (tmp_path / "in/ada").mkdir(parents=True)
    (tmp_path / "in/ada/tiny").symlink_to(tmp_path / "other/tiny")
    (tmp_path / "in/ben").symlink_to(tmp_path / "other")
    found = collect(tmp_path / "in")
    assert [(one.student, one.path) for one in found] == [
        ("ada", tmp_path / "in/ada/tiny"),
        ("ben", tmp_path / "in/ben"),
    ]
    for one in found:
        with pytest.raises(NotebookError, match="a symbolic link"):
            one.submission()


@pytest.fixture
def berlin(monkeypatch):
    """A machine in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-30 23:59:00 UTC", "2026-11-30T23:59:00"),
        ("2026-11-30 23:59:00.250000 UTC\n", "2026-11-30T23:59:00.250000"),
        ("2026-11-30 23:59:00.000000 Europe/Berlin", "2026-11-30T22:59:00"),
        ("2026-11-30 18:59:00 America/New_York", "2026-11-30T23:59:00"),
        ("2026-07-30 23:59:00.000000 CEST", "2026-07-30T21:59:00"),
        ("2026-11-30 23:59:00.000000 +0100", "2026-11-30T22:59:00"),
        ("2026-11-30T23:59:00+01:00", "2026-11-30T22:59:00"),
        ("2026-11-30T23:59:00Z", "2026-11-30T23:59:00"),
        ("2026-11-30T23:59", "2026-11-30T22:59:00"),
        ("2026-11-30 23:59", "2026-11-30T22:59:00"),
    ],
)
@pytest.mark.usefixtures("berlin")
def test_times_of_all_zones_are_read(tmp_path, text, utc):
    write(tmp_path / "tiny.ipynb")
    (tmp_path / "timestamp.txt").write_text(text)
    submission = Found("ada", "tiny", tmp_path / "tiny.ipynb").submission()
    assert (submission.submitted, submission.flags) == (f"{utc}+00:00", ())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "12:00",
        "2026-11-30 23:59:00 XYZ",
        "2026-02-30 12:00:00 UTC",
        "0001-01-01T00:00+14:00",
    ],
)
def test_a_time_that_cannot_be_read_is_a_flag(tmp_path, text):
    with pytest.raises(ValueError):  # noqa: PT011 - the words are Python's
        moment(text)
    write(tmp_path / "tiny.ipynb")
    one = Found("ada", "tiny", tmp_path / "tiny.ipynb")
    assert one.submission().flags == ()
    (tmp_path / "timestamp.txt").write_text(text)
    assert (one.submitted, one.submission().flags) == ("", (BAD_TIME,))


def test_a_time_that_is_no_text_is_a_flag(tmp_path):
    write(tmp_path / "tiny.ipynb")
    (tmp_path / "timestamp.txt").write_bytes(b"\xff\xfe")
    assert Found("ada", "tiny", tmp_path / "tiny.ipynb").flags == (BAD_TIME,)
    (tmp_path / "timestamp.txt").unlink()
    (tmp_path / "timestamp.txt").symlink_to(tmp_path / "none")
    assert Found("ada", "tiny", tmp_path / "tiny.ipynb").flags == (BAD_TIME,)


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


def test_a_damaged_result_is_named(tmp_path, capsys):
    (tmp_path / "results/ada").mkdir(parents=True)
    (tmp_path / "results/ada/tiny.json").write_text("{")
    assert main(["--solutions", str(SOLUTIONS), "report", "--output", str(tmp_path)]) == 2
    assert "results/ada/tiny.json is damaged: remove it" in capsys.readouterr().err


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


TINY = (SOLUTIONS / "tiny/tiny.ipynb").read_text(encoding="utf-8")
RELEASED = load(SOLUTIONS / "tiny/tiny.ipynb")
MOODLE = "assignsubmission_file_"


def handed_in(folder, text, when=""):
    folder.mkdir(parents=True)
    (folder / "tiny.ipynb").write_text(text)
    if when:
        (folder / "timestamp.txt").write_text(when)


def packed(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize("zone", ["UTC", "EST", "+0100"])
def test_the_newest_of_an_exchange_is_copied(tmp_path, zone):
    inbound, target = tmp_path / "inbound", tmp_path / "submissions"
    day = {"UTC": "02T09:00:00", "EST": "02T14:00:00", "+0100": "02T08:00:00"}[zone]
    for when, text in (
        (f"2026-03-02 09:00:00.000000 {zone}", "new"),
        (f"2026-03-01 10:00:00.000000 {zone}", "old"),
    ):
        handed_in(inbound / f"ada+tiny+{when}+x{text}", text, when)
        handed_in(inbound / f"ada+cost+{when}", "other lab", when)
    assert gather(inbound, target, "tiny", RELEASED) == ([("ada", f"2026-03-{day}+00:00")], [])
    assert (target / "ada/tiny/tiny.ipynb").read_text() == "new"
    (found,) = collect(target)
    assert found.submitted == f"2026-03-{day}+00:00"
    (inbound / f"ada+tiny+2026-03-02 09:00:00.000000 {zone}+xnew/tiny.ipynb").unlink()
    gather(inbound, target, "tiny", RELEASED)
    assert (target / "ada/tiny/tiny.ipynb").read_text() == "new", "an older one does not replace a newer one"


def test_a_platforms_zip_file_is_understood(tmp_path):
    files = {
        f"Zoë B_123_{MOODLE}/tiny.ipynb": "zoe",
        "ben/tiny/tiny.ipynb": "ben",
        "../../evil/tiny.ipynb": "evil",
        "ben/essay.pdf": "no",
        "__MACOSX/ben/._tiny.ipynb": "no",
    }
    source = packed(tmp_path / "all.zip", files)
    copied, left_out = gather(source, tmp_path / "in", "tiny", RELEASED)
    assert (copied, left_out) == ([("Zoë B", ""), ("ben", ""), ("evil", "")], [])
    assert (tmp_path / "in/Zoë B/tiny/tiny.ipynb").read_text() == "zoe"
    assert not (tmp_path.parent / "evil").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"all.zip", "in"}


def test_students_of_one_name_are_kept_apart(tmp_path):
    files = {f"Ana Ann_{number}_{MOODLE}/tiny.ipynb": number for number in ("1001", "1006")}
    files |= {f"Bo_7_{MOODLE}/tiny.ipynb": "bo", "Bo_7_assignsubmission_onlinetext_/text.html": "bo"}
    copied, left_out = gather(packed(tmp_path / "all.zip", files), tmp_path / "in", "tiny", RELEASED)
    assert (copied, left_out) == ([("Ana Ann_1001", ""), ("Ana Ann_1006", ""), ("Bo", "")], [])
    for number in ("1001", "1006"):
        assert (tmp_path / f"in/Ana Ann_{number}/tiny/tiny.ipynb").read_text() == number


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "folder"])
def test_a_platforms_files_without_folders_are_understood(tmp_path, as_zip):
    source = packed(
        tmp_path / "all.zip",
        {
            f"Ana_1_{MOODLE}tiny.ipynb": "ana",
            f"Ana_1_{MOODLE}tiny (1).ipynb": TINY,
            f"Ana_1_{MOODLE}z.ipynb": TINY,
            f"Ben_2_{MOODLE}tiny (2).ipynb": TINY,
            f"Cleo_3_{MOODLE}essay.ipynb": "no",
        },
    )
    if not as_zip:
        zipfile.ZipFile(source).extractall(tmp_path / "all")
        source = tmp_path / "all"
    copied, left_out = gather(source, tmp_path / "in", "tiny", RELEASED)
    assert (copied, left_out) == ([("Ana", ""), ("Ben", "")], [("Cleo", "no notebook of tiny")])
    assert (tmp_path / "in/Ana/tiny/tiny.ipynb").read_text() == "ana"
    assert (tmp_path / "in/Ben/tiny/tiny.ipynb").read_text(encoding="utf-8") == TINY


def test_a_renamed_lab_is_copied_and_who_has_none_is_told(tmp_path):
    files = {
        "ada/tiny (1).ipynb": TINY,
        "ada/essay.ipynb": '{"cells": []}',
        "ben/tiny/tiny-final.ipynb": TINY,
        "cleo/tiny.ipynb": "own",
        "cleo/tiny (1).ipynb": TINY,
        "dora/essay.ipynb": "{",
        "eva/essay.pdf": "",
        f"Fay F_4_{MOODLE}essay.pdf": "",
        "gil/": "",
    }
    source = packed(tmp_path / "all.zip", files)
    copied, left_out = gather(source, tmp_path / "in", "tiny", RELEASED)
    assert copied == [("ada", ""), ("ben", ""), ("cleo", "")]
    assert left_out == [(name, "no notebook of tiny") for name in ("Fay F", "dora", "eva", "gil")]
    for name, text in (("ada", TINY), ("ben", TINY), ("cleo", "own")):
        assert (tmp_path / f"in/{name}/tiny/tiny.ipynb").read_text(encoding="utf-8") == text
        assert len(list((tmp_path / "in" / name).rglob("*.ipynb"))) == 1


def test_a_time_that_cannot_be_read_is_copied_with_the_notebook(tmp_path):
    handed_in(tmp_path / "from/ada", "text", "at noon")
    assert gather(tmp_path / "from", tmp_path / "in", "tiny", RELEASED) == ([("ada", "")], [])
    (found,) = collect(tmp_path / "in")
    assert found.flags == (BAD_TIME,)


def test_collect_prints_who_is_left_out(tmp_path, capsys):
    cost = Path(__file__).resolve().parent.parent / "labs/cost/cost.ipynb"
    files = {"ada/cost (1).ipynb": cost.read_text(encoding="utf-8"), "Fay F/essay.pdf": ""}
    words = ["collect", "cost", "--submissions", str(tmp_path / "in"), "--from"]
    assert main([*words, str(packed(tmp_path / "all.zip", files))]) == 1
    assert "left out: Fay F: no notebook of cost\n1 submissions of cost" in capsys.readouterr().out
    del files["Fay F/essay.pdf"]
    assert main([*words, str(packed(tmp_path / "all.zip", files))]) == 0
    assert main(["collect", "none", "--from", str(tmp_path / "all.zip")]) == 2
    assert "unknown lab none: the labs are" in capsys.readouterr().err


def test_a_broken_zip_file_is_told(tmp_path):
    broken = packed(tmp_path / "all.zip", {"ada/tiny.ipynb": TINY})
    content = bytearray(broken.read_bytes())
    content[200] ^= 1
    broken.write_bytes(content)
    with pytest.raises(CollectError, match=r"all\.zip cannot be unpacked: .*; get it again"):
        gather(broken, tmp_path / "in", "tiny", RELEASED)


def test_nothing_to_gather_is_told(tmp_path):
    def fails(source, match):
        with pytest.raises(CollectError, match=match):
            gather(source, tmp_path / "in", "tiny", RELEASED)

    fails(tmp_path / "none", "does not exist")
    fails(tmp_path, r"holds no tiny\.ipynb")
    fails(packed(tmp_path / "all.zip", {"ada/essay.pdf": ""}), r"all\.zip holds no tiny\.ipynb")
    (tmp_path / "file.zip").write_text("no zip")
    fails(tmp_path / "file.zip", "neither a folder nor a whole zip file")
    target = tmp_path / "secret"
    target.write_text("x")
    (tmp_path / "link").mkdir()
    (tmp_path / "link/tiny.ipynb").symlink_to(target)
    fails(tmp_path, "holds no")


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
    (tmp_path / "eva").mkdir()
    (tmp_path / "fay/tiny").mkdir(parents=True)
    (tmp_path / "fay/tiny/tiny (1).ipynb").write_bytes((SOLUTIONS / "tiny/tiny.ipynb").read_bytes())
    chosen, refused = sort_out(collect(tmp_path), assignments, ["tiny", "cost"])
    assert [(one.student, one.lab, one.path.name) for one in chosen] == [
        ("ada", "tiny", "tiny (1).ipynb"),
        ("ben", "tiny", "tiny.ipynb"),
        ("fay", "tiny", "tiny (1).ipynb"),
    ]
    assert [(one.student, why) for one, why in refused] == [
        ("cleo", "unknown lab: the labs are tiny, cost"),
        ("dora", "unknown lab: the labs are tiny, cost"),
        ("eva", "no notebook"),
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
        (["collect", "cost", "--from", "none"], "none does not exist"),
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
