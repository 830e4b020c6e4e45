"""Read notebooks that anybody may have written."""

import json
from pathlib import Path

# The only metadata that a notebook of the course keeps.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


MOST_BYTES = 64 << 20  # of a notebook with all its outputs


class NotebookError(ValueError):
    """A file that cannot be read as a notebook; the message says why."""


def load(path: Path) -> dict:
    """Read a notebook file, as `parse` does. Raises NotebookError, also for a file that is not there."""
    return parse(read(path))


def read(path: Path) -> bytes:
    """The bytes of a file. Raises NotebookError where it cannot be read, or is too large to be a notebook."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise NotebookError(f"cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise NotebookError(f"too large: more than {MOST_BYTES >> 20} MiB; clear its outputs")
    return content


def parse(content: bytes) -> dict:
    """Read a notebook as plain data, each cell's source joined to one text.

    Raises NotebookError for what is empty, not UTF-8 (or -16, -32), no JSON, or no list of cells.
    """
    if not content.strip():
        raise NotebookError("not a notebook: the file is empty")
    try:
        data = json.loads(content)  # finds out the encoding by itself
    except UnicodeDecodeError:
        raise NotebookError("not a notebook: the file is not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
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
        # half of a surrogate pair, which JSON can hold, could not be sent or written anywhere
        cell["source"] = "".join(lines).encode("utf-8", "replace").decode("utf-8")
    return data


def nbgrader(cell: dict) -> dict:
    """What nbgrader's metadata say of a cell; {} where they say nothing."""
    found = cell.get("metadata", {}).get("nbgrader", {})
    return found if isinstance(found, dict) else {}
