"""Widgets that answer in JupyterLab and, with no kernel, in the published book."""

from effdl.widgets.codebook import Codebook
from effdl.widgets.course_map import CourseMap
from effdl.widgets.file_map import FileMap
from effdl.widgets.gemm_tiles import GemmTiles
from effdl.widgets.gradient_scale import GradientScale
from effdl.widgets.loop_nest import LoopNestExplorer
from effdl.widgets.prediction import Comparison, Prediction
from effdl.widgets.quantization_grid import QuantizationGrid
from effdl.widgets.queues import Queues
from effdl.widgets.ring_all_reduce import RingAllReduce
from effdl.widgets.roofline import Roofline
from effdl.widgets.soft_targets import SoftTargets
from effdl.widgets.spectrum import Spectrum
from effdl.widgets.systolic import Systolic
from effdl.widgets.ternary_thresholds import TernaryThresholds
from effdl.widgets.training_phases import TrainingPhases
from effdl.widgets.weight_distribution import WeightDistribution
from effdl.widgets.winograd_tiles import WinogradTiles

__all__ = [
    "Codebook",
    "Comparison",
    "CourseMap",
    "FileMap",
    "GemmTiles",
    "GradientScale",
    "LoopNestExplorer",
    "Prediction",
    "QuantizationGrid",
    "Queues",
    "RingAllReduce",
    "Roofline",
    "SoftTargets",
    "Spectrum",
    "Systolic",
    "TernaryThresholds",
    "TrainingPhases",
    "WeightDistribution",
    "WinogradTiles",
]
