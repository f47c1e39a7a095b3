"""Where frames lie on the object, and how large it must be for them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.utils import parallel
from ptypy.utils.verbose import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptypy.core.classes import Container, Storage

__all__ = ["check_positions", "local_rows", "make_object", "make_room"]

MARGIN = 8
"""Pixels around all views, so that positions may be refined and a few frames may come."""

LARGE = 100_000_000
"""Pixels of an object above which something is more likely wrong than intended."""

BYTES_A_PIXEL = 28
"""Memory that a pixel of an object takes while engines run, with sums and gradients."""


def check_positions(
    positions: npt.NDArray[np.float64] | None, indices: npt.NDArray[np.int64], label: str
) -> npt.NDArray[np.float64]:
    """Make sure that every frame has a position.

    Raises
    ------
    DataError
        If positions are missing, of another number than the frames, or not finite.
    """
    remedy = "let `load_positions` or `load` give them, (N, 2) in metres, or set positions_theory"
    if positions is None:
        raise DataError(f"scan {label!r} has no positions: {remedy}")
    places = np.asarray(positions, np.float64)
    if places.shape != (len(indices), 2):
        raise DataError(
            f"scan {label!r}: positions of shape {places.shape} do not fit {len(indices)} frames: "
            f"{remedy}"
        )
    lost = np.flatnonzero(~np.isfinite(places).all(axis=1))
    if len(lost):
        raise DataError(
            f"scan {label!r}: {len(lost)} frames have no position, the first of them "
            f"frame {indices[lost[0]]} with {places[lost[0]]}: {remedy}"
        )
    return places


def local_rows(
    indices: npt.NDArray[np.int64], indices_node: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Find where in a chunk's indices those are whose frames this process holds.

    Every process must call it. Indices that occur more than once do not tell whose they are;
    then the frames of the processes follow one another, in the order of the processes.
    """
    if parallel.size == 1 and np.array_equal(indices, indices_node):
        return np.arange(len(indices))
    order = np.argsort(indices, kind="stable")
    if (np.diff(indices[order]) == 0).any():
        counts = np.zeros(parallel.size, np.int64)
        counts[parallel.rank] = len(indices_node)
        first = int(parallel.allreduce(counts)[: parallel.rank].sum())
        return np.arange(first, first + len(indices_node))
    return np.asarray(order[np.searchsorted(indices, indices_node, sorter=order)], np.int64)


def make_object(
    container: Container,
    ID: str,
    positions: npt.NDArray[np.float64],
    *,
    resolution: npt.NDArray[np.float64],
    shape: tuple[int, int],
    draw: Callable[[tuple[int, int], npt.NDArray[np.float64]], npt.NDArray[np.complex64]],
    fill: complex,
) -> Storage:
    """Make an object that has room for frames at all positions.

    Parameters
    ----------
    container : Container
        Gets the storage.
    ID : str
        Its name.
    positions : (M, 2) float64
        Of the frames of all processes [m].
    resolution : (2,) float64
        Size of a pixel [m].
    shape : (int, int)
        Of a frame [px].
    draw : callable
        Gives the object, (H, W) or (modes, H, W), of a shape, whose pixel at coordinate zero is
        the second argument.
    fill : number
        What is there where the object grows later.

    Raises
    ------
    DataError
        If positions are so far apart, or so close, that they cannot be metres.
    """
    storage = container.new_storage(
        ID, shape=(1, 1, 1), psize=resolution, fill=fill, padonly=True, padding=MARGIN
    )
    storage.center = offset = _common_offset(positions / storage.psize)
    low, high = _box(storage, positions, shape)
    _check_size(low, high, positions, storage)
    _check_span(positions, storage)
    low, high = low - MARGIN, high + MARGIN
    height, width = (int(n) for n in high - low)
    drawn = np.asarray(draw((height, width), offset - low), storage.dtype)
    storage.data = np.array(drawn.reshape(-1, height, width))
    storage.center = offset - low
    return storage


def make_room(storage: Storage, positions: npt.NDArray[np.float64], shape: tuple[int, int]) -> bool:
    """Let an object grow until frames at all positions lie within; True if it had to."""
    low, high = _box(storage, positions, shape)
    size = np.array(storage.shape[1:])
    _check_size(np.minimum(low, 0), np.maximum(high, size), positions, storage)
    return storage.cover(low, high)


def _common_offset(pixels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Find the part of a pixel by which all frames lie beside whole pixels, (y, x) [px].

    Positions are relative to an arbitrary origin. If they share a fraction of a pixel, as steps of
    whole pixels do, the object's pixels are laid under them, and nothing is interpolated.
    """
    common = np.exp(2j * np.pi * pixels).mean(axis=0)
    return np.where(np.abs(common) > 0.5, -np.angle(common) / (2 * np.pi), 0.0)


def _box(
    storage: Storage, positions: npt.NDArray[np.float64], shape: tuple[int, int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First pixel of the union of all frames, and first beyond it.

    With the pixels around, which frames that lie between pixels touch.
    """
    corners = storage.corners_of(positions, shape)
    return corners.min(axis=0) - 1, corners.max(axis=0) + np.array(shape) + 1


def _check_size(
    low: npt.NDArray[np.int64],
    high: npt.NDArray[np.int64],
    positions: npt.NDArray[np.float64],
    storage: Storage,
) -> None:
    """Refuse an object that does not fit into memory, and doubt a very large one."""
    pixels = float(np.prod((high - low).astype(float)))
    if pixels < LARGE:
        return
    span, size = np.ptp(positions, axis=0), storage.psize
    text = (
        f"object {storage.ID} would have {high[0] - low[0]} x {high[1] - low[1]} px: positions "
        f"span {span[0]:.4g} x {span[1]:.4g} m, and its pixels are {size[0]:.4g} x {size[1]:.4g} m "
        "large (wavelength * distance / (psize * shape)). Check that positions, distance and "
        "psize are in metres and energy is in keV, and leave out positions far from all others"
    )
    if pixels * BYTES_A_PIXEL > _memory():
        raise DataError(f"{text}; there is not enough memory for it")
    logger.error("%s", text)


def _check_span(positions: npt.NDArray[np.float64], storage: Storage) -> None:
    """Refuse a scan that does not move."""
    span, size = np.ptp(positions, axis=0), storage.psize
    if len(positions) > 4 and bool((span < size).all()):
        raise DataError(
            f"all {len(positions)} positions of object {storage.ID} lie within one of its pixels: "
            f"they span {span[0]:.4g} x {span[1]:.4g} m, a pixel is {size[0]:.4g} x {size[1]:.4g} "
            "m. Check that positions, distance and psize are in metres and energy is in keV"
        )


def _memory() -> float:
    """Give the memory of this machine [bytes]; endless where it does not tell."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return float("inf")
