"""Every lab is built by the rules, and the committed labs are exactly what their solutions give."""

import ast
import re
from pathlib import Path

import pytest

from grading.lab import names, read_lab
from grading.notebook import load, nbgrader
from grading.release import RELEASED, release

ROOT = Path(__file__).resolve().parent.parent
NAMES = names(ROOT / "solutions")


@pytest.fixture(params=NAMES)
def lab(request):
    return read_lab(ROOT / "solutions", request.param)


def functions(source):
    return [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]


def is_typed_answer(task):
    return any(re.search(r"\banswer\(", check.source) for check in task.checks)


def files(folder):
    """All files below a folder, by relative path, with their bytes; JupyterLab's checkpoints left out."""
    paths = (path for path in folder.rglob("*") if path.is_file() and ".ipynb_checkpoints" not in path.parts)
    return {path.relative_to(folder): path.read_bytes() for path in paths}


def test_each_solution_has_its_lab_and_the_other_way_round():
    for labs in (ROOT / "labs", ROOT / "labs" / RELEASED):
        folders = {path.name for path in labs.iterdir() if path.is_dir() and path.name[0] != "."}
        assert folders == set(NAMES), "run `make labs`"


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_lab_is_what_the_solution_gives(name, tmp_path):
    release(name, ROOT / "solutions", tmp_path)
    for where in (Path(name), Path(RELEASED, name)):
        made = files(tmp_path / where)
        assert made
        assert made == files(ROOT / "labs" / where), "run `make labs` and commit what it changes"


@pytest.mark.parametrize("name", NAMES)
def test_a_lab_tells_no_answer(name):
    lab = read_lab(ROOT / "solutions", name)
    text = (ROOT / "labs" / name / f"{name}.ipynb").read_text(encoding="utf-8")
    for marker in ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS"):
        assert marker not in text
    released = "\n".join(cell["source"] for cell in load(ROOT / "labs" / name / f"{name}.ipynb")["cells"])
    for cell in lab.notebook["cells"]:
        for region in re.findall(r"BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)### END", cell["source"], re.DOTALL):
            assert region.strip() not in released


def test_three_to_five_tasks_typed_answers_and_one_open_question(lab):
    assert 3 <= sum(not is_typed_answer(task) for task in lab.tasks) <= 5
    assert sum(is_typed_answer(task) for task in lab.tasks) >= 2
    assert len(lab.open_questions) == 1


def test_each_task_defines_one_documented_function_and_has_points(lab):
    for task in lab.tasks:
        (function,) = functions(task.source)
        assert ast.get_docstring(function), task.name
        assert "BEGIN SOLUTION" in task.source, task.name
        assert task.checks, f"{task.name} has no graded cell"
        assert all(check.points > 0 for check in task.checks), task.name
        assert any("HIDDEN TESTS" in check.source for check in task.checks), task.name
        if is_typed_answer(task):
            assert not function.args.args, f"{task.name}: a typed answer takes no argument"


def test_one_task_runs_on_hwsim(lab):
    checks = [check.source for task in lab.tasks for check in task.checks]
    assert any("hwsim." in source for source in checks)


def test_assertions_of_the_checks_say_what_is_wrong(lab):
    for task in lab.tasks:
        for check in task.checks:
            for node in ast.walk(ast.parse(check.source)):
                if isinstance(node, ast.Assert):
                    assert node.msg, f"{check.name}: `assert {ast.unparse(node.test)}` has no message"


def test_a_check_ends_with_no_value(lab):
    """nbgrader takes the value of a cell for partial credit."""
    for task in lab.tasks:
        for check in task.checks:
            for source in (check.source, check.visible):
                last = ast.parse(source).body[-1]
                call = isinstance(last, ast.Expr) and isinstance(last.value, ast.Call)
                assert not isinstance(last, ast.Expr) or (call and "print" in ast.unparse(last.value.func)), (
                    f"{check.name}: end with an assertion or an assignment"
                )


def test_header_says_points_and_time(lab):
    head = lab.notebook["cells"][0]["source"]
    total = sum(lab.points.values())
    assert head.startswith("# ")
    assert f"{total:g} points" in head
    assert re.search(r"\d+ (to \d+ )?(minutes|hours?)", head)


def test_the_open_question_has_a_rubric_with_three_sample_answers(lab):
    for cell in lab.notebook["cells"]:
        about = nbgrader(cell)
        if about.get("grade") and about.get("solution"):
            points = about["points"]
            for part in ("BEGIN SOLUTION", f"({points:g} points)", f"({points / 2:g} point", "(0 points)"):
                assert part in cell["source"], f"{about['grade_id']}: no {part}"
