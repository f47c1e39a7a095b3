"""Random numbers that are the same on every process."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.utils.parallel._collectives import bcast
from ptypy.utils.parallel._world import world

__all__ = ["MPInoise2d", "MPIrand_normal", "MPIrand_uniform"]

Size = int | tuple[int, ...] | None


def MPIrand_normal(loc: float = 0.0, scale: float = 1.0, size: Size = None) -> Any:
    """Draw from a normal distribution on the master and give it to every process."""
    # The legacy generator: scripts make their runs reproducible with `np.random.seed`.
    return bcast(np.random.normal(loc, scale, size) if world().master else None)  # noqa: NPY002


def MPIrand_uniform(low: float = 0.0, high: float = 1.0, size: Size = None) -> Any:
    """Draw from a uniform distribution on the master and give it to every process."""
    return bcast(np.random.uniform(low, high, size) if world().master else None)  # noqa: NPY002


def MPInoise2d(
    sh: tuple[int, ...],
    rms: float = 1.0,
    mfs: float = 2,
    rms_mod: float | None = None,
    mfs_mod: float = 2,
) -> npt.NDArray[np.complex128]:
    """Make a random complex field of modulus about one, the same on every process.

    Parameters
    ----------
    sh : tuple of int
        Shape; the last two axes are the plane.
    rms : float
        Root mean square of the phase [rad].
    mfs : float
        Smallest feature of the phase [px].
    rms_mod : float, optional
        Root mean square of the modulus about 1. Not given: the modulus is 1.
    mfs_mod : float
        Smallest feature of the modulus [px].

    Returns
    -------
    ``sh`` complex128
    """
    field = np.exp(1j * rms * _smooth_noise(sh, mfs))
    if rms_mod:
        field = field * (1 + rms_mod * _smooth_noise(sh, mfs_mod))
    return np.asarray(field, dtype=np.complex128)


def _smooth_noise(shape: tuple[int, ...], feature: float) -> npt.NDArray[np.float64]:
    """Give noise of mean 0 and root mean square 1, smoothed over ``feature`` px."""
    from scipy.ndimage import gaussian_filter

    # A Gaussian of this sigma has a full width at half maximum of one feature.
    sigma = (0.0,) * (len(shape) - 2) + (feature / 2.355,) * 2
    noise = gaussian_filter(MPIrand_normal(size=shape), sigma, mode="wrap")
    noise -= noise.mean()
    deviation = noise.std()
    return np.asarray(noise / deviation if deviation > 0 else noise, dtype=np.float64)
