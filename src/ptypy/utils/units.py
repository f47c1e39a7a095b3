"""Physical constants and the conversion between photon energy and wavelength.

House units are metres and keV; a function that uses another unit says so in its name.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["HC", "KEV", "METRES", "keV2m", "keV2nm", "m2keV", "nm2keV", "wavelength"]

HC = 1.239841984e-9
"""Planck's constant times the speed of light [keV m] (CODATA 2018: both are exact)."""

METRES = {
    **{
        f"{prefix}{name}": factor
        for prefix, factor in (
            ("", 1.0), ("centi", 1e-2), ("milli", 1e-3), ("micro", 1e-6), ("nano", 1e-9),
            ("pico", 1e-12),
        )
        for name in ("metre", "metres", "meter", "meters")
    },
    "m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "µm": 1e-6, "μm": 1e-6, "nm": 1e-9, "pm": 1e-12,
    "micron": 1e-6, "microns": 1e-6,
    "a": 1e-10, "å": 1e-10, "angstrom": 1e-10, "angstroms": 1e-10,
}  # fmt: skip
"""Units of length as files name them, in lower case, and how many metres they are."""

KEV = {
    "kev": 1.0, "ev": 1e-3, "mev": 1e3, "gev": 1e6, "j": 1 / 1.602176634e-16,
    "joule": 1 / 1.602176634e-16, "joules": 1 / 1.602176634e-16,
}  # fmt: skip
"""Units of energy as files name them, in lower case, and how many keV they are."""

Quantity = TypeVar("Quantity", float, npt.NDArray[np.float64])


def wavelength(energy: Quantity) -> Quantity:
    """Give the wavelength [m] of photons of an energy [keV]."""
    return HC / energy


def keV2m(keV: Quantity) -> Quantity:
    """Convert a photon energy [keV] to its wavelength [m]; `wavelength` by its older name."""
    return wavelength(keV)


def keV2nm(keV: Quantity) -> Quantity:
    """Convert a photon energy [keV] to its wavelength [nm]."""
    return 1e9 * HC / keV


def m2keV(m: Quantity) -> Quantity:
    """Convert a wavelength [m] to its photon energy [keV]."""
    return HC / m


def nm2keV(nm: Quantity) -> Quantity:
    """Convert a wavelength [nm] to its photon energy [keV]."""
    return 1e9 * HC / nm
