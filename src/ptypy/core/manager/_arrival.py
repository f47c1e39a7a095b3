"""Frames of a chunk, checked and weighed before they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.core.manager._block import Frames
from ptypy.core.manager._statistics import photons_of
from ptypy.errors import DataError

if TYPE_CHECKING:
    from ptypy.core.data import Chunk
    from ptypy.core.geometry import Geo
    from ptypy.core.manager._setups import Margins

__all__ = ["Kept", "TakenFrames", "take_frames"]


class Kept(NamedTuple):
    """A chunk whose frames are where they will stay."""

    frames: Frames
    photons: npt.NDArray[np.float64]
    indices: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    positions: npt.NDArray[np.float64]
    everyones_positions: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float32] | None


class TakenFrames(NamedTuple):
    """Frames as a scan keeps them."""

    counts: npt.NDArray[np.float32]
    """Shape (N, H, W)."""
    mask: npt.NDArray[np.bool_]
    """Shape (H, W) or (N, H, W)."""
    photons: npt.NDArray[np.float64]
    """In trusted pixels, shape (N,)."""
    weights: npt.NDArray[np.float32] | None
    """Those of the chunk."""


def take_frames(chunk: Chunk, detector: Geo, margins: Margins) -> TakenFrames:
    """Check the frames of a chunk, give them their margins, and weigh them.

    Parameters
    ----------
    chunk : Chunk
        Its array is taken over, not copied, where it is nobody else's.
    detector : Geo
        Setup that the frames were taken in.
    margins : Margins
        Nothing is known, nor trusted, in what they add.

    Raises
    ------
    DataError
        If the mask does not fit, or a trusted pixel is not a finite number.
    """
    height, width = (int(n) for n in detector.shape)
    counts = np.require(chunk.data, np.float32, ["C", "W"]).reshape(-1, height, width)
    if not chunk.is_private and np.may_share_memory(counts, chunk.data):
        # Counts change in place from here on: the loader's own array is not ours to change.
        counts = counts.copy()
    mask = np.asarray(chunk.mask, bool)
    if mask.shape not in {(height, width), counts.shape}:
        raise DataError(f"a mask of shape {mask.shape} does not fit frames {counts.shape}")
    weights = chunk.weights
    if margins:
        counts, mask = margins.around(counts, 0), margins.around(mask, False)
        weights = None if weights is None else margins.around(weights, 0)
    try:
        photons = photons_of(counts, mask)
    except DataError as error:
        row, y, x = np.argwhere(~np.isfinite(counts) & mask)[0]
        what = f"{counts[row, y, x]} in its trusted pixel ({y}, {x}): mask such pixels"
        raise DataError(f"frame {chunk.indices_node[row]} holds {what}") from error
    return TakenFrames(counts, mask, photons, weights)
