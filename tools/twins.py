"""Twin cells: what a cell tagged `library` defines is the very code of the library.

The two are compared as syntax trees without their docstrings and the type hints of functions, so the library may
explain more.
"""

import ast
import difflib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tools import notebooks

TAG = "library"
PACKAGES = ("effdl", "hwsim")
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


def definitions(source: str) -> dict[str, Definition]:
    """The functions, classes and constants that a source text defines at its top level, by name."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
    return found


def library(root: Path) -> dict[str, list[tuple[str, Definition]]]:
    """For each name that the packages define at top level, the places (`path:line`) and definitions."""
    index = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            for name, node in definitions(path.read_text(encoding="utf-8")).items():
                index[name].append((f"{path.relative_to(root)}:{node.lineno}", node))
    return index


def bare(node: Definition) -> str:
    """The code of a definition without docstrings, type hints of functions, comments and empty lines, laid out in one way."""
    tree = ast.parse(ast.unparse(node))  # a copy
    for inner in ast.walk(tree):
        body = getattr(inner, "body", None)
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and _is_text(body[0]):
            inner.body = body[1:] or [ast.Pass()]
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            inner.returns = None
        if isinstance(inner, ast.arg):
            inner.annotation = None
    return "\n".join(line for line in ast.unparse(tree).splitlines() if line.strip())


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def difference(page: str, code: str) -> str:
    """Say in words where two sources first differ, the page's and the library's."""
    ours, theirs = page.splitlines(), code.splitlines()
    for kind, i, j, k, m in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if kind == "replace":
            return f"the page has `{ours[i].strip()}`, the library has `{theirs[k].strip()}`"
        if kind == "delete":
            return f"only the page has `{' / '.join(line.strip() for line in ours[i:j])}`"
        if kind == "insert":
            return f"only the library has `{' / '.join(line.strip() for line in theirs[k:m])}`"
    return "no difference"


def compare(source: str, index: dict) -> Iterator[str]:
    """Yield what in a library cell is not the library's code."""
    try:
        body, found = ast.parse(source).body, definitions(source)
    except SyntaxError as error:
        yield f"a library cell is plain Python, line {error.lineno} is not: {error.msg}"
        return
    for node in body:
        if not isinstance(node, Definition | ast.Import | ast.ImportFrom) and not _is_text(node):
            yield f"`{ast.unparse(node).splitlines()[0]}`: a library cell only defines; give it its own cell"
    for name, node in found.items():
        places = index.get(name, [])
        if not places:
            yield f"`{name}` is in none of {', '.join(PACKAGES)}: add it there or take the tag off"
        elif len(places) > 1:
            where = ", ".join(place for place, _ in places)
            yield f"`{name}` is defined {len(places)} times in the library ({where}): give one another name"
        elif bare(node) != bare(places[0][1]):
            why = difference(bare(node), bare(places[0][1]))
            yield f"`{name}` is not the one of {places[0][0]}: {why}; make them the same"


def problems(root: Path) -> Iterator[str]:
    """Yield every difference between library cells and library, each as `path:cell: text`."""
    index = None
    for path in notebooks.paths(root, "chapters"):
        try:
            notebook = notebooks.read(path)
        except notebooks.NotebookError:
            continue  # the form stage reports it
        for cell in notebook["cells"]:
            if TAG in notebooks.tags(cell):
                index = library(root) if index is None else index
                for text in compare(cell["source"], index):
                    yield f"{path.relative_to(root)}:{cell['id']}: {text}"
