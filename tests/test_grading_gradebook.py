"""Results in nbgrader's gradebook: what nbgrader reads there, many graders at once, graders that are killed."""

import csv
import dataclasses
import multiprocessing
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    SourceCell,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.dbutil import upgrade
from sqlalchemy import event
from sqlalchemy.engine import Engine

from grading import database
from grading.database import GradebookError
from grading.gradebook import record, student_id
from grading.release import generate
from grading.result import Typed
from tests.postgresql import PASSWORD, server
from tests.results import LAB, RIGHT, SOLUTIONS, WRONG, result

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # of nbgrader's tables

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["grading.gradebook"])


@pytest.fixture(scope="module")
def postgresql():
    with server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'gradebook.db'}"
    return request.getfixturevalue("postgresql").database()


def read(url, student="ada"):
    """What nbgrader reads of a submission: (score, needs_manual_grade, the grades by cell, the comments by cell)."""
    with Gradebook(url) as book:
        submission = book.find_submission("tiny", student)
        notebook = book.find_submission_notebook("tiny", "tiny", student)
        grades = {
            grade.name: (grade.auto_score, grade.manual_score, grade.needs_manual_grade)
            for grade in notebook.grades
        }
        comments = {comment.name: comment.comment for comment in notebook.comments}
        return submission.score, submission.needs_manual_grade, grades, comments


def type_in(url, cell, student="ada", comment=None, **values):
    """Do what formgrader does when a teacher types points or a comment."""
    with Gradebook(url) as book:
        grade = book.find_grade(cell, "tiny", "tiny", student)
        for name, value in values.items():
            setattr(grade, name, value)
        grade.needs_manual_grade = False
        if comment:
            book.find_comment(cell, "tiny", "tiny", student).manual_comment = comment
        book.db.commit()


# what nbgrader reads


def test_nbgrader_reads_the_marks(url):
    record(url, LAB, result("ada"))
    record(url, LAB, result("ben", WRONG, 0.0, submitted=""))
    assert read(url, "ada")[:2] == (4.0, True)
    assert read(url, "ben")[:2] == (0.0, False)
    with Gradebook(url) as book:
        assert book.average_assignment_score("tiny") == 2.0
        assert book.average_assignment_code_score("tiny") == 2.0
        assert book.average_assignment_written_score("tiny") == 0.0
        assert book.find_assignment("tiny").max_score == 6.0
        ada = book.find_submission("tiny", "ada")
        assert ada.timestamp.isoformat() == "2026-03-01T11:00:00"  # nbgrader keeps UTC
        assert book.find_submission("tiny", "ben").timestamp is None
        assert {grade.name: grade.cell_type for grade in ada.notebooks[0].grades} == {
            "double-check": "code",
            "bytes-check": "code",
            "open": "markdown",
        }
        assert {grade.name: grade.failed_tests for grade in ada.notebooks[0].grades}["double-check"] is False


def test_points_typed_in_the_form_count(url):
    record(url, LAB, result())
    type_in(url, "open", manual_score=1.5)
    assert read(url)[:2] == (5.5, False)


def test_a_comment_says_why_points_were_lost(url):
    messages = {"double-check": "double each <value>\0", "open": "as released"}
    record(url, LAB, result(messages=messages, hints={"double-check": "hard-coded \ud800"}))
    comments = read(url)[3]
    assert comments == {
        "double": "double each &lt;value&gt;�\n\nhard-coded ?",
        "bytes": None,
        "open": "as released",
    }


def test_the_lab_stands_there_as_nbgrader_itself_would_put_it(tmp_path):
    generate(tmp_path, SOLUTIONS, "tiny")
    theirs, ours = (f"sqlite:///{tmp_path / name}" for name in ("gradebook.db", "ours.db"))
    record(ours, LAB, result())

    def cells(url):
        with Gradebook(url) as book:
            notebook = book.find_notebook("tiny", "tiny")
            kinds = (notebook.grade_cells, notebook.solution_cells, notebook.source_cells)
            rows = [cell.to_dict() for kind in kinds for cell in kind]
            return sorted([{**row, "id": None} for row in rows], key=str), notebook.kernelspec

    assert cells(ours) == cells(theirs)
    with Gradebook(ours) as book:
        assert book.find_source_cell("double-check", "tiny", "tiny").locked
        sources = "".join(cell.source for cell in book.db.query(SourceCell))
    assert "secret-hidden-test" in sources
    assert "secret-sample" not in sources
    record(theirs, LAB, result())  # a gradebook that nbgrader made
    assert read(theirs)[0] == 4.0


