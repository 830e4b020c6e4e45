"""One workload on several machines."""

import matplotlib.pyplot as plt
import pytest

from hwsim import EIE, EIE_TABLE_I, DaDianNao, Eyeriss, MatMul, SystolicArray, compare, networks


class Picky:
    """A machine that runs nothing."""

    def run(self, workload):
        raise ValueError(f"{workload.name} is too large: cut it")


def test_reports_are_those_of_the_machines():
    network, machines = networks.lenet5(), [Eyeriss(), EIE(), SystolicArray(16, 16)]
    comparison = compare(network, machines)
    assert list(comparison.reports.values()) == [machine.run(network) for machine in machines]
    lines = comparison.table().splitlines()
    assert lines[0].split() == ["LeNet-5", "time", "energy", "Gop/s", "utilization", "DRAM", "prices"]
    for line, report in zip(lines[1:], comparison.reports.values(), strict=True):
        assert line.startswith(report.machine)
        assert f"{report.seconds * 1e3:,.3f} ms" in line
        assert f"{report.joules * 1e3:,.3f} mJ" in line
    assert f"{comparison.reports['Eyeriss, 12 x 14 PEs'].traffic['DRAM'] / 1e6:,.2f} MB" in lines[1]
    assert [line.split("  ")[-1] for line in lines[1:]] == [
        "Eyeriss, relative (a MAC as 1 pJ)",
        "power of EIE's Table II",
        "Horowitz 45 nm",
    ]


def test_the_picture_has_a_bar_for_each():
    comparison = compare(
        MatMul("fc", 8, 64, 64), {"a": SystolicArray(8, 8), "b": SystolicArray(8, 8, clock=350e6)}
    )
    figure = comparison.plot()
    times, energies = ([bar.get_width() for bar in axes.patches] for axes in figure.axes)
    assert times[1] == pytest.approx(2 * times[0])
    assert energies[1] == pytest.approx(energies[0])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b"]
    plt.close("all")


def test_one_table_of_energies_for_all():
    layer = MatMul("fc", 8, 64, 64)
    comparison = compare(
        layer, [Eyeriss(), EIE(), SystolicArray(16, 16, bits=16), DaDianNao()], table=EIE_TABLE_I
    )
    assert {report.prices for report in comparison.reports.values()} == {"EIE Table I"}
    for report in comparison.reports.values():
        work = report.counts["work"] if "EIE" in report.machine else report.macs
        assert report.energy["mac"] == pytest.approx(work * EIE_TABLE_I.mac("int16"))


def test_who_refuses_is_shown():
    comparison = compare(MatMul("fc", 8, 64, 64), [Picky(), Eyeriss()])
    assert comparison.refused == {"Picky": "fc is too large: cut it"}
    assert comparison.table().splitlines()[-1].split(maxsplit=1) == [
        "Picky",
        "refuses: fc is too large: cut it",
    ]
    assert compare(MatMul("fc", 8, 64, 64), {"mine": Picky()}).refused == {"mine": "fc is too large: cut it"}


def test_names_are_needed_once():
    with pytest.raises(
        ValueError, match="two machines have the name 'Eyeriss, 12 x 14 PEs': give compare a dict"
    ):
        compare(MatMul("fc", 8, 64, 64), [Eyeriss(), Eyeriss(clock=1e6)])
    with pytest.raises(ValueError, match="takes a list of machines"):
        compare(MatMul("fc", 8, 64, 64), Eyeriss())
    with pytest.raises(ValueError, match="a machine runs a MatMul, Conv2d or Network, not a str"):
        compare("fc", [Eyeriss()])
    with pytest.raises(ValueError, match="at least one machine"):
        compare(MatMul("fc", 8, 64, 64), [])
