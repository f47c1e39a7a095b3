"""The loop that an engine runs in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ptypy.utils.verbose import Progress, logger

if TYPE_CHECKING:
    from ptypy.core.ptycho._ptycho import Ptycho
    from ptypy.engines import BaseEngine

__all__ = ["Silence", "iterate_until_done"]

PATIENCE = 60.0
"""How long no frame may arrive before, and between, words about it [s]."""


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
            "stop, and give the number of frames there are as `num_frames` of its data.",
            PATIENCE,
        )
        self.end()


def iterate_until_done(run: Ptycho, engine: BaseEngine, *, pause: float) -> None:
    """Let an engine iterate until it has finished, taking in frames that arrive meanwhile.

    While a scan goes on, the engine's iterations are not counted off: the full number of
    them follows after the last frame.

    Parameters
    ----------
    run : Ptycho
    engine : BaseEngine
    pause : float
        Time between two looks for frames while too few have arrived [s].
    """
    engine.initialize()
    engine.prepare()
    silence = Silence()
    with Progress(engine.numiter, engine.name, "iterations") as progress:
        while not engine.finished:
            _take_in(run, engine, silence, pause)
            if not run.model.end_of_scan:
                engine.numiter += engine.p.numiter_contiguous
                silence.tell()
            before = engine.curiter
            engine.iterate()
            progress.total = engine.numiter
            progress.update(engine.curiter - before, _note(run))
            _save_now_and_then(run, before, engine.curiter)
    engine.finalize()


def _take_in(run: Ptycho, engine: BaseEngine, silence: Silence, pause: float) -> None:
    """Take in what has arrived; wait until there is enough to begin with."""
    arrived = not run.model.end_of_scan and run.load_new_data() is not None
    waiting = False
    while run.num_frames < run.p.min_frames_for_recon and not run.model.end_of_scan:
        if not waiting:
            logger.info("waiting for %d frames", run.p.min_frames_for_recon)
            waiting = True
        time.sleep(pause)
        silence.tell()
        arrived = run.load_new_data() is not None or arrived
    if arrived:
        silence.end()
        engine.prepare()


def _note(run: Ptycho) -> str:
    """Say in a few words how the latest iteration went."""
    history = run.runtime.iter_info
    if not history:
        return ""
    latest = history[-1]
    residual = latest["residual"]
    error = (
        f"residual {residual:.4f}"
        if residual == residual  # noqa: PLR0124  (NaN is not itself: the engine has no residual)
        else f"error {latest['error'][0]:.4g}"
    )
    return f"{error}, {latest['duration']:.2f} s"


def _save_now_and_then(run: Ptycho, before: int, now: int) -> None:
    """Save automatically when the interval's mark has been passed."""
    autosave = run.p.io.get("autosave")
    if not autosave or not autosave.get("active"):
        return
    interval = autosave.get("interval") or 0
    path = run.paths.auto_file(run.runtime)
    if interval > 0 and path is not None and before // interval != now // interval:
        run.save_run(path, kind="dump")
