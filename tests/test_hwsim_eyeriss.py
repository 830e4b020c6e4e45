"""Eyeriss: the closed forms against a walk through the loops, and against the chip's published tables."""

import csv
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from hwsim import HOROWITZ_45NM, Conv2d, Eyeriss, MatMul, Network, networks
from hwsim.machines.eyeriss import ALEXNET_MAPPINGS, RowMapping
from hwsim.run_length import run_length_bytes, run_length_ratio

REFERENCE = Path(__file__).parent / "reference"


def published(file, key="Layer"):
    with (REFERENCE / file).open() as text:
        return {row[key].lower().replace("-", "_"): row for row in csv.DictReader(text)}


def convolutions(network):
    return Network(network.name, [layer for layer in network if isinstance(layer, Conv2d)])


TABLE_III = published("eyeriss_jssc_table3_mapping.csv", "layer")
TABLE_V = published("eyeriss_jssc_table5_alexnet.csv")
ALEXNET = convolutions(networks.alexnet(batch=4))
ALEXNET_ZEROS = {
    layer.name: float(TABLE_V[layer.name]["Zeros in Ifmaps"].rstrip("%")) / 100 for layer in ALEXNET
}


@pytest.fixture(scope="module")
def alexnet():
    return Eyeriss().run(ALEXNET, mappings=ALEXNET_MAPPINGS, zeros=ALEXNET_ZEROS)


def deviation(here, there):
    return here / float(there) - 1


# The chip's published tables


def test_mappings_are_those_of_table_3():
    for name, mapping in ALEXNET_MAPPINGS.items():
        row, layer = TABLE_III[name], ALEXNET[name]
        assert mapping == RowMapping(*(int(row[letter]) for letter in RowMapping._fields))
        height = (mapping.e - 1) * int(row["U"]) + int(row["R/S"])
        inputs = mapping.n * mapping.q * mapping.r * height * int(row["H/W"]) * 2 / 1024
        sums = mapping.n * mapping.m * mapping.e * layer.output_size[1] * 2 / 1024
        assert inputs == pytest.approx(float(row["ifmap_KB"]), abs=0.06)
        assert sums == pytest.approx(float(row["psum_KB"]), abs=0.1)


def test_time_of_alexnet(alexnet):
    milliseconds = [layer.seconds * 1e3 for layer in alexnet.layers]
    # The PEs alone would need 19.17 ms for CONV3; the partial sums' way through the buffer needs 20.77 ms.
    assert milliseconds == pytest.approx([13.94, 33.18, 20.77, 14.38, 9.58], abs=0.005)
    assert Eyeriss(psum_port=8).run(
        ALEXNET["conv3"], {"conv3": ALEXNET_MAPPINGS["conv3"]}
    ).seconds == pytest.approx(19.17e-3, rel=1e-3)


def test_compression_of_alexnet(alexnet):
    for layer in alexnet.layers:
        ratio = layer.counts["DRAM bytes uncompressed"] / layer.traffic["DRAM"]
        assert 1.07 < ratio < 1.8  # published: 1.2 to 1.9


def test_traffic_of_alexnet(alexnet):
    assert alexnet.traffic["DRAM"] / 2 / alexnet.macs == pytest.approx(0.0029, abs=0.0001)  # accesses a MAC
    six_channels = ALEXNET_MAPPINGS["conv3"]._replace(q=3, r=2, t=2)
    better = Eyeriss().run(ALEXNET["conv3"], {"conv3": six_channels})
    assert (
        abs(deviation(better.traffic["buffer"] / 1e6, TABLE_V["conv3"]["Global Buffer Accesses (MB)"])) < 0.02
    )


def test_energy_is_in_proportion_to_the_chips(alexnet):
    rows = [TABLE_V[layer.name] for layer in alexnet.layers]
    chip = np.array([float(row["Power (mW)"]) * float(row["Total Latency (ms)"]) * 1e-6 for row in rows])
    here = np.array([layer.joules - layer.energy["DRAM"] for layer in alexnet.layers])
    scale = chip.sum() / here.sum()  # joules on the chip for a MAC's joule in the table
    assert scale == pytest.approx(3.6, abs=0.05)
    assert np.abs(chip / here / scale - 1).max() < 0.17


