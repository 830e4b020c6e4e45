"""Machines, one a file. Each has the verb `run`, which gives a `Report`."""

from hwsim.machines.dadiannao import DaDianNao
from hwsim.machines.eie import EIE, SparseMatrix
from hwsim.machines.fpga import FPGA, FPGA_PARTS
from hwsim.machines.systolic import SystolicArray, Trace

__all__ = ["EIE", "FPGA", "FPGA_PARTS", "DaDianNao", "SparseMatrix", "SystolicArray", "Trace"]
