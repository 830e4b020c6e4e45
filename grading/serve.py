"""The student's side of a split run: call the student's functions for checks that run in another process.

This runs in the student's kernel, in the sandbox, and is trusted by nobody. A request is `{"call": name, "args": ...,
"kwargs": ..., "id": n}`, or `{"cells": sources, "seed": n}` to run an answer once more before its checks, with the random
numbers of this seed. A reply has the
value and the arguments as they are after the call, so that a check sees an argument that was changed, or the error.
"""

import contextlib
import os
import random
import socket
import sys
from pathlib import Path
from typing import Any

from grading.wire import encode, receive


def serve(descriptor: int, shell: Any) -> None:
    """Answer requests on an inherited socket until the other end closes it; `shell` is IPython's."""
    with (
        socket.socket(fileno=descriptor) as channel,
        Path(os.devnull).open("w") as nowhere,  # nobody reads what a call prints
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        while (request := receive(channel)) is not None:
            channel.sendall(_frame(request["id"], _answer(request, shell)))


def _frame(number: int, reply: dict[str, Any]) -> bytes:
    try:
        return encode({"id": number} | reply)
    except (
        BaseException
    ) as error:  # a value that cannot be sent, or that raises what it likes while it is looked at
        return encode({"id": number, "error": ["TypeError"], "message": _text(error)})


def _answer(request: dict[str, Any], shell: Any) -> dict[str, Any]:
    try:
        if "cells" in request:
            _seed(request["seed"])
            for source in request["cells"]:
                shell.run_cell(source, silent=True)
            return {"value": None}
        name = request["call"]
        if name not in shell.user_ns:
            return {"error": ["NameError"], "message": f"the function {name} is not defined"}
        args, kwargs = request["args"], request["kwargs"]
        value = shell.user_ns[name](*args, **kwargs)
        return {"value": value, "args": args, "kwargs": kwargs}
    except BaseException as error:  # SystemExit and KeyboardInterrupt, too: an answer may raise what it likes
        return {"error": [kind.__name__ for kind in type(error).__mro__], "message": _text(error)}


def _seed(seed: int) -> None:
    """Seed the global generators, so that an appeal can repeat a mark; libraries that are not loaded are left alone."""
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


def _text(error: BaseException) -> str:
    try:
        return str(error)[:1000]
    except BaseException:  # an error whose text raises one more has no text
        return ""
