"""Numbers with units in HDF5 files that follow NeXus or CXI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.io.stored_frames import unit_of
from ptypy.utils.units import KEV, METRES, m2keV

__all__ = [
    "KEV",
    "METRES",
    "array_at",
    "first_energy",
    "first_number",
    "known_units",
    "number_of",
    "unit_of",
]


def first_number(
    file: Any, keys: Sequence[str], units: Mapping[str, float], default: str, remedy: str = ""
) -> float | None:
    """Give the first number among some datasets that is larger than zero, brought to our unit.

    Zero stands for what was not set.

    Parameters
    ----------
    file : h5py.File
    keys : sequence of str
        Where to look.
    units : mapping
        Units that are known, and their factors.
    default : str
        Unit of a number that names none.
    remedy : str
        What the user may do about a unit that is not known.

    Raises
    ------
    DataError
        If its unit is not known.
    """
    for key in keys:
        dataset = file.get(key)
        value = number_of(dataset)
        if value is None or value <= 0:
            continue
        unit = unit_of(dataset) or default
        if unit not in units:
            raise DataError(
                f"{file.filename}: {key} is {value:g} {unit!r}; units known here are "
                f"{known_units(units)}{'; ' + remedy if remedy else ''}"
            )
        return value * units[unit]
    return None


def known_units(units: Mapping[str, float]) -> str:
    """Name units in their short forms, for messages."""
    return ", ".join(unit for unit in units if len(unit) < 4)


def first_energy(file: Any, energies: Sequence[str], wavelengths: Sequence[str]) -> float | None:
    """Give the photon energy [keV]; energies without unit are eV, wavelengths angstroms."""
    energy = first_number(file, energies, KEV, "ev", "give `energy`")
    if energy is not None:
        return energy
    wavelength = first_number(file, wavelengths, METRES, "angstrom", "give `energy`")
    return None if wavelength is None else m2keV(wavelength)


def array_at(file: Any, keys: Sequence[str]) -> npt.NDArray[Any] | None:
    """Give the first array that there is among some datasets."""
    for key in keys:
        dataset = file.get(key)
        if dataset is not None and getattr(dataset, "ndim", 0) > 0:
            return np.asarray(dataset[()])
    return None


def number_of(dataset: Any) -> float | None:
    """Give the number that a dataset holds, the mean of several; None if it holds none.

    Groups, texts, empty datasets, and what is not finite, hold none.
    """
    if dataset is None or not hasattr(dataset, "shape") or dataset.dtype.kind not in "biuf":
        return None
    if dataset.shape is None:
        return None
    values = np.ravel(dataset[()])
    mean = float(values.mean()) if values.size else np.nan
    return mean if np.isfinite(mean) else None
