"""The engines of ptypy over simulated frames, made ready to be timed; their transforms alone."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numba
import numpy as np
from plain_engines import Problem

from ptypy.accelerate import Transform
from ptypy.accelerate._buffers import lend
from ptypy.accelerate._frame import (
    BLOCKS,
    FORWARD_AT,
    HEIGHT,
    PLAN_Y,
    STRIP_BYTES,
    STRIPS,
    gather_rows,
    inverse_columns,
    return_rows,
    zero,
)
from ptypy.accelerate._lanes import AHEAD, ROW, VECTOR, call2, fetch, load, peek, spread, store
from ptypy.accelerate._threads import count_threads, run_ranges
from ptypy.core import Ptycho
from ptypy.core.data import PtyScan, register
from ptypy.core.geometry import Geo
from ptypy.engines import BaseEngine
from ptypy.utils import Param

PHOTONS = 60
"""Photons a pixel: few enough that no frame falls below the default power bound and is skipped."""

GEOMETRY = {"energy": 8.8, "distance": 2.0, "psize": 75e-6}


@contextmanager
def threads_of_kernels(threads: int) -> Iterator[None]:
    """Let kernels use so many threads meanwhile."""
    name = "PTYPY_NUM_THREADS"
    before = os.environ.get(name)
    os.environ[name] = str(threads)
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def place_frames(frames: int, size: int) -> np.ndarray:
    """Put frames on a jittered grid that overlaps by nine tenths; give their corners (N, 2)."""
    side = int(np.ceil(np.sqrt(frames)))
    grid = np.stack(np.divmod(np.arange(frames), side), axis=1)
    jitter = np.random.default_rng(0).integers(0, 4, grid.shape)
    return grid * max(4, size // 10) + jitter


def draw_probe(size: int, modes: int) -> np.ndarray:
    """Draw a Gaussian with a curved wavefront, further modes odd; as bright as `PHOTONS` says."""
    y, x = np.mgrid[:size, :size] - size / 2
    envelope = np.exp(-(x**2 + y**2) / (2 * (size / 6) ** 2) + 1j * (x**2 + y**2) / size / 3)
    probe = np.stack([envelope * (3 * x / size) ** m for m in range(modes)])
    probe *= np.sqrt(PHOTONS * size**2 / (np.abs(probe) ** 2).sum())
    return probe.astype(np.complex64)


@register()
class FramesOnDemand(PtyScan):
    """Frames that are calculated when they are asked for, and kept by nobody else.

    Defaults:

    [name]
    default = FramesOnDemand
    type = str
    help = Name of the scan

    [frames]
    default = 200
    type = int
    help = How many frames

    [modes]
    default = 1
    type = int
    help = Modes of the probe
    """

    def __init__(self, pars: Any = None, **kwargs: Any) -> None:
        p = self.DEFAULT.copy(99)
        p.update(pars)
        p.update(center=(p.shape // 2, p.shape // 2), auto_center=False, **GEOMETRY)
        super().__init__(p, **kwargs)
        size = int(p.shape)
        self.size, self.corners = size, place_frames(p.frames, size)
        self.probe = draw_probe(size, p.modes)
        shape = self.corners.max(axis=0) + size
        phases = np.random.default_rng(1).random(shape, np.float32)
        self.obj = np.exp(np.complex64(1j) * phases)
        self.mask = np.random.default_rng(2).random((size, size)) > 0.02

    def load_positions(self) -> np.ndarray:
        shape = (self.size, self.size)
        geometry = Geo(pars=Param(shape=shape, propagation="farfield", **GEOMETRY))
        return self.corners * np.asarray(geometry.resolution)

    def load_weight(self) -> np.ndarray:
        return self.mask

    def load(self, indices: Any) -> tuple[dict[int, np.ndarray], dict, dict]:
        return {int(i): self.calculate(int(i)) for i in indices}, {}, {}

    def calculate(self, i: int) -> np.ndarray:
        y, x = self.corners[i]
        field = np.fft.fft2(
            self.probe * self.obj[y : y + self.size, x : x + self.size], norm="ortho"
        )
        light = np.fft.fftshift((np.abs(field) ** 2).sum(axis=0))
        return np.random.default_rng([3, i]).poisson(light).astype(np.float32)


class Run:
    """A run over simulated frames, from which engines are made.

    Parameters
    ----------
    frames, size, modes : int
        Number of frames, their edge [px], modes of the probe.
    """

    def __init__(self, frames: int, size: int, modes: int) -> None:
        data = Param(name="FramesOnDemand", shape=size, frames=frames, modes=modes)
        scan = Param(name="BlockFull", data=data, coherence=Param(num_probe_modes=modes))
        if modes == 1:
            scan.illumination = Param(diversity=None)
        p = Param(scans=Param(simulated=scan), frames_per_block=frames, verbose_level="ERROR")
        p.io = Param(rfile=None, autosave=Param(active=False), autoplot=Param(active=False))
        self.ptycho = Ptycho(p, level=2)
        (self.probe,) = self.ptycho.probe.storages.values()
        (self.obj,) = self.ptycho.obj.storages.values()
        (self.block,) = self.ptycho.model.blocks
        self.phase = np.asarray(self.block.geometry.pre_phase, np.complex64)
        self.start = draw_probe(size, modes)
        self.reset()

    def reset(self) -> None:
        """Go back to where all engines begin.

        The object scatters: where a model is dark in single precision, the phase of the fitted
        wave would be that of rounding errors, and nobody's results could be compared.
        """
        phases = np.random.default_rng(4).random(self.obj.data.shape, np.float32)
        self.obj.data[...] = np.exp(np.complex64(1j) * phases)
        self.probe.data[...] = self.start * self.phase.conj()

    def problem(self) -> Problem:
        """Tell somebody else the same problem."""
        return Problem(
            probe=self.probe.data * self.phase,
            obj=self.obj.data[0].copy(),
            corners=self.block.corners,
            counts=np.fft.ifftshift(self.block.counts, axes=(-2, -1)),
            mask=np.fft.ifftshift(np.broadcast_to(self.block.mask, self.block.counts.shape)[0]),
        )

    def engine(self, name: str, **pars: Any) -> BaseEngine:
        """Make an engine ready, everything at the start."""
        self.reset()
        common = {"name": name, "numiter": 10**6, "probe_update_start": 0}
        engine = self.ptycho.init_engine(_label(name), Param({**common, **pars}))
        engine.initialize()
        engine.prepare()
        return engine

    def probe_waves(self) -> np.ndarray:
        """Give the probe as it is now, with the phase of the geometry."""
        return self.probe.data * self.phase


def first_order(name: str, frames: int) -> np.ndarray:
    """Give the order in which the first iteration of a `Run`'s engine visits the frames."""
    return np.random.default_rng([zlib.crc32(_label(name).encode()), 0]).permutation(frames)


