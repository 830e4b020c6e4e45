"""Widgets that answer in JupyterLab and, with no kernel, in the published book."""

from effdl.widgets.codebook import Codebook
from effdl.widgets.course_map import CourseMap
from effdl.widgets.file_map import FileMap
from effdl.widgets.prediction import Comparison, Prediction
from effdl.widgets.roofline import Roofline
from effdl.widgets.weight_distribution import WeightDistribution

__all__ = ["Codebook", "Comparison", "CourseMap", "FileMap", "Prediction", "Roofline", "WeightDistribution"]
