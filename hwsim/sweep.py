"""A function at every point of a grid, on one core or on a cluster, with its rows kept in a CSV file as they are done."""

import csv
import io
import json
import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from contextlib import closing
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

Scalar = bool | int | float | str | None
Row = dict[str, Scalar]
Grid = Mapping[str, Sequence[Scalar]] | Iterable[Mapping[str, Scalar]]
Key = tuple[str, ...]  # a point's values as text
Outcome = tuple[Key, Callable[[], Any]]
Outcomes = Generator[Outcome, None, None]


class SweepError(RuntimeError):
    """Some points failed (`failures`); the others are done (`rows`)."""

    rows: list[Row]
    failures: list[tuple[Row, Exception]]


def sweep(
    function: Callable[..., Any],
    grid: Grid,
    executor: Executor | None = None,
    path: str | os.PathLike[str] | None = None,
    progress: bool = True,
    keep_errors: bool = False,
) -> list[Row]:
    """Call `function(**point)` at every point of a grid.

    Parameters
    ----------
    function : returns a mapping of name -> number, string, bool or None, the same names at each point; or one such value,
        which gets the name "result". For an executor of other processes it must be a function that can be imported.
    grid : mapping of parameter -> values, for all combinations (the last parameter changes fastest); or an iterable of
        points, each a mapping of parameter -> value. Values are numbers, strings, bools or None.
    executor : any `concurrent.futures.Executor` (a process pool, Dask's `client.get_executor()`, mpi4py's
        `MPIPoolExecutor`), which stays open; None computes in this process.
    path : CSV file of the rows that are done. Points that stand in it are not computed again: after a crash, call `sweep` as
        before. It does not know the function: use another file when the function changes. One sweep at a time can use it.
    progress : bool, whether to show a progress bar (needs tqdm)
    keep_errors : bool, whether a point that fails becomes a row with an "error" instead of a `SweepError`

    Returns
    -------
    list of dict, parameters and results, in the order of the grid, whatever finishes first. The file has the same order once
    the sweep is through. Rows of the file that are not points of this grid stay in it, behind the others.

    Raises
    ------
    ValueError
        When the grid has a value that is no scalar, a point twice or points of different parameters, or `path` has other
        columns.
    SweepError
        When points failed, after all others are done: it names their parameters and holds the rows. Failed points are not
        in the file and are computed again the next time.
    BrokenExecutor
        When the executor lost a worker and gave up; what was done until then is in the file. Dask does not give up: other
        workers take over, and a point that killed several of them has failed.

    Examples
    --------
    >>> from hwsim import MatMul, SystolicArray
    >>> def cycles(size, dataflow):
    ...     return SystolicArray(size, size, dataflow).run(MatMul("fc", 64, 256, 256)).cycles
    >>> for row in sweep(cycles, {"size": [8, 16], "dataflow": ["ws", "os"]}, progress=False):
    ...     print(row)
    {'size': 8, 'dataflow': 'ws', 'result': 88064}
    {'size': 8, 'dataflow': 'os', 'result': 71168}
    {'size': 16, 'dataflow': 'ws', 'result': 28160}
    {'size': 16, 'dataflow': 'os', 'result': 19328}
    """
    points = _points(grid)
    table = _Table(path, list(next(iter(points.values()), {})))
    todo = {key: point for key, point in points.items() if key not in table.rows}
    failures: dict[Key, Exception] = {}
    broken: BrokenExecutor | None = None
    with closing(_finished(function, todo, executor)) as outcomes:
        steps: Iterable[Outcome] = outcomes
        if progress:
            from tqdm import tqdm

            done = len(points) - len(todo)
            steps = tqdm(outcomes, desc="sweep", unit="point", total=len(points), initial=done, leave=False)
        for key, result in steps:
            try:
                row = table.row(points[key], result())
            except BrokenExecutor as error:
                broken = error
            except Exception as error:
                failures[key] = error
            else:
                table.add(key, row)
    table.sort(points)
    rows = [table.rows[key] for key in points if key in table.rows]
    if broken is not None:
        where = f"They are in {path}: call" if path else "Give a path to keep them, and call"
        broken.add_note(
            f"sweep: {len(rows)} of {len(points)} points are done. {where} sweep again with a new executor."
        )
        raise broken
    errors = {key: f"{type(error).__name__}: {error}" for key, error in failures.items()}
    if errors and not keep_errors:
        failed = [key for key in points if key in errors]
        message = f"{len(failed)} of {len(points)} points failed; the rows of the others are in `rows`:"
        lines = [message, *(f"  {points[key]}: {errors[key]}" for key in failed[:5])]
        if len(failed) > 5:
            lines.append(f"  and {len(failed) - 5} more")
        caught = SweepError("\n".join(lines))
        caught.rows, caught.failures = rows, [(points[key], failures[key]) for key in failed]
        raise caught from failures[failed[0]]
    return [
        point | {"error": errors[key]} if key in errors else table.rows[key] for key, point in points.items()
    ]


