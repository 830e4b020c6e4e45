"""What the commands of `python -m grading` do; each takes its arguments and returns an exit code."""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from grading import lab as labs_of
from grading import proof, report, sandbox
from grading.assignments import read_assignment
from grading.autograded import link_sources
from grading.batch import Settings, as_done, cluster, this_machine
from grading.bundle import bundle
from grading.collect import CollectError, collect, gather
from grading.desk import Desk, sort_out
from grading.gradebook import GradebookError
from grading.lab import LabError
from grading.notebook import NotebookError
from grading.release import release
from grading.report import ReportError
from grading.results import ResultsError, Store
from grading.run import GradingError
from grading.sandbox import Limits, SandboxError
from grading.validate import validate

ERRORS = (
    LabError,
    NotebookError,
    CollectError,
    SandboxError,
    GradingError,
    GradebookError,
    ReportError,
    ResultsError,
    OSError,
)


def _all_labs(solutions: Path) -> list[str]:
    """The names of all labs, where there is one."""
    if not (found := labs_of.names(solutions)):
        raise LabError(f"{solutions} holds no lab: this copy of the course is for students")
    return found


def do_release(arguments: argparse.Namespace) -> int:
    """Make the labs, or the bundle for a class."""
    names = arguments.labs or _all_labs(arguments.solutions)
    if arguments.bundle:
        root = Path(__file__).resolve().parent.parent
        print(bundle(arguments.bundle, root, arguments.solutions, names))
        return 0
    for name in names:
        print(release(name, arguments.solutions, arguments.to) / f"{name}.ipynb")
    return 0


def do_collect(arguments: argparse.Namespace) -> int:
    """Copy submissions into a folder; 0 when every student has one, 1 otherwise."""
    labs = Path(__file__).resolve().parent.parent / "labs/.released"
    released = labs_of.read_lab(labs, arguments.lab).notebook
    students, left_out = gather(arguments.source, arguments.submissions, arguments.lab, released)
    for student, time in students:
        print(f"{student:<24} {time or 'time unknown'}")
    for student, why in left_out:
        print(f"left out: {student}: {why}")
    print(f"{len(students)} submissions of {arguments.lab}: {arguments.submissions}")
    return 1 if left_out else 0


def do_grade(arguments: argparse.Namespace) -> int:
    """Grade; 0 when all were graded, 1 when some could not be: the machine, the lab, or a file of no lab is at fault."""
    sandbox.require()
    for place in (arguments.submissions, arguments.output, arguments.solutions, arguments.mutants):
        sandbox.refuse_visible(place)
    known = _all_labs(arguments.solutions)
    if unknown := [name for name in arguments.labs if name not in known]:
        raise LabError(f"unknown lab {unknown[0]}: the labs are {', '.join(known)}")
    found = collect(arguments.submissions)
    named = {one.lab for one in found if one.lab}
    # a file whose name tells no lab may be of any
    needed = arguments.labs or [name for name in known if name in named or named - set(known)]
    assignments = {
        name: read_assignment(arguments.solutions, arguments.mutants, name)
        for name in tqdm(needed, desc="preparing", unit="lab", leave=False)
    }
    chosen, refused = sort_out(found, assignments, known)
    desk = Desk(
        arguments.output,
        arguments.gradebook or f"sqlite:///{(arguments.output / 'gradebook.db').resolve()}",
        assignments,
        arguments.due,
        arguments.late,
        tell=lambda text: tqdm.write(text, file=sys.stdout),
    )
    settings = Settings(arguments.seconds, Limits(memory=int(arguments.memory * 2**30)), arguments.seed)
    graders = (
        cluster(assignments, settings, arguments.scheduler)
        if arguments.scheduler
        else this_machine(assignments, settings, arguments.workers)
    )
    arguments.output.mkdir(parents=True, exist_ok=True)
    link_sources(arguments.output, arguments.solutions)
    with tqdm(total=len(chosen), desc="grading", unit="submission") as bar, graders as (grade, workers):
        for one, why in refused:
            desk.refuse(one, why)
        try:
            for submission, outcome in as_done(grade, desk.unsettled(chosen, arguments.resume), workers):
                desk.settle(submission, outcome)
                bar.update(desk.graded - bar.n)
        finally:
            table = desk.write_grades()
        bar.update(desk.graded - bar.n)
    print(f"{desk.graded} graded, {len(desk.not_graded)} not: {table}")
    return 1 if desk.not_graded else 0


def do_report(arguments: argparse.Namespace) -> int:
    """Print a summary of the results, and draw it."""
    results = Store(arguments.output / "results").all()
    labs = {
        name: labs_of.read_lab(arguments.solutions, name)
        for name in labs_of.names(arguments.solutions)
        if any(result.lab == name for result in results)
    }
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
    for name in arguments.labs or _all_labs(arguments.solutions):
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
