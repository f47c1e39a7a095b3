"""Scans in CXI files, and in NeXus files of the same form."""

from __future__ import annotations

import os
from typing import Any

from ptypy import defaults_tree
from ptypy.core.data import register
from ptypy.errors import Fault
from ptypy.experiment._frame_scan import FrameScan
from ptypy.io.cxi import CxiFile, cxi_file
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import logger

__all__ = ["CxiScan"]


@register()
@defaults_tree.parse_doc("scandata.CxiScan")
class CxiScan(FrameScan):
    """Read a scan from one CXI file, or NeXus file of the form NXcxi_ptycho or NXptycho.

    The file holds all that is needed: frames, the sample's places, photon energy, distance, pixel
    size, mask. Places of the sample become positions of the beam on it, along the rows and
    columns of the frames (`ptypy.io.cxi` has the formula); set bits of the mask mark bad pixels.

    Defaults:

    [name]
    default = 'CxiScan'
    type = str
    help = Read a scan from a CXI file

    [file]
    default = None
    type = file
    help = CXI or NeXus file

    [entry]
    default = None
    type = str
    help = Entry of the file, such as 'entry_1'; the first that holds frames if None

    [translation_of]
    default = 'sample'
    type = str
    help = What the translations in the file are the places of
    doc = CXI says: the sample. A file that holds positions of the beam on the sample needs
     ``'beam'``. Where one axis is reversed, :py:data:`positions.multiplier` is to be (-1, 1) or
     (1, -1).
    choices = ['sample', 'beam']

    [mask_bits]
    default = None
    type = int
    help = Bits of the mask in the file that mark a bad pixel; all of them if None

    [correct]
    default = None
    type = bool
    help = Whether data_dark and data_white in the file are to be applied
    doc = CXI does not say whether the frames were corrected. They are left as they are unless this
     is True; False says that this is intended.

    [positions.multiplier]
    default = 1.0
    help = Factor, or two, for y and x, by which positions are multiplied
    """

    def _needs_positions(self) -> bool:
        return False

    def _see_sources(self, p: Param) -> list[Fault]:
        if p.file is None:
            return [Fault("file", "None", "is needed: a CXI file")]
        p.file = os.fspath(p.file)
        return []

    def _look(self) -> CxiFile:
        info = self.info
        return cxi_file(info.file, info.entry, moves=info.translation_of, mask_bits=info.mask_bits)

    def load_common(self) -> dict[str, Any]:
        """Take over the geometry in the file, and dark and flat if they are to be applied."""
        common = super().load_common()
        recorded = self._source.recorded
        for name, held in (("darkfield", recorded.dark), ("flatfield", recorded.flat)):
            if held is None or self.info[name].file is not None:
                continue
            if not self.info.correct:
                del common[name]
            if self.info.correct is None:
                logger.error(
                    "%s: holds a %s that is not applied, as nothing says whether the frames were "
                    "corrected: set `correct` to True or False",
                    self.info.file,
                    name,
                )
        return common
