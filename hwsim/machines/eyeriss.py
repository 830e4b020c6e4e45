"""Eyeriss: convolution with rows that stay where they are.

Chen, Krishna, Emer, Sze, "Eyeriss: An Energy-Efficient Reconfigurable Accelerator for Deep Convolutional Neural
Networks", IEEE JSSC 52(1), 2017; Chen, Emer, Sze, "Eyeriss: A Spatial Architecture", ISCA 2016.

A 2-D convolution is many 1-D ones. One processing element (PE) slides one row of a filter over one row of the input and
makes one row of partial sums; all three stay in its registers. R rows of PEs times e columns make a set, which gives
e rows of one output::

    filter row 0 -> PE(0,0) PE(0,1) PE(0,2)     filter rows go across,
    filter row 1 -> PE(1,0) PE(1,1) PE(1,2)     input row i + j * stride goes up the diagonal to PE (i, j),
    filter row 2 -> PE(2,0) PE(2,1) PE(2,2)     partial sums go up a column and are added:
                    row 0   row 1   row 2       rows of the output
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from hwsim.energy import EYERISS_RELATIVE, EnergyTable
from hwsim.report import Report
from hwsim.run_length import run_length_ratio, zeros_share
from hwsim.workload import Conv2d, MatMul, Network, check_positive, check_sizes, layers_of, pair

WORD = 2  # bytes: all numbers have 16 bits


class RowMapping(NamedTuple):
    """How a layer lies on the array; the letters are those of JSSC 2017, Table III, where each is defined.

    The buffer holds partial sums of `m` filters, `n` images and `e` output rows. A pass is what the array works on at a
    time: in each PE `p` filters and `q` channels are interleaved, and r * t sets of PEs work on `r` times as many channels
    and `t` times as many filters.
    """

    m: int
    n: int
    e: int
    p: int
    q: int
    r: int
    t: int


#: Layer -> mapping of AlexNet's convolutions: JSSC 2017, Table III.
ALEXNET_MAPPINGS = {
    "conv1": RowMapping(m=96, n=1, e=7, p=16, q=1, r=1, t=2),
    "conv2": RowMapping(m=64, n=1, e=27, p=16, q=2, r=1, t=1),
    "conv3": RowMapping(m=64, n=4, e=13, p=16, q=4, r=1, t=4),
    "conv4": RowMapping(m=64, n=4, e=13, p=16, q=3, r=2, t=2),
    "conv5": RowMapping(m=64, n=4, e=13, p=16, q=3, r=2, t=2),
}

#: Channels of a pass on VGG-16, inferred from the buffer traffic that JSSC 2017, Table VI prints: the partial sums pass
#: through the buffer once for each. Table III has no mapping of VGG-16.
VGG16_CHANNELS = {
    name: channels
    for channels, names in {
        1: ["conv1_1", "conv1_2", "conv2_1", "conv2_2"],
        2: ["conv3_1", "conv3_2", "conv3_3"],
        4: ["conv4_1", "conv4_2", "conv4_3"],
        8: ["conv5_1", "conv5_2", "conv5_3"],
    }.items()
    for name in names
}


@dataclass(frozen=True)
class Eyeriss:
    """Eyeriss, as fabricated in 65 nm: 12 x 14 PEs and a buffer of 100 KiB for inputs and partial sums.

    Parameters
    ----------
    rows, cols : int, PEs
    buffer : int, bytes for inputs and partial sums (108 KiB on the chip; that 8 of them are for filters on their way is
        recalled, not verified)
    filter_words, input_words, sum_words : int, 16-bit words in the registers of a PE
    psum_port : int, partial sums that the buffer hands out, and takes in, each cycle. Recalled, not verified; in
        Table VI no layer moves more than 15.4 bytes a cycle through the buffer, and 4 words in and 4 out are 16.
    bandwidth : float, bytes a second from DRAM: 64 bits at 60 MHz. Recalled, not verified.
    gating : bool, whether a PE skips its registers and its multiplier when the input is zero
    table : EnergyTable; the published costs are relative to a MAC, so with them a joule stands for 10^12 MACs
    clock : float, cycles a second

    Modelled: cycles in closed form, and words moved at each level for a mapping, pass by pass:
    strips of e output rows, blocks of n images and m filters, channels, filters of a pass. Time is the longest of the
    PEs', the buffer's port's and DRAM's. A filter taller than the array is worked on in pieces, one after the other. Left
    out: the time to fill and empty the array, clock and control power, the filters' way through the buffer.

    Raises
    ------
    ValueError
        When a parameter is not a positive integer.

    Examples
    --------
    >>> from hwsim import networks
    >>> conv2 = networks.alexnet(batch=4)["conv2"]
    >>> report = Eyeriss().run(conv2, mappings={"conv2": ALEXNET_MAPPINGS["conv2"]}, zeros={"conv2": 0.387})
    >>> Eyeriss().active_pes(conv2, ALEXNET_MAPPINGS["conv2"]), round(report.seconds * 1e3, 2)
    (135, 33.18)
    >>> {level: round(size / 1e6, 1) for level, size in report.traffic.items()}["buffer"]
    75.8

    Held against the chip (JSSC 2017; AlexNet's convolutions at batch 4 with the mappings of Table III, VGG-16's at batch 3):
    active PEs of Table V are equal in all five layers, processing time is 4 to 16% less (total latency 20%). Buffer traffic
    is within 5%, but 40% above in CONV3, where Table V fits 6 channels a pass and Table III prints 4 (8% in all). DRAM
    traffic is within 19% (2% in all); compression saves 1.1 to 1.8 times, published 1.2 to 1.9. Each layer's share of the
    energy on the chip is within 15%; one MAC of the table is 3.6 pJ there, the clock included. Zero gating saves 41% of the
    PEs' energy, published 45%. On VGG-16 the mappings that `map` finds would take 38% of the chip's time: the chip works on
    fewer channels a pass (`VGG16_CHANNELS`), and its buffer's port is the limit. With as many as the chip, processing time
    is 5 to 15% less, buffer traffic within 15%, DRAM traffic within 27% (3% in all).
    """

    rows: int = 12
    cols: int = 14
    buffer: int = 100 * 1024
    filter_words: int = 224
    input_words: int = 12
    sum_words: int = 24
    psum_port: int = 4
    bandwidth: float = 480e6
    gating: bool = True
    table: EnergyTable = EYERISS_RELATIVE
    clock: float = 200e6

    def __post_init__(self) -> None:
        """Check the parameters."""
        sizes = ("rows", "cols", "buffer", "filter_words", "input_words", "sum_words", "psum_port")
        check_sizes("Eyeriss", **{name: getattr(self, name) for name in sizes})
        check_positive("Eyeriss", clock=self.clock, bandwidth=self.bandwidth)

    def map(self, layer: MatMul | Conv2d, channels: int | None = None, time: bool = True) -> RowMapping:
        """The mapping with the least energy times time, among sizes of 1, 2, 3, 4, 6, 8, 12, ...

        Parameters
        ----------
        layer : MatMul or Conv2d
        channels : int or None, channels of a pass (q * r), if they are to be set by hand
        time : bool; without it, the mapping with the least energy

        Raises
        ------
        ValueError
            When nothing fits, with what is too large.
        """
        shape = LayerShape.of(layer)
        if min(self.input_words, self.filter_words) < shape.S:
            raise ValueError(
                f"{layer.name}: a kernel {shape.S} wide does not fit into {self.input_words} input words and "
                f"{self.filter_words} filter words of a PE; make these larger or the kernel narrower"
            )
        choices = np.array(list(self._candidates(shape, channels)), float).reshape(-1, 7).T  # no overflow
        if not choices.size:
            raise ValueError(
                f"{layer.name}: no pass has {channels} channels here; with few of {shape.C} channels try 1, 2, 3, 4, 6 or 8"
            )
        mapping = RowMapping(*choices)
        choices = choices[:, self._held(shape, mapping) <= self.buffer]
        if not choices.size:
            raise ValueError(
                f"{layer.name}: not one row of outputs fits into a buffer of {self.buffer} bytes"
                f"{f' with {channels} channels a pass' if channels else ''}; make the layer narrower or the buffer larger"
            )
        mapping = RowMapping(*choices)
        traffic = self._traffic(shape, mapping)
        energy = sum(self.table.charge(layer.macs, "int16", traffic).values())
        best = np.argmin(energy * self._cycles(shape, mapping, traffic["DRAM"]) if time else energy)
        return RowMapping(*(int(value) for value in choices[:, best]))

    def run(
        self,
        workload: MatMul | Conv2d | Network,
        mappings: Mapping[str, RowMapping] | None = None,
        zeros: Mapping[str, float | ArrayLike] | None = None,
    ) -> Report:
        """Run a layer, or the layers of a network one after the other.

        Parameters
        ----------
        workload : MatMul, Conv2d or Network
        mappings : dict of layer name -> RowMapping; others are mapped by `map`.
        zeros : dict of layer name -> its inputs: the numbers (array) or the share of zeros (float). They are gated in
            the PEs and compressed in DRAM, where a layer's outputs are the inputs of the next layer. Others are taken to
            have no zeros.

        Returns
        -------
        Report
            `traffic` is bytes by level. `counts`: passes, MACs gated, DRAM bytes as they would be without compression, and
            the cycles of the PEs, of the partial sums' port and of DRAM, of which the longest counts.

        Raises
        ------
        ValueError
            When a mapping does not fit the machine or the layer, no mapping does, or a name is not that of a layer.
        """
        mappings, zeros = mappings or {}, zeros or {}
        layers = layers_of(workload)
        names = [layer.name for layer in layers]
        unknown = sorted({*mappings, *zeros}.difference(names))
        if unknown:
            raise ValueError(f"{workload.name} has no layer {unknown[0]!r}, only {', '.join(names)}")
        ratios = [run_length_ratio(zeros[name]) if name in zeros else 1.0 for name in names]
        found: dict[LayerShape, RowMapping] = {}  # layers of one shape are mapped once
        reports = []
        for layer, input_ratio, output_ratio in zip(layers, ratios, [*ratios[1:], 1.0], strict=True):
            shape, given = LayerShape.of(layer), zeros.get(layer.name, 0.0)
            if layer.name in mappings:
                mapping = RowMapping(*mappings[layer.name])
                self._check(layer.name, shape, mapping)
            else:
                mapping = found[shape] = found.get(shape) or self.map(layer)
            if np.ndim(given) and np.size(given) != layer.input_elements:
                raise ValueError(
                    f"{layer.name} has {layer.input_elements} inputs, but zeros has {np.size(given)} numbers for it"
                )
            ratio = (input_ratio, output_ratio)
            reports.append(self._layer(layer, shape, mapping, zeros_share(given), ratio))
        return Report.total(workload.name, reports)

    def active_pes(self, layer: MatMul | Conv2d, mapping: RowMapping) -> int:
        """PEs at work in a full pass."""
        shape = LayerShape.of(layer)
        return -(-shape.R // self._pieces(shape)) * mapping.e * mapping.r * mapping.t

    def _layer(
        self,
        layer: MatMul | Conv2d,
        shape: "LayerShape",
        mapping: RowMapping,
        zeros: float,
        ratio: tuple[float, float],
    ) -> Report:
        traffic = self._traffic(shape, mapping, ratio, zeros if self.gating else 0.0)
        gated = round(layer.macs * zeros) if self.gating else 0
        compute, sums, memory = map(int, self._waits(shape, mapping, traffic["DRAM"]))
        return Report(
            name=layer.name,
            machine=f"Eyeriss, {self.rows} x {self.cols} PEs",
            macs=layer.macs,
            cycles=max(compute, sums, memory),
            clock=self.clock,
            units=self.rows * self.cols,
            energy=self.table.charge(layer.macs - gated, "int16", traffic),
            prices=self.table.name,
            traffic=traffic,
            counts={
                "compute cycles": compute,
                "port cycles": sums,
                "memory cycles": memory,
                "passes": shape.repeats * self._pieces(shape) * prod(_turns(shape, mapping)),
                "gated MACs": gated,
                "DRAM bytes uncompressed": self._traffic(shape, mapping)["DRAM"],
            },
        )

    def _candidates(self, shape: "LayerShape", channels: int | None) -> "list[tuple[int, ...]]":
        found: list[tuple[int, ...]] = []
        for e in sorted({-(-shape.E // strips) for strips in range(1, shape.E + 1)}):
            sets = self._sets(shape, e)
            for r, q in product(steps(min(sets, shape.C)), steps(min(self.input_words // shape.S, shape.C))):
                if channels not in (None, q * r):
                    continue
                t = min(sets // r, shape.M)
                sums = min(self.sum_words, self.filter_words // (q * shape.S), shape.M)
                for p, n in product(steps(sums), steps(shape.N)):
                    room = self.buffer // WORD - n * q * r * shape.strip(e) * shape.W
                    m = min(room // (n * e * shape.F), shape.M) // (p * t) * (p * t)
                    found.append((max(m, p * t), n, e, p, q, r, t))
        return found

    def _pieces(self, shape: "LayerShape") -> int:
        """Pieces of a filter that are worked on one after the other, since it is taller than the array."""
        return -(-shape.R // self.rows)

    def _sets(self, shape: "LayerShape", e: int) -> int:
        """Sets of R x e PEs that the array has room for; a set wider than the array is cut and stacked."""
        rows = -(-shape.R // self._pieces(shape))
        return self.rows // (rows * -(-e // self.cols)) * max(1, self.cols // e)

    def _held(self, shape: "LayerShape", mapping: RowMapping) -> int:
        """Bytes in the buffer: inputs of a pass, and the partial sums."""
        m, n, e, _, q, r, _ = mapping
        return WORD * n * (q * r * shape.strip(e) * shape.W + np.minimum(m, shape.M) * e * shape.F)

    def _check(self, name: str, shape: "LayerShape", mapping: RowMapping) -> None:
        m, n, e, p, q, r, t = mapping
        check_sizes(f"{name}: mapping", **mapping._asdict())
        limits = {
            "e of the output's rows": (e, shape.E),
            "n of the images": (n, shape.N),
            "q * r of the channels": (q * r, shape.C),
            "q * kernel width of a PE's input words": (q * shape.S, self.input_words),
            "p of a PE's partial sums": (p, self.sum_words),
            "p * q * kernel width of a PE's filter words": (p * q * shape.S, self.filter_words),
            "r * t of the sets of PEs": (r * t, self._sets(shape, e)),
            "bytes of the buffer": (self._held(shape, mapping), self.buffer),
        }
        for what, (used, there) in limits.items():
            if used > there:
                raise ValueError(f"{name}: the mapping needs {used} {what}, but there are {there}")
        if m % (p * t) or m >= shape.M + p * t:
            raise ValueError(
                f"{name}: the mapping's m must be a multiple of p * t = {p * t} up to {shape.M} filters, got {m}"
            )

    def _cycles(self, shape: "LayerShape", mapping: RowMapping, dram: float) -> np.ndarray:
        return np.maximum.reduce(self._waits(shape, mapping, dram))

    def _waits(self, shape: "LayerShape", mapping: RowMapping, dram: float) -> tuple[int, int, int]:
        """Cycles of the PEs, of the partial sums through the buffer's port, and of `dram` bytes."""
        _, _, e, _, q, r, t = mapping
        pieces, strips = shape.repeats * self._pieces(shape), -(-shape.E // e)
        compute = pieces * shape.S * shape.F * strips * shape.N * -(-shape.C // r) * -(-shape.M // t)
        sums = -(-shape.N * shape.M * shape.E * shape.F * -(-shape.C // (q * r)) // self.psum_port)
        return compute, pieces * sums, np.ceil(dram / self.bandwidth * self.clock)

    def _traffic(
        self,
        shape: "LayerShape",
        mapping: RowMapping,
        ratio: tuple[float, float] = (1.0, 1.0),
        zeros: float = 0.0,
    ) -> dict[str, float]:
        """Bytes by level, after ISCA 2016: which of a number's uses is served by which level.

        `ratio` is how far inputs and outputs are compressed in DRAM, `zeros` the share of inputs that are gated.
        """
        m, n, e, p, q, r, t = mapping
        N, M, C, E, F, R, S = shape[:7]
        strips, images, channels, filters = _turns(shape, mapping)
        passes = channels * self._pieces(shape)  # of a partial sum through the array
        inputs, outputs, weights = N * C * shape.rows(strips) * shape.W, N * M * E * F, M * C * R * S
        macs = N * M * E * F * C * R * S
        fetched = inputs * -(-M // m)
        rows_of_sums = outputs * R * -(-C // q)  # each is summed in one PE, then handed up the column
        words = {
            "DRAM": fetched * ratio[0] + weights * strips * images + outputs * ratio[1],
            "buffer": fetched + inputs * filters + outputs * (2 * passes - 1),
            "array": strips * images * channels * filters * R * e * r * t * q * (n * shape.W + p * S)
            + rows_of_sums
            - outputs * passes,
            "register": macs + (1 - zeros) * (macs + 2 * (macs - rows_of_sums)),
        }
        return {level: shape.repeats * WORD * count for level, count in words.items()}


class LayerShape(NamedTuple):
    """A layer in the papers' letters; of one group."""

    N: int  # images
    M: int  # filters
    C: int  # channels
    E: int  # output rows
    F: int  # output columns
    R: int  # filter rows
    S: int  # filter columns
    H: int  # input rows
    W: int  # input columns
    U: int  # stride
    repeats: int  # groups, and steps

    @classmethod
    def of(cls, layer: MatMul | Conv2d) -> "LayerShape":
        """The shape of a layer; ValueError for anything else."""
        if isinstance(layer, MatMul):
            return cls(layer.m, layer.n, layer.k, 1, 1, 1, 1, 1, 1, 1, layer.groups * layer.steps)
        if not isinstance(layer, Conv2d):
            raise ValueError(
                f"one MatMul or Conv2d at a time, not a {type(layer).__name__}; `run` takes a Network"
            )
        return cls(
            layer.batch,
            layer.out_channels // layer.groups,
            layer.in_channels // layer.groups,
            *layer.output_size,
            *pair(layer.kernel),
            layer.height,
            layer.width,
            pair(layer.stride)[0],
            layer.groups,
        )

    def rows(self, strips: int) -> int:
        """Input rows that so many strips of the output need; what two strips share counts twice."""
        if self.R < self.U:
            return self.E * self.R  # the others are jumped over
        return self.H + (strips - 1) * (self.R - self.U)

    def strip(self, e: int) -> int:
        """Input rows under `e` output rows."""
        return (e - 1) * self.U + self.R


def _turns(shape: LayerShape, mapping: RowMapping) -> tuple[int, int, int, int]:
    """How often the loops around a pass turn: strips, blocks of images, of channels, and of filters."""
    _, n, e, p, q, r, t = mapping
    return -(-shape.E // e), -(-shape.N // n), -(-shape.C // (q * r)), -(-shape.M // (p * t))


def steps(limit: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 12, 16, ... and `limit`: the sizes that a mapping is looked for among."""
    steps = {1, limit, *(base * 2**i for base in (2, 3) for i in range(limit.bit_length()))}
    return sorted(step for step in steps if 1 <= step <= limit)
