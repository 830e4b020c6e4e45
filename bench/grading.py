"""Submissions a minute: this course's grading beside stock `nbgrader autograde`, the same submissions in one run.

    python -m bench.grading [--submissions 40] [--lab tiny|cost|pruning]

Stock nbgrader runs one kernel after the other, without a sandbox, and each check once. Here each submission has a
sandbox, and each check runs twice, by a second process. Both write their gradebook; here feedback is written, too.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from grading.lab import read_lab
from grading.notebook import load, nbgrader
from grading.proof import load_mutants
from grading.release import generate

ROOT = Path(__file__).resolve().parent.parent
CONFIG = """
from pathlib import Path
from grading.course import config
c = get_config()
c.merge(config(Path({root!r})))
"""


def places(lab: str) -> tuple[Path, Path]:
    """The folders of solutions and of known answers that hold a lab."""
    base = ROOT / "tests/fixtures" if lab == "tiny" else ROOT
    return base / "solutions", (base / "mutants" if lab == "tiny" else ROOT / "tests/mutants")


def write_class(folder: Path, lab: str, students: int) -> None:
    """A class in which every second student has all right, and the others a known mistake in one task."""
    solutions, mutants = places(lab)
    source = load(solutions / lab / f"{lab}.ipynb")
    known = load_mutants(mutants / f"{lab}.py")
    tasks = read_lab(solutions, lab).tasks
    mistakes = [
        (task.name, text)
        for task in tasks
        for check in task.checks
        for text in known[check.name]["wrong"].values()
    ]
    for number in range(students):
        notebook = json.loads(json.dumps(source))
        if number % 2:
            name, text = mistakes[number % len(mistakes)]
            for cell in notebook["cells"]:
                if nbgrader(cell).get("grade_id") == name:
                    cell["source"] = text
        path = folder / f"student{number:03}" / lab / f"{lab}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(notebook))


def timed(command: list[str], folder: Path) -> float:
    """Seconds of a command; its output where it fails."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - start


def main() -> None:
    """Grade one class in three ways and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--submissions", type=int, default=40)
    arguments.add_argument("--lab", default="tiny", choices=["tiny", "cost", "pruning"])
    asked = arguments.parse_args()
    solutions, mutants = places(asked.lab)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        generate(root, solutions, asked.lab)
        (root / "nbgrader_config.py").write_text(CONFIG.format(root=str(root)))
        write_class(root / "submitted", asked.lab, asked.submissions)
        grade = [
            sys.executable,
            "-m",
            "grading",
            "--solutions",
            str(solutions),
            "--mutants",
            str(mutants),
            "grade",
        ]
        grade += ["--submissions", str(root / "submitted"), asked.lab]
        ways = {
            "nbgrader autograde": [sys.executable, "-m", "nbgrader", "autograde", asked.lab],
            "grading, 1 worker": [*grade, "--workers", "1", "--output", str(root / "one")],
            "grading, 2 workers": [*grade, "--workers", "2", "--output", str(root / "two")],
        }
        print(f"lab {asked.lab}, {asked.submissions} submissions, {os.cpu_count()} cores")
        print(f"{'':<22}{'seconds':>9}{'a minute':>10}")
        for name, command in ways.items():
            seconds = timed(command, root if name.startswith("nbgrader") else ROOT)
            print(f"{name:<22}{seconds:9.1f}{60 * asked.submissions / seconds:10.1f}", flush=True)


if __name__ == "__main__":
    main()