def test_gating_saves_energy_in_the_pes(alexnet):
    ungated = Eyeriss(gating=False).run(ALEXNET, mappings=ALEXNET_MAPPINGS, zeros=ALEXNET_ZEROS)
    gated, all_of_it = (run.energy["register"] + run.energy["mac"] for run in (alexnet, ungated))
    assert 1 - gated / all_of_it == pytest.approx(0.41, abs=0.005)  # published: 45% of the PEs' power
    assert ungated.traffic["DRAM"] == alexnet.traffic["DRAM"]
    assert ungated.counts["gated MACs"] == 0 < alexnet.counts["gated MACs"] < alexnet.macs


# The closed forms


def walk(layer, mapping):
    """Words moved, by going through the passes one after the other."""
    m, n, e, p, q, r, t = mapping
    N, M, C = layer.batch, layer.out_channels, layer.in_channels
    (E, F), (R, S), U = layer.output_size, layer.kernel, layer.stride
    words = dict.fromkeys(["DRAM", "buffer", "array", "register"], 0)
    cycles = 0
    for strip, _, block in product(range(0, E, e), range(0, N, n), range(0, M, m)):
        rows = min(layer.height, (strip + e - 1) * U - layer.padding + R) - max(0, strip * U - layer.padding)
        for channels in range(0, C, q * r):
            inputs = n * q * r * rows * layer.width
            words["DRAM"] += inputs
            words["buffer"] += inputs
            for _ in range(block, block + m, p * t):  # a pass
                sums = n * p * t * e * F
                filters = p * t * q * r * R * S
                words["DRAM"] += filters
                words["buffer"] += inputs + sums * (2 if channels else 1)
                pes, done = R * e * r * t, 0
                for _ in range(pes):  # each has p filter rows and q * n input rows
                    words["array"] += p * q * S + n * q * layer.width
                    done += n * p * q * S * F
                cycles += n * p * q * S * F
                words["array"] += sums * (R * r - 1)
                words["register"] += 2 * done + 2 * (done - sums * R * r)
        words["DRAM"] += n * m * e * F
    return words, cycles


