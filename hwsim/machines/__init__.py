"""Machines, one a file. Each has the verb `run`, which gives a `Report`."""

from hwsim.machines.dadiannao import DaDianNao
from hwsim.machines.eie import EIE
from hwsim.machines.eyeriss import Eyeriss
from hwsim.machines.fpga import FPGA, FPGA_PARTS
from hwsim.machines.systolic import SystolicArray, Trace
from hwsim.machines.tensor_core import TensorCoreGPU, mma
from hwsim.machines.tpu import EdgeTPU, TPUv1, TPUv2, TPUv3

__all__ = [
    "EIE",
    "FPGA",
    "FPGA_PARTS",
    "DaDianNao",
    "EdgeTPU",
    "Eyeriss",
    "SystolicArray",
    "TPUv1",
    "TPUv2",
    "TPUv3",
    "TensorCoreGPU",
    "Trace",
    "mma",
]
