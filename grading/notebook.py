"""Read notebooks that anybody may have written."""

import json
from pathlib import Path

# The only metadata that a notebook of the course keeps.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class NotebookError(ValueError):
    """A file that cannot be read as a notebook; the message says why."""


def load(path: Path) -> dict:
    """Read a notebook as plain data, each cell's source joined to one text.

    Raises NotebookError for a file that is not there, empty, not UTF-8, no JSON, or no list of cells.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise NotebookError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NotebookError("not a notebook: the file is not UTF-8 text") from None
    if not text.strip():
        raise NotebookError("not a notebook: the file is empty")
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f" in line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else ""
        raise NotebookError(f"not a notebook: bad JSON{where}") from None
    if not isinstance(data, dict) or not isinstance(data.get("cells"), list):
        raise NotebookError("not a notebook: a notebook is a JSON object with a list of cells")
    for number, cell in enumerate(data["cells"]):
        if not isinstance(cell, dict) or not isinstance(cell.get("metadata", {}), dict):
            raise NotebookError(f"not a notebook: cell {number} is not a cell")
        source = cell.get("source", "")
        lines = source if isinstance(source, list) else [source]
        if not all(isinstance(line, str) for line in lines):
            raise NotebookError(f"not a notebook: the source of cell {number} is not text")
        cell["source"] = "".join(lines)
    return data


def nbgrader(cell: dict) -> dict:
    """What nbgrader's metadata say of a cell; {} where they say nothing."""
    found = cell.get("metadata", {}).get("nbgrader", {})
    return found if isinstance(found, dict) else {}
