"""nbgrader's settings for a class: one file for the teacher and the learners.

What differs by installation comes from environment variables; jupyterhub_config.py sets them for each server.

COURSE_ID         the course's name in the exchange; default: weights-to-silicon
COURSE_EXCHANGE   the folder through which labs and submissions go; default: nbgrader's own
COURSE_FOLDER     the course, with solutions/ in it; set it for the teacher only
COURSE_GRADEBOOK  the database of the marks; default: COURSE_FOLDER/gradebook.db
"""

import os
from pathlib import Path

from grading.course import config

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = os.environ.get("COURSE_ID", "weights-to-silicon")
if "COURSE_EXCHANGE" in os.environ:
    c.Exchange.root = os.environ["COURSE_EXCHANGE"]

if "COURSE_FOLDER" in os.environ:  # the teacher
    c.merge(config(Path(os.environ["COURSE_FOLDER"])))
    if "COURSE_GRADEBOOK" in os.environ:
        c.CourseDirectory.db_url = os.environ["COURSE_GRADEBOOK"]
    # Students' code runs in the sandbox of `python -m grading grade` only.
    c.Autograde.exporter_class = "grading.formgrader.NoAutograde"
    # What students wrote is shown on the teacher's page: its markup must not run there.
    c.HTMLExporter.preprocessors = ["nbconvert.preprocessors.sanitize.SanitizeHTML"]
    # nbgrader's own feedback would print the hidden tests.
    c.GenerateFeedback.preprocessors = [
        "nbgrader.preprocessors.GetGrades",
        "nbgrader.preprocessors.ClearHiddenTests",
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]
    c.FormgradeExtension.debug = False  # it would show these settings, a database's password among them
elif (
    "JUPYTERHUB_USER" in os.environ
):  # a learner, by the name in the hub; the account's name may be another one
    c.CourseDirectory.student_id = os.environ["JUPYTERHUB_USER"]
