"""Sweeps: the same rows in the same order from every executor, and nothing lost when something dies."""

import logging
import math
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import psutil
import pytest
from distributed import Client, LocalCluster
from hypothesis import given
from hypothesis import strategies as st

import hwsim
from hwsim import SweepError, networks, sweep

GRID = {"workers": [1, 4, 16], "algorithm": ["Ring", "Tree"]}


def step(workers, algorithm):
    """A real point: a training step of ResNet-50."""
    (row,) = hwsim.scaling(
        getattr(hwsim, algorithm), [workers], 0.1, networks.resnet50().weight_bytes(), hwsim.Link(1e-6, 1e10)
    )
    return {"seconds": row.seconds, "efficiency": row.efficiency}


def reversed_in_time(i):
    time.sleep(0.02 * (5 - i))
    return i * i


def recorded(i, folder, kill=-1):
    """Leave a file for each call; at point `kill`, die the first time."""
    calls = Path(folder) / f"{i}"
    with calls.open("a") as file:
        file.write("x")
    if i == kill and calls.read_text() == "x":
        os.kill(os.getpid(), signal.SIGKILL)
    return {"square": i * i}


def picky(rows, cols):
    if rows == 2:
        raise ValueError(f"{rows} rows do not fit")
    return rows * cols


@pytest.fixture
def nothing_left_running():
    """The processes that a test starts have ended after it."""
    resource_tracker.ensure_running()  # Python's own processes stay
    if multiprocessing.get_start_method() == "forkserver":
        forkserver.ensure_running()
    before = psutil.Process().children(recursive=True)
    yield
    started = set(psutil.Process().children(recursive=True)) - set(before)
    assert not psutil.wait_procs(started, timeout=5)[1]


