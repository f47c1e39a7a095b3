"""What pages are told of a run that goes on, and what they want of it.

Two threads meet here: that of the run, which comes by between iterations, and that of the server.
Pictures are copies that the run's thread makes when somebody wants them.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.web._residuals import frame_residuals
from ptypy.web._result import Layer, describe_storage

if TYPE_CHECKING:
    from ptypy.core.ptycho import Ptycho

__all__ = ["Live"]

Array = npt.NDArray[Any]

SHARE = 20
"""The run is held up for no more than one part in so many of its time."""
SOONEST = 0.2
"""Least time between two pictures [s]."""
BUDGET = 0.004
"""Time for residuals of frames when a picture is due [s]."""
SPARE = 4
"""Copies whose memory is kept."""
HOLDERS = 3
PATIENCE = 2.0
"""How long a page waits for the run to come by; then it gets what is there [s]."""
FORGOTTEN = 5.0
"""A picture that nobody has asked for during this time is not copied any more [s]."""


class Live:
    """A run, as a page sees it.

    Parameters
    ----------
    run : Ptycho
    """

    is_live = True

    def __init__(self, run: Ptycho) -> None:
        self._run = run
        self.version = 0
        self.soon: Callable[[Callable[[], None]], None] = lambda _: None
        self._tell: Callable[[Mapping[str, Any]], None] | None = None
        self._turn = threading.Condition()
        self._wishes: deque[str] = deque()
        self._state = "waiting"
        self.pauses = False
        """Whether the run is to wait between iterations."""
        self.stops = False
        """Whether it is to end."""
        self._wanted: dict[Layer, float] = {}
        self._copies: dict[Layer, Array] = {}
        self._spare: list[Array] = []
        self._due = 0.0
        self._held = 0.0
        self._passes: deque[tuple[float, int]] = deque(maxlen=20)
        self._residuals: dict[int, Array] = {}
        self._place = (0, 0)
        self._cost = 0.0
        self._fresh = 0
        self._waiting: list[asyncio.Event] = []

    # The run's thread -----------------------------------------------------------------------

    def note(self) -> None:
        """Take note of an iteration, and copy what pages show if it is time for it."""
        history = self._run.runtime.iter_info
        self._passes.append((time.monotonic(), history[-1]["iterations"] if history else 0))
        self._state = "running"
        self._fresh = 0
        if self._tell is None or time.monotonic() < self._due:
            return
        begun = time.monotonic()
        self._copy()
        if self._cost < 3 * BUDGET:
            self._judge(BUDGET)
        self._held = time.monotonic() - begun
        self._due = time.monotonic() + max(SOONEST, SHARE * self._held)
        self._announce()

    def next_wish(self, breath: float) -> str:
        """Give what the run is to do now: 'go' on, 'look' at frames, 'save' or 'stop'."""
        with self._turn:
            if self._wishes:
                return self._wishes.popleft()
            if not self.pauses or self.stops:
                return "go"
            if self._state != "paused":
                self._state = "paused"
                self._announce()
            self._turn.wait(breath)
            return "look" if self.pauses and not self._wishes else "again"

    def look(self) -> None:
        """While the run pauses: copy what is asked for, and go through the frames."""
        wanted = set(self._wanted) - set(self._copies)
        if wanted or self._waiting:
            self._copy()
        if self._tell is not None and self._fresh < self._count():
            self._judge(5 * BUDGET)
            if self._fresh >= self._count() or time.monotonic() > self._due:
                self._due = time.monotonic() + 1.0
                self._announce()

    def tell_saved(self, text: str, *, is_fault: bool) -> None:
        """Tell pages how saving went."""
        self._send({"event": "saved", "text": text, "fault": is_fault})

    def set_state(self, state: str) -> None:
        """Tell pages that the run is in another state."""
        self._state = state
        self._copies.clear()
        self.version += 1
        self._announce()

    def _copy(self) -> None:
        """Copy the layers that pages show."""
        now = time.monotonic()
        self._wanted = {k: t for k, t in list(self._wanted.items()) if now - t < FORGOTTEN}
        self._copies = {layer: self._copied(self._data(layer)) for layer in self._wanted}
        self.version += 1
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self.soon(event.set)

    def _copied(self, data: Array) -> Array:
        """Copy into memory that was used before, if nobody reads it: new pages cost more."""
        self._spare = self._spare[-SPARE:]
        for one in self._spare:
            # The list, the loop and the question itself hold it; whoever reads a picture does, too.
            is_alike = one.shape == data.shape and one.dtype == data.dtype
            if is_alike and sys.getrefcount(one) <= HOLDERS:
                np.copyto(one, data)
                return one
        self._spare.append(data.copy())
        return self._spare[-1]

    def _judge(self, budget: float) -> None:
        """Find the residuals of the next frames, for so long [s]."""
        begun = time.monotonic()
        blocks = self._blocks()
        while blocks and self._fresh < self._count() and time.monotonic() - begun < budget:
            which, first = self._place
            which = which if which < len(blocks) else 0
            block = blocks[which]
            values = self._residuals.get(which)
            if values is None or len(values) != len(block):
                values = self._residuals[which] = np.full(len(block), np.nan)
            some = np.arange(first, first + 1)
            before = time.monotonic()
            values[some] = frame_residuals(block, some)
            took = time.monotonic() - before
            # The first waits for what is made once; later the quickest counts, slowly forgotten.
            self._cost = min(took, 1.1 * self._cost) if self._cost else min(took, BUDGET)
            self._fresh += 1
            ends = first + 1 >= len(block)
            self._place = ((which + 1) % len(blocks), 0) if ends else (which, first + 1)

    def _announce(self) -> None:
        history = self._run.runtime.iter_info
        latest = history[-1] if history else {}
        self._send(
            {
                "event": "version", "version": self.version, "state": self._state,
                "engine": latest.get("engine"), "iterations": latest.get("iterations", 0),
                "rate": self._rate(), "held": self._held, **self._plan(),
            }
        )  # fmt: skip

    def _send(self, news: Mapping[str, Any]) -> None:
        tell = self._tell
        if tell is not None:
            self.soon(lambda: tell(news))

    # What both read -------------------------------------------------------------------------

    def _blocks(self) -> list[Any]:
        model = getattr(self._run, "model", None)
        return [] if model is None else list(model.blocks)

    def _count(self) -> int:
        return sum(len(block) for block in self._blocks())

    def _data(self, layer: Layer) -> Array:
        container = getattr(self._run, layer.kind)
        return np.asarray(container.storages[layer.storage].data[layer.number])

    def _rate(self) -> float | None:
        """Iterations a second, over the latest few."""
        if len(self._passes) < 2 or self._state == "paused":
            return None
        (begin, first), (end, last) = self._passes[0], self._passes[-1]
        return (last - first) / (end - begin) if end > begin else None

    def _plan(self) -> dict[str, Any]:
        """Say how many iterations all engines together are to do."""
        engines = self._run.engines.values()
        return {"planned": sum(int(engine.numiter) for engine in engines)}

    # The server's thread --------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Say what the run is, and how far."""
        run = self._run
        storages = [
            describe_storage(kind, name, storage.data, storage.psize, None)
            for kind in ("obj", "probe")
            for name, storage in getattr(run, kind).storages.items()
        ]
        history = run.runtime.iter_info
        latest = history[-1] if history else {}
        return {
            "name": str(run.runtime.run), "live": True, "state": self._state, "storages": storages,
            "engine": latest.get("engine"), "iterations": latest.get("iterations", 0),
            "rate": self._rate(), "started": run.runtime.get("allstart"), **self._plan(),
            "frames": self._count(),
        }  # fmt: skip

    def forms(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """Give the shapes of all storages."""
        return {
            (kind, str(name)): storage.data.shape
            for kind in ("obj", "probe")
            for name, storage in list(getattr(self._run, kind).storages.items())
        }

    def history(self) -> list[Mapping[str, Any]]:
        """Give the history so far."""
        return list(self._run.runtime.iter_info)

    async def picture(self, layer: Layer) -> Array:
        """Give the latest copy of a layer; wait for the run to make one if there is none."""
        self._wanted[layer] = time.monotonic()
        until = time.monotonic() + PATIENCE
        while layer not in self._copies and self._state in ("running", "paused"):
            event = asyncio.Event()
            self._waiting.append(event)
            self._due = 0.0
            try:
                await asyncio.wait_for(event.wait(), until - time.monotonic())
            except TimeoutError:
                # Kernels are compiled, or one iteration takes longer than anybody waits.
                break
        copy = self._copies.get(layer)
        return self._data(layer).copy() if copy is None else copy

    def thumb(self, layer: Layer, step: int) -> Array:
        """Give some pixels of a layer, of the copy if there is one."""
        copy = self._copies.get(layer)
        return (self._data(layer) if copy is None else copy)[::step, ::step].copy()

    def frames(self) -> tuple[Array, Array]:
        """Give where frames lie, and the residuals that are known, of this process."""
        positions, residuals = [np.zeros((0, 2))], [np.zeros(0)]
        for number, block in enumerate(self._blocks()):
            coord = block.object_views.coord
            known = self._residuals.get(number)
            fits = known is not None and len(known) == len(coord)
            positions.append(coord.copy())
            residuals.append(known.copy() if fits and known is not None else _unknown(len(coord)))
        return np.concatenate(positions), np.concatenate(residuals)

    async def command(self, name: str) -> dict[str, Any]:
        """Pause, go on, stop (and save), or save."""
        if name not in ("pause", "resume", "stop", "save"):
            raise DataError(f"{name!r}: a run can be told pause, resume, stop and save")
        if self._state in ("finished", "stopped"):
            raise DataError("the run has ended; what it found is in its result")
        with self._turn:
            if name in ("save", "stop"):
                self._wishes.append(name)
            self.stops |= name == "stop"
            self.pauses = name == "pause" or (self.pauses and name == "save")
            self._turn.notify_all()
        return {"wanted": name}

    def resume(self) -> None:
        """Let the run go on. May be called by a handler of signals: it takes no lock."""
        self.pauses = False

    def begin(self, tell: Callable[[Mapping[str, Any]], None]) -> None:
        """Begin to tell."""
        self._tell = tell

    def rest(self) -> None:
        """Tell no more: nobody looks on, and the run is not held up at all."""
        self._tell = None
        self._copies, self._spare = {}, []

    def close(self) -> None:
        """End; a run that pauses goes on."""
        self.pauses = False


def _unknown(count: int) -> Array:
    return np.full(count, np.nan)
