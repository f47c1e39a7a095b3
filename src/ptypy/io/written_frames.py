"""Which frames of an HDF5 dataset were written: for others HDF5 gives a constant, mostly zero."""

from __future__ import annotations

import contextlib
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError
from ptypy.io._hdf5 import open_h5
from ptypy.io.stored_frames import source_place

__all__ = ["see_written", "unwritten"]


def unwritten(dataset: Any) -> npt.NDArray[np.bool_]:
    """Tell which frames of a dataset nobody has written, so that HDF5 fills in a constant.

    Parameters
    ----------
    dataset : h5py.Dataset
        Frames along all axes but the last two. May be virtual; sources whose names are patterns
        are not looked into.

    Returns
    -------
    The shape of the dataset without its last two axes, bool

    Raises
    ------
    FormatError
        If a file of a virtual dataset is cut short, or does not hold what it is said to.
    """
    shape = dataset.shape[:-2]
    if dataset.is_virtual:
        return _unmapped(dataset)
    if dataset.external:
        return np.zeros(shape, dtype=bool)
    if dataset.chunks is None:
        # A small one lies in its own header. Another has room in the file once it is written.
        return np.full(shape, dataset.size > 0 and dataset.id.get_storage_size() == 0)
    sizes = [-(-n // step) for n, step in zip(dataset.shape, dataset.chunks, strict=True)]
    if dataset.id.get_num_chunks() >= np.prod(sizes):
        return np.zeros(shape, dtype=bool)
    written = np.zeros(sizes, dtype=bool)
    steps = np.array(dataset.chunks)

    def note(chunk: Any) -> None:
        written[tuple(np.array(chunk.chunk_offset) // steps)] = True

    dataset.id.chunk_iter(note)
    missing: npt.NDArray[np.bool_] = np.asarray(~written.all(axis=(-2, -1)))
    for axis, step in enumerate(dataset.chunks[:-2]):
        missing = np.repeat(missing, step, axis=axis)
    return np.asarray(missing[tuple(slice(n) for n in shape)])


def see_written(missing: npt.NDArray[np.bool_], numbers: npt.NDArray[np.int64], label: str) -> None:
    """Refuse frames that nobody has written; see `unwritten`.

    Parameters
    ----------
    missing : (N,) bool
        True for frames that are not written.
    numbers : (n,) int64
        Frames that will be used.
    label : str
        For messages.

    Raises
    ------
    DataError
    """
    lost = numbers[missing[numbers]]
    if not lost.size:
        return
    first = int(np.argmax(missing[numbers]))
    whole = (
        f"; `num_frames={first}` uses those before"
        if first and missing[numbers[first:]].all()
        else ""
    )
    raise DataError(
        f"{label}: of {len(numbers)} frames {lost.size} were never written, the first of them is "
        f"frame {int(lost[0])}: HDF5 would give a constant in their place. Was the scan cut "
        f"short, or its file copied while it was written?{whole}"
    )


def _unmapped(dataset: Any) -> npt.NDArray[np.bool_]:
    """Tell which frames of a virtual dataset no source gives."""
    shape = dataset.shape[:-2]
    covered, absent = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    sources = [(_box(source.vspace, shape), source) for source in dataset.virtual_sources()]
    if any(place is None or "%" in source.file_name for place, source in sources):
        return absent
    home = Path(dataset.file.filename).parent
    # Each file is opened once, and one at a time: there may be thousands.
    sources.sort(key=lambda pair: (pair[1].file_name, pair[1].dset_name))
    for (name, key), group in groupby(sources, lambda pair: (pair[1].file_name, pair[1].dset_name)):
        place_of_file = source_place(name, home) or home
        opened = contextlib.nullcontext(dataset.file) if name == "." else open_h5(place_of_file)
        with opened as file:
            held = file.get(key)
            if not hasattr(held, "shape"):
                raise FormatError(
                    f"{dataset.file.filename}:{dataset.name} is made of {name}:{key}, which is not "
                    "there"
                )
            lost = unwritten(held)
            for place, source in group:
                covered[place] = True
                part = _box(source.src_space, lost.shape)
                if absent.ndim == lost.ndim == 1 and place is not None and part is not None:
                    _note_absent(absent, place[0], lost, part[0])
                elif lost.ndim == 0 and lost:
                    absent[place] = True
    return ~covered | absent


def _note_absent(
    absent: npt.NDArray[np.bool_], place: slice, lost: npt.NDArray[np.bool_], part: slice
) -> None:
    """Mark frames whose source has not written them, or is too short to hold them."""
    size = part.stop - part.start
    if size == place.stop - place.start:
        there = lost[part]
        absent[place.start : place.start + len(there)] |= there
        absent[place.start + len(there) : place.stop] = True


def _box(space: Any, lead: tuple[int, ...]) -> tuple[slice, ...] | None:
    """Give the smallest box around a selection along the first axes; None if it has no end."""
    import h5py

    if space.get_select_type() == h5py.h5s.SEL_ALL:
        return tuple(slice(0, n) for n in lead)
    try:
        first, last = space.get_select_bounds()
    except (ValueError, RuntimeError):
        return None
    ends = list(zip(first, last, strict=True))
    if any(a > b for a, b in ends):
        return None
    return tuple(slice(int(a), int(b) + 1) for a, b in ends[: len(lead)])
