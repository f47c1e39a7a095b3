"""Which stored counts no detector counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["invalid_counts"]

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
