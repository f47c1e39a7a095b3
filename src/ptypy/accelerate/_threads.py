"""Threads for kernels that run without the interpreter lock.

A plain pool: no OpenMP, whose threads do not survive a fork, and no start-up cost in
processes that never calculate.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ptypy.errors import ParameterError
from ptypy.utils.processors import count_processors

__all__ = ["count_threads", "default_threads", "run_ranges"]

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_pool_size = 0


def default_threads() -> int:
    """Give the number of threads that kernels use if nothing else is asked for.

    See `ptypy.utils.processors.count_processors`.
    """
    return count_processors()


def count_threads(threads: int | None, frames: int) -> int:
    """Give the number of threads to start: no more than there are frames."""
    wanted = default_threads() if threads is None else int(threads)
    if wanted < 1:
        raise ParameterError(f"threads is {threads}; it must be a positive integer or None")
    return max(1, min(wanted, frames))


def run_ranges(work: Callable[[int, int, int], None], count: int, threads: int) -> None:
    """Cut 0 ... ``count`` into one range per thread and work on all of them.

    Which range a part gets depends on ``count`` and ``threads`` alone, so that results do not
    depend on timing.

    Parameters
    ----------
    work : callable
        Called as ``work(part, first, last)``.
    count : int
        How many frames.
    threads : int
        How many parts, at least 1. The calling thread takes part 0.
    """
    ranges = [(p, count * p // threads, count * (p + 1) // threads) for p in range(threads)]
    if threads == 1:
        work(*ranges[0])
        return
    pool = _ensure_pool(threads - 1)
    others = [pool.submit(work, *part) for part in ranges[1:]]
    try:
        work(*ranges[0])
    finally:
        for other in others:
            other.exception()  # waits: nobody may return while buffers are in use
    for other in others:
        other.result()


def _ensure_pool(size: int) -> ThreadPoolExecutor:
    """Give a pool of at least ``size`` threads."""
    global _pool, _pool_size  # noqa: PLW0603  (one pool a process)
    with _lock:
        if _pool is None or _pool_size < size:
            # An outgrown pool finishes what it has; its threads end when it is collected.
            _pool = ThreadPoolExecutor(size, thread_name_prefix="ptypy-kernel")
            _pool_size = size
        return _pool


def _forget_pool() -> None:
    """In the child of a fork: the parent's threads are not here."""
    global _lock, _pool, _pool_size  # noqa: PLW0603
    _lock = threading.Lock()
    _pool, _pool_size = None, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
