"""The page of feedback: what stands on it, what never does, and that no text of anybody's is taken for HTML."""

import base64
import html
import re
import struct
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from grading.assignments import read_assignment
from grading.feedback import MOST_COLOURED, MOST_SHOWN, page, write
from grading.flags import for_student, kind
from grading.lab import HIDDEN
from grading.outputs import PNG
from grading.result import Result
from grading.run import NOT_ANSWERED
from tests.results import SOLUTIONS, WRONG, result

ROOT = Path(__file__).resolve().parent.parent
MUTANTS = SOLUTIONS.parent / "mutants"
TINY = read_assignment(SOLUTIONS, MUTANTS, "tiny")
SOLVED = re.compile(r"BEGIN SOLUTION\n(.*?)\n[^\n]*END SOLUTION", re.DOTALL)
EVIL = "</pre></title></style><script>evil()</script><img src=x onerror=evil()><svg onload=evil()>{{ 7*7 }}"


def png(width, height):
    return base64.b64encode(PNG + b"\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"rest").decode()


def unstyled(text):
    return re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


def words(text):
    """What the page says."""
    return html.unescape(re.sub(r"<[^>]+>", "", unstyled(text)))


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.text += data


def test_a_student_reads_what_was_right_and_what_was_not():
    one = result(
        points=(0.0, 1.0),
        messages={"double-check": "double each value, the negative ones too"},
        hints={"double-check": "absolute"},
        outputs={"double": [{"output_type": "stream", "name": "stdout", "text": "I was here"}]},
        flags=("grade by hand: open", "no cell bytes"),
    )
    said = words(page(TINY, one))
    for text in [
        "Feedback for ada",
        "Lab: tiny",
        "1 of 6 points",
        "2 more points can come from grading by hand",
        "1. Double",
        "0 of 3",
        "not passed",
        "double each value, the negative ones too",
        "Your answer behaves like this known mistake: absolute",
        "def double(values): ...",
        "I was here",
        'assert np.allclose(yours, [2, -4, 6]), "double each value, the negative ones too"',
        "2. Bytes",
        "1 of 1",
        "Why are bytes worth saving? Two sentences.",
        "waits for grading by hand",
        "Bytes are slow.",
        "The cell “bytes” is not in your notebook",
        one.submitted,
        one.digest,
    ]:
        assert text in said
    assert "grade by hand: open" not in said


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"open_points": 1.5}, ["5.5 of 6 points", "1.5 of 2 points", "graded by hand"]),
        ({"open_points": 0.0, "messages": {"open": NOT_ANSWERED}}, ["4 of 6 points", "not answered"]),
        ({"answers": {}}, ["There is no answer to this task in your file."]),
        ({"penalty": 1.5}, ["2.5 of 6 points", "1.5 points are off, as it was handed in late"]),
        ({"penalty": 1.0}, ["3 of 6 points", "1 point is off, as it was handed in late"]),
        ({"submitted": "", "digest": ""}, ["time not known", "not known"]),
    ],
    ids=["by hand", "not answered", "no answer", "late", "a little late", "nothing known"],
)
def test_states(changes, expected):
    said = words(page(TINY, result(**changes)))
    for text in expected:
        assert text in said


def test_a_file_that_could_not_be_graded_gets_a_reason():
    failed = result(
        points=WRONG, open_points=0.0, answers={}, flags=("not a notebook: the file is empty",), failed=True
    )
    said = words(page(TINY, failed))
    assert "Your submission could not be graded: it has no points" in said
    assert "Your file could not be graded: not a notebook: the file is empty." in said
    assert "passed" not in said


@pytest.mark.parametrize(
    ("solutions", "name"),
    [(ROOT / "solutions", "cost"), (ROOT / "solutions", "pruning"), (SOLUTIONS, "tiny")],
    ids=["cost", "pruning", "tiny"],
)
def test_no_hidden_test_and_no_solution_is_on_the_page(solutions, name):
    assignment = read_assignment(solutions, ROOT / "tests/mutants" if name != "tiny" else MUTANTS, name)
    sources = [cell["source"] for cell in assignment.lab.notebook["cells"]]
    secret = [part for source in sources for part in HIDDEN.findall(source) + SOLVED.findall(source)]
    public = {line.strip() for cell in assignment.released["cells"] for line in cell["source"].splitlines()}
    # of the lines that are all signs, as ")", nothing can be told
    lines = {line.strip() for part in secret for line in part.splitlines()} - public
    lines = {line for line in lines if len(re.findall(r"\w", line)) > 3}
    assert len(lines) > 5
    untouched = {
        cell["metadata"]["nbgrader"]["grade_id"]: cell["source"]
        for cell in assignment.released["cells"]
        if cell["metadata"].get("nbgrader", {}).get("solution")
    }
    points = dict.fromkeys(assignment.lab.points, 0.0)
    shown = page(assignment, Result("ada", name, assignment.lab.points, points, answers=untouched))
    said = words(shown)
    assert not [line for line in lines if line in said or line in unstyled(shown)]
    assert all(check.visible.strip() in said for task in assignment.lab.tasks for check in task.checks)


