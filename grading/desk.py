"""The grader's desk: which submissions are to be graded, and where their results go."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from grading import gradebook
from grading.assignments import Assignment
from grading.collect import Found, Submission
from grading.feedback import write as write_feedback
from grading.gradebook import GradebookError
from grading.notebook import NotebookError, load
from grading.result import Result
from grading.results import Store, line, penalty, write_grades
from grading.text import one_line
from grading.transplant import recognise


def sort_out(
    found: Iterable[Found], assignments: Mapping[str, Assignment], known: list[str]
) -> tuple[list[Found], list[tuple[Found, str]]]:
    """Tell the submissions to grade, under the names of their labs, from those that are of no lab, each with a reason.

    A file with another name is taken for the lab whose cells it has, unless the student handed in that lab under its
    own name, too. Submissions of labs that are not in `assignments` are left out. A student's folder without a notebook
    is of no lab, too.
    """
    found = list(found)
    named = {(one.student, one.lab) for one in found}
    released = {name: assignment.released for name, assignment in assignments.items()}
    chosen, refused = {}, []
    for one in found:
        if not one.lab:
            refused.append((one, "no notebook"))
            continue
        name = one.lab if one.lab in known else None
        if name is None:
            with contextlib.suppress(NotebookError):  # then it is no lab
                name = recognise(load(one.path), released)
        if name is None:
            refused.append((one, f"unknown lab: the labs are {', '.join(known)}"))
        elif name in assignments and (one.lab == name or (one.student, name) not in named):
            chosen[one.student, name] = replace(one, lab=name)
    return list(chosen.values()), refused


@dataclass
class Desk:
    """Takes results in, and keeps each in the gradebook, as feedback and in the store before it counts as done.

    Parameters
    ----------
    output : the folder for everything
    gradebook : the address of the gradebook
    assignments : the labs by name
    due : when they are due, with a time zone, or None
    percent : of the maximum that each day late costs
    tell : takes one line of text for each submission
    graded, not_graded : how many were settled in this run, and the students whose submissions could not be graded
    """

    output: Path
    gradebook: str
    assignments: Mapping[str, Assignment]
    due: datetime | None
    percent: float
    tell: Callable[[str], None]
    graded: int = 0
    not_graded: list[str] = field(default_factory=list)

    @property
    def store(self) -> Store:
        """All results so far, in files."""
        return Store(self.output / "results")

    def unsettled(self, found: Iterable[Found], resume: bool) -> Iterator[Submission]:
        """Read one submission after the other; those that cannot be read, or that an earlier run settled, are settled."""
        for one in found:
            assignment = self.assignments[one.lab]
            try:
                submission = one.submission()
            except NotebookError as error:
                self.settle(one, _unreadable(one, assignment, str(error)))
                continue
            old = self.store.find(assignment, submission) if resume else None
            if old is None:
                yield submission
            else:  # not graded again, but a teacher may have typed points, or moved the day when it is due
                time = submission.submitted or old.submitted
                self.settle(submission, replace(old, submitted=time))

    def settle(self, submission: Submission | Found, outcome: Result | Exception) -> None:
        """Keep a result, or note why there is none."""
        if isinstance(outcome, Result):
            try:
                self.tell(line(self._keep(replace(outcome, penalty=self._penalty(outcome)))))
                return
            except (GradebookError, OSError) as error:
                outcome = error
        self.refuse(submission, str(outcome))

    def refuse(self, submission: Submission | Found, why: str) -> None:
        """Note that a submission was not graded."""
        self.not_graded.append(submission.student)
        self.tell(one_line(f"{submission.student:<24} {submission.lab:<20} not graded: {why}"))

    def write_grades(self) -> Path:
        """Write the table of all results in the store, those of earlier runs too; returns its path."""
        write_grades(self.output / "grades.csv", self.store.all())
        return self.output / "grades.csv"

    def _keep(self, result: Result) -> Result:
        """Write a result everywhere; returns it with the points that a teacher typed."""
        assignment = self.assignments[result.lab]
        typed = gradebook.record(self.gradebook, assignment.lab, result, self.output)
        final = result.with_typed(typed)
        write_feedback(self.output / "feedback", assignment, final)
        self.store.keep(assignment, result, typed)  # last, so that what is in it is everywhere
        self.graded += 1
        return final

    def _penalty(self, result: Result) -> float:
        return penalty(result, self.due, self.percent) if self.due else result.penalty


def _unreadable(one: Found, assignment: Assignment, why: str) -> Result:
    """The result for a file that cannot be read."""
    possible = assignment.lab.points
    none = dict.fromkeys(possible, 0.0)
    return Result(
        one.student, one.lab, possible, none, flags=(why, *one.flags), failed=True, submitted=one.submitted
    )
