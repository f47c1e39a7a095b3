"""Aligned memory, and scratch buffers that are lent instead of allocated.

Touching fresh memory costs several times the arithmetic done on it, so scratch buffers are
returned to a shelf after each call. Nothing is ever read from a buffer that was not written
since it was lent.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["aligned_zeros", "lend"]

_ALIGNMENT = 64
_SHELF_BYTES = 256 * 2**20

_lock = threading.Lock()
_shelf: list[npt.NDArray[np.float32]] = []


def aligned_zeros(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Give zeros (float32) that start at a cache line.

    The pages come from the system when they are first written, zero already.
    """
    size = math.prod(shape)
    memory = np.zeros(size + _ALIGNMENT // 4, np.float32)
    skip = (-memory.ctypes.data) % _ALIGNMENT // 4
    return memory[skip : skip + size].reshape(shape)


@contextlib.contextmanager
def lend(count: int, size: int) -> Iterator[list[npt.NDArray[np.float32]]]:
    """Lend ``count`` buffers of at least ``size`` float32 each, contents undefined."""
    buffers = [_take(size) for _ in range(count)]
    try:
        yield buffers
    finally:
        with _lock:
            _shelf.extend(buffers)
            while sum(b.nbytes for b in _shelf) > _SHELF_BYTES:
                _shelf.pop(0)


def _take(size: int) -> npt.NDArray[np.float32]:
    """Take the smallest buffer that suffices from the shelf, or make one."""
    with _lock:
        fitting = [k for k, buffer in enumerate(_shelf) if buffer.size >= size]
        if fitting:
            return _shelf.pop(min(fitting, key=lambda k: _shelf[k].size))
    return aligned_zeros((size,))


def _renew_lock() -> None:
    """In the child of a fork: the lock may be held by a thread that is not here."""
    global _lock  # noqa: PLW0603  (one shelf a process)
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
