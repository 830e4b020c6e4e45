"""Widgets that answer in JupyterLab and, with no kernel, in the published book."""

from effdl.widgets.course_map import CourseMap
from effdl.widgets.prediction import Comparison, Prediction
from effdl.widgets.roofline import Roofline
from effdl.widgets.spectrum import Spectrum
from effdl.widgets.weight_distribution import WeightDistribution
from effdl.widgets.winograd_tiles import WinogradTiles

__all__ = [
    "Comparison",
    "CourseMap",
    "Prediction",
    "Roofline",
    "Spectrum",
    "WeightDistribution",
    "WinogradTiles",
]
