"""Machines, one a file. Each has the verb `run`, which gives a `Report`."""

from hwsim.machines.eie import EIE
from hwsim.machines.eyeriss import Eyeriss
from hwsim.machines.systolic import SystolicArray, Trace

__all__ = ["EIE", "Eyeriss", "SystolicArray", "Trace"]
