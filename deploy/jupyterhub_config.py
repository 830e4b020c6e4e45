"""A JupyterHub for one class: learners fetch, validate and submit labs, one teacher collects and grades.

COURSE_TEACHER    the teacher's account; default: teacher
COURSE_FOLDER     the teacher's course folder, with solutions/ in it; default: this repository
COURSE_ID, COURSE_EXCHANGE, COURSE_GRADEBOOK: see nbgrader_config.py

README.md beside this file says how to try it here and what to change on a server.
"""

import os
import sys
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent
LEARNER = DEPLOY / "learner"
TEACHER = os.environ.get("COURSE_TEACHER", "teacher")
COURSE = os.environ.get("COURSE_FOLDER", str(DEPLOY.parent))
SHARED = {name: os.environ[name] for name in ("COURSE_ID", "COURSE_EXCHANGE") if name in os.environ}
TEACHERS = {name: os.environ[name] for name in ("COURSE_GRADEBOOK",) if name in os.environ}

c = get_config()  # noqa: F821

# Only this machine; a web server with TLS stands in front of it.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"

# Who may log in: with JupyterHub's default authenticator, every account of this machine.
c.Authenticator.allow_all = True

c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.default_url = "/lab"
c.Spawner.environment = SHARED | {
    # nbgrader calls the program alembic, which stands beside this Python
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
}


def by_role(spawner):
    """Give the teacher the course folder, and a learner a JupyterLab without the teacher's parts."""
    if spawner.user.name == TEACHER:
        spawner.notebook_dir = COURSE  # the formgrader must stand below the server's root
        spawner.environment |= TEACHERS | {"COURSE_FOLDER": COURSE, "JUPYTER_CONFIG_PATH": str(DEPLOY)}
    else:
        spawner.environment |= {"JUPYTER_CONFIG_PATH": os.pathsep.join([str(LEARNER), str(DEPLOY)])}


c.Spawner.pre_spawn_hook = by_role
