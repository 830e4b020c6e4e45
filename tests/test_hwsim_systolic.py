"""The systolic array: SCALE-Sim's counts, exact products, and a simulation that agrees with the closed form."""

import csv
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim import HOROWITZ_45NM, Conv2d, MatMul, Network, SystolicArray, networks

with (Path(__file__).parent / "reference" / "scalesim_cycles.csv").open() as file:
    ROWS = list(csv.DictReader(file))
DATAFLOWS = ["ws", "os", "is"]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r['layer']}-{r['R']}x{r['C']}-{r['dataflow']}")
def test_equals_scalesim(row):
    layer = MatMul(row["layer"], int(row["M"]), int(row["K"]), int(row["N"]))
    machine = SystolicArray(int(row["R"]), int(row["C"]), row["dataflow"], drain=False)
    printed = int(row["total_cycles"])  # the index of the last cycle
    report = machine.run(layer)
    assert report.cycles == machine.cycles(layer) == printed + 1
    assert report.utilization * report.cycles / printed * 100 == pytest.approx(float(row["overall_util_pct"]))
    assert machine.mapped(layer) * 100 == pytest.approx(float(row["mapping_eff_pct"]))
    assert report.counts["activation reads"] == int(row["sram_ifmap_reads"])
    assert report.counts["weight reads"] == int(row["sram_filter_reads"])
    spurious = report.counts["folds"] * (machine.rows + machine.cols) if row["dataflow"] == "os" else 0
    assert report.counts["output writes"] + spurious == int(row["sram_ofmap_writes"])
    drained = SystolicArray(machine.rows, machine.cols, row["dataflow"])
    extra = report.counts["folds"] * machine.rows if row["dataflow"] == "os" else 0
    assert drained.cycles(layer) == report.cycles + extra


def test_all_rows_are_there():
    assert len(ROWS) == 127


def check(machine, a, b):
    """The simulation of a times b against NumPy and the closed form."""
    layer = MatMul("product", a.shape[0], a.shape[1], b.shape[1])
    product, trace = machine.simulate(a, b)
    np.testing.assert_array_equal(product, a.astype(np.int64) @ b.astype(np.int64))
    assert trace.cycles == machine.cycles(layer)
    assert trace.active.size == machine.fold_cycles(layer)
    assert trace.macs == layer.macs
    assert trace.counts == machine.counts(layer)
    assert trace.folds == machine.run(layer).counts["folds"]
    return trace


def integers(rng, shape):
    """Of one of the sizes that the simulation holds in float32, float64 and int64."""
    largest = rng.choice([100, 10**6, 10**8])
    return rng.integers(-largest, largest + 1, shape)


@settings(deadline=None, max_examples=300)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(DATAFLOWS),
    st.booleans(),
    st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20)),
    st.integers(0, 2**32),
)
def test_simulation_equals_the_closed_form(rows, cols, dataflow, drain, shape, seed):
    m, k, n = shape
    rng = np.random.default_rng(seed)
    check(SystolicArray(rows, cols, dataflow, drain), integers(rng, (m, k)), integers(rng, (k, n)))


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (1, 64, 1), (64, 1, 1), (1, 1, 64), (100, 50, 30), (33, 65, 31)]
)
@pytest.mark.parametrize("size", [(1, 1), (1, 16), (16, 1), (32, 32), (12, 14), (128, 128)])
def test_shapes(dataflow, shape, size):
    m, k, n = shape
    rng = np.random.default_rng(0)
    check(SystolicArray(*size, dataflow), integers(rng, (m, k)), integers(rng, (k, n)))


MODERATE = [row for row in ROWS if int(row["M"]) * int(row["N"]) * int(row["K"]) < 10**8]


@pytest.mark.parametrize("row", MODERATE, ids=lambda r: f"{r['layer']}-{r['R']}x{r['C']}-{r['dataflow']}")
def test_simulation_equals_scalesim(row):
    m, k, n = int(row["M"]), int(row["K"]), int(row["N"])
    rng = np.random.default_rng(0)
    machine = SystolicArray(int(row["R"]), int(row["C"]), row["dataflow"], drain=False)
    trace = check(machine, rng.integers(-50, 50, (m, k)), rng.integers(-50, 50, (k, n)))
    assert trace.cycles == int(row["total_cycles"]) + 1


