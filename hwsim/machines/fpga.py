"""FPGA: a chip that is wired after it is made, so that the width of its arithmetic is a choice.

It multiplies in DSP slices, each a fixed wide multiplier that holds several narrow products at once, and in LUTs (tables
of 6 input bits), which build any logic, the cheaper the narrower the numbers. Block RAMs (BRAM) hold data beside them.

Packing: put two weights into a DSP's wide factor as `w1 * 2**F + w0` and an activation `a` into the other. The result,
`a * w1 * 2**F + a * w0`, holds two products in fields of F bits. Products add up in their fields until one could
overflow; then one more DSP takes the fields apart.
"""

from dataclasses import dataclass
from math import ceil, isqrt, prod
from numbers import Real

from hwsim.energy import HOROWITZ_45NM, EnergyTable
from hwsim.report import Report
from hwsim.workload import Conv2d, MatMul, Network, check_positive, check_sizes, layers_of

BRAM_BITS = 36 * 1024  # of a block; Xilinx UG473, UG573
BRAM_WIDTH = 72  # bits that it gives in a cycle; the same
NARROW_PORT, RESULT = 18, 48  # bits of a DSP48E1's and E2's second factor and sum; Xilinx UG479, UG579


@dataclass(frozen=True)
class Part:
    """A chip on its board."""

    name: str
    dsps: int  #: DSP slices
    port: int  #: bits of their wide factor: 25 in a DSP48E1, 27 in a DSP48E2
    luts: int  #: tables of 6 input bits
    brams: int  #: of 36 Kb
    bandwidth: float  #: bytes a second of the board's memory
    clock: float  #: cycles a second of a published design on it
    source: str  #: where the numbers are printed


_RECALLED = "(recalled, not verified)"
_PYNQ = f"Vivado report in Xilinx/BNN-PYNQ, its clock {_RECALLED}; PYNQ-Z1 reference manual: DDR3 of 16 bits at 1050 MT/s"
_ZC706 = (
    "Vivado reports and resource limits in public repositories for the ZC706; its DDR3 of 64 bits at 1600 MT/s: UG954 as "
    f"cited in public code; clock of FINN {_RECALLED}"
)
_ESE = f"part tables of public FPGA tools; clock of ESE, arXiv 1612.00694; two 64-bit DDR3-1600 {_RECALLED}"
#: The parts of the course by name: a small Zynq, a larger one, and the UltraScale that ESE was built on.
FPGA_PARTS = {
    "XC7Z020": Part("XC7Z020", 220, 25, 53_200, 140, 2.1e9, 100e6, _PYNQ),
    "XC7Z045": Part("XC7Z045", 900, 25, 218_600, 545, 12.8e9, 200e6, _ZC706),
    "XCKU060": Part("XCKU060", 2760, 27, 331_680, 1080, 25.6e9, 200e6, _ESE),
}


