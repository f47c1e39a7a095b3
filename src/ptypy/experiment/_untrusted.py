"""Which counts no detector counts: what all loaders take for invalid, and where that is said.

- A **negative integer** marks a pixel that did not count (gaps, dead pixels). Negative *floats* are
  left alone: they are what is left of noise where a dark frame was subtracted before.
- The **largest value of an unsigned integer**, 2^n - 1, marks a pixel that did not count, or one
  that counted all its type can hold.
- Counts from a **saturation limit** on, of any type, where the user or the file names one. A limit
  that the user names counts alone; ``inf`` lets even 2^n - 1 pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.data import PtyScan
from ptypy.io.counts import invalid_counts, tell_of_empty
from ptypy.utils import parallel

__all__ = [
    "can_stay_stored",
    "saturation_limit",
    "say_empty",
    "trusted_counts",
]

Bools = npt.NDArray[np.bool_]
Part = tuple[slice, slice]


def can_stay_stored(scan: PtyScan, loader: type[PtyScan]) -> bool:
    """Say whether nobody but the preparation looks at frames, so that it can read them in place.

    Parameters
    ----------
    scan : PtyScan
    loader : type
        The class whose `load_block` means to leave frames in their file.
    """
    own = {"correct": PtyScan.correct, "load": loader.load, "load_block": loader.load_block}
    looks = any(name in vars(scan) or getattr(type(scan), name) is not own[name] for name in own)
    # Frames are sent as arrays, which have no limit of their own.
    sends = parallel.size > 1 and not scan.load_in_parallel
    return not (looks or sends)


def saturation_limit(
    dtype: npt.DTypeLike, asked: float | None = None, recorded: float | None = None
) -> float | None:
    """Give the counts from which on a pixel is not trusted; None if there are none.

    Parameters
    ----------
    dtype : dtype
        Type of the counts as they are stored.
    asked : float, optional
        What the user names; this counts alone.
    recorded : float, optional
        What the file names.

    Examples
    --------
    >>> saturation_limit("uint16"), saturation_limit("uint16", recorded=6e4)
    (65535.0, 60000.0)
    >>> saturation_limit("float32") is None
    True
    """
    if asked is not None:
        return float(asked)
    stored = np.dtype(dtype)
    limits = [] if recorded is None else [float(recorded)]
    if stored.kind == "u":
        limits.append(float(np.iinfo(stored).max))
    return min(limits, default=None)


def trusted_counts(
    frames: npt.NDArray[Any],
    limit: float | None,
    *,
    weight: npt.NDArray[Any] | None = None,
    part: Part | None = None,
) -> Bools | None:
    """Give the masks of frames of which some hold invalid counts.

    Parameters
    ----------
    frames : (n, H, W)
        Counts as they are stored.
    limit : float or None
        See `saturation_limit`.
    weight : (H, W), optional
        Mask of all frames, positive where a pixel is trusted. Pixels it does not trust need no
        mask of their own.
    part : (rows, columns), optional
        Slices of that part of the frames that will be used; the rest is not looked at.

    Returns
    -------
    (n, H, W) bool or None
        True where a pixel may be trusted, ``weight`` included. None if it tells all there is.
    """
    rows, columns = (slice(None), slice(None)) if part is None else part
    seen = frames[:, rows, columns]
    kind = frames.dtype.kind
    # Most blocks have no such count: the extremes tell at the price of one look, without a copy.
    too_high = limit is not None and seen.size > 0 and kind != "b" and _largest(seen) >= limit
    too_low = kind == "i" and seen.size > 0 and seen.min() < 0
    if not too_high and not too_low:
        return None
    bad = invalid_counts(seen, limit)
    if weight is not None:
        bad &= weight[rows, columns] > 0
    if not bad.any():
        return None
    shared = np.ones(frames.shape[1:], dtype=bool) if weight is None else weight > 0
    trusted = np.repeat(shared[None], len(frames), axis=0)
    trusted[:, rows, columns] &= ~bad
    return trusted


def say_empty(frames: npt.NDArray[Any], numbers: npt.NDArray[np.int64], name: str) -> None:
    """Say which frames hold no count at all: perhaps nobody has written them.

    Parameters
    ----------
    frames : (n, H, W)
        Counts as they are stored, that part of them that will be used.
    numbers : (n,) int64
        How the frames are counted in the file.
    name : str
        The file.
    """
    if not frames.size:
        return
    # Few frames have no count in the row in their middle: only these are looked at as a whole.
    suspects = np.flatnonzero(~frames[:, frames.shape[1] // 2].any(axis=1))
    empty = [int(numbers[k]) for k in suspects if not frames[k].any()]
    tell_of_empty(name, empty, len(frames))


def _largest(frames: npt.NDArray[Any]) -> float:
    """Give the largest value; what is no number does not count."""
    return float(np.fmax.reduce(frames, axis=None) if frames.dtype.kind == "f" else frames.max())
