"""The residual that photon noise alone leaves, so that a reconstruction can be judged by it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from ptypy.utils import parallel

if TYPE_CHECKING:
    from ptypy.core.manager import Block, Colour

__all__ = ["model_intensity", "noise_floor", "sqrt_variance"]

SUMMED = 40.0
"""Mean counts up to which the Poisson sum is carried out; beyond, a series is exact to 1e-4."""

BATCH = 16
"""Frames whose waves are calculated at once."""


def sqrt_variance(mean: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Give the expected ``(sqrt(n) - sqrt(mean))**2`` of Poisson counts ``n``.

    It is the mean itself for rare photons and tends to 1/4 for many.

    Parameters
    ----------
    mean : array of float
        Expected counts, not negative.

    Returns
    -------
    ndarray of float64
        Same shape.
    """
    rate = np.asarray(mean, dtype=float)
    grid = np.linspace(0.0, SUMMED, 2001)
    counts = np.arange(int(SUMMED + 12 * np.sqrt(SUMMED)))
    log_rate = np.log(np.maximum(grid, 1e-300))[:, None]
    weights = np.exp(counts * log_rate - grid[:, None] - gammaln(counts + 1))
    exact = 2 * grid - 2 * np.sqrt(grid) * (weights @ np.sqrt(counts))
    few = np.interp(rate, grid, exact)
    # E sqrt(n) = sqrt(m) (1 - 1/(8 m) - 7/(128 m^2) - ...)
    many = 0.25 + 7 / (64 * np.maximum(rate, 1.0))
    return np.asarray(np.where(rate < SUMMED, few, many), dtype=np.float64)


def model_intensity(block: Block, frames: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Compute what the detector should have seen for some frames of a block.

    Parameters
    ----------
    block : Block
        Frames with the probe and object they belong to.
    frames : (n,) int
        Which of its frames.

    Returns
    -------
    (n, H, W) float64
        Photons, zero frequency at ``shape // 2``.
    """
    parts = [frames[k : k + BATCH] for k in range(0, len(frames), BATCH)]
    powers = [sum(_intensity(block, colour, part) for colour in block.colours) for part in parts]
    height, width = block.counts.shape[-2:]
    edge = block.resample
    power = np.concatenate([np.zeros((0, height * edge, width * edge)), *powers])
    return np.asarray(power.reshape(-1, height, edge, width, edge).sum(axis=(2, 4)))


def _intensity(
    block: Block, colour: Colour, frames: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Sum up the waves of one wavelength, in pixels of the wave; shape (n, H, W)."""
    shape = colour.object_views.shape
    views = np.lib.stride_tricks.sliding_window_view(colour.obj.data, shape, axis=(-2, -1))
    y, x = colour.corners[frames].T
    offsets, shifts = colour.between_pixels()
    if offsets is None or shifts is None:
        seen = views[:, y, x]
    else:
        y, x = (colour.corners + offsets)[frames].T
        v, u = shifts[frames].T[..., None, None]
        above = (1 - u) * views[:, y, x] + u * views[:, y, x + 1]
        below = (1 - u) * views[:, y + 1, x] + u * views[:, y + 1, x + 1]
        seen = (1 - v) * above + v * below
    rows = block.probe_rows
    probes = colour.probe.data[None] if rows is None else colour.probe.data[rows[frames]]
    waves = probes.swapaxes(0, 1)[:, None] * seen[None]
    field = colour.geometry.propagator.fw(waves)
    return np.asarray((np.abs(field) ** 2).sum(axis=(0, 1)), dtype=np.float64)


def noise_floor(blocks: Iterable[Block], sample: int = 64) -> float:
    """Give the residual that a perfect reconstruction would have, from photon noise alone.

    The residual is ``sqrt(sum (|model| - sqrt(counts))**2 / sum counts)`` over trusted pixels.
    Its expectation is evaluated at the model's own intensities, and so holds near the solution:
    while probe and object are still wrong, so is the floor, by up to half of itself.
    Every process must call it; all get the floor of all frames.

    Parameters
    ----------
    blocks : iterable of Block
        Reconstructed frames.
    sample : int
        Frames to use of each block, spread evenly.

    Returns
    -------
    float
        The floor, to compare with ``residual``.
    """
    sums = np.zeros(2)
    for block in blocks:
        count = len(block.counts)
        frames = np.unique(np.linspace(0, count - 1, min(sample, count)).astype(np.intp))
        mask = np.broadcast_to(block.mask, block.counts.shape)[frames]
        sums[0] += float(np.sum(mask * sqrt_variance(model_intensity(block, frames))))
        sums[1] += float(np.sum(mask * block.counts[frames], dtype=np.float64))
    if parallel.size > 1:
        parallel.allreduce(sums)
    return float(np.sqrt(sums[0] / sums[1])) if sums[1] else 0.0
