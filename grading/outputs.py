"""What a cell showed, as notebook outputs that are safe to keep and to show: text, errors, PNG pictures."""

import base64
import binascii
import re
from typing import Any

from grading.text import plain

MOST_TEXT = 20_000  # characters a cell
MOST_PICTURES = 8  # a cell
MOST_PICTURE = 1 << 20  # bytes
PNG = b"\x89PNG\r\n\x1a\n"
CUT = "\n... cut: the cell printed more\n"
FILE = re.compile(r"\(\S+\.py, (?=line \d+\)$)")  # the cell's own file, in the words of a SyntaxError


class Outputs:
    """Collects the messages of one cell. `error` is the exception that ended it, as "ValueError: text", or ""."""

    def __init__(self) -> None:
        self.cells: list[dict[str, Any]] = []
        self.error = ""
        self._text = 0
        self._pictures = 0

    def add(self, kind: Any, content: Any) -> None:
        """Take a message of a kernel, of the type `kind`; what is not in order, or too much, is left out."""
        if not isinstance(content, dict):
            return
        if kind == "stream":
            self._stream("stderr" if content.get("name") == "stderr" else "stdout", content.get("text"))
        elif kind == "error":
            error = f"{_words(content.get('ename'))}: {_words(content.get('evalue'))}"
            self.error = FILE.sub(
                "(", error[:1000]
            )  # cut first: the pattern looks at a long text for minutes
            self._stream("stderr", self.error)
        elif kind in ("display_data", "execute_result") and isinstance(content.get("data"), dict):
            self._display(content["data"])

    def _stream(self, name: str, text: Any) -> None:
        text = _words(text)
        room = MOST_TEXT - self._text
        if room <= 0 or not text:
            return
        if len(text) > room:
            text = text[:room] + CUT
        self._text += len(text)
        if self.cells and self.cells[-1].get("name") == name:
            self.cells[-1]["text"] += text
        else:
            self.cells.append({"output_type": "stream", "name": name, "text": text})

    def _display(self, data: dict[str, Any]) -> None:
        picture = _png(data.get("image/png"))
        if picture and self._pictures < MOST_PICTURES:
            self._pictures += 1
            self.cells.append({"output_type": "display_data", "data": {"image/png": picture}, "metadata": {}})
        elif not picture:
            self._stream("stdout", f"{_words(data.get('text/plain'))}\n")


def _words(text: Any) -> str:
    """Plain text, not too long; "" for what is none."""
    return plain(text[: 4 * MOST_TEXT]) if isinstance(text, str) else ""


def _png(data: Any) -> str:
    """The picture again as base64, "" where it is none."""
    if not isinstance(data, str) or len(data) > 2 * MOST_PICTURE:
        return ""
    try:
        raw = base64.b64decode(data, validate=False)
    except (binascii.Error, ValueError):
        return ""
    return base64.b64encode(raw).decode() if raw.startswith(PNG) and len(raw) <= MOST_PICTURE else ""
