"""Photon noise for frames that have none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError

__all__ = ["add_noise"]

SEED = 1905
"""Beginning of the seed of every frame; its scan-point index follows."""


def add_noise(
    data: npt.NDArray[Any], mask: npt.NDArray[np.bool_], labels: Sequence[int]
) -> npt.NDArray[Any]:
    """Replace counts by random numbers whose means they are.

    The noise of a frame depends on its scan-point index and its counts, and on nothing else.

    Parameters
    ----------
    data : (N, H, W)
        Mean counts.
    mask : (H, W) or (N, H, W) bool
        Pixels that are not trusted keep what they hold.
    labels : sequence of int
        Scan-point index of every frame.

    Returns
    -------
    (N, H, W)
        Whole numbers: int32 or int64 where counts were integers, else of the type of ``data``.

    Raises
    ------
    DataError
        If a trusted count is negative, not a number, or too large.
    """
    kind, size = data.dtype.kind, data.dtype.itemsize
    # Noise may lift a count above what its type holds; the choice must not depend on the counts.
    wider = np.dtype(np.int32 if size <= 2 else np.int64)
    noisy = np.empty(data.shape, data.dtype if kind == "f" else wider)
    for k, label in enumerate(labels):
        trusted = mask if mask.ndim == 2 else mask[k]
        mean = np.where(trusted, data[k], 0)
        if not mean.min(initial=0) >= 0:
            y, x = np.argwhere(~(mean >= 0))[0].tolist()
            raise DataError(
                f"frame {label} counts {mean[y, x]} in the trusted pixel ({y}, {x}) of the "
                "prepared frame: photon noise (`add_poisson_noise`) needs counts of zero or more; "
                "correct or mask such pixels in the loader, or leave the noise out"
            )
        try:
            counts = np.random.default_rng([SEED, label]).poisson(mean)
        except ValueError as error:
            raise DataError(
                f"frame {label} counts up to {mean.max():g}: too many for photon noise "
                f"(`add_poisson_noise`): {error}"
            ) from error
        noisy[k] = np.where(trusted, counts, data[k]) if not trusted.all() else counts
    return noisy
