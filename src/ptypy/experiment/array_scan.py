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
from ptypy.io.array_file import StoredStack, read_array
from ptypy.utils.parameters import Param, Placeholder
from ptypy.utils.units import m2keV, wavelength

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

    [file_layout]
    default = None
    type = str
    help = Program whose names and conventions the file follows
    doc = ``'tike'``: .npz with ``data`` (zero frequency in the corner) and ``scan`` (pixels of the
     object); ``'ptylab'``: HDF5 with ``ptychogram``, ``encoder``, ``wavelength``, ``zo``, ``dxd``.
     What is given beside it counts.
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
    default = 'center'
    type = str
    help = Where the beam is in the frames: near their middle, or in the first pixel
    choices = ['center', 'corner']

    [positions]
    default = None
    type = ndarray, list, tuple, str
    help = Positions (y, x), shape (N, 2), or their name in the file

    [position_unit]
    default = 'm'
    type = str
    help = Unit of the positions: metres, or pixels of the object
    doc = A pixel of the object is wavelength times distance, over pixel size times the pixels of
     a frame as it is stored.
    choices = ['m', 'px']

    [multiplier]
    default = 1.0
    type = float, list, tuple
    help = Factor on the positions, or two, for y and x; negative where they are of the sample

    [mask]
    default = None
    type = ndarray, str
    help = True where a pixel may be trusted, (rows, columns) or one a frame; or its name
    """

    def __init__(self, pars: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        asked = {**(pars or {}), **kwargs}
        p = self.DEFAULT.copy(99)
        p.update(asked)
        for name, value in LAYOUTS.get(str(p.file_layout), {}).items():
            if asked.get(name) is None:
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
    def _stack(self) -> StoredStack | None:
        if "frames" in self._arrays:
            return None
        return StoredStack(self.info.file, self.info.frames, last=self.info.frames_last)

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
        if self._theory is not None:
            return None
        factor = np.broadcast_to(np.asarray(self.info.multiplier, dtype=np.float64), 2)
        if self.info.position_unit == "px":
            factor = factor * self._resolution()
        return points[:count] * factor

    def load_weight(self) -> npt.NDArray[np.bool_] | None:
        """Give the mask, if one is for all frames."""
        mask = self._mask
        return None if mask is None or mask.ndim > 2 else mask

    def load_block(
        self, indices: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[Any], None, npt.NDArray[np.bool_] | None]:
        """Give many frames at once.

        Parameters
        ----------
        indices : (n,) int64
            Scan points.

        Returns
        -------
        frames : (n, rows, columns)
            Counts, zero frequency near the middle.
        positions : None
            `load_positions` gave them.
        weights : (n, rows, columns) bool or None
            Masks, if there is one for every frame.
        """
        indices = np.asarray(indices, dtype=np.int64)
        frames = self._held[indices] if self._stack is None else self._stack.read(indices)
        if self.info.amplitudes:
            frames = np.square(frames, dtype=np.float64 if frames.itemsize > 4 else np.float32)
        mask = self._mask
        each = None if mask is None or mask.ndim == 2 else mask[indices]
        return self._centred(frames), None, each

    @cached_property
    def _mask(self) -> npt.NDArray[np.bool_] | None:
        given = self._named("mask")
        if given is None:
            return None
        return np.asarray(self._centred(np.asarray(given) > 0))

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
        for name, key in NUMBERS.get(str(self.info.file_layout), {}).items():
            if isinstance(self.info[name], Placeholder):
                value = float(np.ravel(read_array(self.info.file, key))[0])
                self.meta[name] = m2keV(value) if name == "energy" else value

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
