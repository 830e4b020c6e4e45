"""A student's kernel: outputs, limits, ends; its provisioner and relays."""

import json
import os
import signal
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from grading import provisioner, relay
from grading.kernel import Kernel, KernelDied
from grading.outputs import MOST_TEXT, Outputs
from grading.provisioner import BubblewrapProvisioner, SandboxSpecs
from grading.relay import Relay
from grading.sandbox import Limits, Sandbox, SandboxError, require

SMALL = Limits(memory=600 << 20, scratch=16 << 20, processes=40)


@pytest.fixture(scope="module")
def kernel():
    """One kernel for all tests that leave it alive."""
    require()
    with Kernel({}, limits=SMALL) as made:
        yield made


@pytest.fixture
def own():
    """Start kernels that a test may lose."""
    require()
    made = []

    def start() -> Kernel:
        made.append(Kernel({}, limits=SMALL))
        return made[-1]

    yield start
    for each in made:
        each.close()


def text(outputs: Outputs) -> str:
    return "".join(cell.get("text", "") for cell in outputs.cells)


def test_a_cell_shows_what_it_prints_and_what_it_is(kernel):
    outputs = kernel.run("import sys\nprint('out')\nprint('err', file=sys.stderr)\n6 * 7", 30)
    shown = [(cell["name"], cell["text"]) for cell in outputs.cells]
    assert ("stderr", "err\n") in shown
    assert "".join(words for name, words in shown if name == "stdout") == "out\n42\n"
    assert outputs.error == ""


def test_an_error_is_kept_as_text(kernel):
    outputs = kernel.run("raise ValueError('\\x1b[31mno\\x00')", 30)
    assert outputs.error == "ValueError: no"
    assert kernel.run("1", 30).error == ""


def test_a_picture_is_kept_and_script_is_not(kernel):
    source = "from IPython.display import *\nimport base64\n"
    source += "display(HTML('<script>1</script>'))\ndisplay({'image/png': '<script>'}, raw=True)\n"
    source += "display(Image(data=base64.b64decode('iVBORw0KGgo='), format='png'))"
    cells = kernel.run(source, 30).cells
    assert [cell["data"] for cell in cells if "data" in cell] == [{"image/png": "iVBORw0KGgo="}]
    assert "<script>" not in json.dumps(cells)


def test_too_much_text_is_cut(kernel):
    outputs = kernel.run("for _ in range(100):\n    print('x' * 1000)", 30)
    assert MOST_TEXT < len(text(outputs)) < MOST_TEXT + 100
    assert text(outputs).endswith("cut: the cell printed more\n")


def test_a_cell_asks_the_keyboard_in_vain(kernel):
    assert kernel.run("input('name?')", 30).error.startswith("StdinNotImplementedError")


def test_no_variable_of_the_grader_is_seen(kernel, monkeypatch):
    assert "JPY_PARENT_PID" not in text(kernel.run("import os\nprint(dict(os.environ))", 30))


def test_a_late_cell_is_told(own):
    with pytest.raises(KernelDied, match=r"it took longer than 0\.5 s"):
        own().run("import time\ntime.sleep(20)", 0.5)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import os\nos._exit(0)", "it ended the Python process"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "it ended the Python process"),
        (
            "import os, time\nfor _ in range(3):\n    if os.fork() == 0:\n        block = b'x' * (250 << 20)\n"
            "        time.sleep(9)\ntime.sleep(9)",
            "it used too much memory",
        ),
    ],
    ids=["exit", "kill", "memory"],
)
def test_the_end_of_a_kernel_is_told(own, source, why):
    kernel = own()
    with pytest.raises(KernelDied, match=why):
        kernel.run(source, 30)
    with pytest.raises(KernelDied):
        kernel.run("1", 5)


def test_prints_without_end_cut_the_outputs_and_not_the_kernel(own):
    kernel = own()
    kernel.run("print('x' * (70 << 20))", 30)
    assert kernel.run("y = 1", 30).error == ""
    kernel.begin("import os\nos._exit(y - 1)")
    assert kernel.ended_within(30)


