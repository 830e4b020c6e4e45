"""The page that a student gets back: points, what is wrong and why, the answers as they were graded.

One HTML file without scripts, links or anything to load. Each text on it is escaped, the lab's own too: no Markdown,
HTML or SVG of anybody runs or is rendered. Of the pictures only PNG files of a sane size are shown.
"""

import base64
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from grading.assignments import Assignment
from grading.files import replace_text
from grading.flags import for_student
from grading.notebook import nbgrader
from grading.outputs import Outputs
from grading.result import Result
from grading.run import NOT_ANSWERED
from grading.text import INVISIBLE, storable

MOST_SHOWN = 50_000  # characters of one text
MOST_COLOURED = 5_000  # characters of an answer: the time that odd code takes grows with the square
MOST_PIXELS = 25_000_000  # of a picture: a small file can unpack to gigabytes
HEADING = re.compile(r"\s*(?:#+\s+(?P<heading>.+)|\*\*(?P<lead>.+?)\*\*)")
POINTS = re.compile(r"\s*\([^()]*\bpoints?\b[^()]*\)")


@dataclass(frozen=True)
class Check:
    """A graded cell on the page. `state` is passed, failed, empty, partial or waiting."""

    name: str
    state: str
    given: float | None
    possible: float
    message: str
    hint: str
    source: Markup  # of the visible part; empty for an open question


@dataclass(frozen=True)
class Question:
    """A task, or an open question, on the page."""

    name: str
    title: str
    asked: str  # the text of an open question
    answer: Markup | None  # None where the submission has none
    shown: list[dict[str, Any]]  # what the answer cell printed and drew
    checks: list[Check]

    @property
    def given(self) -> float:
        """The points so far."""
        return sum(check.given or 0 for check in self.checks)

    @property
    def possible(self) -> float:
        """The points of a right answer."""
        return sum(check.possible for check in self.checks)

    @property
    def state(self) -> str:
        """The state of the checks, partial where they differ."""
        states = {check.state for check in self.checks}
        return states.pop() if len(states) == 1 else "partial"


def write(folder: Path, assignment: Assignment, result: Result) -> Path:
    """Write the page to `folder/STUDENT/LAB.html`, in one step, and return its path.

    Raises ValueError for a student or lab whose name cannot be the name of a file.
    """
    for name in (result.student, result.lab):
        if name in ("", "..") or Path(name).name != name or "\0" in name:
            raise ValueError(
                f"{name!r} cannot be the name of a file: rename the folder or file of the submission"
            )
    target = Path(folder) / result.student / f"{result.lab}.html"
    replace_text(target, page(assignment, result))
    return target


def page(assignment: Assignment, result: Result, title: str = "") -> str:
    """The page of feedback on a result; `title` stands in place of the lab's own heading."""
    titles, texts = _headings(assignment.released)
    return TEMPLATES.get_template("feedback.html").render(
        title=title or texts.get("", "") or result.lab,
        result=result,
        questions=_questions(assignment, result, titles, texts),
        notes=[words for flag in result.flags if (words := for_student(flag))],
        waiting=sum(result.possible[name] for name, points in result.points.items() if points is None),
    )


def _questions(
    assignment: Assignment, result: Result, titles: dict[str, str], texts: dict[str, str]
) -> list[Question]:
    """The tasks and open questions in the order of the notebook."""
    visible = {
        about["grade_id"]: _code(cell["source"])
        for cell in assignment.released["cells"]
        if (about := nbgrader(cell)).get("grade") and not about.get("solution")
    }
    checks_of = assignment.lab.checks_of
    return [
        Question(
            name=name,
            title=titles[name],
            asked=texts[name] if name in assignment.lab.open_questions else "",
            answer=_code(result.answers[name], name not in assignment.lab.open_questions)
            if name in result.answers
            else None,
            shown=_shown(result.outputs.get(name, [])),
            checks=[_check(result, check, visible.get(check, Markup())) for check in checks_of[name]],
        )
        for name in titles
        if name in checks_of
    ]


def _check(result: Result, name: str, source: Markup) -> Check:
    given, possible = result.points.get(name, 0.0), result.possible.get(name, 0.0)
    message = result.messages.get(name, "")
    if given is None:
        state = "waiting"
    elif message == NOT_ANSWERED:
        state, message = "empty", ""
    elif given >= possible:
        state = "passed"
    else:
        state = "partial" if given else "failed"
    return Check(name, state, given, possible, message, result.hints.get(name, ""), source)


def _headings(released: dict) -> tuple[dict[str, str], dict[str, str]]:
    """The title of each answer cell, and the Markdown before it, by `grade_id`; the lab's own title under ""."""
    titles: dict[str, str] = {}
    texts: dict[str, str] = {}
    heading = lead = text = ""
    for cell in released["cells"]:
        name = nbgrader(cell).get("grade_id")
        if name and nbgrader(cell).get("solution"):
            titles[name] = ": ".join(part for part in (heading, lead) if part) or name
            texts[name] = text
        elif cell["cell_type"] == "markdown" and (found := HEADING.match(cell["source"])):
            words = POINTS.sub("", found["heading"] or found["lead"]).replace("`", "").strip(" .*")
            texts.setdefault("", words)
            heading, lead = (words, "") if found["heading"] else (heading, words)
            text = cell["source"][found.end() :].strip() if found["heading"] else cell["source"]
    return titles, texts


def _shown(outputs: list[dict]) -> list[dict[str, Any]]:
    """Texts and pictures, taken through the filter of grading once more: a result may have been kept as a file."""
    safe = Outputs()
    for output in outputs:
        safe.add(output.get("output_type"), output)
    return [
        {"text": output["text"]} if "text" in output else _picture(output["data"]["image/png"])
        for output in safe.cells
    ]


def _picture(data: str) -> dict[str, Any]:
    """A PNG picture with its width and height; a text where it is too large or has no header."""
    header = base64.b64decode(data)[:24]
    if len(header) == 24 and header[12:16] == b"IHDR":
        width, height = struct.unpack(">II", header[16:24])
        if 0 < width * height <= MOST_PIXELS:
            return {"source": Markup("data:image/png;base64,") + data, "width": width, "height": height}
    return {"text": "(a picture that is too large or broken is left out)"}


def _code(source: str, python: bool = True) -> Markup:
    """Code with its colours, or a text, both escaped."""
    source = _plain(source)
    if not python or len(source) > MOST_COLOURED:
        return Markup.escape(source)
    return Markup(highlight(source, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)))


def _plain(value: Any) -> Any:
    """Any value of the page: a text that is not too long, without what a page cannot hold or would hide its order."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    if len(value) > MOST_SHOWN:
        value = f"{value[:MOST_SHOWN]}\n... cut: {len(value):,} characters in all"
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    return INVISIBLE.sub("\N{REPLACEMENT CHARACTER}", storable(lines))


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    finalize=_plain,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters["number"] = lambda value: f"{value:g}"
