"""A probe shaped as a young moon: a bright crescent, the rest of the disc in earthlight."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.resources._canvas import Sheet, grain, sheet, smooth_step

__all__ = ["moon_pr"]

_RADIUS = 0.46
"""Radius of the moon, in halves of the shorter side: the disc fills 46 % of a frame's width,
so that its diffraction pattern is sampled finely enough."""


def moon_pr(shape: int | tuple[int, int] | Any = 128) -> npt.NDArray[np.complex64]:
    """Draw a probe shaped as a crescent moon.

    It is no symmetric spot: neither shifted, turned, mirrored nor conjugated does it look the
    same, so that a mistake in any convention shows.

    Parameters
    ----------
    shape : int or (height, width)
        Size of the frame [px].

    Returns
    -------
    (height, width) complex64
        Largest amplitude 1, phase within about 1.5 rad.
    """
    y, x, pixel = sheet(shape)
    soft = max(2.0 * pixel, 0.03)
    radius = np.hypot(y, x)
    disc = smooth_step(_RADIUS - radius, -soft, soft)
    shadow = smooth_step(0.92 * _RADIUS - np.hypot(y + 0.10, x - 0.19), -2 * soft, 2 * soft)
    amplitude = disc * (1.0 - 0.72 * shadow) * _craters(y, x)
    speckle = grain(y * 2.2, x * 2.2, finest=12 * pixel, octaves=4, seed=17)
    phase = 0.9 * speckle + 1.1 * (radius / _RADIUS) ** 2
    probe = amplitude * np.exp(1j * phase)
    return np.asarray(probe / np.abs(probe).max(), dtype=np.complex64)


def _craters(y: Sheet, x: Sheet) -> Sheet:
    """Draw how bright the ground is: craters with a rim, and a dark sea."""
    rng = np.random.default_rng(42)
    ground = 1.0 - 0.25 * np.exp(-((y - 0.05) ** 2 + (x + 0.22) ** 2) / 0.10**2)
    for _ in range(16):
        angle, out = rng.uniform(0, 2 * np.pi), _RADIUS * np.sqrt(rng.uniform(0.02, 0.85))
        size = rng.uniform(0.03, 0.075)
        distance = np.hypot(y - out * np.sin(angle), x - out * np.cos(angle)) / size
        ground -= 0.30 * np.exp(-(distance**2)) - 0.18 * np.exp(-(((distance - 1.3) / 0.4) ** 2))
    return np.asarray(np.clip(ground, 0.2, 1.4), dtype=np.float32)
