"""Other simulators, each in an environment of its own under `.venv-bench/`, made from `requirements-NAME.txt`.

Their pins exclude those of the course, so they never share an environment with it. A peer's script reads a job as JSON
from its standard input and prints a JSON object on a line for each answer, so that no time of starting Python counts.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".venv-bench"


class PeerError(Exception):
    """A peer that could not be installed or run, and why."""


def environment(name: str) -> Path:
    """The Python of a peer's environment, made on first use; PeerError when that fails."""
    requirements, home = HERE / f"requirements-{name}.txt", ENVIRONMENTS / name
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    wanted = hashlib.sha256(sys.version.encode() + requirements.read_bytes()).hexdigest()
    stamp = home / "installed.txt"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    print(
        f"{name}: setting up {home.name} in .venv-bench/ from bench/{requirements.name} (once) ...",
        flush=True,
    )
    venv.EnvBuilder(with_pip=True, clear=True).create(home)
    pip = [
        str(python),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--quiet",
        "-r",
        str(requirements),
    ]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise PeerError(f"pip could not install it (is there a network?): {last}")
    print(f"{name}: installed", flush=True)
    stamp.write_text(wanted)
    return python


def run(name: str, job: object) -> Iterator[dict]:
    """Run `with_NAME.py` on a job in the peer's environment; its answers as they come. PeerError when it fails."""
    script = HERE / f"with_{name.replace('-', '_')}.py"
    python = environment(name)
    with (
        tempfile.TemporaryFile("w+") as errors,  # a pipe that nobody empties would stop the peer
        subprocess.Popen(
            [str(python), str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ENVIRONMENTS,
        ) as process,
    ):
        process.stdin.write(json.dumps(job))
        process.stdin.close()
        try:
            for line in process.stdout:
                yield json.loads(line)
        except GeneratorExit:
            process.kill()
            raise
        process.wait()
        errors.seek(0)
        message = errors.read().strip().splitlines() or ["no message"]
    if process.returncode:
        raise PeerError(f"{script.name} failed: {message[-1]}")
