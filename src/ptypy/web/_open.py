"""Which scans a file holds, and how their raw frames are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ptypy.errors import FormatError
from ptypy.utils.parameters import Param

__all__ = ["CONFIGS", "HDF5", "RESULTS", "Named", "find_scans"]

CONFIGS = (".yaml", ".yml", ".json", ".py")
RESULTS = (".ptyr", ".pty")
HDF5 = (".h5", ".hdf5", ".hdf", ".nxs", ".cxi", ".he5")


@dataclass(frozen=True, slots=True)
class Named:
    """A scan that can be looked at."""

    label: str
    """What it is called where one is chosen."""
    data: Param
    """Parameters of its loader, with its ``name``."""
    branch: str | None
    """Where these stand in the config, ``scans.LABEL.data``; None if there is none."""
    has_positions: bool = True
    """Whether its loader knows positions."""


def find_scans(path: Path) -> list[Named]:
    """Find the scans of a config, the stacks of frames of an HDF5 file, or the scan of a .ptyd.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of Named
        At least one; of stacks the largest comes first.

    Raises
    ------
    FormatError
        If the file is missing or holds none.
    ParameterError
        If a loader is not known.
    """
    if path.is_dir():
        raise FormatError(f"{path}: is a directory; give a config, frames or a result in it")
    if not path.is_file():
        raise FormatError(f"{path}: there is no such file; give a config, frames or a result")
    if path.suffix.lower() in CONFIGS:
        return _of_config(path)
    if path.suffix.lower() == ".ptyd":
        return [Named(path.stem, Param(name="PtydScan", source=str(path)), None)]
    return _of_hdf5(path)


def _of_config(path: Path) -> list[Named]:
    from ptypy.core.data import spell_out
    from ptypy.core.ptycho import parameters_from

    scans = parameters_from(path).get("scans")
    found = []
    for label, scan in scans.items() if isinstance(scans, Mapping) else ():
        data = scan.get("data") if isinstance(scan, Mapping) else None
        if isinstance(data, Mapping):
            spelt = Param(spell_out(data))
            found.append(Named(str(label), spelt, f"scans.{label}.data"))
    if not found:
        raise FormatError(
            f"{path}: there are no frames to look at: a config has `scans`, and each of them `data`"
        )
    return found


def _of_hdf5(path: Path) -> list[Named]:
    """List the datasets that may be frames: numbers, along three axes or four."""
    import h5py

    from ptypy.io import open_h5

    stacks: list[tuple[int, str]] = []

    def see(name: str, node: Any) -> None:
        is_stack = isinstance(node, h5py.Dataset) and node.ndim in (3, 4)
        if is_stack and node.dtype.kind in "buif" and min(node.shape[-2:]) >= 16:
            stacks.append((int(np.prod(node.shape)), name))

    with open_h5(path) as file:
        if "chunks" in file and "meta" in file:
            return [Named(path.stem, Param(name="PtydScan", source=str(path)), None)]
        file.visititems(see)
    if not stacks:
        raise FormatError(
            f"{path}: there are no frames in it: no dataset of numbers of shape (N, rows, columns) "
            "with at least 16 rows and columns"
        )
    found = []
    for _, key in sorted(stacks, key=lambda stack: -stack[0]):
        named = Param(file=str(path), key=key)
        data = Param(name="Hdf5Loader", intensities=named)
        found.append(Named(key, data, None, has_positions=False))
    return found
