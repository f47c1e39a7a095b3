"""Compiled kernels of ptychography: arrays in, arrays out.

Frames are worked on one at a time, from the exit wave through the detector plane and back,
in memory close to the processor; threads share the frames. No kernel keeps anything between
calls, and the result of a call depends on its arguments and the number of threads alone
(on the latter only to rounding).

Layouts are those of `Transform`; probes, objects and gradients are plain complex64 arrays.
"""

from __future__ import annotations

from ptypy.accelerate._compile import LANES, kernel_store, missing_kernels
from ptypy.accelerate._compiling import Stopwatch, watch_compiling
from ptypy.accelerate._epie import VisitSums, epie_sweep
from ptypy.accelerate._likelihood import likelihood_gradient, line_coefficients
from ptypy.accelerate._model import model_error
from ptypy.accelerate._project import initial_waves, project
from ptypy.accelerate._slices import fit_modulus, light_slice, look_at_slice, update_slice
from ptypy.accelerate._sums import object_sums, probe_sums
from ptypy.accelerate._threads import default_threads
from ptypy.accelerate._transform import Transform

__all__ = [
    "LANES",
    "Stopwatch",
    "Transform",
    "VisitSums",
    "default_threads",
    "epie_sweep",
    "fit_modulus",
    "initial_waves",
    "kernel_store",
    "light_slice",
    "likelihood_gradient",
    "line_coefficients",
    "look_at_slice",
    "missing_kernels",
    "model_error",
    "object_sums",
    "probe_sums",
    "project",
    "update_slice",
    "watch_compiling",
]
