"""The simulator beside published chips and other simulators: `make validate`, or `python -m tools.validate`.

Figures of `tests/reference/` beside what `hwsim` computes for the same case. A line that is off stands here like the others;
each has a bound for its deviation, which `tests/test_validate.py` asserts, and which is no wider than it must be.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

import hwsim
from hwsim.dataflows import DATAFLOWS
from hwsim.loopnest import TENSORS
from hwsim.machines.eyeriss import ALEXNET_MAPPINGS, VGG16_CHANNELS
from hwsim.machines.fpga import FPGA_PARTS, lut_cost, packing, tiled_cycles

REFERENCE = Path(__file__).resolve().parent.parent / "tests" / "reference"


@dataclass(frozen=True)
class Row:
    """A figure: as published (or as another simulator counts it), and as `hwsim` computes it.

    `bound` is the largest deviation that the tests accept, as a share; `why` says what is known of a large one.
    """

    machine: str
    what: str
    unit: str
    published: float
    here: float
    bound: float
    why: str = ""

    @property
    def deviation(self) -> float:
        """What `hwsim` says above what is published, as a share of it."""
        return self.here / self.published - 1


def published(file: str) -> list[dict[str, str]]:
    """The rows of a file of `tests/reference/`."""
    with (REFERENCE / file).open() as text:
        return list(csv.DictReader(text))


def by(key: str, file: str) -> dict[str, dict[str, str]]:
    """The same by one of the columns."""
    return {row[key]: row for row in published(file)}


def convolutions(network: hwsim.Network) -> hwsim.Network:
    """The convolutions of a network."""
    return hwsim.Network(network.name, [layer for layer in network if isinstance(layer, hwsim.Conv2d)])


def systolic() -> Iterator[Row]:
    """SCALE-Sim: sums over its runs, so that one cycle more or less would show."""
    totals = np.zeros((3, 2))
    runs = published("scalesim_cycles.csv")
    for row in runs:
        machine = hwsim.SystolicArray(int(row["R"]), int(row["C"]), row["dataflow"], drain=False)
        layer = hwsim.MatMul(row["layer"], int(row["M"]), int(row["K"]), int(row["N"]))
        counts = machine.counts(layer)
        totals += [
            [int(row["total_cycles"]) + 1, machine.cycles(layer)],  # it prints the index of the last cycle
            [int(row["sram_ifmap_reads"]), counts["activation reads"]],
            [int(row["sram_filter_reads"]), counts["weight reads"]],
        ]
    for what, (theirs, ours) in zip(["cycles", "activation reads", "weight reads"], totals, strict=True):
        yield Row("systolic array", f"SCALE-Sim 3.0, {len(runs)} runs: {what}", "", theirs, ours, 0)


TIMELOOP_LAYER = hwsim.Conv2d("conv1", 3, 32, 224, 224, kernel=3, stride=2, padding=1)
TIMELOOP_NESTS = {
    "eyeriss_like": hwsim.LoopNest(
        [
            hwsim.Level("DRAM", TENSORS, [("P", 8), ("Q", 2), ("M", 4)]),
            hwsim.Level("shared_glb", ("inputs", "outputs"), [("P", 14), ("Q", 4)]),
            hwsim.Spatial([("Q", 14), ("C", 3), ("S", 3)]),
            hwsim.Level("ifmap_spad", ("inputs",)),
            hwsim.Level("weights_spad", ("weights",), [("R", 3)]),
            hwsim.Level("psum_spad", ("outputs",), [("M", 8)]),
        ]
    ),
    "simple_output_stationary": hwsim.LoopNest(
        [
            hwsim.Level("DRAM", TENSORS, [("P", 2), ("Q", 8), ("M", 2)]),
            hwsim.Level("shared_glb", ("weights", "inputs"), [("Q", 14), ("R", 3)]),
            hwsim.Spatial([("M", 16)]),
            hwsim.Level("pe_spad", ("outputs",), [("C", 3), ("P", 4), ("S", 3)]),
            hwsim.Level("weight_reg", ("weights",), [("P", 14)]),
            hwsim.Level("input_activation_reg", ("inputs",)),
            hwsim.Level("output_activation_reg", ("outputs",)),
        ]
    ),
}


def loop_nests() -> Iterator[Row]:
    """Timeloop's two nests, all levels and tensors of each together."""
    for design, nest in TIMELOOP_NESTS.items():
        counts = nest.counts(TIMELOOP_LAYER)
        rows = [row for row in published("timeloop_loopnests.csv") if row["design"] == design]
        for kind in ("reads", "fills", "updates"):
            theirs = sum(int(row[f"{kind}_per_inst"]) for row in rows)
            ours = sum(getattr(counts[row["level"], row["dataspace"].lower()], kind) for row in rows)
            yield Row("loop nest", f"Timeloop, {design}: {kind}", "", theirs, ours, 0)