def one_pe_at_a_time(a, b, rows, cols):
    """The output-stationary array on one fold, written PE by PE: the sums, and the PEs active in each cycle."""
    m, k, n = *a.shape, b.shape[1]
    right, down = ([[None] * cols for _ in range(rows)] for _ in range(2))
    sums, active = np.zeros((rows, cols), np.int64), []
    for t in range(k + rows + cols - 2):
        active.append(0)
        for r in reversed(
            range(rows)
        ):  # from the far corner back, so that each neighbor still has its old number
            for c in reversed(range(cols)):
                edge_a = a[r, t - r] if r < m and 0 <= t - r < k else None
                edge_b = b[t - c, c] if c < n and 0 <= t - c < k else None
                right[r][c] = right[r][c - 1] if c else edge_a
                down[r][c] = down[r - 1][c] if r else edge_b
                if right[r][c] is not None and down[r][c] is not None:
                    sums[r, c] += right[r][c] * down[r][c]
                    active[-1] += 1
    return sums[:m, :n], active


@pytest.mark.parametrize("shape", [(4, 7, 5), (3, 1, 5), (2, 6, 2), (1, 1, 1)])
def test_registers_against_one_pe_at_a_time(shape):
    m, k, n = shape
    rng = np.random.default_rng(1)
    a, b = integers(rng, (m, k)), integers(rng, (k, n))
    sums, active = one_pe_at_a_time(a, b, 4, 5)
    product, trace = SystolicArray(4, 5, "os", drain=False).simulate(a, b)
    np.testing.assert_array_equal(product, sums)
    assert trace.active.tolist() == active
    drained = SystolicArray(4, 5, "os").simulate(a, b)[1].active
    assert drained.tolist() == active + [0] * 4


def test_the_wave():
    """On a full fold the wave starts in one corner, fills the array and ends in the other: no cycle can be spared."""
    ones = np.ones((3, 3), int)
    wave = [1, 3, 6, 7, 6, 3, 1]
    assert SystolicArray(3, 3, "os", drain=False).simulate(ones, ones)[1].active.tolist() == wave
    assert SystolicArray(3, 3, "ws").simulate(ones, ones)[1].active.tolist() == [0, 0, 0, *wave]
    assert SystolicArray(3, 3, "is").simulate(ones, ones)[1].active.tolist() == [0, 0, 0, *wave]


def test_partial_sums_are_read_back():
    layer = MatMul("fc", m=10, k=33, n=7)
    counts = {d: SystolicArray(16, 16, d).counts(layer) for d in DATAFLOWS}
    assert [counts[d]["partial sum reads"] for d in DATAFLOWS] == [2 * 70, 0, 2 * 70]
    assert [counts[d]["output writes"] for d in DATAFLOWS] == [3 * 70, 70, 3 * 70]


@pytest.mark.parametrize(
    ("rows", "cols", "dataflow", "shape"),
    [(8, 8, "ws", (1024, 512, 512)), (4, 4, "is", (300, 512, 300)), (32, 32, "os", (512, 64, 512))],
)
def test_memory_of_the_simulation(rows, cols, dataflow, shape):
    m, k, n = shape
    a, b = np.ones((m, k), np.int64), np.ones((k, n), np.int64)
    tracemalloc.start()
    SystolicArray(rows, cols, dataflow).simulate(a, b)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * m * n + 3 * (a.nbytes + b.nbytes)


def test_fewer_bits_cost_less_energy():
    layer = MatMul("fc", 16, 64, 64)
    joules = [
        SystolicArray(8, 8, bits=bits, sum_bits=2 * bits).run(layer).joules for bits in (1, 2, 4, 8, 16)
    ]
    assert joules == sorted(joules)


