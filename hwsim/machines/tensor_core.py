"""Volta's tensor core, and a GPU made of them: a unit that multiplies 4 x 4 matrices, and the tiles that keep it fed.

A tensor core computes d = a b + c on 4 x 4 matrices: a and b in fp16, c and d in fp32, 64 multiply-accumulates a clock.
A large product is cut three times, and each cut reuses what the one below would fetch again:

- thread block: a tile of the result, 128 x 128; its rows of a and columns of b pass through an SM's shared memory
- warp: a part of the tile, 64 x 32, as fragments of 16 x 16 x 16 (CUDA's wmma); sums stay in registers
- tensor core: 4 x 4 x 4 of a fragment; k is summed in steps of 4, in order, so that the result does not depend on tiles

How it adds is not IEEE arithmetic; NVIDIA does not document it, experiments found it out. The four products of a step are
exact. They and c are aligned to the largest exponent of the five, a product's being the sum of its factors' (it is not
normalized before). Bits below the 24 of that number are cut off, the five added exactly, the sum cut, not rounded, to
fp32. So sums lose small terms, and errors lean to zero. Sources: Fasi, Higham, Mikaitis, Pranesh, "Numerical behavior of
NVIDIA tensor cores", PeerJ CS 7:e330, 2021, and its test suite; Khattak, Mikaitis, "Accurate Models of NVIDIA Tensor
Cores", arXiv 2512.07004, 2025, bit-accurate on a V100.
"""

from dataclasses import dataclass
from math import ceil, isqrt, prod
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hwsim.energy import HOROWITZ_45NM, EnergyTable
from hwsim.report import Report
from hwsim.workload import Conv2d, MatMul, Network, check_positive, check_sizes, layers_of

Rounding = Literal["truncate", "nearest"]
SIDE = 4  # of a tensor core's matrices
BLOCKS, WARPS = 32, 64  # that an SM holds at most; CUDA Volta Tuning Guide, as quoted in public repositories
_NONE = -(10**6)  # exponent of a zero


def mma(a: ArrayLike, b: ArrayLike, c: ArrayLike, rounding: Rounding = "truncate") -> np.ndarray:
    """One step of a tensor core, a b + c on arrays (..., 4, 4): a and b are rounded to fp16 first, c to fp32.

    `rounding` is "truncate", as the hardware adds (see the module), or "nearest": each of the four additions rounded to
    the nearest fp32, ties to even, as a chain of IEEE fused multiply-adds does. Raises ValueError for other shapes, and
    for numbers that are not real or not finite when rounded.

    >>> float(mma(np.full((4, 4), 2.0**-24), np.ones((4, 4)), np.ones((4, 4)))[0, 0])  # exact: 1 + 2**-22
    1.0
    """
    a, b, c = _fp16(a), _fp16(b), _finite(c, np.float32)
    if not a.shape[-2:] == b.shape[-2:] == c.shape[-2:] == (SIDE, SIDE):
        raise ValueError(
            f"mma takes 4 x 4 matrices, got {a.shape}, {b.shape}, {c.shape}; multiply() cuts larger"
        )
    columns = np.swapaxes(b, -1, -2)
    return _add(a[..., :, None, :], columns[..., None, :, :], c, rounding)


@dataclass(frozen=True)
class TileSchedule:
    """Which tile of a product runs when and where; the arrays have an entry for each tile, in the order in which they start.

    Parameters
    ----------
    group, row, column : int arrays, the tile's product, and its place among the tiles of that product
    wave, sm, place : int arrays, when it runs, on which SM, and beside which others
    waves, places : int, waves in all, and tiles that an SM holds at once
    chunks : int, steps of the tile's depth through k
    cycles : int, of all waves, each as long as a full one; a `Report` may have more, when DRAM takes longer

    Examples
    --------
    >>> run = TensorCoreGPU(sms=2).schedule(MatMul("gemm", 257, 64, 256))
    >>> run.waves, run.row.tolist(), run.column.tolist(), run.wave.tolist(), run.sm.tolist(), run.place.tolist()
    (2, [0, 1, 0, 1, 2, 2], [0, 0, 1, 1, 0, 1], [0, 0, 0, 0, 1, 1], [0, 1, 0, 1, 0, 1], [0, 0, 1, 1, 0, 0])
    """

    group: np.ndarray
    row: np.ndarray
    column: np.ndarray
    wave: np.ndarray
    sm: np.ndarray
    place: np.ndarray
    waves: int
    places: int
    chunks: int
    cycles: int