def eie() -> Iterator[Row]:
    """The authors' own cycle simulator, and the paper's tables."""
    totals = np.zeros(2)
    runs = [row for row in published("eie_cycles.csv") if int(row["rows"]) * int(row["cols"]) < 3e6]
    for row in runs:
        rng = np.random.default_rng(int(row["seed"]))
        weights = rng.random((int(row["rows"]), int(row["cols"]))) < float(row["weight_density"])
        activations = rng.random(int(row["cols"])) < float(row["activation_density"])
        machine = hwsim.EIE(pes=int(row["pes"]), fifo_depth=int(row["fifo_depth"]))
        report = machine.run(machine.encode(weights.astype(np.int8)), activations.astype(np.int8))
        totals += int(row["cpp_simulator_cycles"]), report.cycles
    why = "the C++ program stops before the end in some of them"
    yield Row("EIE", f"the authors' simulator, {len(runs)} matrices: cycles", "", *totals, 0.002, why)

    random = "random matrices; the densities are recalled, not verified"
    why = dict.fromkeys(("Alex-8", "VGG-6"), f"{random}, and give a fifth less work than the paper counts")
    bounds = {"Alex-6": 0.06, "Alex-7": 0.06, "Alex-8": 0.18, "VGG-6": 0.29, "VGG-7": 0.05, "VGG-8": 0.03}
    bounds |= {"NT-We": 0.07, "NT-Wd": 0.04, "NT-LSTM": 0.12}
    for row in published("eie_table3_benchmarks.csv"):
        name, time = row["layer"], float(row["paper_actual_us"])
        densities = float(row["weight_pct"]) / 100, float(row["act_pct"]) / 100
        machine = hwsim.EIE(weight_density=densities[0], activation_density=densities[1])
        report = machine.run(hwsim.MatMul(name, 1, int(row["n_in"]), int(row["n_out"])))
        here = report.seconds * 1e6
        yield Row(
            "EIE", f"Table IV, {name}: time", "us", time, here, bounds.get(name, 0.07), why.get(name, random)
        )

    layer = hwsim.MatMul("fc7", 1, 4096, 4096)
    densities = {"weight_density": 0.09, "activation_density": 0.353}
    small = hwsim.EIE(**densities).run(layer)
    large = hwsim.EIE(pes=256, clock=1.2e9, **densities).run(layer)
    platforms = by("platform", "eie_table5_platforms.csv")
    chip, big_chip = platforms["EIE 64PE"], platforms["EIE 256PE 28nm"]
    node = "the power of 45 nm, for a chip of 28 nm"
    for what, unit, row, column, here, bound, why in [
        ("64 PEs: AlexNet FC7", "frames/s", chip, "MxV_frames_per_s", 1 / small.seconds, 0.06, random),
        ("64 PEs: AlexNet FC7", "frames/J", chip, "frames_per_J", 1 / small.joules, 0.05, random),
        ("64 PEs: power", "W", chip, "power_W", small.joules / small.seconds, 0.01, ""),
        ("256 PEs: AlexNet FC7", "frames/s", big_chip, "MxV_frames_per_s", 1 / large.seconds, 0.01, random),
        ("256 PEs: AlexNet FC7", "frames/J", big_chip, "frames_per_J", 1 / large.joules, 0.33, node),
        ("256 PEs: power", "W", big_chip, "power_W", large.joules / large.seconds, 0.5, node),
    ]:
        yield Row("EIE", f"Table V, {what}", unit, float(row[column]), here, bound, why)


