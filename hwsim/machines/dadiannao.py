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
    Groups of a convolution have inputs of their own, so that they follow each other. A time step ends two cycles later,
    when the three stages have emptied. In a product of two activations each chip first writes its part of the k x n
    matrices into the tiles, 16 numbers a cycle; such products take turns in the room for one.

    Chips share a layer by its outputs, as long as each gets 256; what chips are left over by its rows (groups, images,
    pixels), each with a copy of the matrix where these fit. Before a layer starts, every chip gets through its links the
    inputs that it needs and does not have; each neuron is on one chip. Parts of an image overlap by the height of the kernel.

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
        """Run a layer, or the layers of a network one after the other; ValueError when they do not fit on the chips."""
        layers = layers_of(workload)
        weights = sum(layer.weights for layer in layers) + _largest_placed(layers)
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
        groups, copies = min(by_rows, product.groups), ceil(by_rows / product.groups)
        placed = (
            0 if product.trained else product.steps * product.k
        )  # rows written into the tiles, of each group
        placing = ceil(placed * ceil(product.groups / groups) * ceil(product.n / by_outputs) / INPUTS)
        placed *= product.groups * product.n * copies  # numbers, on all chips
        compute = product.steps * (ceil(rows / by_rows) * inputs * passes + STAGES - 1) + placing
        received = self._received(layer, by_outputs, by_rows)
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
            prices=self.table.name if self.table else f"power of {POWER} W a chip",
            traffic=traffic,
            counts={"link cycles": waiting, "link bytes": ceil(by_outputs * by_rows * received)},
        )

    def _received(self, layer: MatMul | Conv2d, by_outputs: int, by_rows: int) -> float:
        """Bytes of neurons that a chip gets from the others: what its part needs, but for what it has itself."""
        product, groups = layer.as_matmul(), min(by_rows, layer.groups)
        matrices = 0 if product.trained else product.groups * product.steps * product.k * product.n
        needed = (layer.input_elements - matrices) / by_rows + matrices / (groups * by_outputs)
        if isinstance(layer, Conv2d) and by_rows > layer.groups * layer.batch:
            overlap = max(0, pair(layer.kernel)[0] - pair(layer.stride)[0])
            needed += overlap * layer.width * layer.in_channels / layer.groups
        return BYTES * (min(needed, layer.input_elements) - layer.input_elements / self.chips)


def _largest_placed(layers: tuple[MatMul | Conv2d, ...]) -> int:
    """Numbers in the k x n matrices of the largest product of two activations."""
    products = [layer.as_matmul() for layer in layers]
    return max(0 if product.trained else product.groups * product.k * product.n for product in products)


def _split(layers: tuple[MatMul | Conv2d, ...], chips: int) -> dict[str, tuple[int, int]]:
    """Into how many parts the outputs and the rows of each layer are cut; the smallest layers are copied first."""
    placed = _largest_placed(layers)
    split, room = {}, chips * WEIGHTS - sum(layer.weights for layer in layers) - placed
    for layer in sorted(layers, key=lambda layer: (not layer.weights, layer.weights)):
        product = layer.as_matmul()
        by_outputs = min(chips, ceil(product.n / (TILES * OUTPUTS)))
        matrices = product.groups * product.k * product.n
        copies = 1 + room // matrices if product.trained else (room + placed) // matrices
        by_rows = min(product.groups * product.m, chips // by_outputs, product.groups * copies)
        room -= layer.weights * (ceil(by_rows / product.groups) - 1)
        split[layer.name] = by_outputs, by_rows
    return split
