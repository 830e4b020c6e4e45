"""Hostile, broken and honest submissions of the lab `arrays`, each with the points that it must get, and why.

`corpus(world)` makes them all; the issue's list of what must be among them is `ITEMS`, and every case names its item.
Each bomb stops by itself: at most 300 processes that sleep under 20 seconds, 6 GB of memory, 300 MB of files, 50 MB
of prints, loops that end after 60 seconds. Nothing is aimed at another address than 127.0.0.1.
"""

import copy
import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grading.lab import read_lab
from grading.notebook import nbgrader

HERE = Path(__file__).resolve().parent
LAB = read_lab(HERE / "solutions", "arrays")
SECRET = "hidden-canary"  # stands in the hidden tests, and in all that nobody may read
VARIABLE = "GRADER_CANARY"  # a variable of the grader's environment with the secret

ITEMS = {
    "honest": "perfect, empty, half",
    "loop": "infinite loop: plain, swallowing interrupts, in a thread, in C",
    "bomb": "memory, disk, process and output bombs",
    "exit": "sys.exit, os._exit, killing the parent, crashing the interpreter",
    "cells": "deleted, copied, reordered, merged, renamed, forged cells and metadata (points, ids, kernelspec, schema)",
    "file": "syntax error, bad JSON, not a notebook, empty file, 50 MB notebook, strange encodings",
    "patch": "patched NumPy, torch, builtins, assertions, import hooks, AST transformers, IPython events, displays",
    "equal": "objects that equal everything",
    "beside": "files that shadow modules, start-up files, symbolic links beside the notebook",
    "read": "reading solutions, hidden tests, other students, the gradebook, the environment",
    "write": "writing to any of them",
    "network": "network",
    "outlive": "processes that outlive the run",
    "calls": "answers that depend on when or how often they are called, that recognise the visible inputs",
    "value": "wrong type, NaN, huge or malicious objects",
    "noise": "warnings and prints on a correct answer",
    "markup": "script and markup in outputs and Markdown",
    "wire": "the pipe to the checks and the kernel's own sockets",
    "escape": "ways out of the sandbox",
}

RIGHT = {
    "order": 'def by_magnitude(values):\n    return values[np.argsort(-np.abs(values), kind="stable")]\n',
    "count": (
        "def signs(values):\n"
        "    kinds = ['negative' if v < 0 else 'positive' if v > 0 else 'zero' for v in values]\n"
        "    return {kind: kinds.count(kind) for kind in ('negative', 'zero', 'positive')}\n"
    ),
    "largest": "def largest(values):\n    return float(np.abs(values).max(initial=0))\n",
    "bytes": "def bytes_of_three():\n    return 12\n",
    "open": "A byte costs more energy to move than a product costs to compute.",
}
WRONG = "\ndef by_magnitude(values):\n    return [0.0]\n"
CHECKS = {task.name: task.checks[0] for task in LAB.tasks}
FEW = {"count": None, "bytes": None}  # left unanswered, to grade what takes long sooner


@dataclass(frozen=True)
class World:
    """What a hostile submission is after: a port of 127.0.0.1 where the test listens, and the course's own folder."""

    port: int = 9
    course: Path = Path("/nowhere")


@dataclass(frozen=True)
class Case:
    """One submission: its bytes, or what makes its file in a folder; `flags` are parts of the flags that it gets."""

    item: str
    name: str
    why: str
    content: bytes
    points: dict[str, float | None]
    flags: tuple[str, ...] = ()
    failed: bool = False
    make: Callable[[Path], None] | None = None

    def hand_in(self, folder: Path) -> Path:
        """Write the submission into an empty folder; returns the path of the notebook."""
        path = folder / "arrays.ipynb"
        path.write_bytes(self.content)
        if self.make:
            self.make(folder)
        return path


def marks(*lost: str, hand: bool = True) -> dict[str, float | None]:
    """Full points but for some tasks; the open question waits for a person, or was not answered."""
    points = {check.name: 0.0 if name in lost else check.points for name, check in CHECKS.items()}
    return points | {"open": None if hand else 0.0}


NOTHING = marks(*CHECKS, hand=False)


class Maker:
    """Makes submissions from the released lab."""

    def __init__(self, released: dict, world: World):
        self.released, self.world = released, world

    def notebook(self, **answers: str | None) -> dict:
        """The lab with the right answers, some of them replaced; None leaves a cell as it was released."""
        made = copy.deepcopy(self.released)
        for cell in made["cells"]:
            source = (RIGHT | answers).get(nbgrader(cell).get("grade_id"))
            if source is not None:
                cell["source"] = source
        return made

    def case(self, item: str, name: str, why: str, given: dict | bytes, lost: tuple = (), **more) -> Case:
        """A case from a notebook or the bytes of a file; `lost` are the tasks without points."""
        content = given if isinstance(given, bytes) else json.dumps(given).encode()
        points = NOTHING if more.get("failed") else more.pop("points", None) or marks(*lost)
        return Case(item, name if name.startswith(item) else f"{item}-{name}", why, content, points, **more)

    def attack(self, item: str, name: str, why: str, code: str, wrong: str = WRONG, **more) -> Case:
        """Hostile code in the cell of the first task, whose function is wrong; the other answers are right."""
        return self.case(item, name, why, self.notebook(order=code + wrong), ("order",), **more)

    def slow(self, item: str, name: str, why: str, code: str, *, alone: bool = False, **more) -> Case:
        """An attack on the first task that ends the kernel; one other task is answered, and must keep its points.

        `alone` leaves that one unanswered, too, as each new kernel takes its time.
        """
        unanswered = FEW | ({"largest": None} if alone else {})
        made = self.notebook(order=code, **unanswered)
        return self.case(item, name, why, made, ("order", *unanswered), **more)

    def right(self, item: str, name: str, why: str, code: str, **more) -> Case:
        """An odd but right answer to the first task."""
        return self.case(item, name, why, self.notebook(order=code), **more)


def cell(notebook: dict, name: str) -> dict:
    """The cell with a `grade_id`."""
    return next(each for each in notebook["cells"] if nbgrader(each).get("grade_id") == name)


def corpus(released: dict, world: World) -> list[Case]:
    """All cases, for the lab as it was released."""
    maker = Maker(released, world)
    parts = (
        honest, loops, bombs, exits, cells, files, patches, equals, beside, reads, writes, network, outliving,
        calls, values, noise, markup, wires, escapes,
    )  # fmt: skip
    return [case for part in parts for case in part(maker)]


def honest(make: Maker) -> Iterator[Case]:
    yield make.case("honest", "perfect", "all is right", make.notebook(), flags=("grade by hand: open",))
    untouched = dict.fromkeys(RIGHT)
    yield make.case("honest", "untouched", "nothing is answered", make.notebook(**untouched), points=NOTHING)
    half = marks("order", "count", hand=False)
    yield make.case(
        "honest", "half", "two of four tasks", make.notebook(order=None, count=None, open=None), points=half
    )
    emptied = make.notebook(**dict.fromkeys(RIGHT, ""))
    yield make.case("honest", "emptied", "every answer cell is empty", emptied, points=NOTHING)
    wrong = make.notebook(order="def by_magnitude(values):\n    return np.sort(values)[::-1]\n")
    yield make.case("honest", "known-mistake", "signed, not absolute", wrong, ("order",))
    helper = "def sizes(v):\n    return np.abs(v)\n" + RIGHT["order"]
    uses = make.notebook(
        order=helper, largest="def largest(values):\n    return sizes(values).max(initial=0)\n"
    )
    yield make.case("honest", "helper", "a function of one cell, used in another", uses)
    ends = uses | {"cells": [dict(each) for each in uses["cells"]]}
    cell(ends, "count")["source"] = "import os\ndef signs(values):\n    os._exit(1)\n"
    yield make.case(
        "honest", "helper-beside-an-end", "the same, where a third task ends the kernel", ends, ("count",)
    )
    error = RIGHT["order"] + "\nprint(by_magnitude(given))\nraise KeyError('left over')\n"
    yield make.right(
        "honest", "error-after", "the function is defined before its cell ends with an error", error
    )
    magic = "%time given.sum()\n!echo hello\n" + RIGHT["order"]
    yield make.right("honest", "magics", "IPython's magics and shell lines work as in Jupyter", magic)
    asks = "try:\n    input('name?')\nexcept Exception:\n    pass\n" + RIGHT["order"]
    yield make.right("honest", "asks", "a question to the keyboard is refused, and does not hang", asks)


