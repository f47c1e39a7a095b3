"""Frames between their arrival and their chunk: in order, each once, in limited memory.

A frame is *complete* when it and, if the source is to give it, its position are there. Complete
frames are *released* in the order of their indices. A missing frame holds up those after it, but
not for ever: when too many or for too long, they go on without it. If it comes after all it is
released at once, late, under its own index.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ptypy.errors import DataError
from ptypy.experiment._live_gaps import Gaps
from ptypy.experiment._live_held import Held, Item, Position
from ptypy.experiment._live_report import LiveReport, list_ranges
from ptypy.utils.verbose import logger

__all__ = ["Item", "LiveBuffer"]

FARTHEST = 1_000_000
"""Positions may be known so many points ahead of the frames; more would fill the memory."""
MOST_REASONS = 50
"""Different reasons of refusal that are told apart."""


class LiveBuffer:
    """Takes frames from a source, on whatever thread, and gives them to a scan.

    Parameters
    ----------
    limit : int
        Bytes of frames after which the source must wait.
    window : int
        So many complete frames wait for a missing one before them.
    patience : float
        And so long [s].
    needs_positions : bool
        Whether a frame is complete only with a position from the source.
    total : int, optional
        Number of scan points, if known.
    declares_end : bool
        Whether the source says when the scan has ended. That is then awaited, with patience, even
        if all frames are there: it must not be left for who listens next.
    clock : callable
    """

    def __init__(
        self,
        *,
        limit: int,
        window: int,
        patience: float,
        needs_positions: bool = False,
        total: int | None = None,
        declares_end: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit, self.window, self.patience = limit, window, patience
        self.needs_positions = needs_positions
        self.total = total
        self._awaits_end = declares_end
        self.report = LiveReport()
        self.on_room: Callable[[], None] = lambda: None
        """Called when there is room again."""
        self._clock = clock
        self._changed = threading.Condition()
        self._ready: deque[Item] = deque()
        self._base: int | None = None
        """Place in the scan of the first of `_ready`."""
        self._least = 1
        self._held = Held()
        self._places: dict[int, Position] = {}
        self._next = 0
        self._resumed_at: int | None = None
        """Index behind the last frame that a run before has saved."""
        self._largest = -1
        self._gaps = Gaps()
        self._bytes = 0
        self._was_full = False
        self._blocked_since: float | None = None
        self._ending_since: float | None = None
        self._form: tuple[tuple[int, ...], np.dtype[Any]] | None = None
        self._ended = False

    # ------------------------------------------------------------ the source's side

    def offer(self, item: Item) -> None:
        """Take a frame."""
        with self._changed:
            if self._ended or not self._is_new(item):
                return
            self.report.received += 1
            self.report.reordered += item.index < self._largest
            self._largest = max(self._largest, item.index)
            place = self._places.pop(item.index, None)
            if item.position is None and place is not None:
                item = replace(item, position=place)
            self._held.put(item, is_complete=self._is_complete(item))
            self._add_bytes(item.nbytes)
            self._release()
            self._relieve()
            self._changed.notify_all()

    def place(self, index: int, position: Position) -> None:
        """Take the position of a scan point."""
        with self._changed:
            if not self.needs_positions or self._ended:
                return
            if index in self._held:
                if self._held[index].position is None:
                    item = replace(self._held[index], position=position)
                    self._held.put(item, is_complete=True)
                self._release()
                self._changed.notify_all()
            elif index >= self._next + FARTHEST:
                self._refuse(f"a position more than {FARTHEST} points ahead", f"index {index}")
            elif index >= self._next or index in self._gaps:
                self._places.setdefault(index, position)

    def refuse(self, reason: str, detail: str = "") -> None:
        """Count something that cannot be used; say it loudly the first time."""
        with self._changed:
            self._refuse(reason, detail)

    def pass_over(self, frames: int) -> None:
        """Count frames that lie beyond the number of scan points and were not even read."""
        with self._changed:
            self.report.surplus += frames

    def declare_end(self, frames: int | None = None) -> None:
        """Take note that the source says the scan has ended, with so many frames."""
        with self._changed:
            self._announce(frames)
            self._awaits_end = False
            self.report.ended_by = "the source declared the end"
            if self._ending_since is None:
                self._ending_since = self._clock()
            self._settle()
            self._changed.notify_all()

    def announce(self, frames: int | None) -> None:
        """Take note of how many frames there will be."""
        with self._changed:
            self._announce(frames)

    def is_full(self) -> bool:
        """Say whether the source must wait, for there is something to be taken out first."""
        with self._changed:
            full = self._bytes >= self.limit and len(self._ready) >= self._least
            self.report.blocked += full and not self._was_full
            self._was_full = full
            return full

    # ------------------------------------------------------------ the scan's side

    def begin(self, place: int, known: Iterable[int] = ()) -> None:
        """Say, before any frame comes, which place the first gets, and which are not needed.

        Parameters
        ----------
        place : int
            0, unless frames of this scan were saved before.
        known : iterable of int
            Their indices.

        Raises
        ------
        DataError
            If it was said before, or frames are there: they would have other places.
        """
        with self._changed:
            if self._base is not None or self.report.received:
                raise DataError("frames have come: it is too late to say where the scan begins")
            self._base = place
            for index in sorted(set(known)):
                self._gaps.add(self._next, index)
                self._next = self._resumed_at = index + 1

    def need(self, place: int, least: int) -> int:
        """Give how many frames there are from a place in the scan on; those before are let go.

        Parameters
        ----------
        least : int
            So many must fit, whatever memory they take.
        """
        with self._changed:
            base = self._base or 0
            if place < base:
                raise DataError(f"frame {place} was delivered: live frames are given out once")
            for _ in range(min(place - base, len(self._ready))):
                self._bytes -= self._ready.popleft().nbytes
                base += 1
            self._base, self._least = base, max(1, least)
            self._settle()
            there = len(self._ready) - (place - base)
            had_no_room = self._was_full
        if had_no_room:
            self.on_room()
        return max(there, 0)

    def take(self, places: Sequence[int]) -> list[Item]:
        """Give frames by their place in the scan; they stay until `need` is called for others."""
        with self._changed:
            base = self._base or 0
            wrong = [k for k in places if not base <= k < base + len(self._ready)]
            if wrong:
                raise DataError(f"frame {wrong[0]} is not here: `check` says which frames are")
            return [self._ready[place - base] for place in places]

    @property
    def has_ended(self) -> bool:
        """Whether no more frames will be released."""
        with self._changed:
            return self._ended

    def finish(self, why: str) -> None:
        """Release what is there and end."""
        with self._changed:
            if not self._ended:
                self.report.ended_by = self.report.ended_by or why
                self._end()
                self._changed.notify_all()

    def has_frames(self, place: int, enough: int = 1) -> bool:
        """Say whether ``enough`` frames are there from a place in the scan on."""
        with self._changed:
            delivered = 0 if self._base is None else place - self._base
            return len(self._ready) - delivered >= enough

    def wait(self, seconds: float, place: int, enough: int = 1) -> None:
        """Wait until ``enough`` frames are there from a place on, or the end, or so long."""
        until = self._clock() + seconds
        with self._changed:
            while True:
                self._settle()
                now = self._clock()
                if self._ended or now >= until or self.has_frames(place, enough):
                    return
                limits = [until, *(t for t in self._deadlines() if t > now)]
                self._changed.wait(min(limits) - now + 1e-3)

    def snapshot(self) -> LiveReport:
        """Give a copy of the counts."""
        with self._changed:
            gaps, refused = list(self._gaps.ranges), dict(self.report.refused)
            return replace(self.report, missing=gaps, refused=refused)

    # ------------------------------------------------------------ inside

    def _is_new(self, item: Item) -> bool:
        form = (item.data.shape, item.data.dtype)
        if self.total is not None and item.index >= self.total:
            self.report.surplus += 1
            return False
        behind = item.index < self._next and item.index not in self._gaps
        if item.index in self._held or behind:
            self.report.duplicates += 1
            return False
        if self._form is None:
            self._form = form
        if form != self._form:
            self._refuse(
                "frames of another shape or type than the first",
                f"frame {item.index}: {form[0]} {form[1]} instead of {self._form[0]} "
                f"{self._form[1]}",
            )
            return False
        return True

    def _is_complete(self, item: Item) -> bool:
        return item.position is not None or not self.needs_positions

    def _release(self) -> None:
        """Move complete frames on, in order; and late ones."""
        first = self._held.first_complete
        while first is not None and first <= self._next:
            self._hand_on(first)
            if first == self._next:
                self._next += 1
                self._blocked_since = None
            else:
                self._gaps.discard(first)
                self.report.late += 1
            first = self._held.first_complete
        if first is None:
            self._blocked_since = None
        elif self._held.num_complete > self.window:
            self._skip_to(first)
        elif self._blocked_since is None:
            self._blocked_since = self._clock()

    def _hand_on(self, index: int) -> None:
        self._ready.append(self._held.pop(index))
        self.report.released += 1

    def _skip_to(self, index: int) -> None:
        """Go on without the frames before this one."""
        lost = list_ranges([(self._next, index)])
        if self._next == self._resumed_at:
            logger.error(
                "frames%s were not saved by the run before, and have not come again: those after "
                "them go on, and they are lost unless they are sent once more",
                lost,
            )
        else:
            logger.warning(
                "frames%s have not come, or without a position: those after them go on", lost
            )
        self._gaps.add(self._next, index)
        self._next = index
        self._blocked_since = None
        self._release()

    def _relieve(self) -> None:
        """Keep what waits for a missing frame or position within the limit."""
        while self._held.nbytes > self.limit and (first := self._held.first) is not None:
            complete = self._held.first_complete
            if complete is not None:
                self._skip_to(complete)
                continue
            self._bytes -= self._held.pop(first).nbytes
            self._refuse("frames whose position did not come in time", f"frame {first}")

    def _settle(self) -> None:
        """Apply the rules that depend on the time."""
        now = self._clock()
        first = self._held.first_complete
        since = self._blocked_since
        if first is not None and since is not None and now - since >= self.patience:
            self._skip_to(first)
        if self._ended:
            return
        if self._ending_since is None and self.total is not None and self._next >= self.total:
            self._ending_since = now
            self.report.ended_by = "all frames have come or were given up"
        if self._ending_since is None:
            return
        is_short = self._next < (self.total or 0)
        outstanding = self._held or self._gaps or is_short or self._awaits_end
        if not outstanding or now - self._ending_since >= self.patience:
            self._end()

    def _deadlines(self) -> list[float]:
        began = (self._blocked_since, self._ending_since)
        return [since + self.patience for since in began if since is not None]

    def _end(self) -> None:
        while (index := self._held.first_complete) is not None:
            self._gaps.discard(index)
            self._gaps.add(self._next, index)
            self._next = max(self._next, index + 1)
            self._hand_on(index)
        while (index := self._held.first) is not None:
            self._held.pop(index)
            self._refuse("frames whose position never came", f"frame {index}")
        last = max([self._largest + 1, self.total or 0])
        self._gaps.add(self._next, last)
        self._next = max(self._next, last)
        self._places.clear()
        self._ended = True

    def _announce(self, frames: int | None) -> None:
        if frames is not None:
            self.total = frames if self.total is None else min(self.total, frames)

    def _refuse(self, reason: str, detail: str) -> None:
        counts = self.report.refused
        if reason not in counts and len(counts) >= MOST_REASONS:
            reason = "other faults"
        counts[reason] = counts.get(reason, 0) + 1
        if counts[reason] == 1:
            what = f"{reason}: {detail}" if detail else reason
            logger.error("refused, and counted from now on: %s", what)

    def _add_bytes(self, nbytes: int) -> None:
        self._bytes += nbytes
        self.report.peak_bytes = max(self.report.peak_bytes, self._bytes)
