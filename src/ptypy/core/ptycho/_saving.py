"""Saving a run: its result, now and then, and when it is interrupted."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptypy.core.ptycho._positions import describe_positions
from ptypy.core.ptycho._resume import describe_progress
from ptypy.core.save_load import KINDS, describe_run
from ptypy.errors import FormatError, ParallelError, ParameterError
from ptypy.utils import parallel
from ptypy.utils.verbose import logger

if TYPE_CHECKING:
    from ptypy.core.ptycho._ptycho import Ptycho
    from ptypy.engines import BaseEngine

__all__ = ["save", "save_files", "save_now_and_then", "stopped"]


def save(run: Ptycho, file: str | Path | None, kind: str, force_overwrite: bool) -> Path | None:
    """Save a run; see `Ptycho.save_run`. Every process must call it."""
    if kind not in KINDS:
        raise ParameterError(f"cannot save a run as {kind!r}: use {', '.join(KINDS)}")
    path = run.paths.recon_file(run.runtime) if file is None else Path(file)
    if path is None:
        raise ParameterError("`p.io.rfile` is None: say where to save by `alt_file`")
    history = run.runtime.iter_info
    run.runtime["last_save"] = history[-1]["iterations"] if history else 0
    more: dict[str, Any] = describe_positions(run)
    if kind == "dump":
        more["progress"] = describe_progress(run)

    def write() -> None:
        if path.exists() and not force_overwrite:
            raise FormatError(f"{path} exists: remove it, or let it be replaced")
        _write(run, path, kind, more)

    _on_master(write)
    return path if parallel.master else None


def save_files(run: Ptycho, engine: BaseEngine) -> None:
    """Write what an engine wants kept beside the result. Every process must call it."""
    files = engine.engine_files()

    def write() -> None:
        from ptypy.io import h5write

        for name, tree in files.items():
            path = run.paths.home / name
            h5write(path, tree)
            logger.info("saved %s", path)

    _on_master(write)


def _on_master(write: Callable[[], None]) -> None:
    """Let the master write; if it fails, every process raises. Every process must call it."""
    failure: Exception | None = None
    if parallel.master:
        try:
            write()
        except Exception as error:  # noqa: BLE001 - told to every process, then raised again
            failure = error
    told = parallel.bcast(None if failure is None else f"{type(failure).__name__}: {failure}")
    if failure is not None:
        raise failure
    if told is not None:
        raise ParallelError(f"process 0 could not save: {told}")


def _write(run: Ptycho, path: Path, kind: str, more: Mapping[str, Any]) -> None:
    """Write the file of a run."""
    from ptypy.io import ptyr

    content = describe_run(run, kind)
    content.update(more)
    history = run.runtime.iter_info
    done = f"{history[-1]['engine']}, {history[-1]['iterations']}" if history else "no"
    ptyr.write_run(path, content, f"run {run.runtime.run}: {done} iterations", kind=kind)
    logger.info("saved %s", path)


def save_now_and_then(run: Ptycho, before: int, now: int) -> None:
    """Save automatically when the interval's mark has been passed.

    That there is no room left is no reason to lose the reconstruction itself.
    """
    autosave = run.p.io.get("autosave")
    if not autosave or not autosave.get("active"):
        return
    interval = autosave.get("interval") or 0
    path = run.paths.auto_file(run.runtime)
    if interval <= 0 or path is None or before // interval == now // interval:
        return
    try:
        save(run, path, "dump", force_overwrite=True)
    except (OSError, ParallelError) as error:
        logger.error("the automatic save failed, the run goes on without: %s", error)
        return
    _remove_older(run, path, autosave.get("keep"))


def _remove_older(run: Ptycho, latest: Path, keep: int | None) -> None:
    """Remove automatic saves that this very run made, but for the latest ones."""
    run.autosaves = [*(path for path in run.autosaves if path != latest), latest]
    if keep is None:
        return
    older, run.autosaves = run.autosaves[:-keep], run.autosaves[-keep:]
    for path in older if parallel.master else ():
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("an older automatic save stays: %s", error)


def stopped(run: Ptycho, number: int) -> BaseException:
    """Keep what has been reached when a signal stops a run; give the exception to raise.

    Parameters
    ----------
    run : Ptycho
    number : int
        Of the signal.

    Returns
    -------
    KeyboardInterrupt or SystemExit
        The first for Ctrl-C; the second, of code 143, for the request to end.
    """
    history = run.runtime.iter_info
    done = history[-1]["iterations"] if history else 0
    autosave = run.p.io.get("autosave") or {}
    path = run.paths.auto_file(run.runtime) if autosave.get("active") else None
    kind = "dump"
    if path is None:
        path, kind = run.paths.recon_file(run.runtime), run.p.io.rformat or "minimal"
    text = f"stopped by {signal.Signals(number).name} after {done} iterations"
    if history and path is not None:
        save(run, path, kind, force_overwrite=True)
        text = f"{text}, which are in {path}"
    logger.error("%s", text)
    return KeyboardInterrupt(text) if number == signal.SIGINT else SystemExit(128 + number)