def loops(make: Maker) -> Iterator[Case]:
    clock = "import time\nend = time.monotonic() + 60\n"
    late = ("order: it took longer than",)
    yield make.slow(
        "loop", "loop-cell", "the cell never ends", clock + "while time.monotonic() < end: pass", flags=late
    )
    inner = clock + "def by_magnitude(values):\n    while time.monotonic() < end: pass\n"
    yield make.slow("loop", "loop-function", "the function never ends", inner, flags=late)
    stubborn = clock + (
        "while time.monotonic() < end:\n    try:\n        time.sleep(60)\n    except BaseException:\n        pass\n"
    )
    yield make.slow("loop", "loop-stubborn", "swallows every interrupt", stubborn, flags=late)
    thread = (
        clock + "import threading\ndef spin():\n    while time.monotonic() < end: pass\n"
        "threading.Thread(target=spin).start()\n" + RIGHT["order"]
    )
    yield make.right("loop", "loop-thread", "a thread spins, the answer is right", thread)
    in_c = "def by_magnitude(values):\n    import re\n    return re.match('(a?){28}a{28}', 'a' * 28)\n"
    in_c += "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nsum(range(10**9 * 3))\n"
    yield make.slow("loop", "loop-in-c", "a loop in C with all signals blocked", in_c, flags=late, alone=True)


def bombs(make: Maker) -> Iterator[Case]:
    memory = ("order: it used too much memory",)
    grow = "hold = []\nfor _ in range(60):\n    hold.append(bytearray(100 << 20))\n" + WRONG
    yield make.attack("bomb", "memory", "6 GB in one process: refused or killed", grow, "")
    many = "import os, time\nfor _ in range(6):\n    if os.fork() == 0:\n        block = b'x' * (300 << 20)\n"
    many += "        time.sleep(15)\n        os._exit(0)\ntime.sleep(3)\n"
    yield make.slow("bomb", "memory-family", "300 MB in each of six processes", many, flags=memory)
    unseen = "import os, time\nhold = []\nfor _ in range(60):\n    fd = os.memfd_create('x')\n    hold.append(fd)\n"
    unseen += "    for _ in range(50):\n        os.write(fd, bytes(1 << 20))\n"
    yield make.attack("bomb", "memory-memfd", "3 GB in files without a name, which no process maps", unseen)
    nested = "import os\nfill = 'for n in $(seq 40); do head -c 60M /dev/zero > /tmp/$n; done; df /tmp'\n"
    nested += "print(os.popen(f'unshare -Urm sh -c \"mount -t tmpfs none /tmp && {fill}\" 2>&1').read())\n"
    yield make.attack(
        "bomb", "memory-nested", "2.4 GB in a file system of its own, in a namespace of its own", nested
    )
    shared = (
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.shmat.restype = ctypes.c_void_p\nfor _ in range(10):\n"
    )
    shared += "    number = libc.shmget(0, ctypes.c_size_t(200 << 20), 0o1600)\n"
    shared += "    where = libc.shmat(number, None, 0) if number >= 0 else None\n"
    shared += (
        "    if where and where != ctypes.c_void_p(-1).value:\n        ctypes.memset(where, 1, 200 << 20)\n"
    )
    shared += "        libc.shmdt(ctypes.c_void_p(where))\n        print('unseen')\n"
    yield make.attack("bomb", "memory-shared", "2 GB of shared memory that no process maps", shared)
    inodes = (
        "import os, time\nend = time.monotonic() + 20\nn = 0\nwhile time.monotonic() < end and n < 800_000:\n"
    )
    inodes += "    open(f'/tmp/{n}', 'w').close(); n += 1\n"
    yield make.attack("bomb", "disk-names", "800,000 empty files", inodes)
    disk = "for top in ('/tmp', '/dev/shm', '/run', '.'):\n    try:\n        for n in range(10):\n"
    disk += "            open(f'{top}/{n}', 'wb').write(bytes(30 << 20))\n    except OSError as error:\n"
    disk += "        print(error)\n"
    yield make.attack("bomb", "disk", "1.2 GB of files", disk)
    file = "try:\n    with open('big', 'wb') as file:\n        file.truncate(10 << 30)\nexcept OSError as error:\n    print(error)\n"
    yield make.attack("bomb", "disk-sparse", "one file of 10 GB", file)
    fork = "import os, time\nfor _ in range(300):\n    try:\n        if os.fork() == 0:\n            time.sleep(18)\n"
    fork += "            os._exit(0)\n    except OSError:\n        break\n"
    yield make.attack("bomb", "processes", "300 processes", fork)
    threads = "import threading, time\ntry:\n    for _ in range(300):\n"
    threads += "        threading.Thread(target=time.sleep, args=(18,), daemon=True).start()\n"
    threads += "except RuntimeError:\n    pass\n"
    yield make.attack("bomb", "threads", "300 threads", threads)
    prints = "for _ in range(50):\n    print('x' * (1 << 20))\n"
    yield make.right("bomb", "prints", "50 MB of prints before a right answer", prints + RIGHT["order"])
    one = "print('x' * (50 << 20))\n"
    yield make.right(
        "bomb", "print-at-once", "50 MB in one print before a right answer", one + RIGHT["order"]
    )
    shows = "from IPython.display import display\nfor n in range(5000):\n    display(n)\n"
    yield make.right("bomb", "displays", "5,000 displays before a right answer", shows + RIGHT["order"])
    raw = "import os\nfor fd in (1, 2):\n    for _ in range(20):\n        os.write(fd, b'x' * (1 << 20))\n"
    yield make.right("bomb", "raw-output", "20 MB straight to the descriptors", raw + RIGHT["order"])
    error = "def by_magnitude(values):\n    raise ValueError('x' * (40 << 20))\n"
    yield make.attack("bomb", "error-text", "an error with a text of 40 MB", error, "")
    depth = "def by_magnitude(values):\n    return by_magnitude(values)\n"
    yield make.attack("bomb", "recursion", "endless recursion", depth, "")


def exits(make: Maker) -> Iterator[Case]:
    ended = ("order: it ended the Python process",)
    yield make.attack(
        "exit", "sys-exit-cell", "sys.exit in the cell ends the cell only", "import sys\nsys.exit(0)\n"
    )
    inner = "import sys\ndef by_magnitude(values):\n    sys.exit('points, please')\n"
    yield make.attack("exit", "sys-exit-function", "sys.exit in the function is an error", inner, "")
    yield make.slow("exit", "os-exit-cell", "os._exit in the cell", "import os\nos._exit(0)\n", flags=ended)
    inner = "import os\ndef by_magnitude(values):\n    os._exit(0)\n"
    yield make.slow("exit", "os-exit-function", "os._exit in the function", inner, flags=ended)
    kill = "import os, signal\nfor pid in (os.getppid(), 1, -1, 0):\n    try:\n        os.kill(pid, signal.SIGKILL)\n"
    kill += "    except OSError:\n        pass\n"
    yield make.slow(
        "exit", "kill-all", "kills its parent, process 1, all processes, its group", kill, flags=ended
    )
    crash = "import ctypes\ndef by_magnitude(values):\n    ctypes.string_at(0)\n"
    yield make.slow("exit", "crash", "a null pointer", crash, flags=ended)
    stop = "import os, signal\ndef by_magnitude(values):\n    os.kill(os.getpid(), signal.SIGSTOP)\n"
    late = ("order: it took longer than",)
    yield make.slow("exit", "stopped", "the process stops itself", stop, flags=late, alone=True)
    quits = "get_ipython().ask_exit()\nget_ipython().kernel.do_shutdown(False)\nexit\nquit()\n"
    yield make.slow("exit", "quit", "IPython's own exits", quits + WRONG)