class _Table:
    """The rows that are done, by their points; with a path, each is in the file as soon as it is here.

    A row is one line, appended by one write. A line without its end, or with too few cells, was cut short by a crash:
    it is dropped. Whatever replaces the file replaces it whole.
    """

    def __init__(self, path: str | os.PathLike[str] | None, names: list[str]) -> None:
        self.path = None if path is None or not names else Path(path)
        self.names = names
        self.header: list[str] = []  # these names and the results'; known with the first row
        self.rows: dict[Key, Row] = {}
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                self._read(self.path)
                self._write()

    def _read(self, path: Path) -> None:
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1].decode()
        lines = [next(csv.reader([line]), []) for line in whole.split("\n")[:-1]]
        if lines:
            self.header, width = lines[0], len(self.names)
            if self.header[:width] != self.names or len(self.header) == width:
                raise ValueError(
                    f"{path} has the columns {self.header}, which do not begin with the parameters {self.names}; "
                    "give another path, or move the file away"
                )
        elif not (content.startswith(start := _line(self.names)[:-1].encode()) or start.startswith(content)):
            raise ValueError(f"{path} is not a sweep's file; give another path")
        for cells in lines[1:]:
            if len(cells) == len(self.header):
                row = dict(zip(self.header, map(_value, cells), strict=True))
                self.rows[_key({name: row[name] for name in self.names})] = row

    def _write(self) -> None:
        """Replace the file by one with all rows."""
        if self.path and self.header:
            new = self.path.with_name(f"{self.path.name}.new")
            rows = (map(_cell, row.values()) for row in self.rows.values())
            new.write_text("".join(map(_line, [self.header, *rows])), encoding="utf-8", newline="")
            new.replace(self.path)
        elif self.path:
            self.path.unlink(missing_ok=True)  # not even a whole line of names

    def row(self, point: Row, returned: Any) -> Row:
        """The row of a point; ValueError unless the results have the names that the first point's had, and no parameter's."""
        results = returned if isinstance(returned, Mapping) else {"result": returned}
        results = {str(name): _scalar(value, name) for name, value in results.items()}
        expected = self.header[len(self.names) :] or list(results)
        if set(results) != set(expected) or not results or set(results) & set(self.names):
            raise ValueError(
                f"the function returned {list(results)}; it must return the same names at each point "
                f"({expected} here) and none of the parameters {self.names}"
            )
        return point | {name: results[name] for name in expected}

    def add(self, key: Key, row: Row) -> None:
        """Keep a row."""
        header = "" if self.header else _line(row)
        self.header = list(row)
        if self.path:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(header + _line(map(_cell, row.values())))
        self.rows[key] = row

    def sort(self, keys: Iterable[Key]) -> None:
        """Bring the rows into the order of the keys; others follow."""
        ordered = {key: self.rows[key] for key in keys if key in self.rows} | self.rows
        if list(self.rows) != list(ordered):
            self.rows = ordered
            self._write()


def _points(grid: Grid) -> dict[Key, Row]:
    """Every point as parameter -> value."""
    if isinstance(grid, Mapping):
        for name, values in grid.items():
            if isinstance(values, str | set) or not isinstance(values, Iterable):
                raise ValueError(f"{name} must have a list of values, got {values!r}; write [{values!r}]")
        grid = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    points: dict[Key, Row] = {}
    for given in grid:
        if not isinstance(given, Mapping) or "error" in given:
            raise ValueError(
                f"a point is a mapping of parameter -> value, none of them named 'error', got {given!r}"
            )
        point = {name: _scalar(value, name) for name, value in given.items()}
        if not point or list(point) != list(next(iter(points.values()), point)):
            raise ValueError(
                "all points of a grid must have the same parameters in the same order, at least one"
            )
        if _key(point) in points:
            raise ValueError(f"the point {point} stands twice in the grid; leave one out")
        points[_key(point)] = point
    return points


def _finished(function: Callable[..., Any], todo: dict[Key, Row], executor: Executor | None) -> Outcomes:
    """Yield each point, whatever finishes first, and what returns its result or raises its error."""
    # A partial: an executor's submit may have parameters of its own.
    calls = {key: partial(_call, function, point, uuid4().hex) for key, point in todo.items()}
    if executor is None:
        yield from calls.items()
        return
    futures: dict[Future[Any], Key] = {}
    try:
        for key, call in calls.items():
            try:
                future = executor.submit(call)
            except BrokenExecutor as error:  # a worker died while points were still handed out
                future = Future()
                future.set_exception(error)
            futures[future] = key
        for future in as_completed(futures):
            yield futures[future], future.result
    finally:
        for future in futures:
            future.cancel()


def _call(function: Callable[..., Any], point: Row, token: str) -> Any:
    """`function(**point)`. The token is for Dask: to equal calls it gives the same answer, even that a worker died."""
    return function(**point)


def _scalar(value: Any, name: str) -> Scalar:
    """The value as one of Python's own types, so that a row reads back as it was."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ValueError(
            f"{name} is {value!r}; a sweep's parameters and results are numbers, strings, bools and None. "
            "Give it a name or number, and make the object inside the function"
        )
    return value


def _key(point: Row) -> Key:
    return tuple(map(_cell, point.values()))


def _cell(value: Scalar) -> str:
    """The value as text: JSON, but a string as it is where that is not taken for something else."""
    if isinstance(value, str) and _value(value) == value and value.isprintable():
        return value
    return json.dumps(value)


def _value(cell: str) -> Any:
    """The value that `_cell` wrote."""
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
