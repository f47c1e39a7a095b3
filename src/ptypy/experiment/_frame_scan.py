"""What loaders of detector files share: positions, masks and dark frames come from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ptypy.core.data import PtyScan
from ptypy.errors import DataError, Fault, ParameterError
from ptypy.experiment._frame_positions import position_faults, raster_points, see_counts
from ptypy.experiment._hdf5_scan import photons_like_electrons
from ptypy.experiment._untrusted import (
    can_stay_stored,
    saturation_limit,
    trusted_counts,
)
from ptypy.io.counts import invalid_counts
from ptypy.io.frame_source import FrameSource
from ptypy.io.stored_stack import StoredStack
from ptypy.io.tables import read_table
from ptypy.utils.parameters import Param, Placeholder
from ptypy.utils.verbose import logger

__all__ = ["FrameScan", "part_used"]

GEOMETRY = ("energy", "distance", "psize")

ELECTRONS_FROM = 60.0
"""From here on an energy may well be that of electrons [keV]: microscopes have 60, 80, 200, 300."""


class FrameScan(PtyScan):
    """Reads frames from a `FrameSource`, and what else a scan needs from files beside it.

    Defaults:

    [shape]
    default = None

    [center]
    default = 'recorded'
    help = Where the optical axis meets the raw frame [px]
    type = list, tuple, str
    doc = (y, x), ``'fftshift'`` for shape // 2, ``'geometric'`` for shape / 2 - 1/2. ``'recorded'``
     for what the files say, and ``'fftshift'`` if they say nothing. With ``None`` it is found from
     the frames, see :py:data:`auto_center`.

    [positions.file]
    default = None
    type = file
    help = Table of positions: text, CSV, .npy, .npz or HDF5

    [positions.key]
    default = None
    type = str, list, tuple
    help = Dataset of the positions in HDF5 or .npz files; or two, that of y and that of x

    [positions.columns]
    default = None
    type = list, tuple
    help = Columns of y and of x: numbers, counted from 0, or names in the first line of a text
    doc = None: the columns that a text names y and x, or the only two there are.

    [positions.multiplier]
    default = 1.0
    type = float, list, tuple
    help = Factor that turns positions into metres, or two, for y and x
    doc = 1e-6 for micrometres; negative where the stage moves the sample.

    [positions.raster.shape]
    default = None
    type = list, tuple
    help = Lines and columns of a raster, instead of a table
    doc = Lines follow one another along y, the frames of a line along x.

    [positions.raster.step]
    default = None
    type = float, list, tuple
    help = Step of the raster, one number or (y, x), which the multiplier turns into metres

    [positions.raster.snake]
    default = False
    type = bool
    help = Set if every second line runs backwards

    [mask.file]
    default = None
    type = file
    help = File that holds the mask, non-zero where a pixel may be trusted

    [mask.key]
    default = None
    type = str
    help = Dataset of the mask in HDF5 or .npz files

    [mask.invert]
    default = False
    type = bool
    help = Set if non-zero marks bad pixels instead, as detectors do

    [darkfield.file]
    default = None
    type = file
    help = File of dark frames, which are averaged and subtracted; negative counts become zero

    [darkfield.key]
    default = None
    type = str
    help = Dataset of the dark frames in HDF5 or .npz files

    [flatfield.file]
    default = None
    type = file
    help = File of the flat field, by which frames are divided

    [flatfield.key]
    default = None
    type = str
    help = Dataset of the flat field in HDF5 or .npz files

    [saturation]
    default = None
    type = float
    help = Counts from which on a pixel is not trusted
    doc = If ``None``, what the files say, or the largest value that unsigned integers can have.

    [recorded_center]
    default = True
    type = bool
    help = Whether the files may say where the beam meets the detector
    doc = Only if :py:data:`center` is ``'recorded'``. Set it to False if nobody calibrated this
     number.

    [electron_data]
    default = None
    type = bool
    help = Take the energy for that of electrons, whose wavelength is another than that of photons
    doc = ``None`` if nobody said, which means photons; from 60 keV on, this is told loudly.
    """

    LOADS_AHEAD: ClassVar[bool] = True

    def __init__(self, pars: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        p = self.DEFAULT.copy(99)
        p.update({**(pars or {}), **kwargs}, in_place_depth=99)
        # Compared by value: a derived class hands over all defaults beside what was asked for.
        self._takes_center = isinstance(p.center, str) and p.center == "recorded"
        if self._takes_center:
            p.center = PtyScan.DEFAULT.center
        super().__init__(p)

    def _look(self) -> FrameSource:
        """Look into the files of the frames. Override me."""
        raise NotImplementedError

    def _see_sources(self, p: Param) -> list[Fault]:
        """List what is missing or wrong in the parameters that say where frames are."""
        del p
        return []

    def _needs_positions(self) -> bool:
        """Say whether the frames' files hold no positions."""
        return True

    def _validate(self, p: Param) -> None:
        faults: list[Fault] = []
        try:
            super()._validate(p)
        except ParameterError as error:
            if not error.faults:
                raise
            faults += error.faults
        if not any(fault.path.startswith("positions") for fault in faults):
            faults += position_faults(p, needed=self._needs_positions())
        faults += self._see_sources(p)
        if faults:
            raise ParameterError(faults)

    @cached_property
    def _source(self) -> FrameSource:
        source: FrameSource | None = self.common.get("source")
        return self._look() if source is None else source

    def load_positions(self) -> npt.NDArray[np.float64] | None:
        """Read positions, (N, 2), (y, x) [m], or calculate them; see that every frame has one.

        Raises
        ------
        DataError, FormatError
            If files are missing or do not fit together; it names them.
        """
        frames = self._source.count
        if self._theory is not None:
            see_counts(self._source, len(self._theory), "positions_theory", self.num_frames)
            return None
        where = self.info.positions
        factor = np.broadcast_to(np.asarray(where.multiplier, dtype=np.float64), 2)
        heading = None
        if where.file is not None:
            name = str(where.file)
            table, heading = read_table(where.file, where.columns, where.key)
        elif where.raster.shape is not None:
            name, table = "positions.raster.shape", raster_points(where.raster)
        else:
            name, recorded = self._source.name, self._source.recorded.positions
            if recorded is None:
                raise DataError(
                    f"{name}: holds no positions; give `positions.file`, `positions.raster` or "
                    "`positions_theory`"
                )
            table = recorded
        if table.shape[1] != 2:
            raise DataError(f"{name}: {table.shape[1]} columns; give two, of y and x")
        see_counts(self._source, len(table), name, self.num_frames, heading)
        return np.asarray(table[:frames] * factor)

    def load_weight(self) -> npt.NDArray[np.bool_] | None:
        """Give the mask all frames share, True where a pixel may be trusted, or None.

        It is what ``mask`` and the files of the frames say, without the pixels that are invalid in
        the first frame and in the last.
        """
        source, where = self._source, self.info.mask
        trusted = np.ones(source.shape, dtype=bool)
        if where.file is not None:
            stored = _field(where, source.shape, "mask") != 0
            trusted &= ~stored if where.invert else stored
        if source.recorded.bad is not None:
            trusted &= ~source.recorded.bad
        ends = source.read(sorted({0, source.count - 1}))
        trusted &= ~invalid_counts(ends, self._limit(ends.dtype)).all(axis=0)
        return None if trusted.all() else trusted

    def load_common(self) -> dict[str, Any]:
        """Take over the geometry that the files tell, and read dark frames and flat field."""
        source, recorded = self._source, self._source.recorded
        common: dict[str, Any] = {"source": source}
        for name in GEOMETRY:
            value = getattr(recorded, name)
            if value is not None and isinstance(self.info[name], Placeholder):
                self.meta[name] = value
        if self.info.recorded_center and self._takes_center and recorded.center is not None:
            common["center"] = _inside(recorded.center, source)
        for name, told in (("darkfield", recorded.dark), ("flatfield", recorded.flat)):
            if self.info[name].file is not None:
                common[name] = _field(self.info[name], source.shape, name)
            elif told is not None:
                common[name] = told
        return common

    def post_initialize(self) -> None:
        """Hand on dark, flat and centre, and turn the energy of electrons into that of photons."""
        if self.common.get("center") is not None:
            self.info.center = self.common["center"]
        if self.info.electron_data:
            if isinstance(self.meta.energy, Placeholder):
                fault = "is needed with `electron_data`: the energy of the electrons [keV]"
                raise ParameterError([Fault("energy", "None", fault)])
            self.meta.energy = photons_like_electrons(float(self.meta.energy))
        elif self.info.electron_data is None and self.meta.energy >= ELECTRONS_FROM:
            logger.error(
                "energy = %g keV is taken for that of photons: set `electron_data` to True if it "
                "is that of electrons, whose wavelength is another, or to False",
                self.meta.energy,
            )
        self.correct_with(dark=self.common.get("darkfield"), flat=self.common.get("flatfield"))

    def load_block(
        self, indices: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[Any] | StoredStack, None, npt.NDArray[np.bool_] | None]:
        """Read many frames at once.

        Parameters
        ----------
        indices : (n,) int64
            Scan points.

        Returns
        -------
        frames : (n, rows, columns), or StoredStack
            As they are stored; memory-mapped where the format allows it, or not read yet where the
            preparation can read them in their place.
        positions : None
            `load_positions` gave them.
        weights : (n, rows, columns) bool or None
            True where a pixel may be trusted, if some are saturated in these frames. Of frames
            that are not read yet the preparation finds out.
        """
        stack = self._source.stack(indices) if can_stay_stored(self, FrameScan) else None
        if stack is not None:
            return stack.changed(limit=self._limit(stack.dtype)), None, None
        frames = self._source.read(indices)
        part = part_used(self.region_in_raw, frames.shape[1:])
        limit = self._limit(frames.dtype)
        return frames, None, trusted_counts(frames, limit, weight=self.weight2d, part=part)

    def _limit(self, dtype: np.dtype[Any]) -> float | None:
        """Give the counts from which on a pixel of this type is not trusted."""
        return saturation_limit(dtype, self.info.saturation, self._source.recorded.saturation)


