"""Physical constants and the conversion between photon energy and wavelength.

House units are metres and keV; a function that uses another unit says so in its name.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["HC", "keV2m", "keV2nm", "m2keV", "nm2keV", "wavelength"]

HC = 1.239841984e-9
"""Planck's constant times the speed of light [keV m] (CODATA 2018: both are exact)."""

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
