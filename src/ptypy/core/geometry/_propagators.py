"""How a wave behind the sample becomes the wave on the detector, and back.

Both propagators are unitary: they conserve the sum of the squared modulus, and `bw`
undoes `fw`. Constant phase factors are left out; no measurement sees them. Others, which lose
light, have the adjoint of `fw` as `bw`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["FarField", "Field", "NearField", "Propagator", "Transforms", "as_complex"]

Field = npt.NDArray[np.complexfloating[Any, Any]]

Transforms = tuple[Callable[[Any], Any], Callable[[Any], Any]]
"""A Fourier transform over the last two axes and its inverse, scaled as those of numpy.fft."""


class Propagator(Protocol):
    """Moves a stack of waves between the sample and the detector."""

    @property
    def pre_phase(self) -> npt.NDArray[np.complex64]:
        """The factor on the exit wave, shape (H, W)."""
        ...

    @property
    def post_phase(self) -> npt.NDArray[np.complex64]:
        """The factor on the wave on the detector, shape (H, W)."""
        ...

    def fw(self, field: npt.NDArray[Any]) -> Field:
        """Propagate from the sample to the detector; the last two axes are (y, x)."""
        ...

    def bw(self, field: npt.NDArray[Any]) -> Field:
        """Propagate from the detector back to the sample; the adjoint of `fw`."""
        ...


class FarField:
    """Fresnel propagation in one Fourier transform, for detectors far away.

    With sample coordinates x and detector coordinates q [m]::

        fw(w)(q) = post(q) FFT[ pre(x) w(x) ] / sqrt(H W)
        pre(x)  = exp(i pi |x|^2 / (lam z))     post(q) = exp(i pi |q|^2 / (lam z))

    The sampling of the two planes is tied: ``resolution = lam z / (psize N)`` on each axis.
    Zero frequency comes to lie on ``center``; where this is not ``shape // 2``, ``pre_phase``
    carries the linear phase that moves it there, fractions of a pixel included.

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
    transforms : (callable, callable), optional
        Fourier transform and its inverse to use, see `Transforms`; by default `scipy.fft`.
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
        transforms: Transforms | None = None,
    ) -> None:
        self._transforms = transforms
        half = np.array(shape) // 2
        curvature = np.pi / (lam * distance)
        cycles = 2 * np.pi * (center - half) / np.array(shape)
        pre, post = [], []
        for axis, length in enumerate(shape):
            pixel = np.arange(length)
            x = pixel - half[axis]
            q = (pixel - center[axis]) * psize[axis]
            pre.append(curvature * (x * resolution[axis]) ** 2 + cycles[axis] * x)
            post.append(curvature * q**2)
        self._pre: Field = np.exp(1j * np.add.outer(*pre))
        self._post: Field = np.exp(1j * np.add.outer(*post))

    @property
    def pre_phase(self) -> npt.NDArray[np.complex64]:
        """The factor on the exit wave before the plain Fourier transform, shape (H, W)."""
        return self._pre.astype(np.complex64)

    @property
    def exact_pre_phase(self) -> npt.NDArray[np.complex128]:
        """`pre_phase` as it is calculated, shape (H, W)."""
        return np.asarray(self._pre, np.complex128)

    @property
    def post_phase(self) -> npt.NDArray[np.complex64]:
        """The factor on the transformed wave; counts do not see it, shape (H, W)."""
        return self._post.astype(np.complex64)

    def fw(self, field: npt.NDArray[Any]) -> Field:
        """Propagate to the detector.

        Parameters
        ----------
        field : (..., H, W) complex
            Waves behind the sample.

        Returns
        -------
        (..., H, W) complex
            Waves on the detector in the precision of the input, zero frequency at ``center``;
            the sum of the squared modulus is that of the input.
        """
        wave = as_complex(field)
        wave = np.fft.ifftshift(wave * self._pre.astype(wave.dtype), axes=(-2, -1))
        wave = _fourier(wave, self._transforms, inverse=False)
        return np.asarray(np.fft.fftshift(wave, axes=(-2, -1)) * self._post.astype(wave.dtype))

    def bw(self, field: npt.NDArray[Any]) -> Field:
        """Propagate back to the sample: the inverse of `fw`, same shapes and precision."""
        wave = as_complex(field)
        wave = np.fft.ifftshift(wave * self._post.conj().astype(wave.dtype), axes=(-2, -1))
        wave = _fourier(wave, self._transforms, inverse=True)
        wave = np.fft.fftshift(wave, axes=(-2, -1)) * self._pre.conj().astype(wave.dtype)
        return np.asarray(wave)


