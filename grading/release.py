"""Make the students' notebooks from the instructor's: `solutions/NAME` to `labs/NAME`."""

import shutil
import tempfile
from pathlib import Path

import nbformat
from nbgrader.converters import GenerateAssignment

from grading.course import config, convert
from grading.files import replace_text
from grading.lab import LabError, read_lab
from grading.notebook import METADATA

RELEASED = ".released"  # below labs/: each notebook as it was released
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__")


def generate(root: Path, solutions: Path, name: str) -> Path:
    """Let nbgrader make the released form of a lab in a course folder; return the lab's folder there.

    The gradebook of that folder then knows the lab. Raises LabError for an unknown lab and for a source that
    nbgrader refuses.
    """
    lab = read_lab(solutions, name)
    source = Path(solutions) / name
    shutil.copytree(source, root / "solutions" / name, ignore=LEFT_OUT, dirs_exist_ok=True)
    try:
        convert(GenerateAssignment, config(root), assignment_id=name)
    except RuntimeError as error:
        raise LabError(f"{source / name}.ipynb: nbgrader refuses it: {error}") from error
    released = root / "labs" / name / f"{name}.ipynb"
    notebook = nbformat.read(released, as_version=4)
    for cell, original in zip(notebook.cells, lab.notebook["cells"], strict=True):
        cell.id = original["id"]
    notebook.metadata = nbformat.from_dict(METADATA)
    nbformat.write(notebook, released)
    return released.parent


def release(name: str, solutions: Path, labs: Path) -> Path:
    """Make `labs/NAME` anew from `solutions/NAME`; the same source gives the same bytes.

    The notebook stands in `labs/.released/NAME` as well: students answer theirs in place, and `validate` needs one
    without answers. The old folder is replaced at the end, in one step: an error leaves it as it was.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = generate(Path(folder), solutions, name)
        staged, target = Path(labs) / f".{name}.new", Path(labs) / name
        kept = Path(labs) / RELEASED / name / f"{name}.ipynb"
        shutil.rmtree(staged, ignore_errors=True)
        shutil.copytree(made, staged)
        replace_text(kept, (made / f"{name}.ipynb").read_text(encoding="utf-8"))
        shutil.rmtree(target, ignore_errors=True)
        return staged.rename(target)
