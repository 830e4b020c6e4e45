"""nbgrader in the real JupyterLab: a learner fetches, validates and submits a lab; a teacher grades by hand."""

import json
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
from nbgrader.api import Gradebook

from grading.__main__ import main
from grading.formgrader import REFUSAL
from grading.notebook import load, nbgrader
from grading.release import generate
from tests.browser.conftest import ROOT
from tests.browser.servers import jupyterlab
from tests.requirements import need_sandbox

pytestmark = pytest.mark.filterwarnings("ignore:Object of type:sqlalchemy.exc.SAWarning")

LAB = "tiny"
SOLUTIONS = ROOT / "tests" / "fixtures" / "solutions"
DEPLOY = ROOT / "deploy"
COURSE_ID = "weights-to-silicon"
# Markup that would run on the teacher's page.
ANSWER = """Moving bytes costs **energy**. <img src="none" onerror="document.title = 'stolen'">
<script>document.title = "stolen"</script>"""


def course(folder):
    """A course folder with one lab, and the exchange beside it, as deploy/README.md says to make them."""
    generate(folder / "course", SOLUTIONS, LAB)
    (folder / "exchange").mkdir()
    (folder / "exchange").chmod(0o1777)
    return folder / "course", folder / "exchange"


def open_lab(browser, address, token=""):
    """A page of JupyterLab, once it can be used."""
    page = browser.new_context(viewport={"width": 1500, "height": 1000}).new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{address}/lab?token={token}")
    nbgrader_menu(page).wait_for(timeout=60_000)
    return page


def nbgrader_menu(page):
    return page.get_by_role("menuitem", name="Nbgrader", exact=True)


def teaching_parts(page):
    """What JupyterLab shows of nbgrader: the entries of its menu, and the side bar for authors."""
    nbgrader_menu(page).click()
    page.locator(".lm-Menu-itemLabel").first.wait_for()
    entries = page.locator(".lm-Menu:visible .lm-Menu-itemLabel:visible").all_inner_texts()
    page.keyboard.press("Escape")
    tabs = page.get_by_role("tab", name="Create Assignment")
    return [entry for entry in entries if entry] + ["side bar"] * tabs.count()


def choose(page, entry):
    nbgrader_menu(page).click()
    page.get_by_role("menuitem", name=entry, exact=True).click()


def fetch(page):
    """Fetch the one released lab, and open its notebook."""
    choose(page, "Assignment List")
    page.get_by_role("button", name="Fetch", exact=True).click()
    page.locator("#fetched_assignments_list .assignment-notebooks-link").click()
    page.locator(".nested_list_item").get_by_text(LAB, exact=True).click()
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()


def validate(page):
    """Press Validate in the notebook, and return what it says."""
    page.locator(".jp-NotebookPanel").get_by_text("Validate", exact=True).click()
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_text("Validation Results").wait_for(timeout=60_000)
    text = dialog.inner_text()
    dialog.get_by_role("button", name="Ok").click()
    return text


def submit(page):
    choose(page, "Assignment List")
    page.get_by_role("button", name="Submit", exact=True).click()
    page.get_by_role("button", name="Fetch Feedback").wait_for()


def row(form, lab=LAB):
    """The row of a lab in the formgrader."""
    return form.locator("tr", has=form.get_by_role("link", name=lab, exact=True))


def solve(path):
    """Write the reference answers into a released notebook."""
    answers = {nbgrader(cell).get("grade_id"): cell["source"] for cell in solution_cells()}
    notebook = load(path)
    for cell in notebook["cells"]:
        if nbgrader(cell).get("solution"):
            cell["source"] = answers[nbgrader(cell)["grade_id"]]
    path.write_text(json.dumps(notebook), encoding="utf-8")


def solution_cells():
    return load(SOLUTIONS / LAB / f"{LAB}.ipynb")["cells"]


@pytest.fixture(scope="module")
def classroom(tmp_path_factory):
    """A JupyterLab each for the teacher and for a learner, with the lab released."""
    folder = tmp_path_factory.mktemp("class")
    root, exchange = course(folder)
    learner = folder / "ada"
    for name in ("ada", "ada-own", "teacher-own"):
        (folder / name).mkdir()
    shared = {"COURSE_EXCHANGE": str(exchange)}
    teacher = shared | {"COURSE_FOLDER": str(root), "JUPYTER_CONFIG_PATH": str(DEPLOY)}
    path = os.pathsep.join([str(DEPLOY / "learner"), str(DEPLOY)])
    subprocess.run(
        [sys.executable, "-m", "nbgrader", "release_assignment", LAB],
        cwd=root,
        env={**os.environ, **teacher, "HOME": str(folder / "teacher-own")},
        check=True,
    )
    with (
        jupyterlab(folder / "teacher-own", root, **teacher) as teachers,
        jupyterlab(
            folder / "ada-own", learner, JUPYTERHUB_USER="ada", JUPYTER_CONFIG_PATH=path, **shared
        ) as learners,
    ):
        yield SimpleNamespace(
            course=root, exchange=exchange, home=learner, teacher=teachers, learner=learners
        )


