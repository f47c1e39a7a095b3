"""Scans that are calculated: data to try everything on, where no file is at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ptypy.core import xy
from ptypy.core.data._registry import register
from ptypy.core.data._scan import PtyScan
from ptypy.core.geometry import Geo
from ptypy.errors import DataError
from ptypy.utils.parameters import Param

__all__ = ["MoonFlowerScan", "QuickScan"]

BATCH = 32
"""Frames calculated at once: their waves stay in the last-level cache."""
MARGIN = 10
"""Object pixels beyond the outermost view."""


@register()
class MoonFlowerScan(PtyScan):
    """Simulates a scan of a flower with a moon-shaped beam.

    Frame k is the same, noise included, whatever chunk and process it is calculated in.

    Attributes
    ----------
    pos : (N, 2) float64
        Scan points (y, x) [m]; they lie on the pixels of the object.
    pixel : (N, 2) int64
        Upper left corner of each view of the object [px].
    obj, pr : complex64
        Transmission of the object; field of the beam [sqrt(photons)].
    geo : Geo
        The setup.
    p : Param
        The parameters.

    Defaults:

    [name]
    default = MoonFlowerScan
    help = Simulate a flower in moonlight
    type = str

    [num_frames]
    default = 100
    help = Number of frames to simulate
    type = int
    doc = A little fewer come out, because circles of scan points are cut to a square.
    lowlim = 1

    [shape]
    default = 128
    help = Size of a frame [px]
    type = int, tuple
    doc = One number for a square, or (rows, columns)

    [density]
    default = 0.2
    help = Distance between scan points, in sizes of a frame
    type = float
    userlevel = 0

    [model]
    default = 'round'
    help = Pattern of the scan points
    type = str
    doc = One of ``'round'``, ``'spiral'``, ``'raster'``
    userlevel = 0

    [photons]
    default = 1e8
    help = Photons in the beam during one exposure
    type = float
    userlevel = 0

    [psf]
    default = 0.
    help = Blur of the detector [px]
    type = float
    doc = Standard deviation of a Gaussian; applied before photons are counted
    userlevel = 0

    [add_poisson_noise]
    default = True
    help = Whether photons are counted, with the noise that goes with it
    type = bool

    [block_wait_count]
    default = 0
    help = Number of chunks after which the scan pauses once
    type = int
    doc = To try what happens when data are late; 0 means never.
    userlevel = 2
    """

    PLACEHOLDERS: ClassVar[tuple[str, ...]] = ()
    OWN_NOISE: ClassVar[bool] = True

    def __init__(self, pars: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(pars, **kwargs)
        self.p: Param = self.info
        # Everything below is calculated, on every process alike.
        self.load_common_in_parallel = True
        self._blocks = 0
        p = self.p
        shape = tuple(int(n) for n in np.broadcast_to(128 if p.shape is None else p.shape, 2))
        self.geo = Geo(energy=p.energy, distance=p.distance, psize=p.psize, shape=shape)
        self._place(np.array(shape))
        self._draw(shape)

    def _place(self, shape: npt.NDArray[np.int64]) -> None:
        """Choose scan points and put them on the pixels of the object."""
        resolution = np.asarray(self.geo.resolution)
        if self._theory is not None:
            wanted = self._theory
        else:
            count = 100 if self.p.num_frames is None else int(self.p.num_frames)
            steps = round(np.sqrt(count) + 1)
            spacing = resolution * shape * self.p.density
            pattern = Param(
                model=self.p.model,
                spacing=spacing if self.p.model == "raster" else float(spacing[0]),
                steps=steps,
                extent=spacing * steps,
                count=None if self.p.model == "raster" else count,
            )
            found = xy.from_pars(pattern)
            if found is None:
                raise DataError(f"model {self.p.model!r} gives no scan points")
            wanted = found
        pixel = np.round((wanted - wanted.min(axis=0)) / resolution).astype(np.int64)
        self.pixel = pixel + MARGIN
        self.pos = (pixel - np.round(pixel.mean(axis=0)).astype(np.int64)) * resolution
        self.num_frames = len(self.pos)

    def _draw(self, shape: tuple[int, ...]) -> None:
        from ptypy.resources import flower_obj, moon_pr

        self.obj = flower_obj(self.pixel.max(axis=0) + MARGIN + np.array(shape))
        probe = moon_pr(shape)
        power = float((np.abs(probe) ** 2).sum(dtype=np.float64))
        self.pr = np.asarray(probe * np.sqrt(self.p.photons / power), dtype=np.complex64)

    def load_positions(self) -> npt.NDArray[np.float64]:
        """Give the scan points (y, x) [m], shape (N, 2)."""
        return np.asarray(self.pos)

    def load_weight(self) -> npt.NDArray[Any]:
        """Trust every pixel."""
        return np.ones(self.pr.shape)

    def check(
        self, frames: int | None = None, start: int | None = None
    ) -> tuple[int, bool | int | None]:
        """Promise the frames that are wanted; after ``block_wait_count`` times, none once."""
        wait = self.p.block_wait_count
        if wait and self._blocks >= wait:
            self._blocks = 0
            return 0, False
        self._blocks += 1
        return super().check(frames, start)

    def load_block(self, indices: npt.NDArray[np.int64]) -> tuple[npt.NDArray[Any], None, None]:
        """Calculate frames; int32 counts, or float32 intensities without noise."""
        counted = bool(self.p.add_poisson_noise)
        height, width = self.pr.shape
        frames = np.empty((len(indices), height, width), np.int32 if counted else np.float32)
        for first in range(0, len(indices), BATCH):
            some = np.asarray(indices[first : first + BATCH])
            photons = self._expose(some)
            if counted:
                for k, index in enumerate(some):
                    rng = np.random.default_rng([20, int(index)])
                    frames[first + k] = rng.poisson(photons[k])
            else:
                frames[first : first + len(some)] = photons
        return frames, None, None

    def load(
        self, indices: Sequence[int]
    ) -> tuple[dict[int, npt.NDArray[Any]], dict[int, Any], dict[int, Any]]:
        """Calculate frames, by index; see `load_block`."""
        frames, _, _ = self.load_block(np.asarray(indices, dtype=np.int64))
        return dict(zip(indices, frames, strict=True)), {}, {}

    def _expose(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Calculate expected photons, shape (n, H, W)."""
        views = np.lib.stride_tricks.sliding_window_view(self.obj, self.pr.shape)
        corners = self.pixel[indices]
        waves = self.geo.propagator.fw(views[corners[:, 0], corners[:, 1]] * self.pr)
        photons = waves.real**2 + waves.imag**2
        if self.p.psf:
            from scipy.ndimage import gaussian_filter

            photons = gaussian_filter(photons, (0, self.p.psf, self.p.psf))
        return np.asarray(photons)


