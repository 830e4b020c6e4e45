"""`tools/environment.py`: one clear line for what is missing, and no second installation."""

import ast
import builtins
import sys
from pathlib import Path

import pytest

from tools import environment


@pytest.fixture
def course(tmp_path, monkeypatch):
    """An empty course folder; what would be made and installed is recorded instead."""
    for name in ("requirements.txt", "constraints.txt", "pyproject.toml"):
        (tmp_path / name).write_text(name)
    done = []
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")

    def make():
        done.append("venv")
        python = environment.venv_python()
        python.parent.mkdir(parents=True)
        python.touch()

    monkeypatch.setattr(environment, "make_venv", make)
    monkeypatch.setattr(environment, "install", lambda requirements: done.append(tuple(requirements)))
    return tmp_path, done


def test_the_second_call_installs_nothing(course):
    _, done = course
    environment.main(["requirements.txt"])
    assert done == ["venv", ("requirements.txt",)]
    environment.main(["requirements.txt"])
    assert len(done) == 2


@pytest.mark.parametrize("name", ["requirements.txt", "constraints.txt", "pyproject.toml"])
def test_a_change_installs_again_into_the_same_environment(course, name):
    folder, done = course
    environment.main(["requirements.txt"])
    (folder / name).write_text("changed")
    environment.main(["requirements.txt"])
    assert done == ["venv", ("requirements.txt",), ("requirements.txt",)]


def test_a_copy_without_tests_gets_one_line(course):
    _, done = course
    with pytest.raises(
        SystemExit,
        match=r"^From Weights to Silicon: requirements-test\.txt is not in this copy of the course; .* without tests\.$",
    ):
        environment.main(["requirements.txt", "requirements-test.txt"])
    assert done == []


def test_an_installation_that_fails_is_tried_again(course, monkeypatch):
    _, done = course

    def fail(requirements):
        raise SystemExit("no network")

    with monkeypatch.context() as patch:
        patch.setattr(environment, "install", fail)
        with pytest.raises(SystemExit, match="no network"):
            environment.main(["requirements.txt"])
    monkeypatch.setattr(environment, "make_venv", lambda: done.append("venv again"))
    environment.main(["requirements.txt"])
    assert done == ["venv", "venv again", ("requirements.txt",)]


def test_an_old_python_gets_one_line(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 8, 10))
    with pytest.raises(
        SystemExit, match=r"^From Weights to Silicon: Python 3.8 is too old.*PYTHON=python3.12$"
    ):
        environment.refuse_an_old_python()


def test_the_refusal_comes_before_anything_that_an_old_python_lacks():
    """Python 3.4 must be able to read the file, and to reach the refusal with no other import than sys."""
    tree = ast.parse(Path(environment.__file__).read_text(), feature_version=(3, 4))
    before = []
    for node in tree.body:
        if isinstance(node, ast.Expr) and ast.unparse(node) == "refuse_an_old_python()":
            break
        before.append(node)
    imports = [ast.unparse(node) for node in before if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports == ["import sys"]


def test_a_python_without_venv_gets_one_line(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name in ("venv", "ensurepip"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SystemExit, match=r"no venv module.*apt install python3\.\d+-venv"):
        environment.make_venv()
