"""Memory for blocks of frames, used again when nobody holds the last block any more.

The first touch of memory that the system has just given out costs more than all the arithmetic
of preparing a frame. Arrays from here give their memory back when they, and all views of them,
are gone; the next one of about that size takes it over.
"""

from __future__ import annotations

import mmap
import weakref
from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["empty", "release"]

SMALLEST = 1 << 20
"""Smaller arrays are left to numpy [bytes]."""

# Appended to by whoever drops the last view, perhaps while the collector runs: no lock may be
# held here, and a deque needs none. The oldest makes way.
_idle: deque[mmap.mmap] = deque(maxlen=3)


def empty(shape: Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[np.generic]:
    """Give an array whose values are arbitrary, as `numpy.empty`.

    Parameters
    ----------
    shape : sequence of int
    dtype : dtype

    Returns
    -------
    ndarray
        C-contiguous and writable.
    """
    kind = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    if size < SMALLEST:
        return np.empty(shape, kind)
    memory = _find(size)
    owner = np.frombuffer(memory, np.uint8)
    # All views have this array for their base: it lives as long as any of them.
    weakref.finalize(owner, _idle.append, memory).atexit = False
    return owner[:size].view(kind).reshape(shape)


def release() -> None:
    """Give back to the system what nobody uses."""
    _idle.clear()


def _find(size: int) -> mmap.mmap:
    for _ in range(len(_idle)):
        try:
            memory = _idle.popleft()
        except IndexError:  # another thread was faster
            break
        if size <= len(memory) <= 2 * size:
            return memory
        _idle.append(memory)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    memory = mmap.mmap(-1, size, flags=flags)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
