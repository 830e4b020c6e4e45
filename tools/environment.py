"""Make `.venv` and install the course into it; do nothing when it is already there.

    python tools/environment.py requirements.txt [requirements-test.txt ...]

Runs on the system's Python, before anything is installed, so it is written for an old one: somebody who has
Python 2.7 must read a sentence, not a SyntaxError.
"""

import sys

OLDEST = (3, 11)


def stop(message):
    """End with one line."""
    sys.exit("From Weights to Silicon: " + message)


def refuse_an_old_python():
    """Stop on a Python that the course cannot run on."""
    if tuple(sys.version_info[:2]) < OLDEST:
        stop(
            "Python {}.{} is too old, the course needs {}.{} or newer. "
            "Name one: make start PYTHON=python3.12".format(*(tuple(sys.version_info[:2]) + OLDEST))
        )


refuse_an_old_python()

import hashlib  # noqa: E402
import subprocess  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"


def fingerprint(requirements):
    """Hash all that decides what would be installed, and the Python that it is installed for.

    Stops where one of the files is missing.
    """
    digest = hashlib.sha256(sys.version.encode())
    for name in requirements + ["constraints.txt", "pyproject.toml"]:  # noqa: RUF005
        if not (ROOT / name).is_file():
            stop(name + " is not in this copy of the course; copies for students come without tests.")
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
    """Install into `.venv` what the files of requirements name, showing pip's own messages."""
    files = [argument for name in requirements for argument in ("-r", str(ROOT / name))]
    pip = [str(venv_python()), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    if subprocess.call(pip + files, cwd=str(ROOT)):
        stop("the installation failed; pip's message stands above. Run the same command to try again.")


def main(requirements):
    """Make the environment, unless it is there already."""
    stamp = VENV / "installed-{}.txt".format("+".join(Path(name).stem for name in requirements))
    wanted = fingerprint(requirements)
    if venv_python().exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    names = " and ".join(requirements)
    sys.stdout.write("Setting up .venv from " + names + " (once, about two minutes) ...\n")
    sys.stdout.flush()
    if not venv_python().exists() or not list(VENV.glob("installed-*.txt")):
        make_venv()  # none yet, or one whose installation was cut short
    install(requirements)
    stamp.write_text(wanted)


if __name__ == "__main__":
    main(sys.argv[1:] or ["requirements.txt"])
