"""Rooflines against the published platforms."""

import csv
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hwsim import PLATFORMS, MatMul, Platform, networks
from hwsim.roofline import attainable, plot, ridge

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
    assert PLATFORMS["V100"].bandwidth == float(volta["HBM2 GB/s"]["value"]) * 1e9
    tpu = {row["item"]: row["value"] for row in rows("tpu_v2_v3.csv", "item").values()}
    assert PLATFORMS["TPU v3"].peak == float(tpu["peak bf16 TFLOPS/chip"]) * 1e12
    eie = PLATFORMS["EIE"]
    assert eie.peak == 64 * 800e6 * 2
    assert eie.bandwidth == 64 * 800e6 * 8
    assert {platform.kind for platform in PLATFORMS.values()} == {"CPU", "GPU", "FPGA", "ASIC"}
    assert all(platform.source for platform in PLATFORMS.values())


def test_attainable_is_the_lower_roof():
    platform = Platform("p", "CPU", peak=100.0, bandwidth=10.0, bits=32, source="made up")
    assert platform.ridge == ridge(platform) == 10
    np.testing.assert_array_equal(attainable(platform, [0, 1, 10, 1000]), [0, 10, 100, 100])
    assert attainable(platform, 5) == 50
    with pytest.raises(ValueError, match="p: peak and bandwidth must be positive"):
        Platform("p", "CPU", peak=0, bandwidth=10, bits=32, source="")


def test_plot_shows_every_platform_and_layer():
    axes = plot(layers=[networks.vgg16()["conv3_2"], MatMul("tiny", 1, 2, 2)], bits=8)
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == [f"{p.name} ({p.kind})" for p in PLATFORMS.values()]
    assert {text.get_text() for text in axes.texts} == {"conv3_2", "tiny"}
    plt.close("all")
