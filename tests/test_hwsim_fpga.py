"""FPGA: products really fit into a DSP, budgets hold, and what is published."""

import csv
from itertools import pairwise
from math import ceil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim import FPGA, FPGA_PARTS, HOROWITZ_45NM, Conv2d, MatMul, Network, networks
from hwsim.machines.fpga import NARROW_PORT, RESULT, Part, lut_cost, packing, tiled_cycles

with (Path(__file__).parent / "reference" / "fpga_published.csv").open() as file:
    ROWS = {row["item"]: row for row in csv.DictReader(file)}
parts = st.sampled_from(list(FPGA_PARTS.values()))


def published(item, status="verified"):
    assert ROWS[item]["status"] == status
    return float(ROWS[item]["value"])


def numbers(bits):
    """What a number of so many bits can be."""
    return (-1, 1) if bits == 1 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def signed(value, bits):
    """The low bits of an integer as a two's complement number."""
    return (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def accumulate(weights, activations, field):
    """Multiply and add in one DSP: lists of packed weights and of packed activations; the fields taken apart."""
    count = len(weights[0]), len(activations[0])
    total = 0
    for w, a in zip(weights, activations, strict=True):
        wide = sum(x << (i * field * count[1]) for i, x in enumerate(w))
        narrow = sum(x << (i * field) for i, x in enumerate(a))
        yield wide, narrow
        total += wide * narrow
    assert -(2 ** (RESULT - 1)) <= total < 2 ** (RESULT - 1)
    sums = []
    for _ in range(count[0] * count[1]):
        sums.append(signed(total, field))
        total = (total - sums[-1]) >> field
    yield sums


@given(st.sampled_from([25, 27]), st.integers(1, 16), st.integers(1, 16), st.integers(1, 3), st.randoms())
def test_packed_products_come_out_exact(port, bits, weight_bits, rows, rng):
    macs, w, a, field, sums = packing(port, bits, weight_bits, rows)
    assert 1 <= a <= rows
    assert macs >= 1
    if w * a == 1:
        return
    assert macs == pytest.approx(w * a * sums / (sums + 1))
    for pick in [rng.choice, min, lambda pair: -pair[1]]:  # random, and the extremes
        length = min(sums, 40)
        weights = [[pick(numbers(weight_bits)) for _ in range(w)] for _ in range(length)]
        activations = [[pick(numbers(bits)) for _ in range(a)] for _ in range(length)]
        *factors, fields = accumulate(weights, activations, field)
        for wide, narrow in factors:
            assert -(2 ** (port - 1)) <= wide < 2 ** (port - 1)
            assert -(2 ** (NARROW_PORT - 1)) <= narrow < 2 ** (NARROW_PORT - 1)
        expected = [
            sum(x[i] * y[j] for x, y in zip(weights, activations, strict=True))
            for i in range(w)
            for j in range(a)
        ]
        assert fields == expected


def test_one_product_more_than_a_field_holds_is_wrong():
    _, w, a, field, sums = packing(27, 8, 8)
    assert (w, a, field, sums) == (2, 1, 18, 7)
    *_, fields = accumulate([[-128, -128]] * sums, [[-128]] * sums, field)
    assert fields == [7 * 2**14] * 2
    *_, fields = accumulate([[-128, -128]] * (sums + 1), [[-128]] * (sums + 1), field)
    assert fields != [8 * 2**14] * 2


def test_packing_of_both_slices():
    assert packing(27, 8, 8)[0] == published("int8 gain of a DSP48E2")  # over one MAC a DSP
    assert packing(25, 8, 8)[0] == 1  # two would fit, but nothing can be added to them
    assert packing(27, 16, 16) == packing(25, 16, 16) == (1.0, 1, 1, RESULT, 0)
    assert packing(27, 4, 4)[1:3] == (2, 2)  # four products in a DSP
    assert packing(27, 4, 4, rows=1)[1:3] == (3, 1)


@pytest.mark.parametrize("part", FPGA_PARTS.values(), ids=lambda part: part.name)
@pytest.mark.parametrize("rows", [1, 2])
def test_fewer_bits_more_throughput(part, rows):
    machines = [FPGA(part, bits=bits, rows=rows) for bits in range(16, 0, -1)]
    for wider, narrower in pairwise(machines):
        assert narrower.units >= wider.units
        assert lut_cost(narrower.bits, narrower.bits) < lut_cost(wider.bits, wider.bits)
    assert machines[-1].units > 15 * machines[0].units
    seconds = [
        machine.run(networks.alexnet()).seconds for machine in machines if machine.bits in (16, 8, 4, 2, 1)
    ]
    assert seconds == sorted(seconds, reverse=True)


@given(parts, st.integers(1, 16), st.integers(1, 16), st.integers(1, 4), st.sampled_from([0, 0.3, 0.7, 1]))
def test_budgets_are_never_exceeded(part, bits, weight_bits, rows, lut_share):
    machine = FPGA(part, bits, weight_bits, rows, lut_share)
    used = machine.used
    assert 0 < used["DSP"] <= part.dsps
    assert 0 <= used["LUT"] <= lut_share * part.luts
    assert 0 < used["BRAM"] <= part.brams
    assert machine.units == machine.array[0] * machine.array[1] * machine.array[2]
    assert machine.array[0] == rows
    by_dsp = packing(part.port, bits, weight_bits, rows)[0] * part.dsps
    assert machine.units <= by_dsp + lut_share * part.luts / lut_cost(bits, weight_bits)


def test_the_width_of_the_memory_bounds_the_array():
    few = Part("few BRAMs", 2760, 27, 331_680, 100, 25.6e9, 200e6, "made up")
    machine = FPGA(few, bits=16)
    assert machine.units < FPGA(FPGA_PARTS["XCKU060"], bits=16).units / 3
    assert machine.used["BRAM"] <= 100
    assert machine.used["LUT"] == 0


@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 40), st.integers(1, 3), st.integers(1, 3))
def test_tiles_one_by_one(m, k, n, groups, steps):
    product = MatMul("p", m, k, n, groups=groups, steps=steps)
    rows, outs, ins = 2, 5, 8
    cycles = macs = 0
    for _ in range(groups * steps):
        for i in range(0, m, rows):
            for j in range(0, n, outs):
                for c in range(0, k, ins):
                    cycles += 1
                    macs += min(rows, m - i) * min(outs, n - j) * min(ins, k - c)
    assert tiled_cycles(product, rows, outs, ins) == cycles
    assert macs == product.macs


