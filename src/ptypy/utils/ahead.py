"""Do what will be asked for next, in a thread, while something else goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, NamedTuple, TypeVar

__all__ = ["Ahead"]

Result = TypeVar("Result")


class _Begun(NamedTuple, Generic[Result]):
    """Work that nobody has asked for yet."""

    key: Hashable
    work: Future[Result]
    process: int
    """Who does it: a fork has no such thread."""


class Ahead(Generic[Result]):
    """Keeps the result of one piece of work that was done before anybody asked for it.

    The work should be of a kind that lets other threads run: HDF5 unpacks frames in C, compiled
    loops do without Python.
    """

    def __init__(self) -> None:
        self._worker: tuple[int, ThreadPoolExecutor] | None = None
        self._begun: _Begun[Result] | None = None

    def start(self, key: Hashable, work: Callable[[], Result]) -> None:
        """Begin; ``key`` names the result. What was begun before is forgotten."""
        me = os.getpid()
        if self._worker is None or self._worker[0] != me:
            self._worker = (me, ThreadPoolExecutor(1, thread_name_prefix="ahead"))
        self._begun = _Begun(key, self._worker[1].submit(work), me)

    def take(self, key: Hashable) -> Result | None:
        """Give the result of that name, waiting for it; None if there is none, or it failed.

        What failed in the background is best tried again by who needs it, to fail there.
        """
        begun, self._begun = self._begun, None
        if begun is None or begun.process != os.getpid() or begun.work.cancel():
            return None
        if begun.key != key or begun.work.exception() is not None:
            return None
        return begun.work.result()

    def __reduce__(self) -> tuple[type[Ahead[Result]], tuple[()]]:
        # A copy works for itself.
        return Ahead, ()
