"""What a file, or a set of files, of detector frames offers, whatever its format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ptypy.io.stored_stack import StoredStack

__all__ = ["FrameSource", "Recorded"]


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """What files say about how frames were taken; None where they say nothing."""

    energy: float | None = None
    """Energy of the photons, or of the electrons [keV]."""
    distance: float | None = None
    """From sample to detector [m]."""
    psize: tuple[float, float] | None = None
    """Size of a pixel (y, x) [m]."""
    center: tuple[float, float] | None = None
    """Where the beam meets a frame (y, x) [px]."""
    saturation: float | None = None
    """Counts from which on a pixel does not count any more."""
    bad: npt.NDArray[np.bool_] | None = None
    """True where a pixel must not be trusted (H, W)."""
    dark: npt.NDArray[Any] | None = None
    """Frame without beam (H, W)."""
    flat: npt.NDArray[Any] | None = None
    """Response of the pixels, by which frames are to be divided (H, W)."""
    positions: npt.NDArray[np.float64] | None = None
    """Where the beam hit the sample (N, 2), (y, x) [m]."""


class FrameSource(Protocol):
    """Frames in files, looked into but not read yet. Pickles, and keeps no file open."""

    @property
    def name(self) -> str:
        """The files, for messages."""

    @property
    def count(self) -> int:
        """Number of frames."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a frame."""

    @property
    def recorded(self) -> Recorded:
        """What the files say beside the frames."""

    def read(self, indices: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Read frames (n, H, W), memory-mapped where the files allow it."""

    def stack(self, indices: Sequence[int] | npt.NDArray[np.int64]) -> StoredStack | None:
        """Find frames without reading them; None if that cannot be."""

    def suspects(self) -> str:
        """Name files that seem to be missing, for messages; empty if there are none."""
