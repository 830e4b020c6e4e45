"""A pool of processes: what it returns, and that nobody waits when one of them dies, fails or falls silent."""

import functools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from effdl.train.workers import WorkerError, Workers, report
from tests import worker_jobs as jobs

ROOT = Path(__file__).resolve().parent.parent
LONG = 1000.0


@pytest.fixture
def two():
    workers = Workers(2)
    yield workers
    workers.close()
    assert not any(process.is_alive() for process in workers.processes)


def fails(workers, *job, **settings):
    """The text of the error; all workers are gone afterwards, and the pool says so."""
    with pytest.raises(WorkerError) as caught:
        workers.run(*job, **settings)
    assert not any(process.is_alive() for process in workers.processes)
    assert not Path(workers._folder.name).exists()
    with pytest.raises(WorkerError, match="start new ones"):
        workers.run(jobs.identity, 1)
    return str(caught.value)


def test_answers_come_by_rank_and_an_error_names_its_worker(two):
    assert two.run(jobs.identity, 20, add=3) == [(0, 23, 1), (1, 23, 1)]
    assert two.run(jobs.steps, 3, 0.0, total=3) == [3, 3]
    with pytest.raises(ValueError, match="lambda> into a module"):
        two.run(lambda: 1)
    assert two.run(jobs.identity, 1) == [(0, 1, 1), (1, 1, 1)]  # a refused function does no harm
    text = fails(two, jobs.fail_on, 1)
    assert text.startswith("worker 1 of 2 failed in fail_on:")
    assert "KeyError: 'the page of this worker'" in text


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_killed_worker_is_named_at_once(two):
    two.run(jobs.identity, 0)
    threading.Timer(0.3, two.processes[1].kill).start()
    start = time.monotonic()
    assert fails(two, jobs.sleep, LONG, on=1) == (
        "worker 1 of 2 died (killed by SIGKILL) while it ran sleep; the others were stopped"
    )
    assert time.monotonic() - start < LONG / 10


def test_a_worker_that_leaves_takes_the_waiting_ones_with_it(two):
    assert "worker 0 of 2 died (exit code 3) while it ran leave_on" in fails(two, jobs.leave_on, 0, 3)


def test_silence_is_an_error_and_signs_of_life_are_not():
    with Workers(2, timeout=LONG) as workers:
        workers.run(jobs.identity, 0)
        workers._timeout = 1.0  # only now: a busy machine takes longer to start
        assert workers.run(jobs.steps, 6, 0.3) == [6, 6]
        assert fails(workers, jobs.sleep, LONG, on=1) == (
            "sleep: no sign of life for 1 seconds from worker 1 of 2; all were stopped"
        )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_workers_end_when_their_caller_is_killed():
    code = (
        "from effdl.train.workers import Workers\nfrom tests import worker_jobs as jobs\n"
        "workers = Workers(2)\nworkers.run(jobs.identity, 0)\n"
        "print(*(process.pid for process in workers.processes), flush=True)\nworkers.run(jobs.sleep, 300.0)\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in caller.stdout.readline().split()]
    assert len(pids) == 2
    caller.send_signal(signal.SIGKILL)
    caller.communicate()
    deadline = time.monotonic() + 60
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(alive(pid) for pid in pids)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")  # a process that nobody has waited for is over as well
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def test_what_it_refuses():
    for count, timeout in ((0, 1.0), (1.5, 1.0), (2, 0.0), (2, float("nan")), (2, float("inf"))):
        with pytest.raises(ValueError, match="an integer from 1"):
            Workers(count, timeout)


def test_a_function_of_a_notebook_is_refused_also_as_an_argument(two):
    def local():
        pass

    for task in ((local,), (jobs.identity, local), (functools.partial(local),)):
        with pytest.raises(ValueError, match=r"move .*local into a module"):
            two.run(*task)
    assert two.run(functools.partial(jobs.identity, 7)) == [(0, 7, 1), (1, 7, 1)]  # and nothing was stopped


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups to interrupt")
def test_an_interrupt_leaves_workers_alone_that_are_still_starting():
    code = (
        "import os, signal, time\nfrom effdl.train.workers import Workers\nfrom tests import worker_jobs as jobs\n"
        "with Workers(2) as workers:\n    time.sleep(0.7)\n    try:\n        os.killpg(0, signal.SIGINT)\n"
        "        time.sleep(5)\n    except KeyboardInterrupt:\n        print(len(workers.run(jobs.identity, 3)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert done.stdout == "2\n", done.stderr


def test_report_does_nothing_outside_of_a_worker():
    assert report() is None
