"""`tools/test.py`: a failing stage is shown and decides the exit code; the slowest notebooks are summed by file."""

import sys

from tools import test as runner


def test_a_stage_prints_one_line_and_a_failing_one_its_output(capsys):
    assert runner.run("good", [sys.executable, "-c", "print('== 3 passed, 1 skipped in 0.1s ==')"])
    printed = capsys.readouterr().out
    assert printed.startswith("good    passed")
    assert printed.rstrip().endswith("3 passed, 1 skipped")
    assert printed.count("\n") == 1
    assert not runner.run("bad", [sys.executable, "-c", "print('what went wrong'); raise SystemExit(1)"])
    printed = capsys.readouterr().out
    assert printed.startswith("bad     FAILED")
    assert "what went wrong" in printed


def test_slowest_notebooks_first(tmp_path):
    report = tmp_path / "report.xml"
    cells = [("a", 1.5), ("b", 3), ("a", 2.5), ("c", 0.1)]
    cases = "".join(
        f'<testcase classname="" name="chapters/{name}.ipynb::Cell {i}" time="{seconds}"/>'
        for i, (name, seconds) in enumerate(cells)
    )
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    assert runner.slowest(report, most=2) == [(4.0, "chapters/a"), (3.0, "chapters/b")]


def test_every_stage_is_there(tmp_path):
    stages = runner.commands(tmp_path / "report.xml")
    assert list(stages) == ["check", "pytest", "nbval"]
    assert [word for word in stages["nbval"] if word in runner.NOTEBOOKS] == ["chapters", "solutions", "labs"]
