"""The outcome for a submission: its sums, and the way through JSON."""

import dataclasses

import pytest

from grading.result import Result

RESULT = Result(
    student="Žofie",
    lab="tiny",
    possible={"a": 3.0, "b": 1.5, "open": 2.0},
    points={"a": 3.0, "b": 0.5, "open": None},
    messages={"b": "too many"},
    hints={},
    answers={"open": "\ud800 <b>"},
    outputs={"open": [{"output_type": "stream", "name": "stdout", "text": "x"}]},
    flags=("no cell b",),
    failed=False,
    seed=7,
    submitted="",
    digest="ab",
)


def test_the_sums():
    assert (RESULT.total, RESULT.maximum) == (3.5, 6.5)
    assert dataclasses.replace(RESULT, points={}).total == 0


def test_json_gives_the_same_result():
    text = RESULT.to_json()
    assert "\n" not in text
    assert Result.from_json(text) == RESULT


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"flags": [], "seed": 1}', '{"flags": [], "more": 1}'])
def test_other_text_is_no_result(text):
    with pytest.raises(ValueError, match="not a result of grading"):
        Result.from_json(text)
