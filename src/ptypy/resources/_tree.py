"""A tree in winter: branches that fork nine times, a few leaves left, hills behind."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.resources._canvas import Sheet, grain, sheet, smooth_step, transmission

__all__ = ["tree_obj"]

_LEVELS = 9
_GROUND = 0.80


def tree_obj(shape: int | tuple[int, int] | Any = 512) -> npt.NDArray[np.complex64]:
    """Draw the transmission of a tree.

    Parameters
    ----------
    shape : int or (height, width)
        Size of the picture [px]; the tree fills its shorter side.

    Returns
    -------
    (height, width) complex64
        Phase from 0 to about 1 rad, amplitude from 0.8 to 1.
    """
    y, x, pixel = sheet(shape)
    cloud = grain(y, x, finest=3 * pixel, octaves=6, seed=8)
    density = 0.10 + 0.08 * cloud + 0.05 * (y + 1)
    absorption = 0.15 + 0.15 * cloud
    for number, height in enumerate((0.46, 0.62, _GROUND)):
        crest = height + 0.055 * np.sin((2.1 + number) * x + 1.7 * number)
        crest = crest + 0.012 * np.sin(13 * x + number)
        hill = smooth_step(y - crest, -pixel, pixel)
        body = 0.20 + 0.10 * number + 0.06 * cloud
        density = density * (1 - hill) + hill * body
        absorption = absorption * (1 - hill) + hill * (0.25 + 0.15 * number + 0.2 * cloud)
    wood, leaves = _grow(_Paper(y, x, pixel))
    density = np.maximum(density + 0.30 * leaves, density * (1 - wood) + wood * 0.95)
    bark = 0.75 + 0.25 * grain(y, x * 3, finest=3 * pixel, octaves=6, seed=5)
    absorption = np.maximum(absorption + 0.35 * leaves, wood * bark)
    return transmission(np.clip(density, 0.0, 1.0), absorption)


class _Paper(NamedTuple):
    """Where the pixels of the picture are; see `sheet`."""

    y: Sheet
    x: Sheet
    pixel: float

    def box(
        self, low: tuple[float, float], high: tuple[float, float]
    ) -> tuple[tuple[slice, slice], Sheet, Sheet]:
        """Find the pixels between two corners, and their coordinates."""
        rows = slice(*(int(n) for n in np.searchsorted(self.y[:, 0], [low[0], high[0]])))
        columns = slice(*(int(n) for n in np.searchsorted(self.x[0], [low[1], high[1]])))
        return (rows, columns), self.y[rows], self.x[:, columns]


def _grow(paper: _Paper) -> tuple[Sheet, Sheet]:
    """Draw the trunk and all branches (height of the wood, 0 to 1) and the leaves."""
    rng = np.random.default_rng(21)
    wood = np.zeros(np.broadcast_shapes(paper.y.shape, paper.x.shape), dtype=np.float32)
    leaves = np.zeros_like(wood)
    # Each row: y, x, direction [rad, 0 is up], length, thickness.
    shoots = np.array([[_GROUND + 0.05, 0.03, 0.03, 0.40, 0.062]])
    for level in range(_LEVELS):
        grown = []
        for cy, cx, direction, length, thick in shoots:
            end_y, end_x = cy - length * np.cos(direction), cx + length * np.sin(direction)
            _limb(wood, paper, ((cy, cx), (end_y, end_x)), (thick, 0.72 * thick))
            if level >= _LEVELS - 2 and rng.random() < 0.6:
                _leaf(leaves, paper, (end_y, end_x), rng.uniform(0.01, 0.02), rng.uniform(0, np.pi))
            for side in (-1, 1):
                spread = side * rng.uniform(0.26, 0.56) + rng.normal(0, 0.10)
                # Branches strive upwards: what points down bends back.
                bent = 0.96 * direction + spread
                grown.append([end_y, end_x, bent, length * rng.uniform(0.66, 0.86), thick * 0.70])
        shoots = np.array(grown)
    return wood, leaves


def _limb(
    canvas: Sheet,
    paper: _Paper,
    ends: tuple[tuple[float, float], tuple[float, float]],
    thick: tuple[float, float],
) -> None:
    """Draw a rounded stick that tapers from one end to the other; higher wood stays on top."""
    (start, end), pixel = ends, paper.pixel
    reach = max(thick) + 2 * pixel
    low = (min(start[0], end[0]) - reach, min(start[1], end[1]) - reach)
    high = (max(start[0], end[0]) + reach, max(start[1], end[1]) + reach)
    box, y, x = paper.box(low, high)
    dy, dx = end[0] - start[0], end[1] - start[1]
    py, px = y - start[0], x - start[1]
    along = np.clip((py * dy + px * dx) / (dy * dy + dx * dx), 0, 1)
    distance = np.hypot(py - along * dy, px - along * dx)
    radius = np.maximum((thick[0] + (thick[1] - thick[0]) * along) / 2, 0.6 * pixel)
    round_wood = np.sqrt(np.clip(1 - (distance / (radius + pixel)) ** 2, 0, 1))
    edge = smooth_step(radius - distance, -pixel, pixel)
    stick = edge * (0.45 + 0.55 * round_wood)
    canvas[box] = np.maximum(canvas[box], stick)


def _leaf(canvas: Sheet, paper: _Paper, at: tuple[float, float], size: float, turn: float) -> None:
    """Draw one leaf: a lens of the given length, denser along its midrib."""
    reach = 1.2 * size
    box, y, x = paper.box((at[0] - reach, at[1] - reach), (at[0] + reach, at[1] + reach))
    py, px = y - at[0], x - at[1]
    u = (py * np.sin(turn) + px * np.cos(turn)) / size
    v = (px * np.sin(turn) - py * np.cos(turn)) / size
    body = np.clip(1 - u * u - (2.4 * v) ** 2, 0, 1)
    blade = np.sqrt(body) * (0.75 + 0.25 * np.exp(-((v / 0.08) ** 2)))
    canvas[box] = np.maximum(canvas[box], blade)
