"""Read prepared frames, in blocks, whatever chunks they were written in."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError
from ptypy.io._decode import Decoder
from ptypy.io._hdf5 import read_trouble
from ptypy.io.ptyd._entries import entry, positions_of
from ptypy.io.ptyd._frames import read_frames
from ptypy.io.ptyd._open import reading
from ptypy.io.ptyd._superblock import Superblock
from ptypy.io.ptyd._survey import WRITTEN_ANEW, ChunkInfo, id_of, survey

__all__ = ["Block", "PtydReader"]


SETTLED = 1.0
"""After this time, a change would have another time of modification than the one before [s]."""


class _Stamp(NamedTuple):
    """The state of a file, found without opening it as HDF5."""

    inode: int
    tree: bytes
    """`Superblock.tree`; empty if there is none."""
    size: int
    modified: int
    is_old: bool
    """Whether a change would show in the time of modification."""


class _Piece(NamedTuple):
    """Part of a chunk, and where it goes in a block."""

    chunk: ChunkInfo
    source: slice
    target: slice


class Block(NamedTuple):
    """Frames that follow one another in a file."""

    data: npt.NDArray[Any]
    indices: npt.NDArray[np.int64]
    positions: npt.NDArray[np.float64] | None
    weights: npt.NDArray[Any] | None


class PtydReader:
    """A prepared scan, complete or still being written.

    Files of PtyPy 0.9 are read, with chunks in the file or linked to it, and files written by
    hand. The file is opened for each call only, so that it can be written to in between.

    Parameters
    ----------
    path : path
    verify : bool
        Compare frames with the checksums in the file, if it has any.

    Raises
    ------
    FormatError
        If the file is missing or not of this format, or if there are faults that would make
        data wrong; it names all of them.
    """

    def __init__(self, path: str | Path, *, verify: bool = True) -> None:
        self.path = Path(path)
        self._verifies = verify
        self._stamp = self._take_stamp()
        self._survey = survey(self.path)
        self._survey.raise_faults()

    @property
    def meta(self) -> dict[str, Any]:
        """Geometry of the prepared frames: those entries that say something."""
        return dict(self._survey.meta)

    @property
    def info(self) -> dict[str, Any]:
        """The parameters that the scan was prepared with, for the record.

        Entries that only Python could read (pickles) are left out.
        """
        with reading(self.path) as file:
            node = file.get("info")
            content = None if node is None else Decoder(self.path, "skip").decode(node)
        return dict(content) if isinstance(content, dict) else {}

    @property
    def chunks(self) -> list[ChunkInfo]:
        """The chunks, in the order of their frames."""
        return list(self._survey.chunks)

    @property
    def num_frames(self) -> int:
        """How many frames can be read; ``meta['num_frames']`` says how many are expected."""
        return self._survey.frames

    @property
    def is_complete(self) -> bool | None:
        """Whether the writer said that there will be no more frames; None if it never says so."""
        return self._survey.is_complete

    @property
    def shape(self) -> tuple[int, int] | None:
        """Height and width of a frame [px]; None while there is none."""
        chunks = self._survey.chunks
        return chunks[0].shape if chunks else None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of counts that holds those of every chunk."""
        return np.result_type(*(chunk.dtype for chunk in self._survey.chunks), np.bool_)

    def refresh(self) -> int:
        """Look for chunks that were written since.

        Frames that were there keep their places; new ones come after them.

        Returns
        -------
        int
            How many frames are new.

        Raises
        ------
        FormatError
            As on opening, or if the file was replaced by another.
        """
        before = self.num_frames
        stamp = self._take_stamp()
        if not self._differs(stamp):
            return 0
        found = survey(self.path, self._survey)
        found.raise_faults()
        self._stamp, self._survey = stamp, found
        return found.frames - before

    def _take_stamp(self) -> _Stamp | None:
        """Tell the present state of the file; None if there is none.

        A file that did not change need not be looked through; to find that out takes
        microseconds.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except OSError:
            return None
        try:
            state = os.fstat(descriptor)
            block = Superblock.read(descriptor)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        tree = b"" if block is None else block.tree
        is_old = time.time() - state.st_mtime > SETTLED
        return _Stamp(state.st_ino, tree, state.st_size, state.st_mtime_ns, is_old)

    def _differs(self, stamp: _Stamp | None) -> bool:
        """Say whether the file may have changed since it was looked through."""
        before = self._stamp
        if stamp is None or before is None or stamp[:2] != before[:2]:
            return True
        # Other programs change files in place; that may leave all of this the same for a moment.
        is_ours = self._survey.scan_id is not None and stamp.tree
        return not is_ours and not (stamp[:4] == before[:4] and before.is_old)

    def read(self, start: int, stop: int) -> Block:
        """Read frames that follow one another in the file, across chunks.

        Parameters
        ----------
        start, stop : int
            The first, and the one after the last.

        Returns
        -------
        data : (N, H, W) array
            Photon counts, of the type they are stored in.
        indices : (N,) int64
            Scan-point index of every frame.
        positions : (N, 2) float64 or None
            Positions (y, x) [m].
        weights : (H, W) or (N, H, W) array, or None
            Larger than zero where a pixel may be trusted; one for all frames if it is the same.
            None if nothing is masked.

        Raises
        ------
        DataError
            If there are no such frames.
        FormatError
            If they cannot be read.
        """
        if not 0 <= start < stop <= self.num_frames:
            raise DataError(
                f"{self.path}: frames {start} to {stop} are not there; it has {self.num_frames}"
            )
        try:
            return self._read(start, stop)
        except FormatError:
            # Chunks may have been merged since, or another run may have taken the place.
            if not self._differs(self._take_stamp()):
                raise
            self.refresh()
            return self._read(start, stop)

    def _read(self, start: int, stop: int) -> Block:
        chunks = self._survey.chunks
        height, width = chunks[0].shape
        data = np.empty((stop - start, height, width), self.dtype)
        positions = np.empty((stop - start, 2)) if chunks[0].has_positions else None
        pieces = list(self._pieces(start, stop))
        masks = []
        for file, group in itertools.groupby(pieces, key=lambda piece: piece.chunk.file):
            with reading(file) as opened:
                run = id_of(opened.get("chunks", opened))
                if self._survey.scan_id is not None and run not in (None, self._survey.scan_id):
                    raise FormatError(f"{file}: {WRITTEN_ANEW}")
                masks += [self._read_piece(opened, piece, data, positions) for piece in group]
        indices = np.concatenate([piece.chunk.indices[piece.source] for piece in pieces])
        return Block(data, indices, positions, _joined(masks, pieces, data.shape))

    def _pieces(self, start: int, stop: int) -> Iterator[_Piece]:
        first = 0
        for chunk in self._survey.chunks:
            low, high = max(start, first), min(stop, first + chunk.frames)
            if low < high:
                source = slice(low - first, high - first)
                yield _Piece(chunk, source, slice(low - start, high - start))
            first += chunk.frames

    def _read_piece(
        self,
        file: Any,
        piece: _Piece,
        data: npt.NDArray[Any],
        positions: npt.NDArray[np.float64] | None,
    ) -> npt.NDArray[Any] | None:
        """Fill in frames and positions; give the weights of the piece."""
        chunk = piece.chunk
        try:
            group = file[chunk.group]
            damaged = read_frames(
                chunk.file, group["data"], piece.source, data[piece.target], verify=self._verifies
            )
            if damaged:
                raise FormatError(
                    f"{chunk.file}: chunks/{chunk.number}: {_listed(damaged)} not as written: the "
                    "checksum differs. The disk or a copy damaged the file: take another copy, or "
                    "prepare the scan again"
                )
            if positions is not None:
                stored = positions_of(group, chunk.file)
                positions[piece.target] = np.asarray(stored)[piece.source]
            return self._weights_of(group, piece)
        except FormatError:
            raise
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise read_trouble(chunk.file, f"chunks/{chunk.number}", error) from error

    def _weights_of(self, group: Any, piece: _Piece) -> npt.NDArray[Any] | None:
        # As it is now: a writer may have spelled out the common mask since the survey.
        stored = entry(group, "weights")
        if stored is None:
            return self._survey.common
        if stored.shape == (piece.chunk.frames, *piece.chunk.shape):
            return np.asarray(stored[piece.source])
        return np.asarray(stored[...]).reshape(piece.chunk.shape)


def _listed(frames: list[int]) -> str:
    """Name frames of a chunk."""
    if len(frames) == 1:
        return f"frame {frames[0]} is"
    some = ", ".join(str(frame) for frame in frames[:5])
    return f"{len(frames)} frames ({some}{', ...' if len(frames) > 5 else ''}) are"


def _joined(
    masks: list[npt.NDArray[Any] | None], pieces: list[_Piece], shape: tuple[int, ...]
) -> npt.NDArray[Any] | None:
    """Make one array of the weights of pieces: (H, W) if they are the same for all frames."""
    given = [mask for mask in masks if mask is not None]
    if not given:
        return None
    first = given[0]
    if len(given) == len(masks) and all(
        mask.ndim == 2 and np.array_equal(mask, first) for mask in given
    ):
        return first.copy()
    joined = np.empty(shape, np.result_type(*given))
    for mask, piece in zip(masks, pieces, strict=True):
        joined[piece.target] = True if mask is None else mask
    return joined