def cells(make: Maker) -> Iterator[Case]:
    made = make.notebook()
    made["cells"] = [each for each in made["cells"] if nbgrader(each).get("grade_id") != "order"]
    yield make.case("cells", "deleted", "the cell is gone", made, ("order",), flags=("no cell order",))
    made = make.notebook()
    made["cells"] = [
        each for each in made["cells"] if not nbgrader(each).get("grade") or nbgrader(each).get("solution")
    ]
    yield make.case("cells", "checks-deleted", "without its checks a lab is graded all the same", made)
    made = make.notebook()
    made["cells"] = []
    yield make.case("cells", "no-cells", "no cell is left", made, points=NOTHING, flags=("no cell order",))
    made = make.notebook(order=None)
    made["cells"].append(cell(make.notebook(), "order"))
    yield make.case("cells", "copied", "the first is untouched, the copy is right", made)
    made = make.notebook(order="def by_magnitude(values):\n    return values\n")
    made["cells"].append(cell(make.notebook(), "order"))
    twice = ("cell order stands 2 times",)
    yield make.case("cells", "copied-corrected", "a later copy corrects it, as in Jupyter", made, flags=twice)
    made = make.notebook()
    made["cells"].append(cell(make.notebook(), "order") | {"source": "Here I tried for a while, (but"})
    yield make.case("cells", "copied-notes", "a copy that is no Python costs nothing", made, flags=twice)
    made = make.notebook(order="raise NotImplementedError('later')\n")
    made["cells"].append(cell(make.notebook(), "order"))
    yield make.case(
        "cells", "copied-raises", "a copy that ends with an error costs nothing", made, flags=twice
    )
    made = make.notebook(order="def size(v):\n    return -np.abs(v)\n")
    split = cell(make.notebook(), "order") | {
        "source": "def by_magnitude(v):\n    return v[np.argsort(size(v), kind='stable')]"
    }
    made["cells"].insert(made["cells"].index(cell(made, "order")) + 1, split)
    yield make.case(
        "cells", "split", "JupyterLab's split leaves both halves the same metadata", made, flags=twice
    )
    made = make.notebook()
    made["cells"].reverse()
    yield make.case("cells", "reversed", "the order of the cells does not count", made)
    made = make.notebook(largest=RIGHT["largest"] + RIGHT["order"])
    made["cells"].remove(cell(made, "order"))
    yield make.case(
        "cells", "merged", "the function stands in another task's cell", made, flags=("no cell order",)
    )
    made = make.notebook()
    cell(made, "order")["cell_type"] = "markdown"
    cell(made, "count")["cell_type"] = "raw"
    yield make.case("cells", "types-changed", "a right answer in a cell of another type", made)
    made = make.notebook(order=WRONG)
    for each in made["cells"]:
        if "points" in nbgrader(each):
            nbgrader(each)["points"] = 1000
        nbgrader(each).update(grade=True, solution=True, points=1e308)
    yield make.case("cells", "points-forged", "points of its own", made, ("order",))
    made = make.notebook(order=WRONG)
    cell(made, "order-check")["source"] = "assert True"
    cell(made, "count-check")["metadata"] = {}
    yield make.case("cells", "check-forged", "a check of its own", made, ("order",))
    made = make.notebook()
    nbgrader(cell(made, "order"))["grade_id"] = "sorted"
    yield make.case(
        "cells", "renamed", "an answer without its name", made, ("order",), flags=("no cell order",)
    )
    made = make.notebook(order=WRONG)
    nbgrader(cell(made, "order"))["grade_id"] = "order-check"
    made["cells"].append(cell(make.notebook(), "order") | {"source": "assert True"})
    nbgrader(made["cells"][-1])["grade_id"] = "order-check"
    yield make.case("cells", "id-of-a-check", "answers under the name of a check", made, ("order",))
    made = make.notebook(order=None)
    made["cells"].insert(4, cell(make.notebook(), "order") | {"metadata": {}})
    told = ("cell order is as it was released, but another cell defines by_magnitude",)
    yield make.case("cells", "new-cell", "answers count in their own cell only", made, ("order",), flags=told)
    made = make.notebook()
    for each in made["cells"]:
        each["id"] = "same"
        each["metadata"] |= {"deletable": "no", "tags": [None], "trusted": {"a": 1}}
        each["outputs"] = "forged"
    yield make.case("cells", "metadata-forged", "all other metadata are left out", made)
    made = make.notebook()
    made["cells"][1]["metadata"]["nbgrader"] = [1, 2]
    made["cells"][0]["metadata"]["nbgrader"] = {"grade_id": ["order"], "solution": "yes"}
    yield make.case("cells", "metadata-strange", "metadata of other types", made)
    made = make.notebook() | {"nbformat": 99, "nbformat_minor": -1}
    yield make.case("cells", "schema-99", "a version that does not exist", made)
    old = make.notebook()
    old = {"metadata": {}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": old["cells"]}]}
    yield make.case("cells", "schema-3", "no list of cells", old, failed=True, flags=("list of cells",))
    made = make.notebook()
    made["metadata"] = {
        "kernelspec": {"name": "bash", "language": "bash", "argv": ["/bin/sh", "-c", "touch /tmp/hacked"]}
    }
    yield make.case("cells", "kernelspec", "another kernel", made)
    made = make.notebook()
    made["metadata"] = {
        "kernelspec": {"metadata": {"kernel_provisioner": {"provisioner_name": "local-provisioner"}}}
    }
    yield make.case("cells", "provisioner", "a kernel without a sandbox", made)
    made = make.notebook()
    for each in made["cells"]:
        each["source"] = each["source"].splitlines(True)
    yield make.case("cells", "lines", "sources as lists of lines", made)
    made = make.notebook()
    made["cells"][1]["source"] = "import os\nos._exit(1)\n"
    made["cells"].insert(0, cell(make.notebook(), "order") | {"metadata": {}, "source": "while True: pass"})
    yield make.case("cells", "set-up-changed", "the set-up cells are the lab's own", made)


def files(make: Maker) -> Iterator[Case]:
    yield make.attack("file", "syntax-error", "no function", "def by_magnitude(values:\n", "")
    text = json.dumps(make.notebook())
    no = {"failed": True, "flags": ("not a notebook",)}
    yield make.case("file", "empty", "nothing", b"", **no)
    yield make.case("file", "blank", "white space", b" \n\t\n", **no)
    yield make.case("file", "cut", "an upload that broke off", text.encode()[: len(text) // 2], **no)
    yield make.case("file", "merge-conflict", "marks of git", b"<<<<<<< HEAD\n" + text.encode(), **no)
    yield make.case("file", "python", "a script", RIGHT["order"].encode(), **no)
    yield make.case(
        "file", "html", "a page of the web", b"<!DOCTYPE html><script>window.hacked = 1</script>", **no
    )
    yield make.case("file", "gzip", "compressed", gzip.compress(text.encode(), mtime=0), **no)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("arrays.ipynb", text)
    yield make.case("file", "zip", "an archive", archive.getvalue(), **no)
    yield make.case("file", "deep", "a million open brackets", b"[" * 1_000_000, **no)
    yield make.case("file", "number", "a number of 100,000 digits", b"1" * 100_000, **no)
    yield make.case("file", "list", "JSON, but a list", b"[1, 2, 3]", **no)
    yield make.case("file", "cells-of-null", "a list of no cells", b'{"cells": [null]}', **no)

    def with_picture(folder: Path) -> None:
        whole["cells"][0]["attachments"] = {"picture": "x" * (50 << 20)}
        (folder / "arrays.ipynb").write_text(json.dumps(whole))

    def spaces(folder: Path) -> None:
        (folder / "arrays.ipynb").write_bytes(b" " * (70 << 20))

    whole = make.notebook()
    yield make.case("file", "50-mb", "large by its outputs, right in its answers", b"", make=with_picture)
    long = make.notebook(order="#" * 600_000 + "\n" + RIGHT["order"])
    yield make.case(
        "file", "long-answer", "an answer of 600,000 letters", long, ("order",), flags=("too long",)
    )
    yield make.case("file", "too-large", "70 MB", b"", failed=True, flags=("too large",), make=spaces)
    accents = make.notebook(open="Énergie, 能量 😀", order="größe = 'naïve 😀'\n" + RIGHT["order"])
    accented = json.dumps(accents, ensure_ascii=False)
    for name, encoding in (("bom", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-32", "utf-32")):
        yield make.case("file", name, "another encoding of JSON", accented.encode(encoding))
    latin = json.dumps(make.notebook(open="Énergie"), ensure_ascii=False)
    for name in ("latin-1", "cp1252"):
        yield make.case("file", name, "not UTF-8", latin.encode(name), failed=True, flags=("UTF-8",))
    yield make.case("file", "nan", "numbers that JSON has not", text.replace("4, ", "NaN, ").encode())
    yield make.case(
        "file",
        "crlf",
        "line ends of Windows in the file",
        json.dumps(make.notebook(), indent=1).replace("\n", "\r\n").encode(),
    )
    crlf = make.notebook(**{name: source.replace("\n", "\r\n") for name, source in RIGHT.items()})
    yield make.case("file", "crlf-sources", "line ends of Windows in the cells", crlf)
    odd = make.notebook(open="half a pair: \ud800, and \x00 \x1b[2J", order=RIGHT["order"] + "# \ud800\n")
    yield make.case("file", "surrogates", "text that no file can hold", odd)
    yield make.attack("file", "null-byte", "a zero in the code", "x = 1\0\n")


def patches(make: Maker) -> Iterator[Case]:
    always = "lambda *a, **k: True"
    code = f"for name in ('allclose', 'array_equal', 'isclose'):\n    setattr(np, name, {always})\n"
    code += "import numpy.testing\nfor name in dir(numpy.testing):\n    if name.startswith('assert'):\n"
    code += f"        setattr(numpy.testing, name, {always})\n"
    yield make.attack("patch", "numpy", "NumPy's comparisons say yes", code)
    code = "import builtins\nbuiltins.AssertionError = type('Fine', (Exception,), {'__new__': lambda *a: None})\n"
    code += f"builtins.isinstance = {always}\nbuiltins.abs = lambda x: 0\nbuiltins.sorted = lambda *a, **k: [0.0]\n"
    yield make.slow("patch", "builtins", "built-in functions lie", code + WRONG)
    code = "import sys, types\nfor name in ('torch', 'effdl.answers', 'grading.checks', 'grading.tester', 'grading.run'):\n"
    code += "    fake = types.ModuleType(name)\n    fake.answer = lambda *a, **k: 12\n    fake.run_check = lambda *a: ''\n"
    code += "    sys.modules[name] = fake\nanswer = lambda *a, **k: 2.0\n"
    yield make.attack("patch", "modules", "modules of its own in sys.modules", code)
    code = "import sys\nclass Hook:\n    def find_spec(self, name, path=None, target=None):\n"
    code += "        raise SystemExit(0)\nsys.meta_path.insert(0, Hook())\nsys.path_hooks.insert(0, Hook)\n"
    yield make.slow("patch", "import-hook", "an import hook ends the run", code + WRONG)
    code = "import ast\nclass NoAsserts(ast.NodeTransformer):\n    def visit_Assert(self, node):\n        return ast.Pass()\n"
    code += "get_ipython().ast_transformers.append(NoAsserts())\n"
    code += "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass'])\n"
    yield make.slow("patch", "ast", "assertions are taken out of every cell", code + WRONG)
    code = "shell = get_ipython()\ndef hook(*a):\n    shell.user_ns['by_magnitude'] = lambda v: sorted(v)\n"
    code += "    raise SystemExit(0)\nfor event in ('pre_run_cell', 'post_run_cell', 'pre_execute', 'post_execute'):\n"
    code += "    shell.events.register(event, hook)\n"
    yield make.attack("patch", "events", "IPython's events change the run", code)
    code = "import sys\nshell = get_ipython()\nsys.displayhook = lambda value: None\n"
    code += "shell.display_formatter.format = lambda *a, **k: ({'text/html': '<script>window.hacked = 1</script>'}, {})\n"
    code += "shell.set_custom_exc((Exception,), lambda *a, **k: None)\nshell.showtraceback = lambda *a, **k: None\n1\n"
    yield make.attack("patch", "display", "display hooks hide errors", code)
    code = "shell = get_ipython()\nshell.run_cell = lambda *a, **k: type('R', (), {'success': True})()\n"
    code += "shell.kernel.do_execute = None\n"
    yield make.slow("patch", "run-cell", "no cell runs any more", code + WRONG)
    code = "import sys\nsys.settrace(lambda frame, event, arg: frame.f_locals.clear())\nsys.setrecursionlimit(10**6)\n"
    code += "import gc\ngc.disable()\n"
    yield make.attack("patch", "trace", "a trace function", code)
    code = "import torch\ntorch.equal = torch.allclose = lambda *a, **k: True\n"
    yield make.attack("patch", "torch", "torch's comparisons say yes", code)
    code = "for folder in ('/tmp', '.', '/tmp/.ipython/profile_default/startup'):\n    import os\n    os.makedirs(folder, exist_ok=True)\n"
    code += "    for name in ('sitecustomize.py', 'usercustomize.py', 'numpy.py', '00-start.py', 'conftest.py'):\n"
    code += "        open(f'{folder}/{name}', 'w').write('raise SystemExit(0)')\n"
    yield make.attack("patch", "startup-files", "start-up files for the next process", code)


def equals(make: Maker) -> Iterator[Case]:
    code = "class Yes:\n    shape, size, ndim, dtype = (4,), 4, 1, float\n"
    code += "    __eq__ = __le__ = __lt__ = __ge__ = __gt__ = __bool__ = __contains__ = lambda *a: True\n"
    code += "    __sub__ = __rsub__ = __abs__ = __getitem__ = __call__ = lambda self, *a: self\n"
    code += "    __float__ = lambda self: 0.0\n    __len__ = lambda self: 4\n"
    code += "    __array_function__ = __array_ufunc__ = lambda *a, **k: True\n"
    yield make.attack(
        "equal",
        "yes",
        "an object that is equal to all",
        code + "def by_magnitude(values):\n    return Yes()\n",
        "",
    )
    code = "class Array(np.ndarray):\n    __eq__ = lambda *a: True\n"
    code += "    __array_function__ = __array_ufunc__ = lambda *a, **k: True\n"
    code += "def by_magnitude(values):\n    return np.zeros(values.shape).view(Array)\n"
    yield make.attack("equal", "array", "an array that is equal to all", code, "")
    code = "class Number(float):\n    __eq__ = __lt__ = __sub__ = __abs__ = lambda *a: True\n    __hash__ = float.__hash__\n"
    code += "def largest(values):\n    return Number(7)\n"
    made = make.notebook(largest=code)
    yield make.case("equal", "number", "a number that is equal to all", made, ("largest",))
    code = "class Dict(dict):\n    __eq__ = lambda *a: True\n    __ne__ = lambda *a: False\n"
    code += "def signs(values):\n    return Dict()\n"
    yield make.case("equal", "dict", "a dict that is equal to all", make.notebook(count=code), ("count",))
    code = "class Text(str):\n    __eq__ = lambda *a: True\n    __hash__ = str.__hash__\n"
    code += "def bytes_of_three():\n    return Text('12')\n"
    yield make.case("equal", "text", "a text for a number", make.notebook(bytes=code), ("bytes",))
    code = "def by_magnitude(values):\n    result = np.zeros(len(values))\n    values[:] = 0\n    return result\n"
    yield make.attack("equal", "inputs-emptied", "empties its input, so that nothing is right", code, "")
    code = "def signs(values):\n    values.clear()\n    return {'negative': 0, 'zero': 0, 'positive': 0}\n"
    yield make.case("equal", "list-emptied", "empties its list", make.notebook(count=code), ("count",))


def beside(make: Maker) -> Iterator[Case]:
    course = make.world.course
    shadow = "raise SystemExit('window.hacked')\n"

    def write(*names: str) -> Callable[[Path], None]:
        def make_files(folder: Path) -> None:
            for name in names:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(shadow)

        return make_files

    def instead(target: Path | str) -> Callable[[Path], None]:
        def make_link(folder: Path) -> None:
            (folder / "arrays.ipynb").unlink()
            (folder / "arrays.ipynb").symlink_to(target)

        return make_link

    def fifo(folder: Path) -> None:
        (folder / "arrays.ipynb").unlink()
        os.mkfifo(folder / "arrays.ipynb")

    def directory(folder: Path) -> None:
        (folder / "arrays.ipynb").unlink()
        (folder / "arrays.ipynb").mkdir()

    whole = make.notebook()
    names = (
        "numpy.py",
        "numpy/__init__.py",
        "sitecustomize.py",
        "usercustomize.py",
        "conftest.py",
        "effdl/answers.py",
    )
    yield make.case("beside", "modules", "files that shadow modules", whole, make=write(*names))
    names = (
        ".env",
        ".bashrc",
        ".profile",
        "ipython_config.py",
        "jupyter_config.py",
        "nbgrader_config.py",
        "python3.pth",
    )
    yield make.case("beside", "start-up", "start-up and configuration files", whole, make=write(*names))
    refused = {"failed": True, "flags": ("cannot be read",)}
    for name, target, why in (
        ("link-solution", course / "solutions/arrays/arrays.ipynb", "the solution"),
        ("link-student", course / "submissions/ada/arrays.ipynb", "another student's notebook"),
        ("link-gradebook", course / "gradebook.db", "the gradebook"),
        ("link-passwd", "/etc/passwd", "a file of the system"),
        ("link-loop", "arrays.ipynb", "itself"),
        ("link-device", "/dev/zero", "a device without end"),
    ):
        yield make.case(
            "beside", name, f"the notebook is a link to {why}", b"", make=instead(target), **refused
        )
    yield make.case("beside", "fifo", "a pipe that nobody writes to", b"", make=fifo, **refused)
    yield make.case("beside", "directory", "a folder for a notebook", b"", make=directory, **refused)

    def links(folder: Path) -> None:
        (folder / "data").symlink_to("/etc")
        (folder / "arrays").symlink_to("..")
        os.mkfifo(folder / "pipe")

    yield make.case("beside", "links-beside", "links and pipes beside the notebook", whole, make=links)


def reads(make: Maker) -> Iterator[Case]:
    course = make.world.course
    search = f"""
import os
for top, folders, files in os.walk('/'):
    if top == '/':
        folders[:] = [name for name in folders if name not in ('usr', 'proc')]
    folders[:] = [name for name in folders if name != 'site-packages']
    for name in files:
        try:
            with open(os.path.join(top, name), 'rb') as file:
                text = file.read(1 << 20)
        except OSError:
            continue
        if b'{SECRET[:6]}-' b'{SECRET[7:]}' in text or b'BEGIN HIDDEN' b' TESTS' in text:
            print(top, name, text)
"""
    yield make.attack("read", "search", "searches all files for the hidden tests", search)
    paths = [
        f"{course}/solutions/arrays/arrays.ipynb",
        f"{course}/submissions/ada/arrays.ipynb",
        f"{course}/gradebook.db",
        str(HERE / "solutions/arrays/arrays.ipynb"),
        "/etc/passwd",
        "/etc/shadow",
        "/root/.bash_history",
        "../solutions/arrays/arrays.ipynb",
    ]
    known = f"for path in {paths}:\n    try:\n        print(open(path, 'rb').read())\n    except OSError as error:\n"
    known += "        print(type(error))\n"
    yield make.attack("read", "known-paths", "opens solution, gradebook, other students by name", known)
    proc = """
import glob, os
for path in glob.glob('/proc/[0-9]*/*') + glob.glob('/proc/[0-9]*/fd/*') + glob.glob('/proc/[0-9]*/root/*/*'):
    try:
        if os.path.isdir(path):
            print(os.listdir(path))
        elif path.rsplit('/', 1)[1] in ('environ', 'cmdline', 'maps', 'mem', 'status') or '/fd/' in path:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            print(path, os.read(fd, 100_000))
            os.close(fd)
    except OSError:
        pass
print(os.environ)
"""
    yield make.attack("read", "proc", "environment, descriptors and roots of all processes", proc)
    memory = """
import os
for pid in {1, os.getppid()}:
    try:
        for line in open(f'/proc/{pid}/maps'):
            if 'r' in line.split()[1]:
                start, end = (int(n, 16) for n in line.split()[0].split('-'))
                with open(f'/proc/{pid}/mem', 'rb') as file:
                    file.seek(start)
                    print(file.read(min(end - start, 100_000)))
    except OSError as error:
        print(type(error))
"""
    yield make.attack("read", "memory", "the memory of its parents", memory)
    stack = "import gc, sys\nframe = sys._getframe()\nwhile frame:\n    print([k for k in frame.f_globals if 'check' in k])\n"
    stack += "    frame = frame.f_back\nprint([o for o in gc.get_objects() if isinstance(o, str) and 'hidden' '-canary' in o])\n"
    yield make.attack("read", "frames", "looks for the checks in its own process", stack)
    inside = "def by_magnitude(values):\n    import sys, gc\n    frame, found = sys._getframe(), []\n    while frame:\n"
    inside += "        found += [v for v in frame.f_locals.values() if 'target' in str(v)]\n        frame = frame.f_back\n"
    inside += "    raise ValueError(str(found))\n"
    yield make.attack("read", "frames-in-call", "looks for the target while it is called", inside, "")


def writes(make: Maker) -> Iterator[Case]:
    course = make.world.course
    targets = [
        f"{course}/solutions/arrays/arrays.ipynb", f"{course}/submissions/ada/arrays.ipynb", f"{course}/gradebook.db",
        str(HERE / "corpus.py"), "/course/grading/serve.py", "/course/effdl/answers.py", "/etc/cron.d/job",
        "/var/spool/cron/root", "/root/.bashrc", "/usr/lib/python3/sitecustomize.py", "/bin/true",
    ]  # fmt: skip
    code = (
        f"import os, numpy, sys\nfor path in {targets} + [numpy.__file__, sys.executable]:\n    for go in (\n"
    )
    code += "        lambda: open(path, 'a').write('window.hacked'), lambda: os.remove(path), lambda: os.chmod(path, 0o777),\n"
    code += "        lambda: os.rename(path, path + 'x'), lambda: os.makedirs(os.path.dirname(path)),\n"
    code += "        lambda: os.symlink('/tmp', path), lambda: os.utime(path),\n"
    code += "    ):\n        try:\n            go()\n        except OSError:\n            pass\n"
    yield make.attack("write", "files", "changes solution, gradebook, course, Python, start-up files", code)
    code = "import os\nfor name in ('crontab', 'at', 'systemd-run', 'loginctl'):\n"
    code += "    os.system(f'echo \"touch /tmp/hacked\" | {name} - now')\n"
    code += "open(os.path.expanduser('~/.bashrc'), 'w').write('touch /tmp/hacked')\n"
    yield make.attack("write", "persistence", "cron, at and start-up files of the shell", code)
    code = "import sqlite3\ntry:\n"
    code += f"    sqlite3.connect('{course}/gradebook.db').execute('update grade set points = 99')\n"
    code += "except Exception as error:\n    print(type(error))\n"
    yield make.attack("write", "gradebook", "sets its own grade", code)
    code = "import glob, os\nfor path in glob.glob('/proc/*/oom_score_adj') + glob.glob('/proc/*/mem') + glob.glob('/proc/sys/*/*') + ['/proc/sysrq-trigger']:\n"
    code += "    if not path.startswith(('/proc/self', f'/proc/{os.getpid()}/', '/proc/thread-self')):\n"
    code += "        try:\n            os.write(os.open(path, os.O_WRONLY), b'0')\n            print('changed', path)\n"
    code += "        except OSError:\n            pass\n"
    yield make.attack("write", "proc", "settings of the system through /proc", code)


def network(make: Maker) -> Iterator[Case]:
    port = make.world.port
    code = f"""
import os, socket, urllib.request
for address in ('127.0.0.1', 'localhost', '0.0.0.0', '::1'):
    try:
        socket.create_connection((address, {port}), timeout=1).sendall(b'hacked')
    except OSError as error:
        print(error)
try:
    urllib.request.urlopen('http://127.0.0.1:{port}/', timeout=1)
except OSError as error:
    print(error)
os.system('curl -m 1 http://127.0.0.1:{port}/; echo x > /dev/tcp/127.0.0.1/{port}')
"""
    yield make.attack("network", "tcp", "a service of this machine", code)
    code = f"""
import socket
for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
    try:
        socket.socket(socket.AF_INET, kind).sendto(b'hacked', ('127.0.0.1', {port}))
    except OSError as error:
        print(error)
for family in (socket.AF_PACKET, socket.AF_VSOCK, socket.AF_ALG, 31, 45):
    try:
        socket.socket(family, socket.SOCK_STREAM)
        print('open', family)
    except OSError as error:
        print(error)
"""
    yield make.attack("network", "families", "other kinds of sockets", code)
    code = """
import socket
for name in ('\\0grading-canary', '\\0/tmp/.X11-unix/X0', '/run/docker.sock', '/run/dbus/system_bus_socket'):
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(name)
            print('connected', one.recv(100))
    except OSError as error:
        print(error)
"""
    yield make.attack("network", "unix", "Unix sockets of this machine", code)


def outliving(make: Maker) -> Iterator[Case]:
    code = """
import os, signal, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
            for number in range(1, 32):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except OSError:
                    pass
            time.sleep(19)
        os._exit(0)
"""
    yield make.right("outlive", "daemon", "leaves daemons behind a right answer", code + RIGHT["order"])
    code = (
        "import subprocess\nsubprocess.Popen('nohup setsid sleep 19 & disown; exec sleep 18', shell=True)\n"
    )
    yield make.right("outlive", "nohup", "leaves a shell job behind a right answer", code + RIGHT["order"])
    code = "import atexit, os, time\natexit.register(lambda: time.sleep(19))\n"
    code += "class Late:\n    def __del__(self):\n        import time\n        time.sleep(19)\nkeep = globals().get('keep') or Late()\n"
    yield make.right("outlive", "at-exit", "takes its time to end", code + RIGHT["order"])
    code = "import os, time\nif os.fork() == 0:\n    time.sleep(19)\n    os._exit(0)\nos._exit(0)\n"
    yield make.slow("outlive", "child-remains", "ends itself and leaves a child", code)


def calls(make: Maker) -> Iterator[Case]:
    body = "values[np.argsort(-np.abs(values), kind='stable')]"
    code = f"seen = globals().get('seen', [])\ndef by_magnitude(values):\n    seen.append(1)\n    return {body} if len(seen) < 3 else values\n"
    yield make.attack("calls", "first-calls", "right for two calls only", code, "")
    code = f"import time\nstart = globals().setdefault('start', time.monotonic())\ndef by_magnitude(values):\n    return {body} if time.monotonic() < start else values\n"
    yield make.attack("calls", "by-time", "right until its cell has run", code, "")
    code = (
        f"import random\ndef by_magnitude(values):\n    return {body} if random.random() < 0.01 else values\n"
    )
    yield make.attack("calls", "by-chance", "right now and then", code, "")
    code = "def by_magnitude(values):\n    return np.array([-2.0, 1.0, 0.5, -0.25])\n"
    yield make.attack("calls", "hard-coded", "right for the visible example", code, "")
    code = f"def by_magnitude(values):\n    if list(values) == list(given):\n        return {body}\n    return values\n"
    yield make.attack("calls", "recognises", "knows the visible inputs", code, "")
    code = f"import os\ndef by_magnitude(values):\n    return {body} if 'GRADING_SEED' not in os.environ and not os.path.exists('/course') else values\n"
    yield make.attack("calls", "in-the-grader", "wrong on purpose where it is graded", code, "")
    code = """
memory = globals().get('memory', [])
def by_magnitude(values):
    memory.append(values.tolist())
    if len(memory) % 4 == 1:
        return np.array([-2.0, 1.0, 0.5, -0.25])
    return np.array(memory[-2])
"""
    yield make.attack("calls", "recorded", "answers with what it was given before", code, "")
    code = (
        "def by_magnitude(values):\n    global by_magnitude\n    by_magnitude = lambda v: v\n    return "
        + body
        + "\n"
    )
    yield make.attack("calls", "replaces-itself", "right once in each check", code, "")


def values(make: Maker) -> Iterator[Case]:
    def returns(name: str, why: str, text: str, before: str = "") -> Case:
        code = f"{before}\ndef by_magnitude(values):\n    return {text}\n"
        return make.attack("value", name, why, code, "")

    def gives(name: str, why: str, text: str) -> Case:
        code = f"def bytes_of_three():\n    return {text}\n"
        return make.case("value", name, why, make.notebook(bytes=code), ("bytes",))

    yield returns("none", "nothing", "None")
    yield returns("nan-array", "not numbers", "values * float('nan')")
    yield returns("infinite-array", "infinite", "values + np.inf")
    yield returns("huge-array", "8 GB that are never touched", "np.broadcast_to(0.0, (10**9,))")
    yield returns("large-array", "64 MB", "np.zeros(8 << 20)")
    yield returns("objects", "an array of objects", "np.array([object()] * len(values))")
    yield returns("structured", "an array of records", "np.zeros(len(values), dtype=[('a', float)])")
    yield returns("texts", "an array of texts", "np.array(['window.hacked = 1'] * len(values))")
    yield returns("generator", "a generator", "(v for v in values)")
    yield returns("function", "a function", "by_magnitude")
    yield returns("itself", "a list that holds itself", "loop", "loop = []\nloop.append(loop)\n")
    yield returns(
        "deep", "a nest of 900 lists", "deep", "deep = []\nfor _ in range(900):\n    deep = [deep]\n"
    )
    yield returns(
        "very-deep",
        "a nest of 100,000 lists",
        "deep",
        "deep = []\nfor _ in range(100_000):\n    deep = [deep]\n",
    )
    yield returns("many", "three million numbers in a list", "[0] * 3_000_000")
    yield returns(
        "bfloat16", "a tensor that NumPy does not know", "torch.zeros(4).bfloat16()", "import torch"
    )
    pickles = "class Evil:\n    def __reduce__(self):\n        return __import__('os').system, ('touch /tmp/hacked',)\n"
    yield returns("pickle", "an object that runs when it is unpickled", "Evil()", pickles)
    odd = "class Odd(dict):\n    def items(self):\n        raise KeyboardInterrupt('window.hacked')\n"
    yield returns("hostile-dict", "raises while it is sent", "Odd(a=1)", odd)
    odd = "class Odd:\n    detach = cpu = lambda self: self\n    def numpy(self):\n        raise SystemExit(0)\n"
    yield returns("hostile-tensor", "exits while it is sent", "Odd()", odd)
    odd = "class Odd(int):\n    def __int__(self):\n        import time\n        time.sleep(0.1)\n        return 'x'\n"
    yield returns("hostile-int", "an int that is none", "Odd()", odd)
    yield gives("nan", "not a number", "float('nan')")
    yield gives("infinite", "infinite", "float('inf')")
    yield gives("huge-int", "100,001 digits", "10 ** 100_000")
    yield gives("large-int", "4,001 digits", "10 ** 4000")
    yield gives("true", "a truth value is no number", "True")
    yield gives("complex", "a complex number", "12 + 0j")
    yield gives("surrogate", "half a character", "'\\ud800'")
    yield gives("array", "an array of two", "np.array([12, 12])")
    tuples = RIGHT["order"].replace("return ", "return tuple(").rstrip() + ")\n"
    yield make.right("value", "tuple", "a tuple of NumPy numbers is as good as an array", tuples)
    lists = RIGHT["order"].replace("return ", "return list(").rstrip() + ")\n"
    yield make.right("value", "list", "so is a list", lists)
    big = RIGHT["order"].rstrip() + ".astype('>f4')\n"
    yield make.right("value", "big-endian", "so is an array in another order of bytes", big)
    tensor = "import torch\ndef by_magnitude(values):\n    return torch.tensor(sorted(values, key=lambda v: -abs(v)))\n"
    yield make.right("value", "tensor", "so is a tensor", tensor)
    numpy = "import collections\ndef signs(values):\n    sign = np.sign(np.array(values))\n"
    numpy += "    return collections.OrderedDict((n, (sign == s).sum()) for n, s in (('zero', 0), ('negative', -1), ('positive', 1)))\n"
    yield make.case(
        "value",
        "numpy-numbers",
        "NumPy's numbers in a dict of another type",
        make.notebook(count=numpy, bytes="def bytes_of_three():\n    return np.array([12.0])\n"),
    )
    names = """
class Evil(Exception):
    def __str__(self):
        raise SystemExit('window.hacked')
    __repr__ = __str__
Evil.__name__ = Evil.__qualname__ = '<script>window.hacked = 1</script>'
def by_magnitude(values):
    raise Evil()
"""
    yield make.attack(
        "value", "hostile-error", "an error whose name is script and whose text is an error", names, ""
    )
    names = "def by_magnitude(values):\n    raise ValueError('\\x00\\x1b[2J\\ud800 window.hacked')\n"
    yield make.attack("value", "error-with-zero", "an error with a zero and half a character", names, "")
    brackets = "raise ValueError('(' * 80_000)\n"
    yield make.attack("value", "error-of-brackets", "an error that a careless pattern never leaves", brackets)
    names = "def by_magnitude(values):\n    raise AssertionError('')\n"
    yield make.attack(
        "value", "error-without-text", "an assertion without a text is none that passed", names, ""
    )
    names = "class ConnectionLost(BaseException): pass\ndef by_magnitude(values):\n    raise ConnectionLost\n"
    yield make.attack("value", "error-of-the-grader", "an error with a name of the grader's", names, "")
    names = "def by_magnitude(values):\n    raise BaseExceptionGroup('x', [KeyboardInterrupt(), GeneratorExit()])\n"
    yield make.attack("value", "error-group", "a group of interrupts", names, "")
    names = "async def by_magnitude(values):\n    return values\n"
    yield make.attack("value", "coroutine", "a coroutine", names, "")
    names = "class by_magnitude:\n    def __init__(self, values):\n        pass\n"
    yield make.attack("value", "class", "a class for a function", names, "")
    yield make.attack("value", "no-function", "a number for a function", "by_magnitude = 3\n", "")


def noise(make: Maker) -> Iterator[Case]:
    code = "import sys, warnings, logging\nwarnings.warn('careful')\nprint('working', file=sys.stderr)\nlogging.error('odd')\n"
    inner = "def by_magnitude(values):\n    import sys, warnings\n    warnings.warn('careful')\n    print(values)\n"
    inner += "    print('x' * 100_000, file=sys.stderr)\n    np.array([1.0]) / 0\n"
    inner += "    return values[np.argsort(-np.abs(values), kind='stable')]\n"
    yield make.right("noise", "warnings", "warnings and prints in cell and function", code + inner)
    code = "import warnings\nwarnings.simplefilter('error')\nnp.seterr(all='raise')\nnp.random.seed(0)\nimport random\nrandom.seed(0)\n"
    yield make.right("noise", "settings", "warnings are errors, seeds are set", code + RIGHT["order"])
    code = "import os, sys\nsys.stdout = open(os.devnull, 'w')\n"
    yield make.right("noise", "closed-output", "closes its own output", code + RIGHT["order"])
    code = "import matplotlib.pyplot as plt\nplt.plot(given)\nplt.show()\n"
    yield make.right("noise", "picture", "a picture in the cell", code + RIGHT["order"])


SCRIPT = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"


def markup(make: Maker) -> Iterator[Case]:
    code = f"from IPython.display import *\nprint({SCRIPT!r})\ndisplay(HTML({SCRIPT!r}))\n"
    code += "display(Javascript('window.hacked = 1'))\ndisplay(Markdown('[x](javascript:window.hacked=1)'))\n"
    code += 'display(SVG(\'<svg xmlns="http://www.w3.org/2000/svg" onload="window.hacked = 1"/>\'))\n'
    code += "display(IFrame('javascript:parent.hacked=1', 9, 9))\n"
    code += "display({'application/vnd.jupyter.widget-view+json': {}, 'text/latex': '$\\\\href{javascript:window.hacked=1}{x}$',"
    code += f" 'image/png': {SCRIPT!r}, 'image/jpeg': {SCRIPT!r}}}, raw=True)\n"
    yield make.right("markup", "displays", "script in every kind of display", code + RIGHT["order"])
    text = f'{SCRIPT}\n\n[x](javascript:window.hacked=1) ![y](x"onerror="window.hacked=1)\n\n<style>*{{display:none}}</style></textarea></pre>'
    yield make.case("markup", "markdown", "script in the open answer", make.notebook(open=text))
    yield make.attack(
        "markup",
        "error",
        "script in an error",
        f"def by_magnitude(values):\n    raise ValueError({SCRIPT!r})\n",
        "",
    )
    yield make.attack(
        "markup",
        "value",
        "script in a value that a check repeats",
        f"def by_magnitude(values):\n    return {SCRIPT!r}\n",
        "",
    )
    made = make.notebook(bytes=f"def bytes_of_three():\n    return {SCRIPT!r}\n")
    yield make.case("markup", "answer", "script in a typed answer", made, ("bytes",))
    yield make.right("markup", "source", "script in the code", f"# {SCRIPT} </pre></code>\n" + RIGHT["order"])
    made = make.notebook()
    for each in made["cells"]:
        each["id"] = SCRIPT
        each["metadata"]["name"] = SCRIPT
        each["metadata"]["tags"] = [SCRIPT]
    made["metadata"]["title"] = SCRIPT
    yield make.case("markup", "cell-names", "script in names of cells and in metadata", made)


def wires(make: Maker) -> Iterator[Case]:
    frame = "import json, os, socket, struct\ndef frame(message):\n    text = json.dumps(message).encode()\n"
    frame += (
        "    return struct.pack('>II', len(text), 0) + text\ndef sockets():\n    for fd in range(3, 200):\n"
    )
    frame += "        try:\n            yield fd, socket.socket(fileno=os.dup(fd))\n        except OSError:\n            pass\n"
    forged = (
        "        one.sendall(frame({'value': None, 'id': 0, 'message': '', 'hints': {'dict': []}}) * 50)\n"
    )
    pair = (
        frame + "for fd, one in sockets():\n    if one.family == socket.AF_UNIX and not one.getsockname():\n"
    )
    yield make.slow("wire", "forged-replies", "replies before anything was asked", pair + forged + WRONG)
    yield make.slow(
        "wire", "garbage", "bytes that are no frame", pair + "        one.sendall(b'\\xff' * 1000)\n" + WRONG
    )
    code = pair + "        one.shutdown(socket.SHUT_RDWR)\n"
    yield make.slow("wire", "closed", "closes the pipe", code + WRONG)
    endless = (
        frame
        + """
import threading, time
def by_magnitude(values):
    for fd, one in sockets():
        if one.family == socket.AF_UNIX and not one.getsockname() and not one.getpeername():
            one.sendall(struct.pack('>II', 8 << 20, 0))
    time.sleep(60)
"""
    )
    yield make.slow("wire", "half-a-frame", "a frame that never ends", endless, alone=True)
    odd = (
        frame
        + """
def by_magnitude(values):
    import sys
    outer = sys._getframe(1)
    while 'channel' not in outer.f_locals:
        outer = outer.f_back
    channel, request = outer.f_locals['channel'], outer.f_locals['request']
    channel.sendall(frame(MESSAGE | {'id': request['id']}))
    import time
    time.sleep(20)
"""
    )
    for name, message, why in (
        ("kind", "{'value': {'cannot be sent': 1}}", "a kind of value that is none"),
        ("shape", "{'value': {'array': ['<f8', [10**30, 0], 0]}}", "an array of an impossible shape"),
        ("dtype", "{'value': {'array': ['O', [4], 0]}}", "an array of objects"),
        (
            "message",
            "{'value': 1, 'message': '', 'hints': {'tuple': []}, 'args': 3, 'kwargs': 3}",
            "arguments that are none",
        ),
        ("error", "{'error': ['NotImplementedError', 3], 'message': ['x']}", "an error that is none"),
        ("error-text", "{'error': ['ValueError'], 'message': 'x' * 7_000_000}", "an error text of 7 MB"),
    ):
        yield make.slow("wire", f"reply-{name}", why, odd.replace("MESSAGE", message), alone=True)
    forge = """
import threading, time
kernel = get_ipython().kernel
parent = kernel.get_parent()
for kind in ('execute_reply', 'shutdown_reply', 'kernel_info_reply', 'input_request'):
    kernel.session.send(kernel.shell_stream, kind, {'status': 'ok', 'points': 99}, parent=parent, ident=kernel._parent_ident['shell'])
for kind in ('status', 'error', 'stream', 'display_data', 'update_display_data', 'clear_output', 'comm_open', 7, None, ''):
    for content in ({}, {'execution_state': 'dead'}, {'execution_state': 'idle'}, {'data': 3}, {'text': 7}, {'ename': [1], 'evalue': {}}):
        kernel.session.send(kernel.iopub_socket, kind, content, parent=parent)
time.sleep(1)
"""
    yield make.attack("wire", "forged-messages", "replies and outputs of its own making", forge)
    forever = """
import time
kernel = get_ipython().kernel
for _ in range(60):
    kernel.session.send(kernel.shell_stream, 'execute_reply', {'status': 'ok'}, parent=kernel.get_parent(), ident=kernel._parent_ident['shell'])
    time.sleep(1)
"""
    yield make.slow(
        "wire",
        "replies-go-on",
        "a cell that says again and again that it has ended",
        forever + WRONG,
        alone=True,
    )
    garbage = """
import os, socket
for fd in range(3, 200):
    try:
        one = socket.socket(fileno=os.dup(fd))
        if one.family == socket.AF_UNIX and 'kernel' in str(one.getsockname()):
            one.sendall(os.urandom(10_000))
    except OSError:
        pass
"""
    yield make.slow(
        "wire",
        "garbage-messages",
        "bytes that are no message, on all sockets of the kernel",
        garbage + WRONG,
        alone=True,
    )
    flood = """
import os, socket, struct, time
part = struct.pack('>BQ', 3, 1 << 20) + bytes(1 << 20)
for fd in range(3, 200):
    try:
        one = socket.socket(fileno=os.dup(fd))
        name = str(one.getsockname())
    except OSError:
        continue
    if one.family == socket.AF_UNIX and name.endswith('kernel-2'):
        one.setblocking(True)
        try:
            for _ in range(1500):
                one.sendall(part)
        except OSError:
            pass
"""
    yield make.attack("wire", "endless-message", "one message of 1.5 GB in parts", flood)
    planted = f"""
import os
for number in range(1, 6):
    path = f'/run/kernel-{{number}}'
    try:
        os.remove(path)
    except OSError:
        pass
    try:
        os.symlink('{make.world.course}/canary.sock', path)
    except OSError:
        pass
"""
    yield make.right(
        "wire", "planted-link", "links where the kernel's sockets were", planted + RIGHT["order"]
    )
    yield make.slow(
        "wire", "planted-and-ended", "links where the sockets were, then the end", planted + "os._exit(0)\n"
    )
    second = """
import json, os, socket
info = json.load(open('/course/connection.json'))
print(sorted(info))
from jupyter_client import BlockingKernelClient
client = BlockingKernelClient()
client.load_connection_info(info)
client.start_channels()
client.execute("by_magnitude = lambda v: 'window.hacked'")
client.stop_channels()
"""
    yield make.attack("wire", "second-client", "a client of its own kernel", second)


def escapes(make: Maker) -> Iterator[Case]:
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for flags in (0x10000000, 0x10000000 | 0x20000, 0x20000000, 0x40000000):
    print('unshare', libc.unshare(flags))
print('mount', libc.mount(b'none', b'/tmp', b'tmpfs', 0, None))
print(os.popen('unshare -Urm sh -c "mount -t tmpfs none /tmp && echo nested" 2>&1').read())
print('chroot', libc.chroot(b'/tmp'), libc.setuid(0), libc.setgid(0), libc.setresuid(0, 0, 0))
for name in os.listdir('/proc'):
    if name.isdigit():
        for kind in ('user', 'mnt', 'net', 'pid'):
            try:
                print('setns', libc.setns(os.open(f'/proc/{name}/ns/{kind}', os.O_RDONLY), 0))
            except OSError:
                pass
"""
    yield make.attack("escape", "namespaces", "mounts, namespaces, user ids", code)
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for pid in (1, os.getppid()):
    print('attached', [libc.ptrace(request, pid, 0, 0) for request in (16, 0x4206)])
for path in ('/usr/bin/su', '/usr/bin/sudo', '/usr/bin/mount', '/usr/bin/passwd', '/usr/bin/newgrp'):
    os.system(f'{path} -c id </dev/null')
for number in (101, 250, 248, 321, 298, 425, 304):
    print(number, libc.syscall(number, 0, 0, 0, 0, 0))
"""
    yield make.attack("escape", "system-calls", "ptrace, programs with rights, odd system calls", code)
    code = """
import os
for path in ('/proc/1/root/etc/shadow', '/proc/1/cwd', '/proc/self/root/../../etc/shadow', '/dev/mem', '/dev/kmsg', '/dev/sda', '/sys', '/proc/kcore', '/dev/fuse', '/dev/kvm', '/dev/vsock', '/dev/tty'):
    try:
        print('opened', os.open(path, os.O_RDWR))
    except OSError:
        pass
try:
    os.mknod('/tmp/sda', 0o60777, os.makedev(8, 0))
    print('opened', os.open('/tmp/sda', os.O_RDONLY))
except OSError:
    pass
"""
    yield make.attack("escape", "devices", "devices and the root of process 1", code)
    code = """
import os, array, socket
for fd in range(3, 200):
    try:
        one = socket.socket(fileno=os.dup(fd))
        if one.family == socket.AF_UNIX:
            one.setblocking(False)
            fds = [os.open('/tmp', os.O_RDONLY) for _ in range(50)]
            one.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))])
    except OSError:
        pass
"""
    yield make.slow("escape", "descriptors", "sends descriptors to all who listen", code + WRONG)
    code = """
import ctypes
libc = ctypes.CDLL(None)
libc.prctl(4, 0)
hold = []
for _ in range(12):
    hold.append(b'x' * (100 << 20))
import time
time.sleep(2)
"""
    yield make.attack(
        "escape", "not-dumpable", "hides its memory from those who look, and takes 1.2 GB", code
    )
