"""Read frames of one chunk through HDF5 and compare them with their checksums."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from ptypy.io.ptyd._checksums import find_damage

__all__ = ["read_frames"]


def read_frames(
    dataset: Any, source: slice, target: npt.NDArray[Any], *, verify: bool
) -> list[int]:
    """Read frames that follow one another.

    Parameters
    ----------
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
    if dataset.dtype == target.dtype:
        dataset.read_direct(target, source)
        frames = target
    else:
        frames = dataset[source]
        target[...] = frames
    return find_damage(dataset, source.start, frames) if verify else []
