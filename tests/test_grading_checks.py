"""Checks run with functions that live in another process: values, changed arguments, errors, hints."""

import os
import socket
import threading
import types

import numpy as np
import pytest

from grading import checks, hints
from grading.checks import ConnectionLost, ask, local, remote, run_check, stand_ins
from grading.serve import serve
from grading.wire import HEAD, WireError, encode, receive, send


def shell(**defined):
    """What `serve` uses of IPython's shell."""
    space = {"np": np} | defined
    return types.SimpleNamespace(user_ns=space, run_cell=lambda source, silent: exec(source, space))


@pytest.fixture
def student():
    """Start the student's side in a thread with some functions; returns the channel to it."""
    channels, threads = [], []

    def start(**defined):
        here, there = socket.socketpair()
        threads.append(threading.Thread(target=serve, args=(there.detach(), shell(**defined))))
        threads[-1].start()
        channels.append(here)
        return here

    yield start
    for channel in channels:
        channel.close()
    for thread in threads:
        thread.join()


def namespace(channel, *names):
    return {"np": np} | stand_ins(list(names), remote(channel))


def test_a_stand_in_gives_what_the_function_gives(student):
    f = namespace(student(f=lambda a, *, b: {"sum": a + b}), "f")["f"]
    assert f(np.arange(2), b=1)["sum"].tolist() == [1, 2]


def test_arguments_that_were_changed_there_are_changed_here(student):
    def spoil(array, items, table, nested):
        array[0] = 9
        items.append(3)
        table["new"] = table.pop("old")
        nested[0][0][:] = 7

    array, items, table, nested = np.zeros(2), [1], {"old": np.ones(1)}, ([np.zeros(1)],)
    namespace(student(spoil=spoil), "spoil")["spoil"](array, items, table, nested)
    assert array.tolist() == [9, 0]
    assert items == [1, 3]
    assert list(table) == ["new"]
    assert nested[0][0].tolist() == [7]


def test_an_argument_of_another_shape_is_left_alone():
    array, items = np.zeros(2), [np.zeros(1)]
    checks._write_back((array, items), (np.ones(3), "nonsense"))
    checks._write_back([1], 7)
    assert array.tolist() == [0, 0]
    assert items[0].tolist() == [0]


class Odd(ValueError):
    pass


class Mute(Exception):
    def __str__(self):
        raise SystemExit


def fails(error):
    def f():
        raise error

    return f


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ValueError("no"), ValueError, "no"),
        (Odd("mine"), ValueError, "mine"),
        (OSError("disk"), RuntimeError, "OSError: disk"),
        (SystemExit("bye"), RuntimeError, "SystemExit: bye"),
        (KeyboardInterrupt(), RuntimeError, "KeyboardInterrupt: "),
        (Mute(), RuntimeError, "Mute: "),
        (AssertionError("\ud800"), AssertionError, r"\?"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_errors_cross_by_kind_and_text(student, error, kind, text):
    with pytest.raises(kind, match=f"^{text}$"):
        namespace(student(f=fails(error)), "f")["f"]()


@pytest.mark.parametrize("value", [object(), b"x", 10**5000], ids=["object", "bytes", "huge"])
def test_a_result_that_cannot_be_sent_is_a_type_error_and_the_next_call_works(student, value):
    f = namespace(student(f=lambda n: value if n else 0), "f")["f"]
    with pytest.raises(TypeError, match="cannot be sent"):
        f(1)
    assert f(0) == 0


def test_a_function_that_is_missing_is_a_name_error(student):
    with pytest.raises(NameError, match="the function f is not defined"):
        namespace(student(), "f")["f"]()


def test_a_cell_can_run_again(student):
    channel = student()
    ask(channel, {"cells": ["def f():\n    return 5"], "seed": 1})
    assert namespace(channel, "f")["f"]() == 5


def test_an_argument_that_cannot_be_sent_is_the_checks_own_fault(student):
    with pytest.raises(WireError, match="cannot be sent"):
        namespace(student(f=len), "f")["f"](object())


@pytest.mark.parametrize(
    "reply",
    [
        {"value": 1},
        {"id": 0, "value": 1},
        {"id": True},
        {"id": True, "error": [], "message": ""},
        {"id": True, "error": "ValueError", "message": ""},
        {"id": True, "error": ["ValueError", 3], "message": ""},
        {"id": True, "error": ["ValueError"]},
        {"id": True, "error": ["ValueError"], "message": 3},
    ],
    ids=str,
)
def test_a_reply_that_is_not_in_order_loses_the_connection(reply):
    here, there = socket.socketpair()

    def speak():
        number = receive(there)["id"]
        send(there, reply | ({"id": number} if reply.get("id") is True else {}))

    with here, there:
        thread = threading.Thread(target=speak)
        thread.start()
        with pytest.raises(ConnectionLost):
            remote(here)("f", (), {})
        thread.join()


@pytest.mark.parametrize(
    "raw",
    [b"", b"\xff" * 100, HEAD.pack(2, 0) + b"{}", HEAD.pack(9, 0), encode({"value": 0, "id": 1})],
    ids=["closed", "garbage", "empty", "cut", "early"],
)
def test_bytes_that_were_there_before_lose_the_connection(raw):
    here, there = socket.socketpair()
    with here, there:
        there.sendall(raw)
        there.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionLost):
            ask(here, {"call": "f"})


