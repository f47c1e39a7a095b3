"""Look at data and results, and say how good they are: numbers and pictures."""

from ptypy.diagnose._compare import Comparison, compare_objects
from ptypy.diagnose._coverage import coverage
from ptypy.diagnose._noise import model_intensity, noise_floor, sqrt_variance
from ptypy.diagnose._pictures import (
    draw_comparison,
    draw_error_curve,
    draw_frame,
    draw_object,
    draw_probe,
)

__all__ = [
    "Comparison",
    "compare_objects",
    "coverage",
    "draw_comparison",
    "draw_error_curve",
    "draw_frame",
    "draw_object",
    "draw_probe",
    "model_intensity",
    "noise_floor",
    "sqrt_variance",
]
