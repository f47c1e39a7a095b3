"""Save prepared chunks: every process writes the frames that it prepared."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.data import _distribute as distribute
from ptypy.core.data._chunk import Chunk
from ptypy.core.data._compression import choose_compression
from ptypy.core.data._resume import differences
from ptypy.errors import DataError, ParameterError
from ptypy.utils import parallel
from ptypy.utils.parameters import Param, Placeholder
from ptypy.utils.verbose import logger

__all__ = ["Recorder"]

STORABLE = (bool, int, float, complex, str, bytes, list, tuple, dict, np.ndarray, np.generic)


class Recorder:
    """Adds chunks to a ``.ptyd`` file, in it or beside it.

    The file is made when the first chunk is ready, so that a scan that fails before leaves an
    older file of that name untouched. The master arranges a chunk, all processes write their own
    frames to it, and the master makes it visible: it is there, whole, or not there.

    Parameters
    ----------
    path : str
        The file.
    chunk_format : str or None
        None: chunks are written into the file. Else every chunk becomes a file, whose name is
        ``path`` and this with the number of the chunk put in, and the file links to it.
    merges : bool
        In the end make one chunk of all.
    compression : {'gzip', 'bitshuffle', 'auto'} or None
        How frames are compressed. ``'auto'``: as those that are there already; or, for a new file,
        as the first chunk is stored best, see `choose_compression`.
    """

    def __init__(
        self,
        path: str,
        chunk_format: str | None = None,
        *,
        merges: bool = False,
        compression: Any = None,
    ) -> None:
        self.path = path
        self.merges = merges
        self.chunk_format = chunk_format
        self.compression = compression
        self._is_made = False
        """On the master: the file is there, so that a second attempt does not make it anew."""
        self._known: dict[str, bytes] | None = None
        """On the master: what geometry and record are in the file that this run made."""
        self._has_chunks = False
        """Chunks were added by this run."""
        self._is_open = False
        """On the master: a run before did not end the file that is gone on with."""
        self._shape: tuple[int, int] | None = None
        """Of the frames that are there already."""

    def resume_from(self, info: Param) -> tuple[int, int]:
        """Go on with a file that a run before left unfinished; all processes call this.

        Parameters
        ----------
        info : Param
            What is asked for now.

        Returns
        -------
        frames : int
            How many are saved already; 0 if there is no such file, or none is in it.
        number : int
            Of the next chunk.

        Raises
        ------
        ParameterError
            If the frames there were prepared with other parameters; it names all of them.
        FormatError
            If what is there is no prepared scan, or damaged.
        """
        found = distribute.on_master(lambda: self._look(info), everywhere=False)
        if self.compression == "auto" and found["frames"]:
            self.compression = found["compression"]
        return found["frames"], found["number"]

    def _look(self, info: Param) -> dict[str, Any]:
        """Look at what a run before left, on the master."""
        from ptypy.io import ptyd

        nothing = {"frames": 0, "number": 0, "compression": None}
        removed = ptyd.tidy_up(self.path)
        if removed:
            logger.warning("removed what a writer that died left: %s", ", ".join(removed))
        if not os.path.lexists(self.path):
            return nothing
        reader = ptyd.PtydReader(self.path)
        if not reader.chunks:
            return nothing
        kept = {key: value for key, value in info.items() if _is_storable(value)}
        faults = differences(_storable(kept), reader.info, reader.num_frames)
        if faults:
            raise ParameterError(faults)
        self._is_made = True
        self._is_open = reader.is_complete is not True
        self._shape = reader.shape
        number = max(chunk.number for chunk in reader.chunks) + 1
        compression = reader.chunks[-1].compression
        return {"frames": reader.num_frames, "number": number, "compression": compression}

    def add(self, chunk: Chunk, info: Param, unknown: Sequence[str]) -> None:
        """Save a chunk; all processes call this.

        Parameters
        ----------
        chunk : Chunk
        info : Param
            What was asked for.
        unknown : list of str
            Entries of ``chunk.meta`` that nobody gave; they are left out of the file.

        Raises
        ------
        DataError
            If the arrays do not fit one another.
        FormatError
            If they cannot be written. The chunks before are as they were.
        ParallelError
            If that happened on another process.
        """
        place_of = {index: row for row, index in enumerate(chunk.indices.tolist())}
        rows = np.array([place_of[index] for index in chunk.indices_node.tolist()], dtype=np.int64)
        types = _types(chunk)
        weights = _weights(chunk, rows, types)
        dtype = _stored_type(chunk, types)
        if self.compression == "auto":
            self.compression = choose_compression(self.path, chunk.data, rows, len(place_of), dtype)
        draft: Any = None
        with contextlib.ExitStack() as stack:

            def arrange() -> dict[str, Any]:
                nonlocal draft
                draft = stack.enter_context(self._arrange(chunk, dtype, weights, info, unknown))
                return {"place": tuple(draft.place)}

            answer = distribute.on_master(arrange, everywhere=False)
            _write(draft, answer["place"], chunk.data, rows)
            distribute.agree(stack.close)
        self._has_chunks = True

    def close(self, meta: Param, info: Param, unknown: Sequence[str]) -> None:
        """Say that the scan has ended, with what is only known now; all processes call this."""
        distribute.agree(lambda: self._write_end(meta, info, unknown) if parallel.master else None)

    def _arrange(
        self,
        chunk: Chunk,
        dtype: np.dtype[Any],
        weights: npt.NDArray[Any],
        info: Param,
        unknown: Sequence[str],
    ) -> contextlib.AbstractContextManager[Any]:
        """Make room for a chunk, on the master."""
        from ptypy.io import ptyd

        shape = (len(chunk.indices), *chunk.data.shape[1:])
        # What cannot be saved must not cost the file that was there before.
        form = ptyd.checked(shape, dtype, chunk.indices, chunk.positions, weights)
        if self._shape is not None and form.shape[1:] != self._shape:
            raise DataError(
                f"{self.path}: holds frames of {self._shape[0]} x {self._shape[1]} px, and those "
                f"that follow have {shape[1]} x {shape[2]}: prepare the scan anew, without `resume`"
            )
        if not self._is_made:
            if os.path.lexists(self.path):
                logger.warning("%s was there already; it is kept as %s.old", *[self.path] * 2)
            meta = _storable_meta(chunk.meta, unknown)
            self._known = ptyd.create(self.path, meta, _storable(info), announces_end=True)
            self._is_made = True
        link = None if self.chunk_format is None else self.path + self.chunk_format % chunk.number
        compression = self.compression
        return ptyd.new_chunk(self.path, chunk.number, form, compression=compression, link=link)

    def _write_end(self, meta: Param, info: Param, unknown: Sequence[str]) -> None:
        from ptypy.io import ptyd

        if self._has_chunks:
            ptyd.finish(
                self.path, _storable_meta(meta, unknown), _storable(info), known=self._known
            )
        elif self._is_open:
            # All frames were there, but not the end; this run prepared nothing.
            reader = ptyd.PtydReader(self.path)
            ptyd.finish(self.path, {**reader.meta, "num_frames": reader.num_frames}, reader.info)
        if self.merges and self._is_made:
            # Also when this run added nothing: the one before may have died at this very step.
            ptyd.merge_chunks(self.path)


Types = dict[int, tuple[str, str, int]]
"""For every process that holds frames: types of frames and weights, dimensions of the weights."""


def _own_weights(chunk: Chunk) -> npt.NDArray[Any]:
    return chunk.mask if chunk.weights is None else chunk.weights


def _types(chunk: Chunk) -> Types:
    """Tell every process what the others hold."""
    weights = _own_weights(chunk)
    mine = (chunk.data.dtype.str, weights.dtype.str, weights.ndim)
    return distribute.combine({parallel.rank: mine} if len(chunk.data) else {})


def _stored_type(chunk: Chunk, types: Types) -> np.dtype[Any]:
    """Agree on the type of frames in the file: the smallest that holds the counts of all."""
    from ptypy.io import ptyd

    dtype = np.result_type(*(np.dtype(data) for data, _, _ in types.values()))
    if not ptyd.may_shrink(dtype):
        return dtype
    mine = {parallel.rank: ptyd.range_of(chunk.data)} if len(chunk.data) else {}
    found = distribute.combine(mine).values()
    return ptyd.smallest_type(dtype, min(low for low, _ in found), max(high for _, high in found))


def _weights(chunk: Chunk, rows: npt.NDArray[np.int64], types: Types) -> npt.NDArray[Any]:
    """Bring the weights of all frames together on the master, if each frame has its own."""
    weights = _own_weights(chunk)
    if all(dimensions == 2 for _, _, dimensions in types.values()):
        return weights
    dtype = np.result_type(*(np.dtype(name) for _, name, _ in types.values()))
    each = np.broadcast_to(weights, (len(rows), *weights.shape[-2:])).astype(dtype)
    return distribute.collect(each, rows, len(chunk.indices))


def _write(
    draft: Any, place: Sequence[Any], data: npt.NDArray[Any], rows: npt.NDArray[np.int64]
) -> None:
    """Write the frames that this process holds to a chunk that the master has arranged."""
    from ptypy.io import ptyd

    where = ptyd.Place(*place)
    count = where.shape[0]
    if not where.unit:
        settle = parallel.size > 1
        sums = distribute.agree(lambda: ptyd.write_frames(where, rows, data, settle=settle))
        sums = distribute.collect(sums, rows, count)
        finish = (lambda: draft.seal(sums)) if parallel.master else None
    elif where.unit == 1:
        packed, sums = distribute.agree(lambda: ptyd.pack_frames(where, data))
        packed = distribute.collect_bytes(packed, rows, count)
        sums = distribute.collect(sums, rows, count)
        finish = (lambda: draft.put_packed(packed, sums)) if parallel.master else None
    else:  # frames so small that several are compressed together
        frames = distribute.collect(data.astype(where.dtype, copy=False), rows, count)
        finish = (lambda: draft.put(frames)) if parallel.master else None
    distribute.agree(lambda: None if finish is None else finish())


def _storable_meta(meta: Mapping[str, Any], unknown: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in _storable(meta).items() if key not in unknown}


def _is_storable(value: Any) -> bool:
    """Say whether a file can hold a value itself, and not only what it prints as."""
    return value is None or isinstance(value, (*STORABLE, Mapping, os.PathLike))


def _storable(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Turn parameters into what a file can hold; a number that nobody gave becomes None."""
    stored: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            stored[str(key)] = _storable(value)
        elif value is None or isinstance(value, Placeholder):
            stored[str(key)] = None
        elif isinstance(value, STORABLE):
            stored[str(key)] = value
        else:
            stored[str(key)] = os.fspath(value) if isinstance(value, os.PathLike) else repr(value)
    return stored
