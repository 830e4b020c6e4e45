"""Build the book into `_build/html`: python -m tools.book [further arguments of jupyter-book build]."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Run jupyter-book; a warning is an error, but the build goes on to show them all."""
    command = [sys.executable, "-m", "jupyter_book", "build", "."]
    settings = ["--config", "book.yml", "--toc", "chapters/_toc.yml", "--path-output", "."]
    return subprocess.call([*command, *settings, "-W", "--keep-going", *arguments], cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
