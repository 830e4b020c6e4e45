"""Servers for the browser tests: on this machine only, on free ports, with their own settings, ended with the test."""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

AS_ROOT = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
SETTINGS = {
    # JupyterLab takes cells that are out of sight off the page; here all stay, so that every widget can be asked.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"checkForUpdates": False, "fetchNews": "false"},
}


def free_port():
    """A port of this machine that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def own_environment(folder):
    """Variables that keep the learner's own settings, workspace and home out of it."""
    for name, values in SETTINGS.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    return {
        "HOME": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }


@contextlib.contextmanager
def running(command, answers, log, cwd, **environment):
    """Run a server until the end of the block, once the address `answers` is there; nothing of it stays."""
    with log.open("w") as output:
        server = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **environment}, stdout=output, stderr=output
        )
        try:
            wait_for(answers, server, log)
            yield
        finally:
            family = []
            if server.poll() is None:
                family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
                server.terminate()
            _, left = psutil.wait_procs(family, timeout=30)
            for process in left:
                process.kill()
            assert not left, f"still running: {left}\n{log.read_text()}"


def wait_for(address, server, log, seconds=60):
    """Return when the server answers."""
    for _ in range(2 * seconds):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"the server did not answer within {seconds} s:\n{log.read_text()}")


@contextlib.contextmanager
def jupyterlab(folder: Path, root: Path, command=("-m", "jupyterlab"), **environment):
    """A JupyterLab that starts in `root` and keeps its own files in `folder`; gives its address and its token."""
    token, port = secrets.token_hex(16), free_port()
    options = [
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        f"--IdentityProvider.token={token}",
        "--ServerApp.port_retries=0",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    address, log = f"http://127.0.0.1:{port}", folder / "server.log"
    line = [sys.executable, *command, *options, *AS_ROOT]
    status = f"{address}/api/status?token={token}"
    with running(line, status, log, cwd=root, **own_environment(folder) | environment):
        yield address, token