def packing(port: int, bits: int, weight_bits: int, rows: int = 2) -> tuple[float, int, int, int, int]:
    """MACs a cycle and DSP at best; weights and activations packed; bits of a field; products that it can add up.

    `port` is the bits of the wide factor, which takes the weights; up to `rows` activations share the other. Numbers are
    signed, and a bit of each factor stays free, for what the sign of one field takes from the next.
    """
    best = (1.0, 1, 1, RESULT, 0)
    for w in range(1, port):
        for a in range(1, rows + 1):
            field = RESULT // (w * a)
            if a > 1:
                field = min(field, (NARROW_PORT - 1 - max(bits, 2)) // (a - 1))
            if w > 1:
                field = min(field, (port - 1 - max(weight_bits, 2)) // ((w - 1) * a))
            sums = (2 ** (field - 1) - 1) // 2 ** (bits + weight_bits - 2) if field > 1 else 0
            best = max(best, (w * a * sums / (sums + 1), w, a, field, sums))
    return best


def lut_cost(bits: int, weight_bits: int) -> float:
    """LUTs of a multiplier and its part of the adder tree: model of FINN-R (Blott et al., TRETS 2018) in Xilinx/finn."""
    return 1.1 * (bits + weight_bits) * (2 * ceil((bits + weight_bits) / 6) + 1)


def tiled_cycles(product: MatMul, rows: int, outs: int, ins: int) -> int:
    """Cycles of an array that takes `rows` x `ins` inputs and `outs` outputs in each; a part of a tile costs a full one."""
    tiles = ceil(product.m / rows) * ceil(product.n / outs) * ceil(product.k / ins)
    return product.groups * product.steps * tiles


@dataclass(frozen=True)
class FPGA:
    """An array of multipliers, as large as the part allows at a precision; layers run on it one after the other.

    In a cycle it multiplies `rows` x `ins` activations by `ins` x `outs` weights: `ins` is the largest power of two up to
    sqrt(MACs / rows), `outs` what DSPs, LUTs and the width of all BRAMs then allow. A layer takes as long as its tiles or
    its bytes from the board's memory, whichever is longer. Half of the BRAM holds weights, half activations. Weights are
    loaded before if all of a workload's fit, else with each layer. If neither operand of a layer fits, one is read once
    and the other for each block of it. Inputs and outputs of every layer cross.

    Parameters
    ----------
    part : Part, such as those in `FPGA_PARTS`
    bits, weight_bits : int, 1 to 16, of activations and of weights (the same if None); 1 bit is -1 or 1
    rows : int, pixels or samples that share a weight: 2 packs four 4-bit products into a DSP, 1 is best for single rows
    lut_share : float, share of the LUTs that multiply; 0.7 is an assumption
    clock : float or None, cycles a second; None is the part's
    table : EnergyTable, of an ASIC: what the wiring of an FPGA costs besides is left out. A MAC is charged as one of
        the wider operand's integers times narrow / wide, since a multiplier grows with both widths.

    Left out: filling the pipeline, accumulators, place and route, banks of BRAM, static power.

    Raises
    ------
    ValueError
        When a parameter is out of range, or the part has no room for so many rows.

    Examples
    --------
    >>> [FPGA(bits=bits).units for bits in (16, 8, 4, 2, 1)]
    [288, 512, 1600, 3776, 6912]
    >>> FPGA(FPGA_PARTS["XCKU060"], bits=8, rows=1).run(MatMul("fc7", 1, 4096, 4096)).counts
    {'compute cycles': 2560, 'memory cycles': 131136}

    Held against: int8 in a DSP48E2: 1.75 MACs, the gain that WP486 prints. Xilinx/BNN-PYNQ: cycles of four
    layers' tiles equal; LUTs of the multipliers here against those of three whole designs +37% (fully connected, 1 bit:
    Vivado probably merges XNOR and adders), -42% and -79% (convolutions, 1 and 2 bits: most logic is elsewhere). FINN on
    the ZC706, images a second at 1 bit: SFC (MNIST) -32%, CNV (CIFAR-10) +37%. FINN gives each layer an array of its own,
    which fits its tiles but may wait for the slowest; its 200 MHz and SFC's layers are recalled, not verified. ESE's 282
    GOPS on a sparse LSTM are 22% of the 16-bit peak here; its 2.52 TOPS, zeros counted, are 1.9 times that peak.
    """

    part: Part = FPGA_PARTS["XC7Z020"]
    bits: int = 16
    weight_bits: int | None = None
    rows: int = 2
    lut_share: float = 0.7
    clock: float | None = None
    table: EnergyTable = HOROWITZ_45NM

    def __post_init__(self) -> None:
        """Check the parameters."""
        if not isinstance(self.part, Part):
            raise ValueError(
                f"FPGA: part must be a Part of FPGA_PARTS ({', '.join(FPGA_PARTS)}), or your own"
            )
        check_sizes("FPGA", bits=self.bits, weight_bits=self._weight_bits, rows=self.rows)
        if max(self.bits, self._weight_bits) > 16:
            raise ValueError(f"FPGA: bits and weight_bits are 1 to 16, got {self.bits}, {self._weight_bits}")
        part = self.part
        check_sizes(part.name, dsps=part.dsps, port=part.port, luts=part.luts, brams=part.brams)
        check_positive(f"FPGA {part.name}", clock=self._clock, bandwidth=part.bandwidth)
        if not isinstance(self.lut_share, Real) or not 0 <= self.lut_share <= 1:
            raise ValueError(f"FPGA: lut_share must be 0 to 1, got {self.lut_share!r}")
        if min(self.array) < 1:
            raise ValueError(f"FPGA: {part.name} has no room for {self.rows} rows: take fewer rows or bits")

    def __str__(self) -> str:
        """Name the machine."""
        return f"FPGA {self.part.name}, {self._weight_bits}-bit weights, {self.bits}-bit activations"

    @property
    def _weight_bits(self) -> int:
        return self.bits if self.weight_bits is None else self.weight_bits

    @property
    def _clock(self) -> float:
        return self.part.clock if self.clock is None else self.clock

    @property
    def array(self) -> tuple[int, int, int]:
        """Rows, outs and ins."""
        part, bits, weight_bits = self.part, self.bits, self._weight_bits
        macs = int(part.dsps * packing(part.port, bits, weight_bits, self.rows)[0])
        macs += int(self.lut_share * part.luts / lut_cost(bits, weight_bits))
        ins = 2 ** (max(1, isqrt(macs // self.rows)).bit_length() - 1)
        for_weights = part.brams * BRAM_WIDTH // ins - self.rows * bits  # bits a cycle for each of `ins`
        return self.rows, min(macs // (self.rows * ins), for_weights // weight_bits), ins

    @property
    def units(self) -> int:
        """MACs a cycle."""
        return prod(self.array)

    @property
    def used(self) -> dict[str, int]:
        """DSPs, which are filled first, LUTs that multiply, and BRAMs that it takes to feed the array."""
        by_dsp = packing(self.part.port, self.bits, self._weight_bits, self.rows)[0]
        macs = min(self.units, int(self.part.dsps * by_dsp))
        luts = ceil((self.units - macs) * lut_cost(self.bits, self._weight_bits))
        return {"DSP": ceil(macs / by_dsp), "LUT": luts, "BRAM": ceil(self._operand_bits / BRAM_WIDTH)}

    @property
    def _operand_bits(self) -> int:
        rows, outs, ins = self.array
        return ins * (outs * self._weight_bits + rows * self.bits)

    def run(self, workload: MatMul | Conv2d | Network) -> Report:
        """Run a layer or a network; ValueError when the workload is something else.

        `traffic` in bytes: "DRAM" is the board's memory, "buffer" BRAM. `counts`: cycles of the tiles and of the memory.
        """
        layers = layers_of(workload)
        bits = sum(layer.weights for layer in layers) * self._weight_bits
        resident = bits <= self.part.brams * BRAM_BITS / 2
        return Report.total(workload.name, [self._layer(layer, resident) for layer in layers])

    def _layer(self, layer: MatMul | Conv2d, resident: bool) -> Report:
        compute = tiled_cycles(layer.as_matmul(), *self.array)
        dram = self._dram(layer, resident)
        waiting = ceil(dram / self.part.bandwidth * self._clock)
        traffic = {"buffer": compute * self._operand_bits / 8 + dram, "DRAM": dram}
        narrow, wide = sorted([self.bits, self._weight_bits])
        return Report(
            name=layer.name,
            machine=str(self),
            macs=layer.macs,
            cycles=max(compute, waiting),
            clock=self._clock,
            units=self.units,
            energy=self.table.charge(layer.macs * narrow / wide, f"int{wide}", traffic),
            prices=self.table.name,
            traffic=traffic,
            counts={"compute cycles": compute, "memory cycles": waiting},
        )

    def _dram(self, layer: MatMul | Conv2d, resident: bool) -> float:
        """Bytes to and from the board's memory."""
        product, half = layer.as_matmul(), self.part.brams * BRAM_BITS / 16
        repeats = product.groups * product.steps
        matrix = product.k * product.n  # of one group, and for activations also of one step
        inputs = (layer.input_elements / repeats - (0 if product.trained else matrix)) * self.bits / 8
        size = matrix * (self._weight_bits if product.trained else self.bits) / 8
        blocks, others = ceil(size / half), ceil(inputs / half)
        read = size + inputs
        if product.trained and blocks == 1:  # stays for all steps
            read = inputs + (0 if resident else size / product.steps)
        elif min(blocks, others) > 1:
            read = min(size + inputs * blocks, inputs + size * others)
        return repeats * read + layer.output_elements * self.bits / 8
