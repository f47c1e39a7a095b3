"""Going on from an automatic save."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptypy.core.ptycho._positions import restore_positions
from ptypy.core.save_load import read_content, restore_container, restore_runtime
from ptypy.errors import Fault, FormatError, ParameterError
from ptypy.utils import parallel
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import logger

if TYPE_CHECKING:
    from ptypy.core.ptycho._ptycho import Ptycho
    from ptypy.engines import BaseEngine

__all__ = ["Resumption", "describe_progress", "resume"]


def describe_progress(run: Ptycho) -> Param:
    """Say how far each engine of a run is. Every process must call it.

    Returns
    -------
    Param
        ``label`` of the engine that is at work; ``engines``, by label: ``name``, ``curiter``,
        ``numiter``, ``asked`` (its parameter of that name), ``state`` (of the one at work).
    """
    engines = {}
    for label, engine in run.engines.items():
        at_work = label == run.at_work
        if engine.curiter or at_work:
            engines[label] = {
                "name": engine.name,
                "curiter": engine.curiter,
                "numiter": engine.numiter,
                "asked": engine.p.numiter,
                "state": engine.engine_state() if at_work else {},
            }
    return Param(label=run.at_work, engines=engines)


class Resumption:
    """What an automatic save says of the engines of a run.

    Parameters
    ----------
    file : path
        The save.
    progress : Mapping
        As `describe_progress` gave it.
    """

    def __init__(self, file: Path, progress: Mapping[str, Any]) -> None:
        self.file = file
        self._at_work: str | None = progress.get("label")
        self._engines: dict[str, Any] = dict(progress.get("engines") or {})
        self._state: Mapping[str, Any] | None = None

    def take_up(self, engine: BaseEngine) -> bool:
        """Let an engine count on from where it was; the first time that it is run.

        Iterations that were added while a scan went on stay added; otherwise the parameter
        ``numiter`` counts as it is now.

        Returns
        -------
        bool
            Whether it is to run; False if another one had begun after it.
        """
        saved = self._engines.pop(engine.label, None)
        self._state = None
        if saved is None:
            return True
        if saved["name"] != engine.name:
            remedy = (
                f"was {saved['name']!r} when {self.file} was saved, from which this run is to go "
                "on: keep the name, or remove that file and those like it to begin anew"
            )
            raise ParameterError([Fault(f"engines.{engine.label}.name", engine.name, remedy)])
        engine.curiter = int(saved["curiter"])
        engine.numiter = int(engine.p.numiter) + int(saved["numiter"]) - int(saved["asked"])
        self._state = saved.get("state")
        return engine.label == self._at_work

    def restore_state(self, engine: BaseEngine) -> None:
        """Give the engine that was taken up what it needs beside probe and object."""
        if self._state:
            engine.engine_restore(self._state)


def resume(run: Ptycho) -> Resumption | None:
    """Put probe, object and history back to those of the latest automatic save.

    Every process must call it, with frames there.

    Returns
    -------
    Resumption or None
        What it says of the engines; None if nothing was saved.

    Raises
    ------
    ParameterError
        If what was saved is of another run.
    """
    file, content = _latest(run)
    if file is None or content is None:
        logger.info("nothing to go on from: no %s", run.p.io.autosave.get("rfile"))
        return None
    _check(run, file, content)
    for container, name in ((run.probe, "probe"), (run.obj, "obj")):
        restore_container(container, content[name])
    restore_positions(run, content)
    restore_runtime(run, content)
    history = run.runtime.iter_info
    done = history[-1]["iterations"] if history else 0
    logger.info("going on after %d iterations, from %s", done, file)
    return Resumption(file, content.get("progress") or {})


def _latest(run: Ptycho) -> tuple[Path | None, Param | None]:
    """Find the latest save that can be read; the master chooses, every process reads."""
    file: Path | None = None
    content: Param | None = None
    if parallel.master:
        for part in run.paths.cut_short(run.runtime):
            part.unlink(missing_ok=True)
        for candidate in run.paths.auto_files(run.runtime):
            try:
                content = read_content(candidate)
            except FormatError as error:
                logger.error("cannot go on from %s, trying the one before: %s", candidate, error)
                continue
            if (content.get("runtime") or {}).get("run") == run.runtime.run:
                file = candidate
                break
    file = parallel.bcast(file)
    if file is not None and content is None:
        content = read_content(file)
    return file, content


def _check(run: Ptycho, file: Path, content: Param) -> None:
    """Refuse a save of other scans, of another setup, or of another number of modes.

    Probes of single frames are as many as frames have arrived, then and now.
    """
    wrong = []
    single = {
        id(colour.probe)
        for block in run.model.blocks
        if block.probe_rows is not None
        for colour in block.colours
    }
    for container, name in ((run.probe, "probe"), (run.obj, "obj")):
        for ID, storage in container.storages.items():
            saved = content[name].get(ID)
            if saved is None:
                wrong.append(f"it has no {name} {ID}")
                continue
            was, now = np.shape(saved["data"]), storage.data.shape
            first = 1 if id(storage) in single else 0
            last = None if name == "probe" else 1
            if was[first:last] != now[first:last]:
                wrong.append(f"its {name} {ID} has the shape {was}, this run's has {now}")
            if not np.allclose(saved["_psize"], storage.psize, rtol=1e-6, atol=0):
                wrong.append(f"the pixels of its {name} {ID} have another size")
    if wrong:
        remedy = (
            f"cannot go on from {file}: {'; '.join(wrong)}. Remove that file and those like it, "
            "or give this run a name of its own"
        )
        raise ParameterError([Fault("io.autosave.resume", "True", remedy)])
