"""A hardware simulator: a workload says what must be computed, a machine runs it, a report says what it cost."""

from hwsim import energy, interconnect, networks, roofline
from hwsim.energy import HOROWITZ_45NM, Energy, EnergyTable, layer_energy
from hwsim.interconnect import Link, ParameterServer, Ring, Torus, Tree, scaling
from hwsim.machines import EIE, SparseMatrix
from hwsim.memory import training_memory
from hwsim.pareto import pareto
from hwsim.report import Report
from hwsim.roofline import PLATFORMS, Platform
from hwsim.sweep import SweepError, sweep
from hwsim.trace import trace
from hwsim.workload import Conv2d, MatMul, Network

__all__ = [
    "EIE",
    "HOROWITZ_45NM",
    "PLATFORMS",
    "Conv2d",
    "Energy",
    "EnergyTable",
    "Link",
    "MatMul",
    "Network",
    "ParameterServer",
    "Platform",
    "Report",
    "Ring",
    "SparseMatrix",
    "SweepError",
    "Torus",
    "Tree",
    "energy",
    "interconnect",
    "layer_energy",
    "networks",
    "pareto",
    "roofline",
    "scaling",
    "sweep",
    "trace",
    "training_memory",
]
