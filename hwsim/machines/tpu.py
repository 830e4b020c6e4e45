"""Google's tensor processing units: weight-stationary systolic arrays, and the memories that must keep them busy.

A plain `SystolicArray` pushes a tile of weights in, streams activations through and lets the wave run out before the next
tile. A TPU overlaps these: each PE holds a second weight, and the next tile is shifted in behind the running one. A tile
costs its rows of activations, or the time to shift one in, if that is longer. It remains where the next tile comes from:
TPU v1 has DRAM for that, TPU v2 and v3 HBM with over 20 times the bandwidth, and the Edge TPU keeps 8 MB on the chip.
"""

from dataclasses import dataclass
from math import ceil
from typing import ClassVar

from hwsim.energy import HOROWITZ_45NM, EnergyTable
from hwsim.machines.systolic import SystolicArray
from hwsim.report import Report
from hwsim.workload import Conv2d, MatMul, Network, check_positive, check_sizes, layers_of

Workload = MatMul | Conv2d | Network
Times = tuple[int, ...]
FIFO = 4  # tiles that TPU v1 fetches ahead; Jouppi et al., ISCA 2017, section 2


def _check(machine: "TPUv1 | TPUv2 | EdgeTPU") -> None:
    check_positive(type(machine).__name__, clock=machine.clock, bandwidth=machine.bandwidth)
    sizes = {key: value for key, value in vars(machine).items() if key not in ("clock", "bandwidth", "table")}
    check_sizes(type(machine).__name__, **sizes)


