"""One workload on several machines, as one table and one picture."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from hwsim.energy import EnergyTable
from hwsim.report import Report
from hwsim.workload import Conv2d, MatMul, Network, layers_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@runtime_checkable
class Machine(Protocol):
    """Whatever has the verb `run`."""

    def run(self, workload: MatMul | Conv2d | Network, /) -> Report:
        """Run a workload."""
        ...


@dataclass(frozen=True)
class Comparison:
    """Reports side by side.

    Parameters
    ----------
    name : str, the workload
    ops : int, its operations, zeros included
    reports : dict of machine -> Report
    refused : dict of machine -> why it cannot run the workload
    """

    name: str
    ops: int
    reports: Mapping[str, Report]
    refused: Mapping[str, str] = field(default_factory=dict)

    def table(self) -> str:
        """Text with a line for each machine.

        "Gop/s" counts the operations of the workload, also those that EIE skips. Energies at different prices do not compare:
        Eyeriss' own are relative, and stand for MACs.
        """
        names = [*self.reports, *self.refused]
        width = max(len(name) for name in (self.name, *names)) + 2
        lines = [
            f"{self.name:<{width}}{'time':>14}{'energy':>14}{'Gop/s':>12}{'utilization':>13}{'DRAM':>13}  prices"
        ]
        for name, report in self.reports.items():
            memory = f"{report.traffic['DRAM'] / 1e6:,.2f} MB" if "DRAM" in report.traffic else "-"
            lines.append(
                f"{name:<{width}}{report.seconds * 1e3:>11,.3f} ms{report.joules * 1e3:>11,.3f} mJ"
                f"{self.ops / report.seconds / 1e9:>12,.1f}{report.utilization:>13.1%}{memory:>13}  {report.prices}"
            )
        lines += [f"{name:<{width}}  refuses: {reason}" for name, reason in self.refused.items()]
        return "\n".join(lines)

    def plot(self) -> "Figure":
        """Draw time and energy, as bars on logarithmic axes; return the Matplotlib figure."""
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(
            1, 2, figsize=(9, 1 + 0.35 * len(self.reports)), sharey=True, layout="tight"
        )
        times = [report.seconds * 1e3 for report in self.reports.values()]
        energies = [report.joules * 1e3 for report in self.reports.values()]
        for panel, values, label in zip(axes, (times, energies), ("time (ms)", "energy (mJ)"), strict=True):
            panel.barh(list(self.reports), values)
            decades = np.log10([value for value in values if value] or [1])
            whole = 10.0 ** np.array([np.floor(decades.min() - 0.1), np.ceil(decades.max())])
            panel.set(xscale="log", xlim=whole, xlabel=label)
            panel.xaxis.set_minor_formatter("")
        axes[0].invert_yaxis()
        figure.suptitle(self.name)
        return figure


def compare(
    workload: MatMul | Conv2d | Network,
    machines: Iterable[Machine] | Mapping[str, Machine],
    table: EnergyTable | None = None,
) -> Comparison:
    """Run a workload on each machine.

    Parameters
    ----------
    workload : MatMul, Conv2d or Network
    machines : machines, or a dict of name -> machine to name them; without it each has the name that its reports have.
    table : EnergyTable or None. With a table every machine charges its prices, so that energies can be compared;
        without it each has its own (for some, the published power).

    Returns
    -------
    Comparison
        A machine that raises ValueError for this workload is kept, with what it said.

    Raises
    ------
    ValueError
        When two machines have the same name, or there is none.

    Examples
    --------
    >>> from hwsim import MatMul, SystolicArray, compare
    >>> arrays = [SystolicArray(8, 8, dataflow) for dataflow in ("ws", "os")]
    >>> print(compare(MatMul("fc", 64, 256, 256), arrays).table())
    fc                                  time        energy       Gop/s  utilization         DRAM  prices
    8 x 8 systolic array, ws        0.126 ms      0.032 mJ        66.7        74.4%            -  Horowitz 45 nm
    8 x 8 systolic array, os        0.102 ms      0.025 mJ        82.5        92.1%            -  Horowitz 45 nm
    """
    layers_of(workload)
    if isinstance(machines, Machine):
        raise ValueError("compare takes a list of machines, or a dict of name -> machine")
    named = machines.items() if isinstance(machines, Mapping) else ((None, machine) for machine in machines)
    reports: dict[str, Report] = {}
    refused: dict[str, str] = {}
    for given, machine in named:
        if table is not None:
            machine = replace(machine, table=table)  # type: ignore[type-var]  # machines are dataclasses
        try:
            result: Report | str = machine.run(workload)
        except ValueError as error:
            result = str(error)
        name = given or (result.machine if isinstance(result, Report) else type(machine).__name__)
        if name in reports or name in refused:
            raise ValueError(f"two machines have the name {name!r}: give compare a dict of name -> machine")
        if isinstance(result, Report):
            reports[name] = result
        else:
            refused[name] = result
    if not reports and not refused:
        raise ValueError("compare needs at least one machine")
    return Comparison(workload.name, workload.ops, reports, refused)
