"""EIE: the encoding is exact, the product is right, the cycles are those of the authors' simulator."""

import csv
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hwsim import EIE, HOROWITZ_45NM, Conv2d, MatMul, Network
from hwsim.machines import eie as eie_module

REFERENCE = Path(__file__).parent / "reference"


def read(name):
    with (REFERENCE / name).open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def recipe():
    """Matrix and activations of a row of eie_cycles.csv; the last one is kept, since it is slow to draw."""
    drawn = {}

    def draw(row):
        key = tuple(row[k] for k in ["rows", "cols", "weight_density", "activation_density", "seed"])
        if key not in drawn:
            rows, cols, density = int(row["rows"]), int(row["cols"]), float(row["weight_density"])
            rng = np.random.default_rng(int(row["seed"]))
            weights = np.empty((rows, cols), np.float32)
            for start in range(0, rows, 512):  # the same numbers as in one draw, in less memory
                part = weights[start : start + 512]
                part[:] = rng.random(part.shape) < density
            activations = (rng.random(cols) < float(row["activation_density"])).astype(np.float32)
            drawn.clear()
            drawn[key] = weights, activations
        return drawn[key]

    return draw


ROWS = sorted(read("eie_cycles.csv"), key=lambda row: row["layer"])


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r['layer']}-{r['pes']}-{r['fifo_depth']}")
def test_equals_the_authors_simulator(row, recipe):
    weights, activations = recipe(row)
    machine = EIE(pes=int(row["pes"]), fifo_depth=int(row["fifo_depth"]))
    matrix = machine.encode(weights)
    assert matrix.entries == int(row["entries"])
    assert matrix.padding_zeros == int(row["padding_zeros"])
    report = machine.run(matrix, activations)
    assert report.cycles == int(row["event_model_cycles"]) + 6
    assert report.counts["work of the busiest PE"] == int(row["work_max_per_pe"])
    assert report.counts["work"] / machine.pes == pytest.approx(float(row["work_mean_per_pe"]), abs=0.001)
    assert report.counts["nonzero activations"] == int(row["nonzero_activations"])
    assert report.cycles == pytest.approx(int(row["cpp_simulator_cycles"]), rel=0.0065)
    if report.cycles - int(row["cpp_simulator_cycles"]) <= 2:  # the C++ program ran to the end
        assert report.counts["pointer reads"] == int(row["pointer_reads"])
        assert report.counts["entry line reads"] == int(row["weight_line_reads_64bit"])
    np.testing.assert_allclose(report.output, weights @ activations, rtol=1e-5)


def test_vgg6_stays_below_a_gigabyte():
    tracemalloc.start()
    rng = np.random.default_rng(0)
    weights = np.zeros((4096, 25088), np.float32)
    for row in weights:
        row[rng.random(25088) < 0.04] = 1.5
    activations = (rng.random(25088) < 0.183).astype(np.float32)
    machine = EIE()
    report = machine.run(machine.encode(weights), activations)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e9  # the dense matrix is 411 MB of it
    np.testing.assert_allclose(report.output, weights @ activations, rtol=1e-5)


@pytest.mark.parametrize("row", read("eie_table3_benchmarks.csv"), ids=lambda row: row["layer"])
def test_times_of_table_4(row):
    """The deviations that the docstring prints, for five seeds (two for the layers that are slow to draw)."""
    layer = MatMul(row["layer"], 1, int(row["n_in"]), int(row["n_out"]))
    densities = float(row["weight_pct"]) / 100, float(row["act_pct"]) / 100
    off = {"Alex-8": (-0.19, -0.17), "VGG-6": (-0.285, -0.275), "NT-LSTM": (-0.115, -0.105)}
    low, high = off.get(row["layer"], (-0.08, 0.08))
    for seed in range(5 if layer.macs < 2e7 else 2):
        machine = EIE(weight_density=densities[0], activation_density=densities[1], seed=seed)
        microseconds = machine.run(layer).seconds * 1e6
        assert low < microseconds / float(row["paper_actual_us"]) - 1 < high
        assert microseconds == pytest.approx(float(row["random_matrix_sim_us"]), rel=0.03)


