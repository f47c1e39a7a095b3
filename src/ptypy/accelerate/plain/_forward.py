"""From the object to the detector by `scipy.fft`, in the precision of the wave."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from ptypy.accelerate.plain._sight import Complex, Wave, real_type
from ptypy.accelerate.plain._views import reals
from ptypy.errors import DataError

__all__ = ["plain_forward"]

_AXES = (-2, -1)
_ROUNDING = 1e-5


def plain_forward(
    shape: tuple[int, int],
    dtype: npt.DTypeLike,
    transfer: npt.NDArray[np.complexfloating[Any, Any]] | None = None,
) -> tuple[Wave, Wave]:
    """Make the way from the object to the detector, and its adjoint, for a `Sight`.

    The same as `ptypy.accelerate.Transform`: in the far field the orthonormal Fourier transform
    with the zero frequency at pixel (H // 2, W // 2), in the near field F^-1[H F(psi)].

    Both functions take (..., H, W) waves, and **overwrite** them.

    Parameters
    ----------
    shape : (int, int)
        Height H and width W of a wave [px].
    dtype : complex64 or complex128
        Type of the waves.
    transfer : (H, W) complex, optional
        Transfer function of a near field, zero frequency at pixel (0, 0) as `numpy.fft` has it;
        of modulus at most 1. A far field if not given.

    Returns
    -------
    forward, adjoint : callable

    Raises
    ------
    DataError
        If ``transfer`` has another shape, is not finite, or amplifies.
    """
    kind = np.dtype(dtype)
    if kind not in {np.dtype(np.complex64), np.dtype(np.complex128)}:
        raise DataError(f"waves are {kind}; they must be complex64 or complex128")
    if transfer is not None:
        return _near_field(shape, kind, np.asarray(transfer))
    if shape[0] % 2 or shape[1] % 2:
        return _shift_forward, _shift_adjoint
    return _even_far_field(shape, kind)


def _shift_forward(wave: Complex) -> Complex:
    spectrum = scipy.fft.fft2(wave, norm="ortho", overwrite_x=True)
    result: Complex = scipy.fft.fftshift(spectrum, axes=_AXES)
    return result


def _shift_adjoint(wave: Complex) -> Complex:
    spectrum = scipy.fft.ifftshift(wave, axes=_AXES)
    result: Complex = scipy.fft.ifft2(spectrum, norm="ortho", overwrite_x=True)
    return result


def _even_far_field(shape: tuple[int, int], dtype: np.dtype[Any]) -> tuple[Wave, Wave]:
    """Give the far field of even edges.

    There the shift of the spectrum is an alternating sign of the wave: exact, in place, and
    quicker than moving four quarters.
    """
    signs = np.where(np.add.outer(*(np.arange(n) for n in shape)) % 2, -1.0, 1.0)
    pairs = np.repeat(signs, 2, axis=1).astype(real_type(dtype))

    def turn(wave: Complex) -> Complex:
        whole = np.ascontiguousarray(wave)
        parts = reals(whole)
        parts *= pairs
        return whole

    def forward(wave: Complex) -> Complex:
        result: Complex = scipy.fft.fft2(turn(wave), norm="ortho", overwrite_x=True)
        return result

    def adjoint(wave: Complex) -> Complex:
        return turn(scipy.fft.ifft2(wave, norm="ortho", overwrite_x=True))

    return forward, adjoint


def _near_field(
    shape: tuple[int, int], dtype: np.dtype[Any], transfer: npt.NDArray[Any]
) -> tuple[Wave, Wave]:
    """Give the near field of a transfer function."""
    if transfer.shape != tuple(shape) or transfer.dtype.kind not in "fc":
        raise DataError(
            f"transfer is {transfer.dtype} of shape {transfer.shape}; it must be complex of shape "
            f"{tuple(shape)}"
        )
    largest = float(np.abs(transfer).max())
    if not largest <= 1 + _ROUNDING:
        raise DataError(
            f"transfer has a modulus of {largest:.6g}; it must be finite and at most 1: "
            f"no wave gains intensity on its way to the detector"
        )

    def by(factors: Complex) -> Wave:
        def carry(wave: Complex) -> Complex:
            spectrum = scipy.fft.fft2(wave, overwrite_x=True)
            spectrum *= factors
            result: Complex = scipy.fft.ifft2(spectrum, overwrite_x=True)
            return result

        return carry

    return by(transfer.astype(dtype)), by(transfer.conj().astype(dtype))
