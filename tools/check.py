"""The quick checks: `make check`, or `python -m tools.check`.

One line a stage; below a stage that fails, one line a problem: where it is and what to change.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tools import notebooks, spelling, spine, twins

ROOT = Path(__file__).resolve().parent.parent


def ruff(*arguments: str) -> Callable[[Path], Iterator[str]]:
    """Make a stage that runs ruff over Python and notebooks (`labs/` is generated and left out)."""

    def problems(root: Path) -> Iterator[str]:
        command = [sys.executable, "-m", "ruff", *arguments, "."]
        result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if result.returncode:
            yield from (result.stdout + result.stderr).splitlines()

    return problems


def types(root: Path) -> Iterator[str]:
    """Yield what mypy says of the type hints of `hwsim` (settings in pyproject.toml)."""
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if result.returncode:
        yield from (result.stdout + result.stderr).splitlines()


STAGES = {
    "ruff check": ruff("check", "--quiet", "--output-format", "concise"),
    "ruff format": ruff("format", "--check", "--quiet", "--output-format", "concise"),
    "type hints": types,
    "notebook form": notebooks.problems,
    "spine of the chapters": spine.problems,
    "twin cells": twins.problems,
    "spelling": spelling.problems,
}


def main(root: Path = ROOT) -> int:
    """Run all stages, print what they find, and return the exit code."""
    total = 0
    for name, stage in STAGES.items():
        start = time.perf_counter()
        found = list(stage(root))
        result = f"{len(found)} to change" if found else "ok"
        print(f"{name:<24}{result:<14}{time.perf_counter() - start:4.1f} s", flush=True)
        for problem in found:
            print(f"  {problem}", flush=True)
        total += len(found)
    if total:
        print("`make format` mends most of what ruff reports; the other lines say what to change.")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
