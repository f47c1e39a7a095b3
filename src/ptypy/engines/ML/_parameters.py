"""The parameters of maximum likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ptypy.engines._block_engine import BlockEngine
from ptypy.errors import Fault

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
    choices = ['gaussian', 'poisson', 'euclid', 'Gaussian', 'Poisson', 'Euclid']
    help = Noise that is assumed
    doc = ``gaussian``: noise of intensities, as wide as that of the measured photons.
      ``poisson``: photons, right for the faintest frames as well. ``euclid``: noise of
      amplitudes, which photons make the same everywhere; forgives most what no model explains.

    [floating_intensities]
    default = False
    type = bool
    help = Give each frame a factor of its own between model and counts
    doc = For beams that flicker. The factors are those that fit best, 1 on average; they are left
      in ``runtime.float_intens``.

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
    help = Keep the steps of probe and object balanced while both change
    doc = The ratio of the two steps follows from how strongly the frames hold probe and object.
      Without this option it is found once, when the probe is updated for the first time; with
      it, every ten iterations. Helps where the start is far from the solution.

    [scale_probe_object]
    default = 1.0
    type = float
    lowlim = 0.0
    help = Factor on the step of the probe, relative to that of the object
    doc = Beside what balances them.

    [probe_update_start]
    default = 2
    type = int
    lowlim = 0
    help = Iterations before the probe is updated for the first time

    [poly_line_coeffs]
    default = quadratic
    type = str
    choices = ['quadratic', 'all']
    help = How far the cost is expanded along the line of a step
    doc = ``quadratic``: up to the second order. ``all``: to where the cost along the line is
      smallest; takes longer, and pays where steps are long.

    [wavefield_precond]
    default = False
    type = bool
    help = Divide the gradient at each pixel by how strongly the frames hold that pixel
    doc = Converges much faster, above all at the rim of the scanned field. Found anew every ten
      iterations; ``scale_precond`` has no further effect.

    [wavefield_delta_object]
    default = 0.1
    type = float
    help = Damping of ``wavefield_precond``, as a share of the best lit pixel of the object
    doc = Smaller values trust weakly lit pixels more.

    [wavefield_delta_probe]
    default = 0.1
    type = float
    help = Damping of ``wavefield_precond``, as a share of what the probe's light meets on average
    """

    KIND = "counts"

    @classmethod
    def list_unsupported(cls, pars: Mapping[str, Any]) -> list[Fault]:
        """Refuse the choices that this version does not calculate."""
        faults = super().list_unsupported(pars)
        for name, (low, high) in _RANGES.items():
            value = pars.get(name)
            if isinstance(value, int | float) and not low <= value <= high:
                remedy = f"is out of its range, {low:g} to {high:g}"
                faults.append(Fault(name, repr(value), remedy))
        return faults
