"""What the pictures share: a sheet of coordinates, soft edges, and grain."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Sheet", "grain", "sheet", "smooth_step", "transmission"]

Sheet = npt.NDArray[np.float32]


def sheet(shape: int | tuple[int, int] | Any) -> tuple[Sheet, Sheet, float]:
    """Lay out coordinates.

    Parameters
    ----------
    shape : int or (height, width)

    Returns
    -------
    y, x : (H, 1) and (1, W) float32
        0 in the middle, -1 and 1 at the ends of the shorter side.
    pixel : float
        Edge of a pixel in these units.
    """
    height, width = (int(n) for n in np.broadcast_to(shape, 2))
    pixel = 2.0 / min(height, width)
    y = (np.arange(height, dtype=np.float32) - (height - 1) / 2) * np.float32(pixel)
    x = (np.arange(width, dtype=np.float32) - (width - 1) / 2) * np.float32(pixel)
    return y[:, None], x[None, :], pixel


def smooth_step(value: npt.NDArray[Any], low: float, high: float) -> Sheet:
    """Rise smoothly from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)


def grain(y: Sheet, x: Sheet, *, finest: float, octaves: int = 5, seed: int = 0) -> Sheet:
    """Draw cloudy noise between about -1 and 1, the same scene at every resolution.

    Parameters
    ----------
    y, x : (H, 1) and (1, W) float32
        Coordinates of `sheet`.
    finest : float
        Finest period that is drawn, in the units of the coordinates.
    octaves : int
        Number of scales, each twice as fine and half as strong as the one before.
    seed : int
        Chooses among scenes.
    """
    rng = np.random.default_rng(seed)
    total = np.zeros(np.broadcast_shapes(y.shape, x.shape), dtype=np.float32)
    for octave in range(octaves):
        for _ in range(5):
            period = 0.9 / 2**octave * rng.uniform(0.7, 1.3)
            angle, phase = rng.uniform(0, 2 * np.pi, 2)
            bend = rng.uniform(-1.5, 1.5)
            if period < finest:
                continue
            k = 2 * np.pi / period
            along = y * np.sin(angle) + x * np.cos(angle)
            across = x * np.sin(angle) - y * np.cos(angle)
            wave = np.sin(k * along + bend * np.sin(0.37 * k * across + phase) + phase)
            total += np.float32(0.7**octave) * wave.astype(np.float32)
    return total / np.float32(6.0)


def transmission(phase: Sheet, absorption: Sheet) -> npt.NDArray[np.complex64]:
    """Turn a phase [rad] and an absorption (0 to 1) into the wave behind the sample.

    The amplitude runs from 1 (nothing absorbed) down to 0.8.
    """
    amplitude = 1.0 - 0.2 * np.clip(absorption, 0.0, 1.0)
    return np.asarray(amplitude * np.exp(1j * phase), dtype=np.complex64)
