"""Find the submissions in a folder.

Two layouts, which may be mixed: `FOLDER/STUDENT/LAB.ipynb` and `FOLDER/STUDENT/LAB/LAB.ipynb`. The name of the
student's folder is the student's name in the grades.
"""

from dataclasses import dataclass
from pathlib import Path


class CollectError(ValueError):
    """A folder without submissions; the message says what was expected."""


@dataclass(frozen=True)
class Submission:
    """One notebook that a student handed in."""

    student: str
    lab: str
    path: Path


def collect(folder: Path) -> list[Submission]:
    """List the submissions, ordered by student and lab.

    Raises CollectError when the folder is missing, is a file, or holds no notebook where one is expected.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise CollectError(f"{folder} {what}: name the folder that holds one folder a student")
    found = {}
    for student in sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."):
        for path in sorted([*student.glob("*/*.ipynb"), *student.glob("*.ipynb")]):
            nested = path.parent != student
            if not nested or path.stem == path.parent.name:
                # the same lab in both layouts: the plain one counts, it sorts last
                found[student.name, path.stem] = Submission(student.name, path.stem, path)
    if not found:
        raise CollectError(f"{folder} holds no submission: expected {folder}/STUDENT/LAB.ipynb")
    return [found[key] for key in sorted(found)]
