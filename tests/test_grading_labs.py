"""The labs in the real path: sandbox, split run, points. test_mutants.py puts all known answers to the checks alone."""

import copy
import json

import pytest

from grading.assignments import read_assignment
from grading.collect import Submission
from grading.lab import names
from grading.notebook import nbgrader
from grading.run import Grader
from tests.requirements import need_sandbox
from tests.test_labs import ROOT
from tests.test_mutants import lab_of


@pytest.fixture(params=names(ROOT / "solutions"), scope="module")
def graded(request):
    """A lab's assignment, and a function that grades the answers given for its tasks."""
    need_sandbox()
    assignment = read_assignment(ROOT / "solutions", ROOT / "tests/mutants", request.param)
    grader = Grader(seconds=120)

    def grade(answers):
        notebook = copy.deepcopy(assignment.released)
        for cell in notebook["cells"]:
            cell["source"] = answers.get(nbgrader(cell).get("grade_id"), cell["source"])
        content = json.dumps(notebook).encode()
        return grader.grade(assignment, Submission("ada", request.param, content), seed=3)

    yield assignment.lab, grade
    grader.close()


def test_the_reference_solution_has_all_points(graded):
    lab, grade = graded
    result = grade(
        {task.name: task.source for task in lab.tasks} | dict.fromkeys(lab.open_questions, "Words.")
    )
    assert result.points == lab.points | dict.fromkeys(lab.open_questions)
    assert not result.messages


def test_right_answers_written_differently_have_all_points(graded):
    """Each task by the right answer to its last check, which is the strictest."""
    lab, grade = graded
    known = lab_of(lab.name)[1]
    result = grade(
        {task.name: next(iter(known[task.checks[-1].name]["right"].values())) for task in lab.tasks}
    )
    assert result.points == lab.points | dict.fromkeys(lab.open_questions, 0.0)


def test_wrong_answers_have_no_points_and_are_named(graded):
    lab, grade = graded
    known = lab_of(lab.name)[1]
    wrong = {task.name: next(iter(known[task.checks[0].name]["wrong"].items())) for task in lab.tasks}
    result = grade({name: source for name, (_, source) in wrong.items()})
    for task in lab.tasks:
        assert result.points[task.checks[0].name] == 0
        assert result.hints[task.checks[0].name] == wrong[task.name][0]


def test_the_untouched_lab_has_none(graded):
    lab, grade = graded
    assert grade({}).points == dict.fromkeys(lab.points, 0.0)
