"""Saying that kernels are compiled, for whoever waits."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from numba.core import event

__all__ = ["Stopwatch", "watch_compiling"]


@dataclass(slots=True)
class Stopwatch:
    """How long kernels have been compiled so far."""

    seconds: float = 0.0


class _Listener(event.Listener):
    """Adds up the outermost passes over functions of this room; others are nested in them.

    numba sends its events while it holds the lock of its compiler: one thread at a time.
    """

    def __init__(self, begin: Callable[[], None] | None, watch: Stopwatch) -> None:
        self._begin, self._watch = begin, watch
        self._depth, self._start = 0, 0.0

    def on_start(self, event: Any) -> None:
        if not _is_ours(event):
            return
        if self._begin is not None:
            begin, self._begin = self._begin, None
            begin()
        if self._depth == 0:
            self._start = time.perf_counter()
        self._depth += 1

    def on_end(self, event: Any) -> None:
        if not _is_ours(event) or not self._depth:
            return
        self._depth -= 1
        if self._depth == 0:
            self._watch.seconds += time.perf_counter() - self._start


def _is_ours(event: Any) -> bool:
    return str(event.data.get("module", "")).startswith(f"{__package__}.")


@contextlib.contextmanager
def watch_compiling(begin: Callable[[], None] | None = None) -> Iterator[Stopwatch]:
    """Tell if kernels have to be compiled, when that begins, and how long it takes.

    Kernels are compiled when they are first needed and kept on disk for later processes; see
    `missing_kernels`.

    Parameters
    ----------
    begin : callable, optional
        Called without arguments before the first kernel is compiled, at most once; not at all if
        every kernel that is needed comes from the store. In whichever thread needs the kernel.

    Yields
    ------
    Stopwatch
        Its ``seconds`` grow with every kernel that is compiled, in any thread; 0 if none was.

    Examples
    --------
    >>> with watch_compiling(lambda: print("compiling kernels, once for this machine")) as watch:
    ...     pass  # the first iteration
    >>> watch.seconds
    0.0
    """
    watch = Stopwatch()
    with event.install_listener("numba:run_pass", _Listener(begin, watch)):
        yield watch
