"""Name the mistake: an answer that gives what a known wrong answer gives has made the same one."""

import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grading.checks import Call, local, run_quietly

MOST_CALLS = 200  # of a function, to compare answers by
SECONDS = 5  # for the calls of one answer
RELATIVE = 1e-6  # answers that differ by less are equal

Input = tuple[str, tuple, dict]


def behaviour(call: Call, inputs: Sequence[Input]) -> list[Any]:
    """What functions do with inputs: for each the result and the arguments after it, or the kind of the error.

    It ends early, with fewer results than inputs, when it has taken some seconds.
    """
    found, deadline = [], time.monotonic() + SECONDS
    for each in inputs:
        if time.monotonic() > deadline:
            break
        found.append(_outcome(call, *each))
    return found


def _outcome(call: Call, name: str, args: tuple, kwargs: dict) -> Any:
    try:
        return call(name, args, kwargs)
    except Exception as error:
        return type(error).__name__


def same(one: Any, other: Any) -> bool:
    """Whether two plain values are equal, numbers up to rounding; a list equals an array of the same numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, str | None) or isinstance(other, str | None):
        return type(one) is type(other) and one == other
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    try:
        first, second = np.asarray(one), np.asarray(other)
        alike = first.shape == second.shape and (first.dtype == bool) == (second.dtype == bool)
        return alike and np.allclose(
            first.astype(complex), second.astype(complex), rtol=RELATIVE, equal_nan=True
        )
    except (TypeError, ValueError, ArithmeticError):  # numbers that no array holds
        return False


def known_mistakes(
    call: Call,
    inputs: Sequence[Input],
    reference: str,
    mistakes: Mapping[str, str],
    prepared: Mapping[str, Any],
) -> list[str]:
    """The names of the mistakes that explain an answer: alike on every input, where the right answer differs.

    `reference` and `mistakes` are solution cells, which run in copies of the namespace `prepared`.
    """
    answer = behaviour(call, inputs)
    inputs = inputs[: len(answer)]
    alike = functools.partial(same, answer)
    if alike(behaviour(solution(reference, dict(prepared)), inputs)):
        return []
    return [
        name
        for name, source in mistakes.items()
        if alike(behaviour(solution(source, dict(prepared)), inputs))
    ]


def solution(source: str, namespace: dict[str, Any]) -> Call:
    """Run a solution cell of the course's own, and return how to call its functions."""
    run_quietly(source, namespace)
    return local(namespace)
