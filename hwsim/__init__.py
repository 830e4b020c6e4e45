"""A hardware simulator: a workload says what must be computed, a machine runs it, a report says what it cost."""

from hwsim import energy, formats, interconnect, networks, roofline
from hwsim.energy import EIE_TABLE_I, EYERISS_RELATIVE, HOROWITZ_45NM, Energy, EnergyTable, layer_energy
from hwsim.formats import Binary, FixedPoint, Float, Log2, Ternary
from hwsim.interconnect import Link, ParameterServer, Ring, Torus, Tree, scaling
from hwsim.loopnest import Level, LoopNest, Spatial
from hwsim.machines import EIE, SparseMatrix, SystolicArray, TensorCoreGPU, mma
from hwsim.memory import training_memory
from hwsim.pareto import pareto
from hwsim.report import Report
from hwsim.roofline import PLATFORMS, Platform
from hwsim.sweep import SweepError, sweep
from hwsim.trace import trace
from hwsim.workload import Conv2d, MatMul, Network

__all__ = [
    "EIE",
    "EIE_TABLE_I",
    "EYERISS_RELATIVE",
    "HOROWITZ_45NM",
    "PLATFORMS",
    "Binary",
    "Conv2d",
    "Energy",
    "EnergyTable",
    "FixedPoint",
    "Float",
    "Level",
    "Link",
    "Log2",
    "LoopNest",
    "MatMul",
    "Network",
    "ParameterServer",
    "Platform",
    "Report",
    "Ring",
    "SparseMatrix",
    "Spatial",
    "SweepError",
    "SystolicArray",
    "TensorCoreGPU",
    "Ternary",
    "Torus",
    "Tree",
    "energy",
    "formats",
    "interconnect",
    "layer_energy",
    "mma",
    "networks",
    "pareto",
    "roofline",
    "scaling",
    "sweep",
    "trace",
    "training_memory",
]
