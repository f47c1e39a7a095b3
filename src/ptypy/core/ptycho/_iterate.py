"""The loop that an engine runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ptypy.core.ptycho._diverging import Watch
from ptypy.core.ptycho._doubts import doubt
from ptypy.core.ptycho._interrupt import PAUSE, Interruptions
from ptypy.core.ptycho._saving import save_now_and_then, stopped
from ptypy.core.ptycho._standing import leave, take_up_again
from ptypy.core.ptycho._timing import saying_that_it_compiles, timed
from ptypy.core.ptycho._waiting import Silence, wait_for_frames
from ptypy.utils.verbose import Progress, logger

if TYPE_CHECKING:
    from ptypy.core.ptycho._ptycho import Ptycho
    from ptypy.core.ptycho._resume import Resumption
    from ptypy.engines import BaseEngine

__all__ = ["iterate_until_done"]


def iterate_until_done(run: Ptycho, engine: BaseEngine, saved: Resumption | None = None) -> bool:
    """Let an engine iterate until it has finished, taking in frames that arrive meanwhile.

    While a scan goes on, the engine's iterations are not counted off: the full number of
    them follows after the last frame. A signal stops it between two iterations, and what has
    been reached is saved; `Ptycho.stop` lets it rest there, to go on later.

    Parameters
    ----------
    run : Ptycho
    engine : BaseEngine
    saved : Resumption, optional
        Where the engine is to go on.

    Returns
    -------
    bool
        Whether it has finished; False if it was asked to stop.

    Raises
    ------
    DataError
        If probe, object or error are no longer finite.
    KeyboardInterrupt
        After Ctrl-C.
    SystemExit
        After the request to end (SIGTERM).
    """
    with Interruptions(run.listeners.stop) as interruptions, saying_that_it_compiles():
        reason = _begin(run, engine, saved, interruptions)
        if not reason:
            reason = _iterate(run, engine, interruptions)
    if reason > PAUSE:
        raise stopped(run, reason)
    if reason:
        logger.info("stopped after iteration %d of %s, as asked", engine.curiter, engine.label)
        return False
    with timed(run, "engine_finalize"):
        engine.finalize()
    return True


def _begin(
    run: Ptycho, engine: BaseEngine, saved: Resumption | None, interruptions: Interruptions
) -> int:
    """Get an engine ready, anew or as it was left; give the reason to stop meanwhile, or 0."""
    standing = take_up_again(run, engine)
    if standing is not None and standing.is_held:
        return 0
    with timed(run, "engine_init"):
        engine.initialize()
    if reason := wait_for_frames(run, run.p.min_frames_for_recon, interruptions.agreed):
        return reason
    doubt(run, engine)
    with timed(run, "engine_prepare"):
        engine.prepare()
    if saved is not None:
        saved.restore_state(engine)
    if standing is not None and standing.known:
        engine.engine_restore(standing.known)
    return 0


def _iterate(run: Ptycho, engine: BaseEngine, interruptions: Interruptions) -> int:
    """Iterate; give the number of the signal that stopped it, `PAUSE`, or 0."""
    silence, watch = Silence(), Watch(run, engine)
    with Progress(engine.numiter, engine.name, "iterations") as progress:
        progress.done = engine.curiter
        while not engine.finished:
            if not run.model.end_of_scan:
                engine.numiter += engine.p.numiter_contiguous
                silence.tell()
            before = engine.curiter
            # What overflows is found, and named, by the watch.
            with timed(run, "engine_iterate"), np.errstate(over="ignore"):
                engine.iterate()
            progress.total = engine.numiter
            progress.update(engine.curiter - before, _note(run))
            watch.look()
            save_now_and_then(run, before, engine.curiter)
            run.listeners.tell(run)
            reason = interruptions.agreed()
            # What is finished need not rest; whoever asked to stop is heard before the next.
            if reason > PAUSE or (reason and not engine.finished):
                leave(run, engine, is_held=True)
                return reason
            if not run.model.end_of_scan:
                _take_in(run, engine, silence, watch)
    leave(run, engine, is_held=False)
    return 0


def _take_in(run: Ptycho, engine: BaseEngine, silence: Silence, watch: Watch) -> None:
    """Take in the frames that have arrived; with the last of them, look at all."""
    if run.load_new_data() is not None:
        silence.end()
        watch.begin_anew()
        with timed(run, "engine_prepare"):
            engine.prepare()
    if run.model.end_of_scan:
        doubt(run, engine)


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
