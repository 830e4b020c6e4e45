"""The tensor core: its sums against rational arithmetic, and the GPU's tiles, waves and traffic against hand counts."""

import csv
from fractions import Fraction
from math import floor, log2
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim import EYERISS_RELATIVE, Conv2d, MatMul, Network, TensorCoreGPU, mma, networks, occupancy

REFERENCE = Path(__file__).parent / "reference"


def published(name):
    with (REFERENCE / name).open() as file:
        return {row["item"]: row for row in csv.DictReader(file)}


V100, MEASURED = published("volta_v100.csv"), published("tensor_core_published.csv")
GPU = TensorCoreGPU()


def exponent(x, smallest):
    return max(floor(log2(abs(x))), smallest)


def cut(x, last):
    """A fraction without its bits below 2**last."""
    return Fraction(int(x / Fraction(2) ** last)) * Fraction(2) ** last


def truncated(a, b, c):
    """Four products and c, added as the V100 does, in rational arithmetic."""
    pairs = [(float(x), float(y)) for x, y in zip(a, b, strict=True) if x and y]
    exponents = [exponent(x, -14) + exponent(y, -14) for x, y in pairs] + [
        exponent(x, -126) for x in [c] if x
    ]
    if not exponents:
        return 0.0
    last = max(exponents) - 23
    total = sum(cut(Fraction(x) * Fraction(y), last) for x, y in pairs) + cut(Fraction(float(c)), last)
    if not total:
        return 0.0
    bits = (abs(total) / Fraction(2) ** last).numerator.bit_length()
    return float(cut(total, last + max(bits - 24, 0)))


def numbers(rng, shape, spread):
    return (
        rng.choice([-1, 1], shape)
        * rng.random(shape)
        * 2.0 ** rng.integers(-spread, min(spread, 15) + 1, shape)
    )


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([0, 2, 8, 24]), st.integers(0, 2**32))
def test_truncation_against_rational_arithmetic(spread, seed):
    rng = np.random.default_rng(seed)
    a, b, c = (numbers(rng, (4, 4), spread) for _ in "abc")
    a[rng.random((4, 4)) < 0.2] = 0
    c[rng.random((4, 4)) < 0.2] = 0
    d = mma(a, b, c)
    a, b, c = a.astype(np.float16), b.astype(np.float16), c.astype(np.float32)
    for i in range(4):
        for j in range(4):
            assert d[i, j] == truncated(a[i], b[:, j], c[i, j])


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32))
def test_nearest_against_rational_arithmetic(seed):
    rng = np.random.default_rng(seed)
    a, b, c = (numbers(rng, (4, 4), 8) for _ in "abc")
    d = mma(a, b, c, "nearest")
    a, b, c = a.astype(np.float16), b.astype(np.float16), c.astype(np.float32)
    for i in range(4):
        for j in range(4):
            total = c[i, j]
            for k in range(
                4
            ):  # a float64 holds this sum of 24 and 22 bits exactly, or far more than is rounded off
                exact = Fraction(float(total)) + Fraction(float(a[i, k])) * Fraction(float(b[k, j]))
                low = np.float32(float(exact))
                near = [np.nextafter(low, np.float32(s * np.inf)) for s in (-1, 1)] + [low]
                total = min(near, key=lambda x: (abs(Fraction(float(x)) - exact), x.view(np.uint32) & 1))
            assert d[i, j] == total


def dot(a, b, c):
    """The first element of a product whose first row and column are a and b."""
    left, right, start = np.zeros((3, 4, 4))
    left[0, : len(a)], right[: len(b), 0], start[0, 0] = a, b, c
    return float(mma(left, right, start)[0, 0])


