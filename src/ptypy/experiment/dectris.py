"""Scans recorded by Dectris detectors: Eiger, Pilatus 4, Selun, Arina."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ptypy import defaults_tree
from ptypy.core.data import register
from ptypy.errors import DataError, Fault
from ptypy.experiment._frame_scan import FrameScan
from ptypy.io.dectris_files import DectrisFiles, dectris_files
from ptypy.utils.parameters import Param

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

    [channel]
    default = None
    type = int
    help = Which energy threshold, counted from 0, where there are several
    lowlim = 0

    [recorded_flatfield]
    default = None
    type = str
    help = What is done with the flat field in the file, if the detector has not applied it
    doc = ``'multiply'`` or ``'divide'`` frames by it; nothing if ``None``.
    choices = ['multiply', 'divide']
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
        return dectris_files(self.info.file, self.info.channel)

    def load_common(self) -> dict[str, Any]:
        """Take over the geometry that the header tells, and read dark frames and flat field.

        Raises
        ------
        DataError
            If the flat field in the file is asked for, and there is none, or it was applied.
        """
        common = super().load_common()
        way = self.info.recorded_flatfield
        if way is not None:
            flat = self._source.flat if isinstance(self._source, DectrisFiles) else None
            if flat is None:
                raise DataError(
                    f"{self.info.file}: holds no flat field that the detector has not applied "
                    "itself: leave `recorded_flatfield` None"
                )
            with np.errstate(divide="ignore"):
                common["flatfield"] = flat if way == "divide" else 1 / flat.astype(np.float64)
        return common
