"""Read what a live scan needs from files: frames as they appear, masks, dark and flat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.io import open_h5
from ptypy.io.frame_files import frame_files
from ptypy.io.tables import read_dataset

__all__ = ["HDF5", "read_stack"]

HDF5 = (".h5", ".hdf5", ".hdf", ".nxs", ".cxi")
DATASETS = (*HDF5, ".npy", ".npz")
"""Endings of files of which one dataset is read."""


def read_stack(
    path: str | Path, key: str | None = None, *, is_new: bool = False
) -> npt.NDArray[Any]:
    """Read all frames of a file.

    Parameters
    ----------
    path : path
        HDF5, .npy, .npz, or any image file.
    key : str, optional
        Dataset in an HDF5 or .npz file.
    is_new : bool
        Whether it may still be written: then nobody waits until it is not locked any more.

    Returns
    -------
    (n, rows, columns)
        In memory; a single frame is a stack of one.

    Raises
    ------
    DataError
        If it holds no frames.
    FormatError
        If it is missing, cut short, or of no format that can be read.
    ImportError
        If a library that is needed is not installed.
    """
    ending = Path(path).suffix.lower()
    if ending in HDF5 and is_new:
        with open_h5(path, "r", patience=0.0) as file:
            frames = np.array(file[key][()])
    elif ending in DATASETS:
        frames = np.array(read_dataset(path, key))
    else:
        source = frame_files(str(path))
        frames = np.array(source.read(range(source.count)))
    frames = frames[None] if frames.ndim == 2 else frames
    if frames.ndim != 3 or not frames.size or frames.dtype.kind not in "buif":
        raise DataError(
            f"{path}: an array of shape {frames.shape} of {frames.dtype}: neither a frame nor a "
            "stack of frames"
        )
    return frames