@dataclass(frozen=True)
class TensorCoreGPU:
    """A GPU of tensor cores; by default NVIDIA's Tesla V100 (SXM2).

    Parameters
    ----------
    sms : int, streaming multiprocessors
    cores : int, tensor cores of an SM, each 64 MACs a clock
    clock : float, cycles a second
    bandwidth : float, bytes a second from DRAM (HBM2)
    shared, registers : int, bytes of shared memory and 32-bit registers of an SM
    l2 : int, bytes of the L2 cache
    tile : (rows, columns, depth) of a thread block's tile; depth is how much of k lies in shared memory at once
    warp : (rows, columns) of the tile that one warp sums
    table : EnergyTable

    Modelled: tiles; how many blocks fit on an SM (two buffers of inputs in shared memory; a register for each sum, and,
    an assumption, as many for fragments and addresses; 32 blocks, 64 warps). A block gets its share of the SM's tensor cores
    with or without neighbors, so that a last wave that is not full costs a full one: an assumption, which stands in for
    latency that one block cannot hide, and grows with `blocks`. A wave's tiles lie about in a square and share
    rows and columns through L2; an operand that fits into L2 is read once. A convolution is an implicit GEMM, its
    patches formed on chip. Time is the larger of computing and DRAM. "buffer" is L2 read, shared memory written and
    fragments read, "register" the four operands of each 4 x 4 x 4 step.

    Left out: launch and latency, power limits on the clock, split-k and a library's other kernels for thin matrices,
    instructions, leakage, an fp32 sum's energy beyond an fp16 one's. The default energies are of 45 nm, the V100 of 12.

    Raises ValueError when a size is not positive, or the tile is not of fragments or does not fit on an SM.

    Examples
    --------
    >>> gpu = TensorCoreGPU()
    >>> report = gpu.run(MatMul("gemm", 8192, 8192, 8192))
    >>> round(gpu.peak / 1e12, 1), gpu.blocks, round(report.ops_per_second / 1e12), report.counts
    (125.3, 2, 123, {'tiles': 4096, 'waves': 26, 'tile slots': 4160})

    Held against (`tests/reference/volta_v100.csv`, `tensor_core_published.csv`): the whitepaper's 125 TFLOPS, +0.3%;
    cuBLAS's best, 83 (Markidis et al., 2018): +49% at 8192 (the size is recalled, not verified), as nothing stalls here.
    Speed of DeepBench's small products, whose tiles do not fill a wave: +0.5%, -7%, -23%, +0.4%. That rests on the assumption
    above: if one block alone had the whole SM, +101%, +85%, +55%, +101%. Its convolution: +32%. Its 5124 x 9124 x 2560: 4.3
    times; that ran at 27 TFLOPS, probably because cuBLAS then used tensor cores only for sides that are multiples of 8.
    """

    sms: int = 80  # this and the next two: NVIDIA Tesla V100 whitepaper, 2017
    cores: int = 8
    clock: float = 1.53e9  # boost clock; recalled, not verified, but it gives the whitepaper's 125 TFLOPS
    bandwidth: float = 900e9  # theoretical; 790 GB/s measured: paranumal.com, "Rough-n-Ready Roofline", 2018
    shared: int = 96 * 1024  # this and the next: CUDA Volta Tuning Guide, as quoted in public repositories
    registers: int = 65536
    l2: int = 6 * 2**20  # NVIDIA Tesla V100 whitepaper, recalled, not verified
    tile: tuple[int, int, int] = (128, 128, 32)
    warp: tuple[int, int] = (64, 32)
    table: EnergyTable = HOROWITZ_45NM

    def __post_init__(self) -> None:
        """Check the sizes, and that the tile fits."""
        check_sizes("TensorCoreGPU", sms=self.sms, cores=self.cores, registers=self.registers)
        check_sizes("TensorCoreGPU", shared=self.shared, l2=self.l2)
        check_positive("TensorCoreGPU", clock=self.clock, bandwidth=self.bandwidth)
        for name, sizes, length in [("tile", self.tile, 3), ("warp", self.warp, 2)]:
            if not isinstance(sizes, tuple) or len(sizes) != length:
                raise ValueError(f"TensorCoreGPU: {name} must be a tuple of {length} sizes, got {sizes!r}")
            check_sizes("TensorCoreGPU", **{f"{name}[{i}]": size for i, size in enumerate(sizes)})
        (rows, columns, depth), (down, across) = self.tile, self.warp
        if rows % down or columns % across or down % 16 or across % 16 or depth % 16:
            raise ValueError(
                f"TensorCoreGPU: the tile {self.tile} must be a multiple of the warp's part {self.warp}, and both of 16"
            )
        if not self.blocks:
            raise ValueError(
                f"TensorCoreGPU: the tile {self.tile} does not fit into the shared memory, registers and warps of an SM, "
                f"{self.shared} bytes, {self.registers} and {WARPS}: make it smaller, or the warp's part larger"
            )

    def __str__(self) -> str:
        """Name the machine."""
        return f"GPU, {self.sms} SMs of {self.cores} tensor cores"

    @property
    def units(self) -> int:
        """MACs a cycle."""
        return self.sms * self.cores * SIDE**3

    @property
    def peak(self) -> float:
        """Operations a second at most."""
        return 2 * self.units * self.clock

    @property
    def blocks(self) -> int:
        """Thread blocks that an SM holds at once."""
        rows, columns, depth = self.tile
        buffers = 2 * 2 * (rows + columns) * depth  # bytes: one fills while the other is used
        warps = rows * columns // prod(self.warp)
        return min(self.shared // buffers, self.registers // (2 * rows * columns), WARPS // warps, BLOCKS)

    def multiply(self, a: ArrayLike, b: ArrayLike, rounding: Rounding = "truncate") -> np.ndarray:
        """The product of a (m, k) and b (k, n) as the tensor cores compute it, float32; `rounding` as in `mma`.

        Every sum goes over k in steps of 4, in order, in whatever tile it lies; zeros fill the last step.
        """
        a, b = _fp16(a), _fp16(b)
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0] or 0 in a.shape + b.shape:
            raise ValueError(f"multiply takes (m, k) and (k, n), got arrays of shape {a.shape} and {b.shape}")
        rest = -a.shape[1] % SIDE
        a, columns = np.pad(a, ((0, 0), (0, rest))), np.pad(b.T, ((0, 0), (0, rest)))
        sums = np.zeros((len(a), len(columns)), np.float32)
        for k in range(0, a.shape[1], SIDE):
            sums = _add(a[:, None, k : k + SIDE], columns[None, :, k : k + SIDE], sums, rounding)
        return sums

    def run(self, workload: MatMul | Conv2d | Network) -> Report:
        """Run a layer, or the layers of a network one after the other.

        `counts` of the report: "tiles", "waves", and "tile slots", the tiles that so many waves have room for: tiles /
        tile slots is the tail efficiency. Groups of a layer share its waves, steps do not.
        """
        reports = [self._layer(layer) for layer in layers_of(workload)]
        return Report.total(workload.name, reports)

    def schedule(self, layer: MatMul | Conv2d) -> TileSchedule:
        """Which tile of a layer runs when and on which SM, in one of its steps.

        A wave takes as many tiles as all SMs hold. So that they share rows and columns, tiles start band by band, each as
        high as a wave is (as in the count of DRAM traffic), and in a band column by column. The SMs take them in turn.
        """
        product, slots = layer.as_matmul(), self.sms * self.blocks
        down, across, deep = self._grid(product)
        high, _ = self._wave(down, across)
        group, row, column = (part.ravel() for part in np.indices((product.groups, down, across)))
        order = np.lexsort((row % high, column, row // high, group))
        started = np.arange(order.size)
        waves = ceil(order.size / slots)
        return TileSchedule(
            group=group[order],
            row=row[order],
            column=column[order],
            wave=started // slots,
            sm=started % slots % self.sms,
            place=started % slots // self.sms,
            waves=waves,
            places=self.blocks,
            chunks=deep,
            cycles=self._cycles(waves, deep),
        )

    def _grid(self, product: MatMul) -> tuple[int, int, int]:
        """Tiles down and across a product, and how many depths of a tile its k has."""
        rows, columns, depth = self.tile
        return ceil(product.m / rows), ceil(product.n / columns), ceil(product.k / depth)

    def _wave(self, down: int, across: int) -> tuple[int, int]:
        """Height and width of a wave, in tiles, about a square."""
        slots = self.sms * self.blocks
        wide = min(across, isqrt(slots))
        high = min(down, slots // wide)
        return high, min(across, slots // high)

    def _cycles(self, waves: int, deep: int) -> int:
        return ceil(waves * self.blocks * prod(self.tile) * deep / (self.cores * SIDE**3))

    def _layer(self, layer: MatMul | Conv2d) -> Report:
        product = layer.as_matmul()
        (rows, columns, depth), slots = self.tile, self.sms * self.blocks
        down, across, deep = self._grid(product)
        tiles = product.groups * down * across
        waves = ceil(tiles / slots)
        steps = product.steps * deep * depth  # through k, of all products one after the other
        cycles = self._cycles(waves, product.steps * deep)
        warps = rows * columns // prod(self.warp)
        counts = {"tiles": tiles, "waves": waves, "tile slots": waves * slots}
        traffic = {
            "DRAM": float(self._dram(layer, down, across)),
            "buffer": 2.0 * tiles * steps * (2 * (rows + columns) + warps * sum(self.warp)),
            "register": tiles * steps * rows * columns / SIDE**3 * (2 * 2 + 2 * 4) * SIDE**2,
        }
        return Report(
            name=layer.name,
            machine=str(self),
            macs=layer.macs,
            cycles=max(cycles, ceil(traffic["DRAM"] / self.bandwidth * self.clock)),
            clock=self.clock,
            units=self.units,
            energy=self.table.charge(layer.macs, "fp16", traffic),
            prices=self.table.name,
            traffic=traffic,
            counts={key: product.steps * count for key, count in counts.items()},
        )

    def _dram(self, layer: MatMul | Conv2d, down: int, across: int) -> int:
        """Bytes from and to DRAM, for a product of down x across tiles."""
        product = layer.as_matmul()
        copies = product.groups * product.steps
        high, wide = self._wave(down, across)
        right = 2 * product.groups * product.k * product.n
        left = 2 * layer.input_elements - (0 if product.trained else product.steps * right)
        reads_left = 1 if left <= copies * self.l2 else ceil(across / wide)
        reads_right = 1 if right <= product.groups * self.l2 else ceil(down / high)
        if not product.trained or right > self.l2:  # else the weights stay in L2 from step to step
            reads_right *= product.steps
        return left * reads_left + right * reads_right + 2 * layer.output_elements


def _fp16(x: ArrayLike) -> np.ndarray:
    return _finite(x, np.float16).astype(np.float64)  # in which their products are exact


def _finite(x: ArrayLike, kind: type[np.floating]) -> np.ndarray:
    x = np.asarray(x)
    if x.dtype.kind not in "iufb":
        raise ValueError(f"the tensor core needs real numbers, got an array of {x.dtype}")
    with np.errstate(over="ignore"):
        rounded = x.astype(kind)
    if not np.isfinite(rounded).all():
        raise ValueError(f"the tensor core needs numbers that are finite in {kind.__name__}: scale them down")
    return rounded


def _add(a: np.ndarray, b: np.ndarray, c: np.ndarray, rounding: Rounding) -> np.ndarray:
    """The four products of the last axes, and c."""
    products = a * b
    if rounding == "nearest":
        for i in range(SIDE):
            c = c + products[..., i].astype(np.float32)
        return c
    if rounding != "truncate":
        raise ValueError(f'rounding must be "truncate" or "nearest", got {rounding!r}')
    exponents = np.where(products == 0, _NONE, _exponent(a, -14) + _exponent(b, -14)).max(axis=-1)
    exponents = np.maximum(exponents, np.where(c == 0, _NONE, _exponent(c, -126)))
    last = exponents - 23  # exponent of the last bit that is kept
    total = np.trunc(np.ldexp(products, -last[..., None])).sum(axis=-1)
    total += np.trunc(np.ldexp(c.astype(np.float64), -last))
    carry = np.maximum(np.frexp(total)[1] - 24, 0)
    return np.ldexp(np.trunc(np.ldexp(total, -carry)), last + carry).astype(np.float32)


def _exponent(x: np.ndarray, smallest: int) -> np.ndarray:
    return np.maximum(np.frexp(x)[1] - 1, smallest)  # a subnormal number has that of the smallest normal one
