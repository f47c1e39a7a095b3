"""The loop that an engine runs in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ptypy.utils.verbose import Progress, logger

if TYPE_CHECKING:
    from ptypy.core.ptycho._ptycho import Ptycho
    from ptypy.engines import BaseEngine

__all__ = ["iterate_until_done"]

PATIENCE = 60.0
"""How long no frame may arrive before, and between, words about it [s]."""


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
    heard = time.monotonic()
    with Progress(engine.numiter, engine.name, "iterations") as progress:
        while not engine.finished:
            if _take_in(run, engine, pause):
                heard = time.monotonic()
            if not run.model.end_of_scan:
                engine.numiter += engine.p.numiter_contiguous
                if time.monotonic() - heard > PATIENCE:
                    _say_that_nothing_arrives()
                    heard = time.monotonic()
            before = engine.curiter
            engine.iterate()
            progress.total = engine.numiter
            progress.update(engine.curiter - before, _note(run))
            _save_now_and_then(run, before, engine.curiter)
    engine.finalize()


def _take_in(run: Ptycho, engine: BaseEngine, pause: float) -> bool:
    """Take in what has arrived, if anything; wait until there is enough to begin with."""
    arrived = not run.model.end_of_scan and run.load_new_data() is not None
    waiting = False
    while run.num_frames < run.p.min_frames_for_recon and not run.model.end_of_scan:
        if not waiting:
            logger.info("waiting for %d frames", run.p.min_frames_for_recon)
            waiting = True
        time.sleep(pause)
        arrived = run.load_new_data() is not None or arrived
    if arrived:
        engine.prepare()
    return arrived


def _say_that_nothing_arrives() -> None:
    """Say, at a level that is always seen, that the run waits for a scan to end."""
    logger.error(
        "no frames have arrived for %.0f s. The run goes on with those there are until the scan "
        "ends. If it was cut short, stop, and give their number as `num_frames` of its data.",
        PATIENCE,
    )


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
