"""Frames that stay in their file until they are needed: mapped into memory, or packed there.

HDF5 reads through one lock, and copies. Where a dataset lies plainly in its file, or every frame
is one chunk packed by bitshuffle and LZ4 (as Dectris detectors write them), a `StoredStack` knows
the address of each frame, and compiled code reads there, in as many threads as it likes.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError
from ptypy.io.stored_frames import Window, read_frames, reading

__all__ = ["StoredStack", "frames_in", "invalid_counts", "map_frames"]

Array = npt.NDArray[Any]
Numbers = npt.NDArray[np.int64]

BITSHUFFLE = 32008
"""Number of the filter bitshuffle, in the register of HDF5 filters."""
LZ4 = 2
"""What that filter calls LZ4."""
FARTHEST = 1 << 28
"""Ask the system for no more than this of what may come next [bytes]."""


class _Places(NamedTuple):
    """Where frames lie in a file."""

    offsets: Numbers
    """Of each frame [bytes]."""
    sizes: Numbers
    """Of each frame, as it lies there [bytes]."""
    is_packed: bool
    """Whether these are chunks of bitshuffle and LZ4."""


class StoredStack(Sequence[Array]):
    """Frames of one dataset, which nobody has read yet.

    Taking one, ``stack[k]``, reads it and gives an array of its own; ``numpy.asarray(stack)``
    reads all of them. Compiled code reads at `addresses` instead. `map_frames` makes stacks.

    Parameters
    ----------
    mapping : mmap
        Part of the file.
    start : int
        Where in the file it begins [bytes].
    places : _Places
    window : Window
        Which part of a frame is there, and where it goes. Rows and columns outside of it are zero.
    stored : (rows, columns)
        Shape of a frame in the file [px].
    dtype : dtype
    numbers : (n,) int64
        How the frames are counted in the dataset.
    label : str
        The file and the dataset, for messages.
    """

    def __init__(
        self,
        mapping: mmap.mmap,
        start: int,
        places: _Places,
        *,
        window: Window,
        stored: tuple[int, int],
        dtype: np.dtype[Any],
        numbers: Numbers,
        label: str,
    ) -> None:
        self._bytes = np.frombuffer(mapping, np.uint8)
        self._places = places
        self._start = start
        self.window = window
        self.stored = stored
        self.dtype = dtype
        self.numbers = numbers
        self.label = label
        self.limit: float | None = None
        """Counts from here on count as invalid, and negative integers; None: all are valid."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, rows, columns, as `stack[k]` gives them."""
        return (len(self), *self.window.shape)

    @property
    def is_packed(self) -> bool:
        """Whether frames are chunks packed by bitshuffle and LZ4."""
        return self._places.is_packed

    @property
    def decoder(self) -> int:
        """Address of what unpacks blocks of these chunks, see `unpacking`; 0 if nothing need be."""
        if not self.is_packed:
            return 0
        from ptypy.io.unpacking import get_decoder

        return int(get_decoder(self.dtype.itemsize))

    @property
    def addresses(self) -> Numbers:
        """Where in memory each frame, or the chunk it is packed in, begins [bytes]."""
        return self._places.offsets - self._start + self._bytes.ctypes.data

    @property
    def sizes(self) -> Numbers:
        """Length of each frame as it lies there [bytes]."""
        return self._places.sizes

    def __len__(self) -> int:
        return len(self._places.offsets)

    @overload
    def __getitem__(self, index: int) -> Array: ...

    @overload
    def __getitem__(self, index: slice) -> StoredStack: ...

    def __getitem__(self, index: int | slice) -> Array | StoredStack:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        size, window = int(self.sizes[index]), self.window
        begin = int(self._places.offsets[index]) - self._start
        raw = self._bytes[begin : begin + size]
        if self.is_packed:
            from ptypy.io.unpacking import decode_chunk

            try:
                frame = decode_chunk(raw, self.stored, self.dtype)
            except FormatError as error:
                raise FormatError(
                    f"{self.label}: frame {self.numbers[index]} cannot be read: {error}"
                ) from error
        else:
            frame = raw.view(self.dtype).reshape(self.stored)
        given = np.zeros(window.shape, self.dtype)
        given[window.target] = frame[window.rows, window.columns]
        return given

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        frames = np.empty(self.shape, self.dtype)
        for k, frame in enumerate(self):
            frames[k] = frame
        return frames if dtype is None else frames.astype(dtype, copy=False)

    def take(self, which: Numbers) -> StoredStack:
        """Give some of the frames, without reading them."""
        part = StoredStack.__new__(StoredStack)
        part.__dict__.update(self.__dict__)
        offsets, sizes, is_packed = self._places
        part._places = _Places(offsets[which], sizes[which], is_packed)
        part.numbers = self.numbers[which]
        return part

    def __reduce__(self) -> Any:
        # To another process only the frames themselves can be sent.
        return np.asarray, (np.asarray(self),)


def invalid_counts(frames: Array, limit: float | None) -> npt.NDArray[np.bool_]:
    """Mark counts that no detector counts: negative integers, and those from a limit on.

    Parameters
    ----------
    frames : ndarray
        Counts as they are stored, before anything is subtracted.
    limit : float or None

    Returns
    -------
    bool, the shape of ``frames``
    """
    bad = np.zeros(frames.shape, dtype=bool)
    if frames.dtype.kind == "b":
        return bad
    if limit is not None:
        # Compared in double precision: float16 could not hold the limit.
        np.greater_equal(frames, np.float64(limit), out=bad)
    return bad | (frames < 0) if frames.dtype.kind == "i" else bad


