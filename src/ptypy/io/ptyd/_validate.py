"""Say in words what is missing from a prepared scan, or does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ptypy.errors import FormatError
from ptypy.io.ptyd._aside import left_behind
from ptypy.io.ptyd._read import PtydReader
from ptypy.io.ptyd._survey import Survey, survey

__all__ = ["validate"]

STEP_BYTES = 1 << 26
"""How much is read at once [byte]."""


def validate(path: str | Path, *, deep: bool = False) -> list[str]:
    """Say in words what is missing from a .ptyd file, or does not fit.

    Parameters
    ----------
    path : path
    deep : bool
        Read all frames, too: compare them with their checksums, and look for trusted pixels that
        are not finite numbers.

    Returns
    -------
    list of str
        Empty if all is well. What would make data wrong comes first; `PtydReader` refuses
        files with such faults.
    """
    place = Path(path)
    try:
        found = survey(place)
    except FormatError as error:
        return [str(error)]
    remarks = found.remarks + _of_life(found)
    remarks += [
        f"{left.name} was left by a writer that died; nobody needs it"
        for left in left_behind(place)
    ]
    damage = _look_at_frames(place, found) if deep and not found.faults else []
    return found.faults + damage + remarks


def _of_life(found: Survey) -> list[str]:
    """Say whether more frames are to come."""
    if found.is_complete is not False:
        return []
    text = (
        f"its writer has not ended the scan: {found.frames} frames are there, and it is still at "
        "work or was interrupted; `resume` lets it go on, `num_frames` reads what is there"
    )
    return [text]


def _look_at_frames(path: Path, found: Survey) -> list[str]:
    reader = PtydReader(path)
    said = []
    first = 0
    for chunk in found.chunks:
        frame = chunk.shape[0] * chunk.shape[1] * chunk.dtype.itemsize
        step = max(1, STEP_BYTES // frame)
        strange = 0
        for start in range(first, first + chunk.frames, step):
            stop = min(start + step, first + chunk.frames)
            try:
                data, _, _, weights = reader.read(start, stop)
            except FormatError as error:
                said.append(str(error))
                continue
            if data.dtype.kind == "f":
                trusted = True if weights is None else weights > 0
                strange += int((~np.isfinite(data) & trusted).any(axis=(1, 2)).sum())
        if strange:
            said.append(
                f"chunks/{chunk.number}: {strange} frame(s) hold trusted pixels that are not "
                "finite numbers; mask them"
            )
        first += chunk.frames
    return said
