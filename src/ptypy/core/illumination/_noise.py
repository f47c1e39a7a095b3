"""Smooth random factors on a wave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import ParameterError

__all__ = ["rough"]

_FWHM = 2 * np.sqrt(2 * np.log(2))


def rough(
    shape: tuple[int, ...], noise: Sequence[float], rng: np.random.Generator
) -> npt.NDArray[np.complex128]:
    """Draw a factor of random phase and modulus around one.

    Parameters
    ----------
    shape : (H, W)
    noise : (2,) or (4,) float
        Standard deviation of the phase [rad] and size of its finest feature [px], then, if
        given, the same for the modulus.
    rng : Generator
        Source of the noise.

    Returns
    -------
    (H, W) complex128

    Raises
    ------
    ParameterError
        If ``noise`` has neither two nor four members.
    """
    values: list[Any] = [noise] if np.isscalar(noise) else list(noise)
    if len(values) not in {2, 4}:
        raise ParameterError(
            f"noise {noise!r} of an illumination: give (rms phase [rad], finest feature [px]), "
            "or these and the same two for the modulus"
        )
    factor = np.exp(1j * _smooth(shape, values[0], values[1], rng))
    if len(values) == 4 and values[2]:
        factor = factor * (1 + _smooth(shape, values[2], values[3] or 0.0, rng))
    return np.asarray(factor)


def _smooth(
    shape: tuple[int, ...], rms: float, finest: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Draw numbers of a given standard deviation, alike over ``finest`` pixels."""
    from scipy import ndimage

    white = rng.standard_normal(shape)
    soft = ndimage.gaussian_filter(white, finest / _FWHM, mode="wrap") if finest > 1 else white
    deviation = soft.std()
    return np.asarray(soft * (rms / deviation if deviation > 0 else 0.0))
