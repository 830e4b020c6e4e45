"""Dataflows on the same budget: what each may not do, and who wins where."""

import numpy as np
import pytest

from hwsim import HOROWITZ_45NM, Conv2d, MatMul, dataflow_energy, networks
from hwsim.dataflows import DATAFLOWS
from hwsim.energy import EYERISS_RELATIVE

ALEXNET = networks.alexnet(batch=16)
CONVOLUTIONS = [layer for layer in ALEXNET if isinstance(layer, Conv2d)]


def total(layers, dataflow, **options):
    return sum(sum(dataflow_energy(layer, dataflow, **options).values()) for layer in layers)


def test_row_stationary_wins_as_in_the_paper_by_less():
    times = {flow: total(CONVOLUTIONS, flow) / total(CONVOLUTIONS, "rs") for flow in DATAFLOWS}
    assert times == pytest.approx({"nlr": 2.56, "ws": 1.17, "os": 1.35, "rs": 1.0}, abs=0.02)
    for layer in CONVOLUTIONS:
        assert min(DATAFLOWS, key=lambda flow: total([layer], flow)) == "rs"


@pytest.mark.parametrize("layer", [*CONVOLUTIONS, ALEXNET["fc7"]], ids=lambda layer: layer.name)
@pytest.mark.parametrize("flow", DATAFLOWS)
def test_every_number_is_moved_at_least_once(layer, flow):
    energy = dataflow_energy(layer, flow)
    once = layer.weights + layer.input_elements + layer.output_elements
    assert energy["DRAM"] >= EYERISS_RELATIVE.access("DRAM", 2 * once) * (1 - 1e-9)
    assert energy["mac"] == pytest.approx(layer.macs * 1e-12)
    registers = {"nlr": 0, "ws": 1, "os": 2}
    if flow in registers:
        assert energy["register"] == pytest.approx(registers[flow] * layer.macs * 1e-12)
    assert set(energy) == {"DRAM", "buffer", "array", "register", "mac"}


def test_more_pes_bring_a_larger_buffer_and_less_dram():
    layer = ALEXNET["conv3"]
    for flow in DATAFLOWS:
        assert dataflow_energy(layer, flow, pes=1024)["DRAM"] <= dataflow_energy(layer, flow, pes=64)["DRAM"]


def test_no_reuse_pays_for_the_buffer():
    layer = ALEXNET["conv2"]
    energies = {flow: dataflow_energy(layer, flow)["buffer"] for flow in DATAFLOWS}
    assert energies["nlr"] > 10 * max(energies["ws"], energies["os"], energies["rs"])


def test_words_of_a_small_layer_by_hand():
    """4 x 4 outputs of 2 filters over 3 channels, 3 x 3 kernel on 16 PEs; all of it fits into the buffer."""
    layer, word = Conv2d("small", 3, 2, 6, 6, 3), 2 * 8 / 16 * 1e-12  # joules of a word at cost 1
    once, macs = 108 + 54 + 32, 32 * 27  # inputs, weights, outputs
    for flow, reads, hops, registers in [
        # 2 filters x 3 channels at once: an input for 2 MACs, a weight for each; sums once for each of the 9 taps
        ("nlr", macs / 2 + macs + 32 * (2 * 9 - 1), 3, 0),
        # 1 filter plane of 9 PEs: inputs once a filter; weights once; sums for each channel
        ("ws", 108 * 2 + 54 + 32 * (2 * 3 - 1), 2, 1),
    ]:
        energy = dataflow_energy(layer, flow, pes=16)
        assert energy["DRAM"] == pytest.approx(200 * once * word)
        assert energy["buffer"] == pytest.approx(6 * (108 + 54 + reads) * word)
        assert energy["array"] == pytest.approx(2 * hops * macs * word)
        assert energy["register"] == pytest.approx(registers * macs * word)


def test_the_table_can_be_swapped():
    assert np.isfinite(total([MatMul("fc", 1, 100, 10)], "ws", table=HOROWITZ_45NM))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: dataflow_energy(ALEXNET["conv1"], "is"),
            "dataflow must be one of nlr, ws, os, rs, got 'is'",
        ),
        (lambda: dataflow_energy(ALEXNET["conv1"], "rs", pes=200), "square number of PEs here, got 200"),
        (lambda: dataflow_energy(ALEXNET["conv1"], "ws", pes=0), "pes must be an integer"),
        (
            lambda: dataflow_energy(ALEXNET["conv1"], "ws", pes=64),
            "the 11 x 11 weights of a kernel do not fit on 64",
        ),
        (
            lambda: dataflow_energy(ALEXNET["conv1"], "os", pes=4),
            "conv1: no tile fits into a buffer of 4088 bytes",
        ),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
