"""Machines, one a file. Each has the verb `run`, which gives a `Report`."""

from hwsim.machines.eie import EIE, SparseMatrix
from hwsim.machines.systolic import SystolicArray, Trace
from hwsim.machines.tpu import EdgeTPU, TPUv1, TPUv2, TPUv3

__all__ = ["EIE", "EdgeTPU", "SparseMatrix", "SystolicArray", "TPUv1", "TPUv2", "TPUv3", "Trace"]
