"""The TPUs: cycles and traffic of cases counted by hand, and the published figures that their docstrings print."""

import csv
import doctest
import math
import re
from math import ceil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim import (
    EIE_TABLE_I,
    EYERISS_RELATIVE,
    HOROWITZ_45NM,
    Conv2d,
    EdgeTPU,
    MatMul,
    Network,
    SystolicArray,
    TPUv1,
    TPUv2,
    TPUv3,
    networks,
)
from hwsim.machines import tpu

REFERENCE = Path(__file__).parent / "reference"
MACHINES = [TPUv1(), TPUv2(), TPUv3(), EdgeTPU()]
CYCLES = ["array active cycles", "weight stall cycles", "weight shift cycles", "fill and drain cycles"]
TILE, LOAD = 256 * 256, 1350  # bytes; cycles to fetch it: 65536 / 34e9 * 700e6 = 1349.3


def read(name, key):
    with (REFERENCE / name).open() as file:
        return {row[key]: row for row in csv.DictReader(file)}


APPLICATIONS = read("tpu_v1_apps.csv", "app")


def tops(machine, layer, **options):
    return machine.run(layer, **options).ops_per_second / 1e12


# TPU v1, cycle by cycle


def test_one_tile():
    """Fetch it, shift it in, stream the rows, let the wave run out; nothing overlaps."""
    report = TPUv1().run(MatMul("fc", 10, 256, 256))
    assert report.cycles == LOAD + 256 + 10 + 510
    assert report.traffic["DRAM"] == TILE
    assert [report.counts[name] for name in CYCLES] == [10, LOAD, 256, 510]
    assert report.counts["padding MACs"] == 0


def test_the_longest_of_stream_shift_and_fetch_sets_the_pace():
    fast = TPUv1(bandwidth=34e12)  # 2 cycles a tile
    for machine, rows, pace in [
        (TPUv1(), 10, LOAD),
        (TPUv1(), 2000, 2000),
        (fast, 10, 256),
        (fast, 300, 300),
    ]:
        one, two = (machine.run(MatMul("fc", rows, 256, 256 * tiles)).cycles for tiles in (1, 2))
        assert two - one == pace


def test_layers_follow_each_other_without_a_gap():
    """The first tile of the second layer is fetched while the first layer runs."""
    layers = [MatMul("a", 10, 256, 256), MatMul("b", 20, 256, 512)]
    report = TPUv1().run(Network("two", layers))
    assert report.cycles == 3 * LOAD + 256 + 20 + 2 * 510
    assert report.counts["weight tiles"] == 3
    assert report.macs == sum(layer.macs for layer in layers)


def test_a_first_tile_is_fetched_while_the_layer_before_runs():
    """Both fetches and the longer stream take their time, whatever comes first; slack is carried over a border."""
    short, long = MatMul("short", 10, 256, 256), MatMul("long", 2000, 256, 256)
    run = TPUv1().run(Network("short first", [short, long]))
    assert run.cycles - 2 * 510 == 2 * LOAD + 256 + 2000
    layers = [MatMul("long", 10_000, 256, 5 * 256), MatMul("short", 10, 256, 4 * 256)]
    run = TPUv1().run(Network("long first", layers))  # all four are in the FIFO when the first layer ends
    assert run.cycles - 2 * 510 == LOAD + 256 + 5 * 10_000 + 3 * 256 + 10
    scores = MatMul("scores", 2000, 256, 256, trained=False)
    run = TPUv1().run(Network("weights meanwhile", [scores, short]))
    assert [run.layers[1].counts[name] for name in CYCLES[:3]] == [10, 0, 0]


