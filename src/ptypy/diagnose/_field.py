"""A probe or an object as a value: numbers, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ptypy.diagnose._lengths import write_length
from ptypy.utils.math_utils import rmphaseramp

__all__ = ["Field", "find_ramp"]

Complex = npt.NDArray[np.complexfloating]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Field:
    """The modes of one probe or of one object, and where their pixels lie."""

    label: str
    """ID of its storage: ``S``, the label of the scan, and in models of several energies ``G00``
    and so on."""
    data: Complex
    """Numbers, shape (modes, H, W); of a probe [sqrt(photons)], of an object transmission."""
    pixel_size: Floats
    """Edges of a pixel (y, x) [unit], shape (2,)."""
    origin: Floats
    """Place of the middle of pixel (0, 0), (y, x) [unit], shape (2,)."""
    energy: float | None = None
    """Photon energy [keV]; None if nobody knows."""
    unit: str = "m"
    """Of all lengths: ``'m'``, or ``'px'`` where no geometry was given."""
    coverage: Floats | None = None
    """Of an object: light on each pixel over the most on one, (H, W); None if it is not known."""
    positions: Floats | None = None
    """Of an object: where the frames lay on it at last, (N, 2), (y, x) [unit]; None if it is not
    known."""
    indices: npt.NDArray[np.int64] | None = None
    """Scan-point indices of these frames, (N,)."""

    @property
    def axes(self) -> tuple[Floats, Floats]:
        """Places y (H,) and x (W,) of the pixels [unit]."""
        height, width = self.data.shape[-2:]
        y, x = (
            start + step * np.arange(n)
            for start, step, n in zip(self.origin, self.pixel_size, (height, width), strict=True)
        )
        return y, x

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Edges left, right, bottom, top [unit], as ``imshow(..., extent=)`` takes them."""
        y, x = self.axes
        half_y, half_x = self.pixel_size / 2
        return (
            float(x[0] - half_x), float(x[-1] + half_x), float(y[-1] + half_y), float(y[0] - half_y)
        )  # fmt: skip

    @property
    def shares(self) -> Floats:
        """Share of the power in each mode, (modes,); they sum up to 1."""
        power = np.sum(np.abs(self.data) ** 2, axis=(1, 2), dtype=np.float64)
        return np.asarray(power / max(float(power.sum()), 1e-300))

    def orthogonal(self) -> Field:
        """Give the same light as modes that are orthogonal, the strongest first.

        Modes of a partially coherent beam are known up to a unitary mixture; this is the one that
        has as much as possible in the first (Thibault & Menzel, Nature 494 (2013) 68).
        """
        modes = self.data.reshape(len(self.data), -1)
        _, vectors = np.linalg.eigh((modes @ modes.conj().T).astype(np.complex128))
        mixed = vectors[:, ::-1].conj().T @ modes
        return replace(self, data=mixed.reshape(self.data.shape).astype(self.data.dtype))

    def __repr__(self) -> str:
        modes, height, width = self.data.shape
        count = f"{modes} modes, " if modes > 1 else ""
        high, wide = (write_length(float(size), self.unit) for size in self.pixel_size)
        energy = f", {self.energy:.6g} keV" if self.energy else ""
        return f"<Field {self.label}: {count}{height} x {width} px of {high} x {wide}{energy}>"


def find_ramp(obj: Complex, seen: npt.NDArray[np.bool_]) -> tuple[Complex, npt.NDArray[np.float64]]:
    """Find what takes the mean phase ramp and the mean phase out of an object.

    Parameters
    ----------
    obj : (Y, X) complex
    seen : (Y, X) bool
        Where it is known.

    Returns
    -------
    factor : (Y, X) complex
        Of modulus 1; the object times this has neither.
    slopes : (2,) float
        Phase of the factor from one pixel to the next (y, x) [rad].
    """
    known = seen & np.isfinite(obj)
    first = np.where(known, obj, 0).astype(np.complex128)
    if not first.any():
        return np.ones(obj.shape, complex), np.zeros(2)
    flat, ramp = rmphaseramp(first, known * np.abs(first), return_phaseramp=True)
    turn = np.exp(-1j * np.angle(np.sum(flat)))
    slopes = [np.angle(ramp[-1, 0] / ramp[-2, 0]), np.angle(ramp[0, -1] / ramp[0, -2])]
    return ramp * turn, np.array(slopes)