def eyeriss() -> Iterator[Row]:
    """Both of the chip's tables, layer by layer, and the dataflows."""
    machine = hwsim.Eyeriss()
    network = convolutions(hwsim.networks.alexnet(batch=4))
    rows = {name.lower(): row for name, row in by("Layer", "eyeriss_jssc_table5_alexnet.csv").items()}
    zeros = {layer.name: float(rows[layer.name]["Zeros in Ifmaps"].rstrip("%")) / 100 for layer in network}
    report = machine.run(network, ALEXNET_MAPPINGS, zeros)
    for name, mapping in ALEXNET_MAPPINGS.items():
        pes = float(rows[name]["Num. of Active PEs"])
        yield Row(
            "Eyeriss", f"AlexNet {name}: active PEs", "", pes, machine.active_pes(network[name], mapping), 0
        )
    bounds = {
        "time": [0.16, 0.16, 0.05, 0.11, 0.05, 0.12],
        "buffer": [0.05, 0.03, 0.4, 0.002, 0.002, 0.09],
        "DRAM": [0.13, 0.03, 0.11, 0.1, 0.19, 0.02],
    }
    yield from _eyeriss_layers("AlexNet", report, rows, bounds)
    yield from _eyeriss_energy(report, rows)
    ungated = hwsim.Eyeriss(gating=False).run(network, ALEXNET_MAPPINGS, zeros)
    saved = 1 - _in_the_pes(report) / _in_the_pes(ungated)
    yield Row("Eyeriss", "AlexNet: energy of the PEs that gating saves", "%", 45, 100 * saved, 0.1)
    ratios = [layer.counts["DRAM bytes uncompressed"] / layer.traffic["DRAM"] for layer in report.layers]
    yield Row("Eyeriss", "AlexNet: DRAM traffic saved by compression, least", "x", 1.2, min(ratios), 0.11)
    yield Row("Eyeriss", "AlexNet: DRAM traffic saved by compression, most", "x", 1.9, max(ratios), 0.07)

    network = convolutions(hwsim.networks.vgg16(batch=3))
    table = by("Layer", "eyeriss_jssc_table6_vgg16.csv")
    rows = {name.lower().replace("-", "_"): row for name, row in table.items()}
    zeros = {layer.name: float(rows[layer.name]["Zeros"].rstrip("%")) / 100 for layer in network}
    mappings = {layer.name: machine.map(layer, channels=VGG16_CHANNELS[layer.name]) for layer in network}
    report = machine.run(network, mappings, zeros)
    bounds = {
        "time": [*[0.05] * 4, *[0.06] * 3, *[0.09] * 3, *[0.15] * 3, 0.06],
        "buffer": [0.12, *[0.05] * 3, *[0.04] * 3, *[0.15] * 3, *[0.06] * 3, 0.06],
        "DRAM": [0.03, 0.08, 0.19, 0.14, 0.08, 0.18, 0.21, 0.27, 0.24, 0.17, 0.03, 0.02, 0.09, 0.04],
    }
    why = "channels a pass inferred from this table, the port's width recalled"
    yield from _eyeriss_layers("VGG-16", report, rows, bounds, why)
    free = machine.run(network, zeros=zeros)
    chip = float(rows["total"]["Processing Latency (ms)"])
    why = "the chip works on fewer channels a pass than would fit; the rows above take as many as it does"
    yield Row(
        "Eyeriss",
        "VGG-16, with hwsim's own mapping: processing time",
        "ms",
        chip,
        free.seconds * 1e3,
        0.63,
        why,
    )

    layers = convolutions(hwsim.networks.alexnet(batch=16))
    joules = {
        flow: sum(sum(hwsim.dataflow_energy(layer, flow).values()) for layer in layers) for flow in DATAFLOWS
    }
    others = [energy / joules["rs"] for flow, energy in joules.items() if flow != "rs"]
    why = "the other dataflows have more freedom here than in the paper"
    yield Row("Eyeriss", "energy of other dataflows on AlexNet, least", "x", 1.4, min(others), 0.17, why)
    yield Row("Eyeriss", "energy of other dataflows on AlexNet, most", "x", 2.5, max(others), 0.03)


def _eyeriss_layers(
    network: str,
    report: hwsim.Report,
    rows: dict[str, dict[str, str]],
    bounds: dict[str, list[float]],
    why: str = "",
) -> Iterator[Row]:
    """Each layer and their sum: processing time, which leaves out filling and emptying the array, and traffic."""
    columns = ("Processing Latency (ms)", "Global Buffer Accesses (MB)", "DRAM Accesses (MB)")
    for (what, bound), column in zip(bounds.items(), columns, strict=True):
        for layer, off in zip([*report.layers, report], bound, strict=True):
            name = "total" if layer is report else layer.name
            here, unit, title = layer.traffic.get(what, 0) / 1e6, "MB", what
            if what == "time":
                here, unit, title = layer.seconds * 1e3, "ms", "processing time"
            note = (
                "Table V fits 6 channels a pass, Table III prints 4"
                if (name, what) == ("conv3", "buffer")
                else why
            )
            yield Row(
                "Eyeriss", f"{network} {name}: {title}", unit, float(rows[name][column]), here, off, note
            )
    latency, off = float(rows["total"]["Total Latency (ms)"]), 0.21 if network == "AlexNet" else 0.19
    note = "with what hwsim leaves out: filling and emptying the array, and DRAM that the PEs wait for"
    yield Row("Eyeriss", f"{network} total: latency", "ms", latency, report.seconds * 1e3, off, note)