def test_what_the_experiments_found():
    """Fasi et al., 2021: each claim of their test suite for the V100 in fp32 mode."""
    tiny, below = 2.0**-24, 1 - 2.0**-24
    assert dot([tiny], [4], 0) == 2.0**-22  # subnormal fp16 in
    assert dot([0], [0], 2.0**-149) == 2.0**-149  # subnormal fp32 in and out
    assert dot([2.0**-14], [1], -(2.0**-15)) == 2.0**-15
    assert dot([1 - 2.0**-11] * 4, [1 - 2.0**-11] * 4, 0) == 4 * (1 - 2.0**-10 + 2.0**-22)  # exact products
    assert dot([1] * 4, [tiny] * 4, 1) == 1  # each cut off against the largest
    for j in range(4):  # wherever that stands
        assert dot([1] * 4, np.where(np.arange(4) == j, 1, tiny), tiny) == 1
    assert dot([1, 1], [2, 2.0**-23 + 2.0**-24], 0) == 2  # down
    assert dot([1, 1], [-2, -(2.0**-23) - 2.0**-24], 0) == -2  # up
    assert dot([1], [1], -below) == 2.0**-23  # no bits beyond 24 in the alignment
    assert dot([1] * 4, [tiny] * 4, below) == 1 + 2.0**-23  # carries do not move the alignment
    assert dot([1, 1], [1, -tiny], -1 + tiny) == 2.0**-23
    assert dot([1] * 4, [1, 1, 1, 2.0**-23], 1 + 2.0**-22 + 2.0**-23) == 4 + 2.0**-21  # two bits of carry
    assert dot([1] * 4, [1, 1.5, 1.75, 1.875], 1.875) == 8  # and a third
    assert dot([1] * 4, [1] * 4, 1 + 2.0**-22 + 2.0**-23) == 5
    assert dot([1] * 4, [-1] * 4, -1 - 2.0**-22 - 2.0**-23) == -5
    assert dot([1] * 4, [tiny] * 4, 1) < dot([1] * 4, [tiny] * 4, below)  # not monotonic
    # Khattak and Mikaitis, 2025: a product of 1.5 * 1.5 aligns at the exponent 0 of its factors
    assert dot([1.5, 1], [1.5, 2.0**-23], 0) == 2.25  # the last bit falls only when the sum is cut to 24 bits
    assert dot([1.5, 1, 1], [1.5, 2.0**-23, 2.0**-23], 0) == 2.25 + 2.0**-22


def test_small_integers_are_exact_and_batches_are_matrices():
    rng = np.random.default_rng(0)
    a, b, c = rng.integers(-20, 21, (3, 5, 2, 4, 4))
    for rounding in ("truncate", "nearest"):
        np.testing.assert_array_equal(mma(a, b, c, rounding), a @ b + c)
    left, right = rng.integers(-20, 21, (37, 130)), rng.integers(-20, 21, (130, 19))
    product = GPU.multiply(left, right)
    assert product.dtype == np.float32
    np.testing.assert_array_equal(product, left @ right)


def test_error_bounds_and_bias():
    """Against float32's own product: truncation loses up to a last bit of each of the five terms, and leans to zero."""
    rng = np.random.default_rng(1)
    a, b = rng.random((40, 512)).astype(np.float16), rng.random((512, 30)).astype(np.float16)
    exact = a.astype(np.float64) @ b.astype(np.float64)
    steps = 512 / 4
    cut_off, rounded = GPU.multiply(a, b), GPU.multiply(a, b, "nearest")
    assert (cut_off <= exact).all()
    assert (exact - cut_off <= 6 * steps * 2.0**-23 * exact).all()
    assert (abs(exact - rounded) <= 512 * 2.0**-24 * exact).all()
    np.testing.assert_allclose(
        cut_off, a.astype(np.float32) @ b.astype(np.float32), rtol=6 * steps * 2.0**-23 + 2e-6
    )
    assert abs(exact - rounded).mean() < (exact - cut_off).mean() / 4


def test_sums_go_over_k_in_steps_of_four():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(4, 11)), rng.normal(size=(11, 4))
    sums = np.zeros((4, 4))
    for k in range(0, 11, 4):
        left, right = np.zeros((2, 4, 4))
        left[:, : min(4, 11 - k)], right[: min(4, 11 - k)] = a[:, k : k + 4], b[k : k + 4]
        sums = mma(left, right, sums)
    np.testing.assert_array_equal(GPU.multiply(a, b), sums)
    wide = GPU.multiply(np.tile(a, (5, 1)), np.tile(b, (1, 3)))  # the same bits wherever the tile lies
    np.testing.assert_array_equal(wide, np.tile(sums, (5, 3)))


