"""Read prepared frames, in blocks, whatever chunks they were written in."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError
from ptypy.io._decode import Decoder
from ptypy.io._hdf5 import read_trouble
from ptypy.io.ptyd._entries import entry
from ptypy.io.ptyd._frames import read_frames
from ptypy.io.ptyd._open import keep_out_others, reading
from ptypy.io.ptyd._plain_frames import PlainFrames
from ptypy.io.ptyd._stamp import Stamp, differ, stays_put
from ptypy.io.ptyd._survey import WRITTEN_ANEW, ChunkInfo, id_of, survey
from ptypy.utils import buffers

__all__ = ["Block", "PtydReader"]


WORTH_MAPPING = 1 << 24
"""So many bytes are left in the file until somebody looks at them. Each map holds a descriptor."""


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
    def indices(self) -> npt.NDArray[np.int64]:
        """Scan-point index of every frame, in the order of the file."""
        return self._survey.indices

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
        if not self._may_have_changed():
            return 0
        found = survey(self.path, self._survey)
        found.raise_faults()
        self._survey = found
        return found.frames - before

    def _may_have_changed(self) -> bool:
        """Say whether the file may be another than when it was looked through."""
        is_ours = self._survey.scan_id is not None
        return differ(self._survey.stamp, Stamp.of(self.path), is_ours=is_ours)

    def read(self, start: int, stop: int) -> Block:
        """Read frames that follow one another in the file, across chunks.

        Parameters
        ----------
        start, stop : int
            The first, and the one after the last.

        Returns
        -------
        data : (N, H, W) array
            Photon counts, of the type they are stored in. Many counts of one chunk that are not
            compressed are mapped: they take no memory until they are changed, which the file
            never sees.
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
            if not self._may_have_changed():
                raise
            self.refresh()
            return self._read(start, stop)

    def _read(self, start: int, stop: int) -> Block:
        pieces = self._pieces(start, stop)
        indices = self._survey.indices[start:stop]
        positions = self._positions(pieces)
        if len(pieces) == 1 and self._may_stay(pieces[0]):
            chunk = pieces[0].chunk
            for frames in self._in_place(chunk.file, pieces):
                return Block(frames, indices, positions, _joined([chunk.mask], pieces, ()))
        data = buffers.empty((stop - start, *self._survey.chunks[0].shape), self.dtype)
        masks: list[npt.NDArray[Any] | None] = []
        for file, group in itertools.groupby(pieces, key=lambda piece: piece.chunk.file):
            masks += self._fill(file, list(group), data)
        return Block(data, indices, positions, _joined(masks, pieces, data.shape))

    def _pieces(self, start: int, stop: int) -> list[_Piece]:
        """Find the parts of chunks that frames are in."""
        borders = self._survey.borders
        first = int(np.searchsorted(borders, start, side="right")) - 1
        last = int(np.searchsorted(borders, stop, side="left"))
        pieces = []
        for chunk, begin in zip(
            self._survey.chunks[first:last], borders[first:last].tolist(), strict=True
        ):
            low, high = max(start, begin), min(stop, begin + chunk.frames)
            if low < high:
                source = slice(low - begin, high - begin)
                pieces.append(_Piece(chunk, source, slice(low - start, high - start)))
        return pieces

    @staticmethod
    def _positions(pieces: list[_Piece]) -> npt.NDArray[np.float64] | None:
        if pieces[0].chunk.positions is None:
            return None
        known = [(piece.chunk.positions, piece.source) for piece in pieces]
        return np.concatenate([given[source] for given, source in known if given is not None])

    def _may_stay(self, piece: _Piece) -> bool:
        """Say whether frames can be used as they are in the file, and are many."""
        (chunk, source, _), dtype = piece, piece.chunk.dtype
        if not isinstance(chunk.stored, PlainFrames) or chunk.weights_kind == "frame":
            return False
        size = (source.stop - source.start) * int(np.prod(chunk.shape)) * dtype.itemsize
        is_usable = dtype == self.dtype and dtype.isnative
        return is_usable and size >= WORTH_MAPPING and chunk.stored.offset % dtype.itemsize == 0

    def _fill(
        self, file: Path, pieces: list[_Piece], data: npt.NDArray[Any]
    ) -> list[npt.NDArray[Any] | None]:
        """Fill in the frames of one file; give the weights of each piece."""
        done = sum(1 for _ in self._in_place(file, pieces, data))
        if done == len(pieces) and all(p.chunk.weights_kind != "frame" for p in pieces):
            return [piece.chunk.mask for piece in pieces]
        with reading(file) as opened:
            run = id_of(opened.get("chunks", opened))
            if self._survey.scan_id is not None and run not in (None, self._survey.scan_id):
                raise FormatError(f"{file}: {WRITTEN_ANEW}")
            return [
                piece.chunk.mask
                if k < done and piece.chunk.weights_kind != "frame"
                else self._read_piece(opened, piece, None if k < done else data)
                for k, piece in enumerate(pieces)
            ]

    def _in_place(
        self, file: Path, pieces: list[_Piece], data: npt.NDArray[Any] | None = None
    ) -> Iterator[npt.NDArray[Any]]:
        """Give the frames of one file, piece by piece, as far as HDF5 need not be asked again.

        They are where they go in ``data``, if that is there.
        """
        if pieces[0].chunk.stored is None:
            return
        try:
            descriptor = os.open(file, os.O_RDONLY)
        except OSError:
            return
        try:
            keep_out_others(descriptor, file)
            now = Stamp.of_open(descriptor)
            for piece in pieces:
                chunk, known = piece.chunk, piece.chunk.stored
                is_ours = self._survey.scan_id is not None
                if known is None or not stays_put(chunk.stamp, now, is_ours=is_ours):
                    return
                target = None if data is None else data[piece.target]
                verify = self._verifies
                try:
                    found = known.look(descriptor, piece.source, verify=verify, target=target)
                except (OSError, ValueError):
                    return  # HDF5 may say why it cannot be read
                frames, damaged = found
                self._see(chunk, damaged)
                yield frames
        finally:
            # A map keeps the file open, and must not keep writers out.
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _read_piece(
        self, file: Any, piece: _Piece, data: npt.NDArray[Any] | None
    ) -> npt.NDArray[Any] | None:
        """Fill in frames through HDF5, if they are not there yet; give the weights of the piece."""
        chunk = piece.chunk
        try:
            group = file[chunk.group]
            if data is not None:
                damaged = read_frames(
                    group["data"], piece.source, data[piece.target], verify=self._verifies
                )
                self._see(chunk, damaged)
            return self._weights_of(group, piece)
        except FormatError:
            raise
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise read_trouble(chunk.file, f"chunks/{chunk.number}", error) from error

    @staticmethod
    def _see(chunk: ChunkInfo, damaged: list[int]) -> None:
        if damaged:
            raise FormatError(
                f"{chunk.file}: chunks/{chunk.number}: {_listed(damaged)} not as written: the "
                "checksum differs. The disk or a copy damaged the file: take another copy, or "
                "prepare the scan again"
            )

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
        mask.ndim == 2 and (mask is first or np.array_equal(mask, first)) for mask in given
    ):
        return first.copy()
    joined = np.empty(shape, np.result_type(*given))
    for mask, piece in zip(masks, pieces, strict=True):
        joined[piece.target] = True if mask is None else mask
    return joined
