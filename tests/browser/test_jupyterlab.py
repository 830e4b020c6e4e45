"""A chapter in the real JupyterLab: it runs from top to bottom, and its widgets answer with the kernel alive."""

import json
import shutil
import time

import pytest

from tests.browser.conftest import ROOT
from tests.browser.servers import jupyterlab
from tests.browser.test_book import answers

CHAPTER = "chapters/02_pruning.ipynb"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab with a copy of the chapters, and its token."""
    folder, root = tmp_path_factory.mktemp("own"), tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "chapters", root / "chapters")
    with jupyterlab(folder, root) as address_and_token:
        yield address_and_token


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
