"""About where an object is known, if nobody says where the frames lay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ptypy.diagnose._field import Field

__all__ = ["SEEN", "guess_seen", "seen_from"]

SEEN = 0.1
"""An object is shown where it got at least this share of the light of its brightest pixel."""

POWER = 0.7
"""Part of the light that counts as the beam, if it is not known how the frames overlap."""

SMOOTH = 2.0
"""Width over which light is averaged [px]: grains of a beam leave no holes."""


def seen_from(light: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Say where an object is known, without holes, from the light on each pixel (Y, X)."""
    from scipy.ndimage import binary_fill_holes, gaussian_filter

    smooth = gaussian_filter(light, SMOOTH)
    return np.asarray(binary_fill_holes(smooth > SEEN * float(smooth.max())))


def guess_seen(obj: Field, probe: Field) -> npt.NDArray[np.bool_]:
    """Say about where an object is known.

    The array of an object is as large as frames of the probe's size at all positions need, so
    the beam's middle stayed half a frame away from its edges.

    Parameters
    ----------
    obj, probe : Field

    Returns
    -------
    (Y, X) bool
        A rectangle: where the middle of the beam was, and the radius around it that holds most
        of its light.
    """
    power = np.sum(np.abs(probe.data) ** 2, axis=0, dtype=np.float64)
    shape = obj.data.shape[-2:]
    seen = np.zeros(shape, bool)
    ends = []
    for axis, size in enumerate(shape):
        line = power.sum(axis=1 - axis)
        total = np.cumsum(line) / max(float(line.sum()), 1e-300)
        low, high = np.searchsorted(total, ((1 - POWER) / 2, (1 + POWER) / 2))
        first, last = int(low), size - (len(line) - 1 - int(high))
        ends.append(slice(first, last) if first < last else slice(0, size))
    seen[tuple(ends)] = True
    return seen
