"""Make machine code that numba keeps on disk depend on all files whose code is in it.

numba compares the file of the compiled function only. What was compiled into it from another file
may change without its noticing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["depend_on", "stamp_of"]


def stamp_of(paths: Iterable[Path]) -> tuple[float, int]:
    """Give the newest change and the total size of files."""
    states = [path.stat() for path in paths]
    return max(s.st_mtime for s in states), sum(s.st_size for s in states)


def depend_on(cache: Any, stamp: tuple[float, int]) -> None:
    """Make stored code stale unless it was made of files of this stamp.

    Parameters
    ----------
    cache : numba's
        Attribute ``_cache`` of a compiled function. What is set in it is numba's own and may move;
        then only this protection is lost.
    stamp : tuple
        From `stamp_of`.
    """
    store = getattr(cache, "_cache_file", None)
    if store is not None and hasattr(store, "_source_stamp"):
        store._source_stamp = stamp
