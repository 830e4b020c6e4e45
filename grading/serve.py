"""The student's side of a split run: call the student's functions for checks that run in another process.

This runs in the student's kernel, in the sandbox, and is trusted by nobody. A request is `{"call": name, "args": ...,
"kwargs": ..., "id": n}`, or `{"cell": source}` to run an answer cell once more before its checks. A reply has the
value and the arguments as they are after the call, so that a check sees an argument that was changed, or the error.
"""

import contextlib
import os
import socket
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
        if "cell" in request:
            shell.run_cell(request["cell"], silent=True)
            return {"value": None}
        name = request["call"]
        if name not in shell.user_ns:
            return {"error": ["NameError"], "message": f"the function {name} is not defined"}
        args, kwargs = request["args"], request["kwargs"]
        value = shell.user_ns[name](*args, **kwargs)
        return {"value": value, "args": args, "kwargs": kwargs}
    except BaseException as error:  # SystemExit and KeyboardInterrupt, too: an answer may raise what it likes
        return {"error": [kind.__name__ for kind in type(error).__mro__], "message": _text(error)}


def _text(error: BaseException) -> str:
    try:
        return str(error)[:1000]
    except BaseException:  # an error whose text raises one more has no text
        return ""
