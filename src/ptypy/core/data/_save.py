"""Write prepared chunks to a file, on the master."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.data import _distribute as distribute
from ptypy.core.data._chunk import Chunk
from ptypy.utils import parallel
from ptypy.utils.parameters import Param, Placeholder
from ptypy.utils.verbose import logger

__all__ = ["Recorder"]

STORABLE = (bool, int, float, complex, str, bytes, list, tuple, dict, np.ndarray, np.generic)


class Recorder:
    """Adds chunks to a ``.ptyd`` file, in it or beside it.

    The file is made when the first chunk is ready, so that a scan that fails before leaves an
    older file of that name untouched.

    Parameters
    ----------
    path : str
        The file.
    chunk_format : str or None
        None: chunks are written into the file. Else every chunk becomes a file, whose name is
        ``path`` and this with the number of the chunk put in, and the file links to it.
    merges : bool
        In the end make one chunk of all.
    """

    def __init__(self, path: str, chunk_format: str | None = None, *, merges: bool = False) -> None:
        self.path = path
        self.merges = merges
        self.chunk_format = chunk_format
        self._is_made = False
        """On the master: the file is there, so that a second attempt does not make it anew."""
        self._has_chunks = False

    def add(self, chunk: Chunk, info: Param, unknown: Sequence[str]) -> None:
        """Save a chunk; all processes call this.

        Parameters
        ----------
        chunk : Chunk
        info : Param
            What was asked for.
        unknown : list of str
            Entries of ``chunk.meta`` that nobody gave; they are left out of the file.
        """
        mine, every = chunk.indices_node.tolist(), chunk.indices.tolist()
        data = distribute.collect(chunk.data, mine, every)
        weights: npt.NDArray[Any] = chunk.mask if chunk.weights is None else chunk.weights
        if weights.ndim == 3:
            weights = distribute.collect(weights, mine, every)
        distribute.agree(lambda: self._write(chunk, data, weights, info, unknown))
        self._has_chunks = True

    def close(self, meta: Param, info: Param, unknown: Sequence[str]) -> None:
        """Write once more what is only known at the end; all processes call this."""
        if self._has_chunks:
            distribute.agree(lambda: self._write_end(meta, info, unknown))

    def _write(
        self,
        chunk: Chunk,
        data: npt.NDArray[Any],
        weights: npt.NDArray[Any],
        info: Param,
        unknown: Sequence[str],
    ) -> None:
        from ptypy.io import ptyd

        if parallel.master:
            if not self._is_made:
                # What cannot be saved must not cost the file that was there before.
                ptyd.check_chunk(data, chunk.indices, chunk.positions, weights)
                if os.path.lexists(self.path):
                    logger.warning("%s was there already; it is kept as %s.old", *[self.path] * 2)
                ptyd.create(self.path, _storable_meta(chunk.meta, unknown), _storable(info))
                self._is_made = True
            link = (
                None if self.chunk_format is None else self.path + self.chunk_format % chunk.number
            )
            ptyd.append_chunk(
                self.path, chunk.number, data, chunk.indices, chunk.positions, weights, link=link
            )

    def _write_end(self, meta: Param, info: Param, unknown: Sequence[str]) -> None:
        from ptypy.io import ptyd

        if parallel.master:
            ptyd.write_meta(self.path, _storable_meta(meta, unknown))
            ptyd.write_info(self.path, _storable(info))
            if self.merges:
                ptyd.merge_chunks(self.path)


def _storable_meta(meta: Mapping[str, Any], unknown: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in _storable(meta).items() if key not in unknown}


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
