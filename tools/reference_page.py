"""A Sphinx extension: hwsim's docstrings as pages of the book.

The docstrings are written to be read in the source: `name : type, what it is` on one line, and paragraphs that begin with
"Modelled", "Left out" or "Held against" wherever they belong. Napoleon expects a type alone on that line, and a section to
last until the next heading. What is done here before it reads them makes up the difference.
"""

import ast
import inspect
import re
import textwrap
from dataclasses import is_dataclass
from itertools import groupby
from types import FunctionType

FIELDS = ("Parameters", "Returns", "Raises", "Attributes")
ENTRY = re.compile(r"(\w[\w, ]*?) : (.+)")  # "rows, cols : int, PEs"
LEAD = re.compile(r"^(Modelled|Left out|Held against|Seconds|Counts|Traffic)\b|\bLeft\s+out(?=:)")


def paragraphs(lines: list[str]) -> list[list[str]]:
    """Split lines at the empty ones."""
    return [list(group) for filled, group in groupby(lines, key=bool) if filled]


def entries(lines: list[str]) -> list[str]:
    """`name : text` as a name alone and its text below, which napoleon takes as they are."""
    found = []
    for line in lines:
        entry = ENTRY.fullmatch(line)
        found += [entry[1], f"    {entry[2]}"] if entry else [line]
    return found


def returns(lines: list[str]) -> list[str]:
    """What is returned: a field of its own, unless several things have names."""
    if ENTRY.fullmatch(lines[0]):
        return ["Returns", "-------", *entries(lines), ""]
    what, more = lines[0], lines[1:]
    if more and more[0].startswith(" "):
        what += " -- " + more[0].strip()
        more = more[1:]
    return [f":returns: {what}", *(f"    {line.strip()}" for line in more), ""]


def lead(found: re.Match[str]) -> str:
    """The words in bold, on one line."""
    return f"**{' '.join(found[0].split())}**"


def prepared(lines: list[str]) -> list[str]:
    """A docstring as napoleon needs it."""
    result: list[str] = []
    for paragraph in paragraphs(lines):
        titled = len(paragraph) > 2 and set(paragraph[1]) == {"-"}
        title, body = (paragraph[0], paragraph[2:]) if titled else ("", paragraph)
        if title == "Returns":
            result += ["", *returns(body)]
        elif title in FIELDS:
            result += [*paragraph[:2], *entries(body), "", ""]  # two empty lines end a section
        else:
            text = "\n".join(paragraph)
            result += [*(text if titled else LEAD.sub(lead, text)).split("\n"), ""]
    return result


def inherited(cls: type) -> list[str]:
    """One line for each public class of hwsim that a class inherits from: what it has from there."""
    seen, lines = set(vars(cls)), []
    for base in cls.__mro__[1:]:
        if base.__module__.startswith("hwsim.") and not base.__name__.startswith("_"):
            names = [name for name in vars(base) if not name.startswith("_") and name not in seen]
            members = [name for name in names if isinstance(vars(base)[name], property | FunctionType)]
            links = ", ".join(f":py:obj:`~{base.__module__}.{base.__name__}.{name}`" for name in members)
            lines += [f"From :py:obj:`~{base.__module__}.{base.__name__}`: {links}.", ""] if members else []
            seen |= set(members)
    return lines


def prepare(app, what, name, thing, options, lines):
    """Prepare a docstring before napoleon sees it."""
    lines[:] = prepared(lines)
    if what == "class":
        lines += inherited(thing)
    elif what in ("attribute", "data", "property") and lines:
        # Napoleon takes words before a colon for the type, unless the line ends there.
        lines[:1] = lines[0].replace(": ", ":\n", 1).split("\n")


def defaults(cls: type) -> dict[str, str]:
    """The default of each field of a dataclass as it stands in the source: `200e6`, not `200000000.0`."""
    found: dict[str, str] = {}
    for base in reversed([base for base in cls.__mro__ if is_dataclass(base)]):
        source = textwrap.dedent(inspect.getsource(base))
        for node in ast.parse(source).body[0].body:
            if isinstance(node, ast.AnnAssign) and node.value is not None:
                value = node.value
                if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "field":
                    given = {keyword.arg: keyword.value for keyword in value.keywords}
                    value = given.get("default") or given.get("default_factory")
                    call = "()" if "default_factory" in given else ""
                else:
                    call = ""
                if value is not None:
                    found[node.target.id] = ast.get_source_segment(source, value) + call
    return found


def sign(app, what, name, thing, options, signature, annotation):
    """Give a dataclass a signature with its defaults as they were written."""
    if what != "class" or not is_dataclass(thing):
        return None
    written = defaults(thing)
    parameters = [
        parameter.name
        if parameter.default is parameter.empty
        else f"{parameter.name}={written[parameter.name]}"
        for parameter in inspect.signature(thing).parameters.values()
    ]
    return f"({', '.join(parameters)})", None


def skip(app, what, name, thing, skipped, options):
    """Leave out what Python says of a named tuple's field ("Alias for field number 0")."""
    return True if inspect.isdatadescriptor(thing) and "Alias for field" in (thing.__doc__ or "") else None


def setup(app):
    """Register the steps, the docstrings' before napoleon's (priority 500)."""
    app.connect("autodoc-process-docstring", prepare, priority=400)
    app.connect("autodoc-process-signature", sign)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True}