def part_used(
    region: tuple[int, int, int, int] | None, raw: tuple[int, ...]
) -> tuple[slice, slice]:
    """Give the part of raw frames that `PtyScan.region_in_raw` names; all where it is None."""
    if region is None:
        return slice(0, raw[0]), slice(0, raw[1])
    top, left, rows, columns = region
    return slice(max(top, 0), max(top + rows, 0)), slice(max(left, 0), max(left + columns, 0))


def _field(where: Param, shape: tuple[int, int], name: str) -> npt.NDArray[Any]:
    """Read a frame that all frames share; of several the mean.

    Raises
    ------
    DataError
        If it has not the shape of a frame.
    """
    from ptypy.io.array_file import read_array
    from ptypy.io.frame_files import frame_files
    from ptypy.io.tables import HDF5

    ending = str(where.file).lower().rpartition(".")[2]
    if f".{ending}" in (*HDF5, ".npz"):
        stored = read_array(where.file, where.key)
    else:
        files = frame_files(where.file)
        stored = files.read(range(files.count))
    stored = np.asarray(stored)
    stored = stored.reshape(-1, *stored.shape[-2:]) if stored.ndim >= 2 else stored[None]
    if stored.shape[1:] != shape:
        raise DataError(
            f"{name}: {where.file} has shape {stored.shape[1:]}, not that of a frame, {shape}"
        )
    mean = stored[0] if len(stored) == 1 else stored.mean(axis=0, dtype=np.float64)
    return np.asarray(mean)


def _inside(center: tuple[float, float], source: FrameSource) -> tuple[float, float] | None:
    """Give a centre that lies in the frame; say so if it does not."""
    if all(-0.5 <= c <= n - 0.5 for c, n in zip(center, source.shape, strict=True)):
        logger.info("%s: the beam meets row %.2f, column %.2f", source.name, *center)
        return center
    logger.error(
        "%s: the file says that the beam meets row %g, column %g, outside the frame of %d x %d px; "
        "that is not used: give `center`",
        source.name,
        *center,
        *source.shape,
    )
    return None
