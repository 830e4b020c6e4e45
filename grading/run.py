"""From a submission to points: the student's kernel on one side, the checks on the other.

The answers run in the student's kernel, in the order of the lab. Then each check runs twice in the tester, in an order
and with inputs drawn at random, and calls the functions in the kernel. Points need both. When the kernel is lost, and
more than one task can be the cause, each gets a kernel of its own; one that loses its own kernel gets no points.
"""

import hashlib
import importlib.util
import random
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from grading.assignments import Assignment
from grading.collect import Submission
from grading.kernel import Kernel, KernelDied
from grading.lab import Check, Task
from grading.notebook import NotebookError, parse
from grading.outputs import Outputs
from grading.result import Result
from grading.sandbox import Limits
from grading.tester import Tester, TesterError
from grading.transplant import Answers, transplant

PACKAGE = Path(__file__).resolve().parent
ROUNDS = 2
SERVE = "__import__('grading.serve').serve.serve({}, get_ipython())"
NOT_ANSWERED = "not answered yet"
NOT_CHECKED = "your answer could not be checked"


class GradingError(RuntimeError):
    """A submission could not be graded, for a reason that is not its own."""


class Grader:
    """Grades submissions one after the other; keeps a tester for each lab, so that labs are prepared once.

    `seconds` limit each cell and each check, `limits` the sandboxes.
    """

    def __init__(self, seconds: float = 60, limits: Limits = Limits()):  # noqa: B008 - frozen
        self.seconds = seconds
        self.limits = limits
        self._testers: dict[str, Tester] = {}
        self._kernel: Kernel | None = None  # that is at work
        self._stopped = False

    def grade(self, assignment: Assignment, submission: Submission, seed: int) -> Result:
        """Grade one submission, whatever is in it.

        Raises GradingError and SandboxError where the lab or the machine is at fault.
        """
        about = {
            "student": submission.student,
            "lab": submission.lab,
            "possible": assignment.lab.points,
            "seed": seed,
            "submitted": submission.submitted,
            "digest": submission.digest,
        }
        try:
            answers = transplant(assignment.released, parse(submission.content))
        except NotebookError as error:
            return Result(
                points=dict.fromkeys(assignment.lab.points, 0.0),
                flags=(str(error), *submission.flags),
                failed=True,
                **about,
            )
        run = _Run(assignment, answers, seed)
        tasks = run.open_tasks()
        if tasks and not self._one_kernel(assignment, run, tasks):
            for task in run.open_tasks():
                self._alone(assignment, run, task)
            if unnamed := run.unnamed():
                self._one_kernel(assignment, run, unnamed)  # no check is open in it: for the hints alone
        if self._stopped:  # what was ended from outside must not look like the student's doing
            raise GradingError("grading was stopped")
        return Result(
            points={name: run.points(name) for name in assignment.lab.points},
            messages=run.messages,
            hints=run.hints,
            answers=answers.given,
            outputs=run.outputs,
            flags=tuple(dict.fromkeys([*run.flags, *submission.flags])),
            **about,
        )

    def prepare(self, assignment: Assignment) -> None:
        """Make the tester of a lab. Raises GradingError where the lab's own reference solution does not pass."""
        self._tester(assignment)

    def stop(self) -> None:
        """Let the grading that another thread is at fail soon: end what runs in sandboxes, and start nothing more."""
        self._stopped = True
        for each in [self._kernel, *self._testers.values()]:
            if each:
                each.sandbox.end()

    def close(self) -> None:
        """End all testers."""
        while self._testers:
            self._testers.popitem()[1].close()

    def _alone(self, assignment: Assignment, run: "_Run", task: Task) -> None:
        """Grade a task in a kernel of its own; again beside the others if it needs a name that they define."""
        if self._one_kernel(assignment, run, [task]) and run.misses_a_name(task):
            others = [
                other for other in assignment.lab.tasks if other is not task and other.name not in run.ended
            ]
            kept = run.retry(task)
            if not self._one_kernel(assignment, run, [task], others):
                run.messages |= kept

    def _one_kernel(
        self, assignment: Assignment, run: "_Run", tasks: list[Task], beside: Sequence[Task] = ()
    ) -> bool:
        """Run the answers to some tasks, and to those beside, in a new kernel, then the checks of the former.

        Returns False when the kernel was lost.
        """
        if self._stopped:
            raise GradingError("grading was stopped")
        here, inside = socket.socketpair()
        with here:
            with inside:
                number = inside.fileno()
                kernel = Kernel(_for_student(), [number], self.limits)
            with kernel:
                self._kernel = kernel
                try:
                    self._run_answers(kernel, run, [*tasks, *beside])
                    kernel.begin(SERVE.format(number))
                    self._run_checks(assignment, kernel, run, tasks, here)
                except KernelDied as error:
                    # who is alone is to blame; otherwise each task must show what it does when it is alone
                    if run.has_run == {run.at_work}:
                        run.lost(run.at_work, str(error))
                    return False
                self._find_hints(assignment, run, tasks, here)
        return True

    def _run_answers(self, kernel: Kernel, run: "_Run", tasks: list[Task]) -> None:
        """Run set-up and answers in the order of the lab. Raises KernelDied, GradingError."""
        names = {task.name for task in tasks}
        run.at_work, run.has_run = "", set()
        for name, source in run.assignment.cells:
            if name and (name not in names or name not in run.answers.given):
                continue
            if name:
                run.at_work = name
                run.has_run.add(name)
            try:
                outputs = self._run_answer(kernel, run, name) if name else kernel.run(source, self.seconds)
            except KernelDied as error:
                if not run.at_work:
                    raise GradingError(
                        f"a set-up cell of {run.assignment.lab.name} failed: {error}"
                    ) from None
                raise
            if name:
                run.ran(name, outputs)
            elif outputs.error and not run.at_work:
                raise GradingError(f"a set-up cell of {run.assignment.lab.name} failed: {outputs.error}")

    def _run_answer(self, kernel: Kernel, run: "_Run", name: str) -> Outputs:
        """Run an answer; where a cell stands more than once, all as one, as when it was split, else one by one."""
        outputs = kernel.run(run.answers.given[name], self.seconds)
        run.sources[name] = [run.answers.given[name]]
        if outputs.error and name in run.answers.parts:
            run.sources[name] = run.answers.parts[name]
            for source in run.sources[name]:
                outputs = kernel.run(source, self.seconds)
        return outputs

    def _run_checks(
        self, assignment: Assignment, kernel: Kernel, run: "_Run", tasks: list[Task], channel: socket.socket
    ) -> None:
        """Run the checks of some tasks, each twice, in random order. Raises KernelDied."""
        for turn, task, check in run.order(tasks):
            run.at_work = task.name
            try:
                tester = self._tester(assignment)
                reply = tester.check(
                    check.name, run.seed_of(turn, check), channel, run.sources.get(task.name, [])
                )
            except TesterError as error:
                self._testers.pop(assignment.lab.name).close()
                reply = {"lost": str(error)}
            if "lost" in reply:
                # the connection ends a moment before the process does
                if kernel.ended_within(0.5):
                    raise KernelDied(kernel.why_it_died())
                raise KernelDied(reply["lost"])
            run.checked(task, check, reply["message"])

    def _find_hints(
        self, assignment: Assignment, run: "_Run", tasks: list[Task], channel: socket.socket
    ) -> None:
        """Name the mistakes behind the checks that failed; last of all, so that it can cost no points."""
        for task in tasks:
            for check in task.checks:
                if run.wants_hint(check):
                    try:
                        seed, cells = run.seed_of(ROUNDS, check), run.sources.get(task.name, [])
                        reply = self._tester(assignment).hints(check.name, seed, channel, cells)
                    except TesterError:
                        self._testers.pop(assignment.lab.name).close()
                        return
                    if "lost" in reply:  # the answer takes its time, or ends: it has its marks already
                        return
                    if reply["hints"]:
                        run.hints[check.name] = " or ".join(reply["hints"][:2])

    def _tester(self, assignment: Assignment) -> Tester:
        if self._stopped:
            raise GradingError("grading was stopped")
        name = assignment.lab.name
        if name in self._testers and not self._testers[name].sandbox.running():
            self._testers.pop(name).close()
        if name not in self._testers:
            try:
                self._testers[name] = Tester(
                    assignment.for_tester(), _for_tester(), self.seconds, self.limits
                )
            except TesterError as error:
                raise GradingError(f"lab {name}: {error}") from None
        return self._testers[name]


