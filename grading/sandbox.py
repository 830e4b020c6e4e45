"""A bubblewrap sandbox: what runs in it cannot read, change, reach or outlive anything that counts.

Inside there are the system and the Python environment, read-only, and the folders that are asked for, under
`/course`; an empty scratch folder of bounded size; no network; no other process; no variable of the environment but
those that are given. The program runs as a user without rights: under root as a user id that nobody else has,
otherwise as a user namespace's only user. When the sandbox is killed, or the process that started it dies, all that
runs in it dies. System calls that no lab needs are refused (`grading.seccomp`).
"""

import contextlib
import functools
import json
import os
import platform
import secrets
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from grading import seccomp

COURSE = Path("/course")  # where given files stand inside
SCRATCH = Path("/scratch")  # the working directory inside, and the place for files
SYSTEM = ["/usr", "/etc/fonts", "/etc/alternatives", "/etc/ld.so.cache"]
LINKS = ["/bin", "/sbin", "/lib", "/lib64", "/lib32"]  # into /usr on a merged system
USERS = range(700_000, 2_000_000_000)  # user ids of sandboxes under root: one each, and no account has them
# bwrap's own first process binds its life to its parent's only after it has started this one, and sets its filter of
# system calls next. Whoever looks for the parent before that may see it alive, and be left behind a moment later.
FIRST = """
import os, select, sys, time
lifeline, *program = sys.argv[1:]
while "Seccomp:\\t2" not in open("/proc/1/status").read():
    time.sleep(0.001)
if select.select([int(lifeline)], [], [], 0)[0]:
    sys.exit("the process that started this sandbox has ended")
os.close(int(lifeline))
os.execv(program[0], program)
"""
SECONDS_BETWEEN_LOOKS = 0.2  # at the memory in use
# file systems inside that hold what is written, in memory
FILES = (SCRATCH, Path("/tmp"), Path("/dev/shm"), Path("/run"))
BYTES_OF_A_NAME = 1024  # that a file takes in memory, empty or not


class SandboxError(RuntimeError):
    """This machine cannot hold a sandbox; the message says what to do."""


@dataclass(frozen=True)
class Limits:
    """What a sandbox may use: bytes in all, and processes with their threads; beyond that it is killed or refused."""

    memory: int = 3 << 30
    scratch: int = 128 << 20
    file: int = 64 << 20
    processes: int = 100


class Sandbox:
    """One program in a sandbox, from its start until `kill`.

    `overran` tells that it was killed because it used too much memory.
    """

    def __init__(
        self,
        program: Sequence[str],
        shared: Mapping[str, Path],
        *,
        pass_fds: Iterable[int] = (),
        limits: Limits = Limits(),
    ):
        """Start a program; `shared` are files and folders that it may read, by their path below `/course`.

        Raises SandboxError where the sandbox cannot be made.
        """
        require()
        self.limits = limits
        self.overran = False
        read, write = os.pipe()
        # Its other end is open as long as this process lives. bwrap ends with its parent, but not while it still makes
        # the sandbox: so the first thing inside is to see whether anybody is there.
        lifeline, self._lifeline = os.pipe()
        rules = _pipe(seccomp.program())
        first = [sys.executable, "-I", "-S", "-c", FIRST, str(lifeline), *program]
        command = _command(first, shared, write, rules, secrets.choice(USERS), limits)
        try:
            self.process = subprocess.Popen(
                command,
                pass_fds=[write, lifeline, rules, *pass_fds],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                start_new_session=True,
            )
        finally:
            os.close(write)
            os.close(rules)
            os.close(lifeline)
        with os.fdopen(read) as info:
            told = info.read()
        if not told:
            self.process.wait()
            os.close(self._lifeline)
            raise SandboxError(f"the sandbox did not start (bwrap ended with {self.process.returncode})")
        self.pid = json.loads(told)["child-pid"]
        self._handle = os.pidfd_open(self.pid)
        self._watch = threading.Thread(target=self._look_at_memory, daemon=True)
        self._ended = threading.Event()
        self._watch.start()

    def path(self, inside: Path) -> Path:
        """A path of the sandbox as it is seen from outside."""
        return Path(f"/proc/{self.pid}/root{inside}")

    def running(self) -> bool:
        """Whether the sandbox still runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End everything in the sandbox, and return when it is gone; a second call does nothing."""
        if self._handle is not None:
            self.end()
            # the first process is gone when all others are
            gone = select.poll()
            gone.register(self._handle, select.POLLIN)
            gone.poll()
            self.process.kill()
            self.process.wait()
            self._ended.set()
            self._watch.join()
            os.close(self._handle)
            os.close(self._lifeline)
            self._handle = None

    def end(self) -> None:
        """End everything in the sandbox, and do not wait; what has ended is left alone."""
        if self._handle is None:
            return
        with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
            # the first process of the namespace takes all others with it
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def _look_at_memory(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_LOOKS):
            files = self._memory_of_files()
            if files + _memory(self.pid, _resident) > self.limits.memory and (
                files + _memory(self.pid, _proportional) > self.limits.memory
            ):
                self.overran = True
                self.end()
                return

    def _memory_of_files(self) -> int:
        """Bytes that the files inside take."""
        total = 0
        for folder in FILES:
            with contextlib.suppress(OSError):  # it has ended
                about = os.statvfs(self.path(folder))
                total += (about.f_blocks - about.f_bfree) * about.f_frsize
                total += (about.f_files - about.f_ffree) * BYTES_OF_A_NAME
        return total

    def __enter__(self) -> "Sandbox":  # noqa: D105
        return self

    def __exit__(self, *about: object) -> None:  # noqa: D105
        self.kill()


