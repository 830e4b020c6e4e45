"""A Jupyter kernel in the sandbox: a kernel provisioner for jupyter_client.

A kernel spec whose metadata name the provisioner `bubblewrap-provisioner` is started in a sandbox. Its sockets are
Unix sockets in a folder inside the sandbox (a sandbox has no network), which relays reach through /proc once, before
it has run any student's code: nothing that the kernel can write to stands outside.
"""

import asyncio
import json
import os
import secrets
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.provisioning import KernelProvisionerBase

from grading.relay import Relay
from grading.sandbox import COURSE, Limits, Sandbox, SandboxError

SOCKETS = Path("/run/kernel")  # the sockets are this path with a number each; it must stay short of 108 bytes
CONNECTION = "connection.json"
ARGUMENTS = ["--HistoryManager.enabled=False", "--IPKernelApp.log_level=CRITICAL"]


class SandboxSpecs(KernelSpecManager):
    """The one kernel that grading starts: this Python's ipykernel, in a sandbox."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the kernel spec, whatever the name."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", *ARGUMENTS]
        provisioner = {"provisioner_name": "bubblewrap-provisioner"}
        return KernelSpec(
            argv=argv,
            display_name="Python 3 (sandbox)",
            language="python",
            interrupt_mode="message",
            metadata={"kernel_provisioner": provisioner},
        )


class BubblewrapProvisioner(KernelProvisionerBase):
    """Start, watch and end one kernel in a sandbox.

    Further arguments of `KernelManager.start_kernel`: `shared`, `pass_fds`, `limits`, as of `Sandbox`.
    """

    sandbox: Sandbox | None = None
    folder: tempfile.TemporaryDirectory | None = None
    relays: tuple[Relay, ...] = ()

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel."""
        return self.sandbox is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Choose the sockets, and write the connection file that the kernel will read."""
        manager = self.parent
        numbers = {
            f"{name}_port": i + 1 for i, name in enumerate(("shell", "iopub", "stdin", "control", "hb"))
        }
        self.connection_info = {
            "transport": "ipc",
            "ip": str(SOCKETS),
            "key": manager.session.key,
            "signature_scheme": manager.session.signature_scheme,
            **numbers,
        }
        self.folder = tempfile.TemporaryDirectory(prefix="grading-")
        self.descriptor = os.open(self.folder.name, os.O_DIRECTORY)
        file = Path(self.folder.name) / CONNECTION
        file.write_text(json.dumps(self.connection_info | {"key": manager.session.key.decode()}))
        # the folder is the grader's alone; inside, the file alone is seen, and its user must read it
        file.chmod(0o444)
        cmd = [part.replace("{connection_file}", str(COURSE / CONNECTION)) for part in self.kernel_spec.argv]
        return await super().pre_launch(cmd=cmd, **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the kernel; returns how it is reached from outside. Raises SandboxError."""
        connection = {CONNECTION: Path(self.folder.name) / CONNECTION}
        self.sandbox = Sandbox(
            cmd,
            connection | dict(kwargs.get("shared", {})),
            pass_fds=kwargs.get("pass_fds", ()),
            limits=kwargs.get("limits", Limits()),
        )
        outside = str(self.sandbox.path(SOCKETS))
        while not all(_listens(f"{outside}-{number}") for number in range(1, 6)):
            if not self.sandbox.running():
                await self.kill()
                raise SandboxError(
                    f"the kernel in the sandbox ended before it answered: allow more memory, or see whether "
                    f"`{sys.executable} -m ipykernel_launcher --version` works"
                )
            await asyncio.sleep(0.01)
        # by descriptor, as the path of a Unix socket must be short; no other kernel's sockets have the name
        here = f"/proc/self/fd/{self.descriptor}/{secrets.token_hex(4)}"
        self.relays = tuple(
            Relay(f"{here}-{number}", f"{outside}-{number}")
            for number in (self.connection_info[f"{name}_port"] for name in ("shell", "iopub", "control"))
        )
        return self.connection_info | {"ip": here}

    async def poll(self) -> int | None:
        """None while the kernel runs, else its exit code."""
        return self.sandbox.process.poll() if self.sandbox else 0

    async def wait(self) -> int | None:
        """Wait for the end of the kernel; returns its exit code."""
        while (code := await self.poll()) is None:
            await asyncio.sleep(0.02)
        await self.kill()
        return code

    async def send_signal(self, signum: int) -> None:
        """End the kernel for a signal that ends a process; others are for its messages to do."""
        if signum in (signal.SIGKILL, signal.SIGTERM):
            await self.kill()

    async def kill(self, restart: bool = False) -> None:
        """End the kernel and all that it started."""
        if self.sandbox:
            self.sandbox.kill()
            self.sandbox = None
            for relay in self.relays:
                relay.close()
            self.relays = ()

    async def terminate(self, restart: bool = False) -> None:
        """End the kernel: what may be hostile is not asked to end itself."""
        await self.kill()

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the connection file; jupyter_client calls this more than once."""
        if self.folder:
            os.close(self.descriptor)
            self.folder.cleanup()
            self.folder = None


def _listens(path: str) -> bool:
    """Whether a Unix socket takes connections."""
    with socket.socket(socket.AF_UNIX) as trial:
        return trial.connect_ex(path) == 0
