"""Scans in one NeXus file, as Diamond writes them for ptychography (NXptycho, NXcxi_ptycho)."""

from __future__ import annotations

import numpy as np

from ptypy import defaults_tree
from ptypy.core.data import register
from ptypy.errors import Fault
from ptypy.experiment._hdf5_layout import read_bounds, select_frames
from ptypy.experiment._hdf5_parameters import range_faults
from ptypy.experiment.cxi import CxiScan
from ptypy.io.cxi import CxiFile
from ptypy.utils.parameters import Param

__all__ = ["DiamondNexus"]


@register()
@defaults_tree.parse_doc("scandata.DiamondNexus")
class DiamondNexus(CxiScan):
    """Read a scan from one NeXus file, whose form says where frames and positions are.

    The file is read as `CxiScan` reads it, with the same units, signs and directions; the names
    of its parameters are those of PtyPy, and a part of the raster can be chosen.

    Defaults:

    [name]
    default = 'DiamondNexus'
    type = str
    help = Read a scan from one NeXus file of Diamond

    [file]
    default = None
    type = str
    help = NeXus file
    needed = yes

    [mask.file]
    default = None
    type = str
    help = File that holds the mask, if not the one in the NeXus file is to be used

    [mask.key]
    default = None
    type = str
    help = Dataset of the mask, non-zero where a pixel may be trusted

    [positions.bounding_box.fast_axis_bounds]
    default = None
    type = None, int, tuple, list
    help = Use only these columns of the scan: first and last + 1, or the first alone

    [positions.bounding_box.slow_axis_bounds]
    default = None
    type = None, int, tuple, list
    help = Use only these lines of the scan: first and last + 1, or the first alone

    [positions.fast_multiplier]
    default = 1.0
    type = float
    help = Factor that turns fast positions (x) into metres; with ±1, the units in the file do

    [positions.slow_multiplier]
    default = 1.0
    type = float
    help = Factor that turns slow positions (y) into metres; with ±1, the units in the file do

    [recorded_energy_multiplier]
    default = 1.0
    type = float
    help = Factor that turns the energy in the file into keV; with 1, its units do
    """

    def _see_sources(self, p: Param) -> list[Fault]:
        where = p.positions
        factors = (where.slow_multiplier, where.fast_multiplier)
        if factors != (1.0, 1.0):
            if where.multiplier != 1.0:
                remedy = "is given beside `slow_multiplier`, `fast_multiplier`: only one can count"
                return [Fault("positions.multiplier", repr(where.multiplier), remedy)]
            where.multiplier = factors
        self._energy_factor = float(p.recorded_energy_multiplier)
        return [*super()._see_sources(p), *range_faults(p)]

    def _look(self) -> CxiFile:
        source, box = super()._look(), self.info.positions.bounding_box
        bounds = [read_bounds(box[f"{axis}_axis_bounds"]) for axis in ("slow", "fast")]
        if bounds == [None, None]:
            return source
        numbers = select_frames(
            source.raster, keep=None, slow_bounds=bounds[0], fast_bounds=bounds[1], skip=1,
            order=None,
        )  # fmt: skip
        return source.only(numbers[numbers < min(source.count, int(np.prod(source.raster)))])
