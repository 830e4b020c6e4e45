"""`Roofline`: layers under the roof of a platform, and a point to move along it."""

from typing import NamedTuple

import traitlets

import hwsim.roofline
from effdl.widgets.base import Widget, module, pack, significant

LOWEST = 1 / 16  # operations per byte at the left end of the axis, unless a layer lies further left


class Point(NamedTuple):
    """Where an intensity stands under a platform's roof."""

    attainable: float  # operations per second
    bound: str  # "memory" or "compute"
    ridge: float  # operations per byte where the two roofs meet


def under_roof(platform, intensity: float) -> Point:
    """Return what a platform can reach at an arithmetic intensity (operations per byte moved).

    The roofline model is that of `hwsim.roofline`; the browser module computes the same.
    """
    ridge = hwsim.roofline.ridge(platform)
    bound = "memory" if intensity < ridge else "compute"
    return Point(float(hwsim.roofline.attainable(platform, intensity)), bound, ridge)


class Roofline(Widget):
    """Place layers under the roof of a platform, and move a point to see what its intensity allows.

    Parameters
    ----------
    layers : `{name: (intensity, operations)}` or rows `(name, intensity, operations)`: operations per byte, and
        operations in all. May be empty.
    platforms : Objects with `name`, `peak` (operations per second) and `bandwidth` (bytes per second), in a list or
        as the values of a dict; `hwsim.roofline.PLATFORMS` by default.
    platform : Name of the platform that is shown first.
    intensity : Where the point stands at first, in operations per byte.

    Raises
    ------
    ValueError
        If there is no platform, or a peak, bandwidth, intensity or number of operations is not above 0.
    """

    _esm = module("common.js", "roofline.js")

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    points = traitlets.Bytes().tag(sync=True)  # (layers, 2) float64: intensity, operations
    platforms = traitlets.List(traitlets.Unicode()).tag(sync=True)
    roofs = traitlets.Bytes().tag(sync=True)  # (platforms, 2) float64: peak, bandwidth
    platform = traitlets.Unicode().tag(sync=True)
    others = traitlets.Bool(True).tag(sync=True)  # show the roofs of the other platforms too
    intensity = traitlets.Float().tag(sync=True)
    lowest = traitlets.Float().tag(sync=True)
    highest = traitlets.Float().tag(sync=True)

    def __init__(self, layers=(), platforms=None, *, platform=None, intensity=4.0, **traits):
        """See the class."""
        platforms = hwsim.roofline.PLATFORMS if platforms is None else platforms
        platforms = list(platforms.values() if isinstance(platforms, dict) else platforms)
        rows = (
            [(name, *numbers) for name, numbers in layers.items()]
            if isinstance(layers, dict)
            else list(layers)
        )
        if not platforms:
            raise ValueError("a roofline needs one platform at least")
        self._platforms = {each.name: each for each in platforms}
        if platform is not None and platform not in self._platforms:
            raise ValueError(f"unknown platform {platform!r}; there are {list(self._platforms)}")
        roofs = [(_positive(each.peak), _positive(each.bandwidth)) for each in platforms]
        points = [(_positive(at), _positive(operations)) for _, at, operations in rows]
        ends = [at for at, _ in points] + [peak / bandwidth for peak, bandwidth in roofs]
        super().__init__(
            names=[str(row[0]) for row in rows],
            points=pack(points, "f8"),
            platforms=list(self._platforms),
            roofs=pack(roofs, "f8"),
            platform=platform or platforms[0].name,
            intensity=_positive(intensity),
            lowest=min(LOWEST, *ends) / 2,
            highest=max(ends) * 8,
            **traits,
        )

    @property
    def readout(self) -> Point:
        """What the widget shows now."""
        return under_roof(self._platforms[self.platform], self.intensity)

    def summary(self) -> str:
        """Return the platform, the point and what bounds it."""
        now = self.readout
        return (
            f"{self.platform} at {significant(self.intensity)} operations per byte: "
            f"{now.attainable:.3g} operations per second, {now.bound}-bound (ridge {significant(now.ridge)})"
        )


def _positive(value) -> float:
    if not value > 0:
        raise ValueError(f"peaks, bandwidths, intensities and operations must be above 0; got {value}")
    return float(value)
