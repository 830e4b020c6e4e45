"""Run a submission and take its points: nbgrader's own run.

The student's code runs as the user who grades, without a sandbox. Grade only what you would also open and run.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from nbconvert.preprocessors import ClearMetadataPreprocessor, CSSHTMLHeaderPreprocessor
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    Execute,
    GetGrades,
    LimitOutput,
    NbGraderPreprocessor,
    SaveAutoGrades,
)

from grading.course import config, convert
from grading.notebook import load
from grading.release import generate
from grading.transplant import answers, transplant

SECONDS_A_CELL = 120
KERNEL_ARGUMENTS = ["--HistoryManager.hist_file=:memory:", "--log-level=ERROR"]


@dataclass(frozen=True)
class Result:
    """The outcome for one submission.

    `points` by `grade_id`, None where somebody must grade by hand; `feedback` is a page of HTML; `flag` says what
    a teacher should look at, "" if nothing; `failed` tells that the submission could not be run.
    """

    points: dict[str, float | None] = field(default_factory=dict)
    feedback: str = ""
    flag: str = ""
    failed: bool = False


class DropWarnings(NbGraderPreprocessor):
    """Drop what a graded cell wrote to stderr: nbgrader would take all points for a warning."""

    def preprocess_cell(self, cell, resources, index):
        """Keep all outputs of a cell but its stderr."""
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        return cell, resources


class HideTests(ClearHiddenTests):
    """Remove the hidden tests from feedback, also where a traceback quotes them."""

    def preprocess_cell(self, cell, resources, index):
        """Clear the source, and of errors keep the message alone."""
        cell, resources = super().preprocess_cell(cell, resources, index)
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
            for output in cell.outputs:
                if output.output_type == "error":
                    output.traceback = [f"{output.ename}: {output.evalue}"]
        return cell, resources


class NbgraderRun:
    """nbgrader in a temporary course folder: prepared once, then one `grade` for each submission."""

    def __init__(self, root: Path, solutions: Path, labs: list[str]):
        """Release the labs into the folder `root`. Raises LabError."""
        self.root = Path(root)
        self.released = {}
        for name in labs:
            self.released[name] = load(generate(self.root, solutions, name) / f"{name}.ipynb")
        self.settings = config(self.root)
        self.settings.Execute.timeout = SECONDS_A_CELL
        self.settings.Execute.extra_arguments = KERNEL_ARGUMENTS
        self.settings.Autograde.autograde_preprocessors = [
            Execute,
            DropWarnings,
            ClearMetadataPreprocessor,
            LimitOutput,
            SaveAutoGrades,
            CheckCellMetadata,
        ]
        self.settings.GenerateFeedback.preprocessors = [GetGrades, HideTests, CSSHTMLHeaderPreprocessor]
        self.graded = 0

    def grade(self, lab: str, path: Path) -> Result:
        """Grade one submitted notebook; whatever is wrong with it, return a Result.

        Raises NotebookError for a file that is no notebook.
        """
        notebook, missing = transplant(self.released[lab], answers(load(path)))
        self.graded += 1
        student = f"student-{self.graded}"  # nbgrader's patterns do not bear every folder's name
        target = self.root / "submitted" / student / lab / f"{lab}.ipynb"
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps(notebook), encoding="utf-8")
        where = {"assignment_id": lab, "student_id": student}
        try:
            convert(Autograde, self.settings, **where)
            convert(GenerateFeedback, self.settings, **where)
        except RuntimeError as error:
            return Result(flag=f"could not be run: {error}", failed=True)
        points = self._points(lab, student)
        flags = [f"no cell {name}" for name in missing]
        flags += [f"grade by hand: {name}" for name, value in points.items() if value is None]
        feedback = (self.root / "feedback" / student / lab / f"{lab}.html").read_text(encoding="utf-8")
        return Result(points, feedback, "; ".join(flags))

    def _points(self, lab: str, student: str) -> dict[str, float | None]:
        with Gradebook(self.settings.CourseDirectory.db_url) as gradebook:
            grades = gradebook.find_submission_notebook(lab, lab, student).grades
            return {grade.name: None if grade.needs_manual_grade else grade.score for grade in grades}
