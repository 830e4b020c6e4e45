"""Texts that anybody may have written are made fit for files, pages and terminals."""

import pytest

from grading.text import one_line, plain, storable


@pytest.mark.parametrize(
    ("text", "stored", "shown", "line"),
    [
        ("naïve 名前\n", "naïve 名前\n", "naïve 名前\n", "naïve 名前?"),
        ("a\0b", "a\N{REPLACEMENT CHARACTER}b", "ab", "a?b"),
        ("half \ud800", "half ?", "half ?", "half ?"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m", "red", "?[31mred?[0m"),
        ("a\u202eb", "a\u202eb", "ab", "a?b"),
    ],
    ids=["plain", "NUL", "surrogate", "colour", "direction"],
)
def test_texts(text, stored, shown, line):
    assert storable(text) == stored
    assert plain(text) == shown
    assert one_line(text) == line
    shown.encode()
