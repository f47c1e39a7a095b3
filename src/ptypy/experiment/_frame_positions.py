"""Positions that are given beside the frames: which parameters say where, and do they fit?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, Fault
from ptypy.io.frame_source import FrameSource
from ptypy.utils.parameters import Param

__all__ = ["position_faults", "raster_points", "see_counts"]


def position_faults(p: Param, *, needed: bool) -> list[Fault]:
    """List what is wrong with the parameters that say where positions are."""
    where = p.positions
    raster = where.raster
    faults = []
    if np.size(where.multiplier) not in (1, 2):
        faults.append(Fault("positions.multiplier", repr(where.multiplier), "must be one, or two"))
    if where.file is not None and raster.shape is not None:
        remedy = "is given beside `positions.file`: only one of them can count"
        faults.append(Fault("positions.raster.shape", repr(raster.shape), remedy))
    if raster.shape is not None and (
        np.size(raster.shape) != 2 or any(int(n) != n or n < 1 for n in np.ravel(raster.shape))
    ):
        remedy = "must be two whole numbers, lines and columns"
        faults.append(Fault("positions.raster.shape", repr(raster.shape), remedy))
    if raster.shape is not None and np.size(raster.step) not in (1, 2):
        remedy = "must be one number, or two, (y, x)"
        faults.append(Fault("positions.raster.step", repr(raster.step), remedy))
    elif raster.shape is not None and raster.step is None:
        remedy = "is needed beside `positions.raster.shape`: (y, x)"
        faults.append(Fault("positions.raster.step", "None", remedy))
    if needed and where.file is None and raster.shape is None and p.positions_theory is None:
        remedy = "is needed; or `positions.raster.shape` and `.step`; or `positions_theory`"
        faults.append(Fault("positions.file", "None", remedy))
    return faults


def raster_points(raster: Param) -> npt.NDArray[np.float64]:
    """Calculate the points of a raster (N, 2), line by line."""
    lines, columns = (int(n) for n in raster.shape)
    step = np.broadcast_to(np.asarray(raster.step, dtype=np.float64), 2)
    points = np.indices((lines, columns)).transpose(1, 2, 0)
    if raster.snake:
        points[1::2] = points[1::2, ::-1]
    return points.reshape(-1, 2) * step


def see_counts(
    source: FrameSource, positions: int, name: str, wanted: int | None, heading: str | None = None
) -> None:
    """See that there are as many positions as frames, or that enough of both are there.

    Parameters
    ----------
    source : FrameSource
    positions : int
        How many there are.
    name : str
        Where they come from.
    wanted : int or None
        How many frames are asked for.
    heading : str, optional
        Line of the table that was taken for names of columns. It may be the position that lacks:
        then all that follow would be moved by one, and no number of frames makes it right.

    Raises
    ------
    DataError
        It names the files, and those that seem to be missing.
    """
    frames = source.count
    lacks_heading = heading is not None and frames == positions + 1
    enough = wanted is not None and wanted <= min(frames, positions) and not lacks_heading
    if frames == positions or enough:
        return
    if lacks_heading:
        raise DataError(
            f"{source.name}: {frames} frames, but {positions} positions ({name}), whose first "
            f"line, {heading!r}, was taken for names of columns: if it is the position of the "
            "first frame, write numbers there; if it holds names, put # before it, and "
            f"`num_frames={positions}` uses the first of both"
        )
    suspects = source.suspects() if frames < positions else ""
    raise DataError(
        f"{source.name}: {frames} frames, but {positions} positions ({name})"
        f"{'; ' + suspects if suspects else ''}; `num_frames={min(frames, positions)}` uses the "
        "first of both"
    )