def _label(name: str) -> str:
    return f"{name}_timed"


@numba.njit(nogil=True, error_model="numpy")
def there_and_back(  # noqa: PLR0917
    first: int, last: int, spec: int, modes: int, waves: int, scale: float, frame: int
) -> None:
    """Transform waves forward and back, the way `project` does, and nothing else."""
    height, strips = peek(spec + HEIGHT), peek(spec + STRIPS)
    step, factor = peek(spec + STRIP_BYTES), spread(scale)
    frame_bytes = strips * step
    tile = frame + modes * frame_bytes
    zero(frame, modes * frame_bytes)
    for j in range(first, last):
        wave = waves + j * modes * strips * height * ROW
        for s in range(strips):
            for m in range(modes):
                t = frame + m * frame_bytes + s * step
                w = wave + (m * strips + s) * height * ROW
                for i in range(height):
                    fetch(w + i * ROW + AHEAD)
                    fetch(w + i * ROW + AHEAD + VECTOR)
                    store(t + i * ROW, load(w + i * ROW) * factor)
                    store(t + i * ROW + VECTOR, load(w + i * ROW + VECTOR) * factor)
                call2(peek(spec + FORWARD_AT), t, peek(spec + PLAN_Y))
        for block in range(peek(spec + BLOCKS)):
            gather_rows(spec, frame, frame_bytes, modes, block, tile)
            return_rows(spec, frame, frame_bytes, modes, block, tile)
        for s in range(strips):
            for m in range(modes):
                t = frame + m * frame_bytes + s * step
                w = wave + (m * strips + s) * height * ROW
                inverse_columns(spec, t)
                for i in range(height):
                    store(w + i * ROW, load(t + i * ROW))
                    store(w + i * ROW + VECTOR, load(t + i * ROW + VECTOR))


class Transforms:
    """Every exit wave to the detector and back with the kernels' transform, and nothing else.

    Parameters
    ----------
    waves : (N, M, H, W) complex64
        Copied.
    """

    def __init__(self, waves: np.ndarray) -> None:
        self.transform = Transform(waves.shape[-2:])
        self.packed = self.transform.pack_waves(waves)

    def iterate(self) -> None:
        """Transform all exit waves forward and back, in place."""
        num, modes = self.packed.shape[:2]
        parts = count_threads(None, num)
        with lend(parts, modes * self.transform.scratch_size(1)) as scratch:

            def work(part: int, first: int, last: int) -> None:
                there_and_back(
                    first,
                    last,
                    self.transform.spec.ctypes.data,
                    modes,
                    self.packed.ctypes.data,
                    self.transform.scale**2,
                    scratch[part].ctypes.data,
                )

            run_ranges(work, num, parts)

    @property
    def waves(self) -> np.ndarray:
        """The exit waves as they are now."""
        return self.transform.unpack_waves(self.packed)