def test_nbgrader_exports_and_upgrades(url, tmp_path, monkeypatch, capfd):
    record(url, LAB, result("Ada Lovelace"))
    record(url, LAB, result("ben", WRONG))
    command = [sys.executable, "-m", "nbgrader", "export", "--db", url, "--to", "marks.csv"]
    subprocess.run(command, check=True, cwd=tmp_path)
    with (tmp_path / "marks.csv").open() as file:
        rows = {row["student_id"]: (row["score"], row["max_score"]) for row in csv.DictReader(file)}
    assert rows == {"Ada Lovelace": ("4.0", "6.0"), "ben": ("0.0", "6.0")}
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))  # nbgrader calls the program alembic
    upgrade(url)
    assert "Running upgrade" not in capfd.readouterr().err


# grading again


def test_a_regrade_replaces_the_marks(url):
    record(url, LAB, result(points=WRONG, messages={"double-check": "wrong"}))
    record(url, LAB, result(submitted="2026-03-02"))
    score, _, grades, comments = read(url)
    assert score == 4.0
    assert grades["double-check"] == (3.0, None, False)
    assert comments["double"] is None
    record(
        url,
        LAB,
        result(
            points=WRONG,
            open_points=0.0,
        ),
    )
    assert read(url)[:2] == (0.0, False)


def test_what_a_teacher_typed_stands_while_the_answer_is_the_same(url):
    record(url, LAB, result())
    type_in(url, "open", manual_score=2.0, comment="Good.")
    type_in(url, "double-check", manual_score=2.0, extra_credit=0.5)
    record(url, LAB, result(points=WRONG))
    score, needs, grades, comments = read(url)
    assert (score, needs) == (4.5, False)
    assert grades["open"] == (None, 2.0, False)
    assert grades["double-check"] == (0.0, 2.0, False)
    assert comments["open"] == "Good."


def test_what_a_teacher_typed_is_cleared_and_flagged_with_another_answer(url):
    record(url, LAB, result())
    type_in(url, "open", manual_score=2.0, comment="Good.")
    type_in(url, "double-check", manual_score=2.0)
    other = result(answers={"double": "...", "bytes": "...", "open": "They cost energy."})
    for _ in range(2):  # the flag stands when the same is graded again
        record(url, LAB, other)
        _, needs, grades, comments = read(url)
        assert needs
        assert grades["open"] == (None, None, True)
        assert grades["double-check"] == (3.0, None, True)
        assert grades["bytes-check"] == (1.0, None, False)
        assert comments["open"] is None
    type_in(url, "double-check", manual_score=3.0)
    record(url, LAB, other)
    assert read(url)[2]["double-check"] == (3.0, 3.0, False)


def test_what_a_teacher_typed_stands_and_is_flagged_where_grading_failed(url):
    record(url, LAB, result())
    type_in(url, "open", manual_score=2.0)
    record(url, LAB, result(points=WRONG, open_points=0.0, answers={}, failed=True))
    assert read(url)[2]["open"] == (0.0, 2.0, True)
    record(url, LAB, result(answers={"open": "Another."}))
    assert read(url)[2]["open"] == (None, None, True)


def test_a_result_of_another_version_of_the_lab_is_refused(url):
    with pytest.raises(GradebookError, match="tiny has other graded cells or points now: grade ada again"):
        record(url, LAB, result(possible={"double-check": 3.0}))


def test_other_cells_are_refused_once_there_are_marks(url):
    shorter = dataclasses.replace(
        LAB, notebook={**LAB.notebook, "cells": LAB.notebook["cells"][:-1]}, open_questions={}
    )
    fewer = dataclasses.replace(
        result(), possible=shorter.points, points={"double-check": 3.0, "bytes-check": 1.0}
    )
    record(url, LAB, result())
    with pytest.raises(GradebookError, match=r"other cells \(open\): use a new gradebook, or remove the lab"):
        record(url, shorter, fewer)
    with Gradebook(url) as book:
        book.remove_submission("tiny", "ada")
    record(url, shorter, fewer)
    with Gradebook(url) as book:
        assert book.find_assignment("tiny").max_score == 4.0


# many graders


def grade_some(url, mine, marks):
    for student in mine:
        record(url, LAB, result(student, marks))


def run_all(*works):
    """Run functions in processes of their own, side by side; all must end well."""
    running = [PROCESSES.Process(target=work, args=arguments) for work, *arguments in works]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    assert [process.exitcode for process in running] == [0] * len(running)


