"""Rooflines against the published platforms."""

import csv
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hwsim import PLATFORMS, MatMul, Platform, networks
from hwsim.roofline import TPU_V1_APPLICATIONS, attainable, plot, ridge

REFERENCE = Path(__file__).parent / "reference"
PAPER_NAMES = {"Haswell": "Haswell E5-2699v3", "K80": "K80 (per die)", "TPU v1": "TPU v1"}


def rows(name, key):
    with (REFERENCE / name).open() as file:
        return {row[key]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("name", PAPER_NAMES)
def test_platforms_of_the_tpu_paper(name):
    row, platform = rows("tpu_v1_platforms.csv", "platform")[PAPER_NAMES[name]], PLATFORMS[name]
    assert platform.bandwidth == float(row["mem_GBs"]) * 1e9
    assert platform.peak == float(row["peak_TFLOPS"] or row["peak_TOPS_8b"]) * 1e12
    assert ridge(platform) / 2 == pytest.approx(
        float(row["ridge_ops_per_byte"]), rel=0.03
    )  # the paper counts MACs


def test_other_platforms():
    volta = rows("volta_v100.csv", "item")
    assert PLATFORMS["V100"].peak == float(volta["fp32 TFLOPS"]["value"]) * 1e12
    assert PLATFORMS["V100 tensor"].peak == float(volta["peak tensor TFLOPS"]["value"]) * 1e12
    hbm2 = rows("tensor_core_published.csv", "item")["memory GB/s theoretical"]
    assert hbm2["source"].startswith("Rough-n-Ready Roofline: NVIDIA V100 edition, paranumal.com")
    for name in ("V100", "V100 tensor"):
        assert PLATFORMS[name].bandwidth == float(hbm2["value"]) * 1e9
        assert "Rough-n-Ready Roofline" in PLATFORMS[name].source
    tpu = {row["item"]: row["value"] for row in rows("tpu_v2_v3.csv", "item").values()}
    assert PLATFORMS["TPU v3"].peak == float(tpu["peak bf16 TFLOPS/chip"]) * 1e12
    assert PLATFORMS["TPU v3"].bandwidth == float(tpu["HBM GiB, GB/s"].split(", ")[1]) * 1e9
    assert PLATFORMS["TPU v2"].peak == float(tpu["peak TFLOPS"]) * 1e12
    assert PLATFORMS["TPU v2"].bandwidth == float(tpu["HBM GB/s"]) * 1e9
    eie = PLATFORMS["EIE"]
    assert eie.peak == 64 * 800e6 * 2
    assert eie.bandwidth == 64 * 800e6 * 8
    eyeriss, chip = PLATFORMS["Eyeriss"], rows("eyeriss_chip_spec.csv", "item")
    assert eyeriss.peak == 2 * int(chip["num_PEs"]["value"]) * 200e6
    assert f"{eyeriss.peak / 2e9:.1f} @200MHz" in chip["peak"]["unit"]
    assert eyeriss.bandwidth == 64 / 8 * 60e6
    moved = rows("eyeriss_jssc_table5_alexnet.csv", "Layer")
    for row in moved.values():  # what the chip moved in its time must pass through
        assert (
            float(row["DRAM Accesses (MB)"]) * 1e6
            < eyeriss.bandwidth * float(row["Total Latency (ms)"]) / 1e3
        )
    dadiannao = PLATFORMS["DaDianNao"]
    assert dadiannao.bandwidth == pytest.approx(16 * 256 * 2 * 606e6, rel=1e-3)
    assert dadiannao.peak == pytest.approx(16 * 576 * 606e6, rel=1e-3)
    assert PLATFORMS["Jetson"].bandwidth == 128 / 8 * 2 * 1.6e9
    assert PLATFORMS["Edge TPU"].bandwidth == 5e9 * 8 / 10 / 8
    assert {platform.kind for platform in PLATFORMS.values()} == {"CPU", "GPU", "FPGA", "ASIC"}
    assert all(platform.source for platform in PLATFORMS.values())


def test_what_is_recalled_says_so():
    """Every platform whose peak or bandwidth is in a recalled row of it says so, unless it cites a verified one."""
    about = {"volta_v100.csv": ("V100", "V100 tensor"), "dadiannao_micro2014.csv": ("DaDianNao",)}
    says = {name: "recalled, not verified" in platform.source for name, platform in PLATFORMS.items()}
    found = set()
    for path in REFERENCE.glob("*.csv"):
        with path.open() as file:
            recalled = [row for row in csv.DictReader(file) if row.get("status") == "recalled, not verified"]
        for row in recalled:
            values = {float(value) for value in re.findall(r"\d+\.?\d*", row.get("value", ""))}
            for name in about.get(path.name, (row.get("chip", "").replace("TPUv", "TPU v"),)):
                platform = PLATFORMS.get(name)
                if platform and values & {platform.peak / 1e12, platform.bandwidth / 1e9}:
                    assert says[name] or (row["item"], "Rough-n-Ready" in platform.source) == (
                        "HBM2 GB/s",
                        True,
                    )
                    found.add(name)
    assert found == {"V100", "V100 tensor", "TPU v2", "DaDianNao"}
    assert {name for name in says if says[name]} == {"TPU v2", "DaDianNao", "Eyeriss"}


def test_tpu_v1_applications():
    """Where Table 1 and 3 put them: MACs a byte of weights, and what was measured; all are below the roof."""
    table = rows("tpu_v1_apps.csv", "app")
    assert set(TPU_V1_APPLICATIONS) == set(table)
    for name, (intensity, measured) in TPU_V1_APPLICATIONS.items():
        assert intensity == 2 * float(table[name]["ops_per_weight_byte"])
        assert measured == float(table[name]["measured_TOPS"]) * 1e12
        roof = attainable(PLATFORMS["TPU v1"], intensity)
        assert roof / 1e12 == pytest.approx(
            float(table[name]["roofline_TOPS_92peak_34GBs_2ops_per_MAC"]), rel=1e-3
        )
        assert measured < roof
        assert (intensity < PLATFORMS["TPU v1"].ridge) == (not name.startswith("CNN"))


def test_attainable_is_the_lower_roof():
    platform = Platform("p", "CPU", peak=100.0, bandwidth=10.0, bits=32, source="made up")
    assert platform.ridge == ridge(platform) == 10
    np.testing.assert_array_equal(attainable(platform, [0, 1, 10, 1000]), [0, 10, 100, 100])
    assert attainable(platform, 5) == 50
    for peak in (0, "1", float("inf"), None):
        with pytest.raises(ValueError, match="p: peak must be positive, a finite number"):
            Platform("p", "CPU", peak=peak, bandwidth=10, bits=32, source="")
        with pytest.raises(ValueError, match="p: bandwidth must be positive, a finite number"):
            Platform("p", "CPU", peak=10, bandwidth=peak, bits=32, source="")


def test_plot_shows_every_platform_and_layer():
    axes = plot(layers=[networks.vgg16()["conv3_2"], MatMul("tiny", 1, 2, 2)], bits=8)
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == [f"{p.name} ({p.kind})" for p in PLATFORMS.values()]
    assert {text.get_text() for text in axes.texts} == {"conv3_2", "tiny"}
    plt.close("all")


def test_plot_shows_what_was_measured():
    chip = {"TPU v1": PLATFORMS["TPU v1"]}
    axes = plot(chip, measured=TPU_V1_APPLICATIONS)
    stars = {tuple(line.get_xydata()[0]) for line in axes.lines if line.get_marker() == "*"}
    assert stars == set(TPU_V1_APPLICATIONS.values())
    assert {text.get_text() for text in axes.texts} == set(TPU_V1_APPLICATIONS)
    far = plot(chip, measured={"far": (1e6, 1e12)}, axes=plt.subplots()[1])
    assert far.lines[0].get_xdata().max() == pytest.approx(1e6)
    plt.close("all")
