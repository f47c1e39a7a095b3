"""Read prepared frames, in blocks, whatever chunks they were written in."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.io._decode import Decoder
from ptypy.io._hdf5 import open_h5, read_trouble
from ptypy.io.ptyd._entries import entry, positions_of
from ptypy.io.ptyd._survey import ChunkInfo, survey

__all__ = ["Block", "PtydReader"]


SETTLED = 1.0
"""After this time, a change would have another time of modification than the one before [s]."""


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

    Raises
    ------
    FormatError
        If the file is missing or not of this format, or if there are faults that would make
        data wrong; it names all of them.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
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
        with open_h5(self.path) as file:
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
        if stamp is not None and stamp == self._stamp:
            return 0
        found = survey(self.path, self._survey.chunks)
        found.raise_faults()
        self._stamp, self._survey = stamp, found
        return found.frames - before

    def _take_stamp(self) -> tuple[int, int, int] | None:
        """Tell the present state of the file; None if it changed too recently to tell.

        A file that did not change need not be opened: readers that look without a pause would
        keep its writer out.
        """
        try:
            state = self.path.stat()
        except OSError:
            return None
        if time.time() - state.st_mtime < SETTLED:
            return None
        return state.st_mtime_ns, state.st_size, state.st_ino

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
        chunks = self._survey.chunks
        if not 0 <= start < stop <= self.num_frames:
            raise DataError(
                f"{self.path}: frames {start} to {stop} are not there; it has {self.num_frames}"
            )
        height, width = chunks[0].shape
        data = np.empty((stop - start, height, width), self.dtype)
        positions = np.empty((stop - start, 2)) if chunks[0].has_positions else None
        pieces = list(self._pieces(start, stop))
        masks = []
        for file, group in itertools.groupby(pieces, key=lambda piece: piece.chunk.file):
            with open_h5(file) as opened:
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
        group = file[piece.chunk.group]
        try:
            group["data"].read_direct(data, piece.source, piece.target)
            if positions is not None:
                stored = positions_of(group, piece.chunk.file)
                positions[piece.target] = np.asarray(stored)[piece.source]
            return self._weights_of(group, piece)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise read_trouble(piece.chunk.file, group.name, error) from error

    def _weights_of(self, group: Any, piece: _Piece) -> npt.NDArray[Any] | None:
        # As it is now: a writer may have spelled out the common mask since the survey.
        stored = entry(group, "weights")
        if stored is None:
            return self._survey.common
        if stored.shape == (piece.chunk.frames, *piece.chunk.shape):
            return np.asarray(stored[piece.source])
        return np.asarray(stored[...]).reshape(piece.chunk.shape)


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
