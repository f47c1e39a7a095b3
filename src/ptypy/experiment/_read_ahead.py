"""Read the next block of frames in a thread while this one is prepared."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy.typing as npt

__all__ = ["ReadAhead"]

Array = npt.NDArray[Any]


class ReadAhead:
    """Keeps one block that was read before anybody asked for it.

    HDF5 unpacks frames in C, where other threads can go on meanwhile.
    """

    def __init__(self) -> None:
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._key: Hashable = None
        self._block: Future[Array] | None = None

    def start(self, key: Hashable, read: Callable[[], Array]) -> None:
        """Begin to read a block; ``key`` names it."""
        self._key, self._block = key, self._reader.submit(read)

    def take(self, key: Hashable) -> Array | None:
        """Give the block of that name, waiting for it; None if another was read, or reading failed.

        What failed in the background is best tried again by who needs it, to fail there.
        """
        block, is_it = self._block, self._key == key
        self._block = None
        if block is None or block.cancel() or not is_it:
            return None
        return None if block.exception() is not None else block.result()

    def __reduce__(self) -> Any:
        # A copy of a scan reads for itself.
        return ReadAhead, ()
