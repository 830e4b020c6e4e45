"""DaDianNao: all weights on the chips, next to the multipliers that use them; only neurons move.

Chen et al., "DaDianNao: A Machine-Learning Supercomputer", MICRO 2014. Weights that are used once a frame (a fully
connected layer at batch 1) make any machine wait for DRAM. DaDianNao holds them in embedded DRAM beside the multipliers,
over as many chips as it takes. A cycle on one chip::

    central eDRAM --- 16 inputs, the same for all ---> 16 tiles, each 16 inputs x 16 outputs = 256 multipliers
    (4 MB, neurons) <------ sums, when complete ------ (2 MB of weights, of which each cycle reads 256 x 16 bits)
"""

from dataclasses import dataclass
from math import ceil

from hwsim.energy import EnergyTable
from hwsim.report import Report
from hwsim.workload import Conv2d, MatMul, Network, check_sizes, layers_of, pair

CLOCK, POWER = 606e6, 15.97  # cycles a second and watts of a chip; Han et al., EIE, ISCA 2016, Table V
TILES = 16
INPUTS = OUTPUTS = 16  # of a tile in a cycle (recalled, not verified; gives the published frames/s)
STAGES = 3  # multiply, add, transfer function (recalled, not verified)
LINKS = 4 * 6.4e9  # bytes a second into a chip: four HyperTransport 2.0 links (recalled, not verified)
BYTES = 2  # numbers are 16-bit fixed point: EIE, Table V
WEIGHTS = TILES * 2 * 2**20 // BYTES  # that a chip holds: 16 tiles of 2 MB (Chen et al., MICRO 2014)
NEURONS = 4 * 2**20 // BYTES  # and 4 MB in the center