def test_a_learner_fetches_validates_and_submits(browser, classroom):
    page = open_lab(browser, *classroom.learner)
    assert teaching_parts(page) == ["Assignment List"]
    fetch(page)
    untouched = validate(page)
    assert untouched.count("The following cell failed:") == 3  # two functions, and the open question
    assert untouched.count("NotImplementedError: ") == 2
    assert "You did not provide a response." in untouched
    solve(classroom.home / LAB / f"{LAB}.ipynb")
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_text("Reload Notebook from Disk").click()
    page.get_by_role("button", name="Reload").click()
    page.get_by_text("return 2 * values").wait_for()
    assert "Success! Your notebook passes all the tests." in validate(page)
    submit(page)
    page.context.close()
    (handed_in,) = (classroom.exchange / COURSE_ID / "inbound").iterdir()
    assert handed_in.name.startswith(f"ada+{LAB}+")
    assert (handed_in / f"{LAB}.ipynb").read_bytes() == (classroom.home / LAB / f"{LAB}.ipynb").read_bytes()


@pytest.fixture(scope="module")
def graded(classroom):
    """A submission that `grading grade` has graded, but for the open question; the path of its graded notebook."""
    need_sandbox()
    handed_in = classroom.course / "submitted" / "ben" / LAB / f"{LAB}.ipynb"
    handed_in.parent.mkdir(parents=True)
    shutil.copy(classroom.course / "labs" / LAB / f"{LAB}.ipynb", handed_in)
    solve(handed_in)
    notebook = load(handed_in)
    notebook["cells"][-1]["source"] = ANSWER
    handed_in.write_text(json.dumps(notebook), encoding="utf-8")
    assert grade(classroom) == 0
    return classroom.course / "autograded" / "ben" / LAB / f"{LAB}.ipynb"


def grade(classroom, *more):
    """Run the command of deploy/README.md; returns its exit code."""
    places = ["--submissions", str(classroom.course / "submitted"), "--output", str(classroom.course)]
    return main(["--solutions", str(SOLUTIONS), "grade", LAB, *places, *more])


def gradebook(classroom):
    return Gradebook(f"sqlite:///{classroom.course / 'gradebook.db'}", COURSE_ID)


def marks(classroom):
    with gradebook(classroom) as book:
        return {grade.name: grade.score for grade in book.find_submission_notebook(LAB, LAB, "ben").grades}


def test_the_formgrader_does_not_run_students_code(browser, classroom, graded):
    before = graded.read_bytes(), marks(classroom)
    page = open_lab(browser, *classroom.teacher)
    choose(page, "Formgrader")
    form = page.frame_locator("iframe")
    row(form).locator(".num-submissions a").click()
    form.locator(".autograde a").click()
    message = form.locator(".modal:visible")
    message.get_by_text("There was an error autograding").wait_for()
    assert REFUSAL.splitlines()[0] in message.inner_text()
    page.context.close()
    assert (graded.read_bytes(), marks(classroom)) == before


def test_the_teacher_grades_an_open_question_by_hand(browser, classroom, graded):
    assert marks(classroom) == {"double-check": 3, "bytes-check": 1, "open": 0}
    page = open_lab(browser, *classroom.teacher)
    assert teaching_parts(page) == [
        "Assignment List",
        "Course List",
        "Formgrader",
        "Create assignment",
        "side bar",
    ]
    choose(page, "Formgrader")
    form = page.frame_locator("iframe")
    row(form).wait_for()
    form.get_by_role("link", name="Manual Grading").click()
    form.get_by_role("link", name=LAB, exact=True).click()
    form.get_by_role("link", name=LAB, exact=True).click()
    form.get_by_role("link", name="Submission #1").click()
    form.get_by_text("Moving bytes costs").wait_for()
    assert form.locator("#double-check").input_value() == ""
    form.locator("#open").fill("1.5")
    form.locator("#open").press("Enter")
    form.locator(".nbgrader_cell", has=form.locator("#open")).locator(".score-saved").wait_for()
    assert form.get_by_text("costs **energy**").count() == 1, "a student's Markdown is shown as it was typed"
    assert form.locator("body").evaluate("() => document.title") != "stolen"
    assert marks(classroom) == {"double-check": 3, "bytes-check": 1, "open": 1.5}
    page.context.close()
    assert grade(classroom, "--resume") == 0
    table = (classroom.course / "grades.csv").read_text()
    assert table.splitlines()[1].startswith(f"ben,{LAB},3,1,1.5,0,5.5,6")


def test_make_start_shows_a_learner_no_part_for_teachers(browser, tmp_path):
    with jupyterlab(tmp_path, ROOT, command=("-m", "tools.start")) as address_and_token:
        page = open_lab(browser, *address_and_token)
        assert teaching_parts(page) == ["Assignment List"]
        page.goto(f"{address_and_token[0]}/lab/tree/labs/cost/cost.ipynb")
        page.locator(".jp-NotebookPanel").get_by_text("Validate", exact=True).wait_for()
        # A server that is told to stop while it starts a kernel may wait for ever.
        page.get_by_text("| Idle").wait_for()
        page.context.close()
