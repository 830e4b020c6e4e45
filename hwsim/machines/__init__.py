"""Machines, one a file. Each has the verb `run`, which gives a `Report`."""

from hwsim.machines.dadiannao import DaDianNao
from hwsim.machines.eie import EIE, SparseMatrix
from hwsim.machines.systolic import SystolicArray, Trace

__all__ = ["EIE", "DaDianNao", "SparseMatrix", "SystolicArray", "Trace"]
