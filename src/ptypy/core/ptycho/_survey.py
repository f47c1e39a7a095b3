"""Would it run? Parameters and the first frames are looked at, nothing is reconstructed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ptypy.core.ptycho._doubts import doubt_sample
from ptypy.core.ptycho._heard import listening
from ptypy.core.ptycho._needed import needed_faults
from ptypy.core.ptycho._ptycho import Ptycho
from ptypy.core.ptycho._survey_scan import ScanSurvey, load_sample, open_scan
from ptypy.engines import BaseEngine
from ptypy.errors import Fault, ParameterError, PtypyError
from ptypy.utils.parameters import Param

__all__ = ["EngineSurvey", "Survey", "survey"]

A_PIXEL = 28
"""Memory that a pixel of an object takes while engines run, with sums and gradients [bytes]."""
PROGRAM = 230.0 * 2**20
"""Memory of the program with its compiled kernels, before there are frames [bytes], measured."""


@dataclass(slots=True)
class EngineSurvey:
    """What is known of one engine before it runs."""

    label: str
    name: str
    iterations: int
    memory: float = 0.0
    """What it holds beside frames, probes and objects [bytes]."""
    result: Path | None = None
    """File that it leaves."""


@dataclass(slots=True)
class Survey:
    """What is known of a run before it begins."""

    run: str = ""
    """Its name."""
    faults: list[Fault] = field(default_factory=list)
    """Parameters that do not fit."""
    problems: list[str] = field(default_factory=list)
    """Why else it would not run."""
    doubts: list[str] = field(default_factory=list)
    """It would run; but the result may be wrong, because of this."""
    notes: list[str] = field(default_factory=list)
    """What is worth knowing."""
    scans: list[ScanSurvey] = field(default_factory=list)
    engines: list[EngineSurvey] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """``'fails'``, ``'doubtful'`` or ``'runs'``."""
        if self.faults or self.problems:
            return "fails"
        return "doubtful" if self.doubts else "runs"

    @property
    def memory(self) -> dict[str, float]:
        """About the memory that a run takes on one process, by what takes it [bytes]."""
        return {
            "program": PROGRAM,
            "frames": sum(scan.frames_memory for scan in self.scans),
            "engines": max((engine.memory for engine in self.engines), default=0.0),
            "probes and objects": sum(scan.waves_memory for scan in self.scans),
        }


def survey(p: Mapping[str, Any]) -> Survey:
    """Look at the parameters of a run and at the first frames of its scans.

    All that is wrong is found, as far as it can be: what does not fit in the parameters, then
    what loaders say of their files, then what engines say of the models. Nothing is saved,
    whatever the parameters say.

    Parameters
    ----------
    p : Param or mapping
    """
    found = Survey()
    with listening() as heard:
        try:
            complete = Ptycho(p, level=0).p
        except ParameterError as error:
            found.faults += error.faults
            found.problems += [] if error.faults else [str(error)]
            return found
        found.run = str(complete.run or "")
        found.faults += needed_faults(complete)
        if not complete.scans:
            found.faults.append(Fault("scans", "{}", "is empty: name a scan with its `data`"))
        if not complete.engines:
            found.notes.append("there are no engines: frames are loaded, nothing is reconstructed")
        if not found.faults:
            _look(_reading_only(complete, found), found)
        found.doubts += heard.errors
        found.notes += heard.warnings
    return found


def _reading_only(p: Param, found: Survey) -> Param:
    """Give the parameters of a run that saves nothing."""
    p = p.copy(99)
    p.verbose_level = "WARNING"
    for label, scan in p.scans.items():
        data = scan.data
        if data.get("save") is not None:
            if Path(str(data.get("dfile"))).exists() and not data.get("resume"):
                found.notes.append(
                    f"scan {label}: {data.dfile} is there already; it will be kept as "
                    f"{data.dfile}.old"
                )
            data.update(save=None, resume=False)
    return p


def _look(p: Param, found: Survey) -> None:
    """Open the scans, load some of their frames and make the engines."""
    made: list[Ptycho] = []
    with _telling(found):
        made.append(Ptycho(p, level=1))
    if not made:
        return
    (run,) = made
    for label, model in run.model.scans.items():
        with _telling(found):
            scan = open_scan(label, model)
            found.scans.append(scan)
            load_sample(scan, model)
            if not scan.seen:
                found.notes.append(
                    f"scan {label}: no frame has come yet; region, mask, memory, and numbers that "
                    "nobody gave, can be judged when the first are there"
                )
    engines: list[BaseEngine] = []
    for label in sorted(run.p.engines or {}):
        with _telling(found):
            engine = run.init_engine(label)
            if engine is not None:
                engines.append(engine)
    if found.faults or found.problems:
        return
    with _telling(found):
        for label, model in run.model.scans.items():
            if model.blocks:
                doubt_sample(label, model, engines[0] if engines else None)
    _plan(run, engines, found)


@contextlib.contextmanager
def _telling(found: Survey) -> Iterator[None]:
    """Note what goes wrong, and go on."""
    try:
        yield
    except ParameterError as error:
        found.faults += [fault for fault in error.faults if fault not in found.faults]
        found.problems += [] if error.faults else [str(error)]
    except (PtypyError, OSError, ImportError) as error:
        found.problems.append(str(error))


def _plan(run: Ptycho, engines: list[BaseEngine], found: Survey) -> None:
    """Say what engines would do, leave and take."""
    done = 0
    for engine in engines:
        done += engine.numiter
        step = {"engine": engine.name, "iterations": done, "iteration": engine.numiter}
        result = run.paths.recon_file({"run": run.runtime.run, "iter_info": [step]})
        memory = sum(scan.engine_memory(engine) for scan in found.scans)
        found.engines.append(
            EngineSurvey(engine.label, engine.name, engine.numiter, memory, result)
        )
        if result is not None and result.exists():
            found.notes.append(f"{result} is there already and will be replaced")
    factor = 2 if run.data_type == "double" else 1
    for scan, model in zip(found.scans, run.model.scans.values(), strict=True):
        if model.obj is not None and model.probe is not None:
            modes, rows, columns = (len(model.obj.data), *scan.object_shape)
            pixels = modes * rows * columns + model.probe.data[0].size * len(model.probe.data)
            scan.waves_memory = float(A_PIXEL * factor * pixels)
    _doubt_memory(found)


def _doubt_memory(found: Survey) -> None:
    """Say so if there is not as much memory as it takes."""
    total = sum(found.memory.values())
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        available = 1024.0 * float(lines["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError, IndexError):
        return  # nobody says it on this system
    if total > available:
        found.doubts.append(
            f"about {total / 2**30:.1f} GiB would be needed, and {available / 2**30:.1f} GiB are "
            "free on this machine: use more machines, `rebin`, a smaller `shape`, or fewer frames"
        )
