"""What a student runs before handing in: the visible checks of a lab, on the student's own machine.

It needs a released copy of the course and nothing else: no hidden test, solution or sandbox. The answers are put into a
clean lab, as grading does, so cells that grading would not see do not help here either.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook
from tqdm import tqdm

from grading.flags import for_student
from grading.lab import Lab, LabError, Task, names, read_lab
from grading.notebook import load, nbgrader
from grading.outputs import FILE
from grading.text import ESCAPES
from grading.transplant import Answers, recognise, transplant

PASSED, WRONG, EMPTY, BY_HAND = "passed", "wrong", "not answered", "graded by hand"
SETUP_SECONDS = 600  # of a set-up cell: the first one may load large libraries
MOST_WORDS = 600  # characters of a message
KEEP = "_kept = None; _kept = dict(globals()); _kept['_kept'] = _kept"
RESTORE = (
    "(lambda now, kept: ([now.pop(n) for n in set(now) - set(kept)], now.update(kept)))(globals(), _kept)"
)


class Lost(Exception):
    """The kernel ended or took too long; the message says why, in words for the student."""


@dataclass(frozen=True)
class Outcome:
    """A graded cell: its state is PASSED, WRONG, EMPTY or BY_HAND, and a message says what is wrong."""

    name: str
    points: float
    state: str
    message: str = ""


@dataclass(frozen=True)
class Report:
    """What the visible checks say of a notebook, and what else a grader would stumble over."""

    lab: str
    outcomes: tuple[Outcome, ...]
    warnings: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether all is answered and passes, without a warning."""
        return not self.warnings and all(outcome.state in (PASSED, BY_HAND) for outcome in self.outcomes)

    def __str__(self) -> str:
        """The report as a table."""
        width = max(len(outcome.name) for outcome in self.outcomes)
        given = sum(outcome.points for outcome in self.outcomes if outcome.state == PASSED)
        lines = [
            f"{self.lab}: visible checks of {given:g} of {sum(o.points for o in self.outcomes):g} points pass"
        ]
        for each in self.outcomes:
            lines.append(f"  {each.name:{width}}  {each.points:4g}  {each.state}")
            lines += [f"  {'':{width}}        {line}" for line in each.message.splitlines()]
        lines += [f"  warning: {warning}" for warning in self.warnings]
        lines.append(
            "  Grading runs further checks, with other inputs. The docstrings say all that they expect."
        )
        return "\n".join(lines)


def validate(path: Path, labs_folder: Path, seconds: float = 60, progress: bool = True) -> Report:
    """Run the visible checks on a student's notebook.

    Parameters
    ----------
    path : The notebook.
    labs_folder : The labs as they were released, with `NAME/NAME.ipynb` for each: `labs/.released`, not the labs that
        students answer in place.
    seconds : The limit for each answer and each check.
    progress : Whether to show a bar on stderr.

    Raises NotebookError for a file that is no notebook, LabError for one that is of no lab, and where a set-up cell of
    the lab fails on this machine.
    """
    submitted = load(path)
    lab, warnings = _which_lab(Path(path), submitted, Path(labs_folder))
    answers = transplant(lab.notebook, submitted)
    warnings += [for_student(flag) for flag in answers.flags]
    tasks = [task for task in lab.tasks if _answered(task.name, answers)]
    run = _Run(lab, answers, seconds, progress)
    run.in_place(tasks)
    if len(tasks) > 1:  # a single answer was alone already
        run.alone([task for task in tasks if not any(run.messages[check.name] for check in task.checks)])
    warnings += run.warnings
    outcomes = [
        _outcome(check.name, check.points, task.name, run) for task in lab.tasks for check in task.checks
    ]
    outcomes += [
        Outcome(name, points, BY_HAND if _answered(name, answers) else EMPTY)
        for name, points in lab.open_questions.items()
    ]
    return Report(lab.name, tuple(outcomes), tuple(warnings))


def _which_lab(path: Path, submitted: dict, folder: Path) -> tuple[Lab, list[str]]:
    """The lab that a notebook is of, by its cells, or by its name where those say nothing."""
    known = names(folder)
    if not known:
        raise LabError(f"{folder} holds no lab: name the folder labs/.released of the course")
    found = recognise(submitted, {name: load(folder / name / f"{name}.ipynb") for name in known}) or path.stem
    if found not in known:
        raise LabError(f"{path} is no lab: it has no cells of one. The labs are {', '.join(known)}")
    renamed = f"The file is named {path.name}. Hand it in as {found}.ipynb."
    return read_lab(folder, found), [] if found == path.stem else [renamed]


def _answered(name: str, answers: Answers) -> bool:
    return name not in answers.untouched and bool(answers.given.get(name, "").strip())


def _outcome(name: str, points: float, task: str, run: "_Run") -> Outcome:
    message = run.messages.get(name)
    if message is None:
        return Outcome(name, points, EMPTY)
    if message.startswith("NotImplementedError"):
        return Outcome(name, points, EMPTY, f"{task} still raises NotImplementedError: delete that line")
    return Outcome(name, points, WRONG if message else PASSED, message[:MOST_WORDS])