@pytest.mark.parametrize(
    ("layer", "mapping"),
    [
        (Conv2d("a", 4, 8, 10, 9, (3, 3), batch=2), RowMapping(m=4, n=1, e=4, p=2, q=2, r=1, t=2)),
        (Conv2d("b", 6, 8, 8, 8, (3, 3), padding=1, batch=4), RowMapping(m=8, n=2, e=4, p=2, q=1, r=3, t=4)),
        (Conv2d("c", 2, 6, 23, 23, (5, 5), stride=2, batch=1), RowMapping(m=6, n=1, e=5, p=3, q=2, r=1, t=2)),
        (Conv2d("d", 8, 8, 6, 6, (1, 1), batch=1), RowMapping(m=8, n=1, e=6, p=2, q=2, r=2, t=4)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_counts_equal_a_walk_through_the_loops(layer, mapping):
    report = Eyeriss(psum_port=10**6, bandwidth=1e12).run(layer, mappings={layer.name: mapping})
    words, cycles = walk(layer, mapping)
    assert report.traffic == {level: 2 * count for level, count in words.items()}
    assert report.cycles == cycles
    assert Eyeriss().active_pes(layer, mapping) <= report.units


def test_map_finds_the_published_mapping_of_conv1():
    assert Eyeriss().map(ALEXNET["conv1"]) == ALEXNET_MAPPINGS["conv1"]


def test_map_is_the_best_of_what_it_tries():
    layer, machine = ALEXNET["conv5"], Eyeriss()
    best = machine.run(layer)
    for mapping in [ALEXNET_MAPPINGS["conv5"], *(machine.map(layer, channels=c) for c in (1, 2, 4, 8))]:
        other = machine.run(layer, {"conv5": mapping})
        assert best.joules * best.seconds <= other.joules * other.seconds
    frugal = machine.run(layer, {"conv5": machine.map(layer, time=False)})
    assert frugal.joules <= best.joules


def test_every_layer_of_the_course_runs():
    for network in [networks.lenet5(), networks.mobilenet_v1(), networks.bert_base(), networks.lstm(steps=3)]:
        report = Eyeriss().run(network)
        assert report.macs == network.macs
        assert 0 < report.utilization <= 1
        assert report.cycles * 480e6 >= report.traffic["DRAM"] * 200e6
        assert len(report.layers) == len(network)


def test_groups_and_steps_repeat_the_work():
    whole = Eyeriss().run(MatMul("one", m=2, k=64, n=32))
    more = Eyeriss().run(MatMul("more", m=2, k=64, n=32, groups=3, steps=5))
    for count in ("compute cycles", "port cycles", "passes"):
        assert more.counts[count] == 15 * whole.counts[count]
    assert more.traffic == {level: 15 * size for level, size in whole.traffic.items()}


def test_a_tall_filter_is_worked_on_in_pieces():
    layer = Conv2d("tall", 1, 4, 40, 8, (24, 3))
    whole = Eyeriss(rows=24).run(layer, {"tall": RowMapping(m=4, n=1, e=7, p=2, q=1, r=1, t=2)})
    pieces = Eyeriss().run(layer, {"tall": RowMapping(m=4, n=1, e=7, p=2, q=1, r=1, t=2)})
    assert pieces.counts["compute cycles"] == 2 * whole.counts["compute cycles"]
    assert pieces.counts["passes"] == 2 * whole.counts["passes"]
    assert Eyeriss().active_pes(layer, RowMapping(4, 1, 7, 2, 1, 1, 2)) == 12 * 7 * 2
    for level in ("DRAM", "register"):
        assert pieces.traffic[level] == whole.traffic[level]
    sums = 4 * 17 * 6  # go through the array, and the buffer, once more
    assert pieces.traffic["array"] == whole.traffic["array"] - 2 * sums
    assert pieces.traffic["buffer"] == whole.traffic["buffer"] + 2 * 2 * sums


def test_rows_that_a_stride_jumps_over_are_not_fetched():
    report = Eyeriss().run(Conv2d("shortcut", 8, 16, 56, 56, 1, stride=2))
    assert report.traffic["DRAM"] == 2 * (8 * 28 * 56 + 8 * 16 + 16 * 28 * 28)


def test_the_longest_of_pes_port_and_dram_sets_the_time():
    fc7 = MatMul("fc7", 1, 4096, 4096)
    report = Eyeriss().run(fc7)
    assert report.cycles == report.counts["memory cycles"] > 100 * report.counts["compute cycles"]
    assert report.seconds == pytest.approx(report.traffic["DRAM"] / 480e6, rel=1e-6)
    fast = Eyeriss(bandwidth=1e12).run(fc7)
    assert fast.cycles == fast.counts["compute cycles"] < report.cycles / 100
    conv3 = Eyeriss().run(ALEXNET["conv3"], {"conv3": ALEXNET_MAPPINGS["conv3"]})
    assert conv3.cycles == conv3.counts["port cycles"]


def test_a_huge_layer_does_not_overflow():
    report = Eyeriss().run(MatMul("huge", 10**7, 10**7, 10**7))
    assert report.macs == 10**21
    assert report.cycles >= report.macs // 168


def test_another_table():
    assert Eyeriss(table=HOROWITZ_45NM).run(ALEXNET).energy["mac"] == pytest.approx(ALEXNET.macs * 0.843e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Eyeriss(rows=0), "Eyeriss: rows must be an integer of at least 1"),
        (lambda: Eyeriss(clock=0), "clock must be positive"),
        (lambda: Eyeriss().run("alexnet"), "not a str"),
        (lambda: Eyeriss().run(ALEXNET, zeros={"conv9": 0.5}), "AlexNet has no layer 'conv9', only conv1"),
        (lambda: Eyeriss().run(ALEXNET, zeros={"conv1": 1.5}), "share of zeros is a number from 0 to 1"),
        (lambda: Eyeriss().map(Conv2d("wide", 1, 1, 20, 20, (1, 13))), "kernel 13 wide does not fit into 12"),
        (
            lambda: Eyeriss(buffer=64).map(ALEXNET["conv1"]),
            "conv1: not one row of outputs fits into a buffer of 64 bytes",
        ),
        (lambda: Eyeriss().map(ALEXNET["conv5"], channels=5), "conv5: no pass has 5 channels here; with few"),
        (
            lambda: Eyeriss(filter_words=5).map(ALEXNET["conv1"]),
            "kernel 11 wide does not fit into 12 .* and 5",
        ),
        (lambda: Eyeriss().map(ALEXNET), "one MatMul or Conv2d at a time, not a Network"),
        (lambda: Eyeriss().run(ALEXNET, zeros={"conv1": "0.5"}), "zeros are numbers or their share"),
        (lambda: Eyeriss().run(ALEXNET, zeros={"conv1": None}), "zeros are numbers or their share"),
        (lambda: Eyeriss().run(ALEXNET, zeros={"conv1": []}), "zeros are numbers or their share"),
        (lambda: Eyeriss().run(ALEXNET, zeros={"conv1": [0.5]}), "conv1 has 618348 inputs, but zeros has 1"),
        (lambda: Eyeriss(clock="fast"), "clock must be positive"),
        (
            lambda: Eyeriss().run(ALEXNET["conv1"], {"conv1": ALEXNET_MAPPINGS["conv1"]._replace(e=14)}),
            "conv1: the mapping needs 2 r \\* t of the sets of PEs, but there are 1",
        ),
        (
            lambda: Eyeriss().run(ALEXNET["conv4"], {"conv4": ALEXNET_MAPPINGS["conv4"]._replace(m=128)}),
            "needs 182416 bytes of the buffer, but there are 102400",
        ),
        (
            lambda: Eyeriss().run(ALEXNET["conv4"], {"conv4": ALEXNET_MAPPINGS["conv4"]._replace(p=0)}),
            "conv4: mapping: p must be an integer of at least 1",
        ),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"e": 14}, "needs 14 e of the output's rows, but there are 13"),
        ({"n": 5}, "needs 5 n of the images, but there are 4"),
        ({"q": 4, "r": 64}, r"needs 256 q \* r of the channels, but there are 192"),
        ({"q": 5, "p": 14}, r"needs 15 q \* kernel width of a PE's input words, but there are 12"),
        ({"p": 25}, "needs 25 p of a PE's partial sums, but there are 24"),
        ({"p": 24, "q": 4}, r"needs 288 p \* q \* kernel width of a PE's filter words, but there are 224"),
        ({"t": 3}, r"needs 6 r \* t of the sets of PEs, but there are 4"),
        ({"m": 48}, r"m must be a multiple of p \* t = 32 up to 192 filters, got 48"),
        ({"m": 224, "n": 1}, r"m must be a multiple of p \* t = 32 up to 192 filters, got 224"),
        ({"m": 96}, "bytes of the buffer, but there are 102400"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(change, message):
    mapping = ALEXNET_MAPPINGS["conv4"]._replace(**change)
    with pytest.raises(ValueError, match=f"conv4: the mapping.*{message}"):
        Eyeriss().run(ALEXNET["conv4"], {"conv4": mapping})
    assert Eyeriss().run(ALEXNET["conv4"], {"conv4": tuple(ALEXNET_MAPPINGS["conv4"])}).cycles > 0


# Run-length compression


def decoded_pairs(values):
    """Pairs of the format by going through the values one at a time."""
    pairs, run = 0, 0
    for value in values:
        if value == 0 and run < 31:
            run += 1
        else:
            pairs, run = pairs + 1, 0
    return pairs + (run > 0)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.99, 1.0])
