"""Make `.venv` and install the course into it; do nothing when it is already there.

    python tools/environment.py requirements.txt [requirements-test.txt ...]

Runs on the system's Python, before anything is installed, so it is written for an old one:
somebody who has Python 3.6 must read a sentence, not a SyntaxError.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)


def stop(message):
    sys.exit("From Weights to Silicon: " + message)


def fingerprint(requirements):
    """Hash all that decides what would be installed, and the Python that it is installed for."""
    digest = hashlib.sha256(sys.version.encode())
    for name in [*requirements, "constraints.txt", "pyproject.toml"]:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def venv_python():
    """The interpreter of `.venv`, where this system puts it."""
    return VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def make_venv():
    """Make `.venv` anew, with pip in it."""
    try:
        import ensurepip  # noqa: F401  (Debian leaves it out of its python3 package)
        import venv
    except ImportError:
        version = "{}.{}".format(*sys.version_info[:2])
        stop("this Python has no venv module. On Debian or Ubuntu: apt install python" + version + "-venv")
    venv.EnvBuilder(with_pip=True, clear=True).create(VENV)


def install(requirements):
    """Install into `.venv` what the files of requirements name, showing pip's own progress."""
    files = [argument for name in requirements for argument in ("-r", str(ROOT / name))]
    command = [str(venv_python()), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *files]
    if subprocess.call(command, cwd=str(ROOT)):
        stop("the installation failed; pip's own message stands above. Run the same command to try again.")


def main(requirements):
    if sys.version_info < OLDEST:
        stop(
            "Python {}.{} is too old, the course needs {}.{} or newer. Name one: make start PYTHON=python3.12".format(
                *(tuple(sys.version_info[:2]) + OLDEST)
            )
        )
    stamp = VENV / "installed-{}.txt".format("+".join(Path(name).stem for name in requirements))
    wanted = fingerprint(requirements)
    if venv_python().exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    print(
        "Setting up .venv from " + " and ".join(requirements) + " (once, about two minutes) ...", flush=True
    )
    if not venv_python().exists() or not list(VENV.glob("installed-*.txt")):
        make_venv()  # none yet, or one whose installation was cut short
    install(requirements)
    stamp.write_text(wanted)


if __name__ == "__main__":
    main(sys.argv[1:] or ["requirements.txt"])
