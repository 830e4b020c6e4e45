"""Put a student's answers into a clean lab.

Only the text of the answer cells is carried over, found by its `grade_id`. Copied, missing, reordered or forged
cells, other cells and other metadata change nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from grading.notebook import nbgrader

MOST_TEXT = 500_000  # characters of one answer
DEFINED = re.compile(r"^def (\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Answers:
    """The answers of one submission.

    `given` is the text of each answer cell that was found, by its `grade_id`; `parts` are the texts of its copies, for
    cells that stand more than once; `untouched` are those that are as they were released; `flags` say what a teacher
    should know.
    """

    given: dict[str, str]
    parts: dict[str, list[str]]
    untouched: frozenset[str]
    flags: tuple[str, ...]


def transplant(released: dict, submitted: dict) -> Answers:
    """Take the answers to a released lab out of a submitted notebook.

    Of a cell that stands twice, all copies count that are not as it was released, one after the other, as they would
    run in the notebook: JupyterLab makes such copies when a cell is split. A cell that is not there has no entry. An
    answer that is too long is left empty, with a flag.
    """
    asked = {
        about["grade_id"]: cell["source"]
        for cell in released["cells"]
        if (about := nbgrader(cell)).get("solution")
    }
    found: dict[str, list[str]] = {name: [] for name in asked}
    for cell in submitted["cells"]:
        name = nbgrader(cell).get("grade_id")
        # by the id alone: whether it is an answer cell is for the released lab to say
        if isinstance(name, str) and name in found:
            found[name].append(cell["source"])
    given, parts, flags = {}, {}, []
    for name, texts in found.items():
        if not texts:
            flags.append(f"no cell {name}")
            continue
        changed = list(dict.fromkeys(text for text in texts if not _same(text, asked[name])))
        text = "\n\n".join(changed or texts[:1])
        if len(changed) > 1:
            parts[name] = changed
            flags.append(f"cell {name} stands {len(texts)} times: graded as one")
        if len(text) > MOST_TEXT:
            flags.append(f"cell {name} is too long: {len(text):,} characters")
            text = ""
            parts.pop(name, None)
        given[name] = text
    untouched = frozenset(name for name, text in given.items() if _same(text, asked[name]))
    others = "\n".join(cell["source"] for cell in submitted["cells"] if "grade_id" not in nbgrader(cell))
    for name in sorted(untouched):
        if moved := set(DEFINED.findall(asked[name])) & set(DEFINED.findall(others)):
            flags.append(f"cell {name} is as it was released, but another cell defines {min(moved)}")
    return Answers(given, parts, untouched, tuple(flags))


def _same(one: str, other: str) -> bool:
    """Whether two texts are equal but for white space at the ends of lines."""
    return [line.rstrip() for line in one.strip().splitlines()] == [
        line.rstrip() for line in other.strip().splitlines()
    ]


def recognise(submitted: dict, released: Mapping[str, dict]) -> str | None:
    """The lab that a notebook is, by the `grade_id`s of its cells: the one that shares most, half of them at least."""
    here = _ids(submitted)
    shares = {
        name: len(here & _ids(notebook)) / max(1, len(_ids(notebook))) for name, notebook in released.items()
    }
    best = max(shares, key=shares.__getitem__, default=None)
    return best if best is not None and shares[best] >= 0.5 else None


def _ids(notebook: dict) -> set[str]:
    names = (nbgrader(cell).get("grade_id") for cell in notebook["cells"])
    return {name for name in names if isinstance(name, str)}
