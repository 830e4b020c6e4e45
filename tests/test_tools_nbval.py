"""The root conftest: what nbval compares, and how a released lab must fail."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from course import code, printed, write

ROOT = Path(__file__).resolve().parent.parent
CHECKED = {"tags": ["NBVAL_CHECK_OUTPUT"]}
NBGRADER = {"grade": True, "solution": False, "locked": True, "schema_version": 3, "points": 1}
STUB = code("stub", "def f():\n    raise NotImplementedError()")


def graded(name, source):
    return code(name, source, nbgrader=NBGRADER | {"grade_id": name})


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What nbval says of each cell of three notebooks, in two processes as `make test` runs them."""
    root = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "conftest.py", root)
    (root / "pytest.ini").write_text("[pytest]\n")
    write(
        root / "chapters" / "a.ipynb",
        code("same", "print(1)", [printed("1\n")], **CHECKED),
        code("other", "print(2)", [printed("1\n")], **CHECKED),
        code("untagged", "print(3)"),
    )
    write(
        root / "labs" / "a.ipynb",
        STUB,
        graded("unsolved", "f()"),
        graded("passes", "1"),
        graded("other-error", "f(1)"),
        graded("wrong", "assert False, 'wrong'"),
        code("ungraded", "f()"),
        code("plot", "1"),
    )
    write(root / "solutions" / "a.ipynb", STUB, graded("unsolved", "f()"), graded("solved", "1"))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval-lax",
        "chapters",
        "labs",
        "solutions",
        "-rA",
        "-n",
        "2",
    ]
    command += ["--dist", "loadfile", "--nbval-cell-timeout", "60", "-p", "no:cacheprovider"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    found = re.findall(r"^(PASSED|FAILED|XFAIL) (\w+)/a\.ipynb::Cell (\d+)", result.stdout, re.MULTILINE)
    assert len(found) == 13, result.stdout + result.stderr
    return {(folder, int(cell)): outcome for outcome, folder, cell in found}


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        # a tagged output is compared, others are not
        ("chapters", "PASSED FAILED PASSED"),
        # stub, unsolved, passes, another error, a failed assertion, an ungraded cell that fails, one that passes
        ("labs", "PASSED XFAIL FAILED FAILED FAILED FAILED PASSED"),
        # in a solution nothing may fail
        ("solutions", "PASSED FAILED PASSED"),
    ],
)
def test_outcomes(outcomes, folder, expected):
    cells = sorted(cell for where, cell in outcomes if where == folder)
    assert [outcomes[folder, cell] for cell in cells] == expected.split()
