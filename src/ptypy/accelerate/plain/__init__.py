"""The kernels of the room in plain NumPy: any modes, any colours, any detector, either precision.

The compiled kernels beside this package know one colour and one mode of the object, whole pixels
of the detector, and single precision. Here the same sums are done for everything else: several
modes of the object, several photon energies, a probe for each frame, detectors of larger pixels
than the wave has, transforms that a user wrote, complex128. Names and meanings are the same.

What a frame j sees of one colour is a `Sight`. The frame's intensity is, over all sights and
modes,

    I_j = thin( sum |A(P_m O_l[view j])|^2 )

where A is the sight's ``forward`` and *thin* adds up the r x r fine pixels of each pixel of the
detector. Exit waves of a sight are (N, M, L, H, W), measured frames (N, h, w) with H = r h and
W = r w; everything lies in natural order, untrusted pixels of measured frames are negative.

Frames are worked on one at a time and shared by threads, for NumPy and SciPy let go of the
interpreter lock; no array holds more than a frame of waves but those that are given.
"""

from __future__ import annotations

from ptypy.accelerate.plain._forward import plain_forward
from ptypy.accelerate.plain._likelihood import likelihood_gradient, line_coefficients
from ptypy.accelerate.plain._model import model_error
from ptypy.accelerate.plain._project import initial_waves, project
from ptypy.accelerate.plain._sight import Sight
from ptypy.accelerate.plain._sums import object_sums, probe_sums
from ptypy.accelerate.plain._sweep import sweep

__all__ = [
    "Sight",
    "initial_waves",
    "likelihood_gradient",
    "line_coefficients",
    "model_error",
    "object_sums",
    "plain_forward",
    "probe_sums",
    "project",
    "sweep",
]
