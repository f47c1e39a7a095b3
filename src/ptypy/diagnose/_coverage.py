"""Where the beam was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ptypy.utils import parallel

if TYPE_CHECKING:
    from ptypy.core.classes import Storage
    from ptypy.core.manager import Block, Colour

__all__ = ["coverage", "light_at"]

Light = npt.NDArray[np.float64]


def coverage(blocks: Iterable[Block], obj: Storage) -> Light:
    """Give the light that fell on every pixel of an object, over the most that fell on one.

    Every process must call it; all get the light of all frames.

    Parameters
    ----------
    blocks : iterable of Block
        Frames; those of other objects are left out.
    obj : Storage
        The object.

    Returns
    -------
    (Y, X) float64
        From 0 (dark) to 1.
    """
    light = np.zeros(obj.data.shape[-2:])
    for block in blocks:
        for colour in block.colours:
            if colour.obj is obj:
                light += _light(block, colour)
    if parallel.size > 1:
        parallel.allreduce(light)
    return _relative(light)


def light_at(corners: npt.NDArray[np.int64], power: Light, shape: tuple[int, int]) -> Light:
    """Give the light of one beam at many places, over the most that fell on a pixel.

    Parameters
    ----------
    corners : (N, 2) int
        Upper left pixels of the frames; those that lie outside are left out.
    power : (h, w) float
        Of the beam.
    shape : (int, int)
        Of the object (Y, X).

    Returns
    -------
    (Y, X) float64
        From 0 (dark) to 1.
    """
    room = np.array(shape) - power.shape + 1
    inside = ((corners >= 0) & (corners < room)).all(axis=1)
    if not inside.any():
        return np.zeros(shape)
    return _relative(_sum_of_beams(corners[inside], power, shape))


def _relative(light: Light) -> Light:
    # The transform leaves rounding errors where no light was.
    light = np.maximum(light, 0.0)
    return np.asarray(light / max(float(light.max()), 1e-300))


def _light(block: Block, colour: Colour) -> Light:
    """Sum up the light of one wavelength that fell on each pixel, shape (Y, X)."""
    shape, corners = colour.obj.data.shape[-2:], colour.corners
    if block.probe_rows is not None:
        light = np.zeros(shape)
        for (y, x), rows in zip(corners, block.probe_rows, strict=True):
            power = np.sum(np.abs(colour.probe.data[rows]) ** 2, axis=0)
            light[y : y + power.shape[0], x : x + power.shape[1]] += power
        return light
    return _sum_of_beams(corners, np.sum(np.abs(colour.probe.data) ** 2, axis=0), shape)


def _sum_of_beams(corners: npt.NDArray[np.int64], power: Light, shape: tuple[int, ...]) -> Light:
    from scipy.signal import fftconvolve

    hits = np.zeros([n - m + 1 for n, m in zip(shape, power.shape, strict=True)])
    np.add.at(hits, tuple(corners.T), 1.0)
    return np.asarray(fftconvolve(hits, power, mode="full"))
