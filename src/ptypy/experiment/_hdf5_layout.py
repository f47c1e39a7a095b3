"""How frames and motor positions of one HDF5 scan belong together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.utils.verbose import logger

__all__ = [
    "monitor_gain",
    "pair_positions",
    "raster_shape",
    "read_bounds",
    "read_edges",
    "select_frames",
]

Floats = npt.NDArray[np.float64]


def pair_positions(scan_shape: tuple[int, ...], slow: Floats, fast: Floats) -> Floats:
    """Give every frame of a scan its position.

    Parameters
    ----------
    scan_shape : tuple of int
        Shape of the frame dataset without its last two axes: ``(K,)`` or ``(A, B)``.
    slow, fast : ndarray
        Readings of the two motors. Either one a frame (any shape that has as many elements
        as there are frames), or one a line and one a column of a raster.

    Returns
    -------
    (N, 2) float64
        ``(slow, fast)`` of every frame, frames counted in the order of the file.

    Raises
    ------
    DataError
        If the shapes do not fit; it lists those that would.
    """
    frames = int(np.prod(scan_shape))
    if slow.shape == fast.shape and slow.size == frames:
        return np.stack([slow.ravel(), fast.ravel()], axis=1)
    if slow.ndim == fast.ndim == 1 and slow.size * fast.size == frames:
        grid = np.meshgrid(slow, fast, indexing="ij")
        return np.stack([axis.ravel() for axis in grid], axis=1)
    raise DataError(
        f"{frames} frames {scan_shape} do not fit slow positions {slow.shape} and fast positions "
        f"{fast.shape}: both need one entry a frame, or slow one a line and fast one a column "
        f"so that their sizes multiply to {frames}"
    )


def raster_shape(scan_shape: tuple[int, ...], slow: Floats, fast: Floats) -> tuple[int, ...]:
    """Give lines and columns of a scan whose frames are one list, where positions tell them.

    Parameters
    ----------
    scan_shape : tuple of int
        ``(K,)`` or ``(A, B)``.
    slow, fast : ndarray
        Readings of the two motors, as in `pair_positions`.

    Returns
    -------
    tuple of int
        ``(A, B)`` if the frames form a raster, else ``(K,)``.
    """
    if len(scan_shape) == 1:
        if slow.ndim == 2 and slow.shape == fast.shape and slow.size == scan_shape[0]:
            return slow.shape
        by_axis = slow.ndim == fast.ndim == 1 and slow.shape != scan_shape
        if by_axis and slow.size * fast.size == scan_shape[0]:
            return slow.size, fast.size
    return scan_shape


def select_frames(
    scan_shape: tuple[int, ...],
    *,
    keep: npt.NDArray[np.bool_] | None,
    slow_bounds: tuple[int, int | None] | None,
    fast_bounds: tuple[int, int | None] | None,
    skip: int,
    order: npt.NDArray[np.int64] | None,
) -> npt.NDArray[np.int64]:
    """Choose the frames of a scan that will be used, and their order.

    Parameters
    ----------
    scan_shape : tuple of int
        ``(K,)`` or ``(A, B)``, see `raster_shape`.
    keep : ndarray of bool or None
        True for frames to use, one a frame.
    slow_bounds, fast_bounds : (first, last + 1) or None
        Range along the first and the last axis of the scan.
    skip : int
        Use every ``skip``-th line and column.
    order : ndarray of int or None
        Frames in the order to use them; what it does not name is left out.

    Returns
    -------
    (n,) int64
        Frame numbers, counted in the order of the file.
    """
    frames = int(np.prod(scan_shape))
    if len(scan_shape) == 1 and slow_bounds is not None:
        raise DataError(
            "slow_axis_bounds choose lines of a raster, but the frames are a plain list: choose "
            "by fast_axis_bounds, framefilter or frameorder"
        )
    wanted = np.zeros(scan_shape, dtype=bool)
    everything: tuple[int | None, int | None] = (None, None)
    # A list of frames has one axis only, and the fast one walks along it.
    ranges = [fast_bounds] if len(scan_shape) == 1 else [slow_bounds, fast_bounds]
    wanted[tuple(slice(*(r or everything), skip) for r in ranges)] = True
    if keep is not None:
        if keep.size != frames:
            raise DataError(f"framefilter has {keep.size} entries for {frames} frames")
        wanted &= keep.reshape(scan_shape)
    if order is None:
        return np.flatnonzero(wanted)
    outside = order[(order < 0) | (order >= frames)]
    if outside.size:
        raise DataError(
            f"frameorder.indices names frame {outside[0]}; there are frames 0 to {frames - 1}"
        )
    return order[wanted.ravel()[order]]


def monitor_gain(monitor: Floats, scan_shape: tuple[int, ...], sigma: float) -> Floats:
    """Give the factor that takes out of every frame what the source did.

    Parameters
    ----------
    monitor : (N,) float64
        Readings of a beam monitor, one a frame of the file.
    scan_shape : tuple of int
        ``(K,)`` or ``(A, B)``.
    sigma : float
        Readings further from their mean than this many standard deviations are not believed.

    Returns
    -------
    (N,) float64
        Mean reading over the frame's own; 1 where that is not believed.
    """
    frames = int(np.prod(scan_shape))
    if monitor.size != frames:
        raise DataError(f"normalisation has {monitor.size} readings for {frames} frames")
    mean, allowed = monitor.mean(), sigma * monitor.std()
    strange = np.abs(monitor - mean) > allowed
    if strange.any():
        logger.error(
            "%d of %d beam monitor readings are further than %g from their mean %g: these frames "
            "are not normalised",
            strange.sum(), monitor.size, allowed, mean,
        )  # fmt: skip
    return np.where(strange, 1.0, mean / np.where(strange, 1.0, monitor))


def read_bounds(value: Any) -> tuple[int, int | None] | None:
    """Read a range: (first, last + 1), or the first alone."""
    if value is None:
        return None
    if np.ndim(value) == 0:
        return (int(value), None)
    first, last = value
    return (first, last)


def read_edges(padding: Any) -> list[tuple[int, int]]:
    """Turn (top, bottom, left, right), or one number for all, into pad widths."""
    if padding is None:
        return [(0, 0), (0, 0)]
    top, bottom, left, right = np.broadcast_to(padding, 4).tolist()
    return [(top, bottom), (left, right)]
