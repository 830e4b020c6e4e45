"""Build the book into `_build/html`: python -m tools.book [further arguments of jupyter-book build]."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(".jupyter_cache")  # chapters as they ran
PAGES = Path("_build/.doctrees")  # pages as Sphinx read them
LIBRARIES = ("effdl", "hwsim", "constraints.txt")


def fingerprint(root: Path) -> str:
    """Hash all that chapters import: a chapter whose own text is unchanged must still run again when this changes."""
    digest = hashlib.sha256(sys.version.encode())
    for name in LIBRARIES:
        files = [root / name] if (root / name).is_file() else sorted((root / name).rglob("*.*"))
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def refresh_cache(root: Path) -> None:
    """Forget the executed chapters if they ran with other libraries."""
    stamp, now = root / CACHE / "libraries.sha256", fingerprint(root)
    if stamp.is_file() and stamp.read_text() == now:
        return
    for folder in (CACHE, PAGES):
        shutil.rmtree(root / folder, ignore_errors=True)
    stamp.parent.mkdir()
    stamp.write_text(now)


def main(arguments: list[str]) -> int:
    """Run jupyter-book; a warning is an error, but the build goes on to show them all."""
    refresh_cache(ROOT)
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "."]
    settings = ["--config", "book.yml", "--toc", "chapters/_toc.yml", "--path-output", "."]
    here = {**os.environ, "PYTHONPATH": str(ROOT)}  # the pages import hwsim and tools of this folder
    return subprocess.call([*command, *settings, "-W", "--keep-going", *arguments], cwd=ROOT, env=here)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