class NearField:
    """Propagation by the angular spectrum, for detectors close behind the sample.

    The pixels of both planes have one size. Plane waves of transverse frequency f gain
    ``exp(2 pi i z / lam (sqrt(1 - (lam f)^2) - 1))``; those too fine to travel decay.

    Parameters
    ----------
    shape : (int, int)
        Height and width of a frame [px].
    lam, distance : float
        Wavelength and (effective) distance [m].
    resolution : (2,) float64
        Pixel size of both planes [m].
    transforms : (callable, callable), optional
        Fourier transform and its inverse to use, see `Transforms`; by default `scipy.fft`.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        lam: float,
        distance: float,
        resolution: npt.NDArray[np.float64],
        transforms: Transforms | None = None,
    ) -> None:
        self._transforms = transforms
        squares = [
            (lam * np.fft.fftfreq(length, step)) ** 2
            for length, step in zip(shape, resolution, strict=True)
        ]
        cosine = np.emath.sqrt(1.0 - np.add.outer(*squares))
        self.kernel: Field = np.exp(2j * np.pi * distance / lam * (cosine - 1.0))
        """`transfer` in double precision, shape (H, W)."""
        self._shape = shape

    @property
    def transfer(self) -> npt.NDArray[np.complex64]:
        """What multiplies the spectrum, zero frequency at pixel (0, 0), shape (H, W)."""
        return self.kernel.astype(np.complex64)

    @property
    def pre_phase(self) -> npt.NDArray[np.complex64]:
        """Ones: nothing is multiplied on the exit wave, shape (H, W)."""
        return np.ones(self._shape, np.complex64)

    @property
    def post_phase(self) -> npt.NDArray[np.complex64]:
        """Ones, shape (H, W)."""
        return np.ones(self._shape, np.complex64)

    def fw(self, field: npt.NDArray[Any]) -> Field:
        """Propagate (..., H, W) waves to the detector, in the precision of the input."""
        return self._convolve(field, self.kernel)

    def bw(self, field: npt.NDArray[Any]) -> Field:
        """Propagate back to the sample: the inverse of `fw` for all that can travel."""
        return self._convolve(field, self.kernel.conj())

    def _convolve(self, field: npt.NDArray[Any], kernel: Field) -> Field:
        wave = _fourier(as_complex(field).copy(), self._transforms, inverse=False)
        return _fourier(wave * kernel.astype(wave.dtype), self._transforms, inverse=True)


def as_complex(field: npt.NDArray[Any]) -> Field:
    """Give the field as complex numbers of its own precision."""
    array = np.asarray(field)
    return array.astype(np.result_type(array.dtype, np.complex64), copy=False)


def _fourier(wave: Field, transforms: Transforms | None, *, inverse: bool) -> Field:
    """Transform waves unitarily, in their precision; they may be overwritten."""
    if transforms is None:
        from scipy import fft

        transform = fft.ifft2 if inverse else fft.fft2
        return np.asarray(transform(wave, norm="ortho", overwrite_x=True))
    scale = np.sqrt(wave.shape[-2] * wave.shape[-1])
    own = np.asarray(transforms[inverse](wave))
    return np.asarray(own * (scale if inverse else 1 / scale)).astype(wave.dtype, copy=False)
