"""All tests of the course: `make test`, or `python -m tools.test [--only check|pytest|nbval]`.

One line a stage, the whole output of a stage that fails, and at the end the ten slowest notebooks. Browser tests
need the built book and a browser; `.ci/run` runs them after this.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ["chapters", "solutions", "labs"]
CELL_SECONDS = 300  # a cell that takes longer fails; a whole chapter is meant to take less than 60
# A file's tests stay in one worker: the cells of a notebook share a kernel.
PARALLEL = ["-n", "2", "--dist", "loadfile"]


def commands(report):
    """Command of each stage by its name; `report` is where nbval's times go."""
    python, pytest = [sys.executable, "-m"], [sys.executable, "-m", "pytest", *PARALLEL]
    nbval = ["--nbval-lax", f"--nbval-cell-timeout={CELL_SECONDS}", f"--junitxml={report}"]
    return {
        "check": [*python, "tools.check"],
        "pytest": [*pytest, "tests", "--ignore=tests/browser"],
        "nbval": [*pytest, *nbval, *NOTEBOOKS],
    }


def run(name, command):
    """Run one stage and print its line; on failure its whole output. Returns whether it passed."""
    print(f"{name:<8}", end="", flush=True)
    start = time.perf_counter()
    # Two workers on two cores: one thread each, or they would fight for them.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    summary = re.findall(
        r"^=* ?(.*\d+ (?:passed|failed|error).*?) in [\d.]+s.*$", result.stdout, re.MULTILINE
    )
    verdict = "passed" if result.returncode == 0 else "FAILED"
    print(f"{verdict:<8}{time.perf_counter() - start:6.0f} s  {summary[-1] if summary else ''}", flush=True)
    if result.returncode:
        print(result.stdout + result.stderr, flush=True)
    return result.returncode == 0


def slowest(report, most=10):
    """The slowest notebooks of an nbval run, as (seconds, notebook) with the longest first."""
    seconds = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        notebook = re.search(r"[^:]+?ipynb", case.get("name", "") + ":" + case.get("classname", ""))
        if notebook:
            seconds[notebook[0].replace(".ipynb", "").replace(".", "/")] += float(case.get("time", 0))
    return [(s, name) for name, s in seconds.most_common(most)]


def main(only=None):
    """Run the stages; returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "nbval.xml"
        stages = commands(report)
        chosen = {only: stages[only]} if only else stages
        passed = [run(name, command) for name, command in chosen.items()]
        if report.exists():
            print("slowest notebooks:")
            for seconds, notebook in slowest(report):
                print(f"  {seconds:6.1f} s  {notebook}")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["check", "pytest", "nbval"], help="run one stage")
    sys.exit(main(parser.parse_args().only))
