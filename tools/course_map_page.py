"""A Sphinx extension: the directive `course-map` puts the map of the course on a page of the book.

Chapters that the book has are links; the others are named only.
"""

from docutils import nodes
from docutils.parsers.rst import Directive

from effdl.widgets.base import Widget
from effdl.widgets.course_map import course_map


class CourseMap(Directive):
    """The map, for a page in the folder of the chapters."""

    def run(self):
        """Return the map as one raw node."""
        environment = self.state.document.settings.env
        pages = {name.removeprefix("chapters/") for name in environment.found_docs}
        html = f'<div class="course-map"><style>{Widget._css}</style><div class="wts">{course_map(pages)}</div></div>'
        return [nodes.raw("", html, format="html")]


def setup(app):
    """Register the directive. The map depends on which pages there are, so it is drawn anew in every build."""
    app.add_directive("course-map", CourseMap)
    app.connect("env-get-outdated", lambda *_: ["chapters/index"])
    return {"parallel_read_safe": True}
