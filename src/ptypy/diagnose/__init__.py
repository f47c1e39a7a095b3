"""Look at data and results, and say how good they are: numbers and pictures."""

from ptypy.diagnose._compare import Comparison, compare_objects
from ptypy.diagnose._coverage import coverage
from ptypy.diagnose._field import Field
from ptypy.diagnose._make import IN_PIXELS, NO_ENERGY, PIXEL, read_result
from ptypy.diagnose._noise import model_intensity, noise_floor, sqrt_variance
from ptypy.diagnose._panels import (
    show_amplitude,
    show_error_curve,
    show_frame,
    show_mode,
    show_phase,
)
from ptypy.diagnose._pictures import (
    draw_comparison,
    draw_error_curve,
    draw_frame,
    draw_object,
    draw_probe,
)
from ptypy.diagnose._result import Result

__all__ = [
    "IN_PIXELS",
    "NO_ENERGY",
    "PIXEL",
    "Comparison",
    "Field",
    "Result",
    "compare_objects",
    "coverage",
    "draw_comparison",
    "draw_error_curve",
    "draw_frame",
    "draw_object",
    "draw_probe",
    "model_intensity",
    "noise_floor",
    "read_result",
    "show_amplitude",
    "show_error_curve",
    "show_frame",
    "show_mode",
    "show_phase",
    "sqrt_variance",
]
