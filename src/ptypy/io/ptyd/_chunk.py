"""Add a chunk to a prepared scan: one process arranges it, any number of them write frames."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError
from ptypy.io._hdf5 import replacing, stamp
from ptypy.io.h5rw import h5options
from ptypy.io.ptyd._amend import FORM, Draft, amended
from ptypy.io.ptyd._arrays import (
    GZIP,
    dress_chunk,
    new_array,
    reserve_array,
    write_array,
)
from ptypy.io.ptyd._checksums import checksums, grouped, over_parts
from ptypy.io.ptyd._entries import SCAN_ID
from ptypy.io.ptyd._filters import Compression, filters_for, pack_units
from ptypy.io.ptyd._form import ChunkForm
from ptypy.io.ptyd._masks import weights_to_store
from ptypy.io.ptyd._open import in_words

__all__ = ["NewChunk", "Place", "new_chunk", "pack_frames", "put_units", "write_frames"]

Array = npt.NDArray[Any]


class Place(NamedTuple):
    """Where frames of a new chunk go. Plain values, so that it can be sent to other processes."""

    path: str
    """The file that they are written to."""
    inode: int
    """By which that file is recognised."""
    offset: int
    """Where the first frame begins in it [byte]."""
    shape: tuple[int, int, int]
    """Of all frames of the chunk."""
    dtype: str
    """Of a pixel, as NumPy spells it."""
    unit: int
    """How many frames are compressed together; 0: they are not compressed."""
    compression: str
    """How; empty if they are not."""


class NewChunk:
    """A chunk that nobody sees yet. Made by `new_chunk`."""

    def __init__(self, place: Place, dataset: Any) -> None:
        self.place = place
        self._dataset = dataset
        self._is_complete = False

    def put(self, frames: Array) -> None:
        """Write all frames, from this process."""
        if self.place.unit:
            self.put_packed(*pack_frames(self.place, frames))
        else:
            rows = np.arange(len(frames))
            self.seal(write_frames(self.place, rows, frames, settle=False))

    def put_packed(self, packed: list[bytes], sums: npt.NDArray[np.uint32]) -> None:
        """Write what `pack_frames` made, of all frames in their order."""
        _put_packed(self._dataset, 0, packed)
        self.seal(sums)

    def seal(self, sums: npt.NDArray[np.uint32]) -> None:
        """Note the checksums of all frames, which `write_frames` gave, in their order.

        Raises
        ------
        DataError
            If they are not as many as there are frames.
        """
        if sums.shape != self.place.shape[:1]:
            raise DataError(f"{self.place.shape[0]} frames, but {len(sums)} checksums")
        stored, group = grouped(sums)
        self._dataset.attrs["crc32"] = stored
        if group > 1:
            self._dataset.attrs["crc32_frames"] = group
        self._is_complete = True

    def check(self) -> None:
        """See that all frames were written.

        Raises
        ------
        DataError
            If not.
        """
        if not self._is_complete:
            raise DataError("a chunk was to be saved before all its frames were written")


@contextlib.contextmanager
def new_chunk(
    path: str | Path,
    number: int,
    form: ChunkForm,
    *,
    compression: Compression | None = None,
    link: str | Path | None = None,
) -> Iterator[NewChunk]:
    """Arrange a chunk; at the end of the block it is there, whole. An error leaves no trace.

    Parameters
    ----------
    path, number, compression, link
        As for `append_chunk`.
    form : ChunkForm
        All of it but the frames; see `checked`.

    Yields
    ------
    NewChunk
        Its frames are written with `NewChunk.put`; or, by several processes, with `write_frames`,
        followed by `NewChunk.seal`.

    Raises
    ------
    FormatError
        If the file cannot be opened or written, or has this chunk already.
    """
    name = str(int(number))
    filters_for(compression, form.dtype)  # what cannot be compressed is said before any change
    with amended(path, whole=link is not None) as draft:
        if not isinstance(draft.before.get("chunks"), h5py.Group):
            raise FormatError(f"{path}: has no group 'chunks'; make the file with `ptyd.create`")
        if draft.before["chunks"].get(name, getlink=True) is not None:
            raise FormatError(f"{path}: chunk {name} is there already; chunks are not replaced")
        chunks = draft.fresh("chunks")
        weights = weights_to_store(draft, form)
        if link is None:
            group = chunks.create_group(name)
            chunk = _arrange(group, draft.written_to, form, weights, compression)
            dress_chunk(group)
            yield chunk
            chunk.check()
        else:
            target = Path(os.path.realpath(link))
            relative = os.path.relpath(target, draft.path.parent)
            if relative in _linked_files(draft.before["chunks"]):
                raise FormatError(
                    f"{target}: holds another chunk of this scan already; put the number of the "
                    "chunk into the names of chunk files, e.g. '.chunk%02d'"
                )
            with _part(target, draft, form, weights, compression) as chunk:
                yield chunk
            chunks[name] = h5py.ExternalLink(relative, "/")
        before = draft.before["chunks"].attrs
        if "default" not in before:  # viewers show the chunk that was there first
            chunks.attrs["default"] = name
        if before.get("complete", False):
            chunks.attrs["complete"] = False
        stamp(draft.root, h5options["H5RW_VERSION"])


def _linked_files(chunks: Any) -> set[str]:
    links = chunks.id.links
    names: list[bytes] = []

    def note(name: bytes, info: Any) -> None:
        if info.type == h5py.h5l.TYPE_EXTERNAL:
            names.append(name)

    links.iterate(note, info=True)
    return {os.fsdecode(links.get_val(name)[0]) for name in names}


@contextlib.contextmanager
def _part(
    target: Path, draft: Draft, form: ChunkForm, weights: Array, compression: str | None
) -> Iterator[NewChunk]:
    """Arrange a chunk in a file of its own."""
    with replacing(target, form=FORM) as file:
        stamp(file, h5options["H5RW_VERSION"])
        if SCAN_ID in draft.before["chunks"].attrs:
            file.attrs[SCAN_ID] = draft.before["chunks"].attrs[SCAN_ID]
        chunk = _arrange(file, Path(file.filename), form, weights, compression)
        dress_chunk(file, is_file=True)
        yield chunk
        chunk.check()


def _arrange(
    group: Any, file: Path, form: ChunkForm, weights: Array, compression: str | None
) -> NewChunk:
    """Make the datasets of a chunk, and fill all but the frames."""
    filters = filters_for(compression, form.dtype)
    if not filters:
        data = reserve_array(group, "data", form.shape, form.dtype)
        offset, unit = data.id.get_offset(), 0
    else:
        data = new_array(group, "data", form.shape, form.dtype, filters)
        offset, unit = 0, data.chunks[0]
    write_array(group, "indices", form.indices, {})
    if form.positions is not None:
        write_array(group, "positions", form.positions, {})
    write_array(group, "weights", weights, GZIP)
    inode = file.stat().st_ino
    how = compression or ""
    place = Place(str(file), inode, int(offset), form.shape, form.dtype.str, int(unit), how)
    return NewChunk(place, data)


def write_frames(
    place: Place, rows: npt.NDArray[np.int64], frames: Array, *, settle: bool = True
) -> npt.NDArray[np.uint32]:
    """Write some frames of a new chunk, from any process.

    Parameters
    ----------
    place : Place
        Of `NewChunk.place`, with ``unit`` = 0.
    rows : (n,) array of int
        Which frames of the chunk they are.
    frames : (n, H, W) array
    settle : bool
        Wait until they are on the disk. A process that writes all frames need not: the end of
        `new_chunk` does it.

    Returns
    -------
    (n,) uint32
        Their checksums, for `NewChunk.seal`.

    Raises
    ------
    FormatError
        If they cannot be written, with the reason.
    """
    dtype = np.dtype(place.dtype)
    size = dtype.itemsize * place.shape[1] * place.shape[2]
    sums = np.empty(len(rows), np.uint32)
    if not len(rows):
        return sums
    cuts = np.flatnonzero(np.diff(rows) != 1) + 1
    path = Path(place.path)
    with in_words(path):
        descriptor = os.open(path, os.O_WRONLY)
        try:
            if os.fstat(descriptor).st_ino != place.inode:
                raise FormatError(f"{path}: was replaced by another file while in use")
            for run in np.split(np.arange(len(rows)), cuts):
                mine = slice(int(run[0]), int(run[-1]) + 1)
                offset = place.offset + int(rows[mine.start]) * size
                sums[mine] = _write_run(descriptor, offset, dtype, frames[mine])
            if settle:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return sums


def _write_run(
    descriptor: int, offset: int, dtype: np.dtype[Any], frames: Array
) -> npt.NDArray[np.uint32]:
    """Write frames that follow one another in a file; gives their checksums."""
    size = dtype.itemsize * int(np.prod(frames.shape[1:]))

    def write(part: slice) -> npt.NDArray[np.uint32]:
        # Converted, summed and written while the processor still has them at hand.
        block = np.ascontiguousarray(frames[part], dtype=dtype)
        _write_at(descriptor, block, offset + part.start * size)
        return checksums(block)

    return np.concatenate(over_parts(write, len(frames), size))


def _write_at(descriptor: int, block: Array, offset: int) -> None:
    view = block.reshape(-1).view(np.uint8).data
    done = 0
    while done < len(view):
        done += os.pwrite(descriptor, view[done:], offset + done)


def pack_frames(place: Place, frames: Array) -> tuple[list[bytes], npt.NDArray[np.uint32]]:
    """Compress frames to what HDF5 can unpack, from any process and in several threads.

    Parameters
    ----------
    place : Place
        Of `NewChunk.place`, with ``unit`` larger than 0.
    frames : (n, H, W) array
        The first of them begins a unit.

    Returns
    -------
    packed : list of bytes
        For `NewChunk.put_packed`: one for every ``unit`` frames.
    sums : (n,) uint32
        Checksums of the frames.
    """
    block = np.ascontiguousarray(frames, dtype=np.dtype(place.dtype))
    return pack_units(place.compression, _units_of(block, place.unit)), checksums(block)


def put_units(dataset: Any, first: int, compression: str, frames: Array) -> None:
    """Compress frames, and write them to a dataset.

    Parameters
    ----------
    dataset : h5py.Dataset
    first : int
        Where the first of them goes; it begins a chunk of HDF5.
    compression : {'gzip', 'bitshuffle'}
    frames : (n, H, W) array
        If they do not fill their last chunk, they are the last.
    """
    units = _units_of(np.ascontiguousarray(frames, dtype=dataset.dtype), dataset.chunks[0])
    _put_packed(dataset, first, pack_units(compression, units))


def _units_of(frames: Array, unit: int) -> Array:
    """Let so many frames be one each, (k, unit, H, W); zeros fill the last."""
    missing = -len(frames) % unit
    if missing:
        frames = np.concatenate([frames, np.zeros((missing, *frames.shape[1:]), frames.dtype)])
    return frames.reshape(-1, unit, *frames.shape[1:])


def _put_packed(dataset: Any, first: int, packed: list[bytes]) -> None:
    """Write what was compressed, as chunks of HDF5 that follow one another."""
    for number, content in enumerate(packed):
        dataset.id.write_direct_chunk((first + number * dataset.chunks[0], 0, 0), content)
