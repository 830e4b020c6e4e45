"""Machines, one a file. Each has the verb `run`, which gives a `Report`."""

from hwsim.machines.eie import EIE, SparseMatrix

__all__ = ["EIE", "SparseMatrix"]
