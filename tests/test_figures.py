"""The figure helpers draw what they say."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from effdl import figures


@pytest.fixture(autouse=True)
def headless():
    mpl.use("Agg")
    with mpl.rc_context():
        yield
    plt.close("all")


def test_style_separates_lines_in_black_and_white():
    figures.style()
    cycle = list(mpl.rcParams["axes.prop_cycle"])
    assert len({str(entry["linestyle"]) for entry in cycle}) == len(cycle)
    assert len({entry["marker"] for entry in cycle}) == len(cycle)


def test_band_draws_the_mean_and_the_range():
    samples = np.array([[1.0, 2.0], [3.0, 6.0]])
    axis = plt.figure().subplots()
    curve = figures.band(axis, [0, 1], samples, "two seeds")
    assert curve.get_ydata().tolist() == [2, 4]
    corners = axis.collections[0].get_paths()[0].vertices
    assert (corners[:, 1].min(), corners[:, 1].max()) == (1, 6)


def test_matrix_writes_every_number_and_hatches_the_removed():
    axis = plt.figure().subplots()
    figures.matrix(axis, np.array([[1.0, -2.0]]), "title", keep=np.array([[True, False]]))
    assert [text.get_text() for text in axis.texts] == ["1.00", "-2.00"]
    assert [patch.get_hatch() for patch in axis.patches] == ["///"]


def test_spread_is_mean_and_deviation():
    assert figures.spread(np.array([0.25, 0.75])) == "0.500 (0.250)"


def test_table_is_markdown_with_thousands():
    assert figures.table(["a", "b"], [[1234, "x"]]).data == "| a | b |\n| --- | --- |\n| 1,234 | x |"