@register()
class QuickScan(PtyScan):
    """Gives the same frame over and over: for timing what comes after the data.

    Defaults:

    [name]
    default = MoonFlowerScan
    help = Class that loads the frames
    type = str

    [num_frames]
    default = 100
    help = Number of frames
    type = int
    doc = A little fewer come out, because circles of scan points are cut to a square.
    lowlim = 1

    [shape]
    default = 64
    help = Size of a frame [px]
    type = int, tuple
    doc = One number for a square, or (rows, columns)

    [density]
    default = 0.05
    help = Distance between scan points, in sizes of a frame
    type = float
    """

    PLACEHOLDERS: ClassVar[tuple[str, ...]] = ()

    def __init__(self, pars: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(pars, **kwargs)
        p = self.p = self.info
        self.load_common_in_parallel = True
        shape = tuple(int(n) for n in np.broadcast_to(64 if p.shape is None else p.shape, 2))
        self.geo = Geo(energy=p.energy, distance=p.distance, psize=p.psize, shape=shape)
        count = 100 if p.num_frames is None else int(p.num_frames)
        spacing = float(self.geo.resolution[0] * shape[0] * p.density)
        steps = round(np.sqrt(count) + 1)
        pattern = Param(model="round", spacing=spacing, steps=steps, extent=None, count=count)
        positions = xy.from_pars(pattern) if self._theory is None else self._theory
        self.pos = np.zeros((0, 2)) if positions is None else positions
        self.num_frames = len(self.pos)
        self._frame = np.ones(shape)
        self._frame[shape[0] // 2, shape[1] // 2] = 1e7

    def load_positions(self) -> npt.NDArray[np.float64]:
        """Give the scan points (y, x) [m], shape (N, 2)."""
        return self.pos

    def load_weight(self) -> npt.NDArray[Any]:
        """Trust every pixel."""
        return np.ones(self._frame.shape)

    def load_block(self, indices: npt.NDArray[np.int64]) -> tuple[npt.NDArray[Any], None, None]:
        """Give one frame, seen ``len(indices)`` times."""
        return np.broadcast_to(self._frame, (len(indices), *self._frame.shape)), None, None
