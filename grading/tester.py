"""The clean second process of a split run: it holds the checks, and never runs a line of a student's code.

A tester is made once for a lab. It runs the lab's own set-up cells, proves that the reference solution passes every
check on this machine, and then forks for each check of each submission: the child has everything imported, and what
it spoils is gone with it. `Tester` is the grader's end; `main` is the process, which runs in a sandbox of its own.
"""

import hashlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grading.checks import ConnectionLost, ask, remote, run_check, run_quietly, stand_ins
from grading.hints import MOST_CALLS, Input, known_mistakes, solution
from grading.sandbox import COURSE, Limits, Sandbox
from grading.wire import WireError, crossed, encode, receive, send

MOST_INPUT = 4 << 20  # bytes of recorded inputs of one check
PREPARE_SECONDS = 300


class TesterError(RuntimeError):
    """A lab's own checks or its reference solution do not work here."""


class Tester:
    """The process with the checks of one lab.

    `lab` is plain data: "setup" (sources), "tasks" ({name: reference solution cell}), "checks" ({name: {"task",
    "source", "calls", "mistakes"}}).
    """

    def __init__(self, lab: dict[str, Any], shared: dict[str, Path], seconds: float, limits: Limits):
        """Start and prepare. Raises TesterError where the lab is not in order, SandboxError."""
        self._control, inside = socket.socketpair()
        start = f"import sys; sys.path.insert(0, {str(COURSE)!r}); from grading.tester import main; main({inside.fileno()})"
        program = [sys.executable, "-I", "-c", start]
        self.sandbox = Sandbox(program, shared, pass_fds=[inside.fileno()], limits=limits)
        inside.close()
        self.seconds = seconds
        self._control.settimeout(PREPARE_SECONDS)
        try:
            self._ask(lab | {"seconds": seconds})
        except BaseException:
            self.close()
            raise

    def check(self, name: str, seed: int, channel: socket.socket, cells: list[str]) -> dict[str, Any]:
        """Run one check on the student's process behind a socket.

        `cells` are the student's answer, which is run once more first. Returns {"message": "" if passed}, or
        {"lost": why} when either side had to be ended.
        """
        return self._ask({"check": name, "seed": seed, "cells": cells}, channel)

    def hints(self, name: str, seed: int, channel: socket.socket, cells: list[str]) -> dict[str, Any]:
        """Compare an answer with the known mistakes; as `check`, but returns {"hints": list} or {"lost": why}."""
        return self._ask({"hints": name, "seed": seed, "cells": cells}, channel)

    def _ask(self, request: dict[str, Any], channel: socket.socket | None = None) -> dict[str, Any]:
        try:
            if channel:
                self._control.settimeout(self.seconds + 30)
                socket.send_fds(self._control, [b"!"], [channel.fileno()])
            send(self._control, request)
            reply = receive(self._control)
        except (OSError, WireError) as error:
            raise TesterError(f"the checks could not be run: {error}") from None
        if reply is None:
            raise TesterError("the process with the checks has ended" + " (memory)" * self.sandbox.overran)
        if "broken" in reply:
            raise TesterError(reply["broken"])
        return reply

    def close(self) -> None:
        """End the process."""
        self._control.close()
        self.sandbox.kill()


def main(descriptor: int) -> None:
    """Prepare a lab, then run checks until the other end closes."""
    with socket.socket(fileno=descriptor) as control:
        lab = receive(control)
        try:
            prepared = _prepare(lab)
        except Exception as error:
            send(control, {"broken": f"{type(error).__name__}: {error}"})
            return
        send(control, {})
        while (descriptors := socket.recv_fds(control, 1, 1)[1]) and (request := receive(control)):
            with socket.socket(fileno=descriptors[0]) as channel:
                reply = _in_child(lambda r=request, c=channel: _grade(lab, prepared, r, c), lab["seconds"])
            send(control, reply)


def _prepare(lab: dict[str, Any]) -> dict[str, Any]:
    """Run the set-up cells, and let the reference solution pass every check; keeps what it was called with."""
    prepared: dict[str, Any] = {"__name__": "__main__"}
    for source in lab["setup"]:
        run_quietly(source, prepared)
    for name, check in lab["checks"].items():
        proof = _in_child(lambda c=check: _prove(lab["tasks"][c["task"]], c, prepared), lab["seconds"])
        if said := proof.get("message") or proof.get("lost"):
            raise TesterError(f"the reference solution does not pass {name}: {said}")
        check["inputs"] = proof["inputs"]
    return prepared


def _prove(reference: str, check: dict[str, Any], prepared: dict[str, Any]) -> dict[str, Any]:
    """Check the reference solution, and record the inputs of its calls."""
    inputs: list[Input] = []
    call = solution(reference, dict(prepared))
    room = MOST_INPUT

    def recorded(name: str, args: tuple, kwargs: dict) -> tuple[Any, tuple, dict]:
        nonlocal room
        room -= len(encode({"args": args, "kwargs": kwargs}))
        if room > 0 and len(inputs) < MOST_CALLS:
            inputs.append((name, crossed(args), crossed(kwargs)))
        return call(name, args, kwargs)

    message = run_check(check["source"], prepared | stand_ins(check["calls"], recorded), seed=0)
    return {"message": message, "inputs": inputs}


def _grade(
    lab: dict[str, Any], prepared: dict[str, Any], request: dict[str, Any], channel: socket.socket
) -> dict[str, Any]:
    """Check a student's answer, or compare it with the known mistakes."""
    name, call = request.get("check") or request["hints"], remote(channel)
    check = lab["checks"][name]
    try:
        if request["cells"]:
            ask(channel, {"cells": request["cells"], "seed": _other(request["seed"])})
        if "hints" in request:
            reference = lab["tasks"][check["task"]]
            return {"hints": known_mistakes(call, check["inputs"], reference, check["mistakes"], prepared)}
        return {
            "message": run_check(check["source"], prepared | stand_ins(check["calls"], call), request["seed"])
        }
    except ConnectionLost as error:
        return {"lost": str(error)}


def _other(seed: int) -> int:
    """A seed that tells nothing of the one it is made from, which the student's process must not know."""
    return int.from_bytes(hashlib.sha256(f"student/{seed}".encode()).digest()[:4], "big")


def _in_child(work: Callable[[], dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Do some work in a fork of this process; a child that dies or is late gives {"lost": why}."""
    here, there = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            here.close()
            # the signal's own action, death: a handler would wait for the end of a call into C
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            send(there, work())
        except Exception as error:
            send(there, {"lost": f"the check could not be run: {type(error).__name__}: {error}"[:1000]})
        finally:
            os._exit(0)
    there.close()
    with here:
        reply = receive(here)
    _, status = os.waitpid(child, 0)
    if reply is not None:
        return reply
    late = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
    return {"lost": f"it took longer than {seconds:g} s" if late else "the check ended without a result"}
