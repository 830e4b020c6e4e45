"""Everything that grading must know of a lab, in one value that can be sent to another machine."""

import hashlib
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grading.lab import Lab, read_lab
from grading.notebook import load, nbgrader
from grading.proof import load_mutants
from grading.release import generate


@dataclass(frozen=True)
class Assignment:
    """A lab to grade: its source, its released form, the known mistakes by graded cell."""

    lab: Lab
    released: dict
    mistakes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def cells(self) -> list[tuple[str, str]]:
        """The code cells that a student's kernel runs, in order: the `grade_id` of an answer cell or "", the source."""
        code = [cell for cell in self.released["cells"] if cell["cell_type"] == "code"]
        return [
            (about["grade_id"] if about.get("solution") else "", cell["source"])
            for cell in code
            if not (about := nbgrader(cell)).get("grade")
        ]

    @property
    def digest(self) -> str:
        """SHA-256 of all that can change a mark; another one asks for grading anew."""
        told = {"released": self.released, "tester": self.for_tester(), "points": self.lab.points}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def for_tester(self) -> dict[str, Any]:
        """What the tester is told, as plain data."""
        return {
            "setup": self.lab.setup,
            "tasks": {task.name: task.source for task in self.lab.tasks},
            "checks": {
                check.name: {
                    "task": task.name,
                    "source": check.source,
                    "calls": list(check.calls),
                    "mistakes": self.mistakes.get(check.name, {}),
                }
                for task in self.lab.tasks
                for check in task.checks
            },
        }


def read_assignment(solutions: Path, mutants: Path, name: str) -> Assignment:
    """Read a lab and its known mistakes, if it has any, and make its released form.

    Raises LabError and NotebookError, as `read_lab` does.
    """
    lab = read_lab(solutions, name)
    with tempfile.TemporaryDirectory() as folder:
        released = load(generate(Path(folder), solutions, name) / f"{name}.ipynb")
    file = Path(mutants) / f"{name}.py"
    known = load_mutants(file) if file.exists() else {}
    return Assignment(lab, released, {check: answers["wrong"] for check, answers in known.items()})
