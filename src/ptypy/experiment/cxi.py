"""Scans in CXI files, and in NeXus files of the same form."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy import defaults_tree
from ptypy.core.data import PtyScan, register
from ptypy.errors import Fault
from ptypy.experiment._frame_scan import GEOMETRY, FrameScan, part_used
from ptypy.experiment._untrusted import can_stay_stored, say_empty, trusted_counts
from ptypy.io.cxi import CxiFile, cxi_file
from ptypy.io.stored_frames import Window
from ptypy.io.stored_stack import StoredStack
from ptypy.utils.parameters import Param, Placeholder
from ptypy.utils.verbose import logger

__all__ = ["CxiScan"]


@register()
@defaults_tree.parse_doc("scandata.CxiScan")
class CxiScan(FrameScan):
    """Read a scan from one CXI file, or NeXus file of the form NXcxi_ptycho or NXptycho.

    The file holds all that is needed: frames, the sample's places, photon energy, distance, pixel
    size, mask. Places of the sample become positions of the beam on it, along the rows and
    columns of the frames (`ptypy.io.cxi` has the formula); set bits of the mask mark bad pixels.
    What is given beside the file, numbers, a mask or positions, counts in place of what it says.

    Defaults:

    [name]
    default = 'CxiScan'
    type = str
    help = Read a scan from a CXI file

    [file]
    default = None
    type = file
    help = CXI or NeXus file
    needed = yes

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
    help = Factor that turns positions into metres, or two, for y and x; with ±1, units do
    doc = The sign reverses an axis.
    """

    _energy_factor = 1.0

    def _needs_positions(self) -> bool:
        return False

    def _see_sources(self, p: Param) -> list[Fault]:
        if p.file is None:
            return [Fault("file", "None", "is needed: the path of a CXI or NeXus file")]
        p.file = os.fspath(p.file)
        return []

    def _look(self) -> CxiFile:
        info = self.info
        given = {name for name in GEOMETRY if not isinstance(info[name], Placeholder)}
        where = info.positions
        elsewhere = (where.file, where.raster.shape, info.positions_theory)
        if any(source is not None for source in elsewhere):
            given.add("positions")
        if info.mask.file is not None:
            given.add("mask")
        y, x = np.abs(np.broadcast_to(np.asarray(where.multiplier, dtype=np.float64), 2)) != 1
        return cxi_file(
            info.file,
            info.entry,
            moves=info.translation_of,
            mask_bits=info.mask_bits,
            given=given,
            plain=(bool(y), bool(x)),
            energy_factor=self._energy_factor,
        )

    def load_positions(self) -> npt.NDArray[np.float64] | None:
        """Give positions (N, 2), (y, x) [m], and see that every frame has one and was written.

        Raises
        ------
        DataError, FormatError
            If what the file holds does not fit together.
        """
        points = super().load_positions()
        source = self._source
        if isinstance(source, CxiFile):
            source.see_written(self.num_frames)
        return points

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

    def load_block(
        self, indices: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[Any] | StoredStack, None, npt.NDArray[np.bool_] | None]:
        """Read many frames at once; see `FrameScan.load_block`.

        Only the region that will be cut from the frames is read; they are zero elsewhere.
        """
        source = self._source
        if not isinstance(source, CxiFile):
            return super().load_block(indices)
        # Whoever corrects frames by code of their own has to see all of them.
        is_free = type(self).correct is PtyScan.correct and "correct" not in vars(self)
        rows, columns = part_used(self.region_in_raw if is_free else None, source.shape)
        part = tuple(
            slice(min(one.start, size), min(one.stop, size))
            for one, size in zip((rows, columns), source.shape, strict=True)
        )
        window = Window(part[0], part[1], source.shape, (0, 0))
        bad = source.bad(indices, window)
        stack = source.stack(indices, window) if can_stay_stored(self, CxiScan) else None
        if stack is not None:
            limit = self._limit(stack.dtype)
            return stack.changed(limit=limit), None, self._without(bad)
        frames = source.read(indices, window)
        held = (part[0], part[1])
        say_empty(frames[:, *held], indices, source.name)
        limit = self._limit(frames.dtype)
        trusted = trusted_counts(frames, limit, weight=self.weight2d, part=held)
        if bad is None or trusted is None:
            return frames, None, self._without(bad) if trusted is None else trusted
        return frames, None, trusted & ~bad

    def _without(self, bad: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_] | None:
        """Give masks without the bad pixels of every frame; None if no frame has its own."""
        if bad is None or self.weight2d is None:
            return None if bad is None else ~bad
        return ~bad & (self.weight2d > 0)
