"""Read frames of one chunk and compare them with their checksums, in one go."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.io.ptyd._checksums import find_damage, over_frames

__all__ = ["read_frames"]


def read_frames(
    path: Path, dataset: Any, source: slice, target: npt.NDArray[Any], *, verify: bool
) -> list[int]:
    """Read frames that follow one another.

    Parameters
    ----------
    path : Path
        The file that ``dataset`` is in.
    dataset : h5py.Dataset
        All frames of a chunk, (M, H, W).
    source : slice
        Which of them to read, n frames.
    target : (n, H, W) array
        Receives them.
    verify : bool
        Compare them with their checksums, if there are any.

    Returns
    -------
    list of int
        Those that are not as they were written, counted from the first in the chunk.

    Raises
    ------
    OSError
        If they cannot be read.
    """
    if dataset.dtype != target.dtype:
        frames = dataset[source]
        target[...] = frames
        return find_damage(dataset, source.start, frames) if verify else []
    sums = dataset.attrs.get("crc32")
    offset = dataset.id.get_offset()
    if sums is None or offset is None or len(sums) != len(dataset) or not verify:
        dataset.read_direct(target, source)
        return find_damage(dataset, source.start, target) if verify else []
    return _read_and_compare(path, offset, np.asarray(sums)[source], source.start, target)


def _read_and_compare(
    path: Path, offset: int, sums: npt.NDArray[Any], first: int, target: npt.NDArray[Any]
) -> list[int]:
    """Read frames past HDF5: a frame is still in the cache when its checksum is computed."""
    raw = target.reshape(len(target), -1).view(np.uint8)
    size = raw.shape[1]
    begin = raw.__array_interface__["data"][0]
    descriptor = os.open(path, os.O_RDONLY)

    def fetch(frame: npt.NDArray[Any]) -> int:
        place = offset + first * size + frame.__array_interface__["data"][0] - begin
        view = frame.data
        done = 0
        while done < size:
            count = os.preadv(descriptor, [view[done:]], place + done)
            if not count:
                raise OSError(f"the file ends at byte {place + done}, inside of a frame")
            done += count
        return zlib.crc32(view)

    try:
        found = np.array(over_frames(fetch, raw), dtype=np.uint32)
    finally:
        os.close(descriptor)
    return [int(k) + first for k in np.flatnonzero(found != sums)]
