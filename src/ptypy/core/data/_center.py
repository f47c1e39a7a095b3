"""Where the optical axis meets the detector, judged by the counts themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.data import _distribute as distribute
from ptypy.core.data._plan import Plan
from ptypy.core.data._prepare import Correction, Stack, as_native
from ptypy.core.data._sums import FrameSums
from ptypy.io.counts import invalid_counts
from ptypy.io.stored_stack import StoredStack
from ptypy.utils.verbose import logger

__all__ = ["sum_centers", "warn_of_center"]

FARTHEST = 0.25
"""Counts lie no farther from the optical axis than this share of the region, as a rule."""


def sum_centers(
    frames: Stack, usable: npt.NDArray[np.bool_], fix: Correction | None = None
) -> npt.NDArray[np.float64]:
    """Add up the centres of mass of frames.

    Every frame counts the same, however bright: the direct beam is in the same place in all of
    them, what a bright frame scatters is not.

    Parameters
    ----------
    frames : (N, H, W) array, or sequence of N (H, W)
        Raw counts.
    usable : (H, W) or (N, H, W) bool
        False for pixels that must not be looked at.
    fix : Correction, optional
        Its dark is subtracted and the flat field divided by first.

    Returns
    -------
    (3,) float64
        Sum of the centres' y, of their x [px], and the number of frames that have one: a frame
        without counts has none.
    """
    from ptypy.core.data._kernel import mass_block

    dark, gain = (None, None) if fix is None else fix.arrays(np.float64)
    masks = usable.reshape(-1, *usable.shape[-2:])
    sums = np.zeros((len(frames), 3))
    if isinstance(frames, np.ndarray):
        mass_block(as_native(frames), dark, gain, masks, sums)
    else:
        for k, frame in enumerate(frames):
            mask = masks[k % len(masks)][None]
            if isinstance(frames, StoredStack):
                mask = mask & ~invalid_counts(frame[None], frames.limit)
            mass_block(as_native(frame[None]), dark, gain, mask, sums[k : k + 1])
    lit = sums[sums[:, 0] > 0]
    total: Any = (lit[:, 1:] / lit[:, :1]).sum(axis=0)
    return np.array([*total, len(lit)], dtype=np.float64)


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