def test_a_layer_waits_for_memory_or_for_its_tiles():
    machine = FPGA(FPGA_PARTS["XCKU060"], bits=8)
    fc = machine.run(MatMul("fc", 1, 4096, 4096))
    assert fc.traffic["DRAM"] == 4096 * 4096 + 2 * 4096
    assert fc.cycles == fc.counts["memory cycles"] == ceil(fc.traffic["DRAM"] / 25.6e9 * 200e6)
    conv = machine.run(Conv2d("conv", 256, 256, 14, 14, 3, padding=1))
    assert conv.cycles == conv.counts["compute cycles"] > conv.counts["memory cycles"]
    assert conv.traffic["DRAM"] == 2 * 256 * 14 * 14  # its weights fit on the chip
    rows, outs, ins = machine.array
    assert conv.traffic["buffer"] == conv.cycles * ins * (outs + rows) + conv.traffic["DRAM"]
    network = machine.run(
        Network("both", [MatMul("fc", 1, 4096, 4096), Conv2d("conv", 256, 256, 14, 14, 3, padding=1)])
    )
    assert network.traffic["DRAM"] == fc.traffic["DRAM"] + conv.traffic["DRAM"] + 256 * 256 * 9
    assert network.cycles == sum(layer.cycles for layer in network.layers)


def test_what_does_not_fit_is_read_again():
    tiny = Part(
        "tiny", 4, 25, 100, 2, 1e9, 1e8, "made up"
    )  # 4,608 bytes for weights and as many for activations
    machine = FPGA(tiny, bits=8, rows=1)

    def dram(**sizes):
        return machine.run(MatMul("p", **sizes)).traffic["DRAM"]

    assert dram(m=10, k=64, n=72) == 10 * 64 + 10 * 72  # 4,608 bytes of weights stay
    assert dram(m=10, k=64, n=73) == 64 * 73 + 10 * 64 + 10 * 73
    assert dram(m=100, k=64, n=100) == 6400 + 2 * 6400 + 100 * 100  # two blocks of each
    assert dram(m=200, k=64, n=100) == 12_800 + 3 * 6400 + 200 * 100 == 52_000
    assert dram(m=120, k=64, n=100) == 7680 + 2 * 6400 + 120 * 100  # the larger operand is read once
    assert dram(m=100, k=64, n=120) == 7680 + 2 * 6400 + 120 * 100
    assert dram(m=1, k=64, n=100, steps=7) == 7 * (
        6400 + 64 + 100
    )  # too many weights to stay for the next step
    assert dram(m=1, k=64, n=50, steps=7) == 7 * (64 + 50)
    assert dram(m=10, k=64, n=50, groups=3) == 3 * (64 * 50 + 10 * 64 + 10 * 50)  # 9,600 bytes in all
    assert dram(m=10, k=64, n=50, groups=3, trained=False) == 3 * (64 * 50 + 10 * 64 + 10 * 50)
    assert dram(m=10, k=64, n=50, steps=3, trained=False) == 3 * (64 * 50 + 10 * 64 + 10 * 50)


