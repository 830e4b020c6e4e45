"""Run a lab's graded cells with functions that live elsewhere.

A graded cell calls the student's functions by their names. Here those names are stand-ins, which send the arguments
to another process as plain values and bring back the result: the cell itself never meets an object of the student's.
"""

import contextlib
import os
import random
import socket
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from grading.text import plain
from grading.wire import WireError, crossed, encode, receive

MOST_MESSAGE = 2000  # characters

# Errors that a check may want to catch come back as themselves, all others as RuntimeError.
KNOWN = (
    ArithmeticError, AssertionError, AttributeError, IndexError, KeyError, LookupError, MemoryError, NameError,
    NotImplementedError, OverflowError, RecursionError, RuntimeError, TypeError, ValueError, ZeroDivisionError,
)  # fmt: skip
ERRORS = {kind.__name__: kind for kind in KNOWN}

Call = Callable[[str, tuple, dict], tuple[Any, tuple, dict]]


class ConnectionLost(BaseException):
    """The student's process is gone: no check may catch this."""


def remote(channel: socket.socket) -> Call:
    """Calls through a socket to `grading.serve`.

    A call raises what the function raised, ConnectionLost when the other side has gone or speaks nonsense.
    """

    def call(name: str, args: tuple, kwargs: dict) -> tuple[Any, tuple, dict]:
        reply = ask(channel, {"call": name, "args": args, "kwargs": kwargs})
        if "error" in reply:
            names, text = reply["error"], reply["message"]
            known = next((ERRORS[each] for each in names if each in ERRORS), None)
            raise known(text) if known else RuntimeError(f"{names[0]}: {text}")
        return reply["value"], reply["args"], reply["kwargs"]

    return call


def ask(channel: socket.socket, request: dict[str, Any]) -> dict[str, Any]:
    """Send a request and return the reply. Raises ConnectionLost, WireError when the request cannot be sent."""
    number = random.SystemRandom().getrandbits(48)
    frame = encode(request | {"id": number})
    try:
        channel.sendall(frame)
        reply = receive(channel)
    except OSError:
        raise ConnectionLost("the process has ended") from None
    except WireError as error:
        raise ConnectionLost(f"the answer cannot be read: {error}") from None
    if reply is None:
        raise ConnectionLost("the process has ended")
    if reply.get("id") != number or not _in_order(reply):
        raise ConnectionLost("the answer is not in order")
    return reply


def _in_order(reply: dict[str, Any]) -> bool:
    if "error" in reply:
        names = reply["error"]
        words = [*names, reply.get("message")] if isinstance(names, list) and names else [None]
        return all(isinstance(word, str) for word in words)
    return "value" in reply


def local(defined: Mapping[str, Any]) -> Call:
    """Calls of functions of this process, whose values cross as they would to another one."""

    def call(name: str, args: tuple, kwargs: dict) -> tuple[Any, tuple, dict]:
        if name not in defined:
            raise NameError(f"the function {name} is not defined")
        given, named = crossed(args), crossed(kwargs)
        value = defined[name](*given, **named)
        try:
            return crossed(value), given, named
        except WireError as error:
            raise TypeError(str(error)) from None

    return call


def stand_ins(names: list[str], call: Call) -> dict[str, Callable]:
    """Functions that pass their calls on; an argument that the other side changed is changed here, too."""

    def make(name: str) -> Callable:
        def stand_in(*args: Any, **kwargs: Any) -> Any:
            value, after, named = call(name, args, kwargs)
            _write_back(args, after)
            _write_back(kwargs, named)
            return value

        stand_in.__name__ = name
        return stand_in

    return {name: make(name) for name in names}


def run_check(source: str, namespace: dict[str, Any], seed: int) -> str:
    """Run a graded cell silently; returns "" when it passes, else what it said, as plain text.

    The seed is the one of NumPy's and Python's global generators, and of `effdl.answers.fresh_rng`.
    """
    matplotlib.use("agg")  # the checks draw, nobody looks
    os.environ["GRADING_SEED"] = str(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)
    try:
        run_quietly(source, namespace)
    except AssertionError as error:
        said = str(error)
    except Exception as error:  # whatever an answer leads to, it did not pass
        said = f"{type(error).__name__}: {error}"
    else:
        return ""
    return plain(said[: 2 * MOST_MESSAGE]).strip()[:MOST_MESSAGE] or "a check failed"


def run_quietly(source: str, namespace: dict[str, Any]) -> None:
    """Run a cell without its prints, warnings and pictures."""
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            exec(compile(source, "<cell>", "exec"), namespace)
        finally:
            if pyplot := sys.modules.get("matplotlib.pyplot"):
                pyplot.close("all")


def _write_back(mine: Any, theirs: Any) -> None:
    """Change containers and arrays in place to what they are on the other side."""
    if isinstance(mine, np.ndarray):
        same = isinstance(theirs, np.ndarray) and mine.shape == theirs.shape and mine.dtype == theirs.dtype
        if same and mine.tobytes() != theirs.tobytes():
            mine[...] = theirs
    elif isinstance(mine, list | tuple) and isinstance(theirs, list | tuple) and len(mine) == len(theirs):
        for i, (old, new) in enumerate(zip(mine, theirs, strict=True)):
            if isinstance(old, np.ndarray | list | tuple | dict):
                _write_back(old, new)
            elif isinstance(mine, list):
                mine[i] = new
    elif isinstance(mine, list) and isinstance(theirs, list):
        mine[:] = theirs
    elif isinstance(mine, dict) and isinstance(theirs, dict):
        for key in [key for key in mine if key not in theirs]:
            del mine[key]
        for key, new in theirs.items():
            if isinstance(mine.get(key), np.ndarray | list | tuple | dict):
                _write_back(mine[key], new)
            else:
                mine[key] = new
