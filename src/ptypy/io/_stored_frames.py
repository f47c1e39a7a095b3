"""Frames in datasets of an HDF5 file, one dataset after the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError
from ptypy.io._hdf5 import open_h5, read_trouble

__all__ = ["follow", "read_numbers", "see_sources"]

Array = npt.NDArray[Any]


def follow(file: Any, key: str) -> Any:
    """Give an entry of an open file, which may be a link to another file.

    Raises
    ------
    FormatError
        If that other file is missing or cut short; it is named.
    """
    import h5py

    link = file.get(key, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        target = Path(file.filename).parent / link.filename
        with open_h5(target):
            pass  # says what is wrong with it, if anything is
    try:
        return file[key]
    except (KeyError, OSError) as error:
        raise read_trouble(file.filename, key, error) from error


def see_sources(dataset: Any) -> None:
    """See that the files a virtual dataset is made of are there: HDF5 would fill in zeros.

    Raises
    ------
    FormatError
        It names them.
    """
    if not dataset.is_virtual:
        return
    home = Path(dataset.file.filename).parent
    names = {source.file_name for source in dataset.virtual_sources()} - {"."}
    missing = sorted(str(home / name) for name in names if not (home / name).is_file())
    if missing:
        raise FormatError(
            f"{dataset.file.filename}: {dataset.name} is put together of files that are not "
            f"there: {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}"
        )
    for name in sorted(names):
        with open_h5(home / name):
            pass


def read_numbers(dataset: Any, numbers: Sequence[int], channel: int | None = None) -> Array:
    """Read frames by number from (N, H, W), from (A, B, H, W), or one channel of (N, C, H, W).

    Neighbours are read in one piece.

    Raises
    ------
    FormatError
        If the file is damaged.
    """
    wanted = np.asarray(numbers, dtype=np.int64)
    height, width = dataset.shape[-2:]
    frames = np.empty((len(wanted), height, width), dtype=dataset.dtype)
    line = 1 if dataset.ndim == 2 else dataset.shape[-3 if channel is None else 0]
    jumps = (np.diff(wanted) != 1) | (wanted[1:] % line == 0)
    edges = np.concatenate([[0], np.flatnonzero(jumps) + 1, [len(wanted)]])
    for start, stop in pairwise(edges.tolist()):
        if start == stop:
            continue
        outer, first = divmod(int(wanted[start]), line)
        part: tuple[Any, ...] = (slice(first, first + stop - start),)
        if channel is not None:
            part = (*part, channel)
        elif dataset.ndim == 4:
            part = (outer, *part)
        elif dataset.ndim == 2:
            part = ()
        try:
            dataset.read_direct(frames, part or (Ellipsis,), np.s_[start:stop])
        except OSError as error:
            raise read_trouble(dataset.file.filename, dataset.name, error) from error
    return frames
