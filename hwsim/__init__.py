"""A hardware simulator: a workload says what must be computed, a machine runs it, a report says what it cost."""

from hwsim import energy, formats, networks, roofline
from hwsim.energy import HOROWITZ_45NM, Energy, EnergyTable, layer_energy
from hwsim.formats import Binary, FixedPoint, Float, Log2, Ternary
from hwsim.loopnest import Level, LoopNest, Spatial
from hwsim.machines import EIE, SparseMatrix, SystolicArray
from hwsim.memory import training_memory
from hwsim.pareto import pareto
from hwsim.report import Report
from hwsim.roofline import PLATFORMS, Platform
from hwsim.trace import trace
from hwsim.workload import Conv2d, MatMul, Network

__all__ = [
    "EIE",
    "HOROWITZ_45NM",
    "PLATFORMS",
    "Binary",
    "Conv2d",
    "Energy",
    "EnergyTable",
    "FixedPoint",
    "Float",
    "Level",
    "Log2",
    "LoopNest",
    "MatMul",
    "Network",
    "Platform",
    "Report",
    "SparseMatrix",
    "Spatial",
    "SystolicArray",
    "Ternary",
    "energy",
    "formats",
    "layer_energy",
    "networks",
    "pareto",
    "roofline",
    "trace",
    "training_memory",
]
