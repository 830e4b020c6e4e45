"""The command line: `python -m grading release | grade | report`."""

import argparse
import sys
import tempfile
from pathlib import Path

from tqdm import tqdm

from grading import lab as labs_of
from grading import proof
from grading.collect import CollectError, Submission, collect
from grading.lab import LabError
from grading.notebook import NotebookError
from grading.release import release
from grading.results import Grade, write_feedback, write_grades
from grading.run import NbgraderRun, Result

ROOT = Path(__file__).resolve().parent.parent


def parser() -> argparse.ArgumentParser:
    """The arguments of the three commands."""
    top = argparse.ArgumentParser(prog="python -m grading", description=__doc__.splitlines()[0])
    top.add_argument("--solutions", type=Path, default=ROOT / "solutions", help="the instructor's notebooks")
    commands = top.add_subparsers(dest="command", required=True)

    one = commands.add_parser("release", help="make labs/ from solutions/")
    one.add_argument("names", nargs="*", metavar="NAME", help="labs to make (default: all)")
    one.add_argument("--labs", type=Path, default=ROOT / "labs", help="where to write them")

    one = commands.add_parser("grade", help="grade a folder of submissions: FOLDER/STUDENT/LAB.ipynb")
    one.add_argument("submissions", type=Path, metavar="FOLDER", help="one folder a student in it")
    one.add_argument("--output", type=Path, default=ROOT / "grades", help="for grades.csv and feedback/")
    one.add_argument("--lab", help="grade this lab only")

    one = commands.add_parser("report", help="grade known wrong and right answers: how good are the checks?")
    one.add_argument("names", nargs="*", metavar="NAME", help="labs to prove (default: all)")
    one.add_argument("--mutants", type=Path, default=ROOT / "tests/mutants", help="the known answers")
    return top


def do_release(arguments: argparse.Namespace) -> int:
    """Make the labs; 0, or LabError."""
    for name in arguments.names or labs_of.names(arguments.solutions):
        print(release(name, arguments.solutions, arguments.labs) / f"{name}.ipynb")
    return 0


def do_grade(arguments: argparse.Namespace) -> int:
    """Grade all submissions; 0 when each could be run, 1 when one was flagged as failed."""
    known = labs_of.names(arguments.solutions)
    if arguments.lab and arguments.lab not in known:
        raise LabError(f"unknown lab {arguments.lab}: the labs are {', '.join(known) or '(none)'}")
    submissions = collect(arguments.submissions)
    if arguments.lab:
        submissions = [one for one in submissions if one.lab == arguments.lab]
        if not submissions:
            raise CollectError(f"{arguments.submissions} holds no submission of {arguments.lab}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    grades = []
    with tempfile.TemporaryDirectory() as folder:
        asked = sorted({one.lab for one in submissions} & set(known))
        run = NbgraderRun(Path(folder), arguments.solutions, asked)
        for one in tqdm(submissions, desc="grading", unit="submission"):
            possible = labs_of.read_lab(arguments.solutions, one.lab).points if one.lab in known else {}
            grade = Grade(one.student, one.lab, outcome(run, one, known), possible)
            write_feedback(arguments.output / "feedback", grade)
            tqdm.write(grade.line(), file=sys.stdout)
            grades.append(grade)
    write_grades(arguments.output / "grades.csv", grades)
    failed = sum(grade.result.failed for grade in grades)
    print(f"{len(grades)} graded, {failed} of them could not be run: {arguments.output / 'grades.csv'}")
    return 1 if failed else 0


def outcome(run: NbgraderRun, submission: Submission, known: list[str]) -> Result:
    """Grade one submission; a broken one is a flag and no points, never the end of the batch."""
    if submission.lab not in known:
        return Result(flag=f"unknown lab: the labs are {', '.join(known)}", failed=True)
    try:
        return run.grade(submission.lab, submission.path)
    except NotebookError as error:
        return Result(flag=str(error), failed=True)


def do_report(arguments: argparse.Namespace) -> int:
    """Print how many wrong answers each lab catches; 0 when all, 1 otherwise."""
    verdicts = {}
    for name in arguments.names or labs_of.names(arguments.solutions):
        lab = labs_of.read_lab(arguments.solutions, name)
        verdicts[name] = proof.prove(lab, proof.load_mutants(arguments.mutants / f"{name}.py"))
    print(proof.table(verdicts))
    bad = [
        (name, verdict) for name, found in verdicts.items() for verdict in found if not verdict.as_it_should
    ]
    for name, verdict in bad:
        kind = "wrong answer passed" if verdict.wrong else "right answer lost its points"
        print(f"  {name}/{verdict.check}: {kind}: {verdict.answer} ({verdict.outcome})")
    return 1 if bad else 0


COMMANDS = {"release": do_release, "grade": do_grade, "report": do_report}


def main(words: list[str] | None = None) -> int:
    """Run one command; an error is one line on stderr and exit code 2."""
    arguments = parser().parse_args(words)
    try:
        return COMMANDS[arguments.command](arguments)
    except (LabError, NotebookError, CollectError) as error:
        print(f"grading: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
