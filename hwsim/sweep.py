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

import numpy as np

Scalar = bool | int | float | str | None
Row = dict[str, Scalar]
Grid = Mapping[str, Sequence[Scalar]] | Iterable[Mapping[str, Scalar]]


class SweepError(RuntimeError):
    """Some points failed; the others are done.

    Attributes
    ----------
    rows : list of dict, the rows of the points that are done
    failures : list of (point, exception)
    """

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
        which gets the name "result". For an executor that runs in other processes it must be a function that can be
        imported.
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
        When the executor lost a worker and gave up; what was done until then is in the file.

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
    table = _Table(path, list(points[0]) if points else [])
    keys = [_key(point) for point in points]
    if len(set(keys)) < len(keys):
        twice = next(point for key, point in zip(keys, points, strict=True) if keys.count(key) > 1)
        raise ValueError(f"the point {twice} stands twice in the grid; leave one out")
    todo = [i for i, key in enumerate(keys) if key not in table.rows]
    failures: dict[int, Exception] = {}
    broken: BrokenExecutor | None = None
    with closing(_finished(function, points, todo, executor)) as outcomes:
        for i, future in _bar(outcomes, len(points), len(points) - len(todo), progress):
            try:
                results = table.check(_results(future.result()))
            except BrokenExecutor as error:
                broken = error
            except Exception as error:
                failures[i] = error
            else:
                table.add(keys[i], points[i], results)
    table.sort(keys)
    if broken is not None:
        where = f"They are in {path}: call" if path else "Give a path to keep them, and call"
        done = sum(key in table.rows for key in keys)
        broken.add_note(
            f"sweep: {done} of {len(points)} points are done. {where} sweep again with a new executor."
        )
        raise broken
    rows = [table.rows[key] for key in keys if key in table.rows]
    if not failures:
        return rows
    if not keep_errors:
        failed = [(points[i], failures[i]) for i in sorted(failures)]
        lines = [f"  {point}: {_text(error)}" for point, error in failed[:5]]
        more = [f"  and {len(failed) - 5} more"] if len(failed) > 5 else []
        message = f"{len(failed)} of {len(points)} points failed; the rows of the others are in `rows`"
        caught = SweepError("\n".join([f"{message}:", *lines, *more]))
        caught.rows, caught.failures = rows, failed
        raise caught from failed[0][1]
    return [
        {**points[i], "error": _text(failures[i])} if i in failures else table.rows[key]
        for i, key in enumerate(keys)
    ]


