"""Scans whose frames and positions lie in HDF5 files: the loader most beamlines need."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy import defaults_tree
from ptypy.core.data import PtyScan, register
from ptypy.errors import DataError
from ptypy.experiment._hdf5_layout import (
    monitor_gain,
    pair_positions,
    raster_shape,
    read_bounds,
    read_edges,
    select_frames,
)
from ptypy.experiment._hdf5_read import dataset_of, read_frames, read_numbers, require_sources
from ptypy.io import open_h5
from ptypy.utils.parameters import Param

__all__ = ["Hdf5Loader"]


@register()
@defaults_tree.parse_doc("scandata.Hdf5Loader")
class Hdf5Loader(PtyScan):
    """Read frames, positions, masks and corrections from HDF5 files.

    Every group of parameters names a ``file`` and, inside it, the ``key`` of a dataset.

    Frames are ``(K, rows, columns)``, or ``(A, B, rows, columns)`` for a raster. Positions are
    one a frame, or one a line (slow) and one a column (fast). They are multiplied to metres and
    become ``(slow, fast) = (y, x)``. Corrections follow one another: dark, flat,
    normalisation, mask, padding.

    Defaults:

    [name]
    default = 'Hdf5Loader'
    type = str
    help = Read frames and positions from HDF5 files

    [intensities.file]
    default = None
    type = str
    help = File that holds the frames

    [intensities.key]
    default = None
    type = str
    help = Dataset of the frames, shape (K, rows, columns) or (A, B, rows, columns)

    [positions.file]
    default = None
    type = str
    help = File that holds the motor positions

    [positions.slow_key]
    default = None
    type = str
    help = Dataset of the slow motor, which becomes y

    [positions.slow_multiplier]
    default = 1.0
    type = float
    help = Factor that turns slow positions into metres, 1e-6 for micrometres

    [positions.slow_index]
    default = None
    type = int
    help = Entry along the first axis of the slow dataset, where several motors share one

    [positions.fast_key]
    default = None
    type = str
    help = Dataset of the fast motor, which becomes x

    [positions.fast_multiplier]
    default = 1.0
    type = float
    help = Factor that turns fast positions into metres, 1e-6 for micrometres

    [positions.fast_index]
    default = None
    type = int
    help = Entry along the first axis of the fast dataset, where several motors share one

    [positions.bounding_box.fast_axis_bounds]
    default = None
    type = None, int, tuple, list
    help = Use only these columns of the scan: first and last + 1, or the first alone

    [positions.bounding_box.slow_axis_bounds]
    default = None
    type = None, int, tuple, list
    help = Use only these lines of the scan: first and last + 1, or the first alone

    [positions.skip]
    default = 1
    type = int
    lowlim = 1
    help = Use every n-th line and column of the scan

    [mask.file]
    default = None
    type = str
    help = File that holds the mask

    [mask.key]
    default = None
    type = str
    help = Dataset of the mask, non-zero where a pixel may be trusted

    [mask.invert]
    default = False
    type = bool
    help = Set if non-zero marks bad pixels instead, as detectors and CXI files do

    [flatfield.file]
    default = None
    type = str
    help = File that holds the flat field

    [flatfield.key]
    default = None
    type = str
    help = Dataset of the flat field, by which frames are divided

    [darkfield.file]
    default = None
    type = str
    help = File that holds the dark frame

    [darkfield.key]
    default = None
    type = str
    help = Dataset of the dark frame, which is subtracted; what falls below zero becomes zero

    [normalisation.file]
    default = None
    type = str
    help = File that holds a beam monitor

    [normalisation.key]
    default = None
    type = str
    help = Dataset of the beam monitor, one reading a frame

    [normalisation.sigma]
    default = 3
    type = int
    help = Readings further from their mean than this many standard deviations are not believed

    [framefilter.file]
    default = None
    type = str
    help = File that holds a choice of frames

    [framefilter.key]
    default = None
    type = str
    help = Dataset with one entry a frame, non-zero for frames to use

    [recorded_energy.file]
    default = None
    type = str
    help = File that holds the photon energy

    [recorded_energy.key]
    default = None
    type = str
    help = Dataset of the photon energy

    [recorded_energy.multiplier]
    default = 1.0
    type = float
    help = Factor that turns the recorded energy into keV, 1e-3 for eV

    [recorded_energy.offset]
    default = 0.0
    type = float
    help = Added after multiplying [keV]

    [recorded_distance.file]
    default = None
    type = str
    help = File that holds the distance from sample to detector

    [recorded_distance.key]
    default = None
    type = str
    help = Dataset of the distance

    [recorded_distance.multiplier]
    default = 1.0
    type = float
    help = Factor that turns the recorded distance into metres

    [recorded_distance.offset]
    default = 0.0
    type = float
    help = Added after multiplying [m]

    [recorded_psize.file]
    default = None
    type = str
    help = File that holds the size of a detector pixel

    [recorded_psize.key]
    default = None
    type = str
    help = Dataset of the pixel size: one number, or (y, x)

    [recorded_psize.multiplier]
    default = 1.0
    type = float
    help = Factor that turns the recorded pixel size into metres

    [shape]
    default = None

    [outer_index]
    default = None
    type = int
    help = Scan to read, where one dataset holds several along its first axis

    [padding]
    default = None
    type = int, tuple, list
    help = Pixels to add at the top, bottom, left and right of every frame; they are not trusted

    [electron_data]
    default = False
    type = bool
    help = Electron instead of X-ray data; not supported yet

    [frameorder.indices]
    default = None
    type = list, ndarray
    help = Frames to use, in this order
    """

    def __init__(self, pars: Any = None, **kwargs: Any) -> None:
        p = self.DEFAULT.copy(99)
        p.update(pars, in_place_depth=99)
        p.update(kwargs, in_place_depth=99)
        require_sources(p)
        for name in ("energy", "distance", "psize"):
            recorded = p[f"recorded_{name}"]
            if recorded.key is not None:
                stored = read_numbers(recorded, f"recorded_{name}").ravel()
                values = stored * recorded.multiplier + recorded.get("offset", 0.0)
                pair = name == "psize" and values.size == 2
                p[name] = tuple(values.tolist()) if pair else float(values.mean())
        super().__init__(p)

    def load_positions(self) -> npt.NDArray[np.float64]:
        """Pair motor readings with frames and choose the frames to use.

        Returns
        -------
        (N, 2) float64
            Positions (y, x) = (slow, fast) [m].
        """
        return pair_positions(self._scan_shape, *self._motors)[self._frame_numbers]

    def load_common(self) -> dict[str, Any]:
        """Read what all frames share: dark, flat, beam monitor, and which frames are used."""
        info = self.info
        common: dict[str, Any] = {"frame_numbers": self._frame_numbers}
        for name in ("darkfield", "flatfield"):
            if info[name].key is not None:
                common[name] = np.squeeze(read_numbers(info[name], name)).astype(np.float32)
        if info.normalisation.key is not None:
            monitor = read_numbers(info.normalisation, "normalisation").ravel()
            gain = monitor_gain(monitor, self._scan_shape, info.normalisation.sigma)
            common["gain"] = gain[common["frame_numbers"]]
        return common

    def load_weight(self) -> npt.NDArray[np.bool_] | None:
        """Read the mask, True where a pixel may be trusted; None if there is none."""
        where = self.info.mask
        if where.key is None:
            mask = None if self.info.padding is None else np.ones(self._frame_shape, dtype=bool)
        else:
            stored = np.squeeze(read_numbers(where, "mask")) != 0
            if stored.shape != self._frame_shape:
                raise DataError(
                    f"mask: {where.file}:{where.key} has shape {stored.shape}, not that of a "
                    f"frame, {self._frame_shape}"
                )
            mask = ~stored if where.invert else stored
        return mask if mask is None else np.pad(mask, read_edges(self.info.padding))

    def post_initialize(self) -> None:
        """Hand dark and flat to the preparation, which applies them while it cuts the region."""
        dark = None if "gain" in self.common else self.common.get("darkfield")
        self.correct_with(
            dark=self._padded(dark, 0.0),
            flat=self._padded(self.common.get("flatfield"), 1.0),
        )

    def load_block(self, indices: npt.NDArray[np.int64]) -> tuple[npt.NDArray[Any], None, None]:
        """Read many frames at once.

        Parameters
        ----------
        indices : (n,) int64
            Scan points.

        Returns
        -------
        frames : (n, rows, columns)
            As they are stored; dark is corrected here only if a beam monitor is used.
        positions, weights : None
            `load_positions` and `load_weight` gave them.
        """
        numbers = np.asarray(self.common["frame_numbers"])[np.asarray(indices)]
        with open_h5(self.info.intensities.file) as file:
            frames = read_frames(file[self.info.intensities.key], self.info.outer_index, numbers)
        if "gain" in self.common:
            frames = self._normalise(frames, np.asarray(self.common["gain"])[np.asarray(indices)])
        if self.info.padding is None:
            return frames, None, None
        return np.pad(frames, [(0, 0), *read_edges(self.info.padding)]), None, None

    def _normalise(
        self, frames: npt.NDArray[Any], gain: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float32]:
        """Correct dark and beam monitor; the flat field, a factor too, is left to `PtyScan`."""
        real = frames.astype(np.float32)
        if "darkfield" in self.common:
            np.maximum(real - self.common["darkfield"], 0, out=real)
        real *= gain[:, None, None].astype(np.float32)
        return real

    def _padded(self, frame: Any, value: float) -> Any:
        if frame is None or self.info.padding is None:
            return frame
        return np.pad(frame, read_edges(self.info.padding), constant_values=value)

    @cached_property
    def _dataset_shape(self) -> tuple[int, ...]:
        """Give the shape of the frame dataset, without the axis that `outer_index` picks from."""
        where = self.info.intensities
        with open_h5(where.file) as file:
            shape = dataset_of(file, where, "intensities").shape
        shape = shape if self.info.outer_index is None else shape[1:]
        if len(shape) not in (3, 4):
            raise DataError(
                f"{where.file}:{where.key} has shape {shape}; frames have shape "
                "(K, rows, columns) or (A, B, rows, columns)"
            )
        return tuple(int(n) for n in shape)

    @property
    def _scan_shape(self) -> tuple[int, ...]:
        return self._dataset_shape[:-2]

    @property
    def _frame_shape(self) -> tuple[int, ...]:
        return self._dataset_shape[-2:]

    @cached_property
    def _motors(self) -> list[npt.NDArray[np.float64]]:
        """Read the slow and the fast motor [m]."""
        where = self.info.positions
        axes = []
        for axis in ("slow", "fast"):
            source = Param(file=where.file, key=where[f"{axis}_key"])
            values = read_numbers(source, f"positions.{axis}")
            index = where[f"{axis}_index"]
            values = values if index is None else values[index]
            axes.append(np.atleast_1d(np.squeeze(values) * where[f"{axis}_multiplier"]))
        return axes

    @cached_property
    def _frame_numbers(self) -> npt.NDArray[np.int64]:
        info = self.info
        box = info.positions.bounding_box
        keep = order = None
        if info.framefilter.key is not None:
            keep = read_numbers(info.framefilter, "framefilter") != 0
        if info.frameorder.indices is not None:
            order = np.asarray(info.frameorder.indices, dtype=np.int64)
        return select_frames(
            raster_shape(self._scan_shape, *self._motors),
            keep=keep,
            slow_bounds=read_bounds(box.slow_axis_bounds),
            fast_bounds=read_bounds(box.fast_axis_bounds),
            skip=info.positions.skip,
            order=order,
        )