def test_closing_twice_leaves_nothing(monkeypatch, tmp_path):
    require()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    kernel = Kernel({}, limits=SMALL)
    assert any(path.name.startswith("grading-") for path in tmp_path.iterdir())
    kernel.close()
    kernel.close()
    assert list(tmp_path.iterdir()) == []
    assert not kernel.sandbox.running()
    assert len(set(os.listdir("/proc/self/fd")) - before) <= 6  # noqa: PTH208 - the event loop of this thread


def test_a_folder_with_a_long_path_will_do(monkeypatch, tmp_path):
    require()
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with Kernel({}, limits=SMALL) as kernel:
        assert kernel.run("print(1)", 30).cells


def test_a_kernel_that_cannot_start_is_told(monkeypatch, tmp_path):
    require()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(provisioner, "ARGUMENTS", ["--no-such-option=1"])
    monkeypatch.setattr(provisioner.sys, "executable", "/usr/bin/false")
    with pytest.raises(SandboxError, match="ended before it answered"):
        Kernel({}, limits=SMALL)
    assert list(tmp_path.iterdir()) == []


# the provisioner


def test_whatever_a_notebook_asks_for_the_kernel_is_this_python():
    for name in ("python3", "bash", "../evil"):
        spec = SandboxSpecs().get_kernel_spec(name)
        assert spec.argv[1:3] == ["-m", "ipykernel_launcher"]
        assert spec.metadata["kernel_provisioner"]["provisioner_name"] == "bubblewrap-provisioner"


async def _signals(number: int) -> bool:
    made = BubblewrapProvisioner(kernel_id="x", kernel_spec=SandboxSpecs().get_kernel_spec("x"))
    made.sandbox = Sandbox(["/usr/bin/sleep", "50"], {}, limits=SMALL)
    await made.send_signal(number)
    alive = made.has_process
    await made.kill()
    await made.cleanup()
    await made.cleanup()
    assert not made.has_process
    assert await made.poll() == 0
    return alive


@pytest.mark.parametrize(
    ("number", "alive"), [(signal.SIGKILL, False), (signal.SIGTERM, False), (signal.SIGINT, True)]
)
def test_a_signal_that_ends_a_process_ends_the_sandbox(number, alive):
    import asyncio

    assert asyncio.run(_signals(number)) == alive


# relays


@pytest.fixture
def ends(tmp_path):
    """A relay; returns it with the client's and the kernel's end."""
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "inside"))
        server.listen()
        made = Relay(str(tmp_path / "outside"), str(tmp_path / "inside"))
        client.connect(str(tmp_path / "outside"))
        kernel, _ = server.accept()
        with kernel:
            yield made, client, kernel
        made.close()


def test_a_relay_passes_on_both_ways(ends):
    _, client, kernel = ends
    client.sendall(b"to the kernel")
    assert kernel.recv(100) == b"to the kernel"
    kernel.sendall(b"back")
    assert client.recv(100) == b"back"
    kernel.close()
    assert client.recv(100) == b""


def test_a_relay_ends_what_is_too_long(ends):
    _, client, kernel = ends
    received = []

    def read() -> None:
        while part := client.recv(1 << 16):
            received.append(len(part))

    reader = threading.Thread(target=read)
    reader.start()
    with pytest.raises(OSError, match=r"Broken pipe|reset"):
        kernel.sendall(bytes(relay.MOST_BYTES + (8 << 20)))
    reader.join()
    assert sum(received) <= relay.MOST_BYTES + (1 << 16)


def test_a_relay_can_be_closed_while_its_client_does_not_read(ends):
    made, _, kernel = ends
    kernel.settimeout(0.2)
    with pytest.raises(TimeoutError):
        kernel.sendall(bytes(8 << 20))
    made.close()
    assert not made._thread.is_alive()


def test_a_relay_that_nobody_used_can_be_closed(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "inside"))
        server.listen()
        Relay(str(tmp_path / "outside"), str(tmp_path / "inside")).close()


def test_a_relay_needs_the_other_end(tmp_path):
    with pytest.raises(FileNotFoundError):
        Relay(str(tmp_path / "outside"), str(tmp_path / "inside"))
    assert not Path(tmp_path / "outside").exists()
