"""Propagators that are not unitary: free pixel sizes, light that is only a part of all."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.geometry._propagators import Field, Propagator, as_complex

__all__ = ["Dimmed", "RescaledFarField"]


class RescaledFarField:
    """The Fresnel integral of `FarField`, for pixels of both planes of any size.

    With the pre and post phases of `FarField`, and sums in place of its Fourier transform::

        fw(w)(q) = post(q) s sum_x exp(-2 pi i q x / (lam z)) pre(x) w(x)
        s^2      = resolution psize / (lam z), on each axis

    For ``resolution psize N = lam z`` it is `FarField`. Waves of several wavelengths can so
    have pixels of one size at the sample and meet the same pixels of the detector. Pixels of
    the detector beyond ``lam z / (2 resolution)``, where a field of that resolution sends no
    light, stay dark. The sums are two products with a matrix (Jurling et al., JOSA A 35 (2018)
    1784): N times more work than to add up N^2 pixels, against log N for a fast transform.

    `bw` is the adjoint of `fw`, which loses the light that misses the detector.

    Parameters
    ----------
    shape : (int, int)
        Height and width of a frame [px].
    lam, distance : float
        Wavelength and distance of the detector [m].
    psize, resolution : (2,) float64
        Pixel size on the detector and at the sample [m].
    center : (2,) float64
        Where the optical axis meets the detector [px].
    """

    def __init__(
        self,
        shape: tuple[int, int],
        lam: float,
        distance: float,
        *,
        psize: npt.NDArray[np.float64],
        resolution: npt.NDArray[np.float64],
        center: npt.NDArray[np.float64],
    ) -> None:
        reach = lam * distance
        factors: list[tuple[Field, Field, Field]] = []
        for axis, length in enumerate(shape):
            x = (np.arange(length) - length // 2) * resolution[axis]
            q = (np.arange(length) - center[axis]) * psize[axis]
            lit = np.abs(q) <= (0.5 + 1e-9) * reach / resolution[axis]
            matrix = np.exp(-2j * np.pi / reach * np.outer(q, x)) * lit[:, None]
            pre, post = (np.exp(1j * np.pi / reach * place**2) for place in (x, q))
            factors.append((pre, matrix * np.sqrt(resolution[axis] * psize[axis] / reach), post))
        (pre_y, self._rows, post_y), (pre_x, self._columns, post_x) = factors
        self._pre: Field = np.outer(pre_y, pre_x)
        self._post: Field = np.outer(post_y, post_x)

    @property
    def pre_phase(self) -> npt.NDArray[np.complex64]:
        """The factor on the exit wave before the sums, shape (H, W)."""
        return self._pre.astype(np.complex64)

    @property
    def post_phase(self) -> npt.NDArray[np.complex64]:
        """The factor on the wave on the detector; counts do not see it, shape (H, W)."""
        return self._post.astype(np.complex64)

    @cached_property
    def gain(self) -> float:
        """Largest factor by which a wave's power can grow on the way, at least 1.

        Where the detector's steps are too coarse for a field as wide as the frame, light at one
        edge of the frame looks like light at the other, and its intensity there is counted twice.
        """
        norms = [np.linalg.norm(matrix, 2) for matrix in (self._rows, self._columns)]
        return max(1.0, float(np.prod(norms)) ** 2)

    def fw(self, field: npt.NDArray[Any]) -> Field:
        """Propagate (..., H, W) waves to the detector, in the precision of the input."""
        wave = as_complex(field)
        kind = wave.dtype
        wave = self._rows.astype(kind) @ (wave * self._pre.astype(kind))
        return np.asarray(wave @ self._columns.T.astype(kind) * self._post.astype(kind))

    def bw(self, field: npt.NDArray[Any]) -> Field:
        """Propagate back to the sample by the adjoint of `fw`, same shapes and precision."""
        wave = as_complex(field)
        kind = wave.dtype
        wave = self._rows.conj().T.astype(kind) @ (wave * self._post.conj().astype(kind))
        return np.asarray(wave @ self._columns.conj().astype(kind) * self._pre.conj().astype(kind))


class Dimmed:
    """Another propagator, behind which only a part of the power arrives.

    `bw` is the adjoint of `fw`, as it is of propagators that keep all power.

    Parameters
    ----------
    way : Propagator
        What the waves pass.
    transmitted : float
        Part of the power that arrives.
    """

    def __init__(self, way: Propagator, transmitted: float) -> None:
        self._way = way
        self._factor = float(np.sqrt(transmitted))

    @property
    def pre_phase(self) -> npt.NDArray[np.complex64]:
        """That of the other propagator, shape (H, W)."""
        return self._way.pre_phase

    @property
    def post_phase(self) -> npt.NDArray[np.complex64]:
        """That of the other propagator, shape (H, W)."""
        return self._way.post_phase

    @property
    def gain(self) -> float:
        """As that of the other propagator, 1 where it has none."""
        return max(1.0, float(getattr(self._way, "gain", 1.0)) * self._factor**2)

    def fw(self, field: npt.NDArray[Any]) -> Field:
        """Propagate (..., H, W) waves to the detector."""
        return np.asarray(self._way.fw(field) * self._factor)

    def bw(self, field: npt.NDArray[Any]) -> Field:
        """Propagate back to the sample by the adjoint of `fw`."""
        return np.asarray(self._way.bw(field) * self._factor)
