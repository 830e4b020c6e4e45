"""What a run cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Report:
    """The cost of a workload on a machine.

    Parameters
    ----------
    name : str, the workload.
    machine : str
    macs : int, multiply-accumulates that the result needed.
    cycles : int
    clock : float, cycles a second.
    units : int, multiply-accumulate units of the machine: it can do `units` MACs a cycle.
    energy : dict of part -> joules
    traffic : dict of storage -> bytes
    counts : dict of what else the machine counted, as name -> number
    output : array or None, what the machine computed.
    layers : the reports of the layers, when the workload is a network.
    prices : what the energy is charged by: the name of an `EnergyTable`, or whose power.

    Examples
    --------
    >>> from hwsim import SystolicArray, networks
    >>> report = SystolicArray(8, 8).run(networks.lenet_300_100())
    >>> report.cycles, f"{report.seconds * 1e6:.1f} us", round(report.utilization, 3)
    (97612, '139.4 us', 0.043)
    >>> [(layer.name, layer.cycles) for layer in report.layers]
    [('fc1', 85652), ('fc2', 11362), ('fc3', 598)]
    """

    name: str
    machine: str
    macs: int
    cycles: int
    clock: float
    units: int
    energy: Mapping[str, float] = field(default_factory=dict)
    traffic: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, float] = field(default_factory=dict)
    output: np.ndarray | None = field(default=None, repr=False, compare=False)
    layers: "tuple[Report, ...]" = field(default=(), repr=False)
    prices: str = ""

    @classmethod
    def total(cls, name: str, layers: "Sequence[Report]") -> "Report":
        """The report of a network from those of its layers, in order.

        Raises ValueError when they are not of one machine.
        """
        summed = layers[0]
        for layer in layers[1:]:
            summed = summed + layer
        return replace(summed, name=name, layers=tuple(layers))

    @property
    def seconds(self) -> float:
        """Time in seconds."""
        return self.cycles / self.clock

    @property
    def joules(self) -> float:
        """Energy of all parts in joules."""
        return sum(self.energy.values())

    @property
    def utilization(self) -> float:
        """Share of the MAC units' cycles that did needed work, 0 to 1."""
        return self.macs / (self.cycles * self.units)

    @property
    def ops_per_second(self) -> float:
        """Operations a second, two for each MAC that the result needed."""
        return 2 * self.macs / self.seconds

    def __add__(self, other: "Report") -> "Report":
        """Both runs, one after the other on the same machine; the output is the second's.

        Raises ValueError for reports of different machines, or with energies at different prices.
        """
        if not isinstance(other, Report):
            return NotImplemented
        if (self.machine, self.clock, self.units) != (other.machine, other.clock, other.units):
            raise ValueError(
                f"cannot add reports of {self.machine} and {other.machine}: add reports of one machine, "
                "and compare machines by their seconds and joules"
            )
        if self.prices != other.prices:
            raise ValueError(
                f"cannot add energies at the prices of {self.prices!r} and {other.prices!r}: run both with one table"
            )
        return Report(
            f"{self.name} + {other.name}",
            self.machine,
            self.macs + other.macs,
            self.cycles + other.cycles,
            self.clock,
            self.units,
            _add(self.energy, other.energy),
            _add(self.traffic, other.traffic),
            _add(self.counts, other.counts),
            other.output,
            prices=self.prices,
        )

    def table(self) -> str:
        """Text with a line for each quantity."""
        lines = [
            ("MACs", f"{self.macs:,}"),
            ("cycles", f"{self.cycles:,}"),
            ("time", f"{self.seconds * 1e6:,.2f} us at {self.clock / 1e6:,.0f} MHz"),
            ("utilization", f"{self.utilization:.1%} of {self.units:,} MACs a cycle"),
            ("energy", f"{self.joules * 1e6:,.3f} uJ{f' ({self.prices})' if self.prices else ''}"),
            *((f"  {part}", f"{joules * 1e6:,.3f} uJ") for part, joules in self.energy.items()),
            *((f"{storage} traffic", f"{size:,.0f} bytes") for storage, size in self.traffic.items()),
            *((name, f"{count:,}") for name, count in self.counts.items()),
        ]
        width = max(len(label) for label, _ in lines) + 2
        return "\n".join(
            [f"{self.name} on {self.machine}", *(f"{label:<{width}}{text}" for label, text in lines)]
        )

    def plot(self, axes: "Axes | None" = None) -> "Axes":
        """Draw where the energy goes, as bars in microjoules; return the Matplotlib axes."""
        import matplotlib.pyplot as plt

        axes = axes or plt.subplots(figsize=(6, 0.5 + 0.35 * len(self.energy)))[1]
        axes.barh(list(self.energy), [joules * 1e6 for joules in self.energy.values()])
        axes.invert_yaxis()
        axes.set(xlabel="energy (microjoules)", title=f"{self.name} on {self.machine}")
        return axes


def _add(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
    return {key: a.get(key, 0) + b.get(key, 0) for key in {**a, **b}}
