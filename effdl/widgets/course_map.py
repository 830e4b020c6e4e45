"""`CourseMap`: the chapters of the course in four quadrants; the book's front page shows the same map."""

from collections.abc import Collection
from html import escape
from pathlib import Path

import traitlets

from effdl.widgets.base import Widget, module
from effdl.widgets.course import COURSE, Chapter, Part


def course_map(pages: Collection[str], suffix: str = ".html") -> str:
    """Return the map of the course as HTML; its style is the widgets' style sheet.

    Parameters
    ----------
    pages : Files of the chapters that can be opened, as "02_pruning". The others are named, with no link.
    suffix : Ending of a link's address.
    """
    sides = "".join(
        f'<div class="wts-side wts-{side.lower()}" aria-hidden="true">{side}</div>'
        for side in ("Algorithms", "Machines", "Inference", "Training")
    )
    parts = "".join(_part(part, pages, suffix) for part in COURSE)
    return f'<div class="wts-quadrants">{sides}{parts}</div>'


def _part(part: Part, pages, suffix) -> str:
    chapters = "".join(_chapter(chapter, chapter.file in pages, suffix) for chapter in part.chapters)
    return (
        f'<section class="wts-part" data-place="{part.place}"><p class="wts-part-name">{escape(part.name)}</p>'
        f'<p class="wts-question">{escape(part.question)}</p><ol>{chapters}</ol></section>'
    )


def _chapter(chapter: Chapter, there: bool, suffix) -> str:
    words = f"<span>{chapter.file[:2]}</span><b>{escape(chapter.title)}</b>"
    builds = escape(f"{chapter.title}: you build {chapter.builds}.", quote=True)
    if there:
        return (
            f'<li data-builds="{builds}"><a href="{chapter.file}{suffix}" title="{builds}">{words}</a></li>'
        )
    return f'<li class="wts-coming" data-builds="{builds} In preparation." title="{builds}">{words}</li>'


class CourseMap(Widget):
    """Show the chapters of the course in four quadrants, and what you build in each.

    Parameters
    ----------
    folder : Folder of the notebooks; those that are in it can be opened from the map.
    """

    _esm = module("common.js", "course_map.js")

    html = traitlets.Unicode().tag(sync=True)

    def __init__(self, folder=".", **traits):
        """See the class."""
        pages = {file.stem for file in Path(folder).glob("[0-9][0-9]_*.ipynb")}
        super().__init__(html=course_map(pages, suffix=""), **traits)

    def summary(self) -> str:
        """Return the parts of the course."""
        return "; ".join(f"{part.name} ({len(part.chapters)} chapters)" for part in COURSE)
