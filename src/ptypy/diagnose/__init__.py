"""Look at data and results, and say how good they are: numbers and pictures.

Names are loaded when they are first used: some need SciPy's heavier parts.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ptypy.diagnose._compare import Comparison, compare_objects
    from ptypy.diagnose._coverage import coverage
    from ptypy.diagnose._draw_file import draw_file
    from ptypy.diagnose._field import Field
    from ptypy.diagnose._file_report import FileReport
    from ptypy.diagnose._frame_sample import FrameSample, sample_frames
    from ptypy.diagnose._inspect import inspect_file, kind_of_file
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
    from ptypy.diagnose._report import write_report
    from ptypy.diagnose._result import Result
    from ptypy.diagnose._show_file import show_file
    from ptypy.diagnose._system import describe_system, system_text
    from ptypy.diagnose._terminal import colour_depth

__all__ = [
    "IN_PIXELS",
    "NO_ENERGY",
    "PIXEL",
    "Comparison",
    "Field",
    "FileReport",
    "FrameSample",
    "Result",
    "colour_depth",
    "compare_objects",
    "coverage",
    "describe_system",
    "draw_comparison",
    "draw_error_curve",
    "draw_file",
    "draw_frame",
    "draw_object",
    "draw_probe",
    "inspect_file",
    "kind_of_file",
    "model_intensity",
    "noise_floor",
    "read_result",
    "sample_frames",
    "show_amplitude",
    "show_error_curve",
    "show_file",
    "show_frame",
    "show_mode",
    "show_phase",
    "sqrt_variance",
    "system_text",
    "write_report",
]

HOMES = {
    "IN_PIXELS": "_make",
    "NO_ENERGY": "_make",
    "PIXEL": "_make",
    "Comparison": "_compare",
    "Field": "_field",
    "FileReport": "_file_report",
    "FrameSample": "_frame_sample",
    "Result": "_result",
    "colour_depth": "_terminal",
    "compare_objects": "_compare",
    "coverage": "_coverage",
    "describe_system": "_system",
    "draw_comparison": "_pictures",
    "draw_error_curve": "_pictures",
    "draw_frame": "_pictures",
    "draw_object": "_pictures",
    "draw_probe": "_pictures",
    "draw_file": "_draw_file",
    "inspect_file": "_inspect",
    "kind_of_file": "_inspect",
    "model_intensity": "_noise",
    "noise_floor": "_noise",
    "read_result": "_make",
    "sample_frames": "_frame_sample",
    "show_amplitude": "_panels",
    "show_error_curve": "_panels",
    "show_file": "_show_file",
    "show_frame": "_panels",
    "show_mode": "_panels",
    "show_phase": "_panels",
    "sqrt_variance": "_noise",
    "system_text": "_system",
    "write_report": "_report",
}
"""The module of this room that each name comes from."""


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
