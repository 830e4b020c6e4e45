"""The split run: the tester proves a lab, runs its checks against a student's process, and outlives all of them."""

import contextlib
import socket
import threading
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grading import tester as module
from grading.assignments import read_assignment
from grading.collect import Submission
from grading.run import Grader, GradingError, _for_tester
from grading.sandbox import Limits, require
from grading.serve import serve

TESTS = Path(__file__).resolve().parent
LIMITS = Limits(memory=500 << 20, processes=40)
CHECK = """
import numpy as np
from effdl.answers import fresh_rng
yours = double(np.ones(2))
assert np.allclose(yours, 2), "double it"
values = fresh_rng().normal(size=4)
assert np.allclose(double(values), 2 * values), "any numbers"
"""
LAB = {
    "setup": ["import numpy as np"],
    "tasks": {"double": "def double(values):\n    return 2 * values"},
    "checks": {
        "double-check": {
            "task": "double",
            "calls": ["double"],
            "source": CHECK,
            "mistakes": {"squared": "def double(values):\n    return values**2"},
        }
    },
}


@pytest.fixture(scope="module")
def tester():
    """One tester for all tests."""
    require()
    made = module.Tester(LAB, _for_tester(), 3, LIMITS)
    yield made
    made.close()


@pytest.fixture
def student():
    """Start a student's side in a thread."""
    ends, threads = [], []

    def start(function):
        here, there = socket.socketpair()
        space = {"double": function}
        shell = types.SimpleNamespace(user_ns=space, run_cell=lambda source, silent: exec(source, space))

        def answer():
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # the test has ended
                serve(there.detach(), shell)

        threads.append(threading.Thread(target=answer, daemon=True))
        threads[-1].start()
        ends.append(here)
        return here

    yield start
    for end in ends:
        end.close()


@pytest.mark.parametrize(
    ("function", "message", "found"),
    [
        (lambda values: values + values, "", []),
        (lambda values: values**2, "double it", ["squared"]),
        (lambda values: 2 * np.ones_like(values), "any numbers", []),
        (lambda values: 1 / 0, "ZeroDivisionError: division by zero", []),
        (None, "TypeError: 'NoneType' object is not callable", []),
    ],
    ids=["right", "known mistake", "hard-coded", "error", "no function"],
)
def test_a_check_says_what_is_wrong(tester, student, function, message, found):
    channel = student(function)
    assert tester.check("double-check", 1, channel, []) == {"message": message}
    assert tester.hints("double-check", 1, channel, []) == {"hints": found}


def test_hints_that_take_too_long_are_lost(tester, student):
    wait = threading.Event()
    assert tester.hints("double-check", 1, student(lambda values: wait.wait(20)), []) == {
        "lost": "it took longer than 3 s"
    }
    wait.set()


def test_the_answer_cell_runs_again_before_its_check(tester, student):
    cells = ["def half(v):\n    return v", "def double(v):\n    return half(v) + half(v)"]
    assert tester.check("double-check", 1, student(None), cells)["message"] == ""


def test_the_same_seed_gives_an_answer_the_same_random_numbers_and_no_seed_of_the_checks(tester, student):
    drawn = []

    def double(values):
        drawn.append(np.random.randint(2**31))
        return 2 * values

    for seed in (1, 1, 2):
        tester.check("double-check", seed, student(double), ["pass"])
    first, again, other = drawn[0::2]
    assert first == again != other
    np.random.seed(1)
    assert first != np.random.randint(2**31)


def test_other_seeds_give_other_inputs_and_the_same_gives_the_same(tester, student):
    seen = []

    def double(values):
        seen.append(values.tolist())
        return 2 * values

    for seed in (1, 1, 2):
        tester.check("double-check", seed, student(double), [])
    drawn = seen[1::2]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_late_answer_is_lost_and_the_tester_goes_on(tester, student):
    wait = threading.Event()
    reply = tester.check("double-check", 1, student(lambda values: wait.wait(20)), [])
    assert reply == {"lost": "it took longer than 3 s"}
    wait.set()
    assert tester.check("double-check", 1, student(lambda values: 2 * values), [])["message"] == ""


