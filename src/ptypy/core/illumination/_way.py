"""How the wave in the opening gets to the sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.geometry import FarField, Geo, NearField
from ptypy.errors import ParameterError

__all__ = ["opening_size", "travel"]

Pair = npt.NDArray[np.float64]

# First zeros of the diffraction pattern of a disk and of a slit, on both sides:
# spot = factor * wavelength * focal length / size. (Born & Wolf, Principles of Optics, 8.5)
_SPOT = {"circ": 2.4393, "rect": 2.0}


def opening_size(way: Mapping[str, Any], lam: float, opening: Mapping[str, Any]) -> Any:
    """Give the size of the opening [m], that which makes the focal spot if one is asked for.

    Raises
    ------
    ParameterError
        If a spot size is asked for without a lens.
    """
    spot = way.get("spot_size")
    if not spot:
        return opening.get("size")
    focal = way.get("focussed")
    if not focal:
        raise ParameterError(
            f"illumination.propagation.spot_size  {spot}  needs a lens: give `focussed`, "
            "its focal length [m]"
        )
    return _SPOT.get(str(opening.get("form", "circ")), 2.0) * lam * float(focal) / float(spot)


def travel(
    field: npt.NDArray[np.complex128], way: Mapping[str, Any], geometry: Geo, pupil_pixel: Pair
) -> npt.NDArray[np.complex128]:
    """Propagate from the opening to the sample.

    Parameters
    ----------
    field : (K, H, W) complex128
        Behind the opening, in pixels of ``pupil_pixel`` [m].
    way : mapping
        ``illumination.propagation``: ``focussed`` and ``parallel`` [m].
    geometry : Geo
        Wavelength and resolution at the sample.

    Returns
    -------
    (K, H, W) complex128
        At the sample, in pixels of ``geometry.resolution``; the power is that of ``field``.
    """
    height, width = field.shape[-2:]
    shape, lam = (height, width), geometry.lam
    focal, distance = way.get("focussed"), way.get("parallel")
    if focal:
        if focal < 0:
            raise ParameterError(
                f"illumination.propagation.focussed  {focal}  should be a focal length > 0 [m]; "
                "put the sample off the focus with `parallel`"
            )
        lens = FarField(
            shape,
            lam,
            float(focal),
            psize=geometry.resolution,
            resolution=pupil_pixel,
            center=np.array(shape) // 2,
        )
        # A perfect lens takes away just the curvature that propagation would add.
        field = np.asarray(lens.fw(field * lens.pre_phase.conj()))
    if distance:
        _warn_of_aliasing(shape, geometry, abs(float(distance)))
        along = NearField(shape, lam, abs(float(distance)), geometry.resolution)
        field = np.asarray(along.fw(field) if distance > 0 else along.bw(field))
    return field


def _warn_of_aliasing(shape: tuple[int, int], geometry: Geo, distance: float) -> None:
    """Say so if the wave may leave its field on one side and come in on the other."""
    spread = geometry.lam * distance / geometry.resolution
    extent = np.array(shape) * geometry.resolution
    if (spread > extent).any():
        from ptypy.utils.verbose import logger

        logger.warning(
            "the probe propagates over %g m in a field of %.3g um: fine features spread over "
            "%.3g um and wrap around; a larger illumination.propagation.antialiasing gives "
            "them room",
            distance,
            extent.min() * 1e6,
            spread.max() * 1e6,
        )
