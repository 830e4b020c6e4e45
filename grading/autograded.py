"""The files of a course folder from which nbgrader's formgrader shows a submission.

- `autograded/STUDENT/LAB/LAB.ipynb`: the released lab with the student's answers. A teacher opens it in the browser, so
  it brings no script and no HTML: Markdown stands in a code fence, and of the outputs only text, errors and PNG pictures
  are left. Below each graded cell stands why it lost its points.
- `timestamp.txt` there and in `submitted/STUDENT/LAB`: formgrader takes a submission for ungraded unless both, and the
  gradebook, say the same time. The submitted notebook itself is left where it is: without it formgrader's own button
  "autograde", which would run the student's code without a sandbox, finds nothing to run.
"""

import base64
import binascii
import hashlib
import re
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from grading.notebook import nbgrader
from grading.result import Result

PNG = b"\x89PNG\r\n\x1a\n"


def printable(text: str) -> str:
    """The text without what neither a database nor a web page can hold: NUL, halves of surrogate pairs."""
    return text.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")


def shown(released: NotebookNode, result: Result) -> NotebookNode:
    """Copy the released lab with the student's answers and safe outputs in it, and the reasons for lost points."""
    notebook = nbformat.from_dict(released)
    for cell in notebook.cells:
        about = nbgrader(cell)
        name = about.get("grade_id")
        if about.get("solution") and name in result.answers:
            text = printable(result.answers[name])
            cell.source = text if cell.cell_type == "code" else _fenced(text)
        if cell.cell_type == "code":
            cell.outputs = [safe for output in result.outputs.get(name, []) if (safe := _safe(output))]
            reason = "\n".join(words[name] for words in (result.messages, result.hints) if name in words)
            if reason:
                cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=printable(reason)))
    return notebook


def write(course_folder: Path, student: str, notebook: NotebookNode, result: Result) -> None:
    """Write the files of a submission into the course folder, each in one step."""
    lab = Path(student) / result.lab
    folder = Path(course_folder) / "autograded" / lab
    handed_in = Path(course_folder) / "submitted" / lab
    _replace(folder / f"{result.lab}.ipynb", nbformat.writes(notebook))
    original = handed_in / f"{result.lab}.ipynb"
    # a newer hand-in keeps its own time, so that formgrader tells that it is not graded yet
    newer = original.exists() and hashlib.sha256(original.read_bytes()).hexdigest() != result.digest
    for target in [folder] if newer else [folder, handed_in]:
        if result.submitted:
            _replace(target / "timestamp.txt", result.submitted)
        else:
            target.mkdir(parents=True, exist_ok=True)
            (target / "timestamp.txt").unlink(missing_ok=True)


def link_sources(course_folder: Path, solutions: Path) -> None:
    """Let formgrader find the labs' sources in the course folder: it lists no lab without one."""
    there = Path(course_folder) / "solutions"
    if not there.exists():
        there.symlink_to(Path(solutions).resolve(), target_is_directory=True)


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _fenced(text: str) -> str:
    """Text as a code block of Markdown; no line of it can end the block."""
    fence = "`" * (1 + max([2, *map(len, re.findall("`+", text))]))
    return f"{fence}\n{text}\n{fence}"


def _safe(output: dict) -> NotebookNode | None:
    """The parts of an output that cannot run in a browser; None where nothing is left."""
    kind = output.get("output_type")
    new = nbformat.v4.new_output
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return new(kind, name=name, text=_text(output.get("text", "")))
    if kind == "error":
        name, value = _text(output.get("ename", "")), _text(output.get("evalue", ""))
        return new(kind, ename=name, evalue=value, traceback=[f"{name}: {value}"])
    data = output.get("data", {})
    left = {"text/plain": _text(data["text/plain"])} if "text/plain" in data else {}
    if picture := _png(data.get("image/png")):
        left["image/png"] = picture
    return new("display_data", data=left) if left else None


def _text(text: object) -> str:
    return printable("".join(map(str, text)) if isinstance(text, list) else str(text))


def _png(text: object) -> str | None:
    """A PNG picture in base64 if it is one."""
    try:
        picture = base64.b64decode(_text(text).replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return None
    return base64.b64encode(picture).decode() if picture.startswith(PNG) else None