@functools.cache
def require() -> None:
    """Raise SandboxError where sandboxes cannot be had, and say what to do about it."""
    if sys.platform != "linux":
        raise SandboxError(
            "grading needs Linux: it runs submissions in a bubblewrap sandbox, and never without one. Grade in a "
            "Linux machine or container (chapters/teaching.md says how); students need none of it"
        )
    missing = [name for name in ("bwrap", "choom", "prlimit", "setpriv") if not shutil.which(name)]
    if missing:
        raise SandboxError(
            f"grading needs {', '.join(missing)}: it runs submissions in a bubblewrap sandbox, and never without "
            "one. Install it: apt install bubblewrap util-linux"
        )
    if not seccomp.machine_is_known():
        raise SandboxError(
            f"grading knows no system calls to refuse on a processor of the kind {platform.machine()}: grade on "
            f"one of {', '.join(seccomp.MACHINES)}"
        )
    rules = _pipe(seccomp.program())
    trial = _command(["/usr/bin/true"], {}, None, rules, USERS[0], Limits())
    try:
        done = subprocess.run(trial, capture_output=True, text=True, check=False, env={}, pass_fds=[rules])
    finally:
        os.close(rules)
    if done.returncode:
        raise SandboxError(
            "bubblewrap cannot make a sandbox here, and grading never runs submissions without one: "
            f"{done.stderr.strip() or f'exit code {done.returncode}'}. Allow user namespaces "
            "(sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0, "
            "user.max_user_namespaces=10000), or in a container start it with --privileged; or grade as root"
        )


def refuse_visible(path: Path) -> None:
    """Raise SandboxError for a path that is seen from inside a sandbox."""
    for folder in [Path("/usr"), *python_environment()]:
        if Path(path).resolve().is_relative_to(folder):
            raise SandboxError(f"{path} stands in {folder}, which submissions can read: move it elsewhere")


def python_environment() -> list[Path]:
    """The folders that hold this Python and its packages."""
    named = [Path(each) for each in (sys.base_prefix, sys.prefix, sys.base_exec_prefix)]
    return sorted({*named, *(path.resolve() for path in named)})  # an environment may be a symbolic link


def _command(
    program: Sequence[str],
    shared: Mapping[str, Path],
    info: int | None,
    rules: int,
    user: int,
    limits: Limits,
) -> list[str]:
    """The command line that runs a program in a sandbox."""
    root = os.geteuid() == 0
    command = [
        "bwrap",
        "--unshare-ipc",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-uts",
        "--unshare-cgroup-try",
    ]
    # Root keeps its namespace of users, changes into a user without rights, and gives up all capabilities with it.
    command += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if root else []
    command += [] if root else ["--unshare-user", "--disable-userns", "--uid", str(user), "--gid", str(user)]
    command += ["--die-with-parent", "--new-session", "--hostname", "sandbox", "--clearenv"]
    for path in map(Path, LINKS):
        if path.is_symlink():
            command += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            command += ["--ro-bind", str(path), str(path)]
    folders = [Path(path) for path in SYSTEM if Path(path).exists()]
    folders += [path for path in python_environment() if not path.is_relative_to("/usr")]
    inside = [(path, path) for path in folders] + [(path, COURSE / name) for name, path in shared.items()]
    # these come first: the course may stand in a folder below /tmp
    command += ["--proc", "/proc", "--dev", "/dev"]
    for path, size in zip(FILES, (*[limits.scratch] * 3, 1 << 20), strict=True):
        command += ["--perms", "1777", "--size", str(size), "--tmpfs", str(path)]
    made = {Path("/"), *FILES}
    for _, target in inside:
        for parent in reversed(target.parents):
            if parent not in made:  # bubblewrap would make it for its own user only
                made.add(parent)
                command += ["--perms", "0755", "--dir", str(parent)]
    for source, target in inside:
        command += ["--ro-bind", str(source.resolve()), str(target)]
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(SCRATCH)]
    for name, value in _environment().items():
        command += ["--setenv", name, value]
    command += ["--info-fd", str(info)] if info is not None else []
    command += ["--seccomp", str(rules)]
    command += ["--"]
    if root:
        command += ["/usr/bin/setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        command += ["--inh-caps=-all", "--no-new-privs"]
    # where the machine's memory ends, what runs in here goes first
    command += ["/usr/bin/choom", "-n", "1000", "--"]
    command += ["/usr/bin/prlimit", f"--nproc={limits.processes}", f"--as={2 * limits.memory}"]
    command += [f"--fsize={limits.file}", "--nofile=256", "--core=0", "--memlock=0"]
    return [*command, *program]


def _pipe(content: bytes) -> int:
    """A descriptor to read some bytes from, few enough for a pipe."""
    read, write = os.pipe()
    os.write(write, content)
    os.close(write)
    return read


def _environment() -> dict[str, str]:
    """The variables that a program in the sandbox sees."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return one | {
        "PATH": "/usr/bin:/bin",
        "HOME": str(SCRATCH),
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONPATH": str(COURSE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PIP_RETRIES": "0",  # there is no network: let a line `%pip install` fail at once
    }


def _resident(process: psutil.Process) -> int:
    """Bytes in use, with all that is shared: quick, and too much for processes that share."""
    return process.memory_info().rss


def _proportional(process: psutil.Process) -> int:
    """Bytes in use, with an equal part of what is shared: slower, and right in sum."""
    try:
        return process.memory_full_info().pss
    except psutil.AccessDenied:  # a process can hide its maps, and then counts in full
        return process.memory_info().rss


def _memory(pid: int, measure: Callable[[psutil.Process], int]) -> int:
    """Bytes in use by a process and all below it."""
    try:
        first = psutil.Process(pid)
        family = [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += measure(process)
    return total
