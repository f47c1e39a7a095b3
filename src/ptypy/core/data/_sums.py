"""What the loop over raw frames sees of each of them: columns of a table, and their meaning."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.core.data._plan import Plan

__all__ = [
    "ACROSS",
    "BRIGHTEST",
    "DARKEST",
    "DOWN",
    "SUMS",
    "TOTAL",
    "FrameSums",
    "count_again",
    "frame_sums",
    "in_raw",
]

TOTAL: Final = 0
"""Counts of the prepared frame."""
DOWN: Final = 1
"""Counts times row, before the frame is turned."""
ACROSS: Final = 2
"""Counts times column."""
BRIGHTEST: Final = 3
"""Largest raw value, or 0."""
DARKEST: Final = 4
"""Smallest raw value, or 0."""
SUMS: Final = 5
"""How many there are."""


class FrameSums(NamedTuple):
    """What the loop has seen of every frame on its way."""

    photons: npt.NDArray[np.float64]
    """(n,) counts of the prepared frame, where it is trusted."""
    centers: npt.NDArray[np.float64]
    """(n, 2) their centre of mass (y, x) in the raw frame [px]; NaN where there are no counts."""
    brightest: npt.NDArray[np.float64]
    """(n,) largest raw count in the region where the detector is usable, or 0."""
    darkest: npt.NDArray[np.float64]
    """(n,) smallest raw count there, or 0."""


def frame_sums(found: npt.NDArray[Any], plan: Plan) -> FrameSums:
    """Give what a table (n, SUMS) of the loop means."""
    photons = found[:, TOTAL]
    with np.errstate(all="ignore"):
        centers = found[:, DOWN : DOWN + 2] / photons[:, None]
    return FrameSums(photons, in_raw(centers, plan), found[:, BRIGHTEST], found[:, DARKEST])


def in_raw(places: npt.NDArray[np.float64], plan: Plan) -> npt.NDArray[np.float64]:
    """Turn places (..., 2) in a prepared frame that is not turned yet into raw ones [px]."""
    # The middle of a block of pixels lies between them.
    return np.asarray((plan.top, plan.left) + plan.rebin * (places + 0.5) - 0.5)


def count_again(
    sums: FrameSums,
    data: npt.NDArray[Any],
    mask: npt.NDArray[np.bool_],
    which: npt.NDArray[np.int64],
    plan: Plan,
) -> FrameSums:
    """Count photons again, and find their centre, in frames of which less is trusted by now.

    Parameters
    ----------
    sums : FrameSums
        As the loop has seen them; it is not changed.
    data : (n, h, w)
        Prepared frames.
    mask : (h, w) or (n, h, w) bool
    which : (m,) int
        The frames in question.
    plan : Plan
    """
    photons, centers = sums.photons.copy(), sums.centers.copy()
    for k in which.tolist():
        trusted = mask if mask.ndim == 2 else mask[k]
        counts = plan.unturned(np.where(trusted, data[k], 0)).astype(np.float64)
        sides = counts.sum(axis=1), counts.sum(axis=0)
        photons[k] = sides[0].sum()
        with np.errstate(all="ignore"):
            place = [side @ np.arange(len(side)) / photons[k] for side in sides]
        centers[k] = in_raw(np.array(place), plan)
    return sums._replace(photons=photons, centers=centers)
