"""The answers of a submission are carried into a clean lab, and nothing else."""

import pytest
from course import code, markdown, notebook

from grading.notebook import parse
from grading.transplant import MOST_TEXT, transplant

STUB = "def f():\n    raise NotImplementedError"


def answer(name: str, source: str) -> dict:
    return code(name, source, nbgrader={"solution": True, "grade": False, "grade_id": name})


def check(name: str, source: str = "assert f()") -> dict:
    return code(name, source, nbgrader={"solution": False, "grade": True, "grade_id": name, "points": 1})


RELEASED = notebook(markdown("title", "# Lab"), answer("a", STUB), check("a-check"), answer("b", STUB))


def test_only_the_text_of_answers_is_carried_over():
    forged = answer("a", "x = 1") | {"cell_type": "markdown", "id": "other", "outputs": [1]}
    found = transplant(
        RELEASED, notebook(code("extra", "import os"), forged, check("a-check", "pass"), answer("b", STUB))
    )
    assert found.given == {"a": "x = 1", "b": STUB}
    assert found.untouched == {"b"}
    assert found.flags == ()


def test_a_cell_that_is_gone_is_told():
    found = transplant(RELEASED, notebook(answer("b", "x = 1")))
    assert found.given == {"b": "x = 1"}
    assert found.untouched == set()
    assert found.flags == ("no cell a",)


@pytest.mark.parametrize(
    ("texts", "given", "flagged"),
    [
        ((STUB, "x = 1"), "x = 1", False),
        (("x = 1", STUB), "x = 1", False),
        (("x = 1", "x = 1"), "x = 1", False),
        (("x = 1", "x = 2"), "x = 1\n\nx = 2", True),
        ((STUB, STUB), STUB, False),
    ],
    ids=["second", "first", "twice the same", "both", "none"],
)
def test_copies_count_as_they_would_run(texts, given, flagged):
    found = transplant(RELEASED, notebook(*[answer("a", text) for text in texts], answer("b", STUB)))
    assert found.given["a"] == given
    assert ("a" in found.untouched) == (given == STUB)
    assert found.flags == (("cell a stands 2 times: graded as one",) if flagged else ())


def test_an_answer_in_a_cell_of_its_own_is_told():
    other = code("mine", "def f():\n    return 1")
    found = transplant(RELEASED, notebook(answer("a", STUB), other, answer("b", "x = 1")))
    assert found.given["a"] == STUB
    assert found.flags == ("cell a is as it was released, but another cell defines f",)


@pytest.mark.parametrize("end", ["\n", "  \n\n", "\r\n"], ids=["line", "spaces", "windows"])
def test_white_space_at_the_ends_is_no_answer(end):
    same = STUB.replace("\n", end.replace("\n\n", "\n")) + end
    assert transplant(RELEASED, notebook(answer("a", same))).untouched == {"a"}


def test_an_answer_that_is_too_long_is_left_empty():
    found = transplant(RELEASED, notebook(answer("a", "x" * (MOST_TEXT + 1)), answer("b", STUB)))
    assert found.given["a"] == ""
    assert found.flags == ("cell a is too long: 500,001 characters",)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"nbgrader": 3},
        {"nbgrader": {"solution": True, "grade_id": ["a"]}},
        {"nbgrader": {"grade_id": None}},
    ],
    ids=str,
)
def test_strange_metadata_give_no_answer(metadata):
    given = parse(b'{"cells": []}') | {"cells": [{"metadata": metadata, "source": "1"}]}
    assert transplant(RELEASED, given).given == {}
