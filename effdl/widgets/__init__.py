"""Widgets that answer in JupyterLab and, with no kernel, in the published book."""

from effdl.widgets.course_map import CourseMap
from effdl.widgets.prediction import Comparison, Prediction
from effdl.widgets.quantization_grid import QuantizationGrid
from effdl.widgets.roofline import Roofline
from effdl.widgets.ternary_thresholds import TernaryThresholds
from effdl.widgets.weight_distribution import WeightDistribution

__all__ = [
    "Comparison",
    "CourseMap",
    "Prediction",
    "QuantizationGrid",
    "Roofline",
    "TernaryThresholds",
    "WeightDistribution",
]
