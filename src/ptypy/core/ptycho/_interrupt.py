"""Ctrl-C and the request to end: the iteration under way is finished, and kept."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from ptypy.utils import parallel

__all__ = ["PAUSE", "Interruptions"]

PAUSE = 1
"""Stands for `Ptycho.stop` among the numbers of signals, below all that are noted."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what ``kill`` and batch systems send."""

_DEFAULTS = (signal.default_int_handler, signal.SIG_DFL)
"""Who else wants to know of signals has installed something of their own: it stays."""


class Interruptions:
    """Notes signals, so that a run can stop between two iterations; the second one ends at once.

    Within an iteration object and probe belong to different moments, and other processes wait
    for this one. Only the main thread can note signals; elsewhere, and where a program has
    handlers of its own, those are left alone.

    Parameters
    ----------
    stop : threading.Event
        Set by a script that wants the same.
    unit : str
        What is finished first.
    """

    def __init__(self, stop: threading.Event, unit: str = "iteration") -> None:
        self._stop = stop
        self._unit = unit
        self._received = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruptions:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if handler in _DEFAULTS:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def agreed(self) -> int:
        """Give the signal that any process has received, `PAUSE` if one was asked to stop, or 0.

        Every process must call it.
        """
        return int(parallel.MPImax(self._received or PAUSE * self._stop.is_set()))

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._received:
            raise KeyboardInterrupt(f"interrupted twice: what the latest {self._unit} did is lost")
        self._received = number
        if parallel.master:
            # Not by the log: it may be in the middle of a line that this interrupts.
            text = f"stopping after this {self._unit}; to stop at once, ask again\n"
            os.write(2, text.encode())