def _eyeriss_energy(report: hwsim.Report, rows: dict[str, dict[str, str]]) -> Iterator[Row]:
    """Each layer's share of the energy on the chip: the table's costs are relative, so that shares can be compared."""
    here = np.array([layer.joules - layer.energy["DRAM"] for layer in report.layers])
    chip = [
        float(rows[layer.name]["Power (mW)"]) * float(rows[layer.name]["Total Latency (ms)"])
        for layer in report.layers
    ]
    shares = zip(report.layers, here / here.sum(), np.array(chip) / sum(chip), strict=True)
    for (layer, ours, theirs), bound in zip(shares, (0.14, 0.03, 0.12, 0.15, 0.03), strict=True):
        what = f"AlexNet {layer.name}: share of the energy"
        yield Row("Eyeriss", what, "%", 100 * theirs, 100 * ours, bound)


def _in_the_pes(report: hwsim.Report) -> float:
    return report.energy["register"] + report.energy["mac"]


def dadiannao() -> Iterator[Row]:
    """AlexNet's FC7, as EIE's paper prints it."""
    chip = by("platform", "eie_table5_platforms.csv")["DaDianNao"]
    report = hwsim.DaDianNao().run(hwsim.MatMul("fc7", 1, 4096, 4096))
    frames, per_joule = float(chip["MxV_frames_per_s"]), float(chip["frames_per_J"])
    why = "peak arithmetic in both; that a tile takes 16 inputs is recalled, not verified"
    yield Row("DaDianNao", "AlexNet FC7", "frames/s", frames, 1 / report.seconds, 0.001, why)
    yield Row("DaDianNao", "AlexNet FC7", "frames/J", per_joule, 1 / report.joules, 0.001, why)


def tpu() -> Iterator[Row]:
    """TPU v1's applications, whose layers are stand-ins, and peaks."""
    stand_in = "the layers are a stand-in: the paper prints their number and size, not their shapes"
    bounds = {"MLP0": 0.05, "MLP1": 0.12, "LSTM0": 0.07, "LSTM1": 0.37, "CNN0": 0.12, "CNN1": 1.51}
    for name, row in by("app", "tpu_v1_apps.csv").items():
        report = hwsim.TPUv1().run(hwsim.networks.tpu_v1_application(name))
        measured, here = float(row["measured_TOPS"]), report.ops_per_second / 1e12
        yield Row("TPU v1", f"Table 3, {name}", "TOPS", measured, here, bounds[name], stand_in)
    machine = hwsim.TPUv1()
    peak = float(by("platform", "tpu_v1_platforms.csv")["TPU v1"]["peak_TOPS_8b"])
    yield Row("TPU v1", "peak", "TOPS", peak, 2 * machine.size**2 * machine.clock / 1e12, 0.003)
    chip = {row["item"]: row["value"] for row in published("tpu_v2_v3.csv") if row["chip"] == "TPUv3"}
    large = hwsim.TPUv3().run(hwsim.MatMul("large", 8192, 8192, 8192)).ops_per_second / 1e12
    peak = float(chip["peak bf16 TFLOPS/chip"])
    yield Row("TPU v3", "peak, reached by a large product", "TFLOPS", peak, large, 0.003)


def fpga() -> Iterator[Row]:
    """FINN, and the designs of BNN-PYNQ."""
    figures = {row["item"]: row["value"] for row in published("fpga_published.csv")}
    gain = packing(FPGA_PARTS["XCKU060"].port, 8, 8)[0]
    yield Row("FPGA", "int8 MACs in a DSP48E2", "", float(figures["int8 gain of a DSP48E2"]), gain, 0)
    cnv = cnv_network(batch=1)
    for layer, ins, outs in [("L0", 3, 16), ("L1", 32, 32), ("L3", 32, 16), ("L6", 4, 1)]:
        cycles = tiled_cycles(cnv[layer].as_matmul(), 1, outs, ins)
        there = float(figures[f"BNN-PYNQ cnvW1A1 {layer} cycles"])
        yield Row("FPGA", f"BNN-PYNQ cnvW1A1 {layer}: cycles", "", there, cycles, 0)
    why = "of the multipliers alone here, of the whole design there"
    for design, bits, bound in [("lfc-pynq", 1, 0.38), ("cnvW1A1", 1, 0.43), ("cnvW2A2", 2, 0.8)]:
        luts = float(figures[f"BNN-PYNQ {design} MACs a cycle"]) * lut_cost(bits, bits)
        there = float(figures[f"BNN-PYNQ {design} LUTs"])
        yield Row("FPGA", f"BNN-PYNQ {design}: LUTs", "", there, luts, bound, why)
    why = "FINN builds an array for each layer, hwsim runs all on one; clock and SFC's layers are recalled, not verified"
    sizes = [int(size) for size in figures["FINN SFC layers"].split("-")]
    sfc = hwsim.Network(
        "SFC", [hwsim.MatMul(f"fc{i}", 100, k, n) for i, (k, n) in enumerate(pairwise(sizes))]
    )
    machine = hwsim.FPGA(FPGA_PARTS["XC7Z045"], bits=1, rows=1)
    for network, bound in [(sfc, 0.33), (cnv_network(batch=100), 0.38)]:
        rate, there = 100 / machine.run(network).seconds, float(figures[f"FINN {network.name} images/s"])
        yield Row("FPGA", f"FINN {network.name}", "images/s", there, rate, bound, why)


