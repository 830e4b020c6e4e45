"""Read the course's notebooks and check their form.

A problem is one line of text: `path:cell: what is wrong and what to change`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
from markdown_it import MarkdownIt
from nbformat.validator import iter_validate

from grading.notebook import METADATA, NotebookError, load

__all__ = ["METADATA", "NotebookError", "form", "paths", "problems", "read", "tags"]

FOLDERS = ("chapters", "solutions", "labs")
CHECKED = "NBVAL_CHECK_OUTPUT"
CELL_METADATA = {"tags", "nbgrader", "mystnb"}  # mystnb: the alt text of a picture in the output
LOCKS = {"deletable", "editable"}  # nbgrader sets these in a released lab
HTML_ALLOWED = {"details", "summary", "img"}
LONGEST_CELL = 25
FEWEST_CHECKED = 5

ID_FORM = re.compile(r"[a-z][A-Za-z0-9_-]*")
RANDOM_ID = re.compile(r"(?=[a-f-]*[0-9])[0-9a-f]{8}(-[0-9a-f]{4}){0,3}(-[0-9a-f]{12})?")
TAG = re.compile(r"<!--|</?([A-Za-z][A-Za-z0-9-]*)[^>]*>")
ALT = re.compile(r"""\balt\s*=\s*(["'])\s*\S.*?\1""", re.DOTALL)
SOURCE = re.compile(r"""\bsrc\s*=\s*(["'])(.*?)\1""", re.DOTALL)

markdown = MarkdownIt("commonmark").enable("table")


def paths(root: Path, *folders: str) -> list[Path]:
    """All notebooks below the given folders (`FOLDERS` if none is given), in order of their names.

    What stands in a folder with a dot is a copy: JupyterLab's checkpoints, the labs for `grading validate`.
    """
    found = [path for folder in folders or FOLDERS for path in (root / folder).rglob("*.ipynb")]
    return sorted(path for path in found if not any(part[0] == "." for part in path.relative_to(root).parts))


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook of format 4.5.

    Raises NotebookError for an empty file, bad JSON, JSON that is no notebook, or another format.
    """
    data = load(path)
    version = data.get("nbformat"), data.get("nbformat_minor")
    if version != (4, 5):
        raise NotebookError(f"notebook format {version[0]}.{version[1]}: save it as format 4.5")
    for error in iter_validate(data):  # nbformat.validate would mend doubled ids instead of telling
        where = "/".join(str(part) for part in error.absolute_path) or "top level"
        raise NotebookError(
            f"not a valid notebook, at {where}: {error.message.splitlines()[0][:200]}"
        ) from None
    return nbformat.from_dict(data)


def tags(cell: dict) -> list[str]:
    """The tags of a cell."""
    return cell["metadata"].get("tags", [])


def form(path: Path, notebook: dict, kind: str = "chapters") -> Iterator[str]:
    """Yield the problems of a notebook's form, each as `cell: text`; `kind` is one of `FOLDERS`."""
    if dict(notebook["metadata"]) != METADATA:
        yield f"metadata: keep only {json.dumps(METADATA)}; editors add the rest"
    seen = set()
    for number, cell in enumerate(notebook["cells"]):
        name = cell["id"]
        for text in _id_problems(name, seen, number):
            yield f"{name}: {text}"
        seen.add(name)
        content = (
            _markdown_problems(path, cell) if cell["cell_type"] == "markdown" else _code_problems(cell, kind)
        )
        for text in [*_metadata_problems(cell, kind), *content]:
            yield f"{name}: {text}"
    if kind == "chapters":
        checked = sum(CHECKED in tags(cell) for cell in notebook["cells"])
        if checked < FEWEST_CHECKED:
            yield (
                f"notebook: {checked} cells are tagged {CHECKED}, a chapter needs {FEWEST_CHECKED}: "
                "tag exact results, as counts, bits and tiny examples"
            )


def _id_problems(name: str, seen: set[str], number: int) -> Iterator[str]:
    if name in seen:
        yield f"the id is used twice (again at cell {number}): give each cell its own"
    if not ID_FORM.fullmatch(name) or RANDOM_ID.fullmatch(name):
        yield "the id is not readable: name the cell by what it does, as `predict-question`"


def _metadata_problems(cell: dict, kind: str) -> Iterator[str]:
    allowed = CELL_METADATA | (LOCKS if kind == "labs" else set())
    extra = sorted(set(cell["metadata"]) - allowed)
    if extra:
        yield f"remove the editor's metadata {', '.join(extra)}"
    if cell.get("attachments"):
        yield "the cell holds an attachment: keep the picture as a file and link to it"


def _code_problems(cell: dict, kind: str) -> Iterator[str]:
    if cell["cell_type"] != "code":
        yield f"a {cell['cell_type']} cell: use code or Markdown"
        return
    counts = [cell["execution_count"], *(output.get("execution_count") for output in cell["outputs"])]
    if any(count is not None for count in counts):
        yield "remove the execution count"
    checked = CHECKED in tags(cell)
    if cell["outputs"] and not checked:
        yield f"remove the output, or tag the cell {CHECKED} if it is exact on every machine"
    if checked and not cell["outputs"]:
        yield f"tagged {CHECKED} but holds no output: run it and keep the output"
    if any(output["output_type"] == "error" for output in cell["outputs"]):
        yield "the output is an error: mend the cell and run it again"
    length = len(cell["source"].splitlines())
    if kind == "chapters" and length > LONGEST_CELL:
        yield f"{length} lines of code, at most {LONGEST_CELL} in a chapter: split it, one purpose a cell"


def _markdown_problems(path: Path, cell: dict) -> Iterator[str]:
    tokens = [inner for token in markdown.parse(cell["source"]) for inner in [token, *(token.children or [])]]
    for token in tokens:
        if token.type == "image":
            if not token.content.strip():
                yield f"the image {token.attrs['src']} has no alt text: say what it shows, ![here](...)"
            yield from _link_problems(path, token.attrs["src"])
        elif token.type == "link_open":
            yield from _link_problems(path, token.attrs["href"])
        elif token.type in ("html_block", "html_inline"):
            yield from _html_problems(path, token.content)


def _html_problems(path: Path, content: str) -> Iterator[str]:
    for tag in TAG.finditer(content):
        name = (tag[1] or "!--").lower()
        if name not in HTML_ALLOWED and not tag[0].startswith("</"):
            yield f"raw HTML `{tag[0][:40]}`: use plain Markdown (only details, summary and img are allowed)"
        if name == "img":
            if not ALT.search(tag[0]):
                yield "the <img> has no alt text: say what it shows, alt=..."
            if source := SOURCE.search(tag[0]):
                yield from _link_problems(path, source[2])


def _link_problems(path: Path, link: str) -> Iterator[str]:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or not parts.path:
        return
    target = path.parent / unquote(parts.path)
    if not target.exists():
        yield f"the link {link} leads nowhere: there is no {target.name} in {target.parent.name}/"


def problems(root: Path) -> Iterator[str]:
    """Yield the problems of every notebook's form, each as `path:cell: text`."""
    for path in paths(root):
        where = path.relative_to(root)
        try:
            notebook = read(path)
        except NotebookError as error:
            yield f"{where}: {error}"
        else:
            for text in form(path, notebook, kind=where.parts[0]):
                yield f"{where}:{text}"
