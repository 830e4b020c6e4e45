"""The energy table against the published one."""

import csv
from pathlib import Path

import pytest

from hwsim import (
    EIE_TABLE_I,
    EYERISS_RELATIVE,
    HOROWITZ_45NM,
    Energy,
    EnergyTable,
    Eyeriss,
    MatMul,
    layer_energy,
)

REFERENCE = Path(__file__).parent / "reference" / "horowitz_isscc2014_45nm.csv"
EYERISS = REFERENCE.with_name("eyeriss_isca16_energy.csv")
LEVELS = ["mac", "register", "array", "buffer", "DRAM"]


def test_published_entries_are_the_verified_rows():
    with REFERENCE.open() as file:
        verified = {
            row["op"]: row["energy_pJ"] for row in csv.DictReader(file) if row["status"] == "verified"
        }
    published = {name: entry for name, entry in HOROWITZ_45NM.items() if entry.published}
    assert set(published) == set(verified)
    for name, entry in published.items():
        assert entry.picojoules == float(verified[name].split("-")[0])
        assert "2014" in entry.source


def test_derived_entries_say_how():
    derived = {name: entry for name, entry in HOROWITZ_45NM.items() if not entry.published}
    assert set(derived) == {"int16 add", "int16 mult"}
    assert all("interpolated" in entry.source for entry in derived.values())
    assert HOROWITZ_45NM["int8 add"].picojoules < derived["int16 add"].picojoules < 0.1
    assert derived["int16 mult"].picojoules == pytest.approx((0.2 * 3.1) ** 0.5, rel=0.01)


def test_joules():
    assert HOROWITZ_45NM.joules("DRAM 32b", 1000) == pytest.approx(640e-9)
    with pytest.raises(KeyError, match="no entry 'fp8 add', only int8 add"):
        HOROWITZ_45NM["fp8 add"]


def test_tables_can_be_swapped():
    cheap = HOROWITZ_45NM.with_entries("cheap DRAM", **{"DRAM 32b": 64})
    assert cheap["DRAM 32b"].picojoules == 64
    assert not cheap["DRAM 32b"].published
    assert HOROWITZ_45NM["DRAM 32b"].picojoules == 640
    assert len(cheap) == len(HOROWITZ_45NM)
    with pytest.raises(KeyError, match="no entry 'dram'"):
        HOROWITZ_45NM.with_entries("typo", dram=1)
    assert EnergyTable("mine", {"add": Energy(2.0, 32, "measured")}).joules("add") == 2e-12


def test_energy_of_a_layer():
    layer = MatMul("fc", m=1, k=3, n=2, bias=True)  # 6 MACs, 8 parameters, 5 activations
    energy = layer_energy(layer)
    assert energy == pytest.approx(
        {"multiply": 6 * 3.7e-12, "add": 6 * 0.9e-12, "parameters": 8 * 640e-12, "activations": 5 * 640e-12}
    )
    small = layer_energy(layer, number="int8", memory="SRAM 32KB 64b", bits=8)
    assert small["multiply"] == pytest.approx(6 * 0.2e-12)
    assert small["parameters"] == pytest.approx(8 * 20e-12 / 8)
    cheap = HOROWITZ_45NM.with_entries("cheap", **{"DRAM 32b": 64})
    assert layer_energy(layer, cheap)["parameters"] == pytest.approx(energy["parameters"] / 10)


def test_bits_are_those_of_the_name():
    for name, entry in HOROWITZ_45NM.items():
        assert str(entry.bits) in name.replace("32KB", "").replace("1MB", "").replace("8KB", "")


def test_relative_costs_of_eyeriss():
    names = {"MAC": "mac", "RF": "register", "array/NoC": "array", "global buffer": "buffer", "DRAM": "DRAM"}
    with EYERISS.open() as file:
        rows = {
            row["level"]: row["relative_energy"] for row in csv.DictReader(file) if row["relative_energy"]
        }
    assert set(rows) == set(names)
    for row, level in names.items():
        assert EYERISS_RELATIVE[level].picojoules == float(rows[row])


def test_table_of_eie_is_part_of_horowitz():
    for name, entry in EIE_TABLE_I.items():
        assert entry.picojoules == HOROWITZ_45NM[name].picojoules
        assert "Table I" in entry.source


@pytest.mark.parametrize("table", [HOROWITZ_45NM, EIE_TABLE_I, EYERISS_RELATIVE], ids=lambda t: t.name)
def test_every_table_knows_every_level(table):
    energy = table.charge(10, "int16", dict.fromkeys(LEVELS[1:], 2))
    assert set(energy) == set(LEVELS)
    assert energy["register"] < energy["array"] < energy["buffer"] < energy["DRAM"]
    assert [energy["buffer"] / energy[level] for level in ("register", "array")] == pytest.approx([6, 3])


def test_charge():
    energy = EYERISS_RELATIVE.charge(5, "int16", {"register": 8, "DRAM": 6})
    assert energy == pytest.approx({"register": 4e-12, "DRAM": 600e-12, "mac": 5e-12})
    assert HOROWITZ_45NM.mac("fp16") == pytest.approx(1.5e-12)
    assert HOROWITZ_45NM.mac("bf16") == pytest.approx(0.79e-12)  # not in the table
    with pytest.raises(KeyError, match="does not say what 'tape' costs, only mac, register"):
        HOROWITZ_45NM.access("tape", 1)
    with pytest.raises(KeyError, match="only nothing by level: give it levels"):
        EnergyTable("mine", {}).mac("int8")
    assert HOROWITZ_45NM.with_entries("x", **{"DRAM 32b": 64}).access("DRAM", 1) == pytest.approx(16e-12)
    with pytest.raises(ValueError, match="x: DRAM 32b must be positive"):
        HOROWITZ_45NM.with_entries("x", **{"DRAM 32b": -5})
    for typo in ("typo", "int", "8", "float16"):
        with pytest.raises(ValueError, match="named as int8, fp16 or bf16"):
            HOROWITZ_45NM.mac(typo)


def test_wider_numbers_cost_more():
    for table in (HOROWITZ_45NM, EIE_TABLE_I, EYERISS_RELATIVE):
        costs = [table.mac(f"int{bits}") for bits in range(1, 65)]
        assert costs == sorted(costs)
    assert HOROWITZ_45NM.mac("int4") == pytest.approx(0.2e-12 / 4 + 0.03e-12 / 2)
    assert EIE_TABLE_I.mac("int16") == pytest.approx(3.1e-12 / 4 + 0.1e-12 / 2)
    assert HOROWITZ_45NM.mac("int64") == pytest.approx(3.1e-12 * 4 + 0.1e-12 * 2)
    assert EYERISS_RELATIVE.mac("int8") == pytest.approx(0.25e-12)


def test_machines_with_tables_can_be_keys():
    cheap = HOROWITZ_45NM.with_entries("cheap", **{"DRAM 32b": 64})
    machines = {Eyeriss(): 1, Eyeriss(table=HOROWITZ_45NM): 2, Eyeriss(table=cheap): 3}
    assert machines[Eyeriss(table=HOROWITZ_45NM)] == 2
    assert len(machines) == 3
