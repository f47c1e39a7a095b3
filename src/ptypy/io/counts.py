"""Which stored counts no detector counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.utils.verbose import logger

__all__ = ["invalid_counts", "tell_of_empty"]

Array = npt.NDArray[Any]


def invalid_counts(frames: Array, limit: float | None) -> npt.NDArray[np.bool_]:
    """Mark counts that no detector counts: negative integers, and those from a limit on.

    Parameters
    ----------
    frames : ndarray
        Counts as they are stored, before anything is subtracted.
    limit : float or None

    Returns
    -------
    bool, the shape of ``frames``
    """
    bad = np.zeros(frames.shape, dtype=bool)
    if frames.dtype.kind == "b":
        return bad
    if limit is not None and frames.size and frames.max() < limit:
        pass  # as nearly always, and found out in a fraction of the time
    elif limit is not None:
        # Compared in double precision: float16 could not hold the limit.
        np.greater_equal(frames, np.float64(limit), out=bad)
    return bad | (frames < 0) if frames.dtype.kind == "i" else bad


def tell_of_empty(label: str, empty: Sequence[int] | npt.NDArray[np.int64], count: int) -> None:
    """Say which frames hold no count at all, if any: perhaps nobody has written them.

    Parameters
    ----------
    label : str
        The file.
    empty : (n,) int
        Numbers of these frames, as they are counted in the file.
    count : int
        How many were looked at.
    """
    if len(empty):
        logger.error(
            "%s: %d of %d frames hold no count at all, the first of them is frame %d: was it ever "
            "written?",
            label,
            len(empty),
            count,
            empty[0],
        )
