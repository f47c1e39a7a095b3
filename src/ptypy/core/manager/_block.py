"""What an engine holds at once: frames, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ptypy.core.classes import Addresses, Storage
    from ptypy.core.geometry import Geo

__all__ = ["FINEST", "Block", "Colour", "Frames"]

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


@dataclass(frozen=True, slots=True, eq=False)
class Colour:
    """Light of one wavelength: its probe, the object as it sees it, its way to the detector.

    Its waves are those of every layer of the probe behind every layer of the object.
    """

    probe: Storage
    """Probe that frames were taken with; its layers are modes (see `Block.probe_rows`)."""
    obj: Storage
    """Object that the frames see; its layers are modes."""
    geometry: Geo
    """Setup of the waves: shape, resolution, propagator."""
    object_views: Addresses
    """One view a frame, the same for every layer of the object; its corners are `corners`."""

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
        places, shifts = self.places_at(self.object_views.coord)
        return (places - self.corners, shifts) if shifts.any() else (None, None)

    def places_at(
        self, coord: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Tell where in the object frames at some coordinates lie.

        Parameters
        ----------
        coord : (n, 2) float64
            Where the centre of the probe falls on the object [m], (y, x).

        Returns
        -------
        corners : (n, 2) int64
            Pixels above and to the left of the frames' upper left pixels.
        shifts : (n, 2) float64
            Part of a pixel from there to the frame, from 0 to below 1.
        """
        middle = np.array(self.object_views.shape) // 2
        exact = coord / self.obj.psize + self.obj.center - middle
        parts = np.floor(exact * FINEST + 0.5).astype(np.int64)
        return parts // FINEST, (parts % FINEST) / FINEST


@dataclass(slots=True, eq=False)
class Block:
    """Frames of one scan that arrived together, and what they meet.

    The detector sees the intensities of all waves that do not interfere::

        I_j = sum over r x r pixels of
              sum over colours, probe modes m, object modes l of |fw(P_m O_l[view j])|^2

    where ``fw`` propagates, see `Colour.geometry`, and r is `resample`.
    """

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
    colours: tuple[Colour, ...]
    """Wavelengths of the light, at least one."""
    tot_power: float
    """Counts in the trusted pixels of all frames of the block, on this process."""
    max_power: float
    """Counts in the trusted pixels of the brightest frame of the scan, on any process."""
    resample: int = 1
    """Edge of a pixel of the data in pixels of the wave: waves have ``(H, W) * resample``."""
    probe_rows: npt.NDArray[np.int64] | None = None
    """Layers of the probe that each frame meets, its modes, shape (N, modes), where frames have
    probes of their own. None: every frame meets all layers."""

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
    def probe(self) -> Storage:
        """Probe of the first colour."""
        return self.colours[0].probe

    @property
    def obj(self) -> Storage:
        """Object of the first colour."""
        return self.colours[0].obj

    @property
    def geometry(self) -> Geo:
        """Setup of the first colour."""
        return self.colours[0].geometry

    @property
    def object_views(self) -> Addresses:
        """Views on the object of the first colour, one a frame."""
        return self.colours[0].object_views

    @property
    def corners(self) -> npt.NDArray[np.int64]:
        """Those of the first colour, see `Colour.corners`."""
        return self.colours[0].corners

    def between_pixels(
        self,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]] | tuple[None, None]:
        """Tell how far frames lie beside pixels of the first colour's object."""
        return self.colours[0].between_pixels()

    def move_to(self, coord: npt.NDArray[np.float64]) -> None:
        """Let the frames see the object elsewhere; `positions` stay as they were recorded.

        Parameters
        ----------
        coord : (N, 2) float64
            Where the centre of the probe falls on the object [m], (y, x). The object must have
            room for the frames there.
        """
        for colour in self.colours:
            views = colour.object_views
            views.coord[...] = coord
            views.corner[...] = colour.obj.corners_of(views.coord, views.shape)

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        height, width = self.counts.shape[1:]
        return f"<Block {self.number} of {self.label}: {len(self)} frames of {height} x {width} px>"
