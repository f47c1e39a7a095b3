"""How long to wait for frames that do not come."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Patience"]


class Patience:
    """Tells when no new frame has come for too long.

    Parameters
    ----------
    limit : float or None
        Longest time without a new frame [s]; None for no limit.
    clock : callable
        Gives the time [s]; it must never be set back.
    """

    def __init__(self, limit: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._frames = -1
        self._since = 0.0

    def is_over(self, frames: int) -> bool:
        """Say whether to give up, at a moment when there are too few frames.

        Parameters
        ----------
        frames : int
            How many there are by now, with those that were delivered. The time counts from the
            first call with this number.
        """
        if self.limit is None:
            return False
        now = self._clock()
        if frames > self._frames:
            self._frames, self._since = frames, now
        return now - self._since >= self.limit
