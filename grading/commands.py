"""What the commands of `python -m grading` do; each takes its arguments and returns an exit code."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from grading import gradebook, proof, report, sandbox
from grading import lab as labs_of
from grading.assignments import Assignment, read_assignment
from grading.batch import Settings, as_done, cluster, this_machine
from grading.bundle import bundle
from grading.collect import CollectError, Found, Submission, collect, gather
from grading.feedback import write as write_feedback
from grading.gradebook import GradebookError
from grading.lab import LabError
from grading.notebook import NotebookError, load
from grading.release import release
from grading.result import Result
from grading.results import Store, line, penalty, write_grades
from grading.run import GradingError
from grading.sandbox import Limits, SandboxError
from grading.transplant import recognise
from grading.validate import validate

ERRORS = (LabError, NotebookError, CollectError, SandboxError, GradingError, GradebookError, OSError)


def do_release(arguments: argparse.Namespace) -> int:
    """Make the labs, or the bundle for a class."""
    names = arguments.labs or labs_of.names(arguments.solutions)
    if arguments.bundle:
        root = Path(__file__).resolve().parent.parent
        print(bundle(arguments.bundle, root, arguments.solutions, names))
        return 0
    for name in names:
        print(release(name, arguments.solutions, arguments.to) / f"{name}.ipynb")
    return 0


def do_collect(arguments: argparse.Namespace) -> int:
    """Copy submissions into a folder."""
    students = gather(arguments.source, arguments.submissions, arguments.lab)
    for student, time in students:
        print(f"{student:<24} {time or 'time unknown'}")
    print(f"{len(students)} submissions of {arguments.lab}: {arguments.submissions}")
    return 0


def do_grade(arguments: argparse.Namespace) -> int:
    """Grade; 0 when all were graded, 1 when some could not be, for a reason that is not the student's."""
    sandbox.require()
    found = collect(arguments.submissions)
    known = labs_of.names(arguments.solutions)
    for name in arguments.labs:
        labs_of.read_lab(arguments.solutions, name)  # raises LabError for an unknown one
    assignments = {
        name: read_assignment(arguments.solutions, arguments.mutants, name)
        for name in tqdm(_needed(found, known, arguments.labs), desc="preparing", unit="lab", leave=False)
    }
    output = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    url = arguments.gradebook or f"sqlite:///{(output / 'gradebook.db').resolve()}"
    settings = Settings(arguments.seconds, Limits(memory=int(arguments.memory * 2**30)), arguments.seed)
    store, results, not_graded = Store(output / "results"), [], []

    def finish(result: Result) -> None:
        """Keep a result everywhere; the store comes last, so that what it holds is everywhere."""
        assignment = assignments[result.lab]
        if arguments.due:
            result = replace(result, penalty=penalty(result, arguments.due, arguments.late))
        gradebook.record(url, assignment.lab, result, output)
        write_feedback(output / "feedback", assignment, result)
        store.keep(assignment, result)
        results.append(result)
        tqdm.write(line(result), file=sys.stdout)

    def to_grade() -> Iterator[Submission]:
        """Read one submission after the other; what needs no grading is settled here."""
        for one in found:
            name = one.lab if one.lab in known else _lab_of(one, assignments)
            if name is None:
                skip(one.student, one.lab, f"unknown lab: the labs are {', '.join(known)}")
            elif name not in assignments or (one.lab != name and _has(found, one.student, name)):
                bar.update()  # another lab than asked for, or a copy beside the notebook itself
            else:
                yield from unsettled(one, name)

    def unsettled(one: Found, name: str) -> Iterator[Submission]:
        assignment = assignments[name]
        try:
            submission = replace(one.submission(), lab=name)
        except NotebookError as error:
            finish(_unreadable(one, assignment, str(error)))
            bar.update()
            return
        if arguments.resume and (old := store.find(assignment, submission)):
            results.append(old)
            bar.update()
        else:
            yield submission

    def skip(student: str, lab: str, why: str) -> None:
        not_graded.append(student)
        tqdm.write(f"{student:<24} {lab:<20} not graded: {why}", file=sys.stdout)
        bar.update()

    graders = (
        cluster(assignments, settings, arguments.scheduler)
        if arguments.scheduler
        else this_machine(assignments, settings, arguments.workers)
    )
    with tqdm(total=len(found), desc="grading", unit="submission") as bar, graders as (grade, workers):
        try:
            for submission, outcome in as_done(grade, to_grade(), workers):
                if isinstance(outcome, Exception):
                    skip(submission.student, submission.lab, f"{outcome}")
                    continue
                try:
                    finish(outcome)
                    bar.update()
                except (GradebookError, OSError) as error:
                    skip(submission.student, submission.lab, f"{error}")
        finally:
            write_grades(output / "grades.csv", results)
    print(f"{len(results)} graded, {len(not_graded)} not: {output / 'grades.csv'}")
    return 1 if not_graded else 0


def _needed(found: list[Found], known: list[str], asked: list[str]) -> list[str]:
    """The labs to prepare: those asked for, else those that were handed in; all where a file's name tells none."""
    if asked:
        return asked
    named = {one.lab for one in found}
    return known if named - set(known) else sorted(named & set(known))


def _lab_of(one: Found, assignments: dict[str, Assignment]) -> str | None:
    """The lab that a file with another name is."""
    with contextlib.suppress(NotebookError):
        return recognise(load(one.path), {name: each.released for name, each in assignments.items()})
    return None


def _has(found: list[Found], student: str, lab: str) -> bool:
    return any(one.student == student and one.lab == lab for one in found)


def _unreadable(one: Found, assignment: Assignment, why: str) -> Result:
    """The result for a file that cannot be read."""
    possible = assignment.lab.points
    return Result(
        one.student, assignment.lab.name, possible, dict.fromkeys(possible, 0.0), flags=(why,), failed=True,
        submitted=one.submitted,
    )  # fmt: skip


def do_report(arguments: argparse.Namespace) -> int:
    """Print a summary of the results, and draw it."""
    results = Store(arguments.output / "results").all()
    if not results:
        raise CollectError(f"{arguments.output} holds no results: run `python -m grading grade` first")
    labs = {name: labs_of.read_lab(arguments.solutions, name) for name in {result.lab for result in results}}
    print(report.summary(results, labs))
    target = arguments.output / "report.png"
    report.picture(results, labs).savefig(target, dpi=150)
    print(target)
    return 0


def do_validate(arguments: argparse.Namespace) -> int:
    """Run the visible checks of a notebook; 0 when all pass, 1 otherwise."""
    found = validate(arguments.file, arguments.released)
    print(found)
    return 0 if found.passed else 1


def do_prove(arguments: argparse.Namespace) -> int:
    """Print how many wrong answers each lab catches; 0 when all, 1 otherwise."""
    verdicts = {}
    for name in arguments.labs or labs_of.names(arguments.solutions):
        lab = labs_of.read_lab(arguments.solutions, name)
        verdicts[name] = proof.prove(lab, proof.load_mutants(arguments.mutants / f"{name}.py"))
    print(proof.table(verdicts))
    bad = [(name, one) for name, found in verdicts.items() for one in found if not one.as_it_should]
    for name, one in bad:
        kind = "wrong answer passed" if one.wrong else "right answer lost its points"
        print(f"  {name}/{one.check}: {kind}: {one.answer} ({one.outcome})")
    return 1 if bad else 0


COMMANDS = {
    "release": do_release,
    "collect": do_collect,
    "grade": do_grade,
    "report": do_report,
    "validate": do_validate,
    "prove": do_prove,
}
