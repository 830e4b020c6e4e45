"""A class is graded side by side: on threads, and on Dask with a worker that is killed."""

import json
import os
import signal
import time

import psutil
import pytest

from grading.assignments import read_assignment
from grading.batch import Settings, as_done, cluster, this_machine
from grading.collect import Submission
from grading.notebook import nbgrader
from grading.run import GradingError
from tests.requirements import need_sandbox
from tests.test_labs import ROOT

FIXTURES = ROOT / "tests/fixtures"
SETTINGS = Settings(seconds=20)


@pytest.fixture(scope="module")
def assignment():
    need_sandbox()
    return read_assignment(FIXTURES / "solutions", FIXTURES / "mutants", "tiny")


def submission(assignment, student, **answers):
    """A notebook with some answer cells filled in."""
    notebook = json.loads(json.dumps(assignment.released))
    for cell in notebook["cells"]:
        cell["source"] = answers.get(nbgrader(cell).get("grade_id"), cell["source"])
    return Submission(student, "tiny", json.dumps(notebook).encode())


def a_class(assignment, students):
    """Every third submission is right, wrong, or ends its kernel; the points that each must get."""
    kinds = [
        ("def double(values):\n    return 2 * values", 3),
        ("def double(values):\n    return 2 * abs(values)", 0),
        ("import os\ndef double(values):\n    os._exit(1)", 0),
    ]
    pairs = [(f"student{i:02}", *kinds[i % 3]) for i in range(students)]
    return (
        [submission(assignment, name, double=source) for name, source, _ in pairs],
        {name: points for name, _, points in pairs},
    )


def test_threads_give_each_submission_its_own_marks(assignment):
    submissions, expected = a_class(assignment, 6)
    with this_machine({"tiny": assignment}, SETTINGS, workers=2) as (grade, workers):
        done = {one.student: result.total for one, result in as_done(grade, submissions, workers)}
    assert done == expected


def test_a_fault_that_is_not_the_students_stops_nobody_else(assignment):
    submissions, expected = a_class(assignment, 2)
    broken = assignment.lab.tasks[0]
    other = type(assignment)(
        type(assignment.lab)(
            "broken",
            assignment.lab.notebook,
            (type(broken)(broken.name, "def double(values):\n    return values", broken.checks),),
            {},
        ),
        assignment.released,
    )
    wrong_lab = Submission("ada", "broken", submissions[0].content)
    with this_machine({"tiny": assignment, "broken": other}, SETTINGS, workers=1) as (grade, workers):
        done = dict(as_done(grade, [wrong_lab, *submissions], workers))
    assert isinstance(done[wrong_lab], GradingError)
    assert "the reference solution does not pass double-check" in str(done[wrong_lab])
    assert {one.student: done[one].total for one in submissions} == expected


def test_a_killed_worker_loses_nothing(assignment):
    """Two workers; one is killed while it grades, and a nanny starts another."""
    distributed = pytest.importorskip("distributed")
    submissions, expected = a_class(assignment, 9)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as machines:
        with cluster({"tiny": assignment}, SETTINGS, machines.scheduler_address) as (grade, workers):
            assert workers == 2
            done = {}
            for one, result in as_done(grade, submissions, workers):
                if not done:
                    victim = next(iter(machines.workers.values())).pid
                    sandboxes = sandboxes_of(victim)
                    os.kill(victim, signal.SIGKILL)
                done[one.student] = result.total
        assert done == expected
        assert sandboxes, "the worker that was killed had a sandbox"
        assert all(gone(process) for process in sandboxes), "what a killed worker was running ends with it"


def sandboxes_of(pid):
    return [child for child in psutil.Process(pid).children(recursive=True) if child.name() == "bwrap"]


def gone(process, seconds=10):
    deadline = time.monotonic() + seconds
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_scheduler_that_does_not_answer_is_told(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("grading.batch.CONNECT_SECONDS", 1)
    with pytest.raises(GradingError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        cluster({}, SETTINGS, "tcp://127.0.0.1:9").__enter__()
