"""Machines, one a file. Each has the verb `run`, which gives a `Report`."""

from hwsim.machines.eie import EIE, SparseMatrix
from hwsim.machines.systolic import SystolicArray, Trace
from hwsim.machines.tensor_core import TensorCoreGPU, mma

__all__ = ["EIE", "SparseMatrix", "SystolicArray", "TensorCoreGPU", "Trace", "mma"]