def test_frames_of_table_5():
    published = {row["platform"]: row for row in read("eie_table5_platforms.csv")}
    layer = MatMul("fc7", 1, 4096, 4096)
    report = EIE(weight_density=0.09, activation_density=0.353).run(layer)
    assert 1 / report.seconds == pytest.approx(77_900, rel=0.001)
    assert 1 / report.seconds == pytest.approx(float(published["EIE 64PE"]["MxV_frames_per_s"]), rel=0.06)
    assert 1 / report.joules == pytest.approx(float(published["EIE 64PE"]["frames_per_J"]), rel=0.06)
    large = EIE(pes=256, clock=1.2e9, weight_density=0.09, activation_density=0.353).run(layer)
    assert 1 / large.seconds == pytest.approx(
        float(published["EIE 256PE 28nm"]["MxV_frames_per_s"]), rel=0.15
    )


def test_a_layer_by_its_shape():
    machine = EIE(weight_density=0.5, activation_density=0.5)
    one = machine.run(MatMul("fc", 1, 256, 128))
    assert one.macs == pytest.approx(0.25 * 256 * 128, rel=0.1)
    many = machine.run(Network("n", [MatMul("fc", 3, 256, 128, groups=2, steps=5)]))
    assert many.cycles == 30 * one.cycles
    assert many.joules == pytest.approx(30 * one.joules)
    convolution = Conv2d("conv", 3, 8, 6, 6, 3)
    assert machine.run(convolution).cycles == machine.run(convolution.as_matmul()).cycles
    dense = EIE(weight_density=1.0, activation_density=1.0).run(MatMul("fc", 1, 256, 128))
    assert dense.macs == 256 * 128


matrices = st.tuples(st.integers(1, 40), st.integers(1, 9)).flatmap(
    lambda shape: arrays.arrays(
        np.float64,
        shape,
        elements=st.sampled_from([0.0] * 12 + [-0.0, 1.0, -2.5, 1e-300, 3.0]),
        fill=st.nothing(),
    )
)


@given(matrices, st.integers(1, 9), st.integers(1, 5))
def test_decode_gives_the_matrix_back(weights, pes, index_bits):
    matrix = EIE(pes=pes, index_bits=index_bits).encode(weights)
    np.testing.assert_array_equal(matrix.decode(), weights)
    assert matrix.decode().dtype == weights.dtype
    assert matrix.zeros.max(initial=0) < 2**index_bits
    assert matrix.entries - matrix.padding_zeros == np.count_nonzero(weights)
    assert matrix.distinct_values == np.count_nonzero(np.unique(weights))


@given(matrices, st.integers(1, 9), st.integers(1, 20), st.data())
def test_product_and_bounds(weights, pes, fifo_depth, data):
    machine = EIE(pes=pes, fifo_depth=fifo_depth, index_bits=2)
    activations = data.draw(
        arrays.arrays(np.float64, weights.shape[1], elements=st.sampled_from([0.0, 0.5, -3.0]))
    )
    report = machine.run(machine.encode(weights), activations)
    # Added in another order, terms that cancel may leave a tiny one over, or not.
    np.testing.assert_allclose(report.output, weights @ activations, atol=1e-12)
    assert report.cycles >= report.counts["work of the busiest PE"] + 6
    assert report.macs == np.count_nonzero(weights[:, activations != 0])
    assert report.counts["work"] == report.macs + report.counts["fillers"]
    assert 0 <= report.utilization <= 1
    slower = EIE(pes=pes, fifo_depth=1, index_bits=2).run(machine.encode(weights), activations)
    assert slower.cycles >= report.cycles


def test_the_papers_example_of_filler_zeros():
    """Section III-B: [0, 0, 1, 2, then 18 zeros, 3] is values 1, 2, 0, 3 with zeros 2, 0, 15, 2."""
    column = np.zeros((23, 1))
    column[[2, 3, 22], 0] = 1, 2, 3
    matrix = EIE(pes=1).encode(column)
    assert matrix.values.tolist() == [1, 2, 0, 3]
    assert matrix.zeros.tolist() == [2, 0, 15, 2]
    assert matrix.pointers.tolist() == [[0, 4]]


