"""Where the beam was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy.signal

if TYPE_CHECKING:
    from ptypy.core.classes import Storage
    from ptypy.core.manager import Block, Colour

__all__ = ["coverage"]


def coverage(blocks: Iterable[Block], obj: Storage) -> npt.NDArray[np.float64]:
    """Give the light that fell on every pixel of an object, over the most that fell on one.

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
    # The transform leaves rounding errors where no light was.
    light = np.maximum(light, 0.0)
    return light / max(float(light.max()), 1e-300)


def _light(block: Block, colour: Colour) -> npt.NDArray[np.float64]:
    """Sum up the light of one wavelength that fell on each pixel, shape (Y, X)."""
    shape, corners = colour.obj.data.shape[-2:], colour.corners
    if block.probe_rows is not None:
        light = np.zeros(shape)
        for (y, x), rows in zip(corners, block.probe_rows, strict=True):
            power = np.sum(np.abs(colour.probe.data[rows]) ** 2, axis=0)
            light[y : y + power.shape[0], x : x + power.shape[1]] += power
        return light
    power = np.sum(np.abs(colour.probe.data) ** 2, axis=0)
    hits = np.zeros([n - m + 1 for n, m in zip(shape, power.shape, strict=True)])
    np.add.at(hits, tuple(corners.T), 1.0)
    return np.asarray(scipy.signal.fftconvolve(hits, power, mode="full"))
