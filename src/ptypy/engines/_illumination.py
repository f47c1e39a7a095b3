"""Probes in the form that the kernels read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.engines._constraints import confine

if TYPE_CHECKING:
    from ptypy.core.classes import Storage

__all__ = ["Illumination"]

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
    pre_phase : (H, W) complex
        Phase of the geometry, of modulus 1.
    sets : int
        Number of sets of modes.
    """

    def __init__(self, storage: Storage, pre_phase: Complex, sets: int = 1) -> None:
        self.storage = storage
        self.sets = sets
        self.pre_phase: Complex = np.asarray(pre_phase, storage.data.dtype)
        self.waves: Complex = np.empty_like(storage.data)
        """Layers of the storage times the phase, shape (M, H, W)."""
        self.load()

    def load(self) -> None:
        """Take the probe from its storage, which may have got further layers."""
        if self.waves.shape != self.storage.data.shape:
            self.waves = np.empty_like(self.storage.data)
        np.multiply(self.storage.data, self.pre_phase, out=self.waves)

    def power(self) -> npt.NDArray[np.floating[Any]]:
        """Give the light that a frame meets at each pixel, on average over the sets, (H, W)."""
        power = (self.waves.real**2 + self.waves.imag**2).sum(axis=0)
        return np.asarray(power / power.dtype.type(self.sets))

    def store(self) -> None:
        """Give the probe back to its storage."""
        np.multiply(self.waves, self.pre_phase.conj(), out=self.storage.data)

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
