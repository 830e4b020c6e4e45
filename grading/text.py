"""Texts that anybody may have written, made fit for files, pages and terminals."""

import re

ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # colours of a terminal
# Control characters, and marks that turn the direction of a text until another one ends it.
INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def storable(text: str) -> str:
    """The text without what neither a file nor a database can hold: NUL, halves of surrogate pairs."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


def plain(text: str) -> str:
    """The text without colours of a terminal and invisible characters, and storable."""
    return storable(INVISIBLE.sub("", ESCAPES.sub("", text)))


def one_line(text: str) -> str:
    """The text as a line for the terminal: what cannot be seen is a question mark."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
