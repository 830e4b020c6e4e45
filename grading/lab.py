"""What a lab asks: its tasks, the cells that check them, their points."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from grading.notebook import load, nbgrader

HIDDEN = re.compile(r"^[^\n]*BEGIN HIDDEN TESTS.*?END HIDDEN TESTS[^\n]*\n?", re.MULTILINE | re.DOTALL)


class LabError(ValueError):
    """A lab that cannot be released or graded; the message says what to change."""


@dataclass(frozen=True)
class Check:
    """A graded cell: its `grade_id`, its points, its source with the hidden tests, the functions that it calls."""

    name: str
    points: float
    source: str
    calls: tuple[str, ...]

    @property
    def visible(self) -> str:
        """The source that a student sees."""
        return HIDDEN.sub("", self.source)


@dataclass(frozen=True)
class Task:
    """A solution cell and the graded cells that follow it up to the next solution cell."""

    name: str
    source: str
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Lab:
    """A lab as its source in `solutions/` has it.

    `open_questions` are answered in text and graded by hand: points by `grade_id`.
    """

    name: str
    notebook: dict
    tasks: tuple[Task, ...]
    open_questions: dict[str, float]

    @property
    def points(self) -> dict[str, float]:
        """The points of every graded cell by its `grade_id`, in the order of the notebook."""
        return {
            check.name: check.points for task in self.tasks for check in task.checks
        } | self.open_questions

    @property
    def setup(self) -> list[str]:
        """The sources of the code cells that are neither answers nor checks."""
        code = [cell for cell in self.notebook["cells"] if cell["cell_type"] == "code"]
        return [
            cell["source"]
            for cell in code
            if not (nbgrader(cell).get("grade") or nbgrader(cell).get("solution"))
        ]

    @property
    def checks_of(self) -> dict[str, list[str]]:
        """The graded cells of each answer cell, by `grade_id`; an open question is its own."""
        tasks = {task.name: [check.name for check in task.checks] for task in self.tasks}
        return tasks | {name: [name] for name in self.open_questions}


def functions(source: str) -> list[str]:
    """The names of the functions that a solution cell defines. Raises LabError for one that is no Python."""
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise LabError(f"a solution cell is no Python: {error}") from None
    return [node.name for node in body if isinstance(node, ast.FunctionDef)]


def names(solutions: Path) -> list[str]:
    """The names of all labs below a folder of solutions."""
    return sorted(path.stem for path in Path(solutions).glob("*/*.ipynb") if path.stem == path.parent.name)


def read_lab(solutions: Path, name: str) -> Lab:
    """Read `solutions/NAME/NAME.ipynb`.

    Raises LabError for a name that is no lab, NotebookError for a file that is no notebook.
    """
    if name not in names(solutions):
        raise LabError(f"unknown lab {name}: the labs are {', '.join(names(solutions)) or '(none)'}")
    notebook = load(Path(solutions) / name / f"{name}.ipynb")
    tasks, questions = [], {}
    for cell in notebook["cells"]:
        about = nbgrader(cell)
        if about.get("grade") and about.get("solution"):
            questions[about["grade_id"]] = float(about["points"])
        elif about.get("solution"):
            tasks.append(Task(about["grade_id"], cell["source"], ()))
        elif about.get("grade"):
            if not tasks:
                raise LabError(
                    f"{name}: the graded cell {about['grade_id']} stands before every solution cell"
                )
            calls = tuple(functions(tasks[-1].source))
            check = Check(about["grade_id"], float(about["points"]), cell["source"], calls)
            tasks[-1] = Task(tasks[-1].name, tasks[-1].source, (*tasks[-1].checks, check))
    return Lab(name, notebook, tuple(tasks), questions)
