"""What an engine holds at once: frames, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ptypy.core.classes import Addresses, Storage
    from ptypy.core.geometry import Geo

__all__ = ["FINEST", "Block", "Frames"]

FINEST = 1024
"""Parts of a pixel that positions are told apart by, so that whole pixels stay whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Where the counts and masks of a block are kept."""

    diff: Storage
    """Storage that holds the counts."""
    rows: slice
    """Its layers that are the block's."""
    diff_views: Addresses
    """One view a frame."""
    mask: Storage
    """Storage that holds the masks."""
    mask_rows: int | slice
    """Its layer, if all frames share a mask, or its layers."""
    mask_views: Addresses
    """One view a frame."""


@dataclass(slots=True, eq=False)
class Block:
    """Frames of one scan that arrived together, and what they meet."""

    label: str
    """Label of the scan."""
    number: int
    """How many blocks of the scan came before."""
    frames: Frames
    """Where counts and masks are kept."""
    indices: npt.NDArray[np.int64]
    """Scan-point index of every frame, shape (N,)."""
    places: npt.NDArray[np.int64]
    """Place of every frame among all of the scan, of all processes, as they arrived; (N,)."""
    num_everywhere: int
    """Frames that arrived together with these, on all processes."""
    positions: npt.NDArray[np.float64]
    """Where the centre of the probe fell on the object [m], (y, x), shape (N, 2)."""
    weights: npt.NDArray[np.float32] | None
    """Weights of the pixels, (H, W) or (N, H, W), where they are more than the mask."""
    object_views: Addresses
    """One view a frame; its corners are `corners`."""
    obj: Storage
    """Object that the frames see."""
    probe: Storage
    """Probe that they were taken with; its layers are modes."""
    geometry: Geo
    """Setup that they were taken in."""
    tot_power: float
    """Counts in the trusted pixels of all frames of the block, on this process."""
    max_power: float
    """Counts in the trusted pixels of the brightest frame of the scan, on any process."""

    @property
    def counts(self) -> npt.NDArray[np.float32]:
        """Photon counts, shape (N, H, W): the frames themselves, not a copy."""
        counts: npt.NDArray[np.float32] = self.frames.diff.data[self.frames.rows]
        return counts

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """True where counts may be trusted; (H, W) for all frames, or (N, H, W)."""
        mask: npt.NDArray[np.bool_] = self.frames.mask.data[self.frames.mask_rows]
        return mask

    @property
    def corners(self) -> npt.NDArray[np.int64]:
        """Upper left pixel of every frame in ``obj.data``, shape (N, 2).

        Always one and the same array, changed in place when the object grows.
        """
        return self.object_views.corner

    def between_pixels(
        self,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]] | tuple[None, None]:
        """Tell how far frames lie beside the pixels of the object that `corners` names.

        Returns
        -------
        offsets : (N, 2) int64
            From `corners` to the pixels above and to the left of each frame, 0 or -1.
        shifts : (N, 2) float64
            Part of a pixel from there to the frame, from 0 to below 1. None for both if all
            frames lie on whole pixels.
        """
        views = self.object_views
        exact = views.coord / self.obj.psize + self.obj.center - np.array(views.shape) // 2
        parts = np.floor(exact * FINEST + 0.5).astype(np.int64)
        shifts = (parts % FINEST) / FINEST
        return (parts // FINEST - views.corner, shifts) if shifts.any() else (None, None)

    def move_to(self, coord: npt.NDArray[np.float64]) -> None:
        """Let the frames see the object elsewhere; `positions` stay as they were recorded.

        Parameters
        ----------
        coord : (N, 2) float64
            Where the centre of the probe falls on the object [m], (y, x). The object must have
            room for the frames there.
        """
        views = self.object_views
        views.coord[...] = coord
        views.corner[...] = self.obj.corners_of(views.coord, views.shape)

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        height, width = self.counts.shape[1:]
        return f"<Block {self.number} of {self.label}: {len(self)} frames of {height} x {width} px>"