def test_run_length_bytes(share):
    rng = np.random.default_rng(0)
    values = (rng.random((50, 41)) >= share) * rng.integers(1, 9, (50, 41))
    assert run_length_bytes(values) == -(-decoded_pairs(values.ravel()) // 3) * 8


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9, 0.98, 1.0])
def test_expected_ratio_is_that_of_random_zeros(share):
    values = np.random.default_rng(1).random(300_000) >= share
    assert run_length_ratio(share) == pytest.approx(run_length_ratio(values), rel=0.01)


def test_real_zeros_are_counted():
    layer = Conv2d("conv", 4, 8, 16, 16, 3)
    inputs = np.random.default_rng(2).random((4, 16, 16)) * (np.arange(1024).reshape(4, 16, 16) < 512)
    report = Eyeriss().run(layer, zeros={"conv": inputs})
    assert report.counts["gated MACs"] == layer.macs // 2
    saved = report.counts["DRAM bytes uncompressed"] - report.traffic["DRAM"]
    assert saved == pytest.approx(2 * inputs.size - run_length_bytes(inputs))


@pytest.mark.parametrize("share", [0.9, np.float32(0.9), np.float64(0.9), np.array(0.9)])
def test_a_share_of_any_type(share):
    layer = Conv2d("conv", 4, 8, 16, 16, 3)
    assert Eyeriss().run(layer, zeros={"conv": share}).counts["gated MACs"] == pytest.approx(
        0.9 * layer.macs, rel=1e-4
    )