class _Run:
    """Answers run in the lab, and what the checks said: "" of those that passed."""

    def __init__(self, lab: Lab, answers: Answers, seconds: float, progress: bool):
        self.lab, self.answers, self.seconds, self.progress = lab, answers, seconds, progress
        self.messages: dict[str, str] = {}  # by graded cell
        self.warnings: list[str] = []
        self.code = [cell for cell in lab.notebook["cells"] if cell["cell_type"] == "code"]

    def in_place(self, tasks: list[Task]) -> None:
        """Run all in the order of the lab; a task that loses the kernel is left out when the rest runs again."""
        left = list(tasks)
        with self._bar(tasks, self.lab.name) as bar:
            while any(check.name not in self.messages for task in left for check in task.checks):
                at_work: list[Task] = []
                try:
                    with _kernel() as kernel:
                        self._through(kernel, left, at_work, bar)
                except Lost as error:
                    left.remove(at_work[-1])
                    for check in at_work[-1].checks:
                        self.messages.setdefault(check.name, f"your answer was stopped: {error}")
                    bar.update(len(self.messages) - bar.n)

    def _through(self, kernel: "_Kernel", tasks: list[Task], at_work: list[Task], bar: tqdm) -> None:
        """Run set-up cells, answers and checks. Raises Lost; the last of `at_work` is then to blame."""
        task_of = {task.name: task for task in tasks}
        check_of = {check.name: task for task in tasks for check in task.checks}
        ended: dict[str, str] = {}  # what answer cells ended with
        for cell in self.code:
            name = nbgrader(cell).get("grade_id", "")
            if name in task_of:
                at_work.append(task_of[name])
                ended[name] = kernel.run(self.answers.given[name], self.seconds)
            elif name in check_of and name not in self.messages:
                at_work.append(check_of[name])
                error = kernel.run(cell["source"], self.seconds)
                self.messages[name] = _in_words(error, ended[at_work[-1].name])
                bar.update(len(self.messages) - bar.n)
            elif not _is_asked(cell):
                self._set_up(kernel, cell["source"], after=at_work)

    def alone(self, tasks: list[Task]) -> None:
        """Check each task with no other answer, and warn of each that does not pass so."""
        left = list(tasks)
        with self._bar(tasks, f"{self.lab.name}, each answer alone") as bar:
            while left:
                with _kernel() as kernel:
                    for cell in self.code:
                        if not _is_asked(cell):
                            self._set_up(kernel, cell["source"], after=[])
                    kernel.run(KEEP, SETUP_SECONDS)
                    while left and self._one_alone(kernel, left.pop(0), bar):
                        kernel.run(RESTORE, SETUP_SECONDS)

    def _one_alone(self, kernel: "_Kernel", task: Task, bar: tqdm) -> bool:
        """Run an answer and its checks; False when the kernel was lost."""
        lost = error = ""
        for source in (self.answers.given[task.name], *(check.source for check in task.checks)):
            try:
                error = error or kernel.run(source, self.seconds)
            except Lost as why:
                lost = error = str(why)
                break
        if error:
            self.warnings.append(
                f"The answer {task.name} needs something outside its cell, as from another answer. "
                f"Without the other answers: {error[:MOST_WORDS]}"
            )
        bar.update(len(task.checks))
        return not lost

    def _bar(self, tasks: list[Task], what: str) -> tqdm:
        checks = sum(len(task.checks) for task in tasks)
        return tqdm(total=checks, desc=what, unit="check", disable=not (self.progress and tasks))

    def _set_up(self, kernel: "_Kernel", source: str, after: list[Task]) -> None:
        """Run a set-up cell. Raises LabError where it fails, unless an answer that ran before may be the reason."""
        try:
            error = kernel.run(source, SETUP_SECONDS)
        except Lost as lost:
            if after:
                raise
            error = str(lost)
        if error and not after:
            raise LabError(f"a set-up cell of {self.lab.name} fails on this machine: {error}")
        if error:
            warning = f"A set-up cell fails after your answers: {error}. Does one change a name of the lab?"
            self.warnings += [warning] if warning not in self.warnings else []


def _is_asked(cell: dict) -> bool:
    """Whether a cell is an answer or a check; the others are the lab's set-up."""
    about = nbgrader(cell)
    return bool(about.get("solution") or about.get("grade"))


def _in_words(error: str, ended: str) -> str:
    """What a check says, with what the answer cell ended with."""
    if error and ended:
        return f"{error}\nYour cell ended with {ended}"
    if error.startswith("NameError"):
        return f"{error}\nAn answer has the names of the set-up cells; cells of your own are left out."
    return error.removeprefix("AssertionError: ").strip() if error else ""


class _Kernel:
    """A kernel of this Python in an empty folder, without limits but the time."""

    def __init__(self, client: NotebookClient):
        self._client = client

    def run(self, source: str, seconds: float) -> str:
        """Run a cell; returns the error that ended it, as "ValueError: text", or "". Raises Lost."""
        cell = new_code_cell(source)
        self._client.nb.cells = [cell]
        self._client.timeout = seconds
        try:
            self._client.execute_cell(cell, 0, store_history=False)
        except CellExecutionError as error:
            return FILE.sub("(", ESCAPES.sub("", f"{error.ename}: {error.evalue}"))
        except CellTimeoutError:
            raise Lost(f"it took longer than {seconds:g} s") from None
        except DeadKernelError:
            raise Lost("it ended the Python process") from None
        return ""


@contextlib.contextmanager
def _kernel() -> Iterator[_Kernel]:
    """Start a kernel, and end it, whatever it does."""
    # only this Python's own kernel: a user's kernel named python3 may be that of another one
    specs = KernelSpecManager(kernel_dirs=[])
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        client = NotebookClient(new_notebook(), km=manager, shutdown_kernel="immediate")
        client.extra_arguments = ["--log-level=ERROR"]
        with client.setup_kernel(cleanup_kc=True, cwd=folder):
            yield _Kernel(client)
