"""One student's kernel: run cells in it, with limits on time and output, and keep what they showed."""

import contextlib
import secrets
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import zmq
from jupyter_client import KernelManager
from jupyter_client.session import Session

from grading.outputs import Outputs
from grading.provisioner import SandboxSpecs
from grading.sandbox import Limits, Sandbox, SandboxError

START_SECONDS = 60
SECONDS_FOR_OUTPUT = 2  # that may still be on its way when a cell has ended
MOST_MESSAGE = 4 << 20  # bytes of one message; a longer one cuts the connection


class KernelDied(Exception):
    """The kernel ended, or was ended; the message says why, in words for the student."""


class Kernel:
    """A kernel in a sandbox, ended by `close` or at the end of a `with` block.

    `shared` are files that it may read, by their path below `/course`. The sockets in `pass_fds` are open in it under
    the same numbers.
    """

    def __init__(
        self,
        shared: Mapping[str, Path],
        pass_fds: Iterable[int] = (),
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ):
        """Start the kernel and wait until it answers. Raises SandboxError."""
        self._context = zmq.Context()
        self._context.setsockopt(zmq.RECONNECT_IVL, -1)
        self._context.setsockopt(zmq.MAXMSGSIZE, MOST_MESSAGE)
        self._context.setsockopt(zmq.RCVHWM, 100)
        self._context.setsockopt(zmq.SNDTIMEO, 2000)
        self._manager = KernelManager(
            kernel_spec_manager=SandboxSpecs(), context=self._context, session=Session(key=_key())
        )
        self._sockets: list[zmq.Socket] = []
        self.sandbox: Sandbox | None = None
        self._heard = True  # whether outputs still arrive
        try:
            self._manager.start_kernel(shared=shared, pass_fds=tuple(pass_fds), limits=limits)
            self.sandbox = self._manager.provisioner.sandbox
            self._shell, self._iopub = self._manager.connect_shell(), self._manager.connect_iopub()
            self._sockets = [self._shell, self._iopub]
            self._poller = zmq.Poller()
            for each in self._sockets:
                self._poller.register(each, zmq.POLLIN)
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def run(self, source: str, seconds: float) -> Outputs:
        """Run a cell, and return what it showed.

        Raises KernelDied when the kernel has ended, or does not answer within the seconds.
        """
        request = self.begin(source)
        outputs, replied, idle = Outputs(), False, not self._heard
        deadline = time.monotonic() + seconds
        while not (replied and idle):
            for socket, message in self._messages(deadline):
                if _text(message, "parent_header", "msg_id") != request:
                    continue
                if socket is self._shell:
                    if not replied:  # a kernel that goes on replying gets no more time
                        replied, deadline = True, time.monotonic() + SECONDS_FOR_OUTPUT
                elif _text(message, "header", "msg_type") == "status":
                    idle |= _text(message, "content", "execution_state") == "idle"
                else:
                    outputs.add(message["header"]["msg_type"], message["content"])
            if time.monotonic() >= deadline:
                if replied:  # the answer is there, its outputs never came: too long ones cut the connection
                    idle, self._heard = True, False
                else:
                    raise KernelDied(f"it took longer than {seconds:g} s")
        return outputs

    def begin(self, source: str) -> str:
        """Start a cell and do not wait for it; returns the id of the request. Raises KernelDied."""
        content = {
            "code": source,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        try:
            return self._manager.session.send(self._shell, "execute_request", content)["header"]["msg_id"]
        except zmq.Again:
            raise KernelDied(self.why_it_died()) from None

    def ended_within(self, seconds: float) -> bool:
        """Whether the kernel ends by itself within some seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.sandbox.process.wait(seconds)
        return not self.sandbox.running()

    def why_it_died(self) -> str:
        """Why the sandbox ended, in words for the student."""
        return "it used too much memory" if self.sandbox.overran else "it ended the Python process"

    def close(self) -> None:
        """End the kernel and all that it started."""
        try:
            # not by `shutdown_kernel`, which asks the kernel first
            if self.sandbox:
                self.sandbox.kill()
            self._manager.cleanup_resources()
        finally:
            for each in self._sockets:
                each.close(linger=0)
            self._context.destroy(linger=0)

    def _messages(self, deadline: float) -> list[tuple[zmq.Socket, dict[str, Any]]]:
        """What has arrived; waits a moment for something. Raises KernelDied."""
        wait = min(0.05, max(0.0, deadline - time.monotonic()))
        ready = dict(self._poller.poll(1000 * wait))
        if not ready and not self.sandbox.running():
            raise KernelDied(self.why_it_died())
        found = []
        for each in ready:
            # whatever is no message of the protocol is left out: it comes from the student's process
            with contextlib.suppress(Exception):
                found.append((each, self._manager.session.recv(each, mode=zmq.NOBLOCK)[1]))
        return [(each, message) for each, message in found if isinstance(message, dict)]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        self._manager.session.send(self._shell, "kernel_info_request", {})
        waiting = {self._shell, self._iopub}
        while waiting:
            for each, _ in self._messages(deadline):
                waiting.discard(each)
            if time.monotonic() >= deadline:
                raise SandboxError(f"the kernel in the sandbox did not answer within {START_SECONDS} s")

    def __enter__(self) -> "Kernel":  # noqa: D105
        return self

    def __exit__(self, *about: object) -> None:  # noqa: D105
        self.close()


def _key() -> bytes:
    """A fresh key to sign messages with: jupyter_client's own default is made once a process."""
    return secrets.token_hex(16).encode()


def _text(message: dict[str, Any], part: str, name: str) -> Any:
    """An entry of a message of which nothing is certain."""
    found = message.get(part)
    return found.get(name) if isinstance(found, dict) else None
