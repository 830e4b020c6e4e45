"""A Sphinx extension: the directive `validation-table` puts the table of `tools/validate.py` on a page of the book."""

from html import escape
from itertools import groupby

from docutils import nodes
from docutils.parsers.rst import Directive

from tools.validate import Row, number, rows, signed

WIDEST = 0.5  # a deviation beyond this has a full bar


class ValidationTable(Directive):
    """The table, a heading for each machine, the deviation as a number and as a bar."""

    def run(self):
        """Return the table as one raw node."""
        body = "".join(
            f'<tr><th colspan="5" scope="rowgroup">{escape(machine[0].upper() + machine[1:])}</th></tr>'
            + "".join(noted(list(group)) for _, group in groupby(lines, key=lambda row: row.why))
            for machine, lines in groupby(rows(), key=lambda row: row.machine)
        )
        head = '<tr><th>What</th><th>Published</th><th>hwsim</th><th colspan="2">Deviation</th></tr>'
        html = f'<table class="validation"><thead>{head}</thead><tbody>{body}</tbody></table>'
        return [nodes.raw("", html, format="html")]


def noted(group: list[Row]) -> str:
    """Rows with the same reason; several have it once, above them."""
    if len(group) == 1 or not group[0].why:
        return "".join(map(line, group))
    note = f"the next {len(group)}: {group[0].why}"
    return f'<tr><td colspan="5"><small>{escape(note)}</small></td></tr>' + "".join(
        line(row, why=False) for row in group
    )


def line(row: Row, why: bool = True) -> str:
    """One row in HTML."""
    unit = f" {escape(row.unit)}" if row.unit else ""
    note = f"<small>{escape(row.why)}</small>" if row.why and why else ""
    share = max(-1.0, min(1.0, row.deviation / WIDEST))
    bar = (
        f'<span class="bar" style="left:{50 + 50 * min(share, 0):.1f}%;width:{50 * abs(share):.1f}%"></span>'
    )
    return (
        f"<tr><td>{escape(row.what)}{note}</td><td>{number(row.published)}{unit}</td><td>{number(row.here)}{unit}</td>"
        f'<td>{signed(row.deviation)}</td><td><span class="axis">{bar}</span></td></tr>'
    )


def setup(app):
    """Register the directive. The figures depend on the simulator, so they are computed anew in every build."""
    app.add_directive("validation-table", ValidationTable)
    app.connect("env-get-outdated", lambda *_: ["chapters/simulator/validation"])
    return {"parallel_read_safe": True}
