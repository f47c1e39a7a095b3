"""The datasets that groups of parameters name: found, or said what there is instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.io.stored_frames import follow, reading, see_sources, unit_of
from ptypy.utils.verbose import logger

__all__ = ["Opener", "dataset_of", "factor_of", "read_dataset", "read_numbers", "read_stored"]

Opener = Callable[[str], AbstractContextManager[Any]]
"""Opens an HDF5 file for reading."""


def dataset_of(file: Any, where: Any, name: str) -> Any:
    """Find the dataset that a group of parameters names, in its open file.

    Raises
    ------
    DataError
        If there is none; it names what there is.
    FormatError
        If it is virtual, or behind a link, and files that it needs are missing.
    """
    label = f"{name}: {where.file}:{where.key}"
    found = follow(file, where.key, label)
    if found is not None and hasattr(found, "shape"):
        see_sources(found, label)
        return found
    # The names beside the one that was meant, or, if there is no such group, at the top.
    group = file.get(where.key.rpartition("/")[0] or "/") if found is None else found
    group, place = (group, group.name) if hasattr(group, "keys") else (file, "/")
    wrong = "no dataset" if found is None else "a group and no dataset"
    raise DataError(
        f"{name}: {where.file} has {wrong} {where.key!r}; {place} holds "
        f"{', '.join(sorted(group)) or 'nothing'}"
    )


def read_dataset(opened: Opener, where: Any, name: str) -> Any:
    """Read the whole dataset that a group of parameters names."""
    with opened(where.file) as file:
        dataset = dataset_of(file, where, name)
        with reading(dataset, f"{where.file}:{where.key}"):
            return dataset[()]


def read_numbers(opened: Opener, where: Any, name: str) -> npt.NDArray[np.float64]:
    """Read a dataset that should hold real numbers."""
    return read_stored(opened, where, name).astype(np.float64)


def read_stored(opened: Opener, where: Any, name: str) -> npt.NDArray[Any]:
    """Read a dataset that should hold real numbers, in the type that they are stored in."""
    stored = np.asarray(read_dataset(opened, where, name))
    if stored.dtype.kind not in "biuf":
        raise DataError(f"{name}: {where.file}:{where.key} holds {stored.dtype}, not real numbers")
    return stored


def factor_of(
    opened: Opener, where: Any, multiplier: float, units: Mapping[str, float], name: str
) -> float:
    """Give the factor that turns a dataset into metres or keV.

    Parameters
    ----------
    opened : callable
    where : Param
        ``file`` and ``key`` of the dataset.
    multiplier : float
        What the user gave. Anything but 1 and -1 counts alone; with these the units that the
        dataset names are converted.
    units : mapping
        Units that are known, and their factors.
    name : str
        For messages.
    """
    with opened(where.file) as file:
        unit = unit_of(dataset_of(file, where, name))
    told = units.get(unit)
    place = f"{name}: {where.file}:{where.key}"
    house = next(unit for unit, factor in units.items() if factor == 1 and len(unit) < 4)
    if unit == "" or told == multiplier == 1:
        return multiplier
    if abs(multiplier) != 1:
        if told is not None and not 0.5 < abs(multiplier) / told < 2:
            logger.error(
                "%s is in %r by its own word, and the multiplier is %g: that counts",
                place, unit, multiplier,
            )  # fmt: skip
        return multiplier
    if told is None:
        logger.error(
            "%s is in %r, which is not known here: taken for %s. Give a multiplier",
            place, unit, house,
        )  # fmt: skip
        return multiplier
    if told != 1:
        logger.error(
            "%s is in %r by its own word: converted to %s. A multiplier would count in its place",
            place, unit, house,
        )  # fmt: skip
    return multiplier * told
