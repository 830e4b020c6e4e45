"""nbgrader's formgrader is for grading by hand: it must not run the students' code."""

from nbconvert.exporters import NotebookExporter
from nbgrader.converters.base import NbGraderException

REFUSAL = """Autograde is switched off: it would run the student's code as you.
Grade with `python -m grading grade`, which has a sandbox.
Then come back to grade the open questions by hand."""


class NoAutograde(NotebookExporter):
    """Stops nbgrader's Autograde before it has read or removed anything.

    `c.Autograde.exporter_class = "grading.formgrader.NoAutograde"`. nbgrader makes its exporter first of all; a
    preprocessor or a hook would be too late, as the earlier graded notebook is gone by then.
    """

    def __init__(self, parent, **options):
        parent.log.error(REFUSAL)  # the formgrader and `nbgrader autograde` show what is logged
        raise NbGraderException(REFUSAL)
