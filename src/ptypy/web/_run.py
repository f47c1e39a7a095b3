"""A run in the browser, while it goes on: to look at, to pause, stop and save."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from ptypy.errors import PtypyError
from ptypy.utils import parallel
from ptypy.utils.verbose import logger
from ptypy.web._live import Live

if TYPE_CHECKING:
    from ptypy.core.ptycho import Ptycho
    from ptypy.web._server import Server

__all__ = ["Viewer", "watch"]

BREATH = 0.02
"""Time between two looks at frames while a run pauses [s]."""


class Viewer:
    """The server of a run that is watched; `watch` makes it.

    Used in a ``with`` statement it ends with it.

    Parameters
    ----------
    run : Ptycho
    port : int
    """

    def __init__(self, run: Ptycho, port: int) -> None:
        self._run = run
        self._live = Live(run)
        self._server: Server | None = None
        if parallel.master:
            from ptypy.web._result import Result
            from ptypy.web._view import make_server

            self._server = make_server(Result(self._live), port)
            self._server.start()
            self._live.soon = self._server.soon
        self._forget = run.on_iteration(self._between)

    @property
    def address(self) -> str:
        """What to open in a browser; empty on processes other than the master."""
        return "" if self._server is None else self._server.address

    def describe(self) -> list[str]:
        """Say where to look, and over SSH how to get there; lines for the user."""
        from ptypy.web._view import describe_address

        return [] if self._server is None else describe_address(self._server)

    def open(self) -> None:
        """Open the page in a browser of this machine, if there is a screen to see it on."""
        if self._server is not None:
            from ptypy.web._view import open_page

            open_page(self.address)

    @property
    def watchers(self) -> int:
        """How many pages look on."""
        return 0 if self._server is None else self._server.watchers

    def finish(self) -> None:
        """Tell pages that the run has ended; they go on showing what it found."""
        self._live.set_state("stopped" if self._live.stops else "finished")

    def wait(self) -> None:
        """Go on serving after the run, until nobody looks on any more, or until Ctrl-C."""
        with contextlib.suppress(KeyboardInterrupt):
            while self.watchers:
                time.sleep(0.2)

    def close(self) -> None:
        """End the server, and let the run alone. May be called twice."""
        self._forget()
        if self._server is not None:
            self._server.stop()

    def __enter__(self) -> Viewer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _between(self, run: Ptycho) -> None:
        """Called between iterations, on every process."""
        live = self._live
        if parallel.master:
            live.note()
        with _woken_by_signals(live):
            while (wish := parallel.bcast(live.next_wish(BREATH))) != "go":
                if wish == "look":
                    live.look()
                elif wish == "save":
                    self._save(run)
                elif wish == "stop":
                    self._save(run)
                    run.stop()
                    break

    def _save(self, run: Ptycho) -> None:
        """Save, on every process; that it fails is told, and no reason to end the run."""
        named = run.paths.recon_file(run.runtime)
        path = named or Path(run.paths.home) / f"{run.runtime.run}.ptyr"
        try:
            run.save_run(path, kind=run.p.io.rformat or "minimal")
            text, is_fault = f"saved {path}", False
        except (PtypyError, OSError) as error:
            logger.error("saving, as the page asked, failed: %s", error)
            text, is_fault = f"not saved: {error}", True
        self._live.tell_saved(text, is_fault=is_fault)


def watch(ptycho: Ptycho, port: int = 0) -> Viewer:
    """Show a run in the browser while it goes on.

    Every process must call it, before ``ptycho.run()``; the server runs in a thread of the first.
    Between iterations it takes copies of what pages show: milliseconds, at most a twentieth of the
    time.

    Parameters
    ----------
    ptycho : Ptycho
    port : int
        Port of 127.0.0.1 to listen at; 0 takes one that is free.

    Returns
    -------
    Viewer
        ``address`` is to be opened; ``close()`` ends it.

    Raises
    ------
    FormatError
        If Tornado is not installed, or nobody can listen at that port.

    Examples
    --------
    ::

        P = Ptycho(p, level=4)
        with watch(P) as viewer:
            print(viewer.address)
            P.run()
    """
    return Viewer(ptycho, port)


@contextmanager
def _woken_by_signals(live: Live) -> Iterator[None]:
    """Let Ctrl-C end a pause; the run then stops as it does anyway."""
    if not live.pauses or threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}

    def wake(number: int, frame: FrameType | None) -> None:
        live.resume()
        handler = before[number]
        if callable(handler):
            handler(number, frame)

    for noted in (signal.SIGINT, signal.SIGTERM):
        before[noted] = signal.signal(noted, wake)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