def test_no_text_is_taken_for_html():
    plain = Elements(
        page(TINY, result(hints={"double-check": "x"}, messages={"double-check": "x"}, flags=("x",)))
    )
    hostile = result(
        student=EVIL,
        answers=dict.fromkeys(("double", "bytes", "open"), EVIL),
        hints={"double-check": EVIL},
        messages={"double-check": EVIL},
        flags=(EVIL,),
        submitted=EVIL,
        digest=EVIL,
    )
    text = page(TINY, hostile, title=EVIL)
    elements = Elements(text)
    # a span is what colours code; nothing else is new
    assert [tag for tag in elements.found if tag != "span"] == [tag for tag in plain.found if tag != "span"]
    assert not [name for name, _ in elements.attributes if name.startswith("on")]
    assert elements.text.count("evil()") > 20
    assert "49" not in words(text)
    assert "Content-Security-Policy" in text


@pytest.mark.parametrize("name", ["a b", "ünï", "‮evil", "<b>", "a'\"b", "-rf", "%2e%2e", "a\\b", "W" * 255])
def test_odd_names_of_students_are_folders(tmp_path, name):
    target = write(tmp_path, TINY, result(student=name))
    assert target == tmp_path / name / "tiny.html"
    assert target.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [path.name for path in target.parent.iterdir()] == ["tiny.html"]


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc", "a/b", "a\0b"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="cannot be the name of a file"):
        write(tmp_path / "feedback", TINY, result(student=name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\0b\x1bc", "a�b�c"),
        ("\ud800", "?"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("x = 1 \u202e# evil", "x = 1 �# evil"),
        ("שלום", "שלום"),
        ("  \n\n  x", "  \n\n  x"),
    ],
    ids=["control", "surrogate", "line ends", "direction", "right to left", "white space"],
)
def test_odd_texts(text, shown):
    said = page(TINY, result(answers={"double": text, "open": text}))
    said.encode()
    assert words(said).count(shown) >= 2


@pytest.mark.parametrize("size", [MOST_COLOURED + 1, MOST_SHOWN + 1, 10 * MOST_SHOWN])
def test_a_long_text_is_cut(size):
    text = page(TINY, result(answers={"double": "<" * size}, messages={"double-check": "<" * size}))
    assert len(text) < 2 * 5 * MOST_SHOWN + 50_000
    assert text.count(f"... cut: {size:,} characters in all") == (2 if size > MOST_SHOWN else 0)


@pytest.mark.parametrize(
    ("data", "pictures"),
    [
        (png(20, 10), 1),
        (png(100_000, 100_000), 0),
        (png(0, 10), 0),
        (base64.b64encode(PNG).decode(), 0),
        (base64.b64encode(b"<svg onload=evil()>").decode(), 0),
        (f'{png(20, 10)}" onerror="evil()', 1),
        ("%%%", 0),
        (None, 0),
    ],
    ids=["png", "bomb", "empty", "no header", "svg", "quoted", "no base64", "no text"],
)
def test_only_png_of_a_sane_size_is_shown(data, pictures):
    bundle = {"image/png": data, "text/html": EVIL, "image/svg+xml": EVIL, "application/javascript": "evil()"}
    outputs = [{"output_type": "display_data", "data": bundle, "metadata": {"onload": "evil()"}}]
    elements = Elements(page(TINY, result(outputs={"double": outputs})))
    assert elements.found.count("img") == pictures
    assert "evil" not in str(elements.attributes)
    alts = [value for name, value in elements.attributes if name == "alt"]
    assert alts == ["Picture that your cell drew: 1. Double"] * pictures


def test_the_headings_have_an_order_and_the_names_are_single():
    text = page(TINY, result(flags=("no cell bytes",)))
    levels = [int(tag[1]) for tag in Elements(text).found if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    names = re.findall(r' id="([^"]+)"', text)
    assert len(names) == len(set(names))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(names)


@pytest.mark.parametrize(
    ("flag", "found", "said"),
    [
        ("grade by hand: open", "waits for grading by hand", ""),
        ("no cell a", "answer cell is missing", "“a” is not in your notebook"),
        ("cell a stands 3 times: graded as one", "answer cell stands twice", "“a” stands 3 times"),
        ("cell a is too long: 1,000 characters", "answer is too long", "“a” has 1,000 characters"),
        (
            "cell a is as it was released, but another cell defines f",
            "answered in another cell",
            "another cell of your notebook defines “f”",
        ),
        ("time of hand-in cannot be read", "time of hand-in cannot be read", ""),
        ("a-check passed once and failed once", "passes only sometimes", "“a-check” was checked twice"),
        ("a: it took longer than 60 s", "takes too long", "“a” was stopped: it took longer than 60 seconds"),
        ("a: it used too much memory", "uses too much memory", "too much memory"),
        ("a: it ended the Python process", "ends the process", "“a” ended the Python process"),
        ("a: the answer is not in order", "returns what cannot be read", "“a” returned something other"),
        ("too large: more than 64 MiB", "file is no notebook", "could not be graded: too large: more"),
        ("not\nknown {0}", "not\nknown {0}", "not\nknown {0}"),
    ],
)
def test_flags_have_a_kind_and_words(flag, found, said):
    assert kind(flag) == found
    assert said in for_student(flag)
    assert bool(for_student(flag)) == bool(said)
