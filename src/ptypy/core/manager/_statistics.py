"""How many photons a scan has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.utils import parallel

__all__ = ["Statistics", "photons_of", "summarize"]

_BATCH = 64
"""Frames weighed at once, so that no temporary is as large as the data."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """The photon budget of a scan, over all processes; only trusted pixels count."""

    num_frames: int
    """Frames that have arrived."""
    Itotal: npt.NDArray[np.float64]
    """Photons of every frame that this process holds, in the order of arrival, shape (n,)."""
    max_power: float
    """Photons of the brightest frame."""
    tot_power: float
    """Photons of all frames."""
    mean_power: float
    """Photons of a frame on average."""
    pbound_stub: float
    """`max_power` over the pixels of a frame: the scale of a power bound."""


def summarize(photons: npt.NDArray[np.float64], num_pixels: int) -> Statistics:
    """Sum up the photons of all frames of all processes; every process must call it."""
    sums = np.array([photons.sum(), float(len(photons))])
    parallel.allreduce(sums)
    brightest = float(parallel.MPImax(np.append(photons, 0.0)))
    return Statistics(
        num_frames=int(sums[1]),
        Itotal=photons,
        max_power=brightest,
        tot_power=float(sums[0]),
        mean_power=float(sums[0] / max(sums[1], 1.0)),
        pbound_stub=brightest / num_pixels,
    )


def photons_of(
    counts: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Sum the trusted pixels of every frame.

    Numbers that are not finite are set to zero, in place, where they are not trusted.

    Parameters
    ----------
    counts : (N, H, W) float32
    mask : (H, W) or (N, H, W) bool

    Returns
    -------
    (N,) float64

    Raises
    ------
    DataError
        If a trusted pixel is not a finite number.
    """
    photons = np.empty(len(counts))
    pixels = mask.reshape(-1).astype(np.float32) if mask.ndim == 2 else None
    for start in range(0, len(counts), _BATCH):
        part = slice(start, start + _BATCH)
        if pixels is not None:
            with np.errstate(invalid="ignore"):
                photons[part] = counts[part].reshape(-1, pixels.size) @ pixels
        else:
            photons[part] = np.sum(counts[part], axis=(1, 2), where=mask[part], dtype=np.float64)
    for row in np.flatnonzero(~np.isfinite(photons)):
        own = mask if mask.ndim == 2 else mask[row]
        wrong = ~np.isfinite(counts[row])
        if (wrong & own).any():
            y, x = np.argwhere(wrong & own)[0]
            raise DataError(
                f"frame {row} of the chunk holds {counts[row, y, x]} in its trusted pixel "
                f"({y}, {x}): mask such pixels"
            )
        counts[row][wrong] = 0
        photons[row] = np.sum(counts[row], where=own, dtype=np.float64)
    return photons
