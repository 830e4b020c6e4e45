"""The sandbox: what runs in it sees, reaches and outlives nothing; its limits; what is said where it cannot be had."""

import errno
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from requirements import need

from grading import sandbox, seccomp
from grading.sandbox import Limits, Sandbox, SandboxError

SMALL = Limits(memory=300 << 20, scratch=16 << 20, file=4 << 20, processes=20)
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def run(tmp_path):
    """Run Python code in a sandbox; returns what it wrote to `out`, a socket that it inherits."""
    boxes = []

    def inside(code: str, limits: Limits = SMALL, shared: dict | None = None) -> str:
        here, there = socket.socketpair()
        with here:
            with there:
                start = f"import os, socket\nout = socket.socket(fileno={there.fileno()})\n"
                start += "def say(*words):\n    out.sendall(repr(words).encode())\n"
                program = [sys.executable, "-c", start + code]
                boxes.append(Sandbox(program, shared or {}, pass_fds=[there.fileno()], limits=limits))
            here.settimeout(60)
            parts = []
            while part := here.recv(1 << 16):
                parts.append(part.decode())
        boxes[-1].process.wait(60)
        inside.last = boxes[-1]
        return "".join(parts)

    yield inside
    for box in boxes:
        box.kill()


def attempt(call: str) -> str:
    """Code that says whether a call works."""
    return f"try:\n    {call}\n    say('done')\nexcept OSError as error:\n    say(error.errno)\n"


def test_the_environment_is_scrubbed(run, monkeypatch):
    monkeypatch.setenv("SECRET", "canary")
    names = eval(run("say(sorted(os.environ))"))[0]
    assert "SECRET" not in names
    assert set(names) <= {*sandbox._environment(), "PWD", "LC_CTYPE"}
    assert "canary" not in run(
        "say(open('/proc/1/environ').read() if os.access('/proc/1/environ', 4) else '')"
    )


def test_it_runs_as_a_user_without_rights(run):
    status = run("say(open('/proc/self/status').read(), os.getuid())")
    assert "CapEff:\\t0000000000000000" in status
    assert "CapPrm:\\t0000000000000000" in status
    assert "NoNewPrivs:\\t1" in status
    assert "Seccomp:\\t2" in status
    assert not status.endswith(", 0)")


def test_each_sandbox_under_root_has_a_user_of_its_own(run):
    need(os.geteuid() == 0, "root", "run the tests as root")
    assert run("say(os.getuid())") != run("say(os.getuid())")


@pytest.mark.parametrize(
    "path",
    ["/usr/x", "/course/x", "/etc/x", "/x", "/dev/x", "/proc/sys/kernel/hostname", "/course/given/a.txt"],
)
def test_nothing_can_be_written_but_scratch(run, tmp_path, path):
    (tmp_path / "a.txt").write_text("a")
    said = run(attempt(f"open({path!r}, 'a').write('x')"), shared={"given": tmp_path})
    assert eval(said)[0] in (errno.EROFS, errno.EACCES, errno.EPERM)
    assert (tmp_path / "a.txt").read_text() == "a"


@pytest.mark.parametrize("folder", ["/dev/shm", "/run", "."])
def test_scratch_is_empty_and_can_be_written(run, folder):
    name = f"canary-{os.getpid()}"
    assert run(f"say(os.listdir({folder!r}))\nopen('{folder}/{name}', 'w').write('x')") == "([],)"
    assert not Path("/tmp", name).exists()


@pytest.mark.parametrize(
    "path", [str(ROOT / "solutions"), "/root/.bashrc", "/home", "/etc/passwd", "/var", "/sys"]
)
def test_the_rest_of_the_machine_is_not_there(run, path):
    assert run(attempt(f"os.stat({path!r})")) == f"({errno.ENOENT},)"


def test_no_other_process_is_seen(run):
    mine = os.getpid()
    pids = eval(run("say([int(name) for name in os.listdir('/proc') if name.isdigit()])"))[0]
    assert max(pids) < 20
    assert run(attempt(f"os.kill({mine + 100_000}, 0)")) == f"({errno.ESRCH},)"


