"""`make start`: JupyterLab on the welcome page, with the labs within reach, and arguments passed on."""

import os
import re
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from tools import start


def test_arguments_are_passed_on_and_root_is_allowed_once():
    line = start.command(["--no-browser", "--port", "8890"], root_user=False)
    assert line[-3:] == ["--no-browser", "--port", "8890"]
    assert "--allow-root" not in line
    assert start.command(["--allow-root"], root_user=True).count("--allow-root") == 1
    assert start.command([], root_user=True).count("--allow-root") == 1


def test_the_learners_own_settings_stay(monkeypatch):
    monkeypatch.delenv("JUPYTER_CONFIG_PATH", raising=False)
    assert start.environment() == os.environ | {"JUPYTER_CONFIG_PATH": str(start.LEARNER)}
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "mine")
    assert start.environment()["JUPYTER_CONFIG_PATH"] == f"{start.LEARNER}{os.pathsep}mine"


def test_the_server_opens_on_the_welcome_page_and_serves_the_labs(tmp_path):
    line = start.command(["--no-browser", "--port=0", "--IdentityProvider.token="], root_user=True)
    log = tmp_path / "log"
    with log.open("w") as output:
        server = subprocess.Popen(line, cwd=start.ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        address = wait_for_address(server, log)
        assert address.endswith(f"/lab/tree/{start.WELCOME}")
        base = address.removesuffix(f"/lab/tree/{start.WELCOME}")
        for path in (start.WELCOME, "labs/pruning/pruning.ipynb"):
            with fetch(f"{base}/api/contents/{path}?content=0", server) as reply:
                assert reply.status == 200
    finally:
        server.terminate()
        server.wait(30)


def fetch(address, server):
    """The reply of the server, which prints its address a moment before it listens."""
    for _ in range(300):
        try:
            return urllib.request.urlopen(address, timeout=30)
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:
            if server.poll() is not None:
                break
            time.sleep(0.2)
    pytest.fail(f"nothing answers at {address}")


def wait_for_address(server, log):
    """The address that the server prints."""

    for _ in range(300):
        found = re.search(r"http://127\.0\.0\.1:[1-9]\d*/lab\S*", log.read_text())
        if found:
            return found[0]
        if server.poll() is not None:
            break
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")
