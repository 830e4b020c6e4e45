"""deploy/nbgrader_config.py, as nbgrader itself reads it: what a learner and a teacher get, and what it forbids."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from traitlets.config.loader import PyFileConfigLoader

from grading.course import CODE_STUB
from grading.formgrader import REFUSAL
from grading.release import generate

ROOT = Path(__file__).resolve().parent.parent
SOLUTIONS = ROOT / "tests" / "fixtures" / "solutions"
pytestmark = pytest.mark.filterwarnings("ignore:Object of type:sqlalchemy.exc.SAWarning")

VARIABLES = ("COURSE_ID", "COURSE_EXCHANGE", "COURSE_FOLDER", "COURSE_GRADEBOOK", "JUPYTERHUB_USER")


def settings(monkeypatch, **environment):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return PyFileConfigLoader("nbgrader_config.py", path=str(ROOT / "deploy")).load_config()


def test_a_learner_gets_the_exchange_and_a_name(monkeypatch):
    learner = settings(monkeypatch, COURSE_EXCHANGE="/exchange", JUPYTERHUB_USER="ada")
    assert learner == {
        "CourseDirectory": {"course_id": "weights-to-silicon", "student_id": "ada"},
        "Exchange": {"root": "/exchange"},
    }


def test_a_teacher_gets_the_course(monkeypatch):
    teacher = settings(monkeypatch, COURSE_ID="spring", COURSE_FOLDER="/course", JUPYTERHUB_USER="teacher")
    assert teacher.CourseDirectory == {
        "course_id": "spring",
        "root": "/course",
        "source_directory": "solutions",
        "release_directory": "labs",
        "db_url": "sqlite:////course/gradebook.db",
    }
    assert teacher.ClearSolutions.code_stub == {"python": CODE_STUB}
    other = settings(monkeypatch, COURSE_FOLDER="/course", COURSE_GRADEBOOK="postgresql://marks")
    assert other.CourseDirectory.db_url == "postgresql://marks"


@pytest.fixture
def nbgrader(tmp_path):
    """nbgrader's command line in a course where the reference solution was submitted and graded."""
    generate(tmp_path, SOLUTIONS, "tiny")
    for folder in ("submitted", "autograded"):
        shutil.copytree(SOLUTIONS / "tiny", tmp_path / folder / "ada" / "tiny")
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}", "weights-to-silicon") as gradebook:
        gradebook.add_student("ada")
        gradebook.add_submission("tiny", "ada")
    own = {
        "HOME": str(tmp_path),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_CONFIG_PATH": str(ROOT / "deploy"),
        "COURSE_FOLDER": str(tmp_path),
    }

    def run(command):
        line = [sys.executable, "-m", "nbgrader", command, "tiny", "--force"]
        return subprocess.run(line, cwd=tmp_path, env={**os.environ, **own}, capture_output=True, text=True)

    return run


def test_autograde_is_refused_and_removes_nothing(nbgrader, tmp_path):
    before = (tmp_path / "autograded/ada/tiny/tiny.ipynb").read_bytes()
    done = nbgrader("autograde")
    assert done.returncode == 1
    assert REFUSAL.splitlines()[0] in done.stderr
    assert (tmp_path / "autograded/ada/tiny/tiny.ipynb").read_bytes() == before


def test_nbgraders_own_feedback_hides_the_hidden_tests(nbgrader, tmp_path):
    assert nbgrader("generate_feedback").returncode == 0
    page = (tmp_path / "feedback/ada/tiny/tiny.html").read_text(encoding="utf-8")
    assert "double each value, the negative ones too" in page
    assert "secret-hidden-test" not in page