def test_there_is_no_network(run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        said = run(attempt(f"socket.create_connection(('127.0.0.1', {port}), 2)"))
        assert said == f"({errno.ECONNREFUSED},)"
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("memfd_create", "os.memfd_create('x')"),
        ("unshare", "libc(272, 0x10000000)"),
        ("clone", "libc(56, 0x10000000 | 17, 0, 0, 0, 0)"),
        ("clone3", "libc(435, 0, 0)"),
        ("ptrace", "libc(101, 16, 1, 0, 0)"),
        ("mount", "libc(165, 0, 0, 0, 0, 0)"),
        ("io_uring_setup", "libc(425, 1, 0)"),
        ("bpf", "libc(321, 0, 0, 0)"),
        ("keyctl", "libc(250, 0, -3, 0)"),
        ("shmget", "libc(29, 0, 4096, 0o1600)"),
        ("vsock", "socket.socket(40, socket.SOCK_STREAM)"),
        ("packet", "socket.socket(17, socket.SOCK_RAW)"),
        ("x32", "libc(0x40000000 + 39)"),
    ],
)
def test_system_calls_that_no_lab_needs_are_refused(run, name, call):
    need(platform.machine() == "x86_64", "the numbers of x86-64", "run this test on such a machine")
    libc = (
        "import ctypes\nlib = ctypes.CDLL(None, use_errno=True)\ndef libc(*a):\n    if lib.syscall(*a) < 0:\n"
    )
    libc += "        raise OSError(ctypes.get_errno(), 'refused')\n"
    assert run(libc + attempt(call)) == f"({errno.ENOSYS},)"


@pytest.mark.parametrize(
    "call", ["threading.Thread(target=int).start()", "subprocess.run(['/bin/true'], check=True)"]
)
def test_threads_and_processes_work(run, call):
    assert run("import subprocess, threading\n" + attempt(call)) == "('done',)"


@pytest.mark.parametrize("family", ["AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"])
def test_ordinary_sockets_work(run, family):
    assert run(attempt(f"socket.socket(socket.{family}, socket.SOCK_DGRAM)")) == "('done',)"


def test_the_filter_is_known_by_machine(monkeypatch):
    for machine in seccomp.MACHINES:
        monkeypatch.setattr(platform, "machine", lambda machine=machine: machine)
        assert len(seccomp.program()) % 8 == 0
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert not seccomp.machine_is_known()


# limits


def test_a_file_has_a_limit(run):
    code = "import signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    code += attempt("[file.write(bytes(1 << 20)) for file in [open('x', 'wb', 0)] for _ in range(9)]")
    assert run(code) == f"({errno.EFBIG},)"


def test_scratch_has_a_limit(run):
    assert run(attempt("[open(str(n), 'wb', 0).write(bytes(3 << 20)) for n in range(9)]")) in (
        f"({errno.ENOSPC},)",
        "('done',)",  # the last write was cut short
    )
    assert eval(run("s = os.statvfs('.')\nsay(s.f_blocks * s.f_frsize)"))[0] == SMALL.scratch


def test_processes_have_a_limit(run):
    code = (
        "import time\nfor n in range(40):\n    try:\n        if os.fork() == 0:\n            time.sleep(10)\n"
    )
    code += "            os._exit(0)\n    except OSError:\n        break\nsay(n)\nos._exit(0)"
    assert 10 <= eval(run(code))[0] < 20


MANY = "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        block = b'x' * (120 << 20)\n        time.sleep(20)\n"
HIDDEN = "import ctypes\nctypes.CDLL(None).prctl(4, 0)\nblocks = [b'x' * (50 << 20) for _ in range(8)]\nimport time\ntime.sleep(20)"
NAMES = "for n in range(600_000):\n    open(str(n), 'w').close()\nimport time\ntime.sleep(20)"


@pytest.mark.parametrize(
    "code", [MANY + "time.sleep(20)", HIDDEN, NAMES], ids=["processes", "hidden maps", "names of files"]
)
def test_who_takes_too_much_memory_is_killed(run, code):
    run(code)
    assert run.last.overran
    assert not run.last.running()


