"""Scans whose frames are image files: TIFF, EDF, CBF, .npy, .mib and others."""

from __future__ import annotations

import os

from ptypy import defaults_tree
from ptypy.core.data import register
from ptypy.errors import Fault
from ptypy.experiment._frame_scan import FrameScan
from ptypy.io.frame_files import FrameFiles, frame_files
from ptypy.utils.parameters import Param

__all__ = ["ImageStackScan"]


@register()
@defaults_tree.parse_doc("scandata.ImageStackScan")
class ImageStackScan(FrameScan):
    """Read frames from image files, one frame or many in each, in any format known.

    TIFF (needs tifffile), EDF, CBF (needs fabio) and whatever else fabio opens, .npy, .mib of
    Merlin, .raw of EMPAD, PNG. Files are sorted by the numbers in their names. Energy, distance,
    pixel size, centre and the count at which pixels saturate are read from headers of Pilatus
    and EDF files, where they are.

    Defaults:

    [name]
    default = 'ImageStackScan'
    type = str
    help = Read frames from image files

    [files]
    default = None
    type = file, list, tuple
    help = File of all frames, or a pattern such as 'scan_*.tif', or a list of files
    doc = What a pattern finds is sorted by the numbers in the names; a list keeps its order.
    needed = yes

    [positions.file]
    needed = positions.raster.shape, positions_theory

    [file_format]
    default = None
    type = str
    help = Format, if the ending of the names does not tell
    choices = ['tiff', 'edf', 'cbf', 'npy', 'mib', 'empad', 'picture', 'fabio']
    """

    def _see_sources(self, p: Param) -> list[Fault]:
        if isinstance(p.files, list | tuple):
            p.files = [os.fspath(file) for file in p.files]
        elif p.files is not None:
            p.files = os.fspath(p.files)
        if not p.files:
            remedy = "is needed: a file, a pattern such as 'scan_*.tif', or a list"
            return [Fault("files", repr(p.files), remedy)]
        return []

    def _look(self) -> FrameFiles:
        return frame_files(self.info.files, self.info.file_format)
