"""What a class did: the distribution of marks and of points by task, the flags, and the most common known mistakes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, median

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from grading.flags import BY_HAND, kind
from grading.lab import Lab
from grading.result import Result

# The colours of the book, each with a hatch, for print in black and white.
COLOURS = {
    "full": ("#1f5fbf", ""),
    "part": ("#8fb4e8", ""),
    "none": ("#d9730d", "//"),
    "waiting": ("#d4d7dc", ".."),
}
BINS = range(0, 101, 10)  # percent
MOST_MISTAKES = 3  # of a task in the table
LEAST_ROWS, MOST_ROWS = 4, 10  # of flags or mistakes in the picture
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "hatch.linewidth": 0.6}


class ReportError(ValueError):
    """Nothing to report on; the message says what is missing."""


@dataclass
class TaskReport:
    """How a class did on one task: how many submissions had each outcome, shares of the points, known mistakes.

    Submissions that could not be graded say nothing about a task, and are not in it.
    """

    name: str
    possible: float
    outcomes: Counter[str] = field(default_factory=Counter)  # by the keys of COLOURS
    shares: list[float] = field(default_factory=list)  # of the submissions that do not wait
    mistakes: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float | None:
        """The mean share of the points, None while a submission waits for a person."""
        return mean(self.shares) if self.shares and not self.outcomes["waiting"] else None


@dataclass
class LabReport:
    """How a class did on one lab; `percents` are the totals in percent of all points, without those that wait."""

    name: str
    percents: list[float]
    waiting: int
    failed: int
    tasks: list[TaskReport]  # the hardest one first; at the end those of which no points are known


def summary(results: Iterable[Result], labs: Mapping[str, Lab]) -> str:
    """The report as a table of plain text.

    `labs` are the labs by name; results of any other one are left out of the tables, and counted.
    Raises ReportError without a result of these labs.
    """
    results = list(results)
    lines = []
    for lab in by_lab(results, labs):
        spread = f"mean {mean(lab.percents):.0f}%, median {median(lab.percents):.0f}%"
        count = len(lab.percents)
        lines += [f"{lab.name}: {_count(count, 'submission')}, {spread} of all points"]
        notes = [(lab.waiting, "waiting for grading by hand"), (lab.failed, "could not be graded")]
        lines += [f"  {number} {words}" for number, words in notes if number]
        heading = "task, hardest first"
        width = max(len(heading), *(len(task.name) for task in lab.tasks))
        lines += ["", f"  {heading:{width}}  points   mean" + "".join(f"  {name}" for name in COLOURS)]
        for task in lab.tasks:
            share = "-" if task.share is None else f"{task.share:.0%}"
            counts = "".join(f"  {task.outcomes[name]:{len(name)}}" for name in COLOURS)
            lines.append(f"  {task.name:{width}}  {task.possible:6g}  {share:>5}{counts}")
        common = [
            (task.name, *each) for task in lab.tasks for each in task.mistakes.most_common(MOST_MISTAKES)
        ]
        if common:
            lines += ["", f"  known mistakes, the most common {MOST_MISTAKES} of each task, by submissions"]
            lines += [f"  {task:{width}}  {number:6}  {name}" for task, name, number in common]
        lines += [""]
    flags = _flags(results)
    if flags:
        lines += ["flags, by submissions", *[f"  {n:5}  {name}" for name, n in flags.most_common()], ""]
    unknown = Counter(one.lab for one in results if one.lab not in labs)
    lines += [f"left out: {_count(n, 'submission')} of {lab}, which is no lab" for lab, n in unknown.items()]
    return "\n".join(lines).rstrip() + "\n"


def picture(results: Iterable[Result], labs: Mapping[str, Lab]) -> Figure:
    """The report as a picture: a row a lab, and a row of flags and known mistakes.

    `labs` are the labs by name. Raises ReportError without a result of these labs.
    """
    results = list(results)
    reports = by_lab(results, labs)
    below = {"Flags": _flags(results), "Known mistakes": _mistakes(reports)}
    below = {title: counts for title, counts in below.items() if counts}
    heights = [1.3 + 0.27 * max(len(report.tasks), 4) for report in reports]
    if below:
        longest = min(max(LEAST_ROWS, *map(len, below.values())), MOST_ROWS)
        heights.append(0.9 + 0.24 * longest)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11, sum(heights)), dpi=110, layout="constrained")
        rows = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        for row, report in zip(rows, reports, strict=False):
            left, right = row.subplots(1, 2, width_ratios=[2, 3])
            _draw_marks(left, report)
            _draw_tasks(right, report)
        if below:
            for axes, title in zip(rows[-1].subplots(1, len(below), squeeze=False)[0], below, strict=True):
                _draw_counts(axes, title, below[title], longest)
    return figure


def by_lab(results: Sequence[Result], labs: Mapping[str, Lab]) -> list[LabReport]:
    """The numbers behind the report, by lab. Raises ReportError without a result of these labs."""
    found = [
        _lab(lab, [one for one in results if one.lab == name])
        for name, lab in labs.items()
        if any(one.lab == name for one in results)
    ]
    if not found:
        what = f"no results of {', '.join(labs) or 'any lab'}"
        raise ReportError(f"nothing to report on: {what}; grade submissions first")
    return found


def _lab(lab: Lab, results: list[Result]) -> LabReport:
    tasks = [_task(name, checks, lab.points, results) for name, checks in lab.checks_of.items() if checks]
    return LabReport(
        name=lab.name,
        percents=[100 * one.total / sum(lab.points.values()) for one in results],
        waiting=sum(None in one.points.values() for one in results),
        failed=sum(one.failed for one in results),
        tasks=sorted(tasks, key=lambda task: 2 if task.share is None else task.share),
    )


def _task(name: str, checks: list[str], points: dict[str, float], results: list[Result]) -> TaskReport:
    task = TaskReport(name, sum(points[check] for check in checks))
    for one in (each for each in results if not each.failed):
        given = [one.points.get(check, 0.0) for check in checks]
        if None in given:
            task.outcomes["waiting"] += 1
        else:
            share = sum(given) / task.possible if task.possible else 1.0
            task.outcomes["full" if share >= 1 else "part" if share > 0 else "none"] += 1
            task.shares.append(share)
        task.mistakes.update({one.hints[check] for check in checks if check in one.hints})
    return task


def _flags(results: Iterable[Result]) -> Counter[str]:
    """In how many submissions each kind of flag occurs, but for "grade by hand", which the tasks tell."""
    return Counter(
        name for one in results for name in dict.fromkeys(kind(flag) for flag in one.flags) if name != BY_HAND
    )


def _mistakes(reports: Sequence[LabReport]) -> Counter[str]:
    """How many submissions made each known mistake, by task and name, and by lab where there are several."""
    return Counter(
        {
            f"{report.name}, {task.name}: {mistake}"
            if len(reports) > 1
            else f"{task.name}: {mistake}": number
            for report in reports
            for task in report.tasks
            for mistake, number in task.mistakes.items()
        }
    )


def _draw_marks(axes: Axes, report: LabReport) -> None:
    colour, _ = COLOURS["full"]
    axes.hist([min(percent, 100) for percent in report.percents], bins=BINS, color=colour, edgecolor="white")
    axes.axvline(median(report.percents), color="black", lw=1, ls="--")
    axes.set_title(f"{report.name}: {_count(len(report.percents), 'submission')}", loc="left")
    waiting = f", {report.waiting} still waiting for grading by hand" if report.waiting else ""
    axes.set(
        xlabel=f"percent of all points{waiting}\ndashed: the median", ylabel="submissions", xlim=(0, 100)
    )
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def _draw_tasks(axes: Axes, report: LabReport) -> None:
    names = [f"{task.name} ({task.possible:g})" for task in report.tasks]
    left = [0] * len(names)
    for outcome, (colour, hatch) in COLOURS.items():
        counts = [task.outcomes[outcome] for task in report.tasks]
        axes.barh(names, counts, left=left, color=colour, hatch=hatch, edgecolor="white", label=outcome)
        left = [before + count for before, count in zip(left, counts, strict=True)]
    axes.invert_yaxis()
    axes.set_title("points by task, hardest first", loc="left")
    axes.set(xlabel="submissions", xlim=(0, len(report.percents)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


def _draw_counts(axes: Axes, title: str, counts: Counter[str], rows: int) -> None:
    most = counts.most_common(MOST_ROWS)
    bars = axes.barh(range(len(most)), [number for _, number in most], color="#8a8f98")
    axes.bar_label(bars, padding=3)
    # no text of a submission is taken for a formula
    texts = [_short(name).replace("$", r"\$") for name, _ in most]
    axes.set_yticks(range(len(most)), texts)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.margins(x=0.1)
    axes.set_title(f"{title}, by submissions", loc="left")
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def _short(text: str, most: int = 48) -> str:
    """One line of a text."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
