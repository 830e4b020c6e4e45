"""Occupancy: how many thread blocks of a kernel a GPU's multiprocessor (SM) holds at once, and what keeps it from more.

Threads run in warps of 32, which issue one instruction for all of them. A block of threads gets its registers and its
shared memory when it starts, and keeps them until it ends. An SM that holds many warps always has one that is ready while
others wait for memory. So occupancy is measured in warps: those that it holds, of those that it could hold.
"""

from dataclasses import dataclass

from hwsim.workload import check_sizes

WARP = 32  # threads; NVIDIA, CUDA Warps and Occupancy, webinar, 2011


@dataclass(frozen=True)
class Multiprocessor:
    """What an SM holds at most; by default one of NVIDIA's V100.

    Parameters
    ----------
    warps, blocks : int
    registers : int, of 32 bits
    shared : int, bytes of shared memory
    registers_a_thread, threads_a_block : int

    Raises ValueError when one is not a positive integer.
    """

    warps: int = 64  # this and the next three: CUDA Volta Tuning Guide, as quoted in public repositories
    blocks: int = 32
    registers: int = 65536
    shared: int = 96 * 1024
    registers_a_thread: int = 255  # recalled, not verified
    threads_a_block: int = 1024  # recalled, not verified

    def __post_init__(self) -> None:
        """Check the sizes."""
        check_sizes("Multiprocessor", **vars(self))


V100_SM = Multiprocessor()


@dataclass(frozen=True)
class Occupancy:
    """How many blocks an SM holds.

    Parameters
    ----------
    blocks, warps : int, held at once
    share : float, of the warps that it could hold, 0 to 1
    limits : dict from a resource that the kernel uses to the blocks that it alone would allow
    """

    blocks: int
    warps: int
    share: float
    limits: dict[str, int]

    @property
    def limit(self) -> str:
        """The resource that runs out first; the first one named if several do."""
        return min(self.limits, key=lambda resource: self.limits[resource])


def occupancy(threads: int, registers: int, shared: int, sm: Multiprocessor = V100_SM) -> Occupancy:
    """Occupancy of a kernel.

    Parameters
    ----------
    threads : int, of a block, at least 1
    registers : int, of a thread, at least 1
    shared : int, bytes of shared memory of a block, 0 or more
    sm : Multiprocessor

    A warp that is not full costs a full one. Left out: registers and shared memory are handed out in units, which may
    round a block's share up.

    Raises
    ------
    ValueError
        When a number is no integer or out of its range, or not even one block fits; it says of what there is too little.

    Examples
    --------
    >>> kernel = occupancy(threads=256, registers=128, shared=32768)
    >>> kernel.blocks, kernel.warps, kernel.share, kernel.limit, kernel.limits
    (2, 16, 0.25, 'registers', {'registers': 2, 'warps': 8, 'blocks': 32, 'shared memory': 3})
    """
    check_sizes("occupancy", threads=threads, registers=registers)
    check_sizes("occupancy", least=0, shared=shared)
    if registers > sm.registers_a_thread:
        raise ValueError(
            f"occupancy: a thread has at most {sm.registers_a_thread} registers, got {registers}"
        )
    if threads > sm.threads_a_block:
        raise ValueError(f"occupancy: a block has at most {sm.threads_a_block} threads, got {threads}")
    warps = -(-threads // WARP)
    limits = {
        "registers": sm.registers // (registers * WARP * warps),
        "warps": sm.warps // warps,
        "blocks": sm.blocks,
    }
    if shared:
        limits["shared memory"] = sm.shared // shared
    blocks = min(limits.values())
    if not blocks:
        missing = ", ".join(resource for resource, held in limits.items() if not held)
        raise ValueError(f"occupancy: not even one block fits on an SM, for want of {missing}")
    return Occupancy(blocks, blocks * warps, blocks * warps / sm.warps, limits)
