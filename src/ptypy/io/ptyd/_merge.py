"""Turn the chunks of a prepared scan into one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ptypy.io._hdf5 import replacing, stamp
from ptypy.io.h5rw import h5options
from ptypy.io.ptyd._amend import FORM, copy_tree
from ptypy.io.ptyd._arrays import GZIP, PART_BYTES, dress_chunk, new_array
from ptypy.io.ptyd._checksums import checksums, grouped
from ptypy.io.ptyd._chunk import put_units
from ptypy.io.ptyd._entries import WEIGHT2D
from ptypy.io.ptyd._filters import filters_for
from ptypy.io.ptyd._open import reading
from ptypy.io.ptyd._read import PtydReader

__all__ = ["merge_chunks"]


def merge_chunks(path: str | Path) -> None:
    """Rewrite a prepared scan so that all its frames are one chunk.

    The new file takes the place of the old one when it is complete; an error leaves the old one
    as it was. Frames are copied in parts, so that memory does not grow with the scan, and are
    compressed as those of the last chunk were. Chunk files that the old one linked to are left
    alone.

    Parameters
    ----------
    path : path
        A file with one chunk is left as it is.

    Raises
    ------
    FormatError
        If the file cannot be read or written.
    """
    reader = PtydReader(path)
    if len(reader.chunks) < 2:
        return
    with reading(path) as old, replacing(path, form=FORM) as new:
        copy_tree(old, new, leave_out=("chunks",))
        new.create_group("chunks")
        for key, value in old["chunks"].attrs.items():
            new["chunks"].attrs[key] = value
        new["chunks"].attrs["default"] = "0"
        new["chunks"].attrs["merged"] = True
        _copy_frames(reader, new["chunks"].create_group("0"), WEIGHT2D in new)
        stamp(new, h5options["H5RW_VERSION"])


def _copy_frames(reader: PtydReader, group: Any, has_common: bool) -> None:
    """Copy all frames of a file into one chunk."""
    height, width = reader.chunks[0].shape
    frames = reader.num_frames
    shape = (frames, height, width)
    spelled_out = any(chunk.weights_kind == "frame" for chunk in reader.chunks) or not (
        has_common or all(chunk.weights_kind == "none" for chunk in reader.chunks)
    )
    compression = reader.chunks[-1].compression
    data = new_array(group, "data", shape, reader.dtype, filters_for(compression, reader.dtype))
    unit = 1 if data.chunks is None else data.chunks[0]
    indices = np.concatenate([chunk.indices for chunk in reader.chunks])
    new_array(group, "indices", (frames,), np.dtype(np.int64))[...] = indices
    positions = None
    if reader.chunks[0].has_positions:
        positions = new_array(group, "positions", (frames, 2), np.dtype(np.float64))
    weights = None
    if not spelled_out:
        new_array(group, "weights", (0,), np.dtype(bool))
    sums = []
    step = max(1, PART_BYTES // (data.dtype.itemsize * height * width * unit)) * unit
    for start in range(0, frames, step):
        part = slice(start, min(start + step, frames))
        block = reader.read(part.start, part.stop)
        if compression is None:
            data[part] = block.data
        else:
            put_units(data, start, compression, block.data)
        sums.append(checksums(block.data))
        if positions is not None:
            positions[part] = block.positions
        if spelled_out:
            mask = np.ones(shape[1:], bool) if block.weights is None else block.weights
            if weights is None:
                weights = new_array(group, "weights", shape, mask.dtype, GZIP)
            weights[part] = np.broadcast_to(mask, block.data.shape)
    data.attrs["crc32"], together = grouped(np.concatenate(sums))
    if together > 1:
        data.attrs["crc32_frames"] = together
    dress_chunk(group)
