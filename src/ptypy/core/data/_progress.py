"""How far the preparation of a scan has come: frames, frames/s, GB/s, time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from ptypy.utils.verbose import LINE, ilog_message, ilog_newline, is_written_over

__all__ = ["ScanProgress"]


class _Sums(NamedTuple):
    """What has been done, on all processes together."""

    frames: int = 0
    size: float = 0.0
    """Of the raw frames, all pixels of them [bytes]; NaN if it is not known."""
    worked: float = 0.0
    """Time from the moment a chunk's frames are there until it is prepared and saved [s]."""
    waited: float = 0.0
    """Time until frames were there [s]."""

    def since(self, before: _Sums) -> _Sums:
        """Give what was done after ``before``."""
        return _Sums(
            self.frames - before.frames,
            self.size - before.size,
            self.worked - before.worked,
            self.waited - before.waited,
        )


class ScanProgress:
    """Says how far a scan is prepared, chunk after chunk.

    On a terminal or in a notebook one line is written over; elsewhere (a log file, a batch job) a
    plain line appears now and then, ever more rarely. At the end there is a line of totals. Only
    the master speaks, and only at the log levels INTERACTIVE, INFO, INSPECT and DEBUG. Processes
    prepare a chunk together, so that the master knows how many frames all of them have done in its
    time.

    The first chunk may have waited for a compiler: as soon as there are others, rates are those
    of the others. The totals count it.

    Call `ask`, `begin` and `add` for each chunk, in this order; between the last two perhaps
    `tell`.

    Parameters
    ----------
    label : str, optional
        Of the scan; it stands in front of each line.
    clock : callable
        Gives the time [s]; it must never be set back.
    """

    SILENT = 2.0
    """Nothing is said of scans that are done within this time [s]."""
    TERMINAL_EVERY = 1.0
    """Shortest time between two lines on a terminal [s]."""
    EVERY = 10.0
    """Time before the first plain line [s]; each pause is twice as long as the one before ..."""
    MOST_RARELY = 300.0
    """... but no longer than this [s]."""

    def __init__(
        self, label: str | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._start = f"{label}: prepared" if label else "prepared"
        self._clock = clock
        self._done = self._first = _Sums()
        self._asked: float | None = None
        self._begun = 0.0
        self._chunk: tuple[int, int, int | None] = (0, 0, None)
        self._spoken: float | None = None
        self._pause = self.EVERY
        self._is_waiting = self._has_ended = self._has_line = False
        self._text = ""

    def ask(self) -> None:
        """The next frames are asked for: until `begin`, the scan is waited for."""
        if self._asked is None:
            self._asked = self._clock()

    def begin(self, frames: int = 0, last: int = 0, total: int | None = None) -> None:
        """The frames of a chunk are there: until `add`, they are prepared.

        Parameters
        ----------
        frames, last, total : int
            As for `add`, of this chunk.
        """
        self._begun = self._clock()
        self._chunk = (frames, last, total)
        if self._asked is not None:
            self._done = self._done._replace(waited=self._waited())
            self._asked = None
        if self._spoken is None:
            self._spoken = self._begun

    def tell(self, share: float) -> None:
        """A share of the chunk is prepared."""
        now, (frames, last, total) = self._clock(), self._chunk
        if share >= 1 or not frames or not self._may_speak(now, now - self._begun):
            return
        part = int(share * frames)
        recent = self._recent() if self._done.frames else _Sums()
        worked = recent.worked + now - self._begun
        recent = _Sums(recent.frames + part, float("nan"), worked, recent.waited)
        there = last - frames + part
        of = "" if total is None else f" of {total}"
        left = ""
        if total is not None and recent.frames:
            left = f", {_duration((total - there) * (worked + recent.waited) / recent.frames)} left"
        self._say(f"{self._start} {there}{of} frames, {_rates(recent)}{left}", now)

    def add(self, frames: int, frame_size: int | None, last: int, total: int | None) -> None:
        """A chunk is prepared.

        Parameters
        ----------
        frames : int
            Of this chunk, on all processes.
        frame_size : int or None
            Of a raw frame, all pixels of it [bytes]; None if this process does not know.
        last : int
            Frames of the scan that have been delivered with this chunk, those of an earlier run
            included if this one goes on with a file.
        total : int or None
            Frames of the scan; None if nobody knows.
        """
        done, now = self._done, self._clock()
        size = float("nan") if frame_size is None else float(frames * frame_size)
        worked = done.worked + now - self._begun
        self._done = _Sums(done.frames + frames, done.size + size, worked, done.waited)
        if not done.frames:
            self._first = self._done
        self._is_waiting = False
        recent = self._recent()
        of = "" if total is None else f" of {total}"
        self._text = f"{self._start} {last}{of} frames, {_rates(recent)}"
        left = ""
        if total is not None:
            # Where frames come more slowly than they are prepared, it is they that decide.
            pace = (recent.worked + recent.waited) / recent.frames
            left = f", {_duration((total - last) * pace)} left"
        # With the last frame, the totals follow.
        if last != total and self._may_speak(now):
            self._say(self._text + left, now)

    def wait(self) -> None:
        """Too few frames are there: say so, once, when something has been prepared."""
        now = self._clock()
        if self._done.frames and not self._is_waiting and self._may_speak(now):
            self._is_waiting = True
            self._say(f"{self._text}, waiting for more", now)

    def break_off(self) -> None:
        """Something went wrong: leave the terminal's line to what will be said of it."""
        if self._has_line:
            ilog_newline()
        self._has_line = False

    def end(self) -> None:
        """All frames are prepared: say how long it took. Later calls do nothing."""
        done = self._done
        if self._has_ended or not done.frames:
            return
        self._has_ended = True
        if done.worked + done.waited < self.SILENT:
            return
        text = f"{self._start} {done.frames} frames in {done.worked:.1f} s, {_rates(done)}"
        first, others = self._first, done.since(self._first)
        if others.frames and first.worked > 1 + 2 * first.frames * others.worked / others.frames:
            text += f"; the first {first.frames} took {first.worked:.1f} s"
        if done.waited >= 1:
            text += f"; waited {_duration(done.waited)} for frames"
        ilog_message(text)
        ilog_newline()

    def _recent(self) -> _Sums:
        """Give what rates are told of."""
        others = self._done.since(self._first)
        return others if others.frames else self._done._replace(waited=0.0)

    def _waited(self) -> float:
        """Give how long frames were waited for, until now [s]."""
        return self._done.waited + (0 if self._asked is None else self._clock() - self._asked)

    def _may_speak(self, now: float, under_way: float = 0.0) -> bool:
        """Say whether it is time for a line."""
        if self._spoken is None or self._done.worked + self._waited() + under_way < self.SILENT:
            return False
        return now - self._spoken >= (self.TERMINAL_EVERY if is_written_over() else self._pause)

    def _say(self, text: str, now: float) -> None:
        self._has_line = is_written_over()
        ilog_message(text[: LINE - 1] if self._has_line else text)
        self._spoken = now
        self._pause = min(2 * self._pause, self.MOST_RARELY)


def _rates(done: _Sums) -> str:
    """Write frames/s and bytes/s of the raw data, while frames are prepared."""
    seconds = max(done.worked, 1e-9)
    frames, size = done.frames / seconds, done.size / seconds
    text = f"{frames:.0f} frames/s" if frames >= 100 else f"{frames:.3g} frames/s"
    if size != size:  # noqa: PLR0124  (NaN is not itself: nobody knows the size of a frame)
        return text
    return f"{text}, {size / 1e9:.2f} GB/s" if size >= 1e8 else f"{text}, {size / 1e6:.3g} MB/s"


def _duration(seconds: float) -> str:
    """Write a time with as many digits as anybody wants to know."""
    if seconds < 120:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
