"""A real JupyterHub on this machine, with deploy/jupyterhub_config.py, a teacher and a learner."""

import os
import sys
from types import SimpleNamespace

import pytest

from grading.notebook import load
from tests.browser.conftest import NODE_MODULES, ROOT
from tests.browser.servers import AS_ROOT, free_port, running
from tests.browser.test_nbgrader import (
    COURSE_ID,
    LAB,
    choose,
    course,
    fetch,
    nbgrader_menu,
    row,
    submit,
    teaching_parts,
)
from tests.requirements import need

PROXY = NODE_MODULES / ".bin" / "configurable-http-proxy"


@pytest.fixture(scope="module", params=[False, True], ids=["one-domain", "a-domain-each"])
def hub(request, tmp_path_factory):
    """The hub's address, the course folder, the exchange, and whether each user has a domain."""
    need(PROXY.exists(), "JupyterHub's proxy", "npm ci --ignore-scripts --prefix tests/browser")
    folder = tmp_path_factory.mktemp("hub")
    root, exchange = course(folder)
    port, hub_port, proxy_port = free_port(), free_port(), free_port()
    local = f"http://127.0.0.1:{port}"
    address = f"http://hub.localhost:{port}" if request.param else local
    command = [
        sys.executable,
        "-m",
        "jupyterhub",
        f"--config={ROOT / 'deploy' / 'jupyterhub_config.py'}",
        f"--JupyterHub.bind_url={local}",
        f"--JupyterHub.hub_port={hub_port}",
        f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{proxy_port}",
        # any name and password, and no accounts: for a test only
        "--JupyterHub.authenticator_class=dummy",
        "--JupyterHub.spawner_class=simple",
        f"--SimpleLocalProcessSpawner.home_dir_template={folder}/{{username}}",
        f"--Spawner.args={AS_ROOT}",
    ]
    environment = {
        "HOME": str(folder),
        "COURSE_FOLDER": str(root),
        "COURSE_EXCHANGE": str(exchange),
        "COURSE_HUB": address if request.param else "",
        "PATH": os.pathsep.join([str(PROXY.parent), os.environ["PATH"]]),
    }
    with running(command, f"{local}/hub/health", folder / "server.log", cwd=folder, **environment):
        yield SimpleNamespace(address=address, course=root, exchange=exchange, domains=request.param)


def log_in(browser, hub, name):
    """A user's JupyterLab."""
    page = browser.new_context(viewport={"width": 1500, "height": 1000}).new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{hub.address}/hub/login")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill("any")
    page.get_by_role("button", name="Sign in").click()
    nbgrader_menu(page).wait_for(timeout=60_000)
    return page


def formgrader(page, hub):
    """The formgrader: in JupyterLab where each user has a domain, and otherwise in a tab of the browser."""
    if hub.domains:
        choose(page, "Formgrader")
        return page.frame_locator("iframe")
    page.goto(f"{hub.address}/user/teacher/formgrader")
    return page


def test_a_lab_goes_from_the_teacher_to_a_learner_and_back(browser, hub):
    teacher = log_in(browser, hub, "teacher")
    assert {"Formgrader", "Create assignment", "side bar"} <= set(teaching_parts(teacher))
    form = formgrader(teacher, hub)
    row(form).locator(".release a").click()
    form.get_by_text(f"Successfully released '{LAB}'.").wait_for()
    form.get_by_role("button", name="OK").click()

    ada = log_in(browser, hub, "ada")
    assert teaching_parts(ada) == ["Assignment List"]
    fetch(ada)
    submit(ada)
    own = ada.url.split("/lab")[0]
    assert ada.goto(f"{own}/formgrader").status == 404
    assert ada.goto(teacher.url.split("/user/")[0] + "/user/teacher/lab").status in (403, 404)
    (handed_in,) = (hub.exchange / COURSE_ID / "inbound").iterdir()
    assert handed_in.name.startswith(f"ada+{LAB}+")

    row(form).locator(".collect a").click()
    form.get_by_text(f"Successfully collected submissions of '{LAB}'.").wait_for()
    collected = hub.course / "submitted" / "ada" / LAB / f"{LAB}.ipynb"
    assert load(collected) == load(hub.course / "labs" / LAB / f"{LAB}.ipynb")
    for page in (teacher, ada):
        page.context.close()