def test_bytes_are_those_of_the_chip():
    matrix = EIE(pes=2).encode(np.eye(4))
    assert matrix.entries == 4
    assert matrix.bytes == 4 * 1 + 2 * (4 + 1) * 2 + 16 * 2  # entries, pointers, shared weights
    assert (
        EIE(pes=2, index_bits=5, weight_bits=6).encode(np.eye(4)).bytes == (4 * 11 + 160 + 64 * 16 + 7) // 8
    )


def test_types_are_kept():
    machine = EIE(pes=2)
    for dtype in [np.float32, np.float64, np.int8, np.int64]:
        weights = np.array([[1, 0, 2], [0, 3, 0]], dtype)
        report = machine.run(machine.encode(weights), np.array([1, 2, 3], dtype))
        assert report.output.tolist() == [7, 6]
        assert report.output.dtype == (np.int64 if np.dtype(dtype).kind == "i" else dtype)


def test_sums_do_not_overflow_the_type_of_the_operands():
    machine = EIE(pes=2)
    for dtype, value in [(np.int8, 100), (np.int16, 30_000), (np.float16, 300)]:
        weights, activations = np.full((2, 200), value, dtype), np.full(200, value, dtype)
        report = machine.run(machine.encode(weights), activations)
        assert report.output.tolist() == [200.0 * value * value] * 2
    lowest = np.array([[-128]], np.int8)
    assert machine.run(machine.encode(lowest), np.array([-128], np.int8)).output.tolist() == [2**14]
    with pytest.raises(ValueError, match="may pass"):
        machine.run(machine.encode(np.array([[-(2**63)]])), np.array([1]))
    huge = np.array([[2**52]])
    with pytest.raises(ValueError, match=r"may pass 2\*\*53; scale them down or give floats"):
        machine.run(machine.encode(huge), np.array([2]))


@given(matrices, st.integers(1, 4))
def test_codes_and_codebook_give_the_values_back(weights, pes):
    matrix = EIE(pes=pes).encode(weights)
    np.testing.assert_array_equal(matrix.codebook[matrix.codes], matrix.values)
    assert matrix.codebook.size == 16
    assert matrix.codebook[0] == 0
    assert matrix.codes.max(initial=0) <= 15


def test_too_many_weights_for_the_codes_are_refused():
    matrix = EIE(pes=2).encode(np.arange(1.0, 17.0).reshape(4, 4))
    with pytest.raises(
        ValueError, match=r"16 distinct weights do not fit into 4-bit codes.*share the weights"
    ):
        _ = matrix.codes
    assert EIE(pes=2, weight_bits=5).encode(np.arange(1.0, 17.0).reshape(4, 4)).codes.max() == 16


def test_sweeps_show_what_the_paper_found(recipe):
    weights, activations = recipe(next(row for row in ROWS if row["layer"] == "g1024x1024"))

    def run(**options):
        machine = EIE(**options)
        return machine.run(machine.encode(weights), activations)

    # More PEs: less time, at first in proportion (rows further apart need fewer fillers), then the load is balanced worse.
    scaling = [run(pes=pes) for pes in [1, 4, 16, 64, 256]]
    speedup = [scaling[0].cycles / report.cycles for report in scaling]
    assert speedup == sorted(speedup)
    assert all(
        0.3 * report.units < gain <= 1.05 * report.units
        for report, gain in zip(scaling, speedup, strict=True)
    )
    balance = [r.counts["work"] / r.units / r.counts["work of the busiest PE"] for r in scaling]
    assert balance == sorted(balance, reverse=True)
    # Wider lines: fewer reads of the entries, of more bytes.
    widths = [run(line_bits=bits) for bits in [32, 64, 128, 256, 512]]
    reads = [report.counts["entry line reads"] for report in widths]
    assert reads == sorted(reads, reverse=True)
    assert [r.traffic["buffer"] for r in widths] == sorted(r.traffic["buffer"] for r in widths)
    assert len({report.cycles for report in widths}) == 1
    # Activation sparsity: time follows the nonzero activations.
    few = activations * (np.arange(activations.size) % 2)
    machine = EIE()
    half = machine.run(machine.encode(weights), few)
    share = np.count_nonzero(few) / np.count_nonzero(activations)
    assert half.cycles / run().cycles == pytest.approx(share, rel=0.1)


