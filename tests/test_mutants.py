"""Every lab's checks catch the mistakes that students make, and accept right answers written differently.

How a lab and its mutants fit together (grading/README.md, "Write a lab", says the same at length):

- `solutions/NAME/NAME.ipynb` holds *tasks*. A task is a solution cell, which defines one function, and the graded
  cells that follow it up to the next solution cell. A graded cell has the visible checks first, then the hidden
  ones between `### BEGIN HIDDEN TESTS` and `### END HIDDEN TESTS`. All or none of its points are given.
- A typed answer is a task whose function takes no argument; its graded cell passes the result through
  `effdl.answers.answer`, which checks the form.
- `tests/mutants/NAME.py` defines `MUTANTS`: by the `grade_id` of each graded cell (not of the solution cell) a dict
  `{"wrong": {"the mistake": source, ...}, "right": {"how it differs": source, ...}}`. A source replaces the whole
  solution cell. At least three wrong answers and one right one for each graded cell.
- Each wrong answer must lose that cell's points by being wrong: one that raises NameError, SyntaxError or ImportError
  is an accident and fails the test. Where a graded cell has hidden tests, one wrong answer at least must pass the
  visible part and be caught by the hidden one: it is what a student writes who has only the visible example.
- Everything is graded with the other tasks unsolved, as a check may not need another task's answer.
- A right answer must pass its graded cell and those before it in the task (a score may come after, and be stricter).
"""

import functools
from pathlib import Path

import numpy as np
import pytest

from grading import proof, tester
from grading.lab import names, read_lab

TESTS = Path(__file__).resolve().parent
PLACES = [
    (TESTS.parent / "solutions", TESTS / "mutants"),
    (TESTS / "fixtures/solutions", TESTS / "fixtures/mutants"),
    (TESTS / "hostile/solutions", TESTS / "hostile/mutants"),
]
LABS = {name: place for place in PLACES for name in names(place[0])}


@functools.cache
def lab_of(name):
    solutions, mutants = LABS[name]
    path = mutants / f"{name}.py"
    return read_lab(solutions, name), proof.load_mutants(path) if path.exists() else {}


@functools.cache
def prepared(name):
    return proof.prepare(lab_of(name)[0])


def each_check():
    for name in LABS:
        for task in lab_of(name)[0].tasks:
            for check in task.checks:
                yield pytest.param(name, task, check, id=f"{name}/{check.name}")


def each_answer(kind):
    """All known answers; the right ones of a graded cell also to those before it in the task."""
    for name in LABS:
        lab, mutants = lab_of(name)
        for task in lab.tasks:
            for i, check in enumerate(task.checks):
                of = task.checks[i:] if kind == "right" else [check]
                for about in of:
                    for label, source in mutants.get(about.name, {}).get(kind, {}).items():
                        yield pytest.param(name, check, source, id=f"{name}/{check.name}/{label}")


@pytest.mark.parametrize("name", LABS)
def test_mutants_name_graded_cells(name):
    lab, mutants = lab_of(name)
    assert mutants, f"{name} has no mutants: write tests/mutants/{name}.py"
    assert set(mutants) == {check.name for task in lab.tasks for check in task.checks}


@pytest.mark.parametrize(("name", "task", "check"), list(each_check()))
def test_three_wrong_and_one_right(name, task, check):
    known = lab_of(name)[1].get(check.name, {"wrong": {}, "right": {}})
    assert len(known["wrong"]) >= 3
    assert len(known["right"]) >= 1
    assert set(known) == {"wrong", "right"}


@pytest.mark.parametrize(("name", "check", "source"), list(each_answer("wrong")))
def test_a_wrong_answer_loses_the_points(name, check, source):
    assert proof.grade(source, check, prepared(name))[0] != "passed"


@pytest.mark.parametrize(("name", "check", "source"), list(each_answer("right")))
def test_a_right_answer_has_the_points(name, check, source):
    assert proof.grade(source, check, prepared(name))[0] == "passed"


@pytest.mark.parametrize(("name", "task", "check"), list(each_check()))
def test_reference_has_the_points_and_stub_has_none(name, task, check):
    assert proof.grade(task.source, check, prepared(name))[0] == "passed"
    assert proof.grade(proof.stub(task), check, prepared(name))[0].startswith("NotImplementedError")


@pytest.mark.parametrize(("name", "task", "check"), list(each_check()))
def test_hidden_tests_catch_what_the_visible_ones_do_not(name, task, check):
    wrong = lab_of(name)[1].get(check.name, {}).get("wrong", {}).values()
    found_by_hidden = [proof.grade(source, check, prepared(name))[1] for source in wrong]
    assert any(found_by_hidden) or check.visible == check.source


EMPTYING = """
def _emptied(function):
    def wrapper(*args, **kwargs):
        for each in [*args, *kwargs.values()]:
            if isinstance(each, np.ndarray):
                each[...] = 0
            elif isinstance(each, (list, dict)):
                each.clear()
        return function(*args, **kwargs)

    return wrapper
"""


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("name", "task", "check"), list(each_check()))
def test_an_answer_that_empties_what_it_is_given_has_no_points(name, task, check):
    """A check that computes its target from the arguments, after the call, would take the answer to nothing for right."""
    inputs = tester._prove(task.source, {"source": check.source, "calls": check.calls}, prepared(name))[
        "inputs"
    ]
    if not any(
        isinstance(value, np.ndarray | list | dict)
        for _, args, kwargs in inputs
        for value in [*args, *kwargs.values()]
    ):
        pytest.skip("its functions are given nothing that can be changed")
    wrapped = "".join(f"{called} = _emptied({called})\n" for called in check.calls)
    assert proof.grade(f"{task.source}\n{EMPTYING}\n{wrapped}", check, prepared(name))[0] != "passed"