@pytest.fixture
def cluster(nothing_left_running, tmp_path):
    """Two Dask workers, each a process with a nanny that starts another when it dies."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        local_directory=tmp_path / "dask",
        silence_logs=logging.CRITICAL,
    ) as cluster:
        yield cluster


def quiet(*arguments, **options):
    return sweep(*arguments, progress=False, **options)


def test_all_combinations_in_order():
    rows = quiet(step, GRID)
    assert [(row["workers"], row["algorithm"]) for row in rows] == [
        (workers, name) for workers in (1, 4, 16) for name in ("Ring", "Tree")
    ]
    assert all(row == {**row, **step(row["workers"], row["algorithm"])} for row in rows)
    assert list(rows[0]) == ["workers", "algorithm", "seconds", "efficiency"]


@pytest.mark.usefixtures("nothing_left_running")
@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_every_executor_gives_the_same_rows_and_the_same_file(pool, tmp_path):
    alone = quiet(step, GRID, path=tmp_path / "alone.csv")
    with pool(2) as executor:
        assert quiet(step, GRID, executor, tmp_path / "pool.csv") == alone
        assert executor.submit(pow, 2, 3).result() == 8  # still open
    assert (tmp_path / "pool.csv").read_text() == (tmp_path / "alone.csv").read_text()


def test_the_order_does_not_depend_on_what_finishes_first(tmp_path):
    with ThreadPoolExecutor(5) as executor:
        rows = quiet(reversed_in_time, {"i": range(5)}, executor, tmp_path / "rows.csv")
    assert rows == [{"i": i, "result": i * i} for i in range(5)]
    assert (tmp_path / "rows.csv").read_text() == "i,result\n0,0\n1,1\n2,4\n3,9\n4,16\n"


def test_points_can_be_listed_and_the_empty_grid_has_no_rows(tmp_path):
    points = [{"rows": 3, "cols": 4}, {"rows": 1, "cols": 5}]
    assert [row["result"] for row in quiet(picky, points)] == [12, 5]
    assert quiet(picky, []) == quiet(picky, {"rows": [], "cols": [1]}, path=tmp_path / "none.csv") == []


def test_what_is_done_is_not_done_again(tmp_path):
    path = tmp_path / "new" / "rows.csv"
    first = quiet(recorded, {"i": [3, 1], "folder": [str(tmp_path)]}, path=path)
    rows = quiet(recorded, {"i": [0, 1, 2], "folder": [str(tmp_path)]}, path=path)
    assert [row["square"] for row in rows] == [0, 1, 4]
    assert rows[1] == first[1]
    assert {name: (tmp_path / name).read_text() for name in "0123"} == dict.fromkeys("0123", "x")
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ["i", "0", "1", "2", "3"]


AWKWARD = [
    "",
    "é",
    "1",
    "true",
    "null",
    "NaN",
    '"',
    'a "b"',
    "a,b",
    "line\nline\r",
    "é\u2028",
    " 1",
    "[1]",
    "\ud800",
]


def test_a_file_cut_anywhere_is_completed(tmp_path):
    grid = {"text": AWKWARD[:12], "number": [1.5, None]}
    path = tmp_path / "rows.csv"
    rows = quiet(lambda text, number: {"copy": text, "length": len(text)}, grid, path=path)
    whole = path.read_bytes()
    assert whole.count(b"\n") == len(rows) + 1  # a row is a line
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        calls = []

        def function(text, number, calls=calls):
            calls.append(text)
            return {"copy": text, "length": len(text)}

        assert quiet(function, grid, path=path) == rows
        assert path.read_bytes() == whole
        assert len(calls) == len(rows) - max(0, whole[:cut].count(b"\n") - 1)


@given(
    st.lists(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(AWKWARD))
)
def test_values_read_back_as_they_were(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("sweep") / "rows.csv"
    grid = {"i": range(len(values))}
    quiet(lambda i: values[i], grid, path=path)
    again = quiet(lambda i: pytest.fail("computed again"), grid, path=path)
    for row, value in zip(again, values, strict=True):
        assert type(row["result"]) is type(value)
        assert row["result"] == value or (math.isnan(value) and math.isnan(row["result"]))


def test_numpy_scalars_become_numbers(tmp_path):
    for _ in range(2):
        (row,) = quiet(
            lambda n: {"x": np.float32(0.5), "y": n > 2}, {"n": np.arange(3, 4)}, path=tmp_path / "r.csv"
        )
        assert row == {"n": 3, "x": 0.5, "y": True}
        assert [type(value) for value in row.values()] == [int, float, bool]


@pytest.mark.parametrize("pool", [None, ProcessPoolExecutor])
def test_an_error_names_its_point_and_the_others_are_kept(pool, tmp_path):
    grid, path = {"rows": [1, 2, 3], "cols": [5, 7]}, tmp_path / "rows.csv"
    executor = pool and pool(2)
    with pytest.raises(SweepError) as caught:
        quiet(picky, grid, executor, path)
    message = str(caught.value)
    assert message.startswith("2 of 6 points failed; the rows of the others are in `rows`:")
    assert "{'rows': 2, 'cols': 5}: ValueError: 2 rows do not fit" in message
    assert [point for point, _ in caught.value.failures] == [{"rows": 2, "cols": c} for c in (5, 7)]
    assert [row["result"] for row in caught.value.rows] == [5, 7, 15, 21]
    assert path.read_text() == "rows,cols,result\n1,5,5\n1,7,7\n3,5,15\n3,7,21\n"
    rows = quiet(picky, grid, executor, path, keep_errors=True)
    assert rows[2] == {"rows": 2, "cols": 5, "error": "ValueError: 2 rows do not fit"}
    assert rows[4] == {"rows": 3, "cols": 5, "result": 15}
    # the failed points are done when they can be
    assert [row["result"] for row in quiet(lambda rows, cols: 0, grid, path=path)] == [5, 7, 0, 0, 15, 21]
    if executor:
        executor.shutdown()


def test_many_errors_are_counted():
    with pytest.raises(SweepError, match=r"9 of 9 points failed(?s:.*)and 4 more$") as caught:
        quiet(picky, {"rows": [2], "cols": range(9)})
    assert isinstance(caught.value.__cause__, ValueError)
    assert len(caught.value.failures) == 9
    copy = pickle.loads(pickle.dumps(caught.value))  # a sweep may itself run in a pool
    assert str(copy) == str(caught.value)
    assert len(copy.failures) == 9


@pytest.mark.usefixtures("nothing_left_running")
def test_a_killed_worker_loses_nothing(tmp_path):
    path = tmp_path / "rows.csv"
    grid = {"i": range(6), "folder": [str(tmp_path)], "kill": [3]}
    with (
        ProcessPoolExecutor(1) as executor,
        pytest.raises(BrokenProcessPool) as caught,
    ):
        quiet(recorded, grid, executor, path)
    (note,) = caught.value.__notes__
    assert note.startswith("sweep: 3 of 6 points are done")
    assert str(path) in note
    kept = path.read_text()
    assert [line.split(",")[0] for line in kept.splitlines()] == ["i", "0", "1", "2"]
    with ProcessPoolExecutor(1) as executor:
        rows = quiet(recorded, grid, executor, path)
    assert [row["square"] for row in rows] == [0, 1, 4, 9, 16, 25]
    assert path.read_text().startswith(kept)
    # only the point that died ran twice
    assert [(tmp_path / str(i)).read_text() for i in range(6)] == ["x", "x", "x", "xx", "x", "x"]


@pytest.mark.usefixtures("nothing_left_running")
def test_a_killed_worker_among_several_loses_nothing(tmp_path):
    path = tmp_path / "rows.csv"
    grid = {"i": range(20), "folder": [str(tmp_path)], "kill": [7]}
    with ProcessPoolExecutor(2) as executor, pytest.raises(BrokenExecutor):
        quiet(recorded, grid, executor, path)
    kept = path.read_text().splitlines()[1:]
    with ProcessPoolExecutor(2) as executor:
        rows = quiet(recorded, grid, executor, path)
    assert [row["square"] for row in rows] == [i * i for i in range(20)]
    assert set(kept) <= set(path.read_text().splitlines())
    for line in kept:
        assert (tmp_path / line.split(",")[0]).read_text() == "x"


def test_dask_gives_the_points_of_a_killed_worker_to_another(cluster, tmp_path):
    grid = {"i": range(12), "folder": [str(tmp_path)], "kill": [3]}
    with Client(cluster) as client:
        rows = quiet(recorded, grid, client.get_executor(), tmp_path / "dask.csv")
    assert (tmp_path / "3").read_text() >= "xx"  # it did die
    assert rows == quiet(recorded, grid, path=tmp_path / "alone.csv")  # kills no more
    assert [row["square"] for row in rows] == [i * i for i in range(12)]
    assert (tmp_path / "dask.csv").read_text() == (tmp_path / "alone.csv").read_text()


def test_points_that_dask_gives_up_are_all_that_is_computed_again(cluster, tmp_path):
    cluster.scheduler.allowed_failures = 0
    grid = {"i": range(12), "folder": [str(tmp_path)], "kill": [3]}
    path = tmp_path / "rows.csv"
    with Client(cluster) as client:
        executor = client.get_executor()
        with pytest.raises(SweepError, match="KilledWorker") as caught:
            quiet(recorded, grid, executor, path)
        failed = [point["i"] for point, _ in caught.value.failures]  # 3, and what waited in the same worker
        assert 3 in failed
        kept = [row["i"] for row in caught.value.rows]
        assert sorted(failed + kept) == list(range(12))
        executor.submit = Mock(wraps=executor.submit)
        rows = quiet(recorded, grid, executor, path)  # of the same client, which still knows the failures
    assert [row["square"] for row in rows] == [i * i for i in range(12)]
    assert executor.submit.call_count == len(failed)


def test_a_killed_sweep_goes_on_where_it_was(tmp_path):
    path = tmp_path / "rows.csv"
    code = (
        "import sys; from hwsim import sweep; from test_hwsim_sweep import recorded\n"
        "grid = {'i': range(6), 'folder': [sys.argv[1]], 'kill': [4]}\n"
        "print(sum(row['square'] for row in sweep(recorded, grid, path=sys.argv[2], progress=False)))"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(path)]
    search = os.pathsep.join([str(Path(__file__).parent), str(Path(hwsim.__file__).parent.parent)])
    environment = {**os.environ, "PYTHONPATH": search}
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    assert len(path.read_text().splitlines()) == 1 + 4
    result = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert result.stdout.strip() == "55"
    assert [(tmp_path / str(i)).read_text() for i in range(6)] == ["x"] * 4 + ["xx", "x"]


def test_an_executor_that_refuses_more_work_keeps_what_it_did(tmp_path):
    class Breaks(ThreadPoolExecutor):
        """Takes two points."""

        taken = 0

        def submit(self, *arguments, **options):
            self.taken += 1
            if self.taken > 2:
                raise BrokenExecutor("no more")
            return super().submit(*arguments, **options)

    grid, path = {"rows": [1, 3, 4], "cols": [1]}, tmp_path / "rows.csv"
    with Breaks(1) as executor, pytest.raises(BrokenExecutor, match="no more"):
        quiet(picky, grid, executor, path)
    assert path.read_text() == "rows,cols,result\n1,1,1\n3,1,3\n"


def test_an_interrupted_sweep_cancels_what_waits(tmp_path):
    class Waits(ThreadPoolExecutor):
        """Never starts: the futures wait until they are cancelled."""

        futures = ()

        def submit(self, function):
            future = Future()
            self.futures = (*self.futures, future)
            if len(self.futures) == 3:
                raise KeyboardInterrupt
            return future

    executor = Waits()
    with pytest.raises(KeyboardInterrupt):
        quiet(picky, {"rows": range(3), "cols": [1]}, executor)
    assert [future.cancelled() for future in executor.futures] == [True, True, False]


def test_parameters_may_have_the_names_of_an_executors_options():
    with ThreadPoolExecutor(1) as executor:
        (row,) = quiet(
            lambda fn, workers, function: fn + workers + function,
            {"fn": [1], "workers": [2], "function": [3]},
            executor,
        )
    assert row["result"] == 6


def test_a_progress_bar_counts_the_points(capsys, tmp_path):
    sweep(picky, {"rows": [1, 3], "cols": [1]}, path=tmp_path / "rows.csv")
    sweep(picky, {"rows": [1, 3, 4], "cols": [1]}, path=tmp_path / "rows.csv")
    shown = capsys.readouterr().err
    assert "sweep" in shown
    assert "0/2" in shown
    assert "2/3" in shown
    quiet(picky, {"rows": [1], "cols": [1]})
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"rows": "ws", "cols": [1]}, r"rows must have a list of values, got 'ws'; write \['ws'\]"),
        ({"rows": 3, "cols": [1]}, "rows must have a list of values, got 3"),
        ({"rows": [(3, 3)], "cols": [1]}, r"rows is \(3, 3\); a sweep's parameters and results are numbers"),
        ({"rows": [1, 1], "cols": [1]}, "stands twice in the grid"),
        ([{"rows": 1}, {"cols": 1}], "all points of a grid must have the same parameters"),
        ([{}], "at least one"),
    ],
)
def test_bad_grids_are_refused(grid, message):
    with pytest.raises(ValueError, match=message):
        quiet(picky, grid)


@pytest.mark.parametrize("content", ["a,b,c\n1,2,3\n", "rows,cols\n1,2\n", "notes", "rows;cols"])
def test_files_of_something_else_are_left_alone(content, tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"notes\.csv .*another path"):
        quiet(picky, {"rows": [1], "cols": [1]}, path=path)
    assert path.read_text() == content


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda i: {"a": 1} if i == 0 else {"b": 1}, r"returned \['b'\]; it must return the same names"),
        (lambda i: {"i": 1} if i else {"a": 1}, "none of the parameters"),
        (lambda i: {} if i else {"a": 1}, "same names"),
        (lambda i: [1] if i else {"a": 1}, r"result is \[1\]; a sweep's parameters and results"),
    ],
)
def test_results_that_make_no_row_are_errors_of_their_point(function, message):
    with pytest.raises(SweepError, match=message) as caught:
        quiet(function, {"i": [0, 1]})
    assert caught.value.rows == [{"i": 0, "a": 1}]
    assert [point for point, _ in caught.value.failures] == [{"i": 1}]


def test_a_line_with_too_few_cells_is_done_again(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("rows,cols,result\n1,5,5\n1,7\n\n3,5,15\n")
    rows = quiet(picky, {"rows": [1, 3], "cols": [5, 7]}, path=path)
    assert [row["result"] for row in rows] == [5, 7, 15, 21]
    assert path.read_text() == "rows,cols,result\n1,5,5\n1,7,7\n3,5,15\n3,7,21\n"
