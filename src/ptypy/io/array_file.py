"""Named arrays in .npz, .npy, .mat and HDF5 files, as scripts and other programs leave them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError
from ptypy.io._hdf5 import open_h5
from ptypy.io._one_file import naming
from ptypy.io.stored_frames import follow, read_numbers, see_sources
from ptypy.io.stored_stack import StoredStack, map_frames, map_records
from ptypy.io.tables import is_hdf5, read_dataset
from ptypy.io.written_frames import unwritten

__all__ = ["ArrayFile", "read_array", "read_number"]

Array = npt.NDArray[Any]


def read_array(path: str | Path, name: str | None) -> Array:
    """Read one array.

    A .mat file gives what MATLAB shows, with its axes in MATLAB's order, whichever of the two
    kinds of .mat files it is.

    Parameters
    ----------
    path : path
        .npz, .npy, .mat, or HDF5 with any other ending.
    name : str or None
        Name of the array; needed where there is more than one.

    Raises
    ------
    DataError
        If there is no such array.
    FormatError
        If the file is missing, cut short, or of another format.
    """
    path = Path(path)
    if path.suffix.lower() != ".mat":
        return read_dataset(path, name)
    if not path.is_file():
        raise FormatError(f"{path}: there is no such file; check the path")
    found = read_dataset(path, name)
    return np.asarray(found.T) if is_hdf5(path) else found


def read_number(path: str | Path, name: str, remedy: str) -> float:
    """Read a number larger than zero.

    Parameters
    ----------
    path, name
        As for `read_array`.
    remedy : str
        What it is, and what can be given instead, for messages.

    Raises
    ------
    DataError
        If there is no such number.
    FormatError
        If the file cannot be read.
    """
    try:
        found = read_array(path, name)
    except DataError as error:
        raise DataError(f"{error}; {name} is {remedy}") from None
    value = float(found.flat[0]) if found.size and found.dtype.kind in "uif" else 0.0
    if not value > 0:
        raise DataError(f"{path}: {name} is {found.tolist()}, not {remedy}")
    return value


class ArrayFile:
    """A stack of frames in a file, (N, H, W), of which parts can be read.

    Datasets of HDF5 files and .npy files are read as they are needed, others at once.

    Parameters
    ----------
    path : path
    name : str or None
        As for `read_array`.
    last : bool
        Whether frames are counted along the last axis, (H, W, N), instead of the first.

    Attributes
    ----------
    shape : (N, H, W)
    lost : (N,) bool, or None
        True for frames that nobody has written, where that can be told.

    Raises
    ------
    DataError, FormatError
        As `read_array`.
    """

    def __init__(self, path: str | Path, name: str | None, *, last: bool = False) -> None:
        self.path, self.name, self.last = Path(path), name, last
        self._held: Array | None = None
        self.lost: npt.NDArray[np.bool_] | None = None
        ending = self.path.suffix.lower()
        self._is_lazy = not last and ending not in (".npy", ".npz", ".mat") and name is not None
        if self._is_lazy:
            with open_h5(self.path) as file:
                if name not in file:
                    raise DataError(f"{path}: has no dataset {name!r}")
                dataset = follow(file, str(name))
                if not hasattr(dataset, "shape"):
                    raise DataError(f"{path}: {name!r} is a group and no dataset")
                see_sources(dataset)
                shape = tuple(int(n) for n in dataset.shape)
                if len(shape) in (3, 4):
                    self.lost = unwritten(dataset).ravel()
        else:
            shape = self._whole().shape
        if len(shape) < 2 or (self._is_lazy and len(shape) > 4):
            raise FormatError(f"{path}: {name} has shape {shape}, not of frames (N, H, W)")
        self.shape = (int(np.prod(shape[:-2], dtype=int)), *shape[-2:])

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be read again."""
        return {**self.__dict__, "_held": None}

    def read(self, indices: npt.NDArray[np.int64]) -> Array:
        """Read frames by number (n, H, W)."""
        if not self._is_lazy:
            frames = self._whole().reshape(self.shape)
            steps = np.diff(indices)
            if len(indices) and (steps == 1).all():
                return frames[int(indices[0]) : int(indices[-1]) + 1]
            return np.asarray(frames[indices])
        with open_h5(self.path) as file:
            return read_numbers(follow(file, str(self.name)), [int(k) for k in indices])

    def stack(self, indices: npt.NDArray[np.int64]) -> StoredStack | None:
        """Find frames by number without reading them; None if they are not stored as they are."""
        if self._is_lazy:
            with open_h5(self.path) as file:
                return map_frames(follow(file, str(self.name)), indices)
        held = self._whole()
        if self.last or not isinstance(held, np.memmap) or not held.flags.c_contiguous:
            return None
        stored = (int(self.shape[1]), int(self.shape[2]))
        return map_records(
            self.path,
            indices,
            count=int(self.shape[0]),
            start=held.offset,
            record=int(np.prod(stored)) * held.dtype.itemsize,
            stored=stored,
            dtype=held.dtype,
        )

    def _whole(self) -> Array:
        if self._held is None:
            if self.path.suffix.lower() == ".npy":
                with naming(self.path):
                    found: Array = np.load(self.path, mmap_mode="r")
            else:
                found = read_array(self.path, self.name)
            self._held = np.moveaxis(found, -1, 0) if self.last else found
        return self._held
