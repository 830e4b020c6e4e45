"""Feedback names the mistake: each known wrong answer of each lab is told from all others."""

import numpy as np
import pytest

from grading import hints, tester
from grading.checks import local
from grading.hints import known_mistakes, same, solution
from tests.test_mutants import each_check, lab_of, prepared


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # wrong answers overflow
@pytest.mark.parametrize(("name", "task", "check"), list(each_check()))
def test_each_known_mistake_is_named(name, task, check):
    known = lab_of(name)[1][check.name]
    proof = tester._prove(task.source, {"source": check.source, "calls": list(check.calls)}, prepared(name))
    assert proof["message"] == ""

    def named(source):
        call = solution(source, dict(prepared(name)))
        return known_mistakes(call, proof["inputs"], task.source, known["wrong"], prepared(name))

    for mistake, source in known["wrong"].items():
        assert named(source) == [mistake]
    for source in known["right"].values():
        assert named(source) == []


def test_an_answer_that_is_wrong_in_its_own_way_gets_no_hint():
    call = local({"f": lambda x: x + 7})
    mistakes = {"negated": "def f(x):\n    return -x", "halved": "def f(x):\n    return x / 2"}
    assert (
        known_mistakes(call, [("f", (2.0,), {}), ("f", (4.0,), {})], "def f(x):\n    return x", mistakes, {})
        == []
    )


def test_a_changed_argument_is_part_of_the_behaviour():
    def f(values):
        values.sort()
        return list(values)

    mistakes = {"sorts in place": "def f(values):\n    values.sort()\n    return list(values)"}
    found = known_mistakes(
        local({"f": f}), [("f", ([3, 1],), {})], "def f(values):\n    return sorted(values)", mistakes, {}
    )
    assert found == ["sorts in place"]


def test_a_slow_answer_is_compared_by_its_first_calls(monkeypatch):
    monkeypatch.setattr(hints, "SECONDS", 0)
    monkeypatch.setattr(hints.time, "monotonic", iter(range(100)).__next__)
    calls = []
    hints.behaviour(local({"f": calls.append}), [("f", (n,), {}) for n in range(5)])
    assert len(calls) < 5


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1.0 + 1e-9, True),
        ([1, 2], np.array([1.0, 2.0]), True),
        (np.array([np.nan]), np.array([np.nan]), True),
        ({"a": [1]}, {"a": (1,)}, True),
        (np.array([True]), np.array([1]), False),
        (None, 0, False),
        ("1", 1, False),
        ({"a": 1}, {"b": 1}, False),
        (np.zeros((2, 1)), np.zeros(2), False),
        ([1, [2]], [1, 2], False),
    ],
)
def test_same(one, other, equal):
    assert bool(same(one, other)) is equal
    assert bool(same(other, one)) is equal