class _Run:
    """What is known of a submission so far."""

    def __init__(self, assignment: Assignment, answers: Answers, seed: int):
        self.assignment, self.answers, self.seed = assignment, answers, seed
        self.flags = list(answers.flags)
        self.outputs: dict[str, list[dict]] = {}
        self.errors: dict[str, str] = {}  # that answer cells ended with
        self.messages: dict[str, str] = {}  # of the graded cells that failed
        self.hints: dict[str, str] = {}
        self.passed: dict[str, int] = {}  # times that a check passed
        self.at_work = ""  # the task whose code runs now
        self.has_run: set[str] = set()  # the tasks whose code has run in this kernel
        self.sources: dict[str, list[str]] = {}  # the cells that an answer runs as
        self.ended: set[str] = set()  # tasks that ended a kernel in which nothing else had run
        for task in assignment.lab.tasks:
            if task.name in answers.untouched:
                self.messages |= {check.name: NOT_ANSWERED for check in task.checks}
        for name in assignment.lab.open_questions:
            if name in answers.untouched or not answers.given.get(name, "").strip():
                self.messages[name] = NOT_ANSWERED
            else:
                self.flags.append(f"grade by hand: {name}")

    def open_tasks(self) -> list[Task]:
        """The tasks with a check that has neither failed nor passed in all rounds."""
        return [task for task in self.assignment.lab.tasks if any(map(self._open, task.checks))]

    def order(self, tasks: list[Task]) -> Iterator[tuple[int, Task, Check]]:
        """Rounds of checks, the tasks of each in random order; a check that has failed does not come again."""
        chance = random.Random(self.seed)
        self.passed |= {check.name: 0 for task in tasks for check in filter(self._open, task.checks)}
        for turn in range(ROUNDS):
            for task in chance.sample(tasks, len(tasks)):
                for check in task.checks:
                    if self._open(check):
                        yield turn, task, check

    def seed_of(self, turn: int, check: Check) -> int:
        """The seed of one run of a check."""
        text = f"{self.seed}/{turn}/{check.name}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:4], "big")

    def ran(self, name: str, outputs: Outputs) -> None:
        """An answer cell has run."""
        self.outputs.setdefault(name, outputs.cells)
        if outputs.error:
            self.errors[name] = outputs.error

    def checked(self, task: Task, check: Check, message: str) -> None:
        """A check has run; a message says that it failed."""
        if not message:
            self.passed[check.name] += 1
            return
        cell = self.errors.get(task.name)
        self.messages[check.name] = f"{message} (your cell ended with {cell})" if cell else message
        if self.passed[check.name]:
            self.flags.append(f"{check.name} passed once and failed once")

    def wants_hint(self, check: Check) -> bool:
        """Whether a check failed that a known mistake may explain."""
        said = self.messages.get(check.name, NOT_ANSWERED)
        return said != NOT_ANSWERED and not said.startswith(("NotImplementedError", NOT_CHECKED))

    def unnamed(self) -> list[Task]:
        """The tasks whose mistakes have not been looked for, and that leave a kernel alive."""
        return [
            task
            for task in self.assignment.lab.tasks
            if task.name not in self.ended
            and any(self.wants_hint(check) and check.name not in self.hints for check in task.checks)
        ]

    def misses_a_name(self, task: Task) -> bool:
        """Whether a check of a task failed for a name that is not defined."""
        return any("NameError" in self.messages.get(check.name, "") for check in task.checks)

    def retry(self, task: Task) -> dict[str, str]:
        """Open a task's checks again; returns what they said."""
        self.errors.pop(task.name, None)
        return {
            check.name: self.messages.pop(check.name) for check in task.checks if check.name in self.messages
        }

    def lost(self, name: str, why: str) -> None:
        """A task ended the kernel: its open checks fail."""
        self.ended.add(name)
        self.flags.append(f"{name}: {why}")
        for task in self.assignment.lab.tasks:
            if task.name == name:
                for check in filter(self._open, task.checks):
                    self.messages[check.name] = f"{NOT_CHECKED}: {why}"

    def points(self, name: str) -> float | None:
        """The points of a graded cell; None where a person must grade."""
        if name in self.assignment.lab.open_questions:
            return 0.0 if name in self.messages else None
        return self.assignment.lab.points[name] if self.passed.get(name) == ROUNDS else 0.0

    def _open(self, check: Check) -> bool:
        return check.name not in self.messages and self.passed.get(check.name, 0) < ROUNDS


def _packages() -> dict[str, Path]:
    """The folders of the course's own packages, which labs import."""
    return {
        name: Path(importlib.util.find_spec(name).submodule_search_locations[0])
        for name in ("effdl", "hwsim")
    }


def _for_student() -> dict[str, Path]:
    """What a student's kernel may read: the course's packages, and its own end of the pipe."""
    return _packages() | {
        f"grading/{name}": PACKAGE / name for name in ("__init__.py", "serve.py", "wire.py")
    }


def _for_tester() -> dict[str, Path]:
    """What the tester may read."""
    return _packages() | {"grading": PACKAGE}
