"""Part of a file, mapped into memory, so that any number of threads read it without copies."""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError
from ptypy.io._hdf5 import plain_words

__all__ = ["Stamp", "map_part", "stamp_of_file"]

Numbers = npt.NDArray[np.int64]
Stamp = tuple[str, int, int, int]
"""By which it is seen that a file has changed: path, inode, length, time of its last change."""

FARTHEST = 1 << 28
"""Ask the system for no more than this of what may come next [bytes]."""


def map_part(
    path: str | Path, offsets: Numbers, sizes: Numbers, label: str
) -> tuple[int, npt.NDArray[np.uint8]]:
    """Map the part of a file that frames lie in, and tell the system to read it.

    Parameters
    ----------
    path : path
    offsets, sizes : (n,) int64
        Where each frame begins, and its length [bytes].
    label : str
        For messages.

    Returns
    -------
    start : int
        Where in the file the part begins [bytes].
    part : uint8
        Read-only. It stays mapped for as long as this array is there.

    Raises
    ------
    FormatError
        If the file is missing, or ends before the frames do.
    """
    begin, end = int(offsets.min()), int((offsets + sizes).max())
    begin -= begin % mmap.ALLOCATIONGRANULARITY
    try:
        with _opened(path) as descriptor:
            if os.fstat(descriptor).st_size < end:
                raise FormatError(f"{label}: the file ends before its frames do; was it cut short?")
            mapping = mmap.mmap(descriptor, end - begin, access=mmap.ACCESS_READ, offset=begin)
            _announce(mapping, descriptor, end, offsets - begin, sizes)
    except OSError as error:
        raise FormatError(f"{path}: {plain_words(Path(path), error)}") from error
    return begin, np.frombuffer(mapping, np.uint8)


def stamp_of_file(path: str | Path) -> Stamp | None:
    """Give the stamp of a file as it is now; None if it cannot be looked at."""
    try:
        now = os.stat(path)  # noqa: PTH116 -- of any path that there is
    except OSError:
        return None
    return str(path), now.st_ino, now.st_size, now.st_mtime_ns


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[int]:
    descriptor = os.open(Path(path), os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _announce(
    mapping: mmap.mmap, descriptor: int, end: int, places: Numbers, sizes: Numbers
) -> None:
    """Tell the system what will be read now, and what probably next: it reads ahead then."""
    is_dense = 2 * int(sizes.sum()) >= len(mapping)
    if hasattr(mmap, "MADV_WILLNEED"):
        if is_dense:
            mapping.madvise(mmap.MADV_WILLNEED)
        else:  # other processes read what lies between, or nobody does
            for place, size in zip(places.tolist(), sizes.tolist(), strict=True):
                before = place % mmap.PAGESIZE
                mapping.madvise(mmap.MADV_WILLNEED, place - before, size + before)
    if is_dense and hasattr(os, "posix_fadvise"):
        following = min(len(mapping), FARTHEST)
        os.posix_fadvise(descriptor, end, following, os.POSIX_FADV_WILLNEED)
