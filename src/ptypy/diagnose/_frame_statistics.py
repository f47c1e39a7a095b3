"""Numbers about frames: how much was counted, and which frames look wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["FrameStatistics", "choose_frames", "count_frames"]

Array = npt.NDArray[Any]

ENOUGH = 64
"""So many frames tell what a scan is like."""

MOST_BYTES = 1 << 28
"""So much is read at most where not all frames are asked for [byte]."""

PLATEAU = 20
"""The largest count at so many pixels of the frames looked at is a limit of the detector."""


def choose_frames(count: int, frame_bytes: int, *, full: bool = False) -> list[int]:
    """Choose frames, evenly spread from the first to the last.

    Parameters
    ----------
    count : int
        How many there are.
    frame_bytes : int
        Of one frame [byte].
    full : bool
        Take all.
    """
    if full:
        return list(range(count))
    wanted = min(count, ENOUGH, MOST_BYTES // max(1, frame_bytes))
    if wanted <= 0:
        return []
    return sorted({int(n) for n in np.rint(np.linspace(0, count - 1, wanted))})


@dataclass
class FrameStatistics:
    """What was found in the frames that were looked at."""

    count: int
    """How many frames there are."""
    looked_at: list[int] = field(default_factory=list)
    """Numbers of those that were looked at."""
    least: float = np.inf
    """Least trusted count."""
    largest: float = -np.inf
    """Largest trusted count, saturated pixels left out."""
    sums: list[float] = field(default_factory=list)
    """Trusted counts of every frame that was looked at."""
    masked: float = 0.0
    """Share of pixels that are masked, over the frames that were looked at."""
    empty: list[int] = field(default_factory=list)
    """Frames without a single trusted count."""
    negative: list[int] = field(default_factory=list)
    """Frames with trusted counts below zero."""
    strange: list[int] = field(default_factory=list)
    """Frames with trusted pixels that are not finite numbers."""
    beyond: list[int] = field(default_factory=list)
    """Of every frame, trusted pixels at the limit of the detector, or of its type of numbers."""
    always_beyond: npt.NDArray[np.bool_] | None = None
    """Pixels that are so in all frames that were looked at, (H, W)."""
    at_largest: int = 0
    """How many trusted pixels hold the largest count."""
    unreadable: dict[int, str] = field(default_factory=dict)
    """Frames that could not be read, with the reason."""

    @property
    def mean_counts(self) -> float:
        """Mean of the trusted counts of a frame."""
        return float(np.mean(self.sums)) if self.sums else float("nan")

    @property
    def gaps(self) -> int:
        """How many trusted pixels are at the limit in every frame: gaps of modules, or dead."""
        always = self.always_beyond
        return 0 if always is None or len(self.looked_at) < 2 else int(always.sum())

    @property
    def saturated(self) -> list[int]:
        """Frames with more pixels at the limit than there are in every frame."""
        pairs = zip(self.looked_at, self.beyond, strict=True)
        return [number for number, pixels in pairs if pixels > self.gaps]

    @property
    def may_saturate(self) -> bool:
        """Whether so many pixels hold the largest count that it is rather a limit."""
        return self.largest > 100 and self.at_largest >= PLATEAU

    def which(self) -> str:
        """Say which frames were looked at."""
        if len(self.looked_at) == self.count:
            return f"all {self.count} frames" if self.count != 1 else "the frame"
        return f"{len(self.looked_at)} of {self.count} frames, evenly spread"

    def as_dict(self) -> dict[str, Any]:
        """Give plain values, for JSON."""
        is_known = bool(self.sums) and np.isfinite(self.largest)
        return {
            "frames": self.count,
            "frames_looked_at": len(self.looked_at),
            "least_count": self.least if is_known else None,
            "largest_count": self.largest if is_known else None,
            "counts_a_frame": [min(self.sums), self.mean_counts, max(self.sums)]
            if is_known
            else None,
            "masked_share": self.masked,
            "empty_frames": self.empty,
            "negative_frames": self.negative,
            "not_finite_frames": self.strange,
            "saturated_frames": self.saturated,
            "pixels_always_at_the_limit": self.gaps,
            "unreadable_frames": list(self.unreadable),
        }

    def add(self, number: int, frame: Array, trusted: Array | None, limit: float | None) -> None:
        """Look at a frame.

        Parameters
        ----------
        number : int
        frame : (H, W)
            Counts.
        trusted : (H, W) bool or None
            True where a pixel may be trusted; None if all may be.
        limit : float or None
            Counts from here on are none.
        """
        self.looked_at.append(number)
        seen = np.ones(frame.shape, bool) if trusted is None else trusted
        self.masked += (1 - float(seen.mean()) - self.masked) / len(self.looked_at)
        beyond = _beyond(frame, limit) & seen
        self.beyond.append(int(beyond.sum()))
        if self.always_beyond is None or self.always_beyond.shape != beyond.shape:
            self.always_beyond = beyond
        else:
            self.always_beyond = self.always_beyond & beyond
        values = frame[seen & ~beyond]
        if values.dtype.kind == "f":
            finite = np.isfinite(values)
            if not finite.all():
                self.strange.append(number)
                values = values[finite]
        total = float(values.sum(dtype=np.float64)) if values.size else 0.0
        self.sums.append(total)
        if not values.size or not values.any():
            self.empty.append(number)
        if values.size:
            self._extremes(number, values)

    def _extremes(self, number: int, values: Array) -> None:
        low, high = float(values.min()), float(values.max())
        if low < 0:
            self.negative.append(number)
        self.least = min(self.least, low)
        if high > self.largest:
            self.largest, self.at_largest = high, 0
        if high == self.largest:
            self.at_largest += int(np.count_nonzero(values == high))


def _beyond(values: Array, limit: float | None) -> npt.NDArray[np.bool_]:
    """Mark counts that are none: from a limit on, or the largest number of their type."""
    if values.dtype.kind not in "iu":
        none = np.zeros(values.shape, bool)
        return none if limit is None else np.asarray(values >= limit)
    largest = np.iinfo(values.dtype).max
    return np.asarray(values >= (largest if limit is None else min(limit, largest)))


def count_frames(
    read: Callable[[int], tuple[Array, Array | None]],
    count: int,
    numbers: Iterable[int],
    *,
    limit: float | None = None,
    trouble: tuple[type[Exception], ...] = (),
) -> FrameStatistics:
    """Look at frames, one after the other.

    Parameters
    ----------
    read : callable
        Gives a frame (H, W) by its number, and where it may be trusted: (H, W) bool, or None.
    count : int
        How many there are.
    numbers : iterable of int
        Those to look at.
    limit : float, optional
        Counts from here on are none, because the detector saturates there.
    trouble : exceptions
        What tells that a frame cannot be read; it is noted, and the next one is looked at.
    """
    found = FrameStatistics(count)
    for number in numbers:
        try:
            frame, trusted = read(number)
            found.add(number, frame, trusted, limit)
        except trouble as error:
            found.unreadable[number] = str(error)
            if len(found.unreadable) >= ENOUGH:
                break
    return found