def test_energy():
    layer = MatMul("fc", 4, 512, 512)
    for bits in (16, 12, 8, 4, 1):
        report = FPGA(bits=bits).run(layer)
        assert set(report.energy) == {"mac", "buffer", "DRAM"}
        assert report.energy["mac"] == pytest.approx(layer.macs * HOROWITZ_45NM.mac(f"int{bits}"))
        assert report.energy["DRAM"] == pytest.approx(HOROWITZ_45NM.access("DRAM", report.traffic["DRAM"]))
    mixed = FPGA(bits=16, weight_bits=2).run(layer)
    assert mixed.energy["mac"] == pytest.approx(layer.macs / 8 * HOROWITZ_45NM.mac("int16"))


def test_parts_are_the_published_ones():
    for name, status in [
        ("XC7Z020", "verified"),
        ("XC7Z045", "verified: secondary"),
        ("XCKU060", "verified: secondary"),
    ]:
        part = FPGA_PARTS[name]
        assert part.luts == float(ROWS[f"{name} LUTs"]["value"])
        assert part.dsps == published(f"{name} DSP slices", status)
        assert part.brams == published(f"{name} block RAMs of 36 Kb", status)
    for name, board, status in [
        ("XC7Z020", "PYNQ-Z1", "verified"),
        ("XC7Z045", "ZC706", "verified: secondary"),
    ]:
        bits, rate = published(f"{board} memory bus bits", status), published(f"{board} memory MT/s", status)
        assert FPGA_PARTS[name].bandwidth == bits / 8 * rate * 1e6
    recalled = "recalled, not verified"
    assert FPGA_PARTS["XCKU060"].bandwidth == published("XCKU060 board bandwidth GB/s", recalled) * 1e9
    assert FPGA_PARTS["XCKU060"].clock == published("ESE clock MHz") * 1e6
    assert FPGA_PARTS["XC7Z045"].clock == published("FINN clock MHz", recalled) * 1e6
    assert FPGA_PARTS["XC7Z020"].clock == published("BNN-PYNQ clock MHz", recalled) * 1e6
    assert all(recalled in part.source for part in FPGA_PARTS.values())
    for name, cited in [
        ("XC7Z020", ("Vivado report", "Xilinx/BNN-PYNQ", "PYNQ-Z1 reference manual")),
        ("XC7Z045", ("public repositories for the ZC706", "UG954 as cited in public code")),
        ("XCKU060", ("part tables of public FPGA tools", "arXiv 1612.00694")),
    ]:
        text = " ".join(FPGA_PARTS[name].source.split()).lower()
        files = " ".join(row["source"] for row in ROWS.values()).lower()
        for words in cited:
            assert words.lower() in text
            assert words.lower() in files


def test_ese():
    machine = FPGA(FPGA_PARTS["XCKU060"], bits=16)
    peak = 2 * machine.units * 200e6
    assert published("ESE sparse GOPS") * 1e9 / peak == pytest.approx(0.22, abs=0.005)
    assert published("ESE dense-equivalent TOPS") * 1e12 / peak == pytest.approx(1.93, abs=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bits": 0}, "bits must be an integer of at least 1"),
        ({"bits": 17}, "bits and weight_bits are 1 to 16, got 17, 17"),
        ({"weight_bits": 32}, "are 1 to 16, got 16, 32"),
        ({"weight_bits": 1.5}, "weight_bits must be an integer"),
        ({"rows": 0}, "rows must be an integer"),
        ({"rows": 1000}, "XC7Z020 has no room for 1000 rows: take fewer rows or bits"),
        ({"lut_share": 1.5}, "lut_share must be 0 to 1"),
        ({"lut_share": "0.5"}, "lut_share must be 0 to 1, got '0.5'"),
        ({"clock": 0}, "FPGA XC7Z020: clock must be positive, a finite number, got 0"),
        ({"clock": "1e8"}, "clock must be positive, a finite number"),
        ({"part": "XC7Z020"}, r"must be a Part of FPGA_PARTS \(XC7Z020, XC7Z045, XCKU060\)"),
        (
            {"part": Part("none", 0, 25, 10, 10, 1e9, 1e8, "made up")},
            "none: dsps must be an integer of at least 1",
        ),
        (
            {"part": Part("cut off", 1, 25, 10, 10, 0, 1e8, "made up")},
            "FPGA cut off: bandwidth must be positive, a finite number, got 0",
        ),
    ],
)
def test_bad_machines_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        FPGA(**options)


def test_other_workloads_are_refused():
    with pytest.raises(ValueError, match="runs a MatMul, Conv2d or Network, not a str"):
        FPGA().run("alexnet")


def test_report():
    report = FPGA(clock=50e6).run(networks.alexnet())
    assert report.clock == 50e6
    assert report.macs == networks.alexnet().macs
    assert 0 < report.utilization <= 1
    assert "FPGA XC7Z020, 16-bit weights, 16-bit activations" in report.table()