class _Table:
    """The rows that are done, by their parameters as text; with a path, each is in the file as soon as it is here.

    A row is one line, appended by one write. A line without its end, or with too few cells, was cut short by a crash:
    it is dropped. Whatever replaces the file replaces it whole.
    """

    def __init__(self, path: str | os.PathLike[str] | None, names: list[str]) -> None:
        self.path = None if path is None else Path(path)
        self.names = names
        self.results: list[str] | None = None  # their names are known with the first row
        self.rows: dict[tuple[str, ...], Row] = {}
        if self.path and names:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                self._read(self.path)

    def _read(self, path: Path) -> None:
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1].decode()
        lines = [next(csv.reader([line]), []) for line in whole.split("\n")[:-1]]
        if lines:
            header, width = lines[0], len(self.names)
            if header[:width] != self.names or len(header) == width:
                raise ValueError(
                    f"{path} has the columns {header}, which do not begin with the parameters {self.names}; "
                    "give another path, or move the file away"
                )
            self.results = header[width:]
            for cells in lines[1:]:
                if len(cells) == len(header):
                    row = dict(zip(header, map(_value, cells), strict=True))
                    self.rows[_key({name: row[name] for name in self.names})] = row
        elif not (content.startswith(start := _line(self.names)[:-1].encode()) or start.startswith(content)):
            raise ValueError(f"{path} is not a sweep's file; give another path")
        self._write()

    def _write(self) -> None:
        """Replace the file by one with all rows."""
        if self.path and self.results is not None:
            new = self.path.with_name(f"{self.path.name}.new")
            lines = [
                _line(self.names + self.results),
                *(_line(map(_cell, r.values())) for r in self.rows.values()),
            ]
            new.write_text("".join(lines), encoding="utf-8", newline="")
            new.replace(self.path)
        elif self.path:
            self.path.unlink(missing_ok=True)  # not even a whole line of names

    def check(self, results: Row) -> Row:
        """Return the results of a point if they have the names that the first point's had, and no parameter's."""
        expected = list(results) if self.results is None else self.results
        if set(results) != set(expected) or not results or set(results) & set(self.names):
            raise ValueError(
                f"the function returned {list(results)}; it must return the same names at each point "
                f"({expected} here) and none of the parameters {self.names}"
            )
        return {name: results[name] for name in expected}

    def add(self, key: tuple[str, ...], point: Row, results: Row) -> None:
        """Keep the row of a point."""
        first = self.results is None
        self.results = list(results)
        row = {**point, **results}
        if self.path:
            header = _line(self.names + self.results) if first else ""
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(header + _line(map(_cell, row.values())))
        self.rows[key] = row

    def sort(self, keys: list[tuple[str, ...]]) -> None:
        """Bring the rows into the order of the keys; others follow."""
        ordered = {key: self.rows[key] for key in keys if key in self.rows}
        if list(self.rows) != list(ordered | self.rows):
            self.rows = ordered | self.rows
            self._write()


def _points(grid: Grid) -> list[Row]:
    """Every point as parameter -> value."""
    if isinstance(grid, Mapping):
        for name, values in grid.items():
            if isinstance(values, str) or not isinstance(values, Iterable):
                raise ValueError(f"{name} must have a list of values, got {values!r}; write [{values!r}]")
        grid = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    points = [{name: _scalar(value, name) for name, value in point.items()} for point in grid]
    if any(list(point) != list(points[0]) or not point for point in points):
        raise ValueError("all points of a grid must have the same parameters in the same order, at least one")
    return points


def _finished(
    function: Callable[..., Any], points: list[Row], todo: list[int], executor: Executor | None
) -> Generator[tuple[int, Future[Any]], None, None]:
    """Yield the number of each point and its finished future, whatever finishes first."""
    if executor is None:
        for i in todo:
            future: Future[Any] = Future()
            try:
                future.set_result(function(**points[i]))
            except Exception as error:
                future.set_exception(error)
            yield i, future
        return
    futures: dict[Future[Any], int] = {}
    try:
        for i in todo:
            try:  # a partial: an executor's submit may have parameters of its own
                future = executor.submit(partial(function, **points[i]))
            except BrokenExecutor as error:  # a worker died while points were still handed out
                future = Future()
                future.set_exception(error)
            futures[future] = i
        for future in as_completed(futures):
            yield futures[future], future
    finally:
        for future in futures:
            future.cancel()


def _bar(
    outcomes: Iterable[tuple[int, Future[Any]]], total: int, done: int, progress: bool
) -> Iterable[tuple[int, Future[Any]]]:
    if not progress:
        return outcomes
    from tqdm import tqdm

    return tqdm(outcomes, desc="sweep", unit="point", total=total, initial=done, leave=False)


def _results(returned: Any) -> Row:
    """What the function returned, as name -> value."""
    if not isinstance(returned, Mapping):
        returned = {"result": returned}
    return {str(name): _scalar(value, name) for name, value in returned.items()}


def _scalar(value: Any, name: str) -> Scalar:
    """The value as one of Python's own types, so that a row reads back as it was."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ValueError(
            f"{name} is {value!r}; a sweep's parameters and results are numbers, strings, bools and None. "
            "Give it a name or number, and make the object inside the function"
        )
    return value


def _key(point: Row) -> tuple[str, ...]:
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


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