def test_peak_from_the_counts():
    assert GPU.sms * GPU.cores == int(V100["tensor cores"]["value"])
    assert f"{GPU.cores}, {GPU.sms}" == V100["TC per SM, SMs"]["value"]
    assert GPU.units == 640 * int(V100["FMA/clk/TC"]["value"])
    assert GPU.peak == pytest.approx(float(V100["peak tensor TFLOPS"]["value"]) * 1e12, rel=0.003)
    assert TensorCoreGPU(clock=1.455e9).peak == pytest.approx(120e12, rel=0.007)  # at launch
    assert GPU.bandwidth / 1e9 == float(MEASURED["memory GB/s theoretical"]["value"])


def test_tiles_and_waves_by_hand():
    """Two SMs that hold two blocks each: 4 slots."""
    gpu = TensorCoreGPU(sms=2, bandwidth=1e15)
    tile = 128 * 128 * 64 // 512  # cycles of a tile with k = 64 on all tensor cores of an SM
    for m, n, tiles, waves in [
        (1, 1, 1, 1),
        (256, 256, 4, 1),
        (257, 256, 6, 2),
        (1024, 128, 8, 2),
        (128, 1153, 10, 3),
    ]:
        report = gpu.run(MatMul("gemm", m, 64, n))
        assert report.counts == {"tiles": tiles, "waves": waves, "tile slots": 4 * waves}
        assert report.cycles == waves * 2 * tile
    assert gpu.run(MatMul("full", 256, 64, 256)).utilization == 1
    assert gpu.run(MatMul("k", 256, 65, 256)).cycles == 2 * 128 * 128 * 96 // 512  # k in whole depths
    assert gpu.run(MatMul("groups", 128, 64, 128, groups=5)).counts["waves"] == 2
    steps = gpu.run(MatMul("steps", 128, 64, 128, steps=5))
    assert (steps.counts["waves"], steps.cycles) == (5, 5 * 2 * tile)


def test_occupancy():
    assert GPU.blocks == 2  # of 64K registers, 32K each
    assert TensorCoreGPU(tile=(256, 128, 32)).blocks == 1
    assert TensorCoreGPU(tile=(64, 64, 32)).blocks == 6  # of 96 KB, 16 KB each
    assert TensorCoreGPU(tile=(64, 64, 64)).blocks == 3
    assert TensorCoreGPU(tile=(16, 16, 16), warp=(16, 16)).blocks == 32  # not the 48 that shared memory holds
    assert TensorCoreGPU(tile=(64, 64, 32), warp=(16, 16)).blocks == 4  # of 64 warps, 16 each


def test_the_schedule_by_hand():
    """Two SMs of two places: a wave of 4 tiles, 2 high and 2 wide; 3 x 3 tiles make a band of two rows and one of one."""
    run = TensorCoreGPU(sms=2).schedule(MatMul("gemm", 300, 100, 384))
    places = list(zip(run.row.tolist(), run.column.tolist(), strict=True))
    assert places == [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 0), (2, 1), (2, 2)]
    assert run.wave.tolist() == [0] * 4 + [1] * 4 + [2]
    assert run.sm.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0]
    assert run.place.tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 0]
    assert (run.waves, run.places, run.chunks) == (3, 2, 4)


shapes = st.builds(
    MatMul, st.just("gemm"), st.integers(1, 700), st.integers(1, 300), st.integers(1, 700), st.integers(1, 3)
)


@given(shapes, st.integers(1, 5), st.sampled_from([(128, 128, 32), (64, 64, 32), (32, 64, 16)]))
def test_the_schedule_is_that_of_the_report(layer, sms, tile):
    gpu = TensorCoreGPU(sms=sms, tile=tile, warp=(32, 32), bandwidth=1e18)
    run, report = gpu.schedule(layer), gpu.run(layer)
    assert len(run.wave) == report.counts["tiles"]
    assert (run.waves, run.cycles) == (report.counts["waves"], report.cycles)
    assert run.places == gpu.blocks
    ran = set(zip(run.group.tolist(), run.row.tolist(), run.column.tolist(), strict=True))
    assert len(ran) == len(run.wave)  # each tile once
    where = set(zip(run.wave.tolist(), run.sm.tolist(), run.place.tolist(), strict=True))
    assert len(where) == len(run.wave)  # and never two at one place
    assert run.sm.max() < sms
    assert run.place.max() < gpu.blocks


