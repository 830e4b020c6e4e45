"""What a class gets: the course without solutions, known answers and tests, as a folder or a zip file."""

import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from grading.lab import LabError
from grading.release import release

# All that the class needs, by name: what is added to the course later stays out until somebody says otherwise.
FOLDERS = ["chapters", "deploy", "docs", "effdl", "grading", "hwsim", "tools"]
FILES = [
    "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "book.yml", "constraints.txt",
    "pyproject.toml", "requirements.txt",
]  # fmt: skip
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info")
OLDEST = (1980, 1, 1, 0, 0, 0)  # the time of every file in the zip: the same course gives the same bytes


def bundle(target: Path, root: Path, solutions: Path, names: Sequence[str]) -> Path:
    """Write the course and the released labs of these names to `target`, a new folder or a `.zip` file.

    Raises LabError where the target is there already, or a lab cannot be released.
    """
    target = Path(target)
    if target.exists():
        raise LabError(f"{target} is there already: name a new folder or zip file")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".bundle-") as folder:
        course = Path(folder) / "weights-to-silicon"
        course.mkdir()
        for name in FOLDERS:
            shutil.copytree(root / name, course / name, ignore=LEFT_OUT)
        for name in FILES:
            shutil.copyfile(root / name, course / name)
        (course / "labs").mkdir()
        for name in names:
            release(name, solutions, course / "labs")
        if target.suffix != ".zip":
            return course.rename(target)
        packed = Path(folder) / "course.zip"
        _zip(course, packed)
        return packed.rename(target)


def _zip(course: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(path for path in course.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(path.relative_to(course.parent)), OLDEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, path.read_bytes())