def frames_in(dataset: Any, numbers: Any) -> Array | StoredStack:
    """Give frames of an open dataset in the form that is prepared fastest, for `load_block`.

    Parameters
    ----------
    dataset : h5py.Dataset
        ``(K, rows, columns)`` or ``(A, B, rows, columns)``.
    numbers : (n,) int
        Frames, counted in the order of the dataset.

    Returns
    -------
    StoredStack or (n, rows, columns)
        Frames that can be read in their place are not read yet, and the file may be closed; all
        others are.

    Raises
    ------
    FormatError
        If the file is damaged, or ends before the frames do.
    """
    wanted = np.asarray(numbers, dtype=np.int64)
    stack = map_frames(dataset, wanted)
    return read_frames(dataset, wanted) if stack is None else stack


def map_frames(
    dataset: Any,
    numbers: Numbers,
    window: Window | None = None,
    *,
    label: str = "",
    outer: int | None = None,
) -> StoredStack | None:
    """Find frames of a dataset by number, without reading them.

    Parameters
    ----------
    dataset, numbers, window, label, outer
        As for `read_frames`.

    Returns
    -------
    StoredStack or None
        None if they lie in the file in a way that only HDF5 can read: compressed otherwise, in
        several chunks a frame, of several files, or not written at all.

    Raises
    ------
    FormatError
        If the file ends before they do.
    """
    lead = dataset.shape[:-2] if outer is None else dataset.shape[1:-2]
    count = int(np.prod(lead))
    flat = np.asarray(numbers) + (0 if outer is None else outer * count)
    places = _find(dataset, flat) if len(flat) and _is_plain(dataset) else None
    if places is None:
        return None
    stored = (int(dataset.shape[-2]), int(dataset.shape[-1]))
    label = label or f"{dataset.file.filename}:{dataset.name}"
    begin = int(places.offsets.min())
    end = int((places.offsets + places.sizes).max())
    begin -= begin % mmap.ALLOCATIONGRANULARITY
    with reading(dataset, label), _opened(dataset.file.filename) as descriptor:
        if os.fstat(descriptor).st_size < end:
            raise FormatError(f"{label}: the file ends before its frames do; was it cut short?")
        mapping = mmap.mmap(descriptor, end - begin, access=mmap.ACCESS_READ, offset=begin)
        _announce(mapping, descriptor, end)
    return StoredStack(
        mapping, begin, places, stored=stored, dtype=dataset.dtype, label=label,
        numbers=np.asarray(numbers),
        window=window or Window(slice(0, stored[0]), slice(0, stored[1]), stored, (0, 0)),
    )  # fmt: skip


def _is_plain(dataset: Any) -> bool:
    """Say whether what HDF5 tells of places holds for the file as it is, and for its numbers."""
    file, dtype = dataset.file, dataset.dtype
    if dataset.is_virtual or dataset.external or file.driver != "sec2" or file.userblock_size:
        return False
    return bool(dtype.kind in "iuf" and dtype.isnative and 0 < dtype.itemsize <= 8) and (
        dtype != np.float16
    )


def _find(dataset: Any, flat: Numbers) -> _Places | None:
    """Find frames, counted along all axes but the last two."""
    frame = int(np.prod(dataset.shape[-2:])) * dataset.dtype.itemsize
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        if offset is None:
            return None
        return _Places(offset + flat * frame, np.full(len(flat), frame), is_packed=False)
    if dataset.chunks != (*[1] * (dataset.ndim - 2), *dataset.shape[-2:]):
        return None
    is_packed = _filter_of(dataset)
    if is_packed is None:
        return None
    offsets, sizes = np.empty(len(flat), np.int64), np.empty(len(flat), np.int64)
    for k, where in enumerate(zip(*np.unravel_index(flat, dataset.shape[:-2]), strict=True)):
        chunk = dataset.id.get_chunk_info_by_coord((*map(int, where), 0, 0))
        if chunk.byte_offset is None or chunk.filter_mask:
            return None
        offsets[k], sizes[k] = chunk.byte_offset, chunk.size
    return _Places(offsets, sizes, is_packed)


def _filter_of(dataset: Any) -> bool | None:
    """Say whether chunks are packed by bitshuffle and LZ4; None if they are in another way."""
    settings = dataset.id.get_create_plist()
    filters = [settings.get_filter(k) for k in range(settings.get_nfilters())]
    if not filters:
        return False
    code, _, values, _ = filters[0]
    # Version of the filter (2 numbers), bytes a value, values a block, what packs the blocks.
    packs = len(values) > 4 and values[4] == LZ4
    return True if len(filters) == 1 and code == BITSHUFFLE and packs else None


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    descriptor = os.open(Path(path), os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _announce(mapping: mmap.mmap, descriptor: int, end: int) -> None:
    """Tell the system what will be read now, and what probably next: it reads ahead then."""
    if hasattr(mmap, "MADV_WILLNEED"):
        mapping.madvise(mmap.MADV_WILLNEED)
    if hasattr(os, "posix_fadvise"):
        following = min(len(mapping), FARTHEST)
        os.posix_fadvise(descriptor, end, following, os.POSIX_FADV_WILLNEED)