def tensor_core() -> Iterator[Row]:
    """V100: its peak, cuBLAS at its best, and products of DeepBench."""
    machine = hwsim.TensorCoreGPU()
    peak = float(by("item", "volta_v100.csv")["peak tensor TFLOPS"]["value"])
    yield Row("V100", "peak", "TFLOPS", peak, machine.peak / 1e12, 0.003)
    stalls = "nothing stalls here; that the size was 8192 is recalled, not verified"
    odd = "sides that are no multiples of 8: cuBLAS probably ran without tensor cores"
    known = {
        "cuBLAS best": (0.49, stalls),
        "gemm m=5124": (3.3, odd),
        "gemm m=2560": (0.23, "a small product"),
    }
    known |= {"conv": (0.33, "a small convolution"), "gemm m=7860": (0.08, "")}
    for item, row in by("item", "tensor_core_published.csv").items():
        sizes = {key: int(size) for key, size in re.findall(r"(\w)=(\d+)", item)}
        if item.startswith("gemm"):
            layer = hwsim.MatMul(item, sizes["m"], sizes["k"], sizes["n"])
        elif item.startswith("conv"):
            layer = hwsim.Conv2d(
                item, sizes["C"], 512, sizes["H"], sizes["W"], 3, padding=1, batch=sizes["N"]
            )
        elif item.startswith("cuBLAS"):
            layer = hwsim.MatMul(item, 8192, 8192, 8192)
        else:
            continue
        bound, why = next((found for start, found in known.items() if item.startswith(start)), (0.01, ""))
        what = item.removesuffix(" TFLOPS").replace(" R=3 S=3 filters=512 padding=1 forward", "")
        rate = machine.run(layer).ops_per_second / 1e12
        yield Row("V100", what, "TFLOPS", float(row["value"]), rate, bound, why)


def cnv_network(batch: int) -> hwsim.Network:
    """FINN's network for CIFAR-10, with the layers that BNN-PYNQ's configuration lists."""
    sizes = [(3, 64, 32), (64, 64, 30), (64, 128, 14), (128, 128, 12), (128, 256, 5), (256, 256, 3)]
    widths = [256, 512, 512, 10]
    layers = [hwsim.Conv2d(f"L{i}", c, n, size, size, 3, batch=batch) for i, (c, n, size) in enumerate(sizes)]
    last = [hwsim.MatMul(f"L{i}", batch, k, n) for i, (k, n) in enumerate(pairwise(widths), start=6)]
    return hwsim.Network("CNV", [*layers, *last])


MACHINES = (systolic, loop_nests, eyeriss, dadiannao, tpu, eie, tensor_core, fpga)


def rows() -> Iterable[Row]:
    """All rows, machine by machine."""
    for machine in MACHINES:
        yield from machine()


def number(value: float) -> str:
    """A figure with four digits, or all of a large one."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def signed(deviation: float) -> str:
    """A deviation in percent, with its sign unless it is nothing."""
    return f"{deviation:+.1%}" if round(deviation, 3) else "0.0%"


def main() -> None:
    """Print the table."""
    print(f"{'machine':<16}{'what':<52}{'unit':<10}{'published':>16}{'hwsim':>16}{'deviation':>11}")
    for row in rows():
        print(
            f"{row.machine:<16}{row.what:<52}{row.unit:<10}{number(row.published):>16}{number(row.here):>16}"
            f"{signed(row.deviation):>11}",
            flush=True,
        )


if __name__ == "__main__":
    main()
