"""Grade a class: many submissions side by side, on this machine or on a Dask cluster."""

import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from grading.assignments import Assignment
from grading.collect import Submission
from grading.result import Result
from grading.run import Grader, GradingError
from grading.sandbox import Limits

PLUGIN = "weights-to-silicon-grading"  # its name on Dask's workers
CONNECT_SECONDS = 15

Grade = Callable[[Submission], Future[Result]]


@dataclass(frozen=True)
class Settings:
    """How submissions are graded: seconds for each cell and each check, what a sandbox may use, a seed or None.

    Without a seed each submission draws its own, which its result holds.
    """

    seconds: float = 60
    limits: Limits = field(default_factory=Limits)
    seed: int | None = None


class Team:
    """Graders of one process, one for each thread that asks: a tester serves one submission at a time."""

    def __init__(self, assignments: Mapping[str, Assignment], settings: Settings):
        self.assignments = assignments
        self.settings = settings
        self._mine = threading.local()
        self._all: list[Grader] = []

    def grade(self, submission: Submission) -> Result:
        """Grade one submission. Raises GradingError and SandboxError, as `Grader.grade` does."""
        if not hasattr(self._mine, "grader"):
            self._mine.grader = Grader(self.settings.seconds, self.settings.limits)
            self._all.append(self._mine.grader)
        seed = secrets.randbits(31) if self.settings.seed is None else self.settings.seed
        return self._mine.grader.grade(self.assignments[submission.lab], submission, seed)

    def stop(self) -> None:
        """Let all that is being graded fail soon."""
        for grader in self._all:
            grader.stop()

    def close(self) -> None:
        """End the testers of all threads."""
        while self._all:
            self._all.pop().close()


@contextmanager
def this_machine(
    assignments: Mapping[str, Assignment], settings: Settings, workers: int
) -> Iterator[tuple[Grade, int]]:
    """Grade on some threads of this process; the work itself is in the sandboxes.

    Gives a function that takes a submission and returns the future of its result, and the number of workers.
    """
    team = Team(assignments, settings)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="grader")
    try:
        yield lambda submission: pool.submit(team.grade, submission), workers
    except BaseException:  # who leaves before all is done wants no result any more
        pool.shutdown(wait=False, cancel_futures=True)
        team.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        team.close()


@contextmanager
def cluster(
    assignments: Mapping[str, Assignment], settings: Settings, address: str
) -> Iterator[tuple[Grade, int]]:
    """Grade on the workers of a Dask scheduler, which need this course and bubblewrap; as `this_machine`.

    Submissions and labs travel to the workers, so they need no common folder. What a lost worker had is graded by
    another one. Raises GradingError where there is no scheduler, or no worker.
    """
    try:
        from distributed import Client, WorkerPlugin, get_worker
    except ImportError:
        raise GradingError("grading on a cluster needs Dask: pip install distributed") from None

    class Graders(WorkerPlugin):
        """A team on each worker, those that join later too."""

        name = PLUGIN

        def setup(self, worker: Any) -> None:
            self.team = Team(assignments, settings)

        def teardown(self, worker: Any) -> None:
            self.team.close()

    def grade(submission: Submission) -> Result:
        return get_worker().plugins[PLUGIN].team.grade(submission)

    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise GradingError(
            f"no Dask scheduler answers at {address}: start `dask scheduler`, or mend the address"
        ) from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise GradingError(
                f"the scheduler at {address} has no workers: start some with `dask worker {address}`"
            )
        client.register_plugin(Graders())
        try:
            executor = client.get_executor(pure=False)
            yield lambda submission: executor.submit(grade, submission), threads
        finally:
            client.unregister_worker_plugin(PLUGIN)


def as_done(
    grade: Grade, submissions: Iterable[Submission], workers: int
) -> Iterator[tuple[Submission, Result | Exception]]:
    """Each submission with its result as soon as it is there, or with the error where it could not be graded.

    Few submissions more than there are workers are held at a time.
    """
    waiting: dict[Future[Result], Submission] = {}
    for submission in submissions:
        waiting[grade(submission)] = submission
        if len(waiting) > 2 * workers:
            yield from _take(waiting)
    while waiting:
        yield from _take(waiting)


def _take(waiting: dict[Future[Result], Submission]) -> Iterator[tuple[Submission, Result | Exception]]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        submission = waiting.pop(future)
        error = future.exception()
        if error is None:
            yield submission, future.result()
        elif isinstance(error, Exception):  # a fault of the lab, the machine or the cluster: the others go on
            yield submission, error
        else:
            raise error
