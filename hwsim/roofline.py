"""The roofline: what a platform can reach at a given arithmetic intensity.

Williams, Waterman, Patterson, "Roofline", CACM 52(4), 2009. Here an operation is a multiplication or an addition, so
that one MAC is two. Papers on accelerators often count MACs instead: TPU v1's "ridge point of 1350" is 1350 MACs, or
2706 operations, for each byte.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Platform:
    """A machine as two numbers.

    Parameters
    ----------
    name : str
    kind : str, one of "CPU", "GPU", "FPGA", "ASIC"
    peak : float, operations a second
    bandwidth : float, bytes a second of the memory that holds the weights
    bits : int, bits of a number at that peak
    source : str, where the two numbers are printed, or how they follow from what is printed
    """

    name: str
    kind: str
    peak: float
    bandwidth: float
    bits: int
    source: str

    def __post_init__(self):
        """Check that both numbers are positive."""
        if not (self.peak > 0 and self.bandwidth > 0):
            raise ValueError(
                f"{self.name}: peak and bandwidth must be positive, in operations and bytes a second"
            )

    @property
    def ridge(self):
        """Operations a byte above which the platform can reach its peak."""
        return ridge(self)


def ridge(platform):
    """Operations a byte at which both roofs of the platform meet."""
    return platform.peak / platform.bandwidth


def attainable(platform, intensity):
    """Operations a second that the platform can reach at most.

    Parameters
    ----------
    platform : Platform
    intensity : float or array, operations a byte

    Returns
    -------
    float or array of the same shape, operations a second
    """
    return np.minimum(platform.peak, platform.bandwidth * np.asarray(intensity))


_TPU_PAPER = "Jouppi et al., ISCA 2017, arXiv 1704.04760, Table 2"

PLATFORMS = {
    platform.name: platform
    for platform in [
        Platform("Haswell", "CPU", 1.3e12, 51e9, 32, f"Xeon E5-2699 v3, 18 cores; {_TPU_PAPER}"),
        Platform("K80", "GPU", 2.8e12, 160e9, 32, f"one of its two dies, no boost; {_TPU_PAPER}"),
        Platform("V100", "GPU", 15.7e12, 900e9, 32, "fp32; NVIDIA Tesla V100 whitepaper, 2017, Table 1"),
        Platform(
            "V100 tensor", "GPU", 125e12, 900e9, 16, "fp16 tensor cores; NVIDIA Tesla V100 whitepaper, 2017"
        ),
        Platform(
            "Alveo U280",
            "FPGA",
            17.203e12,
            460e9,
            8,
            "peak of 14 DPU engines at 300 MHz: AMD PG367 (2021), Performance; HBM2: AMD UG1393",
        ),
        Platform("TPU v1", "ASIC", 92e12, 34e9, 8, _TPU_PAPER),
        Platform("TPU v3", "ASIC", 123e12, 900e9, 16, "one chip, bfloat16; Cloud TPU documentation"),
        Platform(
            "EIE",
            "ASIC",
            102.4e9,
            409.6e9,
            4,
            "64 PEs at 800 MHz with one MAC and one 64-bit line of on-chip weights a cycle each; "
            "Han et al., ISCA 2016, arXiv 1602.01528 (prints 102 GOPS)",
        ),
    ]
}


def plot(platforms=PLATFORMS, layers=(), bits=32, axes=None):
    """Draw the roofs of `platforms`, and where each of `layers` meets them at most.

    Parameters
    ----------
    platforms : dict of name -> Platform
    layers : iterable of layers (`MatMul`, `Conv2d`, `Network`)
    bits : int, bits of a number, for the layers' intensity
    axes : Matplotlib axes, or None for new ones

    Returns
    -------
    Matplotlib axes
    """
    import matplotlib.pyplot as plt

    axes = axes or plt.subplots()[1]
    points = [(layer.name, layer.intensity(bits)) for layer in layers]
    x = np.geomspace(min([0.1, *(p for _, p in points)]), max([1e4, *(p for _, p in points)]), 200)
    for platform in platforms.values():
        (line,) = axes.loglog(
            x, attainable(platform, x), marker="", label=f"{platform.name} ({platform.kind})"
        )
        axes.loglog(ridge(platform), platform.peak, marker="o", color=line.get_color())
    for name, intensity in points:
        axes.axvline(intensity, color="0.6", linewidth=0.8, linestyle=":", marker="", zorder=0)
        reached = [attainable(platform, intensity) for platform in platforms.values()]
        axes.plot([intensity] * len(reached), reached, "xk", markersize=4)
        top = axes.get_xaxis_transform()  # x in data, y in axes
        axes.text(intensity, 1.01, name, transform=top, rotation=40, fontsize=8, ha="left", va="bottom")
    axes.set(xlabel="arithmetic intensity (operations a byte)", ylabel="attainable (operations a second)")
    axes.legend(loc="lower right", fontsize=8)
    return axes
