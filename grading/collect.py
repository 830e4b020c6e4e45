"""Find the submissions in a folder, and bring them there from an exchange or a learning platform.

A folder of submissions holds one folder a student, in one of two layouts that may be mixed: `FOLDER/STUDENT/LAB.ipynb`
and `FOLDER/STUDENT/LAB/LAB.ipynb`. The name of the student's folder is the student's name in the grades. A file
`timestamp.txt` beside the notebook (nbgrader writes it) tells when it was handed in.
"""

import hashlib
import lzma
import re
import tempfile
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from dateutil.tz import gettz

from grading.notebook import MOST_BYTES, NotebookError, load, read
from grading.transplant import recognise

# nbgrader's exchange: STUDENT+LAB+2026-11-22 10:00:00.000000 UTC+random
EXCHANGE = re.compile(r"(?P<student>.+?)\+(?P<lab>[^+]+)\+\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d.*")
# Moodle's "download all submissions": NAME_NUMBER_assignsubmission_file_, as folders or before the names of files
MOODLE = re.compile(r"(?P<student>.+)_(?P<number>\d+)_assignsubmission_[a-z]+(_(?P<file>.*))?")
TIME = "timestamp.txt"
BAD_TIME = "time of hand-in cannot be read"
# a zip file with a password is a RuntimeError
BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError)


class CollectError(ValueError):
    """A folder without submissions; the message says what was expected."""


@dataclass(frozen=True)
class Found:
    """A submitted notebook on disk; without a lab it is the folder of a student that holds no notebook."""

    student: str
    lab: str
    path: Path

    def submission(self) -> "Submission":
        """Read it. Raises NotebookError where the file cannot be read."""
        return Submission(self.student, self.lab, read(self.path), self.submitted, self.flags)

    @property
    def submitted(self) -> str:
        """When it was handed in, in ISO 8601 and UTC, as `timestamp.txt` says; "" where that is not known."""
        return self._time() or ""

    @property
    def flags(self) -> tuple[str, ...]:
        """What a teacher should look at."""
        return (BAD_TIME,) if self._time() is None else ()

    def _time(self) -> str | None:
        """The time of the hand-in, "" where there is none, None where it cannot be read."""
        file = self.path.parent / TIME
        if not file.exists() and not file.is_symlink():
            return ""
        try:
            return moment(read(file)[:100].decode()).isoformat()
        except ValueError:  # NotebookError is one
            return None


@dataclass(frozen=True)
class Submission:
    """One notebook that was handed in, as bytes, when (ISO 8601, "" if unknown), and what a teacher should look at."""

    student: str
    lab: str
    content: bytes
    submitted: str = ""
    flags: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the notebook."""
        return hashlib.sha256(self.content).hexdigest()


def moment(text: str) -> datetime:
    """Read a time, as ISO 8601 or nbgrader writes it (`2026-11-30 23:59:00 Europe/Berlin`), and return it in UTC.

    Without a zone it is this machine's local time. Raises ValueError for another form and for an unknown zone.
    """
    # nbgrader's own parse_utc takes an unknown zone for UTC, and +0100 for a hundred seconds
    time, _, name = text.strip().rpartition(" ")
    zone = gettz(name) if name[:1].isalpha() else None
    try:
        if zone:
            return datetime.fromisoformat(time).replace(tzinfo=zone).astimezone(UTC)
        return datetime.fromisoformat(time + name if name[:1] in "+-" else text.strip()).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text} is out of range") from None


def collect(folder: Path) -> list[Found]:
    """List the submissions of a folder, ordered by student and lab.

    Notebooks with other names count, too: they may be renamed labs. In a folder `LAB` with a `LAB.ipynb` only that
    counts. A student without any notebook is listed without a lab. A folder that is a symbolic link takes the place
    of the notebooks in it: reading it fails and says so.

    Raises CollectError when the folder is missing, is a file, or holds no notebook where one is expected.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise CollectError(f"{folder} {what}: name the folder that holds one folder a student")
    found = [one for student in _folders(folder) for one in _of_student(student)]
    if not any(one.lab for one in found):
        raise CollectError(f"{folder} holds no submission: expected {folder}/STUDENT/LAB.ipynb")
    return found


def _of_student(student: Path) -> list[Found]:
    found = {}
    for folder in _folders(student):
        own = folder / f"{folder.name}.ipynb"
        for path in [own] if own in _notebooks(folder) else _notebooks(folder):
            lab = path.stem if path == own else f"{folder.name}/{path.stem}"
            link = next((each for each in (student, folder) if each.is_symlink()), None)
            found[lab] = Found(student.name, lab, link or path)
    for path in _notebooks(student):  # the same lab in both layouts: this one counts
        found[path.stem] = Found(student.name, path.stem, student if student.is_symlink() else path)
    return [found[lab] for lab in sorted(found)] or [Found(student.name, "", student)]


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")


