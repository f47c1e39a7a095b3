"""Where the beam was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy.signal

if TYPE_CHECKING:
    from ptypy.core.classes import Storage
    from ptypy.core.manager import Block

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
    shape = obj.data.shape[-2:]
    light = np.zeros(shape)
    for block in blocks:
        if block.obj is not obj:
            continue
        power = np.sum(np.abs(block.probe.data) ** 2, axis=0)
        hits = np.zeros([n - m + 1 for n, m in zip(shape, power.shape, strict=True)])
        np.add.at(hits, tuple(block.corners.T), 1.0)
        light += scipy.signal.fftconvolve(hits, power, mode="full")
    # The transform leaves rounding errors where no light was.
    light = np.maximum(light, 0.0)
    return light / max(float(light.max()), 1e-300)
