"""Processes on this machine that run one function at the same time and exchange tensors with torch.distributed.

    with Workers(4) as workers:
        results = workers.run(function, *arguments)

Each process imports torch, which takes seconds, so start them once and run many functions. They find each other through
a file in a folder of their own, and talk over ports of the loopback interface that the system chose: no fixed port can
be taken. They are started afresh (spawn) on every system, so what they run must live in a module that they can import.
"""

import contextlib
import multiprocessing
import os
import pickle
import platform
import signal
import tempfile
import threading
import time
import traceback
from datetime import timedelta
from math import inf
from multiprocessing.connection import wait
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing
from tqdm import tqdm

_to_parent = None  # in a worker: its end of the pipe


class WorkerError(RuntimeError):
    """A worker died, raised an error or fell silent; all workers were stopped."""


class Workers:
    """Processes of ranks 0 to `count` - 1 in one gloo process group.

    The caller watches them. When one dies or raises an error, the others, which may wait for its message for ever, are
    stopped at once. When none gives a sign of life for `timeout` seconds, all are stopped. Either way `run` raises a
    WorkerError that names the rank, and no process is left behind. Workers also end by themselves when their caller is
    gone.

    Parameters
    ----------
    count : int of at least 1
    timeout : float, seconds without an answer or a `report` after which a run has failed
    """

    def __init__(self, count, timeout=60.0):
        if not isinstance(count, int) or count < 1 or not 0 < timeout < inf:
            raise ValueError(
                f"count={count} must be an integer from 1, timeout={timeout} finite and above 0 seconds"
            )
        context = torch.multiprocessing.get_context("spawn")
        self._timeout, self._started = timeout, False
        self._folder = tempfile.TemporaryDirectory(prefix="workers-", ignore_cleanup_errors=True)
        meeting = str(Path(self._folder.name, "meeting"))
        self._pipes, self.processes = [], []
        with _without_interrupts():
            for rank in range(count):
                ours, theirs = context.Pipe()
                process = context.Process(
                    target=_serve,
                    args=(rank, count, meeting, timeout, theirs),
                    name=f"worker-{rank}",
                    daemon=True,
                )
                process.start()
                theirs.close()  # so that the worker's death closes the pipe
                self._pipes.append(ours)
                self.processes.append(process)

    def run(self, function, *args, total=None, **settings):
        """Call `function(*args, **settings)` in every worker at the same time.

        Parameters
        ----------
        function : of a module that the workers can import; it asks torch.distributed for its rank.
        args, settings : what pickle can carry: numbers, tensors, modules
        total : int, how often the function calls `report`, for a progress bar; None shows none

        Returns
        -------
        list of what the workers returned, by rank.

        Raises
        ------
        ValueError
            When the function, or one among its arguments, cannot be imported by another process.
        WorkerError
            When a worker died, raised an error or fell silent, or the workers were stopped before.
        """
        for called in (function, *args, *settings.values()):
            called = getattr(called, "func", called)  # of a functools.partial
            name = getattr(called, "__qualname__", "")
            if callable(called) and name and (called.__module__ == "__main__" or "<" in name):
                raise ValueError(f"workers import what they run: move {name} into a module")
        what = getattr(getattr(function, "func", function), "__name__", "a function")
        if not self._pipes:
            raise WorkerError("these workers were stopped: start new ones")
        task = pickle.dumps((function, args, settings))
        try:
            if not self._started:
                self._collect("the start", None)
                self._started = True
            for rank, pipe in enumerate(self._pipes):
                try:
                    pipe.send_bytes(task)
                except OSError:
                    raise WorkerError(self._obituary(rank, "before it could run " + what)) from None
            return self._collect(what, total)
        except BaseException:  # an interrupted cell as well: nobody would collect the answers
            self.close(kill=True)
            raise

    def _collect(self, what, total):
        """Wait for an answer of each worker."""
        answers, waiting = {}, {pipe: rank for rank, pipe in enumerate(self._pipes)}
        with tqdm(total=total, desc=what, leave=False, disable=total is None) as bar:
            while waiting:
                ready = wait(list(waiting), self._timeout)
                if not ready:
                    raise WorkerError(
                        f"{what}: no sign of life for {self._timeout:g} seconds from worker "
                        f"{', '.join(map(str, waiting.values()))} of {len(self._pipes)}; all were stopped"
                    )
                for pipe in ready:
                    rank = waiting[pipe]
                    try:
                        kind, value = pickle.loads(pipe.recv_bytes())
                    except (EOFError, OSError):
                        raise WorkerError(self._obituary(rank, f"while it ran {what}")) from None
                    if kind == "report":
                        bar.update(value)
                    elif kind == "error":
                        self._blame(rank, what, value)
                    else:
                        answers[rank] = value
                        del waiting[pipe]
        return [answers[rank] for rank in range(len(self._pipes))]

    def _blame(self, rank, what, trace):
        """Raise the error of a worker, or name the worker whose death was the cause: its neighbors fail as well."""
        wait([process.sentinel for process in self.processes], 0.5)
        for dead, process in enumerate(self.processes):
            if not process.is_alive():
                raise WorkerError(self._obituary(dead, f"while it ran {what}"))
        raise WorkerError(f"worker {rank} of {len(self.processes)} failed in {what}:\n{trace}")

    def _obituary(self, rank, when):
        self.processes[rank].join(1)
        code = self.processes[rank].exitcode
        how = f"killed by {signal.Signals(-code).name}" if code and code < 0 else f"exit code {code}"
        return f"worker {rank} of {len(self.processes)} died ({how}) {when}; the others were stopped"

    def close(self, kill=False):
        """End all workers: they leave by themselves when idle, and are killed otherwise. Twice is allowed."""
        for pipe in self._pipes:
            pipe.close()
        self._pipes = []
        deadline = time.monotonic() + (0 if kill else 5)
        for process in self.processes:
            process.join(max(0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
        self._folder.cleanup()

    def __enter__(self):
        """Return the workers."""
        return self

    def __exit__(self, *error):
        """End them."""
        self.close()


def report(steps=1):
    """Tell the caller, from worker 0, that so many steps are done: for its progress bar, and as a sign of life."""
    if _to_parent is not None and dist.get_rank() == 0:
        _to_parent.send_bytes(pickle.dumps(("report", steps)))


@contextlib.contextmanager
def _without_interrupts():
    """Start processes that ignore Ctrl-C from their first moment: it is meant for the caller, and reaches the whole group."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may change what a signal does
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with_the_caller():
    """Wait until the caller is gone, and end this worker at once, whatever it is doing."""
    multiprocessing.parent_process().join()
    os._exit(0)


def _serve(rank, count, meeting, timeout, pipe):
    """Live as a worker: join the group, then run what comes through the pipe until it closes."""
    global _to_parent
    _to_parent = pipe
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the caller to handle
    threading.Thread(target=_end_with_the_caller, daemon=True).start()
    torch.set_num_threads(1)
    loopback = {"Linux": "lo", "Darwin": "lo0"}.get(platform.system())
    if loopback:
        os.environ["GLOO_SOCKET_IFNAME"] = loopback
    store = dist.FileStore(meeting, count)
    dist.init_process_group(
        "gloo", store=store, rank=rank, world_size=count, timeout=timedelta(seconds=timeout)
    )
    try:
        pipe.send_bytes(pickle.dumps(("answer", None)))
        while True:
            task = pipe.recv_bytes()
            try:
                function, args, settings = pickle.loads(task)
                outcome = pickle.dumps(("answer", function(*args, **settings)))
            except Exception:
                outcome = pickle.dumps(("error", traceback.format_exc()))
            pipe.send_bytes(outcome)
    except (EOFError, OSError):  # the caller closed the pipe, or is gone
        os._exit(0)