@dataclass(frozen=True)
class DaDianNao:
    """One or more DaDianNao chips.

    The rows of a layer's matrix product (pixels, samples) are worked through one after the other. For each, a chip takes
    16 inputs and 256 outputs a cycle: `ceil(k / 16) * ceil(n / 256)` cycles, a partly filled group costs a full one.
    Groups of a convolution have inputs of their own, so that they follow each other. A layer ends two cycles later, when
    the three stages have emptied. In a product of two activations the k x n matrix is first written into the tiles, 16
    numbers a cycle.

    Chips share a layer by its outputs, as long as each gets 256; what chips are left over by its rows, each with a copy of
    the weights where these fit. Before a layer starts, every chip gets through its links the inputs that it needs and
    does not have; each neuron is on one chip. Rows that are split overlap by the height of the kernel.

    Parameters
    ----------
    chips : int
    table : EnergyTable or None. None charges the published power, in use or not: energy = chips * 15.97 W * time. A table
        charges MACs (int16) and bytes.

    `traffic`, in bytes: "buffer" is eDRAM (weights, read anew for each row, and neurons), "array" what the tree brings to
    and from the tiles. `counts`: cycles that wait for links, and bytes that came through them.

    Left out: loading the weights, the network's input and output (so there is no DRAM traffic), biases, pooling, the
    latency of links and of eDRAM, its refresh, and communication while the chips compute.

    Raises
    ------
    ValueError
        When `chips` is not a positive integer. In `run`, when weights or neurons do not fit; it says how many chips do.

    Examples
    --------
    >>> fc7 = MatMul("fc7", m=1, k=4096, n=4096)
    >>> report = DaDianNao().run(fc7)
    >>> report.cycles, round(1 / report.seconds), round(1 / report.joules)
    (4098, 147877, 9260)
    >>> report = DaDianNao(chips=16).run(fc7)
    >>> report.cycles, report.counts["link cycles"]
    (440, 182)

    Held against: AlexNet FC7, as EIE's Table V prints it for this chip: 147,938 frames/s, here -0.04%; 9,263 frames/J,
    here -0.04%. Peak: 256 multipliers a tile are 4.96 TOPS; the 5.58 recalled for the paper count 288 (not verified).
    The paper's 450.65 times the speed and 150.31 times less energy than a K20 (64 chips, its own benchmark) are not
    recomputed: neither its layers nor the K20's times could be read. FC7 on 4, 16 and 64 chips runs 3.5, 9.3 and 9.1
    times as fast as on one, since its outputs keep 16 chips busy; ResNet-18 3.9, 14.4 and 45 times. For the paper's
    benchmark 3.7, 10.1 and 21.1 are recalled (not verified).
    """

    chips: int = 1
    table: EnergyTable | None = None

    def __post_init__(self) -> None:
        """Check the number of chips."""
        check_sizes("DaDianNao", chips=self.chips)

    def __str__(self) -> str:
        """Name the machine."""
        return f"DaDianNao, {self.chips} chip{'s' * (self.chips > 1)}"

    @property
    def units(self) -> int:
        """MACs a cycle."""
        return self.chips * TILES * INPUTS * OUTPUTS

    def run(self, workload: MatMul | Conv2d | Network) -> Report:
        """Run a layer, or the layers of a network one after the other.

        Parameters
        ----------
        workload : MatMul, Conv2d or Network

        Returns
        -------
        Report

        Raises
        ------
        ValueError
            When the weights of all layers, or the neurons of one, do not fit on the chips.
        """
        layers = layers_of(workload)
        weights = sum(layer.weights for layer in layers)
        neurons = max(layer.input_elements + layer.output_elements for layer in layers)
        needed = max(ceil(weights / WEIGHTS), ceil(neurons / NEURONS))
        if needed > self.chips:
            raise ValueError(
                f"{workload.name} does not fit on {self.chips} of DaDianNao's chips, each with 32 MiB for 16-bit "
                f"weights and 4 MiB for neurons: use DaDianNao(chips={needed})"
            )
        split = _split(layers, self.chips)
        return Report.total(workload.name, [self._layer(layer, *split[layer.name]) for layer in layers])

    def _layer(self, layer: MatMul | Conv2d, by_outputs: int, by_rows: int) -> Report:
        product = layer.as_matmul()
        rows = product.groups * product.m
        inputs, blocks = ceil(product.k / INPUTS), ceil(product.n / OUTPUTS)  # groups of 16
        passes = ceil(product.n / (TILES * OUTPUTS * by_outputs))
        placed = (
            0 if product.trained else product.groups * product.steps * product.k * product.n
        )  # into the tiles
        compute = product.steps * ceil(rows / by_rows) * inputs * passes + STAGES - 1 + ceil(placed / INPUTS)
        received = self._received(layer, by_rows)
        waiting = ceil(received / LINKS * CLOCK)
        cycles = compute + waiting

        tile_inputs = product.steps * rows * inputs * blocks * INPUTS  # each active tile gets its own copy
        center_reads = product.steps * rows * inputs * passes * by_outputs * INPUTS
        traffic = {
            "buffer": float(
                BYTES * (tile_inputs * OUTPUTS + center_reads + 2 * placed + layer.output_elements)
            ),
            "array": float(BYTES * (tile_inputs + placed + layer.output_elements)),
        }
        if self.table is None:
            energy = {"chips": self.chips * POWER * cycles / CLOCK}
        else:
            energy = self.table.charge(layer.macs, "int16", traffic)
        return Report(
            name=layer.name,
            machine=str(self),
            macs=layer.macs,
            cycles=cycles,
            clock=CLOCK,
            units=self.units,
            energy=energy,
            traffic=traffic,
            counts={"link cycles": waiting, "link bytes": ceil(by_outputs * by_rows * received)},
        )

    def _received(self, layer: MatMul | Conv2d, by_rows: int) -> float:
        """Bytes of neurons that a chip gets from the others: what its rows need, but for what it has itself."""
        elements = layer.input_elements * (1 / by_rows - 1 / self.chips)
        if by_rows > 1 and isinstance(layer, Conv2d):
            overlap = max(0, pair(layer.kernel)[0] - pair(layer.stride)[0])
            elements += overlap * layer.width * layer.in_channels
        return BYTES * elements


def _split(layers: tuple[MatMul | Conv2d, ...], chips: int) -> dict[str, tuple[int, int]]:
    """Into how many parts the outputs and the rows of each layer are cut; the smallest layers are copied first."""
    split, room = {}, chips * WEIGHTS - sum(layer.weights for layer in layers)
    for layer in sorted(layers, key=lambda layer: layer.weights):
        product = layer.as_matmul()
        by_outputs = min(chips, ceil(product.n / (TILES * OUTPUTS)))
        copies = 1 + room // layer.weights if layer.weights else chips
        by_rows = min(product.groups * product.m, chips // by_outputs, product.groups * copies)
        room -= layer.weights * (ceil(by_rows / product.groups) - 1)
        split[layer.name] = by_outputs, by_rows
    return split
