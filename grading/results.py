"""Keep results: a file a submission, so that nothing is lost and grading can be resumed, and the table `grades.csv`."""

import csv
import json
import math
from datetime import datetime
from pathlib import Path

from grading.assignments import Assignment
from grading.collect import Submission
from grading.files import replace_text
from grading.result import Result, Typed
from grading.text import one_line, storable

SECONDS_A_DAY = 24 * 60 * 60
NOTHING = Typed({}, {})


class ResultsError(ValueError):
    """A file of results that cannot be read; the message says what to do."""


class Store:
    """Results in a folder, as `STUDENT/LAB.json`, each written in one step."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)

    def keep(self, assignment: Assignment, result: Result, typed: Typed = NOTHING) -> None:
        """Write a result, what a teacher typed, and for which state of the lab it counts."""
        kept = {
            "lab": assignment.digest,
            "typed": typed._asdict(),
            "result": json.loads(result.to_json()),
        }
        replace_text(self._path(result.student, result.lab), json.dumps(kept, indent=1))

    def find(self, assignment: Assignment, submission: Submission) -> Result | None:
        """The result of exactly this submission for exactly this lab, without what was typed; None where there is none."""
        try:
            kept = json.loads(self._path(submission.student, submission.lab).read_text(encoding="utf-8"))
            result = Result.from_json(json.dumps(kept["result"]))
        except (OSError, ValueError, KeyError, TypeError):  # none yet, or of another version: grade anew
            return None
        same = kept["lab"] == assignment.digest and result.digest == submission.digest
        return result if same else None

    def all(self) -> list[Result]:
        """All results with what was typed, ordered by student and lab. Raises ResultsError for a damaged file."""
        return [_read(path) for path in sorted(self.folder.glob("*/*.json"))]

    def _path(self, student: str, lab: str) -> Path:
        return self.folder / student / f"{lab}.json"


def _read(path: Path) -> Result:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Result.from_json(json.dumps(kept["result"])).with_typed(Typed(**kept["typed"]))
    except (ValueError, KeyError, TypeError):
        raise ResultsError(f"{path} is damaged: remove it, and grade this submission again") from None


def line(result: Result) -> str:
    """A result as one line for the terminal."""
    late = f"   late: {result.penalty:g} points off" if result.penalty else ""
    flags = f"   {'; '.join(result.flags)}" if result.flags else ""
    text = f"{result.student:<24} {result.lab:<20} {result.total:5g} / {result.maximum:g}{late}{flags}"
    return one_line(text)


def penalty(result: Result, due: datetime, percent: float) -> float:
    """Points off for a late hand-in: some percent of the maximum for each day begun, all points at most.

    Nothing where the time of the hand-in is not known. `due` has a time zone.
    """
    if not result.submitted:
        return 0.0
    late = (datetime.fromisoformat(result.submitted) - due).total_seconds()
    days = math.ceil(late / SECONDS_A_DAY)
    return min(result.maximum, days * percent / 100 * result.maximum) if days > 0 else 0.0


def write_grades(path: Path, results: list[Result]) -> None:
    """Write one row a submission, ordered by student and lab; the file is replaced in one step.

    Columns: student, lab, a column for each graded cell (empty where it is graded by hand, or where another lab
    has it), penalty, total, max, flags, submitted, seed.
    """
    cells = list(dict.fromkeys(name for result in results for name in result.possible))
    columns = ["student", "lab", *cells, "penalty", "total", "max", "flags", "submitted", "seed"]
    part = path.with_name(f".{path.name}.part")
    with part.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, columns, restval="")
        rows.writeheader()
        for result in sorted(results, key=lambda result: (result.student, result.lab)):
            points = {name: "" if value is None else f"{value:g}" for name, value in result.points.items()}
            rows.writerow(
                points
                | {
                    "student": _cell(result.student),
                    "lab": result.lab,
                    "penalty": f"{result.penalty:g}",
                    "total": f"{result.total:g}",
                    "max": f"{result.maximum:g}",
                    "flags": _cell("; ".join(result.flags)),
                    "submitted": result.submitted,
                    "seed": result.seed,
                }
            )
    part.replace(path)


def _cell(text: str) -> str:
    """A text that a spreadsheet does not take for a formula, and that UTF-8 can say."""
    text = storable(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text
