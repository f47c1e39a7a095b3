"""Scans that are read while another process writes them, in HDF5 files of the SWMR kind."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy import defaults_tree
from ptypy.core.data import register
from ptypy.errors import DataError, Fault, FormatError, ParameterError
from ptypy.experiment._swmr_files import LiveFiles, Progress, open_swmr
from ptypy.experiment.hdf5_loader import Hdf5Loader
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import logger

__all__ = ["SwmrLoader"]

PAUSE = 0.05
"""Between two looks at a file that is not there yet [s]."""

PATIENCE = 10.0
"""How long frames that the master has seen may take to be seen by another process [s]."""


@register()
@defaults_tree.parse_doc("scandata.SwmrLoader")
class SwmrLoader(Hdf5Loader):
    """Follow a scan that another process is writing into HDF5 files (SWMR).

    `auto` gives the frames that are written, answers WAIT if these are too few, and EOS when all
    are delivered. The files are opened for each look and never locked, so that the writer does
    not notice.

    A frame counts as written if the live keys, datasets with one entry a frame, are larger than
    zero for it and for all before it. Where there is no live key, the length of the dataset
    counts; that holds for writers that flush frames before they make the dataset longer.

    The scan ends when as many frames are delivered as it will have, as far as any of its datasets
    or ``num_frames`` says so; when the writer closes its files, be it early; or after ``timeout``.

    Defaults:

    [name]
    default = 'SwmrLoader'
    type = str
    help = Follow a scan while it is written into HDF5 files

    [intensities.live_key]
    default = None
    type = str
    help = Dataset in intensities.file that is larger than zero for frames that are written

    [positions.live_slow_key]
    default = None
    type = str
    help = Dataset in positions.file that is larger than zero for slow positions that are written

    [positions.live_fast_key]
    default = None
    type = str
    help = Dataset in positions.file that is larger than zero for fast positions that are written

    [positions.slow_key_with_expected_shape]
    default = None
    type = str
    help = Dataset in positions.file that has the shape slow positions will have in the end

    [positions.fast_key_with_expected_shape]
    default = None
    type = str
    help = Dataset in positions.file that has the shape fast positions will have in the end
    """

    def _open(self, path: str) -> AbstractContextManager[Any]:
        return open_swmr(path)

    def _reads_positions(self, p: Param) -> bool:
        return p.positions_theory is None

    def _see_sources(self, p: Param) -> None:
        faults = []
        try:
            super()._see_sources(p)
        except ParameterError as error:
            faults = list(error.faults)
        for name in ("outer_index", "normalisation.key"):
            if p[name] is not None:
                remedy = "needs the whole scan; leave it None while the scan is being written"
                faults.append(Fault(name, repr(p[name]), remedy))
        if faults:
            raise ParameterError(faults)

    @cached_property
    def _files(self) -> LiveFiles:
        return LiveFiles(self._where(), self._open, has_motors=self._reads_positions(self.info))

    def initialize(self) -> None:
        """Wait until the files are there, then open the scan as `PtyScan.initialize` does."""
        if not self.is_initialized:
            self._await_files()
        super().initialize()

    def _await_files(self) -> None:
        timeout = self.info.get("timeout")
        give_up = None if timeout is None else time.monotonic() + timeout
        said = False
        while True:
            try:
                self._files.see_frames()
                return
            except FormatError as error:
                if give_up is not None and time.monotonic() >= give_up:
                    raise
                if not said:
                    logger.error("waiting for the scan to begin: %s", error)
                    said = True
            time.sleep(PAUSE)

    def load_positions(self) -> None:
        """Look whether what is named is there. Positions come with their frames."""
        self._files.survey()

    def _invalid_always(self) -> npt.NDArray[np.bool_]:
        # No frame need be there yet: each says for itself what is invalid in it.
        return np.zeros(self._files.frame_shape, dtype=bool)

    def load_common(self) -> dict[str, Any]:
        """Read what all frames share: dark and flat, and how many frames there will be."""
        common, expected = self._load_shared(), self._files.progress().expected
        return common if expected is None else {**common, "expected": expected}

    def post_initialize(self) -> None:
        """Announce how many frames there will be, if that is known; then as `Hdf5Loader`."""
        super().post_initialize()
        limits = [n for n in (self.num_frames, self.common.get("expected")) if n is not None]
        self.num_frames = self.meta.num_frames = min(limits, default=None)

    def check(
        self, frames: int | None = None, start: int | None = None
    ) -> tuple[int, bool | int | None]:
        """Look how many frames are written by now, and whether more will come."""
        wanted = self.min_frames if frames is None else frames
        first = self.framestart if start is None else start
        progress = self._files.progress()
        last = self.num_frames
        there = len(progress.usable) if last is None else min(len(progress.usable), last)
        count = max(min(wanted, there - first), 0)
        ends = first + count == there and (progress.is_closed or there == last)
        if ends and last is not None and there < last:
            logger.error(
                "%s: its writer has closed the file with %d of %d frames",
                self.info.intensities.file, there, last,
            )  # fmt: skip
        return count, ends

    def load_block(
        self, indices: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64] | None, npt.NDArray[Any] | None]:
        """Read frames and positions that `check` has promised; see `Hdf5Loader.load_block`."""
        indices = np.asarray(indices)
        numbers = self._progress_of(int(indices.max()) + 1).usable[indices]
        frames, weights = self._read(numbers, None)
        positions = self._files.positions_of(numbers) if self._files.has_motors else None
        return frames, positions, weights

    def _progress_of(self, count: int) -> Progress:
        """Wait until this process sees what the master has seen; files may come over a network."""
        give_up = time.monotonic() + PATIENCE
        while len((progress := self._files.progress(is_promised=True)).usable) < count:
            if time.monotonic() > give_up:
                raise DataError(
                    f"{self.info.intensities.file}: {count} frames were there, and now there are "
                    f"{len(progress.usable)}: was the file replaced?"
                )
            time.sleep(PAUSE)
        return progress