@dataclass(frozen=True)
class TPUv1:
    """Google's first TPU, for inference with integers (Jouppi et al., ISCA 2017, arXiv 1704.04760, section 2 and Table 2).

    Parameters
    ----------
    clock, bandwidth : float, cycles a second, and bytes a second of the DRAM, which holds only weights
    size : int, rows and columns of the array
    buffer : int, bytes of the unified buffer, which holds the activations
    rows : int, rows of 32-bit accumulators that are filled at a time, while as many others are emptied
    table : EnergyTable

    Modelled: tile by tile, across layers, DRAM fills a FIFO of four (with whole tiles also at the border), one is shifted in,
    and rows of activations stream through the one before; in the long run the slowest of the three sets the pace. A layer
    with more rows than accumulators and several tiles down fetches its tiles again for each part. 16-bit weights or
    activations halve the speed, both quarter it. Counts: cycles in which the array is active, waits for weights, or only
    shifts them in, as in the paper's Table 3; 510 a layer and time step in which the wave fills and drains, hiding nothing
    (14% of SqueezeNet's); MACs spent on padding. Traffic: "DRAM" tiles; "buffer" activations, for each column of tiles (a
    convolution's as patches), results, accumulators; "array" what goes from PE to PE; "register" the weight of each MAC.
    Of a product of two activations the k x n operand comes from the buffer at the speed of the shift, which is an assumption.

    Left out: host, synchronization, pooling, activation functions, accesses of the FIFO, small groups packed into one tile.

    Raises ValueError when a parameter is out of range, bits are not 8 or 16, or activations do not fit into the buffer.

    Examples
    --------
    >>> report = TPUv1().run(MatMul("LSTM1", m=96, k=600, n=600))
    >>> report.counts["weight tiles"], f"{report.seconds * 1e6:.1f} us"
    (9, '18.6 us')

    Held against: measured and modelled TOPS, with stand-ins for the paper's applications (`networks.tpu_v1_application`): MLP0
    12.3, 12.9; MLP1 9.7, 8.6; LSTM0 3.7, 4.0; LSTM1 2.8, 3.8; CNN0 86, 76; CNN1 14.1, 35. The shapes of LSTM1 and CNN1 are
    the least known, and the 10 to 32% of cycles in Table 3 that are not the array's are left out. Of the others, 18 to 19%
    are shifts in the MLPs and LSTMs (paper: 19 to 20%). In the LSTMs the array is active in half as many as in the paper;
    `activation_bits=16` doubles them and takes no longer. A 600 x 600 matrix takes 18.6 us, with size=512 33 (paper: 18, 32).
    CNN0 takes 195 W, the chip 40: the default table, of 45 nm, charges each hop between PEs a third of a buffer access.
    """

    clock: float = 700e6
    bandwidth: float = 34e9
    size: int = 256
    buffer: int = 24 * 2**20
    rows: int = 2048
    table: EnergyTable = HOROWITZ_45NM

    def __post_init__(self) -> None:
        """Check the parameters."""
        _check(self)

    def run(self, workload: Workload, weight_bits: int = 8, activation_bits: int = 8) -> Report:
        """Run a layer or network with weights and activations of 8 or 16 bits."""
        check_sizes("TPU v1", weight_bits=weight_bits, activation_bits=activation_bits)
        if not {weight_bits, activation_bits} <= {8, 16}:
            raise ValueError(f"TPU v1: quantize to 8 or 16 bits, not {weight_bits} and {activation_bits}")
        reports, ages = [], (0,) * (FIFO + 2)
        for layer in layers_of(workload):
            report, ages = self._layer(layer, ages, weight_bits, activation_bits)
            reports.append(report)
        return Report.total(workload.name, reports)

    def _layer(
        self, layer: MatMul | Conv2d, ages: Times, weight_bits: int, bits: int
    ) -> tuple[Report, Times]:
        self._check_fits(layer, bits)
        product, array = layer.as_matmul(), SystolicArray(self.size, self.size)
        if not product.trained:
            weight_bits = bits
        down, across = array.folds(layer)
        parts = 1 if down == 1 else ceil(product.m / self.rows)
        tiles = product.groups * product.steps * down * across * parts
        passes = (weight_bits // 8) * (bits // 8)  # of the 8-bit array
        units, tile_bytes = array.units, array.units * weight_bits // 8
        stream, shift = passes * ceil(product.m / parts), self.size * weight_bits // 8
        load = ceil(tile_bytes / self.bandwidth * self.clock) if product.trained else 0
        stalls, shifts, ages = _waits(tiles, stream, shift, load, ages)
        wave = product.steps * (2 * self.size - 2)  # a time step needs the results of the one before
        traffic = _on_chip(array, layer, tiles, weight_bits, bits)
        traffic["DRAM" if product.trained else "buffer"] += tiles * tile_bytes
        counts = {
            "array active cycles": tiles * stream,
            "weight stall cycles": stalls,
            "weight shift cycles": shifts,
            "fill and drain cycles": wave,
            "padding MACs": tiles * (stream // passes) * units - layer.macs,
            "weight tiles": tiles,
        }
        cycles = tiles * stream + stalls + shifts + wave
        energy = self.table.charge(passes * layer.macs, "int8", traffic)
        report = Report(
            layer.name,
            "TPU v1",
            layer.macs,
            cycles,
            self.clock,
            units,
            energy,
            traffic,
            counts,
            prices=self.table.name,
        )
        return report, ages

    def _check_fits(self, layer: MatMul | Conv2d, bits: int) -> None:
        held = (layer.input_elements + layer.output_elements) * bits // 8 // layer.as_matmul().steps
        if held > self.buffer:
            name, batch = ("batch", layer.batch) if isinstance(layer, Conv2d) else ("m", layer.m)
            most = batch * self.buffer // held if layer.as_matmul().trained else 0  # else k x n counts too
            advice = f"the largest {name} that fits is {most}" if most else "cut the layer into smaller ones"
            raise ValueError(f"{layer.name}: {held:,} bytes of activations overflow the buffer; {advice}")


def _waits(tiles: int, stream: int, shift: int, load: int, ages: Times) -> tuple[int, int, Times]:
    """Cycles in which the array waits for weights and only shifts them in, while `tiles` tiles run; the new ages.

    `ages` count back from the end of the tile before, to when its rows began, when it was fetched, and when each of the last
    `FIFO` tiles left the FIFO.
    """
    stalls = shifts = 0
    for left in range(tiles, 0, -1):
        began, fetched, *gone = ages
        fetched = min(fetched, gone[0]) - load  # as soon as the FIFO has room
        out = min(fetched, began)  # since then the second weights of the PEs are free
        idle = max(0, shift - out)
        last, ages = ages, tuple(age + idle + stream for age in (-idle, fetched, *gone[1:], out))
        same = left if ages == last else 1  # all that follow are alike
        stalls += same * max(0, idle - shift)  # a tile that comes late is shifted in while the array waits
        shifts += same * min(idle, shift)
        if same == left:
            break
    return stalls, shifts, ages


@dataclass(frozen=True)
class TPUv2:
    """One chip of Google's second TPU, which also trains: bfloat16 operands, fp32 sums.

    Parameters
    ----------
    clock, bandwidth : float, cycles a second, and bytes a second of the HBM (700 GB/s: Cloud TPU documentation)
    size, arrays : int, rows and columns of an array, and arrays. Two of 128 x 128 and 700 MHz are recalled from Jouppi et al.,
        CACM 63(7), 2020, not verified.
    table : EnergyTable; a bfloat16 MAC is charged as one of fp16

    Modelled: the arrays share a layer's tiles, or, where there are too few, the rows of a tile; each takes in a row of weights
    a cycle (assumed, as in TPU v1). The time is the longer of that and of moving weights, inputs and outputs once through HBM.

    Left out: activations that are read again, or stay on the chip for the next layer; vector units.

    Examples
    --------
    >>> machine, large, row = TPUv2(), MatMul("large", 8192, 8192, 8192), MatMul("row", 1, 8192, 8192)
    >>> [round(machine.run(layer).ops_per_second / 1e12, 1) for layer in (large, row)]
    [45.9, 0.4]

    Held against: 45.9 TFLOPS from its counts, where Google says 45 (recalled, not verified).
    """

    name: ClassVar[str] = "TPU v2"
    clock: float = 700e6
    bandwidth: float = 700e9
    size: int = 128
    arrays: int = 2
    table: EnergyTable = HOROWITZ_45NM

    def __post_init__(self) -> None:
        """Check the parameters."""
        _check(self)

    def run(self, workload: Workload) -> Report:
        """Run a layer or network in bfloat16."""
        reports = [_overlapped(self, layer, "fp16", 16, layer.bytes(16)) for layer in layers_of(workload)]
        return Report.total(workload.name, reports)


@dataclass(frozen=True)
class TPUv3(TPUv2):
    """One chip of Google's third TPU: a TPU v2 with twice the arrays, a faster clock and faster memory.

    Parameters are those of `TPUv2`. Four arrays, 900 GB/s: Cloud TPU documentation. 128 x 128 and 940 MHz: recalled as for
    TPU v2. Modelled as TPU v2.

    Left out: what is left out there.

    Examples
    --------
    >>> round(TPUv3().run(MatMul("large", 8192, 8192, 8192)).ops_per_second / 1e12, 1)
    123.2

    Held against: 123.2 TFLOPS from its counts, where the documentation says 123.
    """

    name: ClassVar[str] = "TPU v3"
    clock: float = 940e6
    bandwidth: float = 900e9
    arrays: int = 4


@dataclass(frozen=True)
class EdgeTPU:
    """Google's TPU for small devices (Coral): int8 only, with its weights on the chip.

    Parameters
    ----------
    clock, bandwidth : float, cycles a second, and bytes a second from the host: PCIe Gen2 x1 (Coral Accelerator Module
        datasheet 1.4), whose 5 GT/s with 8 data bits in 10 carry 500 MB/s
    size, arrays : int, rows and columns of an array, and arrays. **They and the clock are not published**: one of 64 x 64 at
        480 MHz is a choice near the datasheet's 4 TOPS.
    memory : int, bytes on the chip for parameters (about 8 MB: Coral, "Edge TPU Compiler")
    table : EnergyTable

    Modelled: a network's first 8 MB of parameters, layer after layer, stay on the chip from run to run. The rest ("DRAM")
    comes from the host in each run, while the layer computes.

    Left out: a network's input and output on the link, the first fetch, room for activations.

    Raises ValueError when a parameter is out of range, or the numbers are not int8.

    Examples
    --------
    >>> EdgeTPU().run(MatMul("fc7", m=1, k=4096, n=4096)).traffic["DRAM"]
    8777216.0

    Held against: 3.93 TOPS from its counts (datasheet: 4); MobileNet V2 189 times a second ("almost 400"). 93% of that time
    are depthwise layers, where a tile holds one channel: the chip must do these better than a plain systolic array.
    """

    name: ClassVar[str] = "Edge TPU"
    clock: float = 480e6
    bandwidth: float = 500e6
    size: int = 64
    arrays: int = 1
    memory: int = 8_000_000
    table: EnergyTable = HOROWITZ_45NM

    def __post_init__(self) -> None:
        """Check the parameters."""
        _check(self)

    def run(self, workload: Workload, number: str = "int8") -> Report:
        """Run a layer or network of int8 numbers."""
        if number != "int8":
            raise ValueError(f"the Edge TPU has int8 only, not {number}: quantize the network first")
        reports, free = [], float(self.memory)
        for layer in layers_of(workload):
            kept = min(free, layer.weight_bytes(8))
            free -= kept
            reports.append(_overlapped(self, layer, "int8", 8, layer.weight_bytes(8) - kept))
        return Report.total(workload.name, reports)


def _overlapped(
    machine: TPUv2 | EdgeTPU, layer: MatMul | Conv2d, number: str, bits: int, moved: float
) -> Report:
    """A layer whose `moved` bytes cross the machine's memory interface while its arrays compute."""
    product, array, arrays = layer.as_matmul(), SystolicArray(machine.size, machine.size), machine.arrays
    down, across = array.folds(layer)
    tiles = product.groups * down * across  # of a time step
    choices = [(parts * tiles, max(ceil(product.m / parts), array.rows)) for parts in range(1, arrays + 1)]
    rounds, pieces = min((ceil(pieces / arrays) * cycles, pieces) for pieces, cycles in choices)
    compute = array.rows + product.steps * (rounds + 2 * array.rows - 2)
    memory = ceil(moved / machine.bandwidth * machine.clock)
    tiles = product.steps * pieces
    traffic = _on_chip(array, layer, tiles, bits, bits)
    traffic["buffer"] += tiles * array.units * bits / 8
    traffic["DRAM"] += moved
    energy = machine.table.charge(layer.macs, number, traffic)
    counts = {"compute cycles": compute, "memory cycles": memory, "weight tiles": tiles}
    cycles, units = max(compute, memory), arrays * array.units
    return Report(
        layer.name,
        machine.name,
        layer.macs,
        cycles,
        machine.clock,
        units,
        energy,
        traffic,
        counts,
        prices=machine.table.name,
    )


def _on_chip(
    array: SystolicArray, layer: MatMul | Conv2d, tiles: int, weight_bits: int, activation_bits: int
) -> dict[str, float]:
    """Bytes by level, without the reads of the tiles; a sum has 4 bytes."""
    edge, results = array.counts(layer), layer.output_elements
    sums = edge["output writes"] + edge["partial sum reads"] + results  # read once more to leave
    way_in = tiles * array.units * weight_bits / 8 * (array.rows + 1) / 2  # a weight for row r makes r steps
    return {
        "register": layer.macs * weight_bits / 8,
        "array": layer.macs * (activation_bits / 8 + 4) + way_in,
        "buffer": (edge["activation reads"] + results) * activation_bits / 8 + 4 * sums,
        "DRAM": 0.0,
    }
