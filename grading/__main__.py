"""Grade the course's labs: from a lab's source to a class's marks.

python -m grading release --bundle class.zip         the course for the class, without solutions
python -m grading collect pruning --from inbound     the newest submission of each student, into submissions/
python -m grading grade pruning                      marks, feedback and gradebook, into grades/
python -m grading report                             how the class did, as a picture
python -m grading validate labs/pruning/pruning.ipynb    what a student runs before handing in
python -m grading prove                              that the labs' own checks are good
"""

import argparse
import math
import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def parser() -> argparse.ArgumentParser:
    """The arguments of all commands."""
    top = argparse.ArgumentParser(
        prog="python -m grading", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--solutions", type=Path, default=ROOT / "solutions", help="the instructor's notebooks")
    top.add_argument(
        "--mutants", type=Path, default=ROOT / "tests/mutants", help="known wrong and right answers"
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text)

    one = command(
        "release", "Make the students' labs from solutions/, and with --bundle all that a class needs."
    )
    one.add_argument("labs", nargs="*", metavar="LAB", help="labs to make (default: all)")
    one.add_argument("--labs", type=Path, default=ROOT / "labs", dest="to", help="where to write them")
    one.add_argument(
        "--bundle", type=Path, help="write a new folder or .zip with the course and these labs instead"
    )

    one = command(
        "collect", "Copy the newest submission of each student from an exchange or a learning platform."
    )
    one.add_argument("lab", metavar="LAB")
    one.add_argument(
        "--from", type=Path, required=True, dest="source", metavar="SOURCE",
        help="the inbound folder of nbgrader's exchange, or a folder or zip file with one folder a student",
    )  # fmt: skip
    one.add_argument(
        "--submissions", type=Path, default=Path("submissions"), help="where to (default: submissions)"
    )

    one = command(
        "grade", "Grade submissions in a sandbox: marks as CSV, feedback as HTML, and nbgrader's gradebook."
    )
    one.add_argument(
        "labs", nargs="*", metavar="LAB", help="labs to grade (default: all that were handed in)"
    )
    one.add_argument(
        "--submissions", type=Path, default=Path("submissions"),
        help="a folder of STUDENT/LAB.ipynb or STUDENT/LAB/LAB.ipynb (default: submissions)",
    )  # fmt: skip
    one.add_argument(
        "--output", type=Path, default=ROOT / "grades", help="for marks and feedback (default: grades)"
    )
    where = one.add_mutually_exclusive_group()
    where.add_argument(
        "--workers", type=_count, default=os.cpu_count(), help="graders at once (default: all cores)"
    )
    where.add_argument(
        "--scheduler", metavar="tcp://HOST:PORT", help="grade on the workers of this Dask scheduler"
    )
    one.add_argument("--gradebook", metavar="URL", help="sqlite:///PATH or postgresql://USER@HOST/NAME "
                     "(default: gradebook.db in the output)")  # fmt: skip
    one.add_argument(
        "--resume", action="store_true", help="keep the marks of submissions that have not changed"
    )
    one.add_argument(
        "--seconds", type=_seconds, default=60, help="limit for a cell and for a check (default: 60)"
    )
    one.add_argument(
        "--memory", type=_gibibytes, default=3, help="limit for a submission in GiB (default: 3)"
    )
    one.add_argument("--seed", type=int, help="of the random test inputs, as an earlier result recorded it")
    one.add_argument("--due", type=_time, metavar="TIME", help="when it is due, as 2026-11-30T23:59")
    one.add_argument(
        "--late", type=_percent, default=10, help="percent of the maximum off for each day late (default: 10)"
    )

    one = command(
        "report", "Show how a class did: marks, hardest tasks, common mistakes, flags, as a picture."
    )
    one.add_argument(
        "--output", type=Path, default=ROOT / "grades", help="where `grade` wrote (default: grades)"
    )

    one = command("validate", "Run the visible checks of a lab, as a student does before handing in.")
    one.add_argument("file", type=Path, metavar="FILE", help="a lab's notebook")
    one.add_argument(
        "--labs", type=Path, default=ROOT / "labs/.released", dest="released",
        help="the labs as they were released, without answers (default: labs/.released)",
    )  # fmt: skip

    one = command("prove", "Grade known wrong and right answers: how good are the labs' checks?")
    one.add_argument("labs", nargs="*", metavar="LAB", help="labs to prove (default: all)")
    return top


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers: at least 1, as 4")
    return int(text)


def _number(text: str, fits: Callable[[float], bool], expected: str) -> float:
    """A finite number that fits, as the option's help has it."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and fits(number)):
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")
    return number


def _seconds(text: str) -> float:
    return _number(text, lambda number: number > 0, "a number of seconds: more than 0, as 60")


def _gibibytes(text: str) -> float:
    return _number(text, lambda number: number >= 0.5, "a number of GiB: at least 0.5, as 3")


def _percent(text: str) -> float:
    return _number(text, lambda number: 0 <= number <= 100, "a percentage: from 0 to 100, as 10")


def _time(text: str) -> datetime:
    """A time; without a zone that of this machine."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):  # no time, or a year that the machine's clock does not know
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: write it as 2026-11-30T23:59") from None


def main(words: list[str] | None = None) -> int:
    """Run one command; an error is one line on stderr and exit code 2."""
    arguments = parser().parse_args(words)
    from grading import commands  # what it needs takes a second to load, and --help should not wait

    try:
        return commands.COMMANDS[arguments.command](arguments)
    except commands.ERRORS as error:
        print(f"grading: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        go_on = "; what is done is kept, go on with --resume" if arguments.command == "grade" else ""
        print(f"grading: stopped{go_on}", file=sys.stderr)
        return 130


if __name__ == "__main__":
    # whoever is asked to end, as by SLURM, writes the table and ends the sandboxes first
    signal.signal(signal.SIGTERM, lambda *about: sys.exit(143))
    sys.exit(main())
