"""Write what grading found: `grades.csv` and a page of feedback for each submission."""

import csv
from dataclasses import dataclass
from pathlib import Path

from grading.run import Result


@dataclass(frozen=True)
class Grade:
    """One row of the grades: a submission, its result, and the points that the lab gives for each cell."""

    student: str
    lab: str
    result: Result
    possible: dict[str, float]

    @property
    def points(self) -> dict[str, float | None]:
        """The points of each graded cell: none where the submission could not be run."""
        return {name: self.result.points.get(name, 0.0) for name in self.possible}

    @property
    def total(self) -> float:
        """All points but those that are graded by hand."""
        return sum(value for value in self.points.values() if value is not None)

    def line(self) -> str:
        """One line for the terminal."""
        flag = f"   {self.result.flag}" if self.result.flag else ""
        return f"{self.student:<24} {self.lab:<20} {self.total:5g} / {sum(self.possible.values()):g}{flag}"


def write_grades(path: Path, grades: list[Grade]) -> None:
    """Write one row a submission; the file is replaced in one step.

    Columns: student, lab, a column for each graded cell (empty where it is graded by hand, or where another lab
    has it), total, max, flag.
    """
    cells = list(dict.fromkeys(name for grade in grades for name in grade.possible))
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, ["student", "lab", *cells, "total", "max", "flag"], restval="")
        rows.writeheader()
        for grade in grades:
            points = {name: "" if value is None else f"{value:g}" for name, value in grade.points.items()}
            sums = {"total": f"{grade.total:g}", "max": f"{sum(grade.possible.values()):g}"}
            about = {"student": grade.student, "lab": grade.lab, "flag": grade.result.flag}
            rows.writerow(about | points | sums)
    part.replace(path)


def write_feedback(folder: Path, grade: Grade) -> None:
    """Write `folder/STUDENT/LAB.html`; nothing where there is no feedback."""
    if grade.result.feedback:
        target = folder / grade.student / f"{grade.lab}.html"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(grade.result.feedback, encoding="utf-8")
