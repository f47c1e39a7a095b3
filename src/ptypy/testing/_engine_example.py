"""A small experiment whose object and probe are known, and runs over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.geometry import Geo
from ptypy.core.ptycho import Ptycho
from ptypy.diagnose import compare_objects, model_intensity, sqrt_variance
from ptypy.utils.parameters import Param

__all__ = ["SIZE", "Experiment", "experiment", "image_error", "misfit", "run_over"]

SIZE = 32
"""Edge of a frame [px]."""

GEOMETRY: dict[str, Any] = {"energy": 8.8, "distance": 2.0, "psize": 75e-6}
STEPS, SPACING = 7, 5
PHOTONS = 2e5
"""Of a frame."""

SEEN = 0.2
"""Share of the brightest light that a pixel of the object must have had to be compared."""

Counts = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """Frames, and what they were calculated from."""

    obj: npt.NDArray[np.complex128]
    """(Y, X)."""
    probe: npt.NDArray[np.complex128]
    """(H, W) [sqrt(photons)]."""
    guess: npt.NDArray[np.complex64]
    """The probe that engines begin with: too wide, and too flat."""
    corners: npt.NDArray[np.int64]
    """Upper left pixels of the frames in `obj`, (N, 2)."""
    frames: Counts
    """Photons with the noise of photons, (N, H, W); untrusted pixels scream."""
    mask: npt.NDArray[np.bool_]
    """True where a pixel may be trusted, (N, H, W)."""

    @property
    def floor(self) -> float:
        """The `misfit` that the truth has, from the noise of photons alone."""
        views = np.stack([self.obj[y : y + SIZE, x : x + SIZE] for y, x in self.corners])
        model = np.abs(_geometry().propagator.fw(views * self.probe)) ** 2
        noise = sqrt_variance(model)[self.mask].sum()
        return float(np.sqrt(noise / self.frames[self.mask].sum(dtype=np.float64)))

    def with_frames(self, frames: Counts, mask: npt.NDArray[np.bool_]) -> Experiment:
        """Give the same with other counts and masks."""
        return replace(self, frames=frames, mask=mask)


@lru_cache(maxsize=1)
def experiment() -> Experiment:
    """Simulate it; always the same."""
    rng = np.random.default_rng(20)
    raster = np.stack(np.meshgrid(*[np.arange(STEPS) * SPACING] * 2, indexing="ij"), -1)
    corners = raster.reshape(-1, 2) + rng.integers(0, 4, (STEPS**2, 2))
    obj = _draw_object(rng, int(corners.max()) + SIZE)
    probe, guess = (_draw_probe(*form) for form in ((8.0, 90.0), (9.0, 120.0)))
    views = np.stack([obj[y : y + SIZE, x : x + SIZE] for y, x in corners])
    fields = _geometry().propagator.fw(views * probe)
    frames = rng.poisson(np.abs(fields) ** 2).astype(np.float32)
    mask = np.ones(frames.shape, bool)
    mask[:, rng.integers(0, SIZE, 12), rng.integers(0, SIZE, 12)] = False
    frames[~mask] = 1e5
    return Experiment(obj, probe, guess.astype(np.complex64), corners, frames, mask)


def _geometry() -> Geo:
    return Geo(pars=Param(shape=(SIZE, SIZE), propagation="farfield", **GEOMETRY))


def _draw_object(rng: np.random.Generator, size: int) -> npt.NDArray[np.complex128]:
    """Draw soft blobs: phases of up to a radian, some absorption."""
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    blobs = []
    for _ in range(2):
        noise = np.fft.fft2(rng.standard_normal((size, size)))
        field = np.fft.ifft2(noise * np.exp(-((frequencies / 0.08) ** 2))).real
        blobs.append(field / np.abs(field).max())
    return np.asarray((0.85 + 0.15 * blobs[0]) * np.exp(1j * blobs[1]), np.complex128)


def _draw_probe(radius: float, curvature: float) -> npt.NDArray[np.complex128]:
    """Draw a soft disk with a curved wavefront."""
    y, x = np.indices((SIZE, SIZE)) - SIZE // 2
    field = np.exp(1j * (y**2 + x**2) / curvature) / (1 + np.exp(np.hypot(y, x) - radius))
    return np.asarray(field * np.sqrt(PHOTONS / np.sum(np.abs(field) ** 2)), np.complex128)


def run_over(
    of: Experiment,
    engine: Mapping[str, Any] | None = None,
    *,
    frames_per_block: int = 1000,
    home: Path | None = None,
    interval: int = 1,
    resume: bool = False,
) -> Ptycho:
    """Make a run over an experiment, its engine made and not yet run.

    Parameters
    ----------
    of : Experiment
    engine : mapping, optional
        Parameters of the engine, its name among them.
    frames_per_block : int
    home : path, optional
        Where to save now and then; nowhere if not given.
    interval : int
        Iterations between two savings.
    resume : bool
        Go on from what was saved there.
    """
    resolution = np.asarray(_geometry().resolution)
    data = Param(
        name="ArrayScan",
        frames=of.frames,
        mask=of.mask,
        positions=(of.corners - of.corners.mean(axis=0).round()) * resolution,
        shape=SIZE,
        center=(SIZE // 2, SIZE // 2),
        auto_center=False,
        saturation=np.inf,
        **GEOMETRY,
    )
    illumination = Param(model=of.guess, diversity=None)
    p = Param(run="contract", frames_per_block=frames_per_block, engines=Param())
    p.scans = Param(known=Param(name="BlockFull", data=data, illumination=illumination))
    autosave = Param(active=home is not None, interval=interval, resume=resume)
    autosave.rfile = "%(iterations)d.ptyr"
    p.io = Param(rfile=None, autosave=autosave, autoplot=Param(active=False))
    p.io.home = "./" if home is None else str(home)
    if engine is not None:
        p.engines.engine00 = Param(engine)
    return Ptycho(p, level=4)


def misfit(run: Ptycho) -> float:
    """Give sqrt(sum (abs(model) - sqrt(I))^2 / sum I) over the trusted pixels, by NumPy."""
    squares = photons = 0.0
    for block in run.model.blocks:
        model = model_intensity(block, np.arange(len(block)))
        counts = np.maximum(block.counts, 0).astype(np.float64)
        mask = np.broadcast_to(block.mask, counts.shape)
        squares += float(((np.sqrt(model) - np.sqrt(counts)) ** 2)[mask].sum())
        photons += float(counts[mask].sum())
    return float(np.sqrt(squares / photons))


def image_error(run: Ptycho, of: Experiment) -> float:
    """Give the distance of the object from the true one, where there was light.

    A constant factor, a phase ramp and a common shift, which frames do not tell, are removed.
    """
    (storage,) = run.obj.storages.values()
    block = run.model.blocks[0]
    first = block.corners[0] - of.corners[block.indices[0]]
    height, width = of.obj.shape[0], of.obj.shape[1]
    light = np.zeros((height, width))
    for y, x in of.corners:
        light[y : y + SIZE, x : x + SIZE] += np.abs(of.probe) ** 2
    rows = slice(first[0], first[0] + height), slice(first[1], first[1] + width)
    return compare_objects(storage.data[0][rows], of.obj, light > SEEN * light.max()).error
