"""The arrays of a chunk, checked before any file is touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError

__all__ = ["ChunkForm", "checked"]


@dataclass(frozen=True, slots=True)
class ChunkForm:
    """All of a chunk but its frames."""

    shape: tuple[int, int, int]
    """Of the frames: (M, H, W)."""
    dtype: np.dtype[Any]
    """Of the frames, in the byte order of this machine."""
    indices: npt.NDArray[np.int64]
    positions: npt.NDArray[np.float64] | None
    weights: npt.NDArray[Any] | None
    """(M, H, W), or (H, W) for all frames, or None."""


def checked(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    indices: npt.ArrayLike,
    positions: npt.ArrayLike | None,
    weights: npt.ArrayLike | None,
) -> ChunkForm:
    """Make arrays of what was given.

    Raises
    ------
    DataError
        With everything that does not fit.
    """
    if len(shape) != 3 or dtype.kind not in "biuf" or 0 in shape:
        raise DataError(
            f"frames are {dtype} of shape {shape}; they should be real numbers of "
            "shape (frames, height, width)"
        )
    faults = []
    frames, height, width = shape
    numbers = np.asarray(indices)
    if numbers.shape != (frames,) or numbers.dtype.kind not in "iu":
        faults.append(f"indices are {numbers.dtype} of shape {numbers.shape}, not int ({frames},)")
    elif np.unique(numbers).size < frames:
        faults.append("two frames have the same index")
    places = None if positions is None else np.asarray(positions, dtype=np.float64)
    if places is not None and places.shape != (frames, 2):
        faults.append(f"positions have shape {places.shape}, not ({frames}, 2)")
    elif places is not None and not np.isfinite(places).all():
        faults.append("positions hold values that are not finite numbers")
    trust = None if weights is None else np.asarray(weights)
    if trust is not None and trust.shape not in ((height, width), shape):
        faults.append(f"weights have shape {trust.shape}, not {(height, width)} or {shape}")
    elif trust is not None and trust.dtype.kind not in "biuf":
        faults.append(f"weights are {trust.dtype}, not bool or real numbers")
    if faults:
        raise DataError("a chunk does not fit together: " + "; ".join(faults))
    if trust is not None and trust.ndim == 3 and (trust == trust[0]).all():
        trust = trust[0]
    native = dtype.newbyteorder("=")
    return ChunkForm((frames, height, width), native, numbers.astype(np.int64), places, trust)
