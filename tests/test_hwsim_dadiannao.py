"""DaDianNao: cycles counted step by step, the published throughput, and many chips."""

import csv
from math import ceil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim import HOROWITZ_45NM, Conv2d, DaDianNao, MatMul, Network, networks
from hwsim.machines import dadiannao

REFERENCE = Path(__file__).parent / "reference"
FC7 = MatMul("fc7", m=1, k=4096, n=4096)


def read(name, key):
    with (REFERENCE / name).open() as file:
        return {row[key]: row for row in csv.DictReader(file)}


def count_step_by_step(m, k, n, groups=1, steps=1):
    """One chip: cycles, and the 16-bit numbers that leave the tiles' memories, leave the center, and enter tiles."""
    cycles = weights = center = delivered = 0
    for _ in range(groups * steps * m):
        for first_output in range(0, n, 256):
            for _first_input in range(0, k, 16):
                cycles += 1
                center += 16
                for _tile in range(first_output, min(n, first_output + 256), 16):
                    delivered += 16
                    weights += 256
    return cycles, weights, center, delivered


@given(st.integers(1, 5), st.integers(1, 70), st.integers(1, 600), st.integers(1, 3), st.integers(1, 3))
def test_one_chip_step_by_step(m, k, n, groups, steps):
    layer = MatMul("fc", m, k, n, groups=groups, steps=steps)
    report = DaDianNao().run(layer)
    cycles, weights, center, delivered = count_step_by_step(m, k, n, groups, steps)
    assert report.cycles == cycles + 2 * steps
    assert report.traffic["buffer"] == 2 * (weights + center + layer.output_elements)
    assert report.traffic["array"] == 2 * (delivered + layer.output_elements)
    assert report.counts == {"link cycles": 0, "link bytes": 0}
    assert set(report.traffic) == {"buffer", "array"}  # no DRAM


