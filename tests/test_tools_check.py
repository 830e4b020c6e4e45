"""`python -m tools.check`: one line a stage, problems below, an exit code."""

import shutil
from pathlib import Path

import pytest
from course import chapter, code, write

from tools import check

ROOT = Path(__file__).resolve().parent.parent
WRONG = "wie" + "ghts"  # in two parts, or the check would find it here


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A course with one good chapter."""
    monkeypatch.setenv("MYPY_CACHE_DIR", str(ROOT / ".mypy_cache"))  # each test with its own would be slow
    write(tmp_path / "chapters" / "02_pruning.ipynb", *chapter())
    (tmp_path / "effdl").mkdir()
    (tmp_path / "effdl" / "numbers.py").write_text(
        '"""Numbers."""\n\n\ndef double(x):\n    """Twice x."""\n    return 2 * x\n'
    )
    (tmp_path / "hwsim").mkdir()
    (tmp_path / "hwsim" / "__init__.py").write_text('"""A simulator."""\n')
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def stages(text):
    """The result of each stage that was printed."""
    return {line[:24].strip(): line[24:].split("  ")[0] for line in text.splitlines() if line[0].isalpha()}


def test_a_good_course_passes_every_stage(tree, capsys):
    cells = chapter()
    cells[2]["source"] = (
        "from effdl.claims import claim\nfrom effdl.widgets import Prediction\n\n" + cells[2]["source"]
    )
    write(tree / "chapters" / "02_pruning.ipynb", *cells)
    assert check.main(tree) == 0
    assert set(stages(capsys.readouterr().out).values()) == {"ok"}


@pytest.mark.parametrize(
    ("stage", "path", "source"),
    [
        ("ruff check", "effdl/one.py", '"""One."""\n\nimport os\n'),
        ("ruff format", "effdl/one.py", '"""One."""\n\nx = [1,2]\n'),
        (
            "type hints",
            "hwsim/one.py",
            '"""One."""\n\n\ndef one() -> str:\n    """Give one."""\n    return 1\n',
        ),
        ("spelling", "effdl/one.py", f'"""{WRONG}."""\n'),
        ("spelling", "README.md", f"The {WRONG}.\n"),
        ("notebook form", "solutions/a/a.ipynb", "not a notebook"),
    ],
)
def test_a_planted_fault_fails_its_stage(tree, capsys, stage, path, source):
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text(source)
    assert check.main(tree) == 1
    out = capsys.readouterr().out
    assert "to change" in stages(out)[stage]
    assert f"  {path}" in out


def test_words_in_a_notebook_are_spelled_right(tree, capsys):
    cells = chapter()
    cells[1]["source"] += f"\n\nThe {WRONG}."
    write(tree / "chapters" / "02_pruning.ipynb", *cells)
    assert check.main(tree) == 1
    assert f"  chapters/02_pruning.ipynb/predict:3: {WRONG} ==> weights" in capsys.readouterr().out


def test_ruff_reads_notebooks(tree, capsys):
    write(tree / "solutions" / "a" / "a.ipynb", code("a1", "import os"))
    assert check.main(tree) == 1
    assert "solutions/a/a.ipynb:cell 1" in capsys.readouterr().out


def test_broken_notebooks_do_not_stop_the_other_stages(tree, capsys):
    (tree / "chapters" / "03_sparsity.ipynb").write_text("{")
    assert check.main(tree) == 1
    assert list(stages(capsys.readouterr().out)) == list(check.STAGES)
