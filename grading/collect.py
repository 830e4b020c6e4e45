"""Find the submissions in a folder, and bring them there from an exchange or a learning platform.

A folder of submissions holds one folder a student, in one of two layouts that may be mixed: `FOLDER/STUDENT/LAB.ipynb`
and `FOLDER/STUDENT/LAB/LAB.ipynb`. The name of the student's folder is the student's name in the grades. A file
`timestamp.txt` beside the notebook (nbgrader writes it) tells when it was handed in.
"""

import hashlib
import re
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from grading.notebook import MOST_BYTES, read

# nbgrader's exchange: STUDENT+LAB+2026-11-22 10:00:00.000000 UTC+random
EXCHANGE = re.compile(
    r"(?P<student>.+?)\+(?P<lab>[^+]+)\+(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [A-Z]+)(\+.*)?"
)
# Moodle's "download all submissions": NAME_NUMBER_assignsubmission_file_
MOODLE = re.compile(r"(?P<student>.+)_\d+_assignsubmission_file_?.*")
TIME = "%Y-%m-%d %H:%M:%S.%f %Z"


class CollectError(ValueError):
    """A folder without submissions; the message says what was expected."""


@dataclass(frozen=True)
class Found:
    """A submitted notebook on disk."""

    student: str
    lab: str
    path: Path

    def submission(self) -> "Submission":
        """Read it. Raises NotebookError where the file cannot be read."""
        return Submission(self.student, self.lab, read(self.path), self.submitted)

    @property
    def submitted(self) -> str:
        """When it was handed in, in ISO 8601, as `timestamp.txt` says; "" where there is none."""
        file = self.path.parent / "timestamp.txt"
        if not file.is_file() or file.is_symlink():
            return ""
        text = file.read_text(encoding="utf-8", errors="replace")[:100].strip()
        try:
            return datetime.strptime(text, TIME).replace(tzinfo=UTC).isoformat()
        except ValueError:
            return ""


@dataclass(frozen=True)
class Submission:
    """One notebook that was handed in, as bytes, and when (ISO 8601, "" if unknown)."""

    student: str
    lab: str
    content: bytes
    submitted: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of the notebook."""
        return hashlib.sha256(self.content).hexdigest()


def collect(folder: Path) -> list[Found]:
    """List the submissions of a folder, ordered by student and lab.

    A folder that is a symbolic link takes the place of the notebooks in it: reading it fails and says so.

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
                link = next((each for each in (student, path.parent) if each.is_symlink()), None)
                found[student.name, path.stem] = Found(student.name, path.stem, link or path)
    if not found:
        raise CollectError(f"{folder} holds no submission: expected {folder}/STUDENT/LAB.ipynb")
    return [found[key] for key in sorted(found)]


def gather(source: Path, target: Path, lab: str) -> list[tuple[str, str]]:
    """Bring the newest submission of each student for a lab into `target/STUDENT/LAB/`.

    `source` is the `inbound` folder of nbgrader's exchange, a folder or zip file that a learning platform gives out
    (one folder a student; Moodle's names are understood), or any folder of submissions. Files are copied, never moved,
    and a notebook that is already there is replaced by a newer one only. Returns pairs of a student and the time of the
    hand-in, "" where it is not known.

    Raises CollectError when there is no submission of the lab, or the zip file is broken.
    """
    source = Path(source)
    if source.is_file() and zipfile.is_zipfile(source):
        with tempfile.TemporaryDirectory() as folder:
            _unpack(source, Path(folder))
            return gather(Path(folder), target, lab)
    if not source.is_dir():
        what = "is neither a folder nor a zip file" if source.exists() else "does not exist"
        raise CollectError(
            f"{source} {what}: name the exchange's inbound folder, or what the platform gave out"
        )
    newest: dict[str, tuple[str, Path]] = {}
    for folder in sorted(path for path in source.iterdir() if path.is_dir() and not path.is_symlink()):
        exchange, moodle = EXCHANGE.fullmatch(folder.name), MOODLE.fullmatch(folder.name)
        if exchange and exchange["lab"] != lab:
            continue
        student = (exchange or moodle)["student"] if exchange or moodle else folder.name
        for path in (folder / f"{lab}.ipynb", folder / lab / f"{lab}.ipynb"):
            if path.is_file() and not path.is_symlink():
                time = Found(student, lab, path).submitted
                if student not in newest or time >= newest[student][0]:
                    newest[student] = time, path
    if not newest:
        raise CollectError(
            f"{source} holds no {lab}.ipynb: expected one folder a student with the notebook in it"
        )
    return [(student, _copy(*newest[student], target / student / lab)) for student in sorted(newest)]


def _copy(time: str, path: Path, folder: Path) -> str:
    there = Found("", "", folder / path.name)
    if not (there.path.exists() and there.submitted > time):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / path.name).write_bytes(read(path))
        if time:
            shutil.copyfile(path.parent / "timestamp.txt", folder / "timestamp.txt")
    return time


def _unpack(archive: Path, folder: Path) -> None:
    """Take the notebooks and timestamps out of a zip file; names that lead elsewhere, and huge files, are left."""
    with zipfile.ZipFile(archive) as zipped:
        for entry in zipped.infolist():
            wanted = entry.filename.endswith((".ipynb", "timestamp.txt"))
            if wanted and not entry.is_dir() and entry.file_size <= MOST_BYTES:
                zipped.extract(entry, folder)  # which takes ".." and roots out of names by itself
