"""Preparing the frames of scans into files, and nothing else."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptypy.core.data import EOS, WAIT, Chunk
from ptypy.core.ptycho._interrupt import Interruptions
from ptypy.core.ptycho._needed import needed_faults
from ptypy.core.ptycho._ptycho import Ptycho
from ptypy.core.ptycho._timing import saying_that_it_compiles
from ptypy.core.ptycho._waiting import Pauses, Silence
from ptypy.errors import DataError, Fault, ParameterError
from ptypy.utils import parallel
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import logger

if TYPE_CHECKING:
    from ptypy.core.data import PtyScan

__all__ = ["Prepared", "prepare_scans"]

FIRST = 16
"""Frames of the first chunk, for each process: how large one is is not known before."""
SIZE = 2**28
"""Memory of the frames of a chunk, on each process [bytes]."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was prepared of one scan."""

    label: str
    path: Path
    """File of the prepared frames."""
    frames: int
    """In it."""
    seconds: float
    """How long it took [s]."""


def prepare_scans(p: Mapping[str, Any], *, goes_on: bool = False) -> Iterator[Prepared]:
    """Prepare the frames of all scans of a run into ``.ptyd`` files, one scan after the other.

    Every process must call it. Ctrl-C lets the chunk under way finish; the file then holds what
    was prepared, and ``goes_on`` goes on from there.

    Parameters
    ----------
    p : mapping
        Parameters of a run. Where ``save`` and ``dfile`` of a scan's data say nothing, chunks are
        appended to ``<run>_<label>.ptyd`` in ``io.home``.
    goes_on : bool
        Go on with files that an earlier call left unfinished.

    Yields
    ------
    Prepared
        When a scan is done.

    Raises
    ------
    ParameterError
        If parameters do not fit; all faults at once.
    DataError
        If there is nothing to prepare, or a scan ends without a frame.
    KeyboardInterrupt
        After Ctrl-C, between two chunks.
    """
    complete = Ptycho(p, level=0).p
    faults = list(needed_faults(complete))
    if not complete.scans:
        faults.append(Fault("scans", "{}", "is empty: name a scan with its `data`"))
    if faults:
        raise ParameterError(faults)
    run = Ptycho(_saving(complete, goes_on), level=1)
    for label, model in run.model.scans.items():
        start = time.perf_counter()
        with Interruptions(threading.Event(), "chunk") as asked, saying_that_it_compiles():
            _prepare(model.ptyscan, int(complete.frames_per_block), asked)
        path, frames = Path(str(model.ptyscan.dfile)), model.ptyscan.framestart
        yield Prepared(label, path, frames, time.perf_counter() - start)


def _saving(p: Param, goes_on: bool) -> Param:
    """Let each scan save its frames; leave out those that are prepared already."""
    p = p.copy(99)
    scans = Param()
    for label, scan in p.scans.items():
        data = scan.data
        if data.get("name") == "PtydScan" and data.get("source") in {None, "file"}:
            logger.error("scan %s: its frames are prepared already, in %s", label, data.dfile)
            continue
        if data.get("save") is None:
            data.save = "append"
        if data.get("dfile") is None:
            data.dfile = str(Path(p.io.home or ".") / f"{p.run or 'ptypy'}_{label}.ptyd")
        data.resume = goes_on or bool(data.get("resume"))
        scans[label] = scan
    if not scans:
        raise DataError("there is nothing to prepare: all frames are prepared already")
    p.scans = scans
    return p


def _prepare(scan: PtyScan, most: int, asked: Interruptions) -> None:
    """Prepare all frames of a scan, chunk by chunk."""
    pauses, silence, count = Pauses(), Silence(), FIRST
    if parallel.master and scan.info.dfile:
        Path(str(scan.info.dfile)).parent.mkdir(parents=True, exist_ok=True)
    while (answer := scan.next_chunk(max(1, min(count, most)) * parallel.size)) != EOS:
        if number := asked.agreed():
            raise _stopped(scan, number)
        if answer == WAIT:
            pauses.take()
            silence.tell()
            continue
        pauses.reset()
        silence.end()
        if isinstance(answer, Chunk):
            count = _fitting(answer)
    if not scan.framestart:
        raise DataError(f"scan {scan.info.label!r} ended without a single frame")


def _fitting(chunk: Chunk) -> int:
    """Give how many frames there may be in a chunk on each process; the same on all."""
    size = 4 * chunk.data.shape[-1] * chunk.data.shape[-2]
    return int(parallel.MPImin(max(FIRST, SIZE // max(size, 1))))


def _stopped(scan: PtyScan, number: int) -> BaseException:
    """Say where preparation was stopped; give what is to be raised."""
    text = f"stopped after {scan.framestart} frames, which are in {scan.dfile}"
    logger.error("%s", text)
    return KeyboardInterrupt(text) if number == signal.SIGINT else SystemExit(128 + number)
