"""What moves, and how far: the dataflows of one convolution on the same budget of storage.

Chen, Emer, Sze, "Eyeriss: A Spatial Architecture for Energy-Efficient Dataflow for CNNs", ISCA 2016, compares dataflows
on as many processing elements (PEs) and on the same area of storage: 512 bytes of registers and 512 bytes of buffer for
each PE. A dataflow that needs fewer registers spends the rest on a larger buffer::

    "nlr"  no local reuse      nothing stays in the PEs: each MAC's weight comes from the buffer (DianNao)
    "ws"   weight stationary   each PE keeps one weight; inputs are broadcast, sums go from PE to PE
    "os"   output stationary   each PE keeps one sum until it is complete
    "rs"   row stationary      each PE keeps rows of filters, inputs and sums (`hwsim.Eyeriss`)

Whatever is free in a dataflow (tiles in the buffer, how the PEs are shared out) is chosen for least energy, for each layer.
"""

from collections.abc import Iterable
from itertools import product

import numpy as np

from hwsim.energy import EYERISS_RELATIVE, EnergyTable
from hwsim.machines.eyeriss import WORD, Eyeriss, LayerShape, steps
from hwsim.workload import Conv2d, MatMul, check_sizes

DATAFLOWS = {"nlr": 0, "ws": 2, "os": 2, "rs": 512}  #: Bytes of registers in each PE.
BYTES_A_PE = 1024  #: Bytes of registers and buffer together, for each PE.


def dataflow_energy(
    layer: MatMul | Conv2d, dataflow: str, pes: int = 256, table: EnergyTable = EYERISS_RELATIVE
) -> dict[str, float]:
    """Energy of a layer by level, with the best tiles that the dataflow allows.

    Parameters
    ----------
    layer : MatMul or Conv2d, 16-bit
    dataflow : "nlr", "ws", "os" or "rs"
    pes : int; for "rs" a square number
    table : EnergyTable

    Returns
    -------
    dict of level -> joules ("DRAM", "buffer", "array", "register", "mac"). With the default table a joule stands for
    10^12 MACs.

    Modelled: every word that moves between two levels. Left out: zeros, compression, time; that a byte of registers
    takes more area than one of buffer, which would leave the other three dataflows more buffer yet; that sums wait in
    "ws" until the next row of the kernel has its input; the 8 bytes that Eyeriss' registers have above 512.

    Raises
    ------
    ValueError
        When the dataflow is not one of the four, or no tile fits into the buffer or no kernel onto the PEs ("ws").

    Examples
    --------
    >>> from hwsim import Conv2d
    >>> layer = Conv2d("conv", 192, 384, 13, 13, 3, padding=1, batch=16)
    >>> {flow: round(sum(dataflow_energy(layer, flow).values()) * 1e12 / layer.macs, 1) for flow in DATAFLOWS}
    {'nlr': 14.7, 'ws': 6.9, 'os': 8.0, 'rs': 5.9}

    Held against: ISCA 2016 finds row stationary 1.4 to 2.5 times as efficient as the others on AlexNet's convolutions
    (batch 16, 256 PEs). Here it is 1.2 times (weight stationary), 1.35 times (output stationary) and 2.6 times (no local
    reuse): each of the others has its best tiles and sharing here, and more freedom than the paper's.
    """
    if dataflow not in DATAFLOWS:
        raise ValueError(f"dataflow must be one of {', '.join(DATAFLOWS)}, got {dataflow!r}")
    check_sizes("dataflow_energy", pes=pes)
    buffer = pes * (BYTES_A_PE - DATAFLOWS[dataflow])
    if dataflow == "rs":
        side = round(pes**0.5)
        if side**2 != pes:
            raise ValueError(f"row stationary needs a square number of PEs here, got {pes}")
        machine = Eyeriss(rows=side, cols=side, buffer=buffer, table=table)
        return dict(machine.run(layer, {layer.name: machine.map(layer, time=False)}).energy)
    shape = LayerShape.of(layer)
    if dataflow == "ws" and pes < shape.R * shape.S:
        raise ValueError(
            f"{layer.name}: the {shape.R} x {shape.S} weights of a kernel do not fit on {pes} PEs"
        )
    best = min(
        (_cheapest(shape, split, dataflow, buffer, table) for split in _splits(shape, dataflow, pes)),
        key=lambda energy: sum(energy.values()),
    )
    if not np.isfinite(sum(best.values())):
        raise ValueError(f"{layer.name}: no tile fits into a buffer of {buffer} bytes; give it more PEs")
    return best


def _splits(shape: LayerShape, dataflow: str, pes: int) -> Iterable[tuple[int, int]]:
    """How the PEs may be shared out: filters at once, and beside them channels ("nlr", "ws") or pixels ("os")."""
    room = pes // (shape.R * shape.S) if dataflow == "ws" else pes
    other = shape.E * shape.F if dataflow == "os" else shape.C
    for filters in steps(min(room, shape.M)):
        yield filters, min(room // filters, other)


def _cheapest(
    shape: LayerShape, split: tuple[int, int], dataflow: str, buffer: int, table: EnergyTable
) -> dict[str, float]:
    N, M, C, E, F, R, S = shape[:7]
    tiles = np.array(list(product(steps(M), steps(N), steps(E), steps(C)))).T
    m, n, e, c = tiles
    rows = np.minimum(shape.strip(e), shape.H)
    held = WORD * (n * (c * rows * shape.W + m * e * F) + m * c * R * S)
    m, n, e, c = tiles[:, held <= buffer]
    if not m.size:
        return {"DRAM": np.inf}
    strips, images = -(-E // e), -(-N // n)
    macs, outputs, weights = N * M * E * F * C * R * S, N * M * E * F, M * C * R * S
    inputs = N * C * shape.rows(strips) * shape.W
    fetched, loaded = inputs * -(-M // m), weights * strips * images
    filters, other = split
    if dataflow == "os":  # a block of output pixels at a time; the inputs under it are handed from PE to PE
        wide, high = min(other, F), max(1, other // F)
        under = ((high - 1) * shape.U + R) * ((wide - 1) * shape.U + S)
        reads: float = N * C * -(-M // filters) * -(-E // high) * -(-F // wide) * under
        weight_reads, sums, hops, registers = macs / other, outputs, macs * 2, macs * 2
    elif dataflow == "ws":
        reads = inputs * -(-M // filters)
        sums = outputs * (2 * -(-C // other) - 1)
        weight_reads, hops, registers = loaded, macs * 2, macs
    else:
        reads, weight_reads = macs / filters, macs
        sums = outputs * (2 * -(-C // other) * R * S - 1)
        hops, registers = macs * 3, 0
    words = {
        "DRAM": fetched + loaded + outputs,
        "buffer": fetched + loaded + reads + weight_reads + sums,
        "array": hops,
        "register": registers,
    }
    energy = table.charge(
        shape.repeats * macs,
        "int16",
        {level: shape.repeats * WORD * count + 0 * m for level, count in words.items()},
    )
    best = np.argmin(sum(energy.values()))
    return {part: float(np.broadcast_to(joules, m.shape)[best]) for part, joules in energy.items()}