def event_by_event(machine, layers):
    """When the last rows have streamed: every tile's times, from the start, with room for four fetched tiles."""
    fetched, left, streaming, end = [0.0], [0.0], [0.0], 0.0
    for rows, tiles, trained in layers:
        for _ in range(tiles):
            room = left[-4] if len(left) > 4 else 0.0
            fetch = ceil(machine.size**2 / machine.bandwidth * machine.clock) if trained else 0
            fetched.append(max(fetched[-1], room) + fetch)
            left.append(max(fetched[-1], streaming[-1]))  # shifted in behind the tile that is in use
            streaming.append(max(left[-1] + machine.size, end))
            end = streaming[-1] + rows
    return end


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.integers(1, 2048), st.integers(1, 12), st.booleans()), min_size=1, max_size=4),
    st.sampled_from([3.4e9, 34e9, 340e9, 3400e9]),
)
def test_against_events(sizes, bandwidth):
    machine = TPUv1(bandwidth=bandwidth)
    layers = [
        MatMul(f"fc{i}", rows, 256, 256 * tiles, trained=trained)
        for i, (rows, tiles, trained) in enumerate(sizes)
    ]
    report = machine.run(Network("layers", layers))
    assert report.cycles - 510 * len(layers) == event_by_event(machine, sizes)
    for part in report.layers:
        assert sum(part.counts[name] for name in CYCLES) == part.cycles
        assert part.counts["weight shift cycles"] <= 256 * part.counts["weight tiles"]


@pytest.mark.parametrize(
    ("rows", "bandwidth"), [(1, 34e9), (255, 34e9), (1340, 34e9), (1351, 34e9), (2000, 3.4e9)]
)
def test_many_tiles_against_events(rows, bandwidth):
    """So many that the slack of the FIFO is used up on the way."""
    machine, sizes = TPUv1(bandwidth=bandwidth), [(2048, 50, True), (rows, 10_000, True), (1, 9, True)]
    groups = [MatMul(f"fc{i}", rows, 256, 256, steps=tiles) for i, (rows, tiles, _) in enumerate(sizes)]
    report = machine.run(Network("layers", groups))
    assert report.cycles - report.counts["fill and drain cycles"] == event_by_event(machine, sizes)


def test_long_streams_fetch_their_tiles_again():
    """Half of the 4096 accumulators are filled at a time; a single tile down needs no sums kept, so it stays."""
    for rows, parts in [(2048, 1), (2049, 2), (4096, 2), (4097, 3)]:
        report = TPUv1().run(MatMul("fc", rows, 512, 256))
        assert report.traffic["DRAM"] == 2 * parts * TILE
        assert report.counts["array active cycles"] == 2 * parts * ceil(rows / parts)  # 2049: 4,100
        assert TPUv1().run(MatMul("fc", rows, 256, 512)).traffic["DRAM"] == 2 * TILE


def test_groups_and_steps_fetch_their_own_tiles():
    machine, one = TPUv1(), MatMul("one", 5, 100, 100)
    assert machine.run(MatMul("g", 5, 100, 100, groups=3)).traffic["DRAM"] == 3 * TILE
    steps = machine.run(MatMul("s", 5, 100, 100, steps=3))
    assert steps.traffic["DRAM"] == 3 * TILE
    assert steps.counts["fill and drain cycles"] == 3 * machine.run(one).counts["fill and drain cycles"]
    depthwise = Conv2d("dw", 8, 8, 10, 10, 3, padding=1, groups=8)
    assert machine.run(depthwise).counts["weight tiles"] == 8


def test_mixed_precision():
    """Half speed with one operand of 16 bits, a quarter with both; wide weights are twice the bytes and the shift."""
    layer = MatMul("fc", 2048, 256, 256)
    for weight_bits, activation_bits, slower in [(8, 8, 1), (8, 16, 2), (16, 8, 2), (16, 16, 4)]:
        report = TPUv1().run(layer, weight_bits=weight_bits, activation_bits=activation_bits)
        assert report.counts["array active cycles"] == slower * 2048
        assert report.traffic["DRAM"] == TILE * weight_bits // 8
        assert report.counts["weight shift cycles"] == 256 * weight_bits // 8
        assert report.counts["padding MACs"] == 0
        assert report.energy["mac"] == pytest.approx(slower * TPUv1().run(layer).energy["mac"])


