"""What is known beforehand about probes and objects, imposed on arrays."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Complex = npt.NDArray[np.complexfloating[Any, Any]]


@functools.lru_cache(maxsize=16)
def circle(shape: tuple[int, int], area: float) -> npt.NDArray[np.bool_]:
    """Draw a circle about the centre pixel ``shape // 2``.

    Parameters
    ----------
    shape : (int, int)
        Frame [px].
    area : float
        Area of the circle as a share of that of the frame.

    Returns
    -------
    (H, W) bool
        True inside; one array for all who ask, which cannot be written to.
    """
    height, width = shape
    y, x = np.ogrid[:height, :width]
    distance2 = (y - height // 2) ** 2 + (x - width // 2) ** 2
    inside: npt.NDArray[np.bool_] = np.pi * distance2 < area * height * width
    inside.flags.writeable = False
    return inside


def confine(probe: Complex, area: float | None, fourier_area: float | None) -> None:
    """Set a probe to zero outside of its support, in place.

    Parameters
    ----------
    probe : (M, H, W) complex
        Modes of a physical probe.
    area, fourier_area : float or None
        Share of the frame that may be lit, in the sample and in the far field; see `circle`.
    """
    shape = (probe.shape[-2], probe.shape[-1])
    if fourier_area is not None:
        spectrum = np.fft.fft2(probe)
        spectrum *= np.fft.ifftshift(circle(shape, fourier_area))
        probe[...] = np.fft.ifft2(spectrum)
    if area is not None:
        probe *= circle(shape, area)


def fit(
    present: Complex,
    numerator: Complex,
    denominator: npt.NDArray[np.floating[Any]],
    inertia: float,
    held: Complex | None = None,
) -> None:
    """Give an array the value that fits a sum of squares best, in place.

    ``(numerator + inertia held) / (denominator + inertia)``; what nothing determines stays.

    Parameters
    ----------
    present : (L, H, W) complex
        Overwritten.
    numerator : (L, H, W) complex
        Overwritten.
    denominator : (H, W) or (L, H, W) real
        Overwritten.
    inertia : float
        Weight of what is held on to.
    held : (L, H, W) complex, optional
        The present array if not given.
    """
    weight = denominator.dtype.type(inertia)
    denominator += weight
    if not weight:
        np.divide(numerator, denominator, out=present, where=denominator > 0)
        return
    # A product with the reciprocal takes a quarter of the time of complex numbers divided.
    np.reciprocal(denominator, out=denominator)
    if held is None:
        present *= weight
        numerator += present
    else:
        numerator += weight * held
    np.multiply(numerator, denominator, out=present)


def clip_modulus(obj: Complex, limits: tuple[float, float]) -> None:
    """Bring the modulus of an object into a range and leave its phase alone, in place."""
    modulus = np.abs(obj)
    wanted = np.clip(modulus, *limits)
    # A zero has no phase to keep; it becomes real.
    np.divide(wanted, modulus, out=wanted, where=modulus > 0)
    obj *= wanted
    obj[modulus == 0] = limits[0]


def smooth(obj: Complex, sigma: float) -> Complex:
    """Convolve with a Gaussian.

    Parameters
    ----------
    obj : (..., H, W) complex
    sigma : float
        Standard deviation along the last two axes [px].

    Returns
    -------
    (..., H, W) complex
        The edge is continued as it is, so that a constant stays a constant.
    """
    from scipy.ndimage import gaussian_filter

    smoothed = np.empty_like(obj)
    axes = (-2, -1)
    smoothed.real = gaussian_filter(obj.real, sigma, mode="nearest", axes=axes)
    smoothed.imag = gaussian_filter(obj.imag, sigma, mode="nearest", axes=axes)
    return smoothed


def find_shift_to_center(probes: Sequence[Complex], tolerance: float) -> tuple[int, int] | None:
    """Find how probes must move together so that their centre of mass is at ``shape // 2``.

    Parameters
    ----------
    probes : sequence of (M, H, W) complex
        All modes of all probes count, each with its power.
    tolerance : float
        Distance from the centre that is left alone [px].

    Returns
    -------
    (int, int) or None
        Shift (y, x) [px]; None within the tolerance.
    """
    total, moments = 0.0, np.zeros(2)
    for probe in probes:
        power = (probe.real.astype(np.float64) ** 2 + probe.imag.astype(np.float64) ** 2).sum(
            axis=0
        )
        total += float(power.sum())
        for axis, length in enumerate(power.shape):
            moments[axis] += power.sum(axis=1 - axis) @ (np.arange(length) - length // 2)
    if not total:
        return None
    off = moments / total
    if np.hypot(*off) <= tolerance:
        return None
    shift = -round(float(off[0])), -round(float(off[1]))
    return shift if any(shift) else None


def move(array: Complex, shift: tuple[int, int], fill: complex | None = None) -> None:
    """Move the content of an array by whole pixels, in place.

    Parameters
    ----------
    array : (..., H, W) complex
    shift : (int, int)
        Shift (y, x) [px].
    fill : complex, optional
        What comes in from outside; what left on the other side if not given.
    """
    array[...] = np.roll(array, shift, axis=(-2, -1))
    if fill is None:
        return
    down, right = shift
    if down:
        array[..., slice(0, down) if down > 0 else slice(down, None), :] = fill
    if right:
        array[..., slice(0, right) if right > 0 else slice(right, None)] = fill
