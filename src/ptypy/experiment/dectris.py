"""Scans recorded by Dectris detectors: Eiger, Pilatus 4, Selun, Arina."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy import defaults_tree
from ptypy.core.data import register
from ptypy.errors import DataError, Fault
from ptypy.experiment._frame_scan import FrameScan
from ptypy.io.dectris_files import DectrisFiles, dectris_files
from ptypy.io.written_frames import see_written
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import logger

__all__ = ["DectrisScan"]


@register()
@defaults_tree.parse_doc("scandata.DectrisScan")
class DectrisScan(FrameScan):
    """Read frames from a Dectris master file and the data files that it links to.

    The pixel mask of the file, pixels without a count (2^n - 1) and those at the saturation value
    or the cutoff of the count rate correction are not trusted. Energy, distance, pixel size and
    the centre are read from the header, where they are set.

    Defaults:

    [name]
    default = 'DectrisScan'
    type = str
    help = Read frames from a Dectris master file

    [file]
    default = None
    type = file
    help = Master file, such as scan_0042_master.h5
    needed = yes

    [positions.file]
    needed = positions.raster.shape, positions_theory

    [channel]
    default = None
    type = int
    help = Which energy threshold, counted from 0, where there are several
    lowlim = 0

    [recorded_flatfield]
    default = None
    type = str
    help = What is done with the flat field in the file, if the detector has not applied it
    doc = ``'multiply'`` or ``'divide'`` frames by it; ``'leave'`` them as they are. ``None`` leaves
     them, too, and says so loudly.
    choices = ['multiply', 'divide', 'leave']
    """

    def _see_sources(self, p: Param) -> list[Fault]:
        if p.file is None:
            return [Fault("file", "None", "is needed: the master file")]
        p.file = os.fspath(p.file)
        if p.recorded_flatfield is not None and p.flatfield.file is not None:
            remedy = "is given beside `flatfield.file`: only one of them can count"
            return [Fault("recorded_flatfield", repr(p.recorded_flatfield), remedy)]
        return []

    def _look(self) -> DectrisFiles:
        return dectris_files(self.info.file, self.info.channel, self.num_frames)

    def load_positions(self) -> npt.NDArray[np.float64] | None:
        """Read or calculate positions, and see that the frames they belong to were written.

        Raises
        ------
        DataError, FormatError
            If files are missing or do not fit together, or frames were never written.
        """
        positions, source = super().load_positions(), self._source
        if isinstance(source, DectrisFiles):
            used = source.count if self.num_frames is None else self.num_frames
            see_written(source.lost, np.arange(min(used, source.count)), source.name)
        return positions

    def load_common(self) -> dict[str, Any]:
        """Take over the geometry that the header tells, and read dark frames and flat field.

        Raises
        ------
        DataError
            If the flat field in the file is asked for, and there is none, or it was applied.
        """
        common = super().load_common()
        way = self.info.recorded_flatfield
        flat = self._source.flat if isinstance(self._source, DectrisFiles) else None
        if way is None and flat is not None and (flat != 1).any() and "flatfield" not in common:
            logger.error(
                "%s: holds a flat field, nothing says that the detector has applied it, and it is "
                "not applied here: set `recorded_flatfield` to 'multiply', 'divide' or 'leave'",
                self.info.file,
            )
        if way in ("multiply", "divide"):
            if flat is None:
                raise DataError(
                    f"{self.info.file}: holds no flat field that the detector has not applied "
                    "itself: leave `recorded_flatfield` None"
                )
            with np.errstate(divide="ignore"):
                common["flatfield"] = flat if way == "divide" else 1 / flat.astype(np.float64)
        return common
