"""Read notebooks that anybody may have written."""

import errno
import json
import os
import stat
from pathlib import Path

from grading.text import storable

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
    """The bytes of a file.

    Raises NotebookError where it cannot be read, is no regular file (a symbolic link could lead to another student's),
    or is too large to be a notebook.
    """
    try:
        descriptor = os.open(
            path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        )  # a pipe would wait for a writer
    except OSError as error:
        why = "a symbolic link, hand in the file itself" if error.errno == errno.ELOOP else error.strerror
        raise NotebookError(f"cannot be read: {why}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotebookError("cannot be read: not a file")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(MOST_BYTES + 1)
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
        cell["source"] = storable("".join(lines).replace("\0", ""))
    return data


def nbgrader(cell: dict) -> dict:
    """What nbgrader's metadata say of a cell; {} where they say nothing."""
    found = cell.get("metadata", {}).get("nbgrader", {})
    return found if isinstance(found, dict) else {}
