"""The loop that an engine runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptypy.core.ptycho._interrupt import Interruptions
from ptypy.core.ptycho._saving import save_now_and_then, stopped
from ptypy.core.ptycho._waiting import Silence, wait_for_frames
from ptypy.utils.verbose import Progress

if TYPE_CHECKING:
    from ptypy.core.ptycho._ptycho import Ptycho
    from ptypy.core.ptycho._resume import Resumption
    from ptypy.engines import BaseEngine

__all__ = ["iterate_until_done"]


def iterate_until_done(run: Ptycho, engine: BaseEngine, saved: Resumption | None = None) -> None:
    """Let an engine iterate until it has finished, taking in frames that arrive meanwhile.

    While a scan goes on, the engine's iterations are not counted off: the full number of
    them follows after the last frame. A signal stops it between two iterations, and what has
    been reached is saved.

    Parameters
    ----------
    run : Ptycho
    engine : BaseEngine
    saved : Resumption, optional
        Where the engine is to go on.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C.
    SystemExit
        After the request to end (SIGTERM).
    """
    with Interruptions() as interruptions:
        signal = _iterate(run, engine, saved, interruptions)
    if signal:
        raise stopped(run, signal)
    engine.finalize()


def _iterate(
    run: Ptycho, engine: BaseEngine, saved: Resumption | None, interruptions: Interruptions
) -> int:
    """Iterate; give the number of the signal that stopped it, or 0."""
    engine.initialize()
    if signal := wait_for_frames(run, run.p.min_frames_for_recon, interruptions.agreed):
        return signal
    engine.prepare()
    if saved is not None:
        saved.restore_state(engine)
    silence = Silence()
    with Progress(engine.numiter, engine.name, "iterations") as progress:
        progress.done = engine.curiter
        while not engine.finished:
            if not run.model.end_of_scan:
                engine.numiter += engine.p.numiter_contiguous
                silence.tell()
            before = engine.curiter
            engine.iterate()
            progress.total = engine.numiter
            progress.update(engine.curiter - before, _note(run))
            save_now_and_then(run, before, engine.curiter)
            if signal := interruptions.agreed():
                return signal
            if not run.model.end_of_scan and run.load_new_data() is not None:
                silence.end()
                engine.prepare()
    return 0


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
