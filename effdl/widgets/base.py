"""What the widgets share: the style sheet, the small browser helpers, numbers written alike in Python and JavaScript."""

from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path

import anywidget
import numpy as np

FOLDER = Path(__file__).parent


def module(*names: str) -> str:
    """Return the text of one browser module, put together from files of this folder.

    A widget carries its module as one text (`_esm`), so that it also answers in the published book, where no server
    could bring a second file. What several widgets need stands in `common.js` and is put in front.
    """
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names)


class Widget(anywidget.AnyWidget):
    """Base of the course's widgets: the common style, and a line of text where no widget can be shown."""

    _css = module("style.css")

    def summary(self) -> str:
        """Return the state of the widget in one line, for a place that shows text only."""
        raise NotImplementedError

    def __repr__(self) -> str:
        """Show the summary."""
        return f"<{type(self).__name__}: {self.summary()}>"


def array(values, dtype=None) -> np.ndarray:
    """Return an array of numbers, a tensor's too."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, dtype=dtype)


def known(name, names: list, what: str):
    """Return `name`, or the first of `names` for None.

    Raises
    ------
    ValueError
        If there is none, or `name` is not among them.
    """
    if not names:
        raise ValueError(f"give one {what} at least")
    if name is not None and name not in names:
        raise ValueError(f"unknown {what} {name!r}; there are {names}")
    return names[0] if name is None else name


def pack(values, dtype: str) -> bytes:
    """Return `values` as the little-endian bytes that the browser reads as a typed array."""
    return np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<")).tobytes()


def significant(value: float, digits: int = 3) -> str:
    """Write a number with `digits` significant digits, whole from 1000 on; `common.js` writes it the same way.

    >>> significant(0.012345), significant(91.26), significant(61706), significant(-3.0)
    ('0.0123', '91.3', '61,706', '-3')
    """
    if abs(value) >= 1000:
        return f"{Decimal(value).quantize(Decimal(1), ROUND_HALF_UP):,}"
    rounded = Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(Decimal(value))
    text = f"{rounded:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