def test_energy_by_a_table():
    machine = EIE(pes=2, table=HOROWITZ_45NM)
    report = machine.run(machine.encode(np.ones((4, 4))), np.ones(4))
    assert report.energy["mac"] == pytest.approx(16 * HOROWITZ_45NM.mac("int16"))
    assert (
        report.traffic["buffer"] == report.counts["entry line reads"] * 8 + report.counts["pointer reads"] * 4
    )
    column = np.zeros((41, 1))
    column[[0, 40]] = 1  # two fillers between them
    one = EIE(pes=1, table=HOROWITZ_45NM)
    sparse = one.run(one.encode(column), np.ones(1))
    assert (sparse.macs, sparse.counts["fillers"]) == (2, 2)
    assert sparse.energy["mac"] == pytest.approx(4 * HOROWITZ_45NM.mac("int16"))  # a filler is multiplied too
    assert report.energy["buffer"] == pytest.approx(HOROWITZ_45NM.access("buffer", report.traffic["buffer"]))


def test_an_empty_product_costs_the_pipeline_and_the_bias_column():
    machine = EIE(pes=2)
    report = machine.run(machine.encode(np.zeros((4, 4))), np.zeros(4))
    assert report.output.tolist() == [0] * 4
    assert report.macs == report.counts["work"] == 0
    assert report.cycles == 4 // 2 + 1 + 1 + 6  # scan two rows of activations, broadcast, take, pipeline


def test_deeper_queues_balance_the_load(recipe):
    weights, activations = recipe(next(row for row in ROWS if row["layer"] == "g1024x1024"))
    cycles = [
        EIE(fifo_depth=depth).run(EIE().encode(weights), activations).cycles for depth in [1, 2, 4, 8, 16]
    ]
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[0] > 1.5 * cycles[-1]


def test_the_timeline_by_hand():
    """Two PEs, queues of one slot: PE 1 waits for PE 0, then the broadcast for a slot."""
    machine = EIE(pes=2, fifo_depth=1)
    matrix = machine.encode(np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0]]))
    run = machine.timeline(matrix, np.array([1, 2, 0]))
    assert run.columns.tolist() == [0, 1, 3]
    assert run.work.tolist() == [[3, 1], [1, 2], [1, 1]]
    assert run.sent.tolist() == [0, 2, 5]  # the slot of column 0 is free in cycle 2, that of column 1 in 5
    assert run.taken.tolist() == [[1, 1], [4, 3], [6, 6]]
    assert run.freed.tolist() == [[4, 2], [5, 5], [7, 7]]
    assert (run.cycles, run.waited) == (7, 3)
    assert run.occupancy().tolist() == [[1, 1], [0, 0], [1, 1], [1, 0], [0, 0], [1, 1], [0, 0]]
    assert machine.run(matrix, np.array([1, 2, 0])).cycles == 7 + 6


@given(matrices, st.integers(1, 9), st.integers(1, 12), st.data())
def test_the_timeline_is_that_of_the_report(weights, pes, fifo_depth, data):
    machine = EIE(pes=pes, fifo_depth=fifo_depth, index_bits=2)
    activations = data.draw(
        arrays.arrays(np.float64, weights.shape[1], elements=st.sampled_from([0.0, 0.5, -3.0]))
    )
    matrix = machine.encode(weights)
    run, report = machine.timeline(matrix, activations), machine.run(matrix, activations)
    assert run.cycles + 6 == report.cycles
    assert run.columns.tolist() == [*np.flatnonzero(activations), weights.shape[1]]
    assert (run.taken > run.sent[:, None]).all()
    assert (run.taken[1:] >= run.freed[:-1]).all()
    assert (np.diff(run.sent) > 0).all()
    occupancy = run.occupancy()
    assert occupancy.shape == (run.cycles, pes)
    assert 0 <= occupancy.min() <= occupancy.max() <= fifo_depth
    assert not occupancy[-1].any()
    deep = EIE(pes=pes, fifo_depth=1000, index_bits=2).timeline(matrix, activations)
    assert deep.waited == 0 <= run.waited
    entries = np.where(run.work[:-1] > 1, run.work[:-1], 0).sum()
    assert entries <= report.counts["work"] <= run.work.sum()