def test_mixed_precision_of_two_activations():
    """Both operands then have the activations' bits."""
    scores = MatMul("scores", 2048, 256, 256, trained=False)
    report = TPUv1().run(scores, weight_bits=8, activation_bits=16)
    assert report.counts["array active cycles"] == 4 * 2048
    assert report.counts["weight shift cycles"] == 512


def test_traffic_counted_by_hand():
    """300 x 300 weights are 2 x 2 tiles; 7 rows."""
    report = TPUv1().run(MatMul("fc", 7, 300, 300))
    sums = 7 * 300 * (2 + 1 + 1) * 4  # written for each tile down, read to add once, read to leave
    assert report.traffic == {
        "DRAM": 4 * TILE,
        "buffer": 7 * 300 * 2 + 7 * 300 + sums,
        "array": 7 * 300 * 300 * (1 + 4) + 4 * TILE * 257 / 2,
        "register": 7 * 300 * 300,
    }
    assert report.counts["padding MACs"] == 7 * (512 * 512 - 300 * 300)


def test_a_product_of_activations_needs_no_dram():
    trained = TPUv1().run(MatMul("fc", 64, 256, 256))
    report = TPUv1().run(MatMul("scores", 64, 256, 256, trained=False))
    assert report.traffic["DRAM"] == 0
    assert report.traffic["buffer"] == trained.traffic["buffer"] + TILE
    assert report.cycles == trained.cycles - LOAD
    for machine in (TPUv2(), EdgeTPU()):
        layer = MatMul("scores", 64, 256, 256, trained=False)
        assert machine.run(layer).macs == layer.macs
    assert EdgeTPU(memory=1).run(layer).traffic["DRAM"] == 0


