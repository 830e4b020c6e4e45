"""A JupyterHub for one class: learners fetch, validate and submit labs; one teacher releases, collects and grades.

README.md beside this file says how to try it, and what to change on a server. From the environment:

COURSE_TEACHER    the teacher's account; default: teacher
COURSE_FOLDER     the teacher's course folder, with solutions/ in it; default: this repository
COURSE_HUB        the hub's address where each user has a name below it, as in https://hub.example.org; default: none
COURSE_ID, COURSE_EXCHANGE, COURSE_GRADEBOOK: see nbgrader_config.py
"""

import os
import sys
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent
TEACHER = os.environ.get("COURSE_TEACHER", "teacher")
COURSE = os.environ.get("COURSE_FOLDER", str(DEPLOY.parent))
HUB = os.environ.get("COURSE_HUB", "")

c = get_config()  # noqa: F821

# This machine only: a web server with TLS stands in front of it.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.subdomain_host = HUB

# Who may log in: every account that the authenticator knows. JupyterHub's own asks this machine (PAM).
c.Authenticator.allow_all = True

c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.default_url = "/lab"
# nbgrader calls the program alembic, which stands beside this Python.
c.Spawner.environment = {
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
}


def by_role(spawner):
    """Give the teacher the course folder and its marks, and a learner a JupyterLab without the teacher's parts."""
    shared = {name: os.environ[name] for name in ("COURSE_ID", "COURSE_EXCHANGE") if name in os.environ}
    if spawner.user.name == TEACHER:
        spawner.notebook_dir = COURSE  # the formgrader shows only what stands below the server's root
        # JupyterLab shows the formgrader in a frame. That is safe only where no learner's page has the same origin.
        settings = [DEPLOY / "framed", DEPLOY] if HUB else [DEPLOY]
        own = {"COURSE_FOLDER": COURSE}
        if "COURSE_GRADEBOOK" in os.environ:
            own["COURSE_GRADEBOOK"] = os.environ["COURSE_GRADEBOOK"]
    else:
        settings, own = [DEPLOY / "learner", DEPLOY], {}
    path = {"JUPYTER_CONFIG_PATH": os.pathsep.join(map(str, settings))}
    spawner.environment = spawner.environment | shared | own | path


c.Spawner.pre_spawn_hook = by_role
