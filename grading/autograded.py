"""The files of a course folder from which nbgrader's formgrader shows a submission.

- `autograded/STUDENT/LAB/LAB.ipynb`: the released lab with the student's answers. A teacher opens it in the browser, so
  it brings no script and no HTML: Markdown stands in a code fence, and of the outputs only text, errors and PNG pictures
  are left. Below each graded cell stands why it lost its points.
- `timestamp.txt` there and in `submitted/STUDENT/LAB`: formgrader takes a submission for ungraded unless both, and the
  gradebook, say the same time. The submitted notebook itself is left where it is: without it formgrader's own button
  "autograde", which would run the student's code without a sandbox, finds nothing to run.
"""

import re
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from grading.files import replace_text
from grading.notebook import nbgrader
from grading.outputs import Outputs
from grading.result import Result
from grading.text import storable

TIME = "timestamp.txt"


def shown(released: NotebookNode, result: Result) -> NotebookNode:
    """Copy the released lab with the student's answers and safe outputs in it, and the reasons for lost points."""
    notebook = nbformat.from_dict(released)
    for cell in notebook.cells:
        about = nbgrader(cell)
        name = about.get("grade_id")
        if about.get("solution") and name in result.answers:
            text = storable(result.answers[name])
            cell.source = text if cell.cell_type == "code" else _fenced(text)
        if cell.cell_type == "code":
            cell.outputs = _safe(result.outputs.get(name, []))
            reason = "\n".join(words[name] for words in (result.messages, result.hints) if name in words)
            if reason:
                cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=storable(reason)))
    return notebook


def write(course_folder: Path, student: str, notebook: NotebookNode, result: Result) -> None:
    """Write the files of a submission into the course folder, each in one step."""
    lab = Path(student) / result.lab
    folder = Path(course_folder) / "autograded" / lab
    handed_in = Path(course_folder) / "submitted" / lab
    replace_text(folder / f"{result.lab}.ipynb", nbformat.writes(notebook))
    original = handed_in / f"{result.lab}.ipynb"
    # where the submission itself stands, its time came with it and is left alone
    for target in [folder] if original.exists() else [folder, handed_in]:
        if result.submitted:
            replace_text(target / TIME, result.submitted)
        else:
            target.mkdir(parents=True, exist_ok=True)
            (target / TIME).unlink(missing_ok=True)


def link_sources(course_folder: Path, solutions: Path) -> None:
    """Let formgrader find the labs' sources in the course folder: it lists no lab without one."""
    there = Path(course_folder) / "solutions"
    if not there.exists():
        there.symlink_to(Path(solutions).resolve(), target_is_directory=True)


def _fenced(text: str) -> str:
    """Text as a code block of Markdown; no line of it can end the block."""
    fence = "`" * (1 + max([2, *map(len, re.findall("`+", text))]))
    return f"{fence}\n{text}\n{fence}"


def _safe(outputs: list[dict]) -> list[NotebookNode]:
    """Outputs, taken through the filter of grading once more: a result may have been kept as a file."""
    safe = Outputs()
    for output in outputs:
        safe.add(output.get("output_type"), output)
    return [nbformat.from_dict(output) for output in safe.cells]