def test_blocks_are_those_of_the_occupancy():
    for tile, warp in [
        ((128, 128, 32), (64, 32)),
        ((64, 64, 32), (64, 32)),
        ((64, 64, 64), (32, 32)),
        ((256, 128, 32), (64, 32)),
        ((16, 16, 16), (16, 16)),
        ((64, 64, 32), (16, 16)),
    ]:
        (rows, columns, depth), (down, across) = tile, warp
        threads = 32 * (rows // down) * (columns // across)
        kernel = occupancy(threads, 2 * rows * columns // threads, 2 * 2 * (rows + columns) * depth)
        assert kernel.blocks == TensorCoreGPU(tile=tile, warp=warp).blocks


def test_deepbench_rests_on_the_share_of_a_lone_block():
    """The docstring's deviations, and what they would be if one block alone had the whole SM."""
    shared, alone = [], []
    for item, row in MEASURED.items():
        if item.startswith("gemm") and "n=9124" not in item:
            m, n, k = (int(word[2:]) for word in item.split()[1:4])
            report = GPU.run(MatMul(item, m, k, n))
            assert report.counts["tiles"] <= GPU.sms  # a block on an SM at most
            assert report.cycles > 2 * report.traffic["DRAM"] / GPU.bandwidth * GPU.clock
            shared.append(100 * (report.ops_per_second / 1e12 / float(row["value"]) - 1))
            alone.append(2 * shared[-1] + 100)
    assert shared == pytest.approx([0.5, -7, -23, 0.4], abs=0.5)
    assert alone == pytest.approx([101, 85, 55, 101], abs=0.5)
    for text in ("+0.5%, -7%, -23%, +0.4%", "+101%, +85%, +55%, +101%", "recalled, not verified"):
        assert text in TensorCoreGPU.__doc__
    assert MEASURED["size of the best"]["status"] == "recalled, not verified"


def test_traffic_by_hand():
    gpu = TensorCoreGPU(sms=2, l2=1)  # nothing stays in L2; a wave is 2 x 2 tiles
    a, b, c = 2 * 512 * 96, 2 * 96 * 640, 2 * 512 * 640
    gemm = gpu.run(MatMul("gemm", 512, 96, 640))  # 4 x 5 tiles
    assert gemm.traffic["DRAM"] == 3 * a + 2 * b + c
    assert gemm.traffic["buffer"] == 20 * 96 * 2 * (2 * 256 + 8 * 96)
    assert gemm.traffic["register"] == 20 * 128 * 128 * 96 / 64 * 192
    wide = gpu.run(MatMul("wide", 1, 96, 1280))  # 1 x 10 tiles, of which a wave is 1 x 4
    assert wide.traffic["DRAM"] == 2 * (3 * 96 + 96 * 1280 + 1280) == 248_896
    large = TensorCoreGPU(sms=2)
    assert large.run(MatMul("gemm", 512, 96, 640)).traffic["DRAM"] == a + b + c
    assert gpu.run(MatMul("tall", 128 * 8, 96, 1)).traffic["DRAM"] == 2 * (
        1024 * 96 + 2 * 96 + 1024
    )  # 4 x 1 tiles
    # Weights are read in each step unless they stay in L2; what is not trained always is.
    for machine, times, trained in [(gpu, 4, True), (large, 1, True), (large, 4, False)]:
        dram = machine.run(MatMul("rnn", 8, 96, 100, steps=4, trained=trained)).traffic["DRAM"]
        assert dram == 2 * (4 * 8 * 96 + times * 96 * 100 + 4 * 8 * 100)
    # Four groups, each of 4 x 5 tiles, one after the other: an operand of one group at a time must fit into L2.
    for l2, times_left, times_right in [(a, 1, 2), (b, 1, 1), (a - 1, 3, 2)]:
        grouped = TensorCoreGPU(sms=2, l2=l2).run(MatMul("groups", 512, 96, 640, groups=4))
        assert grouped.traffic["DRAM"] == 4 * (times_left * a + times_right * b + c)
    conv = Conv2d("conv", 16, 32, 20, 20, 3, padding=1, batch=4)  # an image is read, not its patches
    assert large.run(conv).traffic["DRAM"] == conv.bytes(16)


def test_time_is_the_larger_of_computing_and_dram():
    vector = MatMul("fc", 1, 4096, 4096)
    assert GPU.run(vector).cycles == 128 * 2 * 1024  # a wave of mostly empty tiles, 128 depths of them
    slow = TensorCoreGPU(bandwidth=9e9).run(vector)
    assert slow.seconds == pytest.approx(vector.bytes(16) / 9e9, rel=1e-6)


def test_networks_and_energy():
    network = networks.alexnet(batch=64)
    report = GPU.run(network)
    assert report.macs == network.macs
    assert report.cycles == sum(GPU.run(layer).cycles for layer in network)
    assert 0 < report.utilization < 1
    assert set(report.energy) == {"DRAM", "buffer", "register", "mac"}
    assert report.energy["mac"] == pytest.approx(network.macs * 1.5e-12)  # Horowitz: 1.1 and 0.4 pJ
    relative = TensorCoreGPU(table=EYERISS_RELATIVE).run(network)
    assert relative.energy["DRAM"] == pytest.approx(relative.traffic["DRAM"] / 2 * 200e-12)
    assert GPU.run(Network("one", [network.layers[0]])).cycles == GPU.run(network.layers[0]).cycles
    assert "80 SMs of 8 tensor cores" in report.table()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"sms": 0}, "sms must be an integer of at least 1"),
        ({"clock": 0}, "clock must be positive, a finite number"),
        ({"clock": "1e9"}, "clock must be positive, a finite number"),
        ({"bandwidth": -1.0}, "bandwidth must be positive, a finite number"),
        ({"tile": (128, 128)}, r"tile must be a tuple of 3 sizes, got \(128, 128\)"),
        ({"tile": (128, 128, 32, 1)}, "tile must be a tuple of 3"),
        ({"tile": [128, 128, 32]}, "tile must be a tuple of 3"),
        ({"tile": (128, 128, 0)}, r"tile\[2\] must be an integer of at least 1"),
        ({"warp": 64}, "warp must be a tuple of 2 sizes, got 64"),
        ({"warp": (64, 32.0)}, r"warp\[1\] must be an integer"),
        ({"tile": (144, 128, 32), "warp": (16, 16)}, "and 64: make it smaller, or the warp's part larger"),
        ({"tile": (96, 128, 32)}, "multiple of the warp's part"),
        ({"tile": (128, 128, 8)}, "both of 16"),
        ({"warp": (8, 32)}, "both of 16"),
        ({"tile": (256, 256, 32)}, "make it smaller"),
        ({"tile": (128, 128, 128)}, "make it smaller"),
    ],
)
def test_refused_machines(settings, says):
    with pytest.raises(ValueError, match=says):
        TensorCoreGPU(**settings)


def test_refused_work():
    four = np.ones((4, 4))
    with pytest.raises(ValueError, match="4 x 4"):
        mma(np.ones((4, 5)), four, four)
    with pytest.raises(ValueError, match="finite in float16"):
        mma(four * 70000, four, four)
    with pytest.raises(ValueError, match="finite in float32"):
        mma(four, four, four * 1e39)
    for refused in (four * 1j, four.astype(object), four.astype(str)):
        with pytest.raises(ValueError, match="needs real numbers"):
            mma(four, refused, four)
        with pytest.raises(ValueError, match="needs real numbers"):
            GPU.multiply(refused, four)
    with pytest.raises(ValueError, match="rounding must be"):
        mma(four, four, four, "up")
    with pytest.raises(ValueError, match="multiply takes"):
        GPU.multiply(np.ones((3, 4)), np.ones((5, 3)))
    with pytest.raises(ValueError, match="multiply takes"):
        GPU.multiply(np.ones((3, 0)), np.ones((0, 3)))
    with pytest.raises(ValueError, match="not a list"):
        GPU.run([MatMul("gemm", 1, 1, 1)])
