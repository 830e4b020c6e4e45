"""The simulator beside published figures: every line within its bound, and every large deviation explained."""

from collections import Counter

import pytest

from tools import validate
from tools.validation_page import line, noted

ROWS = list(validate.rows())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.machine}-{row.what}-{row.unit}")
def test_within_its_bound(row):
    assert abs(row.deviation) <= row.bound
    if abs(row.deviation) > 0.2:
        assert row.why


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.machine}-{row.what}-{row.unit}")
def test_the_bound_is_not_slack(row):
    assert row.bound <= abs(row.deviation) + 0.02


def test_every_machine_is_there():
    counts = Counter(row.machine for row in ROWS)
    machines = [
        "systolic array",
        "loop nest",
        "Eyeriss",
        "DaDianNao",
        "TPU v1",
        "TPU v3",
        "EIE",
        "V100",
        "FPGA",
    ]
    assert set(counts) >= set(machines)
    assert counts["Eyeriss"] == 5 + (3 * 6 + 1) + 5 + 3 + (3 * 14 + 1) + 3


def test_the_printed_table_has_all_of_it(capsys):
    validate.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(ROWS)
    for text, row in zip(lines[1:], ROWS, strict=True):
        assert text.startswith(row.machine)
        assert row.what in text
        assert text.endswith(validate.signed(row.deviation))


def test_nothing_has_no_sign():
    assert [validate.signed(x) for x in (0.0, -0.0004, 0.0006, -0.02)] == ["0.0%", "0.0%", "+0.1%", "-2.0%"]


def test_a_line_of_the_page():
    row = validate.Row("m", "a < b", "ms", 2000.0, 1500.0, 0.3, "known")
    assert line(row) == (
        "<tr><td>a &lt; b<small>known</small></td><td>2,000 ms</td><td>1,500 ms</td>"
        '<td>-25.0%</td><td><span class="axis"><span class="bar" style="left:25.0%;width:25.0%"></span></span></td></tr>'
    )
    assert "left:50.0%;width:50.0%" in line(validate.Row("m", "w", "", 1.0, 9.0, 9.0))


def test_a_reason_that_several_lines_share_stands_once_above_them():
    rows = [validate.Row("m", what, "", 1.0, 1.1, 0.1, "known") for what in ("a", "b")]
    assert noted(rows).startswith(
        '<tr><td colspan="5"><small>the next 2: known</small></td></tr><tr><td>a</td>'
    )
    assert noted(rows).count("known") == 1
    assert noted(rows[:1]) == line(rows[0])
