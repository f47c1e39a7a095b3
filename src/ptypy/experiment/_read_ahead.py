"""Read the next block of frames in a thread while this one is prepared."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy.typing as npt

__all__ = ["ReadAhead"]

Array = npt.NDArray[Any]


class _Begun(NamedTuple):
    """A block that is being read."""

    key: Hashable
    block: Future[Array]
    process: int
    """Who reads it: a fork has no such thread."""


class ReadAhead:
    """Keeps one block that was read before anybody asked for it.

    HDF5 unpacks frames in C, where other threads can go on meanwhile.
    """

    def __init__(self) -> None:
        self._reader: tuple[int, ThreadPoolExecutor] | None = None
        self._begun: _Begun | None = None

    def start(self, key: Hashable, read: Callable[[], Array]) -> None:
        """Begin to read a block; ``key`` names it."""
        me = os.getpid()
        if self._reader is None or self._reader[0] != me:
            self._reader = (me, ThreadPoolExecutor(1, thread_name_prefix="read-ahead"))
        self._begun = _Begun(key, self._reader[1].submit(read), me)

    def take(self, key: Hashable) -> Array | None:
        """Give the block of that name, waiting for it; None if another was read, or reading failed.

        What failed in the background is best tried again by who needs it, to fail there.
        """
        begun, self._begun = self._begun, None
        if begun is None or begun.process != os.getpid() or begun.block.cancel():
            return None
        if begun.key != key or begun.block.exception() is not None:
            return None
        return begun.block.result()

    def __reduce__(self) -> Any:
        # A copy of a scan reads for itself.
        return ReadAhead, ()
