"""Reports: derived figures, sums and their text."""

import dataclasses

import matplotlib.pyplot as plt
import pytest

from hwsim import Report

A = Report(
    "a",
    "machine",
    macs=60,
    cycles=10,
    clock=1e6,
    units=8,
    energy={"mac": 1e-6, "DRAM": 3e-6},
    traffic={"DRAM": 8},
)
B = Report(
    "b",
    "machine",
    macs=20,
    cycles=30,
    clock=1e6,
    units=8,
    energy={"mac": 2e-6},
    counts={"stalls": 5},
    output=[7],
)


def test_derived_figures():
    assert A.seconds == 10e-6
    assert A.joules == pytest.approx(4e-6)
    assert A.utilization == 0.75


def test_sum_is_one_run_after_the_other():
    total = A + B
    assert (total.name, total.macs, total.cycles) == ("a + b", 80, 40)
    assert total.energy == {"mac": 3e-6, "DRAM": 3e-6}
    assert total.traffic == {"DRAM": 8}
    assert total.counts == {"stalls": 5}
    assert total.output == [7]
    assert total.utilization == 0.25


def test_a_network_keeps_the_reports_of_its_layers():
    total = Report.total("net", [A, B])
    assert total == dataclasses.replace(A + B, name="net", layers=(A, B))
    assert Report.total("one", [A]).layers == (A,)
    assert total.ops_per_second == pytest.approx(160 / 40e-6)


def test_reports_of_different_machines_do_not_add():
    with pytest.raises(ValueError, match="cannot add reports of machine and other"):
        A + dataclasses.replace(B, machine="other")
    with pytest.raises(ValueError, match="cannot add"):
        A + dataclasses.replace(B, clock=2e6)
    with pytest.raises(
        ValueError, match="cannot add energies at the prices of '' and 'mine': run both with one"
    ):
        A + dataclasses.replace(B, prices="mine")
    with pytest.raises(TypeError):
        A + 1


def test_reports_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        A.cycles = 1


def test_table_and_plot_show_the_parts():
    lines = (A + B).table().splitlines()
    assert lines[0] == "a + b on machine"
    assert ["cycles", "40"] in [line.split() for line in lines]
    assert ["DRAM", "traffic", "8", "bytes"] in [line.split() for line in lines]
    assert ["stalls", "5"] in [line.split() for line in lines]
    axes = A.plot()
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([1, 3])
    plt.close("all")