def test_a_convolution_is_its_matrix_product_and_reads_its_weights_for_every_pixel():
    conv = Conv2d("conv", 64, 128, 14, 14, 3, padding=1, groups=2)
    report, product = DaDianNao().run(conv), DaDianNao().run(conv.as_matmul())
    assert (report.cycles, report.macs) == (product.cycles, product.macs)
    assert report.cycles == 2 * 14 * 14 * (32 * 9 // 16) + 2
    assert report.traffic["buffer"] >= 14 * 14 * 2 * conv.weights


def test_a_product_of_activations_first_fills_the_tiles():
    trained = MatMul("scores", 7, 64, 32, groups=3, steps=2)
    computed = MatMul("scores", 7, 64, 32, groups=3, steps=2, trained=False)
    a, b = DaDianNao().run(trained), DaDianNao().run(computed)
    placed = 3 * 2 * 64 * 32
    assert b.cycles - a.cycles == placed / 16
    assert b.traffic["array"] - a.traffic["array"] == 2 * placed
    assert b.traffic["buffer"] - a.traffic["buffer"] == 2 * 2 * placed  # out of the center and into the tiles


def test_chips_share_the_placement():
    """Twelve groups, one a chip, and then with more chips than groups: copies, which come through links."""
    layer = MatMul("s", 128, 64, 128, groups=12, trained=False)
    one, twelve = DaDianNao().run(layer), DaDianNao(12).run(layer)
    assert one.cycles == 12 * 128 * 4 + 12 * 64 * 128 / 16 + 2
    assert twelve.cycles == 128 * 4 + 64 * 128 / 16 + 2
    assert twelve.traffic == one.traffic
    assert twelve.counts["link bytes"] == 0
    more = DaDianNao(36).run(layer)  # three chips for each group
    assert more.cycles - more.counts["link cycles"] == 43 * 4 + 64 * 128 / 16 + 2
    placed = 12 * 64 * 128
    assert more.traffic["array"] - one.traffic["array"] == 2 * 2 * placed
    assert more.traffic["buffer"] - one.traffic["buffer"] == 2 * 2 * 2 * placed
    assert more.counts["link bytes"] == 2 * 2 * placed  # all but the third that a chip of the group has
    five = DaDianNao(5).run(layer)
    assert five.cycles - five.counts["link cycles"] == ceil(12 * 128 / 5) * 4 + 3 * 64 * 128 / 16 + 2
    wide = MatMul("w", 4, 64, 512, steps=2, trained=False)  # two chips, each half of the outputs
    report = DaDianNao(2).run(wide)
    assert report.cycles - report.counts["link cycles"] == 2 * (4 * 4 + 64 * 256 / 16 + 2)
    assert report.counts["link bytes"] == 2 * 2 * 4 * 64  # the other half of the rows


def test_placed_matrices_need_room():
    """32 MiB of weights fill a chip, so that a product of two activations needs another; two such take turns."""
    full = MatMul("fc", 1, 4096, 4096)
    products = [MatMul(name, 1, 1000, 1000, trained=False) for name in ("scores", "values")]
    with pytest.raises(ValueError, match=r"use DaDianNao\(chips=2\)"):
        DaDianNao().run(Network("attention", [full, products[0]]))
    assert DaDianNao(2).run(Network("attention", [full, *products])).macs == full.macs + 2 * products[0].macs
    large = MatMul("large", 2, 4096, 4096, trained=False)
    with pytest.raises(ValueError, match=r"use DaDianNao\(chips=9\)"):
        DaDianNao(8).run(large)  # for its neurons
    layers = (full, MatMul("scores", 64, 1000, 200, groups=4, trained=False))
    assert dadiannao._split(layers, 12)["scores"] == (1, 12)
    layers = (
        full,
        MatMul("scores", 64, 4000, 200, groups=16, trained=False),
    )  # 12.8 of 16.8 million are left
    assert dadiannao._split(layers, 2) == {"fc": (2, 1), "scores": (1, 2)}
    layers = (full, MatMul("scores", 64, 4000, 200, groups=4, trained=False))  # five of 3.2 million fit
    assert dadiannao._split(layers, 2)["scores"] == (1, 2)
    layers = (full, MatMul("scores", 64, 40_000, 200, trained=False))
    assert dadiannao._split(layers, 2)["scores"] == (1, 2)
    layers = (full, MatMul("scores", 64, 60_000, 200, trained=False))  # a second copy does not
    assert dadiannao._split(layers, 2)["scores"] == (1, 1)


def test_copies_take_room_from_each_other():
    equal = [MatMul(name, 8, 32_768, 256) for name in "abc"]  # a quarter of two chips each: one copy more
    assert sorted(dadiannao._split(tuple(equal), 2).values()) == [(1, 1), (1, 1), (1, 2)]
    sizes = {"fc": (4096, 4096, True), "a": (20_000, 250, True), "scores": (20_000, 250, False)}
    layers = tuple(MatMul(name, 8, k, n, trained=trained) for name, (k, n, trained) in sizes.items())
    split = dadiannao._split(layers, 2)  # of 33.6 million 6.8 are left, which the copy of a takes
    assert split == {"fc": (2, 1), "a": (1, 2), "scores": (1, 1)}


def test_alexnet_fc7_as_published():
    row = read("eie_table5_platforms.csv", "platform")["DaDianNao"]
    assert row["status"] == "verified"
    assert float(row["clock_MHz"]) * 1e6 == dadiannao.CLOCK
    assert float(row["power_W"]) == dadiannao.POWER
    report = DaDianNao().run(FC7)
    assert (1 / report.seconds) / float(row["MxV_frames_per_s"]) - 1 == pytest.approx(-0.0004, abs=0.0001)
    assert (1 / report.joules) / float(row["frames_per_J"]) - 1 == pytest.approx(-0.0004, abs=0.0001)
    assert report.joules == pytest.approx(15.97 * report.seconds)


def test_memory_and_peak():
    rows = read("dadiannao_micro2014.csv", "item")
    assert rows["eDRAM per node"]["value"] == "16 tiles x 2MB + 4MB central = 36 MB"
    assert 2 * (dadiannao.WEIGHTS + dadiannao.NEURONS) == 36 * 2**20
    peak = rows["peak"]
    assert peak["value"].startswith("5.58 TOPS")
    assert peak["status"] == "recalled, not verified"  # so the docstring says so too
    ours = 2 * DaDianNao().units * dadiannao.CLOCK
    assert ours == pytest.approx(4.96e12, rel=0.001)
    assert ours * 288 / 256 == pytest.approx(5.58e12, rel=0.002)  # 32 more multipliers a tile


def test_many_chips_on_one_layer():
    """Four chips: each 1024 outputs, and 3/4 of the inputs through links of 25.6 GB/s."""
    report = DaDianNao(4).run(FC7)
    assert report.counts == {"link cycles": 146, "link bytes": 4 * 2 * 3072}
    assert report.counts["link cycles"] / dadiannao.CLOCK == pytest.approx(2 * 3072 / 25.6e9, rel=0.01)
    assert report.cycles == 4096 // 4 + 2 + 146
    seconds = {chips: DaDianNao(chips).run(FC7).seconds for chips in [1, 4, 16, 64]}
    assert [round(seconds[1] / seconds[chips], 1) for chips in [4, 16, 64]] == [3.5, 9.3, 9.1]
    network = networks.resnet18()
    seconds = {chips: DaDianNao(chips).run(network).seconds for chips in [1, 4, 16, 64]}
    assert [round(seconds[1] / seconds[chips], 1) for chips in [4, 16, 64]] == [3.9, 14.4, 45.0]


def test_rows_are_split_where_outputs_are_few():
    """Two chips, each half of the image's rows: only the overlap of the kernel crosses."""
    conv = Conv2d("conv", 16, 256, 8, 8, 3, padding=1)
    report = DaDianNao(2).run(conv)
    overlap = 2 * 8 * 16
    assert report.counts["link bytes"] == 2 * 2 * overlap
    assert report.cycles - report.counts["link cycles"] == 32 * 9 + 2
    for whole in [  # groups and images have no overlap
        Conv2d("images", 16, 256, 8, 8, 3, padding=1, batch=64),
        Conv2d("depthwise", 256, 256, 8, 8, 3, padding=1, groups=256),
    ]:
        assert DaDianNao(64).run(whole).counts["link bytes"] == 0
    halves = Conv2d(
        "halves", 32, 64, 8, 8, 3, padding=1, groups=2
    )  # on four chips, half an image of a group each
    assert DaDianNao(4).run(halves).counts["link bytes"] == 4 * 2 * overlap
    thin = Conv2d("thin", 16, 256, 8, 8, 9, padding=4)  # 64 chips, a pixel each: no more than the image
    assert DaDianNao(64).run(thin).counts["link bytes"] == 63 * 2 * thin.input_elements
    full = MatMul(
        "full", 64, 4096, 4096
    )  # fills a chip, so that its rows can be split only when chips are left over
    assert DaDianNao(20).run(full).macs == full.macs
    assert DaDianNao(32).run(full).cycles < 0.6 * DaDianNao(16).run(full).cycles


def test_traffic_of_many_chips():
    """Outputs on two chips: the center of each reads the inputs. Rows on two: the weights are read as often in all."""
    one, two = (DaDianNao(chips).run(MatMul("fc", 3, 64, 512)) for chips in (1, 2))
    assert one.traffic == two.traffic
    cut = MatMul("fc", 3, 64, 300)  # 19 of 32 tiles
    assert DaDianNao(2).run(cut).traffic["buffer"] == 2 * (3 * 4 * 19 * 256 + 3 * 4 * 2 * 16 + 3 * 300)
    assert DaDianNao(2).run(cut).traffic["array"] == 2 * (3 * 4 * 19 * 16 + 3 * 300)
    groups = MatMul("groups", 8, 64, 64, groups=3)
    assert dadiannao._split((groups,), 12) == {"groups": (1, 12)}
    assert DaDianNao(12).run(groups).traffic == DaDianNao().run(groups).traffic
    groups = MatMul("groups", 8, 4000, 250, groups=3)  # 3 million, which no copy fits beside these 64 of 67
    split = dadiannao._split((MatMul("fc", 1, 4000, 16_000), groups), 4)
    assert split["groups"] == (1, 3)


def test_no_room_for_copies():
    """Copies of the small layer come first; the large ones fill what they need and are not copied."""
    small, large = Conv2d("small", 16, 64, 32, 32, 3), Conv2d("large", 512, 3600, 4, 4, 3, padding=1)
    assert dadiannao._split((small, large), 1) == {"small": (1, 1), "large": (1, 1)}
    split = dadiannao._split((large, small), 33)
    assert split["small"] == (1, 33)
    assert split["large"] == (15, 2)  # 2 x 16.6 million of 33 x 16.8 million
    tight = Network("tight", [small, *(MatMul(f"fc{i}", 8, 4096, 4096) for i in range(3)), large])
    split = dadiannao._split(tight.layers, 4)
    assert (
        split["small"][1] * small.weights + sum(x.weights for x in tight.layers[1:]) <= 4 * dadiannao.WEIGHTS
    )
    assert all(split[f"fc{i}"] == (4, 1) for i in range(3))


@given(st.integers(1, 40))
def test_what_is_stored_fits_and_no_chip_is_used_twice(chips):
    network = networks.resnet50()
    split = dadiannao._split(network.layers, chips + 1)
    stored = 0
    for layer in network:
        by_outputs, by_rows = split[layer.name]
        assert 1 <= by_outputs * by_rows <= chips + 1
        stored += layer.weights * by_rows
    assert stored <= (chips + 1) * dadiannao.WEIGHTS


def test_energy_from_a_table():
    report = DaDianNao(4, table=HOROWITZ_45NM).run(networks.alexnet())
    assert set(report.energy) == {"mac", "buffer", "array"}
    assert report.energy["mac"] == pytest.approx(report.macs * HOROWITZ_45NM.mac("int16"))
    assert report.energy["buffer"] == pytest.approx(HOROWITZ_45NM.access("buffer", report.traffic["buffer"]))
    default = DaDianNao(4).run(networks.alexnet())
    assert default.joules == pytest.approx(4 * 15.97 * default.seconds)
    assert default.macs == networks.alexnet().macs
    assert len(default.layers) == 8


def test_what_is_refused():
    with pytest.raises(ValueError, match="chips must be an integer of at least 1, got 0"):
        DaDianNao(chips=0)
    with pytest.raises(ValueError, match=r"AlexNet does not fit on 1 .* use DaDianNao\(chips=4\)"):
        DaDianNao().run(networks.alexnet())
    with pytest.raises(ValueError, match=r"use DaDianNao\(chips=9\)"):
        DaDianNao(8).run(networks.vgg16())
    assert DaDianNao(9).run(networks.vgg16()).macs == networks.vgg16().macs
    with pytest.raises(ValueError, match=r"4 MiB for neurons: use DaDianNao\(chips=4\)"):
        DaDianNao().run(Conv2d("large image", 3, 64, 320, 320, 3, padding=1))
    with pytest.raises(ValueError, match="runs a MatMul, Conv2d or Network, not a str"):
        DaDianNao().run("alexnet")
