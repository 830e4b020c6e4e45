"""The check of the twin cells sees every change of code, and none of docstrings and type hints."""

import pytest
from course import code, write

from tools import twins

LIBRARY = '''
"""A module."""
LIMIT = 3

def double(x: float) -> float:
    """Twice x."""
    return 2 * x  # of course

class Box:
    """A box."""

    def open(self):
        """Open it."""
        return self
'''


def found(tmp_path, source, library=LIBRARY):
    (tmp_path / "effdl" / "compress").mkdir(parents=True)
    (tmp_path / "effdl" / "compress" / "box.py").write_text(library)
    write(tmp_path / "chapters" / "02_box.ipynb", code("the-code", source, tags=["library"]))
    return list(twins.problems(tmp_path))


@pytest.mark.parametrize(
    "source",
    [
        "def double(x: float) -> float:\n    return 2*x",
        "def double(x):\n    return 2 * x",
        'import math\n\nLIMIT = 3\n\ndef double(x: float) -> float:\n    "short"\n    return (2 * x)',
        "class Box:\n    def open(self):\n        return self",
    ],
)
def test_the_same_code_is_no_problem(tmp_path, source):
    assert found(tmp_path, source) == []


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "def double(x: float) -> float:\n    return 3 * x",
            "`return 3 * x`, the library has `return 2 * x`",
        ),
        ("def double(y):\n    return 2 * y", "`def double(y):`"),
        ("LIMIT = 4", "the page has `LIMIT = 4`, the library has `LIMIT = 3`"),
        ("class Box:\n    def open(self):\n        pass\n        return self", "only the page has `pass`"),
        ("class Box:\n    pass", "the library has `def open(self):`"),
        ("def treble(x):\n    return 3 * x", "`treble` is in none of effdl, hwsim"),
        ("print(1)", "`print(1)`: a library cell only defines"),
        ("def double(:", "a library cell is plain Python, line 1 is not"),
        ("%matplotlib inline", "a library cell is plain Python, line 1 is not"),
    ],
)
def test_each_difference_is_told(tmp_path, source, reason):
    problems = found(tmp_path, source)
    assert len(problems) == 1
    assert problems[0].startswith("chapters/02_box.ipynb:the-code: ")
    assert reason in problems[0]


def test_a_name_that_stands_twice_is_told(tmp_path):
    (tmp_path / "hwsim").mkdir()
    (tmp_path / "hwsim" / "other.py").write_text("def double():\n    pass\n")
    (problem,) = found(tmp_path, "def double(x: float) -> float:\n    return 2 * x")
    assert "defined 2 times" in problem
    assert "effdl/compress/box.py:5" in problem
    assert "hwsim/other.py:1" in problem


def test_untagged_cells_are_free(tmp_path):
    write(tmp_path / "chapters" / "02_box.ipynb", code("plot", "def anything():\n    pass"))
    assert list(twins.problems(tmp_path)) == []
