"""Lengths as people write them."""

from __future__ import annotations

import numpy as np

__all__ = ["length_scale", "round_length", "write_length"]

UNITS = ((1e-9, "nm"), (1e-6, "µm"), (1e-3, "mm"), (1.0, "m"))


def round_length(length: float) -> float:
    """Give the largest of 1, 2, 5, 10, 20 ... that is no longer than a length above zero."""
    exponent = float(10.0 ** np.floor(np.log10(length)))
    return max(step * exponent for step in (1, 2, 5) if step * exponent <= length * (1 + 1e-9))


def write_length(length: float, unit: str = "m", digits: int = 4) -> str:
    """Write a length with a unit that suits it.

    Parameters
    ----------
    length : float
    unit : str
        ``'m'``, or ``'px'``, which stays.
    digits : int
        That count.

    Examples
    --------
    >>> write_length(2.5e-7), write_length(3e-6), write_length(12.0, "px")
    ('250 nm', '3 µm', '12 px')
    """
    if unit != "m":
        return f"{length:.{digits}g} {unit}"
    size = abs(length)
    factor, name = _unit_for(size)
    if size and size < 1e-10:
        return f"{length * 1e12:.{digits}g} pm"
    return f"{length / factor:.{digits}g} {name}"


def length_scale(length: float) -> tuple[str, float]:
    """Choose the unit for an axis of some length [m]: its name, and how many make a metre."""
    factor, name = _unit_for(abs(length))
    return name, 1 / factor


def _unit_for(size: float) -> tuple[float, str]:
    return next(((f, name) for f, name in UNITS if size < 999.95 * f), (1.0, "m"))
