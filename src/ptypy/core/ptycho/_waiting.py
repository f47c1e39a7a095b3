"""Waiting for frames: without keeping a processor busy, and not without a word."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ptypy.core.ptycho._names import listed
from ptypy.errors import DataError
from ptypy.utils.verbose import logger

if TYPE_CHECKING:
    from ptypy.core.ptycho._ptycho import Ptycho

__all__ = ["Pauses", "Silence", "wait_for_frames"]

PATIENCE = 60.0
"""How long no frame may arrive before, and between, words about it [s]."""


class Pauses:
    """Sleeps between two looks for something, longer the longer it does not come.

    A look costs a message between processes and a glance at a file. At the longest pause that
    is less than a hundredth of a processor, and frames wait for no longer than that.
    """

    SHORTEST = 0.002
    """The first pause [s]."""
    LONGEST = 0.1
    """No pause is longer [s]."""
    GROWTH = 1.5
    """How much longer each pause is than the one before."""

    def __init__(self) -> None:
        self.next = self.SHORTEST
        """The next pause [s]."""

    def take(self) -> None:
        """Sleep."""
        time.sleep(self.next)
        self.next = min(self.next * self.GROWTH, self.LONGEST)

    def reset(self) -> None:
        """Begin with short pauses again: something has come."""
        self.next = self.SHORTEST


class Silence:
    """Says, at a level that is always seen, when no frames have arrived for long."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def end(self) -> None:
        """Frames have arrived."""
        self._since = time.monotonic()

    def tell(self) -> None:
        """Say so if it has lasted, and begin to count again."""
        if time.monotonic() - self._since <= PATIENCE:
            return
        logger.error(
            "no frames have arrived for %.0f s, and the scan has not ended. If it was cut short, "
            "stop, and give the number of frames there are as `num_frames` of its data, or a "
            "`timeout` after which it counts as ended.",
            PATIENCE,
        )
        self.end()


def wait_for_frames(run: Ptycho, wanted: int, stop: Callable[[], int] = lambda: 0) -> int:
    """Take in frames until there are enough, or all scans have ended. All processes call this.

    Parameters
    ----------
    run : Ptycho
    wanted : int
        Frames of all scans and processes; at least one is waited for.
    stop : callable
        Asked before each pause; anything but 0 ends the waiting. The same on every process.

    Returns
    -------
    int
        What `stop` said.

    Raises
    ------
    DataError
        If all scans have ended without a single frame.
    """
    pauses, silence, told = Pauses(), Silence(), False
    if not run.model.end_of_scan:
        run.load_new_data()
    while (there := run.num_frames) < max(1, wanted) and not run.model.end_of_scan:
        if reason := stop():
            return reason
        if not told:
            logger.info("waiting for %s", f"{wanted} frames" if wanted > 1 else "the first frames")
            told = True
        pauses.take()
        silence.tell()
        if run.load_new_data() is not None:
            pauses.reset()
            silence.end()
    if not there:
        raise DataError(
            f"{listed(run.model.scans)} ended without a single frame: are there files "
            f"where the scan looks for them, and is num_frames above zero?"
        )
    return 0