def test_queues_without_a_slot_are_refused():
    with pytest.raises(ValueError, match="depth=0 must be a whole number of 1 or more"):
        eie_module.fill_queues(np.array([0]), np.array([[1]]), 0)


@pytest.mark.parametrize(
    ("steps", "work", "depth", "message"),
    [
        ([0, 1], [[1], [1]], 1.5, "depth=1.5 must be a whole number"),
        ([0, 1], [[1], [1]], float("nan"), "depth=nan must be a whole number"),
        ([0], [[1], [1]], 1, "one step for each row of work"),
        ([0, 1, 1], [[1], [1]], 1, "one step for each row of work"),
        ([0, 1], [1, 1], 1, "one step for each row of work"),
        ([0, 1], [[1], [-1]], 1, "none of them negative"),
        ([0, -1], [[1], [1]], 1, "none of them negative"),
        ([0, 1], [[1], [0.5]], 1, "whole numbers of cycles"),
        ([0, float("nan")], [[1], [1]], 1, "whole numbers of cycles"),
    ],
)
def test_queues_that_cannot_be_filled_are_refused(steps, work, depth, message):
    with pytest.raises(ValueError, match=message):
        eie_module.fill_queues(np.array(steps), np.array(work), depth)


def test_power_is_that_of_table_2():
    modules = {"entry memory": "SpmatRead", "pointer memory": "PtrRead", "arithmetic": "ArithmUnit"}
    modules |= {"activations": "ActRW", "queue": "Act_queue"}
    published = {row["component"]: row["power_mW"] for row in read("eie_table2_pe_power_area.csv")}
    for part, module in modules.items():
        assert eie_module.PE_POWER[part] == pytest.approx(float(published[module]) / 1e3)
    machine = EIE()
    report = machine.run(machine.encode(np.ones((64, 4))), np.ones(4))
    assert report.joules / report.seconds == pytest.approx(0.590, rel=0.01)  # Table V
    slow = EIE(clock=400e6).run(machine.encode(np.ones((64, 4))), np.ones(4))
    assert slow.seconds == 2 * report.seconds
    assert slow.joules == report.joules  # a cycle costs the same at half the clock


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(3), r"a matrix \(outputs, inputs\), got an array of shape \(3,\)"),
        (np.zeros((2, 2, 2)), "needs a matrix"),
        (np.zeros((0, 3)), r"shape \(0, 3\)"),
        ([[1.0, np.nan]], "NaN or infinity"),
        ([[1.0, np.inf]], "NaN or infinity"),
        ([["a"]], "needs real numbers"),
        ([[1j]], "needs real numbers"),
    ],
)
def test_bad_matrices_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        EIE().encode(weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pes": 0}, "pes must be an integer from 1"),
        ({"fifo_depth": 0}, "fifo_depth must be"),
        ({"index_bits": 17}, "index_bits must be an integer from 1 to 16"),
        ({"weight_bits": 4.0}, "weight_bits must be an integer"),
        ({"line_bits": 4}, "line_bits must be an integer from 8"),
        ({"weight_density": 1.5}, "weight_density is a share from 0 to 1"),
        ({"clock": 0}, "clock must be positive"),
    ],
)
def test_bad_machines_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        EIE(**options)


def test_bad_runs_are_refused():
    machine = EIE(pes=2)
    matrix = machine.encode(np.eye(3))
    with pytest.raises(
        ValueError, match="one vector of 3 activations at a time, got an array of shape \\(4,\\)"
    ):
        machine.run(matrix, np.zeros(4))
    with pytest.raises(ValueError, match="one vector"):
        machine.run(matrix, np.zeros((3, 1)))
    with pytest.raises(ValueError, match="finite real numbers"):
        machine.run(matrix, [0, np.nan, 1])
    with pytest.raises(ValueError, match="encode it with this machine"):
        EIE(pes=3).run(matrix, np.zeros(3))
    with pytest.raises(ValueError, match=r"give it eie.encode\(weights\).* not a Network"):
        machine.run(Network("n", [MatMul("fc", 1, 3, 3)]), np.zeros(3))
    with pytest.raises(ValueError, match="scores multiplies two activations"):
        machine.run(MatMul("scores", 4, 8, 4, trained=False))
    with pytest.raises(ValueError, match="not a ndarray"):
        machine.run(np.eye(3))