# running a check


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1", ""),
        ("assert 1 == 2, 'not two'", "not two"),
        ("assert False", "a check failed"),
        ("assert False, ''", "a check failed"),
        ("assert False, chr(0) + chr(27)", "a check failed"),
        ("assert False, ' '", "a check failed"),
        ("assert False, '\\x1b[31mred\\x00'", "red"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("assert False, 'x' * 10**6", "x" * checks.MOST_MESSAGE),
        ("import warnings; warnings.warn('w'); print('p')", ""),
    ],
    ids=["passes", "fails", "bare", "empty", "control", "blank", "colours", "error", "long", "noise"],
)
def test_what_a_check_says(capfd, source, said):
    assert run_check(source, {}, seed=1) == said
    assert capfd.readouterr().out == ""


def test_the_seed_sets_all_random_inputs(monkeypatch):
    monkeypatch.delenv("GRADING_SEED", raising=False)
    source = "import random; import numpy as np; from effdl.answers import fresh_rng\n"
    source += "seen.append((random.random(), np.random.rand(), fresh_rng().random()))"
    seen = []
    for seed in (1, 1, 2):
        run_check(source, {"seen": seen}, seed)
    monkeypatch.delenv("GRADING_SEED")
    assert seen[0] == seen[1]
    assert all(one != other for one, other in zip(seen[0], seen[2], strict=True))
    assert "GRADING_SEED" not in os.environ


def test_a_check_cannot_catch_that_the_process_is_gone():
    with pytest.raises(ConnectionLost):
        run_check("try:\n    f()\nexcept Exception:\n    pass", {"f": fails(ConnectionLost("gone"))}, 0)


# hints

RIGHT = "def f(x):\n    return abs(x)"
KNOWN = {
    "signed": "def f(x):\n    return x",
    "negative": "def f(x):\n    return -abs(x)",
    "fails": "def f(x):\n    1 / 0",
}
INPUTS = [("f", (value,), {}) for value in (1, -2, np.array([1.0, -3.0]))]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (lambda x: x + 0.0, ["signed"]),
        (lambda x: -abs(x), ["negative"]),
        (lambda x: 1 // 0, ["fails"]),
        (abs, []),
        (lambda x: 7, []),
        (lambda x: 10**1000, []),
        (lambda x: "text", []),
        (lambda x: None, []),
        (lambda x: [[1], [2, 3]], []),
    ],
    ids=["signed", "negative", "error", "right", "other", "huge", "text", "none", "ragged"],
)
def test_a_mistake_is_named_when_all_results_agree(answer, found):
    assert hints.known_mistakes(local({"f": answer}), INPUTS, RIGHT, KNOWN, {}) == found


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ([1.0, 2.0], np.array([1, 2]), True),
        ((1, 2), [1, 2], True),
        ({"a": 1.0}, {"a": 1.0 + 1e-9}, True),
        ({"a": 1}, {"b": 1}, False),
        (float("nan"), float("nan"), True),
        ("1", 1, False),
        (None, 0, False),
        (np.zeros((2, 1)), np.zeros((1, 2)), False),
        (10**400, 10**400, False),
    ],
    ids=["list", "tuple", "rounding", "keys", "nan", "text", "none", "shape", "huge"],
)
def test_results_are_the_same_up_to_rounding(one, other, equal):
    assert hints.same(one, other) == equal
