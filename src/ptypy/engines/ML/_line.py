"""Steps along a line, from what the cost is like there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

REFINEMENTS = 3
"""How often a step is corrected where the cost along the line is no polynomial."""

NEGLIGIBLE = 1e-12
"""Share of the largest coefficient below which the highest ones are rounding."""

SAME = 1e-6
"""How far two roots may be from each other that are one without rounding, relative."""

FARTHEST = 3.0
"""How many times as far a step may become at once."""

FLAT = 0.05
"""Share of the first slope that is as good as none."""


def lowest(coefficients: Sequence[float]) -> float | None:
    """Find where a polynomial that falls at 0 is lowest, beyond 0.

    Parameters
    ----------
    coefficients : sequence of float
        Of 1, t, t^2 and so on.

    Returns
    -------
    float or None
        None if it has no bottom there.
    """
    linear, quadratic = coefficients[1:3]
    bottom = -linear / (2.0 * quadratic) if quadratic > 0.0 else None
    # In units of a step that is about right, so that no power is out of proportion.
    unit = abs(linear / quadratic) if quadratic else 1.0
    scaled = np.asarray(coefficients) * unit ** np.arange(len(coefficients))
    polynomial = np.polynomial.Polynomial(scaled).trim(NEGLIGIBLE * float(np.abs(scaled[1:]).max()))
    if polynomial.degree() <= 2:
        return bottom
    roots = polynomial.deriv().roots()
    forward = roots.real[(np.abs(roots.imag) < SAME * np.abs(roots)) & (roots.real > 0.0)]
    if not forward.size:
        return bottom
    return float(unit * forward[np.argmin(polynomial(forward))])


def walk(expand: Callable[[float], Sequence[float]], slope: float, length: float) -> float:
    """Correct a step by Newton's method, kept between points that bracket the bottom.

    Parameters
    ----------
    expand : callable
        Coefficients of 1, t and t^2 of the cost about a point of the line.
    slope : float
        Of the cost at 0; negative.
    length : float
        First guess.

    Returns
    -------
    float
    """
    low, high = 0.0, float("inf")
    for _ in range(REFINEMENTS):
        _, linear, quadratic, *_ = expand(length)
        if abs(linear) <= -FLAT * slope:
            break
        low, high = (length, high) if linear < 0.0 else (low, length)
        far = min(high, FARTHEST * low) if low else high
        newton = length - linear / (2.0 * quadratic) if quadratic > 0.0 else far
        otherwise = far if far < high else 0.5 * (low + high)
        length = newton if low < newton < far else otherwise
    return length