def test_a_process_that_hides_its_maps_counts_in_full(monkeypatch):
    def denied(self):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "memory_full_info", denied)
    assert sandbox._proportional(psutil.Process()) > 10 << 20


def test_shared_memory_counts_once(run):
    code = "block = b'x' * (150 << 20)\nimport time\nfor _ in range(4):\n    if os.fork() == 0:\n        time.sleep(2)\n"
    code += "        os._exit(0)\ntime.sleep(1)\nsay('alive')"
    assert "alive" in run(code)
    assert not run.last.overran


def test_kill_ends_all_that_was_started(run):
    box = Sandbox(
        ["/bin/sh", "-c", "setsid sleep 50 & setsid setsid sleep 50 & exec sleep 50"], {}, limits=SMALL
    )
    while len(family := psutil.Process(box.pid).children(recursive=True)) < 3:
        time.sleep(0.01)
    box.kill()
    assert [each for each in family if each.is_running()] == []
    assert not box.running()
    box.kill()


def test_a_program_that_is_not_there_ends_at_once():
    with Sandbox(["/usr/bin/no-such-program"], {}, limits=SMALL) as box:
        assert box.process.wait(30) != 0


def test_no_descriptor_is_left_open():
    def count():
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    Sandbox(["/bin/true"], {}, limits=SMALL).kill()
    before = count()
    for _ in range(3):
        Sandbox(["/bin/true"], {}, limits=SMALL).kill()
    assert count() == before


def test_an_ordinary_user_has_the_same_sandbox(tmp_path):
    need(os.geteuid() == 0, "root", "run the tests as root")
    code = f"""
import sys
sys.path[:0] = [{str(tmp_path)!r}]
from grading.sandbox import Limits, Sandbox
import socket
here, there = socket.socketpair()
inside = "import os, socket; s = socket.socket(fileno=%d); s.sendall(open('/proc/self/status', 'rb').read())" % there.fileno()
with Sandbox([sys.executable, "-c", inside], {{}}, pass_fds=[there.fileno()], limits=Limits()):
    there.close()
    print(here.makefile().read())
"""
    shutil.copytree(ROOT / "grading", tmp_path / "grading")
    for path in tmp_path.parents[:2]:  # pytest's own folders, closed to others
        path.chmod(0o755)
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    need(
        done.returncode == 0,
        "Python and user namespaces for every user",
        f"chmod, sysctl: {done.stderr[-300:]}",
    )
    assert "CapEff:\t0000000000000000" in done.stdout
    assert "Seccomp:\t2" in done.stdout


# what is said where there is no sandbox


@pytest.fixture
def asked():
    sandbox.require.cache_clear()
    yield sandbox.require
    sandbox.require.cache_clear()


def test_it_refuses_without_linux(monkeypatch, asked):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SandboxError, match="grading needs Linux"):
        asked()


@pytest.mark.parametrize("program", ["bwrap", "setpriv", "prlimit", "choom"])
def test_it_names_a_program_that_is_missing(monkeypatch, asked, program):
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == program else which(name))
    with pytest.raises(SandboxError, match=f"grading needs {program}: .*apt install"):
        asked()


def test_it_names_a_processor_that_it_does_not_know(monkeypatch, asked):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(SandboxError, match="riscv64: grade on one of x86_64, aarch64"):
        asked()


def test_it_says_why_bubblewrap_fails(monkeypatch, asked):
    monkeypatch.setattr(
        sandbox, "_command", lambda *a: ["/bin/sh", "-c", "echo 'No permissions' >&2; exit 1"]
    )
    with pytest.raises(SandboxError, match=r"No permissions\. Allow user namespaces"):
        asked()


def test_a_sandbox_that_cannot_be_made_is_told(monkeypatch):
    sandbox.require()
    monkeypatch.setattr(sandbox, "_command", lambda *a: ["/bin/false"])
    with pytest.raises(SandboxError, match="did not start"):
        Sandbox(["/bin/true"], {})


def test_the_memory_of_the_sandbox_goes_first(run):
    assert run("say(open('/proc/self/oom_score_adj').read().strip())") == "('1000',)"
