"""Results of grading the fixture lab, for tests of what comes after grading."""

from pathlib import Path

from grading.lab import read_lab
from grading.result import Result

SOLUTIONS = Path(__file__).resolve().parent / "fixtures/solutions"
LAB = read_lab(SOLUTIONS, "tiny")
WRONG, RIGHT = (0.0, 0.0), (3.0, 1.0)


def result(student="ada", points=RIGHT, open_points=None, **changes):
    given = dict(zip(("double-check", "bytes-check", "open"), (*points, open_points), strict=True))
    values = {
        "student": student,
        "lab": "tiny",
        "possible": LAB.points,
        "points": given,
        "messages": {},
        "hints": {},
        "answers": {"double": "def double(values): ...", "bytes": "...", "open": "Bytes are slow."},
        "outputs": {},
        "flags": (),
        "failed": False,
        "seed": 1,
        "submitted": "2026-03-01T12:00:00+01:00",
        "digest": "0" * 64,
    }
    return Result(**values | changes)
