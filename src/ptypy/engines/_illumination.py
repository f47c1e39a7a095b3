"""Probes in the form that the kernels read."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.engines._constraints import confine

if TYPE_CHECKING:
    from ptypy.core.classes import Storage

__all__ = ["Illumination", "digest"]

Complex = npt.NDArray[np.complexfloating[Any, Any]]


class Illumination:
    """A probe storage as the kernels want it: times the phase of the geometry.

    A far field is the plain Fourier transform of the exit wave times a quadratic phase.
    Multiplying the probe by that phase once saves a multiplication for each frame. The
    storage itself is physical whenever somebody else may look at it.

    Parameters
    ----------
    storage : Storage
        Its layers are modes, or as many modes for each of several sets of frames.
    pre_phase : (H, W) complex, optional
        Phase of the geometry; made of modulus 1 to the precision of the storage. None leaves the
        waves as they are in the storage, for ways to the detector that are more than one
        transform.
    modes : int, optional
        Modes that a frame meets, where sets of frames have modes of their own; otherwise all.
    """

    def __init__(
        self, storage: Storage, pre_phase: Complex | None, modes: int | None = None
    ) -> None:
        self.storage = storage
        self.modes = modes
        self.is_phased = pre_phase is not None
        self.fills_frame = False
        """The light of a near field: as wide as the detector, without a dark rim."""
        phase = np.asarray(1 if pre_phase is None else pre_phase, np.complex128)
        self.pre_phase: Complex = np.asarray(phase / np.abs(phase), storage.data.dtype)
        self.waves: Complex = np.empty_like(storage.data)
        """Layers of the storage times the phase, shape (M, H, W)."""
        self.load()

    @property
    def sets(self) -> int:
        """Number of sets of modes: 1, or as many as there are frames with probes of their own."""
        return 1 if self.modes is None else max(1, len(self.waves) // self.modes)

    def load(self) -> None:
        """Take the probe from its storage, which may have got further layers."""
        if self.waves.shape != self.storage.data.shape:
            self.waves = np.empty_like(self.storage.data)
        np.multiply(self.storage.data, self.pre_phase, out=self.waves)
        self._known = digest(self.waves)

    def spread(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Give values (H, W), or (sets, H, W), in a form that meets `waves` layer by layer."""
        return values if values.ndim == 2 else np.repeat(values, self.modes or 1, axis=0)

    def power(self) -> npt.NDArray[np.floating[Any]]:
        """Give the light that a frame meets at each pixel, on average over the sets, (H, W)."""
        power = (self.waves.real**2 + self.waves.imag**2).sum(axis=0)
        return np.asarray(power / power.dtype.type(self.sets))

    def store(self) -> None:
        """Give the probe back to its storage, if it is another than the one that is there.

        A probe that rests would drift: there and back it is rounded each time.
        """
        now = digest(self.waves)
        if now != self._known:
            np.multiply(self.waves, self.pre_phase.conj(), out=self.storage.data)
            self._known = now

    def confine(self, waves: Complex, area: float | None, fourier_area: float | None) -> None:
        """Impose supports on waves that carry the phase of the geometry, in place.

        See `ptypy.engines._constraints.confine` for the areas.
        """
        if fourier_area is None:
            # A phase does not move light about: no need to take it off.
            confine(waves, area, None)
            return
        waves *= self.pre_phase.conj()
        confine(waves, area, fourier_area)
        waves *= self.pre_phase


def digest(array: npt.NDArray[Any]) -> int:
    """Sum up the bytes of an array: another number if somebody has changed it."""
    return zlib.adler32(np.ascontiguousarray(array).view(np.uint8).data)