def test_the_unified_buffer_names_the_largest_batch():
    size = 24 * 2**20
    fits = MatMul("fc", size // 2048, 1024, 1024)
    assert TPUv1().run(fits).macs == fits.macs
    with pytest.raises(ValueError, match=f"fc: .* overflow .* the largest m that fits is {size // 2048}$"):
        TPUv1().run(MatMul("fc", size // 2048 + 1, 1024, 1024))
    with pytest.raises(ValueError, match=f"the largest m that fits is {size // 4096}$"):
        TPUv1().run(fits, activation_bits=16)
    with pytest.raises(ValueError, match=r"conv1_2: .* the largest batch that fits is 3"):
        TPUv1().run(networks.vgg16(batch=4)["conv1_2"])
    assert TPUv1().run(networks.vgg16(batch=3)["conv1_2"]).cycles > 0
    with pytest.raises(ValueError, match="cut the layer into smaller ones"):
        TPUv1().run(Conv2d("large", 64, 64, 1000, 1000, 3))
    with pytest.raises(ValueError, match="cut the layer into smaller ones"):
        TPUv1().run(MatMul("scores", 1, 6000, 6000, trained=False))
    with pytest.raises(ValueError, match=r"groups: .* the largest m that fits is 4096$"):
        TPUv1().run(MatMul("groups", 4097, 1024, 512, groups=4))
    sequence = MatMul("lstm", 96, 600, 600, steps=10_000)  # one step at a time is held
    assert TPUv1().run(sequence).macs == sequence.macs


# TPU v1 against the paper


@pytest.mark.parametrize("name", APPLICATIONS)
def test_stand_ins_are_those_of_table_1(name):
    row, network = APPLICATIONS[name], networks.tpu_v1_application(name)
    assert network.weights == pytest.approx(float(row["weights"].rstrip("M")) * 1e6, rel=0.005)
    assert network.macs / network.weights == pytest.approx(float(row["ops_per_weight_byte"]), rel=0.004)
    batches = {layer.batch if isinstance(layer, Conv2d) else layer.m for layer in network}
    assert batches == {int(row["batch"])}
    layers = {"MLP0": 5, "MLP1": 4, "LSTM0": 24, "LSTM1": 94, "CNN0": 16, "CNN1": 72 + 4}
    assert len(network) == layers[name]


def printed_tops():
    """Measured and modelled, as the docstring of TPUv1 prints them."""
    found = re.findall(r"(MLP\d|LSTM\d|CNN\d)\s+([\d.]+), ([\d.]+)", TPUv1.__doc__)
    return {name: (measured, float(modelled)) for name, measured, modelled in found}


@pytest.mark.parametrize(
    ("name", "bound"),
    [("MLP0", 0.06), ("MLP1", 0.13), ("LSTM0", 0.08), ("LSTM1", 0.4), ("CNN0", 0.13), ("CNN1", 1.6)],
)
def test_tops_of_the_six_applications(name, bound):
    modelled, measured = (
        tops(TPUv1(), networks.tpu_v1_application(name)),
        float(APPLICATIONS[name]["measured_TOPS"]),
    )
    assert abs(modelled / measured - 1) < bound
    shown = printed_tops()[name]
    assert float(shown[0]) == measured
    assert shown[1] == pytest.approx(modelled, abs=0.05 if modelled < 20 else 0.5)


def shares(name, **options):
    """Of the cycles that are the array's: active, stalled, shifting; here and in Table 3, in percent."""
    counts = TPUv1().run(networks.tpu_v1_application(name), **options).counts
    here = [100 * counts[part] / sum(counts[part] for part in CYCLES) for part in CYCLES[:3]]
    row = APPLICATIONS[name]
    array = 100 - float(row["non_matrix_pct"])
    paper = [row["array_active_pct"], row["weight_stall_pct"], row["weight_shift_pct"]]
    return here, [100 * float(share) / array for share in paper]


def test_where_the_cycles_go():
    for name in ["MLP0", "MLP1", "LSTM0", "LSTM1"]:
        here, paper = shares(name)
        assert 18 < here[2] < 19 < paper[2] < 20
        assert here[1] == pytest.approx(paper[1], abs=5)
    for name in ["MLP0", "MLP1"]:
        here, paper = shares(name)
        assert here[0] == pytest.approx(paper[0], abs=3.5)
    for name in ["LSTM0", "LSTM1"]:
        (active, *_), (paper, *_) = shares(name)
        assert 0.45 < active / paper < 0.6
        wide, _ = shares(name, activation_bits=16)
        assert wide[0] == pytest.approx(2 * active, rel=0.01)
        network = networks.tpu_v1_application(name)
        assert TPUv1().run(network, activation_bits=16).seconds == pytest.approx(
            TPUv1().run(network).seconds, rel=1e-3
        )
    here, paper = shares("CNN0")
    assert here[0] > 97
    assert paper == [100, 0, 0]
    here, paper = shares("CNN1")
    assert here[0] == pytest.approx(paper[0], abs=16)
    counts = TPUv1().run(networks.squeezenet()).counts  # the docstring's 14%
    assert counts[CYCLES[3]] / sum(counts[part] for part in CYCLES) == pytest.approx(0.14, abs=0.005)
    outside = [float(row["non_matrix_pct"]) for row in APPLICATIONS.values()]
    assert (min(outside), max(outside)) == (10.3, 31.9)  # "10 to 32%"


def test_useful_macs_of_active_cycles():
    """Table 3: all of LSTM0's and CNN0's, about half of CNN1's (shallow layers fill half of the array)."""
    for name, bound in [("MLP0", 0.05), ("LSTM0", 0.1), ("CNN0", 0.16), ("CNN1", 0.06)]:
        row = APPLICATIONS[name]
        report = TPUv1().run(networks.tpu_v1_application(name))
        useful = report.macs / (report.macs + report.counts["padding MACs"])
        assert useful == pytest.approx(
            float(row["useful_mac_pct"]) / float(row["array_active_pct"]), abs=bound
        )


def test_larger_arrays_and_faster_memory():
    """Section 7: 18 us for a 600 x 600 matrix, 32 us on a 512 x 512 array; 4 times the bandwidth, 3 times the speed."""
    layer = MatMul("LSTM1", 96, 600, 600)
    assert TPUv1().run(layer).seconds * 1e6 == pytest.approx(18, rel=0.04)
    assert TPUv1(size=512).run(layer).seconds * 1e6 == pytest.approx(32, rel=0.04)
    speedups = {}
    for change, machine in {"memory": TPUv1(bandwidth=4 * 34e9), "clock": TPUv1(clock=2.8e9)}.items():
        each = [tops(machine, n) / tops(TPUv1(), n) for n in map(networks.tpu_v1_application, APPLICATIONS)]
        weights = [float(row["deploy_pct"]) for row in APPLICATIONS.values()]
        mean = sum(w * s for w, s in zip(weights, each, strict=True)) / sum(weights)
        speedups[change] = mean, math.prod(each) ** (1 / 6)
    assert speedups["memory"] == pytest.approx((3, 3), rel=0.25)
    assert speedups["clock"] == pytest.approx((1, 1), abs=0.1)


def test_power():
    """Table 2 and Figure 10: 40 W for CNN0. The docstring says 195, and that a hop costs a third of a buffer access."""
    assert HOROWITZ_45NM.access("array", 1) == pytest.approx(HOROWITZ_45NM.access("buffer", 1) / 3)
    report = TPUv1().run(networks.tpu_v1_application("CNN0"))
    assert report.joules / report.seconds == pytest.approx(195, abs=1)
    assert read("tpu_v1_platforms.csv", "platform")["TPU v1"]["busy_W"] == "40"
    assert report.energy["array"] > 0.8 * report.joules


def test_an_unknown_application():
    with pytest.raises(ValueError, match="no application 'CNN2', only CNN0, CNN1, LSTM0"):
        networks.tpu_v1_application("CNN2")


# TPU v2 and v3


@pytest.mark.parametrize(
    ("machine", "item", "peak", "seconds"),  # the last for one row: v2 waits for the shifts, v3 for the HBM
    [
        (TPUv2(), "peak TFLOPS", 45.9, 64 * 64 / 2 * 128 / 700e6),
        (TPUv3(), "peak bf16 TFLOPS/chip", 123.2, 2 * 8192 * (8192 + 2) / 900e9),
    ],
)
def test_peak_is_approached_by_large_products_only(machine, item, peak, seconds):
    report = machine.run(MatMul("large", 8192, 8192, 8192))
    assert 2 * report.units * machine.clock / 1e12 == pytest.approx(peak, abs=0.03)
    assert report.utilization > 0.999
    chip = type(machine).__name__
    with (REFERENCE / "tpu_v2_v3.csv").open() as file:
        published = {(row["chip"], row["item"]): row["value"] for row in csv.DictReader(file)}
    assert peak == pytest.approx(float(published[chip, item]), rel=0.025)
    assert published["TPUv2", "HBM GB/s"] == "700"
    assert published["TPUv3", "HBM GiB, GB/s"] == "32, 900"
    assert tops(machine, MatMul("small", 128, 128, 128)) < 0.15 * peak
    row = machine.run(MatMul("row", 1, 8192, 8192))
    assert row.cycles / machine.clock == pytest.approx(seconds, rel=0.002)
    assert row.counts["memory cycles"] / machine.clock == pytest.approx(
        2 * 8192 * (8192 + 2) / machine.bandwidth, rel=1e-4
    )


def test_arrays_share_tiles_or_rows():
    """One tile on four arrays: each takes a quarter of the rows. Five tiles: two rounds for one array."""
    machine = TPUv3(bandwidth=1e15)
    once = 128 + 254
    assert machine.run(MatMul("one tile", 4000, 128, 128)).cycles == 1000 + once
    assert machine.run(MatMul("four", 4000, 128, 512)).cycles == 4000 + once
    assert machine.run(MatMul("five", 4000, 128, 640)).cycles == 5000 + once  # each cut in four
    assert machine.run(MatMul("few rows", 10, 128, 128)).cycles == 128 + once
    assert machine.run(MatMul("steps", 4000, 128, 512, steps=3)).cycles == 3 * (4000 + 254) + 128
    alone = TPUv2(arrays=1, bandwidth=1e15)
    layer = MatMul("fc", 300, 500, 700)
    down, across = SystolicArray(128, 128).folds(layer)
    assert alone.run(layer).cycles == down * across * 300 + once


def test_traffic_of_tpu_v2():
    layer = MatMul("fc", 7, 100, 100)
    traffic = TPUv2().run(layer).traffic
    assert traffic["DRAM"] == layer.bytes(16)
    assert traffic["buffer"] == 2 * (7 * 100 + 7 * 100) + 4 * 2 * 7 * 100 + 2 * 128 * 128
    assert traffic["register"] == 2 * layer.macs
    report = TPUv2().run(MatMul("fc", 7, 200, 300, groups=2, steps=3))  # 2 x 3 tiles of each group and step
    assert report.counts["weight tiles"] == 36
    sums = 7 * 300 * (2 + 1 + 1) * 4
    assert report.traffic["buffer"] == 6 * (2 * (7 * 200 * 3 + 7 * 300) + sums + 6 * 2 * 128 * 128)


def test_rows_that_are_split_copy_their_tile():
    """Two arrays that work on one tile each take it in."""
    layer = MatMul("one", 4000, 128, 128)
    one, two = (TPUv2(arrays=arrays).run(layer) for arrays in (1, 2))
    assert (one.counts["weight tiles"], two.counts["weight tiles"]) == (1, 2)
    assert two.traffic["buffer"] - one.traffic["buffer"] == 2 * 128 * 128
    assert two.traffic["array"] - one.traffic["array"] == 2 * 128 * 128 * 129 / 2
    assert two.traffic["DRAM"] == one.traffic["DRAM"]
    few_rows = TPUv2().run(MatMul("few rows", 10, 128, 128))  # the second array would not help
    assert few_rows.counts["weight tiles"] == 1


# Edge TPU


def test_edge_tpu_takes_int8_only():
    layer = MatMul("fc", 1, 64, 64)
    assert EdgeTPU().run(layer, number="int8") == EdgeTPU().run(layer)
    for number in ["fp32", "bf16", "int16"]:
        with pytest.raises(ValueError, match=f"int8 only, not {number}: quantize the network first"):
            EdgeTPU().run(layer, number=number)


def test_what_does_not_fit_is_streamed_in_every_run():
    layers = [MatMul(name, 1, 1000, 3000, bias=True) for name in "abc"]
    report = EdgeTPU().run(Network("nine million", layers))
    assert [part.traffic["DRAM"] for part in report.layers] == [0, 0, 3 * 3_003_000 - 8e6]
    assert report.layers[2].seconds == pytest.approx((9_009_000 - 8e6) / 500e6, rel=1e-5)
    assert report.layers[0].cycles == 16 * 47 * 64 + 64 + 126
    assert EdgeTPU(bandwidth=1e12).run(layers[0]).cycles == report.layers[0].cycles


def mobilenet_v2():
    """Sandler et al., CVPR 2018, Table 2."""
    layers, channels, size = [Conv2d("first", 3, 32, 224, 224, 3, 2, 1)], 32, 112
    for t, c, n, s in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]:
        for i in range(n):
            hidden, name = t * channels, f"{c} {i}"
            if t > 1:
                layers.append(Conv2d(f"{name} expand", channels, hidden, size, size, 1))
            depthwise = Conv2d(
                f"{name} depthwise", hidden, hidden, size, size, 3, s if i == 0 else 1, 1, groups=hidden
            )
            size = depthwise.output_size[0]
            layers += [depthwise, Conv2d(f"{name} project", hidden, c, size, size, 1)]
            channels = c
    layers += [Conv2d("last", 320, 1280, 7, 7, 1), MatMul("fc", 1, 1280, 1000)]
    return Network("MobileNet V2", layers)


def test_edge_tpu_against_its_datasheet():
    """Coral Accelerator Module datasheet 1.4: 4 TOPS, MobileNet v2 at almost 400 frames a second."""
    network = mobilenet_v2()
    assert network.macs == pytest.approx(300e6, rel=0.01)  # the paper's 300M multiply-adds
    report = EdgeTPU().run(network)
    assert 2 * report.units * report.clock == pytest.approx(4e12, rel=0.02)
    assert report.traffic["DRAM"] == 0
    assert 1 / report.seconds == pytest.approx(189, abs=0.5)
    depthwise = sum(part.seconds for part in report.layers if part.name.endswith("depthwise"))
    assert depthwise / report.seconds == pytest.approx(0.93, abs=0.005)


# All


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from(MACHINES),
    st.integers(1, 3000),
    st.integers(1, 700),
    st.integers(1, 700),
    st.integers(1, 3),
    st.integers(1, 3),
    st.booleans(),
)
def test_properties(machine, m, k, n, groups, steps, trained):
    layer = MatMul("fc", m, k, n, groups, steps, trained=trained)
    report = machine.run(layer)
    assert report.macs == layer.macs
    assert isinstance(report.cycles, int)
    assert all(isinstance(count, int) and count >= 0 for count in report.counts.values())
    assert 0 < report.utilization < 1
    assert set(report.traffic) == {"DRAM", "buffer", "array", "register"}
    assert set(report.energy) == {*report.traffic, "mac"}


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: type(machine).__name__)
def test_networks_and_energy_tables(machine):
    network = networks.bert_base(64)
    report = machine.run(network)
    assert report.macs == network.macs
    assert report.cycles == sum(part.cycles for part in report.layers)
    assert len(report.layers) == len(network)
    assert report.machine in report.table()
    assert machine.run(networks.alexnet()).seconds > 0
    for table in [EYERISS_RELATIVE, EIE_TABLE_I]:
        other = type(machine)(table=table).run(network)
        assert other.traffic == report.traffic
        assert other.joules != report.joules


