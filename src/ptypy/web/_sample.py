"""Mean and maximum of a scan from some of its frames, as many as a page wants to wait for."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.web._frames import Frames

__all__ = ["Sample"]

MOST = 400
"""Frames that are looked at."""


class Sample:
    """Sum and maximum of frames that lie evenly over the scan; two arrays, whatever its length.

    The order is such that a sample that is broken off lies evenly, too.

    Parameters
    ----------
    frames : Frames
    most : int
        Largest number of frames.
    """

    def __init__(self, frames: Frames, most: int = MOST) -> None:
        self._frames = frames
        count = min(most, frames.count)
        chosen = np.unique(np.linspace(0, frames.count - 1, count).astype(np.int64))
        self.numbers: list[int] = chosen[_bit_reversed(len(chosen))].tolist()
        """Frames to look at, in this order."""
        self.done = 0
        """How many were looked at."""
        self._sum = np.zeros(frames.shape, np.float64)
        self._times = np.zeros(frames.shape, np.int32)
        self._largest = np.zeros(frames.shape, np.float32)
        self.totals: dict[int, float] = {}
        """Trusted counts of the frames that were looked at."""

    def step(self) -> bool:
        """Look at one more frame; say whether there are others."""
        if self.done < len(self.numbers):
            number = self.numbers[self.done]
            frame, trusted = self._frames.read(number)
            np.add(self._sum, frame, out=self._sum, where=trusted)
            np.maximum(self._largest, frame, out=self._largest, where=trusted, casting="same_kind")
            self._times += trusted
            self.totals[number] = float(frame.sum(where=trusted, dtype=np.float64))
            self.done += 1
        return self.done < len(self.numbers)

    @property
    def trusted(self) -> npt.NDArray[np.bool_]:
        """Pixels that the scan trusts in any frame so far, (H, W)."""
        return self._times > 0

    @property
    def mean(self) -> npt.NDArray[np.float32]:
        """Mean counts where they are trusted, (H, W)."""
        return np.asarray(self._sum / np.maximum(self._times, 1), dtype=np.float32)

    @property
    def maximum(self) -> npt.NDArray[Any]:
        """Largest counts where they are trusted, (H, W)."""
        return self._largest


def _bit_reversed(count: int) -> npt.NDArray[np.int64]:
    """Give 0 ... count - 1 in an order whose beginnings lie evenly."""
    bits = max(int(count - 1).bit_length(), 1)
    numbers = np.arange(1 << bits)
    turned = np.zeros_like(numbers)
    for bit in range(bits):
        turned |= ((numbers >> bit) & 1) << (bits - 1 - bit)
    return turned[turned < count]
