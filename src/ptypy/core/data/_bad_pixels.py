"""Pixels that do not count as others do, found by what the first frames have in common."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ptypy.core.data._look import (
    COUNTS,
    OUTSTANDING,
    PIT,
    SQUARES,
    TRUSTED,
    Look,
    spare_axis,
    stand_out,
)
from ptypy.core.data._pipeline import Prepared
from ptypy.core.data._plan import Plan
from ptypy.utils import parallel
from ptypy.utils.verbose import logger

__all__ = ["find_bad_pixels", "suggest_search"]

Mask = npt.NDArray[np.bool_]

LEAST_FRAMES = 8
"""So few frames tell chance from fault."""
FRAMES_OF_ONE_VALUE = 16
"""In so many frames chance gives no pixel the same count of 1 or more: 0.37^16 is 1e-7."""
MOST_AGREE = 0.01
"""If a larger share of the pixels is too bright, or never changes, it is not their fault."""
SMALL = 64
"""A dark patch of so few pixels may lie at the border of the frame."""
RIM = 0.9
"""Share of the pixels about a dark patch that must count."""


def find_bad_pixels(seen: Look) -> npt.NDArray[np.int64] | None:
    """Find dead, hot, stuck and saturated pixels; see the page on this decision (0017).

    Returns
    -------
    (n, 2) int64 or None
        Their rows and columns in the raw frame; None if there are too few frames to tell.
    """
    if seen.count < LEAST_FRAMES:
        logger.error(
            "`find_bad_pixels` needs %d frames in the first block, and there are %d: no pixel is "
            "looked for; ask auto() for more frames, or set `min_frames`",
            LEAST_FRAMES,
            seen.count,
        )
        return None
    counts, squares, often, bright = seen.tables[[COUNTS, SQUARES, TRUSTED, OUTSTANDING]]
    most = seen.count / 2
    # Whoever is untrusted in most frames need not be asked about in the others.
    saturated = seen.trusted & (often < most)
    judged = seen.trusted & ~saturated
    hot = _credible(judged & (bright > most) & (seen.strange > 0), judged, "too bright")
    dead, stuck = _dark_patches(counts, judged), np.zeros_like(hot)
    if seen.count >= FRAMES_OF_ONE_VALUE:
        same = np.abs(squares * often - counts**2) <= 1e-9 * counts**2
        alike = same & judged & ~hot & (counts >= often) & (often >= FRAMES_OF_ONE_VALUE)
        stuck = _credible(alike, judged, "constant")
        # Frames that are all the same do not tell what never counts.
        dead &= np.bool_(stuck.any() or not alike.any())
    kinds = {"dead": dead, "hot": hot, "stuck": stuck, "saturated": saturated}
    bad = dead | hot | stuck | saturated
    places = np.argwhere(bad).astype(np.int64)
    listed = ", ".join(f"{int(kind.sum())} {name}" for name, kind in kinds.items() if kind.any())
    if len(places):
        logger.warning(
            "%d pixel(s) of the raw frame are not trusted in any frame, by `find_bad_pixels`: %s; "
            "the first is row %d, column %d, all are in `info.found_bad_pixels` (row, column)",
            len(places),
            listed,
            *places[0],
        )
    else:
        logger.info("`find_bad_pixels` has found none in the first %d frames", seen.count)
    return places


def _credible(found: Mask, judged: Mask, what: str) -> Mask:
    """Take nothing for a fault that a good part of the detector has."""
    if found.sum() <= max(MOST_AGREE * judged.sum(), 1):
        return found
    logger.error(
        "%d of %d pixels are %s in the first frames: that is not taken for a fault of theirs, and "
        "they stay trusted",
        found.sum(),
        judged.sum(),
        what,
    )
    return np.zeros_like(found)


def _dark_patches(counts: npt.NDArray[np.float64], judged: Mask) -> Mask:
    """Find patches of pixels that never count, whose rims do."""
    dark: Mask = judged & (counts == 0)
    if not dark.any():
        return dark
    from scipy.ndimage import label

    labels, number = label(dark, np.ones((3, 3)))
    patch, rim = labels[dark], judged & ~dark
    is_lit, edge = rim & (counts >= PIT), np.zeros_like(dark)
    around = [_neighbours(each, each is edge)[dark] for each in (is_lit, rim & ~is_lit, edge)]
    lit, unlit, outside = (np.bincount(patch, each, number + 1) for each in around)
    # What is dark all the way to the border of the frame may be where no signal gets to.
    unlit += np.where(np.bincount(patch, minlength=number + 1) > SMALL, outside, 0)
    is_fault = (lit >= 3) & (lit >= RIM * (lit + unlit))
    is_fault[0] = False
    return np.asarray(is_fault[labels], dtype=bool)


def _neighbours(mask: Mask, beyond: bool) -> npt.NDArray[np.uint8]:
    """Count for every pixel of how many neighbours something is true, ``beyond`` outside."""
    padded = np.pad(mask, 1, constant_values=beyond).view(np.uint8)
    across = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    return np.asarray(across[:-2] + across[1:-1] + across[2:])


def suggest_search(prepared: Prepared, plan: Plan) -> None:
    """Say once, on the master, that some pixels of the first frames are doubtful, if any are.

    Only as many frames as it takes to tell are looked at, where they are in memory anyway. Binned
    pixels are not: peaks may be as narrow as they are.
    """
    data, mask = prepared.data, prepared.mask
    if not parallel.master or plan.rebin > 1 or len(data) < LEAST_FRAMES or mask.ndim == 3:
        return
    strange = stand_out(data[:LEAST_FRAMES].sum(axis=0, dtype=np.float64), mask)
    spare_axis(strange, plan.center)
    tell_of_doubtful(strange)


def tell_of_doubtful(strange: npt.NDArray[np.int8]) -> None:
    """Suggest to look for bad pixels, if any are strange."""
    hot, dead = int((strange > 0).sum()), int((strange < 0).sum())
    if hot or dead:
        logger.warning(
            "%d pixel(s) of the first frames are brighter than any wave makes them, %d count "
            "nothing amid others that do: `find_bad_pixels=True` takes trust from such pixels",
            hot,
            dead,
        )
