"""The report on a class: its numbers, its table, its picture."""

import random
from io import BytesIO

import matplotlib
import pytest

from grading.lab import Lab
from grading.report import ReportError, by_lab, picture, summary
from grading.result import Result
from tests.results import LAB, WRONG, result

OTHER = Lab("other", LAB.notebook, LAB.tasks, {})
BOTH = {"tiny": LAB, "other": OTHER}
FAILED = result(
    "eve", WRONG, 0.0, answers={}, flags=("not a notebook: the file is empty",), failed=True, digest=""
)


def class_of(size, lab="tiny", seed=1):
    """Results of a class: about half of each task is right, and open questions wait."""
    chance = random.Random(seed)
    made = []
    for number in range(size):
        right = [chance.random() < 0.5, chance.random() < 0.8]
        points = [3.0 * right[0], 1.0 * right[1]]
        one = result(
            f"student {number}",
            points,
            hints={} if right[0] else {"double-check": chance.choice(["absolute", "by one"])},
            flags=("grade by hand: open", *["no cell bytes", "no cell double"] * (number % 3 == 0)),
        )
        if lab == "other":
            known = OTHER.points
            one = Result("x", lab, known, dict(zip(known, points, strict=True)), hints=one.hints)
        made.append(one)
    return made


def four():
    """Four submissions: all right and graded by hand, half right, nothing right, not graded."""
    return [
        result("ada", open_points=2.0),
        result("bob", (0.0, 1.0), 0.0, hints={"double-check": "absolute"}, flags=("no cell a", "no cell b")),
        result("cyd", WRONG, None, hints={"double-check": "absolute"}, flags=("no cell a", "my own flag")),
        FAILED,
    ]


def test_the_numbers_of_a_lab():
    (lab,) = by_lab(four(), BOTH)
    assert (lab.name, lab.waiting, lab.failed) == ("tiny", 1, 1)
    assert lab.percents == pytest.approx([100, 100 / 6, 0, 0])
    tasks = {task.name: task for task in lab.tasks}
    assert [task.name for task in lab.tasks] == ["double", "bytes", "open"]
    assert tasks["double"].share == pytest.approx(1 / 3)
    assert tasks["double"].outcomes == {"full": 1, "none": 2}
    assert tasks["double"].mistakes == {"absolute": 2}
    assert tasks["bytes"].share == pytest.approx(2 / 3)
    assert tasks["open"].outcomes == {"full": 1, "none": 1, "waiting": 1}
    assert tasks["open"].share is None


def test_points_graded_by_hand_can_be_part():
    (lab,) = by_lab([result(open_points=1.0)], BOTH)
    assert lab.tasks[0].name == "open"
    assert lab.tasks[0].outcomes == {"part": 1}
    assert lab.tasks[0].share == 0.5


def test_the_table():
    assert summary(four(), BOTH).splitlines() == [
        "tiny: 4 submissions, mean 29%, median 8% of all points",
        "  1 waiting for grading by hand",
        "  1 could not be graded",
        "",
        "  task, hardest first  points   mean  full  part  none  waiting",
        "  double                    3    33%     1     0     2        0",
        "  bytes                     1    67%     2     0     1        0",
        "  open                      2      -     1     0     1        1",
        "",
        "  known mistakes, the most common 3 of each task, by submissions",
        "  double                    2  absolute",
        "",
        "flags, by submissions",
        "      2  answer cell is missing",
        "      1  my own flag",
        "      1  file is no notebook",
    ]


def drawn(figure):
    """The figure as SVG, its texts as text."""
    file = BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(file, format="svg")
    return file.getvalue().decode()


@pytest.mark.parametrize(
    "results",
    [[result()], [result(open_points=2.0, flags=())], four(), [FAILED], class_of(300)],
    ids=["one", "perfect", "four", "failed", "300"],
)
def test_classes_of_all_sizes_have_a_table_and_a_picture(results):
    assert f"tiny: {len(results)} submission" in summary(results, BOTH)
    text = drawn(picture(results, BOTH))
    assert f"tiny: {len(results)} submission" in text
    for name in ("double (3)", "bytes (1)", "open (2)", "points by task, hardest first"):
        assert name in text


def test_several_labs_stand_below_each_other():
    results = class_of(300) + class_of(20, "other", seed=2)
    text = summary(results, BOTH)
    assert text.index("tiny: 300 submissions") < text.index("other: 20 submissions")
    figure = picture(results, BOTH)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    tasks = "points by task, hardest first"
    assert titles == [
        "tiny: 300 submissions",
        tasks,
        "other: 20 submissions",
        tasks,
        "Flags, by submissions",
        "Known mistakes, by submissions",
    ]
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert sum(heights) == 300
    assert sum(bar.get_width() for bar in figure.axes[1].patches) == 3 * 300
    assert sum(bar.get_height() for bar in figure.axes[2].patches) == 20
    assert "tiny, double: absolute" in drawn(figure)


def test_a_lab_that_is_none_is_counted_and_left_out():
    unknown = Result("x", "big", {}, {}, flags=("unknown lab: the labs are tiny",), failed=True)
    text = summary([result(), unknown], BOTH)
    assert "left out: 1 submission of big, which is no lab" in text
    assert "tiny: 1 submission," in text


@pytest.mark.parametrize(
    ("results", "known", "said"),
    [([], BOTH, "no results of tiny, other"), ([result()], {}, "no results of any lab")],
    ids=["no results", "no labs"],
)
@pytest.mark.parametrize("make", [summary, picture])
def test_nothing_to_report_on_is_an_error(make, results, known, said):
    with pytest.raises(ReportError, match=said):
        make(results, known)


def test_texts_of_flags_are_no_formulas():
    flags = ("$\\frac{1$", "long " * 100, "<script>evil()</script>", "$x$")
    figure = picture([result(flags=flags)], BOTH)
    text = drawn(figure)
    assert "<script>evil" not in text
    assert "$x$" in text


def test_the_picture_leaves_the_settings_of_matplotlib_alone():
    before = dict(matplotlib.rcParams)
    picture(four(), BOTH)
    assert dict(matplotlib.rcParams) == before
