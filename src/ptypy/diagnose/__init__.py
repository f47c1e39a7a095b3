"""Look at data and results, and say how good they are: numbers and pictures.

Names are loaded when they are first used: some need SciPy's heavier parts.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ptypy.diagnose._compare import Comparison, compare_objects
    from ptypy.diagnose._coverage import coverage
    from ptypy.diagnose._file_report import FileReport
    from ptypy.diagnose._inspect import inspect_file, kind_of_file
    from ptypy.diagnose._noise import model_intensity, noise_floor, sqrt_variance
    from ptypy.diagnose._pictures import (
        draw_comparison,
        draw_error_curve,
        draw_frame,
        draw_object,
        draw_probe,
    )
    from ptypy.diagnose._system import describe_system, system_text

__all__ = [
    "Comparison",
    "FileReport",
    "compare_objects",
    "coverage",
    "describe_system",
    "draw_comparison",
    "draw_error_curve",
    "draw_frame",
    "draw_object",
    "draw_probe",
    "inspect_file",
    "kind_of_file",
    "model_intensity",
    "noise_floor",
    "sqrt_variance",
    "system_text",
]

HOMES = {
    "Comparison": "_compare",
    "FileReport": "_file_report",
    "compare_objects": "_compare",
    "coverage": "_coverage",
    "describe_system": "_system",
    "draw_comparison": "_pictures",
    "draw_error_curve": "_pictures",
    "draw_frame": "_pictures",
    "draw_object": "_pictures",
    "draw_probe": "_pictures",
    "inspect_file": "_inspect",
    "kind_of_file": "_inspect",
    "model_intensity": "_noise",
    "noise_floor": "_noise",
    "sqrt_variance": "_noise",
    "system_text": "_system",
}
"""The module of this room that each name comes from."""


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
