"""Datasets of a chunk: how they are laid out and filtered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from ptypy.io._direct import put_text, set_text

__all__ = ["GZIP", "PART_BYTES", "dress_chunk", "new_array", "reserve_array", "write_array"]

GZIP: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
"""Filters that every HDF5 library has, and that PtyPy 0.9 reads without plugins."""

GROUP_BYTES = 16384
"""Compressed frames smaller than this share an HDF5 chunk. Larger ones must not: PtyPy 0.9 reads
frame by frame, and would unpack a chunk of 1 MiB for each (16 to 32 times slower, measured)."""

PART_BYTES = 1 << 26
"""How much is handled at once [byte]."""

LOG_SCALE = '{"signal_scale_type": "log"}'
"""For viewers built on silx: diffraction is looked at on a logarithmic scale."""


def new_array(
    group: Any,
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    filters: Mapping[str, Any] | None = None,
) -> Any:
    """Make a dataset for an entry of a chunk; filters act if there is something to filter."""
    options = dict(filters or {}) if all(shape) else {}
    if options:
        frame = int(np.prod(shape[1:])) * dtype.itemsize
        options["chunks"] = (max(1, min(shape[0], GROUP_BYTES // frame)), *shape[1:])
    dataset = group.create_dataset(name, shape, dtype, **options)
    put_text(dataset, "type", "array")
    return dataset


def reserve_array(group: Any, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Make a dataset whose place in the file is fixed; whoever knows it can write there."""
    form = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    form.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    form.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    dataset = group.create_dataset(name, shape, dtype, dcpl=form)
    put_text(dataset, "type", "array")
    return dataset


def write_array(group: Any, name: str, array: npt.NDArray[Any], filters: dict[str, Any]) -> None:
    """Make a dataset of an array."""
    dataset = new_array(group, name, array.shape, array.dtype, filters)
    # In parts: a mask that is broadcast to every frame would be copied out as a whole.
    step = max(1, PART_BYTES // max(1, array.itemsize * array[:1].size))
    for start in range(0, len(array), step):
        dataset[start : start + step] = array[start : start + step]


def dress_chunk(group: Any, *, is_file: bool = False) -> None:
    """Say in the attributes of a complete chunk what PtyPy 0.9 and viewers want to know.

    Parameters
    ----------
    group : h5py.Group
    is_file : bool
        The chunk is the top of a file of its own.
    """
    set_text(group["indices"], "type", "arraylist")
    put_text(group["data"], "interpretation", "image")
    notes = {"NX_class": "NXdata", "signal": "data", "SILX_style": LOG_SCALE}
    for name, text in (notes if is_file else {**notes, "type": "dict"}).items():
        put_text(group, name, text)