def test_traffic_and_energy():
    layer = MatMul("fc", m=10, k=33, n=7)
    report = SystolicArray(16, 16, "ws", bits=16, sum_bits=24).run(layer)
    assert report.traffic == {
        "buffer": 10 * 33 * 2 + 33 * 7 * 2 + 5 * 70 * 3,
        "array": layer.macs * (2 + 3),  # an activation to the right, a sum downward
        "register": layer.macs * 2,  # the weight
    }
    assert report.energy == HOROWITZ_45NM.charge(layer.macs, "int16", report.traffic)
    stationary = SystolicArray(16, 16, "os", bits=16, sum_bits=24).run(layer)
    assert stationary.traffic["array"] == layer.macs * 4
    assert stationary.traffic["register"] == layer.macs * 6  # the sum, read and written
    inputs = SystolicArray(16, 16, "is", bits=16, sum_bits=24).run(layer)
    assert inputs.traffic["array"] == layer.macs * 5
    assert inputs.traffic["register"] == layer.macs * 2  # the input


def test_networks_groups_and_steps():
    machine = SystolicArray(12, 14, "os")
    network = networks.alexnet()
    report = machine.run(network)
    assert report.macs == network.macs
    assert report.cycles == sum(machine.cycles(layer) for layer in network)
    parts = sum((machine.run(layer) for layer in network.layers[1:]), machine.run(network.layers[0]))
    assert (parts.cycles, parts.counts, parts.traffic) == (report.cycles, report.counts, report.traffic)
    assert 0 < report.utilization < 1
    grouped = Conv2d("g", 8, 8, 6, 6, 3, groups=2)
    assert machine.cycles(grouped) == 2 * machine.cycles(Conv2d("one", 4, 4, 6, 6, 3))
    assert machine.run(MatMul("lstm", 1, 8, 8, steps=5)).cycles == 5 * machine.cycles(MatMul("step", 1, 8, 8))
    assert "12 x 14 systolic array, os" in report.table()


def test_types():
    a, b = np.full((2, 3), 100, np.int8), np.full((3, 2), 100, np.int8)
    product, _ = SystolicArray(2, 2).simulate(a, b)
    assert product.dtype == np.int64
    assert (product == 30000).all()  # int8 would have wrapped
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(9, 17)), rng.normal(size=(17, 8)).astype(np.float32)
    for dataflow in DATAFLOWS:
        np.testing.assert_allclose(SystolicArray(4, 5, dataflow).simulate(a, b)[0], a @ b, rtol=1e-12)


@pytest.mark.parametrize("bound", [2**24, 2**53])
@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_sums_at_the_borders_of_the_narrow_types_are_exact(bound, dataflow):
    for k, size in [(2, bound // 2), (2, bound // 2 + 1), (3, bound // 2 - 1)]:
        a = np.full((3, k), size)
        a[1:, -1] -= 1
        b = np.array([[1, -1]] * k)
        check(SystolicArray(2, 2, dataflow), a, b)
        check(SystolicArray(2, 2, dataflow), -a, b)


def test_a_large_product():
    a = np.ones((512, 512), int)
    product, trace = SystolicArray(32, 32, "os").simulate(a, a)
    assert (product == 512).all()
    assert trace.folds == 256


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SystolicArray(0, 4), "rows must be an integer of at least 1, got 0"),
        (lambda: SystolicArray(4, 4.0), "cols must be an integer"),
        (lambda: SystolicArray(4, 4, "rs"), 'dataflow must be "ws", "os" or "is" .* got \'rs\''),
        (lambda: SystolicArray(4, 4, clock=0), "clock must be positive"),
        (lambda: SystolicArray(4, 4, bits=0), "bits must be"),
        (lambda: SystolicArray(4, 4).run("alexnet"), "runs a MatMul, Conv2d or Network, not a str"),
        (lambda: SystolicArray(4, 4).cycles(Network("n", [MatMul("f", 1, 1, 1)])), "not a Network"),
        (lambda: SystolicArray(4, 4).simulate([1, 2], [[1], [2]]), r"shape \(2,\) and \(2, 1\)"),
        (lambda: SystolicArray(4, 4).simulate([[1, 2]], [[1, 2]]), r"\(m, k\) by \(k, n\)"),
        (lambda: SystolicArray(4, 4).simulate(np.zeros((0, 2)), np.zeros((2, 2))), r"shape \(0, 2\)"),
        (lambda: SystolicArray(4, 4).simulate([[np.nan]], [[1.0]]), "finite real numbers"),
        (lambda: SystolicArray(4, 4).simulate([["a"]], [["b"]]), "finite real numbers"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