def assert_whole(url, students):
    """One submission a student, one row a cell, and the marks of one grading, not of two."""
    with Gradebook(url) as book:
        assert sorted(one.id for one in book.db.query(Student)) == sorted(students)
        for table, each in ((SubmittedAssignment, 1), (SubmittedNotebook, 1), (Grade, 3), (Comment, 3)):
            assert book.db.query(table).count() == each * len(students)
        for submission in book.assignment_submissions("tiny"):
            marks = {grade.name: grade.auto_score for grade in submission.notebooks[0].grades}
            assert (marks["double-check"], marks["bytes-check"]) in (RIGHT, WRONG)


def test_eight_graders_at_once_on_an_empty_database(postgresql):
    url = postgresql.database()
    students = [f"student-{number}" for number in range(40)]
    # each student by three graders, and all graders begin with the same three students
    shares = [
        students[:3] + [one for at, one in enumerate(students) if at % 4 == turn % 4] for turn in range(8)
    ]
    run_all(*[(grade_some, url, share, (RIGHT, WRONG)[turn % 2]) for turn, share in enumerate(shares)])
    assert_whole(url, students)


def test_four_graders_at_once_on_an_empty_file(tmp_path):
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    students = [f"student-{number}" for number in range(8)]
    run_all(*[(grade_some, url, students, (RIGHT, WRONG)[turn % 2]) for turn in range(4)])
    assert_whole(url, students)


def stop_at(moment, url, one, reached, wait=database.WAIT):
    """Write a result, and stop for good where the transaction comes to the moment."""
    database.WAIT = wait

    def stop(*_):
        reached.send("there")
        time.sleep(600)

    def stop_at_statement(_connection, _cursor, statement, *_):
        if statement.lstrip().startswith(moment):
            stop()

    if moment == "COMMIT":
        event.listen(Engine, "commit", stop)
    else:
        event.listen(Engine, "before_cursor_execute", stop_at_statement)
    record(url, LAB, one)


@contextmanager
def stopped_at(moment, url, one, **options):
    """Let a process write a result up to a moment in its transaction; at the end kill it."""
    here, there = PROCESSES.Pipe()
    process = PROCESSES.Process(target=stop_at, args=(moment, url, one, there), kwargs=options)
    process.start()
    try:
        assert here.poll(60)
        assert here.recv() == "there"
        yield
    finally:
        process.kill()
        process.join()


def kill_at(moment, url, one):
    with stopped_at(moment, url, one):
        pass


@pytest.mark.parametrize(
    "moment", ["CREATE TABLE comment", "INSERT INTO grade ", "INSERT INTO comment", "COMMIT"]
)
def test_a_grader_killed_at_its_first_submission_leaves_nothing(url, moment):
    kill_at(moment, url, result(points=WRONG))
    record(url, LAB, result("ben"))
    assert_whole(url, ["ben"])
    record(url, LAB, result())
    assert_whole(url, ["ada", "ben"])
    assert read(url)[0] == 4.0


@pytest.mark.parametrize("moment", ["UPDATE grade ", "UPDATE comment", "UPDATE graded_answers", "COMMIT"])
def test_a_grader_killed_at_a_regrade_leaves_the_old_marks(url, moment):
    record(url, LAB, result())
    type_in(url, "open", manual_score=2.0)
    other = result(points=WRONG, answers={"open": "Another."}, messages={"double-check": "wrong"})
    kill_at(moment, url, other)
    score, needs, _, comments = read(url)
    assert (score, needs, comments["double"]) == (6.0, False, None)
    record(url, LAB, other)
    score, needs, _, comments = read(url)
    assert (score, needs, comments["double"]) == (0.0, True, "wrong")
    assert_whole(url, ["ada"])


def test_a_grader_that_hangs_does_not_stop_the_others(postgresql):
    url = postgresql.database()
    with stopped_at("COMMIT", url, result(points=WRONG), wait=2):
        record(url, LAB, result())
    assert read(url)[0] == 4.0


@contextmanager
def before(statement_begins, act):
    """Call `act` once, before the next statement that begins so."""
    acted = []

    def listen(_connection, _cursor, statement, *_):
        if statement.startswith(statement_begins) and not acted:
            acted.append(statement)
            act()

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    assert acted


def test_a_row_that_another_program_adds_first_is_no_error(postgresql):
    url = postgresql.database()
    record(url, LAB, result("ben"))

    def add_first():
        with psycopg.connect(url) as other:
            other.execute("INSERT INTO student (id) VALUES ('ada')")

    with before("INSERT INTO student", add_first):
        record(url, LAB, result())
    assert_whole(url, ["ada", "ben"])


