"""The roofline: what a platform can reach at a given arithmetic intensity.

Williams, Waterman, Patterson, "Roofline", CACM 52(4), 2009. Here an operation is a multiplication or an addition, so
that one MAC is two. Papers on accelerators often count MACs instead: TPU v1's "ridge point of 1350" is 1350 MACs, or
2706 operations, for each byte.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hwsim.workload import Conv2d, MatMul, Network, check_positive

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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

    Raises
    ------
    ValueError
        When one of the two numbers is not positive.

    Examples
    --------
    >>> platform = PLATFORMS["TPU v1"]
    >>> round(platform.ridge), attainable(platform, [100, 5000]).tolist()
    (2706, [3400000000000.0, 92000000000000.0])
    """

    name: str
    kind: str
    peak: float
    bandwidth: float
    bits: int
    source: str

    def __post_init__(self) -> None:
        """Check both numbers."""
        check_positive(self.name, peak=self.peak, bandwidth=self.bandwidth)

    @property
    def ridge(self) -> float:
        """Operations a byte above which the platform can reach its peak."""
        return ridge(self)


def ridge(platform: Platform) -> float:
    """Operations a byte at which both roofs of the platform meet."""
    return platform.peak / platform.bandwidth


def attainable(platform: Platform, intensity: ArrayLike) -> np.ndarray | np.float64:
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
_VOLTA = "NVIDIA Tesla V100 whitepaper, 2017"
_HBM2 = '900 GB/s: paranumal.com, "Rough-n-Ready Roofline: NVIDIA V100 edition", 2018'
_RECALLED = "recalled, not verified"

#: The platforms of the course by name, from a Xeon to EIE; `PLATFORMS[name].source` says where the numbers are from.
PLATFORMS = {
    platform.name: platform
    for platform in [
        Platform("Haswell", "CPU", 1.3e12, 51e9, 32, f"Xeon E5-2699 v3, 18 cores; {_TPU_PAPER}"),
        Platform("K80", "GPU", 2.8e12, 160e9, 32, f"one of its two dies, no boost; {_TPU_PAPER}"),
        Platform("V100", "GPU", 15.7e12, 900e9, 32, f"fp32; {_VOLTA}, Table 1; {_HBM2}"),
        Platform("V100 tensor", "GPU", 125e12, 900e9, 16, f"fp16 tensor cores; {_VOLTA}; {_HBM2}"),
        Platform(
            "Jetson",
            "GPU",
            21e12,
            51.2e9,
            8,
            "Jetson Xavier NX module: up to 21 TOPS (int8), 128-bit LPDDR4x at 1600 MHz, so 16 bytes twice a cycle; "
            "NVIDIA data sheet DA-09366-001, 2020",
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
        Platform(
            "TPU v2",
            "ASIC",
            45e12,
            700e9,
            16,
            f"one chip, bfloat16; 700 GB/s: Cloud TPU documentation; 45 TFLOPS: {_RECALLED}",
        ),
        Platform("TPU v3", "ASIC", 123e12, 900e9, 16, "one chip, bfloat16; Cloud TPU documentation"),
        Platform(
            "Edge TPU",
            "ASIC",
            4e12,
            500e6,
            8,
            "4 TOPS (int8), PCIe Gen2 x1 (5 GT/s, 8 data bits in 10) for what does not fit into its 8 MB; Coral "
            "Accelerator Module datasheet 1.4",
        ),
        Platform(
            "Eyeriss",
            "ASIC",
            67.2e9,
            480e6,
            16,
            "168 PEs at 200 MHz; Chen et al., IEEE JSSC 52(1), 2017 (prints 33.6 GMACS); 64 bits at 60 MHz to DRAM: "
            f"{_RECALLED}",
        ),
        Platform(
            "DaDianNao",
            "ASIC",
            5.58e12,
            4.964e12,
            16,
            "one chip; 16 tiles at 606 MHz, each reading 256 16-bit weights a cycle from its eDRAM; Chen et al., MICRO "
            f"2014; peak and tile: {_RECALLED}",
        ),
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

#: Application: operations for each byte of weights (twice the paper's MACs) and measured operations a second.
#: Jouppi et al., ISCA 2017, arXiv 1704.04760, Tables 1 and 3. `networks.tpu_v1_application` has stand-ins for their layers.
TPU_V1_APPLICATIONS = {
    "MLP0": (400.0, 12.3e12),
    "MLP1": (336.0, 9.7e12),
    "LSTM0": (128.0, 3.7e12),
    "LSTM1": (192.0, 2.8e12),
    "CNN0": (5776.0, 86e12),
    "CNN1": (3500.0, 14.1e12),
}


def plot(
    platforms: Mapping[str, Platform] = PLATFORMS,
    layers: Iterable[MatMul | Conv2d | Network] = (),
    bits: int = 32,
    axes: "Axes | None" = None,
    measured: Mapping[str, tuple[float, float]] | None = None,
) -> "Axes":
    """Draw the roofs of `platforms`, where each of `layers` meets them at most, and what was measured.

    Parameters
    ----------
    platforms : dict of name -> Platform
    layers : iterable of layers (`MatMul`, `Conv2d`, `Network`)
    bits : int, bits of a number, for the layers' intensity
    axes : Matplotlib axes, or None for new ones
    measured : dict of name -> (operations a byte, operations a second), as `TPU_V1_APPLICATIONS`, or None

    Returns
    -------
    Matplotlib axes
    """
    import matplotlib.pyplot as plt

    axes = axes or plt.subplots()[1]
    points = [(layer.name, layer.intensity(bits)) for layer in layers]
    measured = measured or {}
    intensities = [intensity for _, intensity in points] + [intensity for intensity, _ in measured.values()]
    x = np.geomspace(min([0.1, *intensities]), max([1e4, *intensities]), 200)
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
    for i, (name, point) in enumerate(sorted(measured.items(), key=lambda item: item[1])):
        axes.plot(*point, "*k", markersize=8)
        # On alternate sides, since neighbors along a roof would cover each other's names.
        place, side = ((-6, 4), "right") if i % 2 == 0 else ((6, -10), "left")
        axes.annotate(name, point, place, textcoords="offset points", fontsize=8, ha=side)
    axes.set(xlabel="arithmetic intensity (operations a byte)", ylabel="attainable (operations a second)")
    axes.legend(loc="lower right", fontsize=8)
    return axes
