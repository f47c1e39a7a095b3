"""A flower: petals with veins, a disc of seeds in golden-angle order, grain behind."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.resources._canvas import Sheet, grain, sheet, smooth_step, transmission

__all__ = ["flower_obj"]


class _Whorl(NamedTuple):
    """One ring of petals."""

    petals: int
    length: float
    width: float
    turn: float
    """Angle of the first petal [rad]."""
    shade: float
    """How dense its petals are."""


_WHORLS = (
    _Whorl(13, 0.96, 0.235, 0.10, 0.46),
    _Whorl(13, 0.80, 0.200, 0.34, 0.62),
    _Whorl(8, 0.58, 0.225, 0.05, 0.80),
)
_DISC = 0.235
_SEEDS = 150


def flower_obj(shape: int | tuple[int, int] | Any = 512) -> npt.NDArray[np.complex64]:
    """Draw the transmission of a flower.

    Parameters
    ----------
    shape : int or (height, width)
        Size of the picture [px]; the flower fills its shorter side.

    Returns
    -------
    (height, width) complex64
        Phase from 0 to about 1 rad, amplitude from 0.8 to 1.
    """
    y, x, pixel = sheet(shape)
    cloud = grain(y, x, finest=3 * pixel, octaves=6, seed=3)
    density = 0.14 + 0.09 * cloud
    absorption = 0.16 + 0.12 * cloud
    radius, angle = np.hypot(y, x), np.arctan2(y, x)
    for number, whorl in enumerate(_WHORLS):
        cover, petal, veins = _petals(radius, angle, whorl, pixel, seed=number)
        # The shadow below a petal's rim tells the whorls apart.
        density = density * (1 - cover) + cover * (petal + 0.035 * cloud)
        absorption = absorption * (1 - cover) + cover * (0.30 * petal + 0.55 * veins)
    cover, seeds = _disc(y, x, pixel)
    density = density * (1 - cover) + cover * seeds
    absorption = absorption * (1 - cover) + cover * (0.35 + 0.6 * seeds)
    return transmission(np.clip(density, 0.0, 1.0), absorption)


def _petals(
    radius: Sheet, angle: Sheet, whorl: _Whorl, pixel: float, *, seed: int
) -> tuple[Sheet, Sheet, Sheet]:
    """Draw a ring of petals: where they are, how thick, and their veins."""
    rng = np.random.default_rng([11, seed])
    sector = 2 * np.pi / whorl.petals
    turned = (angle - whorl.turn) / sector
    index = np.floor(turned + 0.5).astype(np.int64)
    # Every petal a little different: its length, its lean, its waviness.
    length = whorl.length * rng.uniform(0.90, 1.04, whorl.petals).astype(np.float32)
    lean = rng.uniform(-0.09, 0.09, whorl.petals).astype(np.float32)
    wave = rng.uniform(0, 2 * np.pi, whorl.petals).astype(np.float32)
    who = index % whorl.petals
    off = (turned - index) * sector
    along = radius * np.cos(off) / length[who]
    across = radius * np.sin(off) - lean[who] * radius * (along - 0.5)
    s = np.clip(along, 0.0, 1.0)
    outline = whorl.width * (s**0.55) * np.sqrt(np.clip(1 - s**3.2, 0, 1))
    outline *= 1 + 0.05 * np.sin(17 * s + wave[who]) * s
    room = outline - np.abs(across)
    cover = smooth_step(room, -pixel, pixel) * (along < 1)
    v = np.clip(across / np.maximum(outline, 1e-6), -1, 1)
    bulge = np.sqrt(np.clip(1 - v * v, 0, 1))
    veins = _veins(v, s, pixel / np.maximum(outline, pixel))
    rim = 1 - smooth_step(room, 0.0, 0.022)
    petal = whorl.shade * (0.52 + 0.42 * bulge + 0.16 * s) - 0.20 * veins + 0.10 * rim
    return cover.astype(np.float32), petal.astype(np.float32), veins.astype(np.float32)


def _veins(v: Sheet, s: Sheet, pixel: Sheet) -> Sheet:
    """Draw a midrib and side veins that leave it towards the rim of a petal.

    ``v`` runs from -1 to 1 across a petal, ``s`` from 0 to 1 along it; ``pixel`` is the size of
    a pixel in units of ``v``: lines finer than that would alias, so they fade.
    """
    midrib = np.exp(-((v / (0.045 + pixel)) ** 2))
    count = 15.0
    stripe = count * (s - 0.42 * np.abs(v) ** 1.25)
    side = np.exp(-(((stripe - np.round(stripe)) / 0.11) ** 2)) * (1 - np.abs(v) ** 3)
    fan = 0.5 + 0.5 * np.cos(2 * np.pi * 4.5 * v)
    fade = np.clip(1.2 - 12 * pixel, 0.0, 1.0)
    return np.asarray(np.maximum(midrib, fade * (0.62 * side + 0.22 * fan**6)), dtype=np.float32)


def _disc(y: Sheet, x: Sheet, pixel: float) -> tuple[Sheet, Sheet]:
    """Draw the middle: seeds along spirals, each at the golden angle from the one before."""
    radius = np.hypot(y, x)
    cover = smooth_step(_DISC - radius, -1.5 * pixel, 1.5 * pixel)
    bowl = 0.42 + 0.25 * (radius / _DISC) ** 2
    seeds = np.zeros(radius.shape, dtype=np.float32)
    number = np.arange(_SEEDS)
    distance = _DISC * np.sqrt((number + 0.5) / _SEEDS) * 0.97
    angle = number * np.pi * (3 - np.sqrt(5))
    size = 0.0105 + 0.0035 * distance / _DISC
    reach = 3 * float(size.max())
    for cy, cx, edge in zip(distance * np.sin(angle), distance * np.cos(angle), size, strict=True):
        rows = slice(*np.searchsorted(y[:, 0], [cy - reach, cy + reach]))
        columns = slice(*np.searchsorted(x[0], [cx - reach, cx + reach]))
        square = (y[rows] - cy) ** 2 + (x[:, columns] - cx) ** 2
        dome = np.sqrt(np.clip(1 - square / edge**2, 0, 1))
        seeds[rows, columns] = np.maximum(seeds[rows, columns], dome)
    return cover, np.asarray(bowl + 0.5 * seeds, dtype=np.float32)