def test_a_teacher_who_types_points_waits_for_the_grader(postgresql):
    url = postgresql.database()
    record(url, LAB, result())

    def type_too():
        with psycopg.connect(url) as teacher:
            teacher.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                teacher.execute("UPDATE grade SET manual_score = 1")

    with before("UPDATE grade ", type_too):
        record(url, LAB, result(points=WRONG))


# errors


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("gradebook.db", "name the gradebook as sqlite:///PATH or postgresql:", id="a path"),
        pytest.param("postgresql://ada:not-to-be-shown@x:y/z", "address cannot be read", id="no port"),
        pytest.param(
            "mysql://ada:not-to-be-shown@x/y", "must last, and be in SQLite or PostgreSQL", id="mysql"
        ),
        pytest.param("sqlite://", "must last", id="in memory"),
        pytest.param("postgresql://127.0.0.1", "name the gradebook as", id="no name"),
        pytest.param(
            "postgresql+none://u:not-to-be-shown@x/y", "the driver of postgresql.none is", id="odd driver"
        ),
        pytest.param(
            "postgresql://ada:not-to-be-shown@127.0.0.1:1/x", "1:1/x: start the server", id="no server"
        ),
        pytest.param("sqlite:////nowhere/at/all.db", "make its folder first", id="no folder"),
    ],
)
def test_a_bad_address_is_told(url, reason):
    with pytest.raises(GradebookError, match=reason) as error:
        record(url, LAB, result())
    assert PASSWORD not in str(error.value)


def test_what_the_server_refuses_is_told(postgresql):
    for url, reason in (
        (postgresql.address(password=PASSWORD + "x"), "give the right user and password"),
        (postgresql.address("none"), "make the database first, with createdb"),
    ):
        with pytest.raises(GradebookError, match=reason) as error:
            record(url, LAB, result())
        assert PASSWORD not in str(error.value)


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "notes.txt").write_text("no database " * 100)
    with pytest.raises(GradebookError, match="name another file"):
        record(f"sqlite:///{tmp_path / 'notes.txt'}", LAB, result())


def test_a_missing_driver_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(GradebookError, match=r"missing: pip install 'psycopg\[binary\]'"):
        record("postgresql://ada@127.0.0.1/x", LAB, result())


def test_a_gradebook_that_stays_locked_is_told(url, monkeypatch):
    monkeypatch.setattr(database, "WAIT", 1)
    record(url, LAB, result())

    def write_too(_session):
        with pytest.raises(GradebookError, match="try again when the other program"):
            record(url, LAB, result())

    database.in_turn(url, write_too)


# names


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("ada", "ada"),
        ("Ada Lovelace_12.a-b@x", "Ada Lovelace_12.a-b@x"),
        ("Žofie 李", "Žofie 李"),
        ("wrong [x] y", "wrong =5Bx=5D y"),
        ("a+b*?=c", "a=2Bb=2A=3F=3Dc"),
        (" .", "=20=2E"),
        ("a%20<b>&'\"", "a=2520=3Cb=3E=26=27=22"),
        ("\udcff{x}", "=FF=7Bx=7D"),
    ],
)
def test_names_that_nbgrader_bears(name, made):
    assert student_id(name) == made


@pytest.mark.parametrize("name", ["x" * 129, "李" * 50], ids=["129 letters", "150 bytes"])
def test_names_that_it_does_not(name):
    with pytest.raises(GradebookError, match="too long for the name of a student: rename the folder"):
        student_id(name)


def test_what_a_teacher_typed_comes_back(tmp_path):
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    assert record(url, LAB, result()) == Typed({}, {})
    with Gradebook(url) as gradebook:
        grade = gradebook.find_grade("open", "tiny", "tiny", "ada")
        grade.manual_score, grade.needs_manual_grade = 1.5, False
        gradebook.find_comment("open", "tiny", "tiny", "ada").manual_comment = "Why slow?"
        gradebook.db.commit()
    typed = record(url, LAB, result())
    assert typed == Typed({"open": 1.5}, {"open": "Why slow?"})
    final = result(flags=("grade by hand: open", "no cell x")).with_typed(typed)
    assert (final.total, final.flags) == (5.5, ("no cell x",))
    assert final.messages == {"open": "Your teacher: Why slow?"}
    changed = result(answers={"double": "...", "bytes": "...", "open": "Another text."})
    assert record(url, LAB, changed) == Typed({}, {})
