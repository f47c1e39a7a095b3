"""Whether the counts lie where the optical axis is said to be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ptypy.core.data import _distribute as distribute
from ptypy.core.data._plan import Plan
from ptypy.core.data._sums import FrameSums
from ptypy.utils.verbose import logger

__all__ = ["warn_of_center"]

FARTHEST = 0.25
"""Counts lie no farther from the optical axis than this share of the region, as a rule."""


def _moments(sums: FrameSums | None) -> npt.NDArray[np.float64]:
    """Add up counts times row, counts times column and counts of frames that have any."""
    if sums is None:
        return np.zeros(3)
    # Counts below zero are noise about zero: what is left over has its centre anywhere.
    lit = (sums.photons > 0) & np.isfinite(sums.centers).all(axis=1) & (sums.darkest >= 0)
    photons = np.where(lit, sums.photons, 0)
    moments = np.where(lit, sums.centers.T * photons, 0).sum(axis=1)
    return np.array([*moments, photons.sum()], dtype=np.float64)


def warn_of_center(sums: FrameSums | None, plan: Plan) -> None:
    """Say loudly that first frames have their counts far from the axis; all processes call this.

    Where rows and columns of `center` were mixed up, or it was counted in binned pixels, the region
    misses most of the counts, and no reconstruction finds out.
    """
    y, x, photons = distribute.total(_moments(sums))
    if photons <= 0:
        return
    found, region = np.array([y, x]) / photons, np.array(plan.region)
    axis = np.array([plan.top, plan.left]) + region // 2
    if (np.abs(found - axis) > FARTHEST * region).any():
        logger.error(
            "the counts in the region of the first frames lie about row %.0f, column %.0f of the "
            "raw frame, far from its middle, row %d, column %d: is `center` (row, column), in raw "
            "pixels?", *found, *axis,
        )  # fmt: skip
