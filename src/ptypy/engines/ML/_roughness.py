"""A prior for the object: that neighbouring pixels differ little."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Complex = npt.NDArray[np.complexfloating[Any, Any]]


def suggest_weight(amplitude: float, measurements: float, photons: float, pixels: int) -> float:
    """Find a weight for the prior that suits the photons there are.

    Photon noise alone leaves every pixel of the object with a variance of about
    ``pixels / photons``, and noise of that size has the roughness ``8 pixels^2 / photons``.
    The weight makes that as costly as the misfit of one photon noise in every measurement,
    times `amplitude`.

    Parameters
    ----------
    amplitude : float
        What the user asks for; 1 makes the prior as strong as the data.
    measurements : float
        Number of trusted pixels of all frames.
    photons : float
        Counts in all frames.
    pixels : int
        Size of the object [px].

    Returns
    -------
    float
    """
    return amplitude * measurements * photons / (8.0 * float(pixels) ** 2)


def add_gradient(obj: Complex, weight: float, gradient: Complex) -> float:
    """Add the gradient of the roughness to that of the likelihood.

    The roughness is ``weight`` times the sum over all pixels of the squared distance to
    each of the four neighbours.

    Parameters
    ----------
    obj : (..., H, W) complex
    weight : float
    gradient : (..., H, W) complex
        Added to, in place; convention dR = 2 Re <gradient, d>.

    Returns
    -------
    float
        The roughness.
    """
    total = 0.0
    # Each pair of neighbours is seen from both of its pixels.
    double = np.float32(2.0 * weight)
    for axis in (-2, -1):
        step = np.diff(obj, axis=axis)
        total += 2.0 * weight * _power(step)
        step *= double
        later, earlier = slice(1, None), slice(None, -1)
        if axis == -2:
            gradient[..., later, :] += step
            gradient[..., earlier, :] -= step
        else:
            gradient[..., later] += step
            gradient[..., earlier] -= step
    return total


def line_coefficients(
    obj: Complex, direction: Complex, weight: float
) -> tuple[float, float, float]:
    """Give the roughness of ``obj + t direction`` as a polynomial in t.

    Returns
    -------
    (float, float, float)
        Coefficients of 1, t, t^2; exact, as the roughness is quadratic.
    """
    constant = linear = quadratic = 0.0
    for axis in (-2, -1):
        step = np.diff(obj, axis=axis)
        change = np.diff(direction, axis=axis)
        constant += _power(step)
        linear += 2.0 * float(
            (step.real * change.real + step.imag * change.imag).sum(dtype=np.float64)
        )
        quadratic += _power(change)
    double = 2.0 * weight
    return double * constant, double * linear, double * quadratic


def _power(array: Complex) -> float:
    """Sum of the squared modulus."""
    return float((array.real**2 + array.imag**2).sum(dtype=np.float64))
