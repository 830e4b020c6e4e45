"""Check the spine of the chapters: the fixed headings and what must stand below them."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from tools import notebooks

HEADINGS = [
    "Predict",
    "The idea",
    "From scratch",
    "On a network",
    "Explore",
    "On hardware",
    "In practice",
    "Paper and page",
    "Claims",
    "Check yourself",
    "Next",
]
WELCOME = "00_welcome"  # the front door teaches no technique: it needs only these
WELCOME_HEADINGS = ["Claims", "Next"]

TIMES = re.compile(
    r"\d+ minutes? .*\d+ seconds? .*two (CPU )?cores.*\d+ (MB|GB).*offline", re.IGNORECASE | re.DOTALL
)
TIMES_EXAMPLE = "30 minutes to read, 45 seconds to run on two CPU cores, 600 MB of memory, works offline"
NAME_FORM = re.compile(r"\d\d_[a-z][a-z0-9_]*\.ipynb")
QUESTIONS = 5


def sections(notebook: dict) -> list[tuple[str, list[dict], str]]:
    """Split a notebook at its `##` headings: for each (heading, its code cells, its Markdown).

    What stands above the first `##` heading is the section "".
    """
    parts = [("", [], "")]
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            parts[-1][1].append(cell)
            continue
        lines = cell["source"].split("\n")
        start = 0
        tokens = notebooks.markdown.parse(cell["source"])
        for token, inline in pairwise(tokens):
            if token.type == "heading_open" and token.tag == "h2":
                line = token.map[0]
                _append(parts, lines[start:line])
                parts.append((inline.content, [], ""))
                start = line + 1
        _append(parts, lines[start:])
    return parts


def _append(parts: list, lines: list[str]) -> None:
    heading, code, text = parts[-1]
    parts[-1] = (heading, code, text + "\n".join(lines) + "\n")


def spine(notebook: dict, welcome: bool = False) -> Iterator[str]:
    """Yield what is missing or out of place in a chapter, each as `section: text`."""
    parts = sections(notebook)
    yield from _head_problems(notebook, parts[0][2], welcome)
    found = [heading for heading, _, _ in parts[1:]]
    wanted = WELCOME_HEADINGS if welcome else HEADINGS
    yield from _heading_problems([h for h in found if h in wanted] if welcome else found, wanted)
    texts = {heading: text for heading, _, text in parts}
    codes = {heading: code for heading, code, _ in parts}
    if "Claims" in codes and not _calls(codes["Claims"], "claim"):
        yield "Claims: call claim(...) for each thing that the page said"
    if welcome:
        return
    if "Predict" in codes and not _calls(codes["Predict"], "Prediction"):
        yield "Predict: ask the question with the Prediction widget"
    if "Check yourself" in texts:
        folded = texts["Check yourself"].count("<details>")
        if folded != QUESTIONS:
            yield f"Check yourself: {folded} folded answers: {QUESTIONS} questions, <details> for each"


def _head_problems(notebook: dict, head: str, welcome: bool) -> Iterator[str]:
    first = notebook["cells"][0] if notebook["cells"] else None
    lines = [line for line in first["source"].split("\n") if line.strip()] if first else []
    if not first or first["cell_type"] != "markdown" or not lines or not lines[0].startswith("# "):
        yield "title: the first cell begins with `# Title`"
        return
    if len(lines) < 2 or not TIMES.search(lines[1]):
        yield f'title: the line below the title is like "{TIMES_EXAMPLE}"'
    if "You will be able to" not in head:
        yield 'title: say "You will be able to" and list three or four verbs'
    else:
        items = re.findall(r"^\s*[-*] ", head.split("You will be able to", 1)[1], re.MULTILINE)
        if not 3 <= len(items) <= 4:
            yield f'title: "You will be able to" lists {len(items)} things: three or four'
    if not welcome and "builds on" not in head.lower():
        yield 'title: say what the chapter builds on ("Builds on ...")'


def _heading_problems(found: list[str], wanted: list[str]) -> Iterator[str]:
    if found == wanted:
        return
    for heading in wanted:
        if heading not in found:
            yield f"headings: `## {heading}` is missing"
    for heading in found:
        if heading not in wanted:
            yield f"headings: `## {heading}` is not one of the fixed headings: use ### below one of them"
        elif found.count(heading) > 1:
            yield f"headings: `## {heading}` stands {found.count(heading)} times"
    if sorted(found) == sorted(wanted):
        yield f"headings: the order is {', '.join(wanted)}"


def _calls(cells: list[dict], function: str) -> bool:
    """Is the function called in one of the cells?"""
    for cell in cells:
        try:
            tree = ast.parse(cell["source"])
        except SyntaxError:  # a magic; ruff reports what is really wrong
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                if name == function:
                    return True
    return False


def problems(root: Path) -> Iterator[str]:
    """Yield the problems of every chapter's spine, each as `path:section: text`."""
    for path in notebooks.paths(root, "chapters"):
        where = path.relative_to(root)
        if not NAME_FORM.fullmatch(path.name):
            yield f"{where}: a chapter is named NN_name.ipynb, in small letters"
        try:
            notebook = notebooks.read(path)
        except notebooks.NotebookError:
            continue  # the form stage reports it
        for text in spine(notebook, welcome=path.stem == WELCOME):
            yield f"{where}:{text}"
