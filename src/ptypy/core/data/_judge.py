"""What the first frames decide: optical axis, region, pixels that are not trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.data._bad_pixels import find_bad_pixels, tell_of_doubtful
from ptypy.core.data._found import Found
from ptypy.core.data._load import Loaded
from ptypy.core.data._look import COUNTS, Look, look, spare_axis
from ptypy.core.data._prepare import Correction
from ptypy.core.data._region import choose_region
from ptypy.core.data._settings import Settings
from ptypy.utils.verbose import logger

__all__ = ["judge"]

Pair = tuple[int, int]


def judge(
    settings: Settings,
    loaded: Loaded,
    raw: Pair,
    indices: tuple[Sequence[int], Sequence[int]],
    *,
    weights: npt.NDArray[Any] | None,
    fix: Correction | None,
) -> Found:
    """Look at the first frames and decide what they are to decide. All processes call this.

    Pixels that are not trusted, or stand out as no wave makes them, have no say.

    Parameters
    ----------
    settings : Settings
    loaded, raw, indices, weights, fix
        As for `Pipeline.decide`.
    """
    slots, mine = indices
    fully = settings.find_bad_pixels
    seen = look(loaded, raw, slots, mine, weights=weights, fix=fix, fully=fully)
    center = _find_center(seen, raw) if settings.must_find_center else None
    axis = settings.center_in(raw) if center is None else center
    spare_axis(seen.strange, axis)
    if not fully:
        tell_of_doubtful(seen.strange)
    bad = find_bad_pixels(seen) if fully else None
    if not settings.finds_region:
        return Found(center, None, bad)
    without = seen.strange != 0
    if bad is not None:
        without[bad[:, 0], bad[:, 1]] = True
    shape = choose_region(seen.tables[COUNTS], seen.trusted & ~without, axis, settings.rebin)
    return Found(center, shape, bad)


def _find_center(seen: Look, raw: Pair) -> tuple[float, float]:
    """Find where the optical axis is; where there are no counts at all it is the middle."""
    first = seen.center(seen.strange != 0)
    if first is not None:
        # A bright pixel near it is the beam itself, and counts.
        spare_axis(seen.strange, first)
    center = seen.center(np.zeros(raw, bool) if first is None else seen.strange != 0)
    if center is None:
        logger.warning(
            "the first frames have no counts, so their centre cannot be found: the middle of the "
            "frame is used; give `center`, or more frames to the first call of auto()"
        )
        return (float(raw[0] // 2), float(raw[1] // 2))
    logger.info("optical axis found at row %.2f, column %.2f of the raw frame", *center)
    return center
