"""The commands from end to end: a class of good, wrong, broken and odd notebooks becomes marks, feedback, a gradebook."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psutil
import pytest
from nbgrader.api import Gradebook

from grading import sandbox
from grading.__main__ import main
from grading.lab import HIDDEN, names, read_lab
from grading.notebook import load, nbgrader
from grading.proof import load_mutants
from grading.release import release
from grading.results import Store
from tests.postgresql import server
from tests.requirements import need_sandbox
from tools import start
from tools.notebooks import markdown

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests/fixtures"
SOLUTIONS = FIXTURES / "solutions"
HERE = ["--solutions", str(SOLUTIONS), "--mutants", str(FIXTURES / "mutants")]
RIGHT = "def double(values):\n    return 2 * values"


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    return load(release("tiny", SOLUTIONS, tmp_path_factory.mktemp("labs")) / "tiny.ipynb")


def with_answers(notebook, **given):
    """A copy of a notebook with other sources in some solution cells."""
    copy = json.loads(json.dumps(notebook))
    for cell in copy["cells"]:
        cell["source"] = given.get(nbgrader(cell).get("grade_id"), cell["source"])
    return copy


def hand_in(folder, student, notebook, name="tiny.ipynb"):
    path = folder / student / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def rows(output):
    with (output / "grades.csv").open(encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def graded(tmp_path_factory, released):
    """Grade a class; return (the rows of grades.csv by student, the output folder, the exit code)."""
    need_sandbox()
    root = tmp_path_factory.mktemp("class")
    source = load(SOLUTIONS / "tiny/tiny.ipynb")
    wrong = load_mutants(FIXTURES / "mutants/tiny.py")["double-check"]["wrong"]["hard-coded"]
    warning = (
        "import sys, warnings\ndef double(values):\n    print('careful', file=sys.stderr)\n"
        "    warnings.warn('careful')\n    return 2 * values"
    )
    students = root / "submissions"
    hand_in(students, "untouched", released)
    hand_in(students, "reference", source)
    hand_in(students, "wrong [x] y", with_answers(source, double=wrong, open="They are <b>small</b>."))
    hand_in(students, "warned", with_answers(released, double=warning))
    hand_in(students, "no cells", {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    hand_in(
        students, "crashed", with_answers(source, double="import os\ndef double(values):\n    os._exit(1)")
    )
    hand_in(students, "renamed", source, "tiny (1).ipynb")
    hand_in(students, "twice", source)
    hand_in(students, "twice", released, "tiny (1).ipynb")
    (students / "empty").mkdir()
    (students / "empty/tiny.ipynb").touch()
    late = hand_in(students, "late", source, "tiny/tiny.ipynb")
    (late.parent / "timestamp.txt").write_text("2026-03-03 12:00:00.000000 UTC")
    out = root / "out"
    words = ["grade", "--submissions", str(students), "--output", str(out), "--due", "2026-03-01T18:00+00:00"]
    code = main([*HERE, *words, "--workers", "2", "--seconds", "20"])
    return rows(out), out, code


@pytest.mark.parametrize(
    ("student", "points", "total", "flag"),
    [
        ("untouched", ("0", "0", "0"), "0", ""),
        ("reference", ("3", "1", ""), "4", "grade by hand: open"),
        ("wrong [x] y", ("0", "1", ""), "1", "grade by hand: open"),
        ("warned", ("3", "0", "0"), "3", ""),
        ("no cells", ("0", "0", "0"), "0", "no cell double; no cell bytes; no cell open"),
        ("crashed", ("0", "1", ""), "1", "grade by hand: open; double: it ended the Python process"),
        ("renamed", ("3", "1", ""), "4", "grade by hand: open"),
        ("twice", ("3", "1", ""), "4", "grade by hand: open"),
        ("empty", ("0", "0", "0"), "0", "not a notebook: the file is empty"),
        ("late", ("3", "1", ""), "2.8", "grade by hand: open"),
    ],
)
def test_marks(graded, student, points, total, flag):
    row = graded[0][student]
    assert (row["double-check"], row["bytes-check"], row["open"]) == points
    assert row["total"] == total
    assert row["flags"] == flag


def test_all_were_graded(graded):
    found, out, code = graded
    assert code == 0
    assert set(found) == {path.name for path in (out.parent / "submissions").iterdir()}


def test_late_days_cost_percent_of_the_maximum(graded):
    assert graded[0]["late"]["penalty"] == "1.2"  # two days begun, 10% of 6 points each
    assert graded[0]["late"]["submitted"] == "2026-03-03T12:00:00+00:00"
    assert graded[0]["reference"]["penalty"] == "0"


def test_the_gradebook_has_the_marks(graded):
    found, out, _ = graded
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}") as gradebook:
        assert gradebook.find_submission("tiny", "reference").score == 4
        assert gradebook.find_submission("tiny", "reference").needs_manual_grade
        assert gradebook.find_submission_notebook(
            "tiny", "tiny", "late"
        ).late_submission_penalty == pytest.approx(1.2)
        assert len(gradebook.assignment_submissions("tiny")) == len(found)


def test_each_student_has_feedback_that_names_the_mistake(graded):
    found, out, _ = graded
    pages = {path.parent.name: path.read_text(encoding="utf-8") for path in out.glob("feedback/*/tiny.html")}
    assert set(pages) == set(found)
    assert "hard-coded" in pages["wrong [x] y"]
    assert not any("secret-hidden-test" in page for page in pages.values())


def test_the_report_is_drawn(graded, capsys):
    out = graded[1]
    assert main([*HERE, "report", "--output", str(out)]) == 0
    assert re.search(r"double +3 ", capsys.readouterr().out)
    assert (out / "report.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_no_lab_is_not_graded_and_told(tmp_path, released, capsys):
    need_sandbox()
    hand_in(tmp_path / "in", "ada", {"cells": [], "metadata": {}}, "homework.ipynb")
    hand_in(tmp_path / "in", "ben", released)
    words = ["grade", "--submissions", str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    assert main([*HERE, *words]) == 1
    assert re.search(r"ada +homework +not graded: unknown lab: the labs are tiny", capsys.readouterr().out)
    assert set(rows(tmp_path / "out")) == {"ben"}


# resuming


def test_resuming_grades_only_what_is_new(tmp_path, released, capsys):
    need_sandbox()
    students, out = tmp_path / "in", tmp_path / "out"
    for student in ("ada", "ben", "cleo"):
        hand_in(students, student, with_answers(released, double=RIGHT))
    words = [*HERE, "grade", "--submissions", str(students), "--output", str(out)]
    assert main(words) == 0
    before = {result.student: result.seed for result in Store(out / "results").all()}
    hand_in(students, "ben", with_answers(released, double="def double(values):\n    return values"))
    hand_in(students, "dora", with_answers(released, double=RIGHT))
    (out / "results/cleo/tiny.json").write_text("{")
    capsys.readouterr()
    assert main([*words, "--resume"]) == 0
    printed = capsys.readouterr().out
    assert [name for name in ("ada", "ben", "cleo", "dora") if name in printed] == [
        "ada",
        "ben",
        "cleo",
        "dora",
    ]
    after = {result.student: result for result in Store(out / "results").all()}
    assert after["ada"].seed == before["ada"]
    assert {name: row["total"] for name, row in rows(out).items()} == {
        "ada": "3",
        "ben": "0",
        "cleo": "3",
        "dora": "3",
    }


def test_what_a_teacher_typed_comes_into_table_and_feedback(tmp_path, released):
    need_sandbox()
    students, out = tmp_path / "in", tmp_path / "out"
    hand_in(students, "ada", with_answers(released, double=RIGHT, open="Bytes cost energy."))
    words = [*HERE, "grade", "--submissions", str(students), "--output", str(out)]
    assert main(words) == 0
    assert (rows(out)["ada"]["total"], rows(out)["ada"]["open"]) == ("3", "")
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}") as gradebook:
        grade = gradebook.find_grade("open", "tiny", "tiny", "ada")
        grade.manual_score, grade.needs_manual_grade = 1.5, False
        gradebook.find_comment("open", "tiny", "tiny", "ada").manual_comment = "And time <i>too</i>."
        gradebook.db.commit()
    assert main([*words, "--resume"]) == 0
    assert (rows(out)["ada"]["total"], rows(out)["ada"]["open"], rows(out)["ada"]["flags"]) == (
        "4.5",
        "1.5",
        "",
    )
    assert "Your teacher: And time &lt;i&gt;too&lt;/i&gt;." in (out / "feedback/ada/tiny.html").read_text()


def test_a_grader_that_is_killed_half_way_loses_and_doubles_nothing(tmp_path, released):
    """On PostgreSQL: SIGKILL after the first mark, then the same command with --resume."""
    need_sandbox()
    students, out = tmp_path / "in", tmp_path / "out"
    for number in range(6):
        hand_in(students, f"student{number}", with_answers(released, double=RIGHT))
    with server() as database:
        url = database.database()
        words = [*HERE, "grade", "--submissions", str(students), "--output", str(out), "--gradebook", url]
        command = [sys.executable, "-m", "grading", *words, "--workers", "2"]
        grader = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        first = grader.stdout.readline()
        family = psutil.Process(grader.pid).children(recursive=True)
        os.kill(grader.pid, signal.SIGKILL)
        grader.wait()
        assert first.startswith("student")
        gone, alive = psutil.wait_procs(family, timeout=20)
        assert gone
        assert not alive, "what a killed grader was running ends with it"
        kept = {result.student: result.seed for result in Store(out / "results").all()}
        assert 0 < len(kept) < 6
        assert (
            subprocess.run([*command, "--resume"], cwd=ROOT, capture_output=True, check=False).returncode == 0
        )
        with Gradebook(url) as gradebook:
            scores = {each.student.id: each.score for each in gradebook.assignment_submissions("tiny")}
        assert scores == {f"student{number}": 3 for number in range(6)}
        results = {result.student: result.seed for result in Store(out / "results").all()}
        assert kept.items() <= results.items()
        assert len(rows(out)) == 6


# releasing, collecting, refusing


@pytest.fixture(scope="module")
def packed_course(tmp_path_factory):
    target = tmp_path_factory.mktemp("bundle") / "class.zip"
    assert main(["release", "--bundle", str(target)]) == 0
    return target


def test_the_bundle_holds_the_course_and_no_answer(packed_course):
    with zipfile.ZipFile(packed_course) as packed:
        texts = {name: packed.read(name).decode("utf-8", "replace") for name in packed.namelist()}
    inside = {Path(name).parts[1] for name in texts}
    assert {"labs", "chapters", "effdl", "hwsim", "grading", "Makefile", "requirements.txt"} <= inside
    assert not inside & {"solutions", "tests", ".git", ".venv"}
    sources = [text for name, text in texts.items() if name.endswith((".py", ".md"))]
    for name, text in texts.items():
        if name.endswith(".ipynb"):
            sources += ["".join(cell["source"]) for cell in json.loads(text)["cells"]]
    for lab in (read_lab(ROOT / "solutions", name) for name in names(ROOT / "solutions")):
        checks = [check.source for task in lab.tasks for check in task.checks]
        answers = re.findall(
            r"### BEGIN SOLUTION\n(.*?)\s*### END", "".join(task.source for task in lab.tasks), re.DOTALL
        )
        hidden = [
            "\n".join(part.strip().splitlines()[1:-1]) for check in checks for part in HIDDEN.findall(check)
        ]
        assert all(hidden)
        for secret in [*hidden, *(answer for answer in answers if len(answer) > 40)]:
            assert not any(secret in source for source in sources)


def test_a_bundle_of_one_lab_and_never_over_what_is_there(tmp_path, packed_course):
    again = tmp_path / "again.zip"
    assert main(["release", "cost", "--bundle", str(again)]) == 0
    with zipfile.ZipFile(again) as packed:
        labs = {name.split("/", 1)[1] for name in packed.namelist() if Path(name).parts[1] == "labs"}
    assert labs == {"labs/cost/cost.ipynb", "labs/.released/cost/cost.ipynb"}
    before = packed_course.read_bytes()
    assert main(["release", "--bundle", str(packed_course)]) == 2
    assert packed_course.read_bytes() == before


def test_what_the_bundle_points_to_is_in_it(packed_course):
    with zipfile.ZipFile(packed_course) as packed:
        content = {Path(*Path(name).parts[1:]): packed.read(name) for name in packed.namelist()}
    texts = {path: text.decode() for path, text in content.items() if path.suffix == ".md"}
    marks = {mark for text in texts.values() for mark in re.findall(r"^\((\S+)\)=$", text, re.MULTILINE)}
    links = [(path, link) for path, text in texts.items() for link in links_of(text) if link not in marks]
    assert len(links) > 10
    inside = set(content) | {path.with_suffix("") for path in content}  # the book's links have no suffix
    for path, link in links:
        assert Path(os.path.normpath(path.parent / link)) in inside, f"{path} links to {link}"
    assert {path.relative_to(ROOT) for path in start.LEARNER.rglob("*.json")} <= set(content)


def links_of(text):
    """The relative links and pictures of a Markdown text, without the part after #."""
    tokens = [inner for token in markdown.parse(text) for inner in token.children or []]
    found = [urlsplit(token.attrs.get("href") or token.attrs.get("src") or "") for token in tokens]
    return [unquote(parts.path) for parts in found if parts.path and not (parts.scheme or parts.netloc)]