def test_a_process_that_has_gone_is_lost(tester):
    here, there = socket.socketpair()
    there.close()
    with here:
        assert tester.check("double-check", 1, here, []) == {"lost": "the process has ended"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"tasks": {"double": "def double(values):\n    return 3 * values"}},
            "does not pass double-check: double it",
        ),
        ({"tasks": {"double": "def double(values):\n    while True: pass"}}, "it took longer than 3 s"),
        ({"tasks": {"double": "def double(values:"}}, "SyntaxError"),
        ({"setup": ["import no_such_module"]}, "No module named"),
    ],
    ids=["wrong", "endless", "syntax", "set-up"],
)
def test_a_lab_that_does_not_pass_itself_is_refused(change, said):
    with pytest.raises(module.TesterError, match=said):
        module.Tester(LAB | change, _for_tester(), 3, LIMITS)


def test_a_tester_that_was_ended_says_so():
    made = module.Tester(LAB, _for_tester(), 3, LIMITS)
    made.sandbox.kill()
    here, there = socket.socketpair()
    with here, there, pytest.raises(module.TesterError, match=r"could not be run|has ended"):
        made.check("double-check", 1, here, [])
    made.close()


def test_a_tester_that_is_refused_leaves_no_process(monkeypatch):
    boxes = []
    real = module.Sandbox

    def keep(*args, **more):
        boxes.append(real(*args, **more))
        return boxes[-1]

    monkeypatch.setattr(module, "Sandbox", keep)
    with pytest.raises(module.TesterError):
        module.Tester(LAB | {"setup": ["1 / 0"]}, _for_tester(), 3, LIMITS)
    assert [box.running() for box in boxes] == [False]


# the whole run, on the lab of the hostile corpus


@pytest.fixture(scope="module")
def assignment():
    return read_assignment(TESTS / "hostile/solutions", TESTS / "hostile/mutants", "arrays")


@pytest.fixture(scope="module")
def grader():
    made = Grader(5, LIMITS)
    yield made
    made.close()


@pytest.fixture
def submission():
    content = (TESTS / "hostile/solutions/arrays/arrays.ipynb").read_bytes()
    return Submission("ada", "arrays", content)


def test_the_reference_gets_all_points(assignment, grader, submission):
    result = grader.grade(assignment, submission, 3)
    assert result.total == 8
    assert result.points["open"] is None
    assert result.messages == {}
    assert result.flags == ("grade by hand: open",)
    assert (result.student, result.lab, result.seed) == ("ada", "arrays", 3)
    assert result.digest == submission.digest


def test_a_tester_that_died_is_made_anew(assignment, grader, submission):
    grader.prepare(assignment)
    grader._testers["arrays"].sandbox.kill()
    assert grader.grade(assignment, submission, 4).total == 8


def test_a_lab_that_does_not_pass_itself_stops_grading(assignment, submission):
    task, *others = assignment.lab.tasks
    wrong = replace(task, source="def by_magnitude(values):\n    return values")
    lab = replace(assignment.lab, tasks=(wrong, *others))
    grader = Grader(5, LIMITS)
    with pytest.raises(GradingError, match=r"lab arrays: .*does not pass order-check"):
        grader.prepare(replace(assignment, lab=lab))
    grader.close()


def test_a_set_up_cell_that_fails_is_not_the_students_fault(assignment, grader, submission):
    broken = [
        cell | {"source": "1 / 0"} if cell.get("id") == "setup" else cell
        for cell in assignment.released["cells"]
    ]
    with pytest.raises(GradingError, match="a set-up cell of arrays failed: ZeroDivisionError"):
        grader.grade(replace(assignment, released=assignment.released | {"cells": broken}), submission, 1)
