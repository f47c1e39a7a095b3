"""Times in front of lines, for output that is read the next day."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TextIO

__all__ = ["stamped"]


class _Stamped:
    """Writes to a stream, with the time in front of each line."""

    def __init__(self, stream: TextIO, stamp: Callable[[], str]) -> None:
        self._stream = stream
        self._stamp = stamp
        self._is_within = False

    def write(self, text: str) -> int:
        """Write text; lines that it begins get a stamp."""
        parts = []
        for line in text.splitlines(keepends=True):
            # An empty line needs none.
            parts.append(line if self._is_within or not line.strip() else self._stamp() + line)
            self._is_within = not line.endswith(("\n", "\r"))
        self._stream.write("".join(parts))
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@contextlib.contextmanager
def stamped(rank: int | None = None) -> Iterator[None]:
    """Put the time in front of each line that is said, unless it appears on a terminal.

    Parameters
    ----------
    rank : int, optional
        Number of the process, for a job of several.

    Examples
    --------
    ::

        with stamped():
            print("begun")  # 2026-11-27 09:30:12  begun
    """
    if sys.stdout.isatty():
        yield
        return

    def stamp() -> str:
        number = "" if rank is None else f"[{rank}] "
        return f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {number}"

    with contextlib.redirect_stdout(_Stamped(sys.stdout, stamp)):  # type: ignore[type-var]
        yield
