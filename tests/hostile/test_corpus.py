"""Every submission of the corpus gets the points that it must get, and none does any harm.

All are graded once, two at a time, in a course folder with things to steal and to spoil; then each has a test.
"""

import concurrent.futures
import os
import resource
import shutil
import socket
import tempfile
import threading
from pathlib import Path

import psutil
import pytest
from hostile.corpus import HERE, ITEMS, LAB, SECRET, VARIABLE, World, corpus

from grading import sandbox
from grading.assignments import read_assignment
from grading.collect import Submission
from grading.notebook import NotebookError, read
from grading.run import Grader
from grading.sandbox import Limits

REPOSITORY = HERE.parent.parent
CASES = {case.name: case for case in corpus(LAB.notebook, World())}
LIMITS = Limits(memory=600 << 20, processes=60)
SECONDS = 4
STUDENTS = [
    "",
    "/../../etc",
    "<script>window.hacked = 1</script>",
    "=cmd()",
    "\n\x1b[2J",
    " 名前",
]  # odd names
MOST_GROWTH = 700 << 20  # bytes of the grader's own memory, with two graders in it


class Listener:
    """Listens where hostile code may knock, and counts who came."""

    def __init__(self, course: Path):
        self.tcp, self.udp = socket.create_server(("127.0.0.1", 0)), socket.socket(type=socket.SOCK_DGRAM)
        self.port = self.tcp.getsockname()[1]
        self.udp.bind(("127.0.0.1", self.port))
        self.abstract, self.planted = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        self.abstract.bind("\0grading-canary")
        self.planted.bind(str(course / "canary.sock"))
        self.sockets = [self.tcp, self.udp, self.abstract, self.planted]
        for each in (self.abstract, self.planted):
            each.listen()

    def visitors(self) -> list[str]:
        """Who is waiting; closes the sockets."""
        found = []
        for each in self.sockets:
            with each:
                each.setblocking(False)
                try:
                    found.append(str(each.recv(100) if each is self.udp else each.accept()))
                except BlockingIOError:
                    continue
        return found


class Graded:
    """What came of the corpus."""

    def __init__(self, root: Path):
        self.course, self.results, self.errors = root / "course", {}, {}
        for folder in ("course/submissions/ada", "home", "temporary"):
            (root / folder).mkdir(parents=True)
        shutil.copytree(HERE / "solutions", self.course / "solutions")
        for name in ("submissions/ada/arrays.ipynb", "gradebook.db", ".env"):
            (self.course / name).write_text(f'{{"cells": []}} {SECRET}')
        (root / "home/.bashrc").write_text(SECRET)
        self.temporary = root / "temporary"
        self.listener = Listener(self.course)
        self.assignment = read_assignment(HERE / "solutions", HERE / "mutants", "arrays")
        self.cases = corpus(self.assignment.released, World(self.listener.port, self.course))

    def watched(self) -> dict[str, tuple[int, int]]:
        """Size and time of everything that must stay as it is."""
        places = [self.course, self.course.parent / "home"]
        places += [
            REPOSITORY / name for name in ("effdl", "grading", "hwsim", "labs", "solutions", "tests/hostile")
        ]
        return {
            str(path): (path.lstat().st_size, path.lstat().st_mtime_ns)
            for place in places
            for path in place.rglob("*")
            if "__pycache__" not in path.parts
        }

    def grade(self, mine: threading.local, number: int) -> None:
        """Grade one case as a batch does; an error is kept for its test."""
        case = self.cases[number]
        try:
            content = read(self.course / "submissions" / case.name / "arrays.ipynb")
        except NotebookError as error:
            self.results[case.name] = error
            return
        submission = Submission(case.name + STUDENTS[number % len(STUDENTS)], "arrays", content)
        try:
            self.results[case.name] = mine.grader.grade(self.assignment, submission, seed=number)
        except Exception as error:
            self.errors[case.name] = error


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Grade the corpus."""
    sandbox.require()
    with pytest.MonkeyPatch.context() as patch:
        found = Graded(tmp_path_factory.mktemp("hostile"))
        patch.setenv(VARIABLE, SECRET)
        patch.setenv("HOME", str(found.course.parent / "home"))
        patch.setattr(tempfile, "tempdir", str(found.temporary))
        found.users, command = [], sandbox._command
        patch.setattr(sandbox, "_command", lambda *a: found.users.append(a[4]) or command(*a))
        for case in found.cases:
            folder = found.course / "submissions" / case.name
            folder.mkdir()
            case.hand_in(folder)
        before, children = found.watched(), set(psutil.Process().children(recursive=True))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        mine, graders = threading.local(), []

        def prepare() -> None:
            mine.grader = Grader(SECONDS, LIMITS)
            graders.append(mine.grader)
            mine.grader.prepare(found.assignment)

        with concurrent.futures.ThreadPoolExecutor(2, initializer=prepare) as pool:
            list(pool.map(lambda number: found.grade(mine, number), range(len(found.cases))))
            for grader in graders:
                grader.close()
        found.growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) << 10
        found.changed = dict(before.items() ^ found.watched().items())
        found.children = set(psutil.Process().children(recursive=True)) - children
        found.visitors = found.listener.visitors()
        return found


@pytest.mark.parametrize("name", CASES)
def test_a_submission_gets_the_points_that_it_must_get(graded, name):
    case = next(case for case in graded.cases if case.name == name)
    if name in graded.errors:
        raise AssertionError(f"{name} stopped the grader") from graded.errors[name]
    result = graded.results[name]
    if isinstance(result, NotebookError):  # never opened
        assert case.failed
        assert any(flag in str(result) for flag in case.flags)
        return
    assert result.points == case.points, (case.why, result.messages, result.flags)
    assert result.failed == case.failed
    assert result.student.startswith(name)
    assert [flag for flag in case.flags if flag not in " | ".join(result.flags)] == []
    text = result.to_json()
    assert SECRET not in text
    assert "\\u0000" not in text
    assert len(text) < 3 << 20


def test_every_item_has_a_case():
    assert {case.item for case in CASES.values()} == set(ITEMS)
    assert len(CASES) >= 200  # as the README says
    assert len(CASES) == len(corpus(LAB.notebook, World())), "each name stands once"


def test_nothing_outside_has_changed(graded):
    assert graded.changed == {}
    assert list(graded.temporary.iterdir()) == []
    assert not Path("/tmp/hacked").exists()


def test_nothing_is_left_running(graded):
    assert graded.children == set()
    if os.geteuid() == 0:  # otherwise all sandboxes have the user of the grader
        assert [each for each in psutil.process_iter() if each.uids().real in graded.users] == []


def test_nobody_has_knocked(graded):
    assert graded.visitors == []


def test_the_grader_has_kept_its_memory(graded):
    assert graded.growth < MOST_GROWTH


def test_a_known_mistake_is_named(graded):
    assert graded.results["honest-known-mistake"].hints == {"order-check": "signed, not absolute"}
