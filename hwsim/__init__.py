"""A hardware simulator: a workload says what must be computed, a machine runs it, a report says what it cost."""

from hwsim import energy, formats, interconnect, networks, roofline
from hwsim.compare import Comparison, compare
from hwsim.dataflows import dataflow_energy
from hwsim.energy import EIE_TABLE_I, EYERISS_RELATIVE, HOROWITZ_45NM, Energy, EnergyTable, layer_energy
from hwsim.formats import Binary, FixedPoint, Float, Log2, Ternary
from hwsim.interconnect import Link, ParameterServer, Ring, Torus, Tree, scaling
from hwsim.loopnest import Level, LoopNest, Spatial
from hwsim.machines import (
    EIE,
    FPGA,
    FPGA_PARTS,
    DaDianNao,
    EdgeTPU,
    Eyeriss,
    SystolicArray,
    TensorCoreGPU,
    TPUv1,
    TPUv2,
    TPUv3,
    mma,
)
from hwsim.memory import training_memory
from hwsim.nest_walk import Access, operands, walk_nest
from hwsim.occupancy import occupancy
from hwsim.pareto import pareto
from hwsim.report import Report
from hwsim.roofline import PLATFORMS, Platform
from hwsim.row_stationary import row_stationary
from hwsim.sparse_matrix import SparseMatrix
from hwsim.sweep import SweepError, sweep
from hwsim.trace import trace
from hwsim.wavefront import Wavefront, wavefront
from hwsim.workload import Conv2d, MatMul, Network

__all__ = [
    "EIE",
    "EIE_TABLE_I",
    "EYERISS_RELATIVE",
    "FPGA",
    "FPGA_PARTS",
    "HOROWITZ_45NM",
    "PLATFORMS",
    "Access",
    "Binary",
    "Comparison",
    "Conv2d",
    "DaDianNao",
    "EdgeTPU",
    "Energy",
    "EnergyTable",
    "Eyeriss",
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
    "TPUv1",
    "TPUv2",
    "TPUv3",
    "TensorCoreGPU",
    "Ternary",
    "Torus",
    "Tree",
    "Wavefront",
    "compare",
    "dataflow_energy",
    "energy",
    "formats",
    "interconnect",
    "layer_energy",
    "mma",
    "networks",
    "occupancy",
    "operands",
    "pareto",
    "roofline",
    "row_stationary",
    "scaling",
    "sweep",
    "trace",
    "training_memory",
    "walk_nest",
    "wavefront",
]
