"""The parameters of maximum likelihood, and which of them are not supported yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ptypy.engines._block_engine import BlockEngine
from ptypy.errors import Fault

_NOT_YET = {
    "ML_type": ("gaussian", "is not supported yet; `gaussian` is"),
    "poly_line_coeffs": ("quadratic", "is not supported yet; `quadratic` is"),
}
"""Parameter: (the one value that works, what is wrong with others)."""

_RANGES = {
    "smooth_gradient": (0.0, float("inf")),
    "smooth_gradient_decay": (0.0, 1.0),
    "wavefield_delta_object": (1e-6, float("inf")),
    "wavefield_delta_probe": (1e-6, float("inf")),
}
"""Parameter: smallest and largest value with a meaning, beyond the limits of the tree."""


class MLParameters(BlockEngine):
    """The parameters of maximum likelihood.

    Defaults:

    [name]
    default = ML
    type = str
    help = Name of the engine

    [ML_type]
    default = gaussian
    type = str
    choices = ['gaussian', 'poisson', 'euclid']
    help = Noise that is assumed; only ``gaussian`` is supported so far
    doc = ``gaussian``: noise of the width of Poisson noise about the measured counts.

    [floating_intensities]
    default = False
    type = bool
    help = Give each frame a factor of its own between model and counts
    doc = For beams that flicker. The factors are those that fit best; they are left in
      ``runtime.float_intens``.

    [intensity_renormalization]
    default = 1.0
    type = float
    lowlim = 0.0
    help = Photons that one count stands for
    doc = Sets how much a misfit weighs; 1 if the data hold photons.

    [reg_del2]
    default = False
    type = bool
    help = Prefer objects whose neighbouring pixels differ little

    [reg_del2_amplitude]
    default = 0.01
    type = float
    lowlim = 0.0
    help = Strength of that preference; 1 is as strong as the data

    [smooth_gradient]
    default = 0.0
    type = float
    help = Smooth the object's gradient with a Gaussian of this standard deviation [px]; 0 does not

    [smooth_gradient_decay]
    default = 0.0
    type = float
    help = Share of that standard deviation that is lost with each iteration

    [scale_precond]
    default = False
    type = bool
    help = Balance the steps of probe and object by how strongly the frames hold each
    doc = Converges faster, above all with many photons or weak objects.

    [scale_probe_object]
    default = 1.0
    type = float
    lowlim = 0.0
    help = Factor on the step of the probe, relative to that of the object

    [probe_update_start]
    default = 2
    type = int
    lowlim = 0
    help = Iterations before the probe is updated for the first time

    [poly_line_coeffs]
    default = quadratic
    type = str
    choices = ['quadratic', 'all']
    help = Order of the polynomial in the line search; only ``quadratic`` is supported so far

    [wavefield_precond]
    default = False
    type = bool
    help = Divide the gradient at each pixel by how strongly the frames hold that pixel
    doc = Converges faster, above all at the rim of the scanned field. Balances probe and object
      as well, so ``scale_precond`` has no further effect.

    [wavefield_delta_object]
    default = 0.1
    type = float
    help = Damping of ``wavefield_precond``, as a share of the best lit pixel of the object
    doc = Smaller values trust weakly lit pixels more.

    [wavefield_delta_probe]
    default = 0.1
    type = float
    help = Damping of ``wavefield_precond``, as a share of the pixel of the probe that met most
    """

    KIND = "counts"

    @classmethod
    def list_unsupported(cls, pars: Mapping[str, Any]) -> list[Fault]:
        """Refuse the choices that this version does not calculate."""
        faults = super().list_unsupported(pars)
        for name, (works, remedy) in _NOT_YET.items():
            value = pars.get(name, works)
            if value is not None and value != works:
                faults.append(Fault(name, repr(value), remedy))
        for name, (low, high) in _RANGES.items():
            value = pars.get(name)
            if isinstance(value, int | float) and not low <= value <= high:
                remedy = f"is out of its range, {low:g} to {high:g}"
                faults.append(Fault(name, repr(value), remedy))
        return faults