def test_examples():
    assert doctest.testmod(tpu).failed == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TPUv1(clock=0), "TPUv1: clock must be positive, a finite number"),
        (lambda: TPUv1(bandwidth=-1), "TPUv1: bandwidth must be positive, a finite number"),
        (lambda: TPUv1(size=0), "TPUv1: size must be an integer of at least 1"),
        (lambda: TPUv1(rows=2.5), "TPUv1: rows must be an integer"),
        (lambda: TPUv1(clock=float("inf")), "TPUv1: clock must be positive"),
        (lambda: EdgeTPU(clock="480e6"), "EdgeTPU: clock must be positive, a finite number, got '480e6'"),
        (lambda: TPUv2(arrays=0), "TPUv2: arrays must be an integer of at least 1"),
        (lambda: TPUv3(clock=float("nan")), "TPUv3: clock must be positive, a finite number"),
        (lambda: EdgeTPU(memory=-1), "EdgeTPU: memory must be an integer"),
        (lambda: TPUv1().run(MatMul("f", 1, 1, 1), weight_bits=4), "quantize to 8 or 16 bits, not 4 and 8"),
        (lambda: TPUv1().run(MatMul("f", 1, 1, 1), activation_bits=32), "not 8 and 32"),
        (lambda: TPUv1().run(MatMul("f", 1, 1, 1), weight_bits=8.0), "weight_bits must be an integer"),
        (lambda: TPUv1().run("alexnet"), "not a str"),
        (lambda: TPUv2().run([1]), "not a list"),
        (lambda: EdgeTPU().run(None), "not a NoneType"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