def _notebooks(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.ipynb") if path.name[0] != ".")


def gather(
    source: Path, target: Path, lab: str, released: dict
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Bring the newest submission of each student for a lab into `target/STUDENT/LAB/`.

    `source` is the `inbound` folder of nbgrader's exchange, a folder or zip file that a learning platform gives out
    (one folder a student; Moodle's names are understood), or any folder of submissions. A file with another name is
    taken where it has the cells of the `released` lab. Files are copied, never moved, and a notebook that is already
    there is replaced by a newer one only. Students of the same name keep Moodle's number in their names.

    Returns pairs of a student and the time of the hand-in, "" where it is not known, and pairs of a student of whom
    nothing was copied and the reason.

    Raises CollectError when there is no submission of the lab, or the zip file is broken.
    """
    source = Path(source)
    if source.is_file() and zipfile.is_zipfile(source):
        with tempfile.TemporaryDirectory() as folder:
            _unpack(source, Path(folder))
            found = _by_student(Path(folder), lab, released)
            return _copy_all(source, found, target, lab)
    if not source.is_dir():
        what = "is neither a folder nor a whole zip file" if source.exists() else "does not exist"
        raise CollectError(
            f"{source} {what}: name the exchange's inbound folder, or what the platform gave out"
        )
    return _copy_all(source, _by_student(source, lab, released), target, lab)


def _by_student(source: Path, lab: str, released: dict) -> dict[str, list[Path]]:
    """The notebooks of a lab that each student has handed in."""
    found: dict[str, list[Path]] = {}
    names = {}
    for path in sorted(source.iterdir()):
        exchange, moodle = EXCHANGE.fullmatch(path.name), MOODLE.fullmatch(path.name)
        alone = moodle and path.suffix == ".ipynb" and path.is_file()
        if path.is_symlink() or path.name.startswith((".", "__MACOSX")) or not (path.is_dir() or alone):
            continue
        if exchange and exchange["lab"] != lab:
            continue
        name = (exchange or moodle)["student"] if exchange or moodle else path.name
        full = f"{name}_{moodle['number']}" if moodle else name
        names[full] = name
        found.setdefault(full, []).extend(_of_lab(path, lab, released))
    times = Counter(names.values())
    return {names[full] if times[names[full]] == 1 else full: paths for full, paths in found.items()}


def _of_lab(place: Path, lab: str, released: dict) -> list[Path]:
    """The notebooks of a lab in a folder: those with its name, or else those with its cells. A file stands for itself."""
    folders = (place, place / lab) if place.is_dir() else ()
    paths = [path for folder in folders for path in _notebooks(folder) if _plain(path)] or [place]
    own = [path for path in paths if _named(path, lab)]
    return own or [path for path in paths if _has_cells(path, lab, released)]


def _named(path: Path, lab: str) -> bool:
    moodle = MOODLE.fullmatch(path.name)
    return (moodle["file"] if moodle else path.name) == f"{lab}.ipynb"


def _plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _has_cells(path: Path, lab: str, released: dict) -> bool:
    try:
        return recognise(load(path), {lab: released}) == lab
    except NotebookError:
        return False


def _copy_all(
    source: Path, found: dict[str, list[Path]], target: Path, lab: str
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    if not any(found.values()):
        raise CollectError(
            f"{source} holds no {lab}.ipynb: expected one folder a student with the notebook in it"
        )
    copied, left_out = [], []
    for student, paths in sorted(found.items()):
        if not paths:
            left_out.append((student, f"no notebook of {lab}"))
            continue
        newest = max(paths, key=lambda path: (Found(student, lab, path).submitted, _named(path, lab), path))
        try:
            copied.append((student, _copy(newest, target / student / lab / f"{lab}.ipynb")))
        except NotebookError as error:
            left_out.append((student, str(error)))
    return copied, left_out


def _copy(path: Path, to: Path) -> str:
    time = Found("", "", path).submitted
    if not (to.exists() and Found("", "", to).submitted > time):
        content = read(path)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(content)
        if _plain(path.parent / TIME):
            to.with_name(TIME).write_bytes(read(path.parent / TIME))
    return time


def _unpack(archive: Path, folder: Path) -> None:
    """Take the notebooks and timestamps out of a zip file, and the folders of all students.

    Names that lead elsewhere, and huge files, are left. Raises CollectError for a broken file.
    """
    try:
        with zipfile.ZipFile(archive) as zipped:
            for entry in zipped.infolist():
                wanted = entry.filename.endswith((".ipynb", TIME)) and entry.file_size <= MOST_BYTES
                if wanted and not entry.is_dir():
                    zipped.extract(entry, folder)  # which takes ".." and roots out of names by itself
                elif student := _student(entry):
                    (folder / student).mkdir(exist_ok=True)
    except BROKEN as error:
        raise CollectError(f"{archive} cannot be unpacked: {error}; get it again") from None


def _student(entry: zipfile.ZipInfo) -> str:
    """The student's folder that an entry is in, "" where it is in none."""
    first, *rest = [part for part in PurePosixPath(entry.filename).parts if part not in ("/", "..")] or [""]
    return first if rest or entry.is_dir() or MOODLE.fullmatch(first) else ""
