"""What formgrader finds in the course folder, and that nothing of a student's runs in a teacher's browser."""

import base64
import dataclasses
import hashlib
import logging
from html.parser import HTMLParser

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.server_extensions.formgrader import handlers
from traitlets.config import Config

from grading.gradebook import record, student_id
from grading.notebook import nbgrader
from grading.outputs import PNG
from tests.results import LAB, result

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning", "ignore::DeprecationWarning")

EVIL = "<script>evil()</script><img src=x onerror=evil()><iframe src='javascript:evil()'></iframe>"
MARKDOWN = (
    f"{EVIL}\n\n```\n{EVIL}\n````\n\n$$\n{EVIL}\n$$\n</code></pre>{EVIL}\n[x](javascript:evil())\n\0\ud800"
)
PICTURE = base64.b64encode(PNG + b"rest").decode()


def course(tmp_path):
    """The settings of a course folder, and its gradebook."""
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    settings = Config()
    settings.CourseDirectory.root = str(tmp_path)
    settings.CourseDirectory.db_url = url
    return url, CourseDirectory(config=settings, log=logging.getLogger("quiet"))


def written(tmp_path, student="ada"):
    return nbformat.read(tmp_path / f"autograded/{student}/tiny/tiny.ipynb", as_version=4)


def cell(notebook, name):
    return next(one for one in notebook.cells if nbgrader(one).get("grade_id") == name)


@pytest.mark.parametrize("submitted", ["2026-03-01T12:00:00+01:00", ""])
@pytest.mark.parametrize("student", ["ada", "wrong [x] + y*"])
def test_formgrader_lists_the_submission(tmp_path, student, submitted):
    url, folder = course(tmp_path)
    for time in ("2026-02-01 09:00:00 UTC", submitted):
        record(url, LAB, result(student, submitted=time), tmp_path)
    api = NbGraderAPI(folder)
    assert api.get_submitted_students("tiny") == api.get_autograded_students("tiny") == {student_id(student)}
    (listed,) = api.get_submissions("tiny")
    assert (listed["student"], listed["score"], listed["autograded"]) == (student_id(student), 4.0, True)
    assert api.get_submission("tiny", student_id(student))["autograded"]
    assert len(api.get_notebook_submissions("tiny", "tiny")) == 1
    assert not list(tmp_path.rglob("*.part"))


def test_a_newer_hand_in_is_told_from_the_graded_one(tmp_path):
    url, folder = course(tmp_path)
    handed_in = tmp_path / "submitted/ada/tiny"
    handed_in.mkdir(parents=True)
    (handed_in / "tiny.ipynb").write_text("first")
    (handed_in / "timestamp.txt").write_text("2026-03-01 11:00:00 UTC")
    digest = hashlib.sha256(b"first").hexdigest()
    record(url, LAB, result(digest=digest), tmp_path)
    assert NbGraderAPI(folder).get_autograded_students("tiny") == {"ada"}
    (handed_in / "tiny.ipynb").write_text("second")
    (handed_in / "timestamp.txt").write_text("2026-03-05 12:00:00 UTC")
    record(url, LAB, result(digest=digest), tmp_path)
    assert NbGraderAPI(folder).get_autograded_students("tiny") == set()
    assert (handed_in / "timestamp.txt").read_text() == "2026-03-05 12:00:00 UTC"


def test_the_notebook_is_the_released_lab_with_the_answers(tmp_path):
    url, _ = course(tmp_path)
    one = result(messages={"double-check": "double each value"}, hints={"double-check": "hard-coded"})
    record(url, LAB, one, tmp_path)
    notebook = written(tmp_path)
    nbformat.validate(notebook)
    assert cell(notebook, "double").source == one.answers["double"]
    assert cell(notebook, "open").source == "```\nBytes are slow.\n```"
    assert cell(notebook, "double-check").outputs[0].text == "double each value\nhard-coded"
    assert cell(notebook, "bytes-check").outputs == []
    assert cell(notebook, "open").metadata.nbgrader.points == 2
    text = nbformat.writes(notebook)
    assert "secret-hidden-test" not in text
    assert "secret-sample" not in text


def test_a_cell_without_an_answer_stays_as_released(tmp_path):
    url, _ = course(tmp_path)
    record(url, LAB, dataclasses.replace(result(), answers={}), tmp_path)
    assert "NotImplementedError" in cell(written(tmp_path), "double").source


class Elements(HTMLParser):
    """Collect what the page holds: the elements, and the values of what can run or load."""

    def __init__(self):
        super().__init__()
        self.found, self.runs = [], []

    def handle_starttag(self, tag, attributes):
        self.found.append(tag)
        self.runs += [value for name, value in attributes if name.startswith("on") or name in ("src", "href")]


def page(tmp_path):
    """The page of formgrader for a submission."""
    settings = Config()
    settings.HTMLExporter.template_name = "formgrade"
    settings.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    resources = {"base_url": "", "student": "ada", "assignment_id": "tiny", "notebook_id": "tiny"}
    resources |= {"submission_id": "1", "index": 0, "total": 1, "notebook_path": "", "first_name": None}
    exporter = HTMLExporter(config=settings)
    path = str(tmp_path / "autograded/ada/tiny/tiny.ipynb")
    return exporter.from_filename(path, resources=resources | {"last_name": None})[0]


def test_nothing_of_a_student_runs_in_the_form(tmp_path):
    url, _ = course(tmp_path)
    record(url, LAB, result(), tmp_path)
    clean = Elements()
    clean.feed(page(tmp_path))
    bundle = {
        "text/html": EVIL,
        "image/svg+xml": EVIL,
        "application/javascript": "evil()",
        "text/latex": EVIL,
    }
    outputs = [
        {"output_type": "display_data", "data": {**bundle, "text/plain": EVIL}, "metadata": {"x": EVIL}},
        {"output_type": "display_data", "data": bundle, "metadata": {}},
        {"output_type": "display_data", "data": {"image/png": f'x" onerror="{EVIL}'}},
        {"output_type": "display_data", "data": {"image/png": base64.b64encode(EVIL.encode()).decode()}},
        {
            "output_type": "execute_result",
            "data": {"image/png": PICTURE},
            "metadata": {"filenames": {"image/png": "x"}},
        },
        {"output_type": "stream", "name": EVIL, "text": [EVIL, "\0\ud800"]},
        {"output_type": "error", "ename": EVIL, "evalue": EVIL, "traceback": [EVIL]},
        {"output_type": EVIL},
    ]
    hostile = result(
        answers={"double": MARKDOWN, "bytes": EVIL, "open": MARKDOWN},
        outputs={"double": outputs},
        messages={"double-check": MARKDOWN, "bytes-check": EVIL},
    )
    record(url, LAB, hostile, tmp_path)
    nbformat.validate(written(tmp_path))
    shown = page(tmp_path)
    shown.encode()  # a server can send it
    elements = Elements()
    elements.feed(shown)
    assert elements.found.count("img") == clean.found.count("img") + 1
    for tag in ("script", "iframe", "a", "svg", "link", "style", "input", "textarea"):
        assert elements.found.count(tag) == clean.found.count(tag)
    assert f"data:image/png;base64,{PICTURE}" in elements.runs
    assert not [value for value in elements.runs if "evil" in str(value)]
    assert shown.count("&lt;script&gt;evil()") >= 8
