"""Open JupyterLab on the welcome page: python -m tools.start [further arguments of jupyter lab]."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WELCOME = "chapters/00_welcome.ipynb"
LEARNER = ROOT / "deploy" / "learner"


def command(arguments: list[str], root_user: bool) -> list[str]:
    """Return the command line. Jupyter refuses to run as root, as in a container, unless it is told to."""
    # The address and not the file as an argument: JupyterLab would take the file's folder as its root, and hide the labs.
    page = [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url=/lab/tree/{WELCOME}"]
    allow = ["--allow-root"] if root_user and "--allow-root" not in arguments else []
    return [sys.executable, "-m", "jupyterlab", *page, *allow, *arguments]


def environment() -> dict[str, str]:
    """Return the variables of the server: the parts of nbgrader that only a teacher needs stay out of sight."""
    # Settings from a folder of the course, so that the learner's own are not touched.
    path = [str(LEARNER), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    return os.environ | {"JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, path))}


def main(arguments: list[str]) -> int:
    """Start JupyterLab in the root of the course and stay until it ends."""
    root_user = hasattr(os, "geteuid") and os.geteuid() == 0
    server = subprocess.Popen(command(arguments, root_user), cwd=ROOT, env=environment())
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())  # JupyterLab must not outlive this process
    try:
        return server.wait()
    except KeyboardInterrupt:  # the learner stopped it with Ctrl-C; JupyterLab has said so itself
        server.kill()
        server.wait()
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
