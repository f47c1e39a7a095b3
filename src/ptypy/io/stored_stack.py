"""Frames that stay in their file until they are needed: mapped into memory, or packed there.

HDF5 reads through one lock, and copies. Where a dataset lies plainly in its file, or every frame
is one chunk packed by bitshuffle and LZ4 (as Dectris detectors write them), a `StoredStack` knows
the address of each frame, and compiled code reads there, in as many threads as it likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError
from ptypy.io._mapped import Stamp, map_part, stamp_of_file
from ptypy.io._stored_places import are_numbers, find_pieces
from ptypy.io.stored_frames import Window, read_frames

__all__ = [
    "StoredStack",
    "frames_in",
    "hold_frames",
    "map_frames",
    "map_records",
]

Array = npt.NDArray[Any]
Numbers = npt.NDArray[np.int64]

PER_FRAME = ("_which", "addresses", "sizes", "numbers")
"""What a stack knows of each of its frames."""


class _Held(NamedTuple):
    """Part of a file that is mapped."""

    bytes: npt.NDArray[np.uint8]
    label: str
    """The file and the dataset."""
    stamp: Stamp | None = None
    """Of the file when it was mapped; None for what is no file."""


class StoredStack(Sequence[Array]):
    """Frames of one dataset, or of several of one form, which nobody has read yet.

    Taking one, ``stack[k]``, reads it and gives an array of its own; ``numpy.asarray(stack)``
    reads all of them. Compiled code reads at `addresses` instead. `map_frames` makes stacks.

    Parameters
    ----------
    held : sequence of _Held
        The mapped parts of files.
    which : (n,) int64
        Which of them holds each frame.
    addresses, sizes : (n,) int64
        Where in memory each frame begins, and its length as it lies there [bytes].
    is_packed : bool
        Whether frames are chunks packed by bitshuffle and LZ4.
    window : Window
        Which part of a frame is there, and where it goes. Rows and columns outside of it are zero.
    stored : (rows, columns)
        Shape of a frame in the file [px].
    dtype : dtype
    numbers : (n,) int64
        How the frames are counted in the dataset.
    label : str
        The file and the dataset, for messages.
    limit : float, optional
        Counts from here on count as invalid, and negative integers; None: all are valid.
    may_be_unwritten : bool
        Whether zeros may stand for frames that nobody has written, as they do in HDF5 files.
    """

    def __init__(
        self,
        held: Sequence[_Held],
        which: Numbers,
        addresses: Numbers,
        sizes: Numbers,
        *,
        is_packed: bool,
        window: Window,
        stored: tuple[int, int],
        dtype: np.dtype[Any],
        numbers: Numbers,
        label: str,
        limit: float | None = None,
        may_be_unwritten: bool = True,
    ) -> None:
        self._held, self._which = tuple(held), which
        self.addresses = addresses
        """Where in memory each frame, or the chunk it is packed in, begins [bytes]."""
        self.sizes = sizes
        """Length of each frame as it lies there [bytes]."""
        self.is_packed = is_packed
        self.window = window
        self.stored = stored
        self.dtype = dtype
        self.numbers = numbers
        self.label = label
        self.limit = limit
        self.may_be_unwritten = may_be_unwritten

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, rows, columns, as `stack[k]` gives them."""
        return (len(self), *self.window.shape)

    @property
    def decoder(self) -> int:
        """Address of what unpacks blocks of these chunks, see `unpacking`; 0 if nothing need be."""
        if not self.is_packed:
            return 0
        from ptypy.io.unpacking import get_decoder

        return int(get_decoder(self.dtype.itemsize))

    def __len__(self) -> int:
        return len(self.addresses)

    @overload
    def __getitem__(self, index: int) -> Array: ...

    @overload
    def __getitem__(self, index: slice) -> StoredStack: ...

    def __getitem__(self, index: int | slice) -> Array | StoredStack:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        size, window = int(self.sizes[index]), self.window
        held = self._held[self._which[index]]
        begin = int(self.addresses[index]) - held.bytes.ctypes.data
        raw = held.bytes[begin : begin + size]
        if self.is_packed:
            from ptypy.io.unpacking import decode_chunk

            try:
                frame = decode_chunk(raw, self.stored, self.dtype)
            except FormatError as error:
                where = "" if held.label == self.label else f", in {held.label},"
                raise FormatError(
                    f"{self.label}: frame {self.numbers[index]}{where} cannot be read: {error}"
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

    @property
    def is_as_it_was(self) -> bool:
        """Whether the files are those that were mapped, unchanged; False for what is no file."""
        stamps = {held.stamp for held in self._held}
        return all(stamp is not None and stamp_of_file(stamp[0]) == stamp for stamp in stamps)

    def take(self, which: Numbers) -> StoredStack:
        """Give some of the frames, without reading them."""
        return self.changed(**{name: getattr(self, name)[which] for name in PER_FRAME})

    def changed(self, **values: Any) -> StoredStack:
        """Give the same frames with other values of these attributes, such as ``limit``."""
        other = StoredStack.__new__(StoredStack)
        other.__dict__.update(self.__dict__, **values)
        return other

    def __reduce__(self) -> Any:
        # To another process only the frames themselves can be sent, and no word of what is invalid.
        if self.limit is not None:
            raise TypeError(f"{self.label}: frames of which some counts are invalid are not sent")
        return np.asarray, (np.asarray(self),)


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
    stack = map_frames(dataset, wanted) if len(wanted) else None
    return read_frames(dataset, wanted) if stack is None else stack


def map_frames(
    dataset: Any,
    numbers: Numbers,
    window: Window | None = None,
    *,
    label: str = "",
    outer: int | None = None,
    channel: int | None = None,
) -> StoredStack | None:
    """Find frames of a dataset by number, without reading them.

    Parameters
    ----------
    dataset, numbers, window, label, outer, channel
        As for `read_frames`.

    Returns
    -------
    StoredStack or None
        None if they lie in files in a way that only HDF5 can read: compressed otherwise, in
        several chunks a frame, or not written at all. A virtual dataset may be made of whole
        frames of plain datasets, see `find_pieces`.

    Raises
    ------
    DataError
        If the dataset has no frame of such a number.
    FormatError
        If a file ends before they do.
    """
    numbers = np.asarray(numbers, dtype=np.int64)
    label = label or f"{dataset.file.filename}:{dataset.name}"
    lead = dataset.shape[:-2] if outer is None else dataset.shape[1:-2]
    frames = int(np.prod(lead if channel is None else lead[:-1]))
    _see_numbers(numbers, frames, label)
    flat = numbers + (0 if outer is None else outer) * frames
    if channel is not None:
        flat = flat * int(lead[-1]) + channel
    pieces = find_pieces(dataset, flat)
    if pieces is None:
        return None
    stored = (int(dataset.shape[-2]), int(dataset.shape[-1]))
    is_virtual = bool(dataset.is_virtual)
    held = []
    which, addresses, sizes = np.empty((3, len(flat)), np.int64)
    for k, piece in enumerate(pieces):
        name = piece.label if is_virtual else label
        stamp = stamp_of_file(piece.path)
        start, mapped = map_part(piece.path, piece.offsets, piece.sizes, name)
        held.append(_Held(mapped, name, stamp))
        which[piece.which], sizes[piece.which] = k, piece.sizes
        addresses[piece.which] = piece.offsets - start + mapped.ctypes.data
    return StoredStack(
        held, which, addresses, sizes, is_packed=pieces[0].is_packed, stored=stored,
        dtype=dataset.dtype, numbers=numbers, label=label,
        window=window or Window(slice(0, stored[0]), slice(0, stored[1]), stored, (0, 0)),
    )  # fmt: skip


def map_records(
    path: str | Path,
    numbers: Numbers,
    *,
    count: int,
    start: int,
    record: int,
    stored: tuple[int, int],
    dtype: np.dtype[Any],
) -> StoredStack | None:
    """Find frames of a file that holds one after the other, at equal distances.

    Parameters
    ----------
    path : path
    numbers : (n,) int64
        Frames, counted from 0.
    count : int
        How many there are.
    start : int
        Where the first of them begins [bytes].
    record : int
        From one to the next [bytes].
    stored : (rows, columns)
    dtype : dtype

    Returns
    -------
    StoredStack or None
        None if compiled code cannot read numbers of this type.

    Raises
    ------
    DataError
        If there is no frame of such a number.
    FormatError
        If the file is missing, or ends before its frames do.
    """
    _see_numbers(numbers, count, str(path))
    if not len(numbers) or not are_numbers(dtype):
        return None
    sizes = np.full(len(numbers), int(np.prod(stored)) * dtype.itemsize)
    offsets = start + np.asarray(numbers, dtype=np.int64) * record
    stamp = stamp_of_file(path)
    begin, mapped = map_part(path, offsets, sizes, str(path))
    return _in_memory(_Held(mapped, str(path), stamp), offsets - begin, stored, dtype, numbers)


def _in_memory(
    held: _Held,
    offsets: Numbers,
    stored: tuple[int, int],
    dtype: np.dtype[Any],
    numbers: Numbers,
) -> StoredStack:
    """Make a stack of frames that lie as they are in one part of memory."""
    return StoredStack(
        [held],
        np.zeros(len(offsets), dtype=np.int64),
        offsets + held.bytes.ctypes.data,
        np.full(len(offsets), int(np.prod(stored)) * dtype.itemsize),
        is_packed=False,
        window=Window(slice(0, stored[0]), slice(0, stored[1]), stored, (0, 0)),
        stored=stored,
        dtype=dtype,
        numbers=numbers,
        label=held.label,
        may_be_unwritten=False,
    )


def hold_frames(frames: Array, numbers: Numbers, label: str) -> StoredStack | None:
    """Take frames of an array by number, without a copy.

    Parameters
    ----------
    frames : (N, H, W)
    numbers : (n,) int64
    label : str
        What they are, for messages.

    Returns
    -------
    StoredStack or None
        None if compiled code cannot read them: of another byte order, or with gaps in them.

    Raises
    ------
    DataError
        If there is no frame of such a number.
    """
    numbers = np.asarray(numbers, dtype=np.int64)
    _see_numbers(numbers, len(frames), label)
    (step, *inside), size = frames.strides, frames.itemsize
    stored = (int(frames.shape[1]), int(frames.shape[2]))
    is_dense = inside == [stored[1] * size, size] and step >= stored[0] * inside[0] > 0
    if not len(numbers) or not is_dense or not are_numbers(frames.dtype):
        return None
    length = stored[0] * stored[1] * size
    first = np.asarray(frames[0]).reshape(-1).view(np.uint8)
    extent = ((len(frames) - 1) * step + length,)
    held = np.lib.stride_tricks.as_strided(first, extent, (1,), writeable=False)
    return _in_memory(_Held(held, label), numbers * step, stored, frames.dtype, numbers)


def _see_numbers(numbers: Numbers, count: int, label: str) -> None:
    """Refuse numbers that no frame has: compiled code would read whatever lies there."""
    wrong = numbers[(numbers < 0) | (numbers >= count)]
    if len(wrong):
        raise DataError(
            f"{label}: frame {wrong[0]} was asked for; there are {count} frames, counted from 0"
        )