def test_grading_refuses_without_a_sandbox(tmp_path, released, capsys, monkeypatch):
    hand_in(tmp_path, "ada", released)
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    sandbox.require.cache_clear()
    words = ["grade", "--submissions", str(tmp_path), "--output", str(tmp_path / "out")]
    try:
        assert main([*HERE, *words]) == 2
    finally:
        sandbox.require.cache_clear()
    error = capsys.readouterr().err
    assert "never without one. Install it: apt install bubblewrap" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_submissions_could_read_is_refused(tmp_path, released, capsys):
    need_sandbox()
    hand_in(tmp_path, "ada", released)
    words = ["grade", "--submissions", str(tmp_path), "--output", "/usr/local/grades"]
    assert main([*HERE, *words]) == 2
    assert "/usr/local/grades stands in /usr, which submissions can read: move it" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["release", "collect", "grade", "report", "validate", "prove"])
def test_each_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: python -m grading {command}")
    assert len(text.splitlines()) > 5


def test_ctrl_c_tells_how_to_go_on(tmp_path, released):
    need_sandbox()
    slow = "import time\ndef double(values):\n    time.sleep(60)"
    for number in range(2):
        hand_in(tmp_path / "in", f"student{number}", with_answers(released, double=slow))
    words = [*HERE, "grade", "--submissions", str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    grader = subprocess.Popen(
        [sys.executable, "-m", "grading", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    family = wait_for_sandboxes(grader.pid)
    grader.send_signal(signal.SIGINT)
    _, error = grader.communicate(timeout=30)
    assert grader.returncode == 130
    assert "go on with --resume" in error
    assert not psutil.wait_procs(family, timeout=20)[1]


def wait_for_sandboxes(pid, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        family = psutil.Process(pid).children(recursive=True)
        if any(process.name() == "bwrap" for process in family):
            return family
        time.sleep(0.1)
    pytest.fail("no sandbox was started")
