"""A chapter in the real JupyterLab: it runs from top to bottom, and its widgets answer with the kernel alive."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.browser.conftest import ROOT
from tests.browser.test_book import answers

CHAPTER = "chapters/02_pruning.ipynb"
SETTINGS = {
    # JupyterLab takes cells that are out of sight off the page; here all stay, so that every widget can be asked.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"checkForUpdates": False, "fetchNews": "false"},
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab with a copy of the chapters, and its token."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "chapters", folder / "chapters")
    for name, values in SETTINGS.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}"]
    options = [
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.port_retries=0",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    own = {  # the learner's own settings and workspace stay out of it
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    address, log = f"http://127.0.0.1:{port}", folder / "lab.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [*command, *options], cwd=folder, env={**os.environ, **own}, stdout=output, stderr=output
        )
        try:
            wait_for(f"{address}/api/status?token={token}", server, log)
            yield address, token
        finally:
            server.terminate()
            server.wait(timeout=30)


def wait_for(address, server, log, seconds=60):
    """Return when the server answers."""
    for _ in range(2 * seconds):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"JupyterLab did not answer within {seconds} s:\n{log.read_text()}")


def test_a_chapter_runs_and_its_widgets_answer(browser, lab):
    address, token = lab
    code = [cell for cell in json.loads((ROOT / CHAPTER).read_text())["cells"] if cell["cell_type"] == "code"]
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    page.set_default_timeout(30_000)
    uncaught, foreign = [], []
    page.on("pageerror", lambda error: uncaught.append(str(error)))
    page.on("request", lambda request: foreign.append(request.url))
    page.goto(f"{address}/lab/tree/{CHAPTER}?token={token}")
    page.locator(".jp-Notebook").wait_for(timeout=60_000)
    page.locator(".jp-Notebook .jp-CodeCell").nth(len(code) - 1).wait_for(state="attached", timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    prompts = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt")
    failed = page.locator(".jp-Notebook [data-mime-type='application/vnd.jupyter.error']")
    deadline = time.monotonic() + 300
    while not (
        done := [text == f"[{n}]:" for n, text in enumerate(prompts.all_inner_texts(), start=1)][-1:]
        == [True]
    ):
        assert failed.count() == 0, failed.first.inner_text()
        assert time.monotonic() < deadline, prompts.all_inner_texts()
        page.wait_for_timeout(1000)
    assert done
    assert failed.count() == 0
    assert prompts.all_inner_texts() == [f"[{n}]:" for n in range(1, len(code) + 1)]

    answers(page)
    page.close()
    assert not uncaught
    assert not [url for url in foreign if not url.startswith((address, "data:", "blob:"))]
