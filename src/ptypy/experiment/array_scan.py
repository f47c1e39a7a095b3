"""Scans whose frames and positions are arrays: in a script, or in a file of arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy import defaults_tree
from ptypy.core.data import PtyScan, register
from ptypy.errors import DataError, Fault, ParameterError
from ptypy.experiment._frame_scan import part_used
from ptypy.experiment._untrusted import (
    can_stay_stored,
    saturation_limit,
    trusted_counts,
)
from ptypy.io.array_file import ArrayFile, read_array, read_number
from ptypy.io.counts import invalid_counts
from ptypy.io.stored_stack import StoredStack, hold_frames
from ptypy.io.written_frames import see_written
from ptypy.utils.parameters import Param, Placeholder
from ptypy.utils.units import m2keV, wavelength
from ptypy.utils.verbose import logger

__all__ = ["ArrayScan"]

LAYOUTS: dict[str, dict[str, Any]] = {
    "tike": {
        "frames": "data", "positions": "scan", "position_unit": "px", "zero_frequency": "corner",
    },
    "ptylab": {"frames": "ptychogram", "positions": "encoder"},
}  # fmt: skip
"""What other programs call their arrays, and what they mean by them."""

NUMBERS = {"ptylab": {"energy": "wavelength", "distance": "zo", "psize": "dxd"}}
"""Where they keep the geometry, SI units."""

NAMES = {"energy": "wavelength", "distance": "distance", "psize": "size of a pixel"}

ASSUMED = {"position_unit": "m", "zero_frequency": "center"}
"""What holds where neither the user nor the layout says something else."""

ARRAYS = ("frames", "positions", "mask")


@register()
@defaults_tree.parse_doc("scandata.ArrayScan")
class ArrayScan(PtyScan):
    """Take frames and positions as arrays: those of a script, or named ones in a file.

    Arrays may be given in the parameters. If ``file`` is given they may be names instead: of
    arrays in a .npz or .mat file, or of datasets in HDF5.

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.random.default_rng(0).poisson(5.0, (4, 32, 32))
    >>> positions = [(0, 0), (0, 1e-6), (1e-6, 0), (1e-6, 1e-6)]
    >>> scan = ArrayScan(frames=frames, positions=positions, energy=8.0, distance=1.0, psize=75e-6)
    >>> len(scan.auto(10)["iterable"])
    4

    Defaults:

    [name]
    default = 'ArrayScan'
    type = str
    help = Take frames and positions as arrays

    [shape]
    default = None

    [file]
    default = None
    type = file
    help = File of arrays: .npz, .npy, .mat or HDF5
    needed = frames

    [file_layout]
    default = None
    type = str
    help = Program whose names and conventions the file follows
    doc = ``'tike'``: .npz with ``data`` (zero frequency in the corner) and ``scan`` (pixels of the
     object); ``'ptylab'``: HDF5 with ``ptychogram``, ``encoder``, ``wavelength``, ``zo``, ``dxd``,
     and perhaps ``orientation``. What is given beside it counts.
    choices = ['tike', 'ptylab']

    [frames]
    default = None
    type = ndarray, str
    help = Counts, shape (N, rows, columns) or (A, B, rows, columns), or their name in the file

    [frames_last]
    default = False
    type = bool
    help = Set if frames are counted along the last axis, (rows, columns, N), as MATLAB does

    [amplitudes]
    default = False
    type = bool
    help = Set if frames hold square roots of counts

    [zero_frequency]
    default = None
    type = str
    help = Where the beam is in the frames: near their middle, or in the first pixel
    doc = Near the middle if ``None``, unless the layout of the file says something else.
    choices = ['center', 'corner']

    [positions]
    default = None
    type = ndarray, list, tuple, str
    help = Positions (y, x), shape (N, 2), or their name in the file

    [position_unit]
    default = None
    type = str
    help = Unit of the positions: metres, or pixels of the object
    doc = Metres if ``None``, unless the layout of the file says something else. A pixel of the
     object is wavelength times distance, over pixel size times the pixels of a frame as it is
     stored.
    choices = ['m', 'px']

    [multiplier]
    default = 1.0
    type = float, list, tuple
    help = Factor on the positions, or two, for y and x; negative where they are of the sample

    [mask]
    default = None
    type = ndarray, str
    help = True where a pixel may be trusted, (rows, columns) or one a frame; or its name

    [saturation]
    default = None
    type = float
    help = Numbers, as they are stored, from which on a pixel is not trusted
    doc = If ``None``, the largest value that unsigned integers can have; infinity for never.
     Negative integers are not trusted either.
    """

    def __init__(self, pars: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        p = self.DEFAULT.copy(99)
        p.update({**(pars or {}), **kwargs})
        for name, value in (ASSUMED | LAYOUTS.get(str(p.file_layout), {})).items():
            if p[name] is None:
                p[name] = value
        super().__init__(p)
        self._arrays = {
            name: np.asarray(self.info[name])
            for name in ARRAYS
            if self.info[name] is not None and not isinstance(self.info[name], str)
        }
        # Parameters are saved with what is prepared, and frames are saved there anyway.
        for name in self._arrays:
            self.info[name] = None

    def _validate(self, p: Param) -> None:
        faults: list[Fault] = []
        try:
            super()._validate(p)
        except ParameterError as error:
            if not error.faults:
                raise
            faults += error.faults
        for name in ARRAYS:
            missing = name == "frames" or (name == "positions" and p.positions_theory is None)
            if p[name] is None and missing:
                remedy = "is needed: an array, or with `file` the name of one"
                faults.append(Fault(name, "None", remedy))
            if isinstance(p[name], str) and p.file is None:
                remedy = "is the name of an array, and `file` is not given"
                faults.append(Fault(name, repr(p[name]), remedy))
        if np.size(p.multiplier) not in (1, 2):
            faults.append(Fault("multiplier", repr(p.multiplier), "must be one number, or two"))
        if faults:
            raise ParameterError(faults)
        p.file = None if p.file is None else os.fspath(p.file)

    @cached_property
    def _stack(self) -> ArrayFile | None:
        if "frames" in self._arrays:
            return None
        return ArrayFile(self.info.file, self.info.frames, last=self.info.frames_last)

    @cached_property
    def _held(self) -> npt.NDArray[Any]:
        """Frames that were given as an array (N, H, W)."""
        frames = self._arrays["frames"]
        frames = np.moveaxis(frames, -1, 0) if self.info.frames_last else frames
        if frames.ndim < 2:
            raise DataError(f"frames has shape {frames.shape}: it must be (N, rows, columns)")
        return frames.reshape(-1, *frames.shape[-2:])

    @property
    def _shape(self) -> tuple[int, ...]:
        return self._held.shape if self._stack is None else self._stack.shape

    def load_positions(self) -> npt.NDArray[np.float64] | None:
        """Give the positions (N, 2), (y, x) [m].

        Raises
        ------
        DataError
            If there are not as many as frames.
        ParameterError
            If they count pixels, and the size of these is not known.
        """
        self._take_geometry()
        count = self._shape[0]
        given = self._named("positions") if self._theory is None else self._theory
        if given is None:
            raise DataError("there are no positions")
        points = np.asarray(given, dtype=np.float64)
        points = points.reshape(-1, points.shape[-1]) if points.ndim > 2 else points
        if points.ndim == 2 and points.shape[1] != 2 and points.shape[0] == 2:
            points = points.T
        if points.ndim != 2 or points.shape[1] != 2:
            raise DataError(f"positions have shape {np.shape(given)}: they must be (N, 2), (y, x)")
        wanted = self.info.num_frames
        if len(points) != count and (wanted is None or wanted > min(len(points), count)):
            where = "" if self.info.file is None else f"{self.info.file}: "
            raise DataError(
                f"{where}{count} frames, but {len(points)} positions; `num_frames="
                f"{min(count, len(points))}` uses the first of both"
            )
        if self._stack is not None and self._stack.lost is not None:
            used = count if wanted is None else min(wanted, count)
            see_written(self._stack.lost, np.arange(used), f"{self.info.file}:{self.info.frames}")
        if self._theory is not None:
            return None
        factor = np.broadcast_to(np.asarray(self.info.multiplier, dtype=np.float64), 2)
        if self.info.position_unit == "px":
            factor = factor * self._resolution()
        return points[:count] * factor

    def load_weight(self) -> npt.NDArray[np.bool_] | None:
        """Give the mask, if one is for all frames, without what never counts.

        Pixels that hold no count in the first frame and in the last are left out of all.
        """
        mask = self._mask
        if mask is not None and mask.ndim > 2:
            return None
        ends = self._stored(np.array(sorted({0, self._shape[0] - 1}), dtype=np.int64))
        invalid = invalid_counts(ends, self._limit(ends.dtype))
        trusted = np.asarray(~self._centred(invalid).all(axis=0))
        if mask is None and trusted.all():
            return None
        return trusted if mask is None or mask.shape != trusted.shape else mask & trusted

    def load_block(
        self, indices: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[Any] | StoredStack, None, npt.NDArray[np.bool_] | None]:
        """Give many frames at once.

        Parameters
        ----------
        indices : (n,) int64
            Scan points.

        Returns
        -------
        frames : (n, rows, columns), or StoredStack
            Counts, zero frequency near the middle; not read yet where the preparation can read
            them in their place.
        positions : None
            `load_positions` gave them.
        weights : (n, rows, columns) bool or None
            True where a pixel may be trusted, if there is a mask for every frame, or some are
            saturated in these frames and were read.
        """
        indices = np.asarray(indices, dtype=np.int64)
        mask = self._mask
        each = None if mask is None or mask.ndim == 2 else mask[indices]
        stack = self._in_place(indices)
        if stack is not None:
            return stack.changed(limit=self._limit(stack.dtype)), None, each
        frames = self._centred(self._stored(indices))
        limit, part = self._limit(frames.dtype), part_used(self.region_in_raw, frames.shape[1:])
        weight = self.weight2d
        shared = None if weight is None or weight.shape != frames.shape[1:] else weight
        trusted = trusted_counts(frames, limit, weight=shared, part=part) if len(frames) else None
        if each is not None and trusted is not None and each.shape == trusted.shape:
            each = each & trusted
        if self.info.amplitudes:
            frames = np.square(frames, dtype=np.float64 if frames.itemsize > 4 else np.float32)
        return frames, None, trusted if each is None else each

    def _in_place(self, indices: npt.NDArray[np.int64]) -> StoredStack | None:
        """Find frames where they are, if nothing is done to them but what `PtyScan` does."""
        changes = self.info.amplitudes or self.info.zero_frequency == "corner"
        if changes or not can_stay_stored(self, ArrayScan):
            return None
        if self._stack is None:
            return hold_frames(self._held, indices, "frames")
        return self._stack.stack(indices)

    def _stored(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Give frames as they are stored (n, rows, columns)."""
        frames = self._held[indices] if self._stack is None else self._stack.read(indices)
        if frames.dtype.kind not in "buif":
            raise DataError(f"frames of {frames.dtype} are not counts: give real numbers")
        return frames

    def _limit(self, dtype: np.dtype[Any]) -> float | None:
        """Give the numbers from which on a pixel is not trusted."""
        return saturation_limit(dtype, self.info.saturation)

    @cached_property
    def _mask(self) -> npt.NDArray[np.bool_] | None:
        """Give the mask (rows, columns), or one for every frame (N, rows, columns).

        Raises
        ------
        DataError
            If there are neither as many as frames nor one, or they are not as large.
        """
        given = self._named("mask")
        if given is None:
            return None
        mask = np.asarray(given) > 0
        if mask.ndim > 2:
            last = self.info.frames_last and mask.shape[-2:] != self._shape[1:]
            mask = np.moveaxis(mask, -1, 0) if last else mask
            mask = mask.reshape(-1, *mask.shape[-2:])
            mask = mask[0] if len(mask) == 1 else mask
        wanted = self.info.num_frames
        there = self._shape[0] if wanted is None else min(wanted, self._shape[0])
        if mask.ndim < 2 or (mask.ndim == 3 and not len(mask) >= there):
            raise DataError(
                f"the mask has shape {np.shape(given)}, and there are {self._shape[0]} frames of "
                f"{self._shape[1:]} px: give one mask, or one for every frame"
            )
        return np.asarray(self._centred(mask))

    def _centred(self, frames: npt.NDArray[Any]) -> npt.NDArray[Any]:
        corner = self.info.zero_frequency == "corner"
        return np.fft.fftshift(frames, axes=(-2, -1)) if corner else frames

    def _named(self, name: str) -> npt.NDArray[Any] | None:
        """Give an array of the parameters, or of the file."""
        if name in self._arrays:
            return self._arrays[name]
        if self.info[name] is None:
            return None
        return read_array(self.info.file, self.info[name])

    def _take_geometry(self) -> None:
        """Take over the numbers that the file holds, where none are given."""
        layout = None if self.info.file is None else self.info.file_layout
        for name, key in NUMBERS.get(str(layout), {}).items():
            if isinstance(self.info[name], Placeholder):
                value = read_number(self.info.file, key, f"the {NAMES[name]}: give `{name}`")
                self.meta[name] = m2keV(value) if name == "energy" else value

    def load_common(self) -> dict[str, Any]:
        """Read how frames are to be turned, where the file says so."""
        info = self.info
        if info.file is None or info.file_layout != "ptylab" or info.orientation is not None:
            return {}
        try:
            turn = read_array(self.info.file, "orientation")
        except DataError:
            return {}
        if turn.size != 1 or int(turn.flat[0]) not in range(8):
            raise DataError(
                f"{self.info.file}: orientation is {turn.tolist()}, not one of 0 ... 7: give "
                "`orientation`"
            )
        return {"orientation": int(turn.flat[0])}

    def post_initialize(self) -> None:
        """Let frames be turned as the file says."""
        turn = self.common.get("orientation")
        if turn:
            self.info.orientation = self.orientation = turn
            logger.info("%s: frames are turned, orientation %d", self.info.file, turn)

    def _resolution(self) -> npt.NDArray[np.float64]:
        """Give the size of a pixel of the object (y, x) [m]."""
        faults = [
            Fault(name, "None", "is needed where positions count pixels")
            for name in ("energy", "distance", "psize")
            if isinstance(self.meta[name], Placeholder)
        ]
        if faults:
            raise ParameterError(faults)
        pixel = np.broadcast_to(np.asarray(self.meta.psize, dtype=np.float64), 2)
        width = np.array(self._shape[1:]) * pixel
        size = wavelength(float(self.meta.energy)) * float(self.meta.distance) / width
        turn = self.info.orientation
        turned = bool(turn[0]) if isinstance(turn, list | tuple) else bool(int(turn or 0) & 4)
        return size[::-1] if turned else size
