"""How frames and motor positions of one HDF5 scan belong together, and how frames are corrected."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.utils.verbose import logger

__all__ = [
    "correct_frames",
    "first_of_both",
    "monitor_gain",
    "motor_of",
    "pair_positions",
    "raster_shape",
    "read_bounds",
    "read_edges",
    "see_shapes",
    "select_frames",
]

Floats = npt.NDArray[np.float64]
Shape = tuple[int, ...]
Reals = npt.NDArray[np.floating[Any]]


def motor_of(values: Floats, index: int | None, frames: int, name: str) -> Floats:
    """Give the readings of one motor.

    Parameters
    ----------
    values : ndarray
        What its dataset holds.
    index : int or None
        Which entry, where several motors share a dataset: along its first axis; along its last
        if the first counts the frames and the last does not.
    frames : int
        How many frames there are.
    name : str
        For messages.

    Returns
    -------
    ndarray
        Without axes of length one, at least one-dimensional.
    """
    if index is not None:
        if values.ndim == 0:
            raise DataError(f"{name}_index is {index}, but the dataset holds a single number")
        last = values.ndim > 1 and values.shape[0] == frames != values.shape[-1]
        if values.ndim == 2 and values.shape == (frames, frames) and frames > 1:
            logger.error(
                "%s: its dataset has shape %s, so that either axis could count the motors: taken "
                "for the first", name, values.shape,
            )  # fmt: skip
        values = values if not last else np.moveaxis(values, -1, 0)
        if not -len(values) <= index < len(values):
            raise DataError(f"{name}_index is {index}; there are motors 0 to {len(values) - 1}")
        values = values[index]
    return np.atleast_1d(np.squeeze(values))


def pair_positions(scan_shape: tuple[int, ...], slow: Floats, fast: Floats) -> Floats:
    """Give every frame of a scan its position.

    Parameters
    ----------
    scan_shape : tuple of int
        Shape of the frame dataset without its last two axes: ``(K,)`` or ``(A, B)``.
    slow, fast : ndarray
        Readings of the two motors. Either one a frame, of the shape of the scan or as a list; or
        one a line and one a column of a raster.

    Returns
    -------
    (N, 2) float64
        ``(slow, fast)`` of every frame, frames counted in the order of the file.

    Raises
    ------
    DataError
        If the shapes do not fit; it lists those that would.
    """
    see_shapes(scan_shape, slow.shape, fast.shape)
    if slow.size == fast.size == np.prod(scan_shape):
        return np.stack([slow.ravel(), fast.ravel()], axis=1)
    grid = np.meshgrid(slow, fast, indexing="ij")
    return np.stack([axis.ravel() for axis in grid], axis=1)


def see_shapes(scan_shape: Shape, slow: Shape, fast: Shape) -> None:
    """See that motors of these shapes give every frame one position, and the right one.

    Parameters
    ----------
    scan_shape, slow, fast : tuple of int
        As for `pair_positions`.

    Raises
    ------
    DataError
        It says which shapes would fit.
    """
    frames = int(np.prod(scan_shape))
    # A list may have axes of one entry.
    scan = tuple(n for n in scan_shape if n != 1) if len(scan_shape) > 1 else scan_shape
    if np.prod(slow) == np.prod(fast) == frames:
        shapes = {shape for shape in (slow, fast) if len(shape) > 1}
        if len(shapes) < 2 and (len(scan) < 2 or shapes <= {scan}):
            return
        remedy = ""
        if len(shapes) == 2 and slow == fast[::-1]:
            remedy = "; one of the two is transposed"
        elif len(shapes) == 1 and len(scan) == 2 and shapes == {scan[::-1]}:
            remedy = "; they are transposed"
        raise _misfit(scan_shape, slow, fast, remedy)
    if len(slow) == len(fast) == 1 and slow[0] * fast[0] == frames:
        if len(scan) < 2 or scan == (*slow, *fast):
            return
        exchanged = scan == (*fast, *slow)
        raise _misfit(
            scan_shape, slow, fast,
            "; slow and fast are exchanged: give each the key of the other" if exchanged else "",
        )  # fmt: skip
    raise _misfit(scan_shape, slow, fast, _hint(frames, slow, fast))


def _misfit(scan_shape: Shape, slow: Shape, fast: Shape, remedy: str) -> DataError:
    frames = int(np.prod(scan_shape))
    lengths = f", their sizes {scan_shape}" if len(scan_shape) > 1 else ""
    return DataError(
        f"{frames} frames {scan_shape} do not fit slow positions {slow} and fast positions "
        f"{fast}: both need one entry a frame, or slow one a line and fast one a column "
        f"so that their sizes multiply to {frames}{lengths}{remedy}"
    )


def _hint(frames: int, slow: Shape, fast: Shape) -> str:
    """Say what may be meant by shapes that do not fit."""
    least = min(frames, *slow[:1], *fast[:1])
    if len(slow) == len(fast) == 1 and slow == fast and least > 0:
        return f"; `num_frames={least}` uses the first of both"
    many = [shape for shape in (slow, fast) if len(shape) == 2 and shape[0] == frames]
    if many:
        return (
            f"; {many[0][1]} readings a frame? `slow_index` and `fast_index` choose one of them; "
            "store their means to use all"
        )
    return ""


def first_of_both(
    scan_shape: Shape, slow: Floats, fast: Floats, wanted: int | None
) -> tuple[Shape, Floats, Floats]:
    """Give motors of a plain list of frames as many entries as are wanted, if both have these.

    Parameters
    ----------
    scan_shape : tuple of int
        ``(K,)`` or ``(A, B)``.
    slow, fast : ndarray
        Readings of the two motors; more or fewer than there are frames.
    wanted : int or None
        How many frames will be used, if somebody says so.

    Returns
    -------
    scan_shape : tuple of int
    slow, fast : ndarray
        All cut to the smaller of both counts if that is enough; else as they were.
    """
    frames = int(np.prod(scan_shape))
    lists = len(scan_shape) == slow.ndim == fast.ndim == 1 and slow.size == fast.size
    if not lists or wanted is None or slow.size == frames or slow.size * fast.size == frames:
        return scan_shape, slow, fast
    least = min(frames, slow.size)
    if wanted > least:
        return scan_shape, slow, fast
    return (least,), slow[:least], fast[:least]


def raster_shape(scan_shape: Shape, slow: Floats, fast: Floats) -> Shape:
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

    Raises
    ------
    DataError
        If a choice does not fit the scan, or nothing is left.
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
    numbers = np.flatnonzero(wanted)
    if order is not None:
        outside = order[(order < 0) | (order >= frames)]
        if outside.size:
            raise DataError(
                f"frameorder.indices names frame {outside[0]}; there are frames 0 to {frames - 1}"
            )
        numbers = order[wanted.ravel()[order]]
    if not numbers.size:
        raise DataError(
            f"of {frames} frames {scan_shape} none is left: slow_axis_bounds {slow_bounds}, "
            f"fast_axis_bounds {fast_bounds}, framefilter and frameorder together choose nothing"
        )
    return numbers


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
        Mean reading over the frame's own; 1 where that is not believed, because it is too far
        off, not a number, or not of the sign of the mean.

    Raises
    ------
    DataError
        If there is not one reading a frame, or none to believe.
    """
    frames = int(np.prod(scan_shape))
    if monitor.size != frames:
        raise DataError(f"normalisation has {monitor.size} readings for {frames} frames")
    finite = monitor[np.isfinite(monitor)]
    mean = finite.mean() if finite.size else 0.0
    if mean == 0:
        raise DataError(
            "normalisation: the readings of the beam monitor have no mean to normalise to, "
            f"{finite.size} of {frames} are numbers and all of these together are zero"
        )
    allowed = sigma * finite.std()
    believed = (np.abs(monitor - mean) <= allowed) & (monitor * mean > 0)
    if not believed.all():
        logger.error(
            "%d of %d beam monitor readings are further than %g from their mean %g, zero or no "
            "number: these frames are not normalised",
            (~believed).sum(), monitor.size, allowed, mean,
        )  # fmt: skip
    return np.where(believed, mean / np.where(believed, monitor, 1.0), 1.0)


def correct_frames(
    raw: npt.NDArray[Any],
    dark: npt.NDArray[Any] | None,
    flat: npt.NDArray[Any] | None,
    gain: Floats | None,
) -> tuple[Reals, npt.NDArray[np.bool_] | None]:
    """Subtract dark, divide by flat and normalise, frame by frame.

    Parameters
    ----------
    raw : (n, H, W)
        Counts.
    dark, flat : (H, W), (n, H, W) or None
        What falls below zero without dark becomes zero.
    gain : (n,) float64 or None
        Factor for every frame.

    Returns
    -------
    frames : (n, H, W) float32, or float64 where float32 cannot hold the counts
    usable : the shape of ``dark`` or ``flat``, bool, or None
        False where these are no numbers to correct with. None if all are.
    """
    real: Reals = raw.astype(np.float64 if raw.dtype.itemsize > 4 else np.float32)
    usable = None
    if dark is not None:
        usable = np.isfinite(dark)
        np.maximum(real - np.where(usable, dark, 0).astype(real.dtype), 0, out=real)
    if flat is not None:
        good = np.isfinite(flat) & (flat > 0)
        factor = np.divide(1.0, flat, out=np.zeros(flat.shape), where=good)
        real *= factor.astype(real.dtype)
        usable = good if usable is None else usable & good
    if gain is not None:
        real *= gain[:, None, None].astype(real.dtype)
    return real, None if usable is None or usable.all() else usable


def read_bounds(value: Any) -> tuple[int, int | None] | None:
    """Read a range: (first, last + 1), or the first alone."""
    if value is None:
        return None
    if np.ndim(value) == 0:
        return (int(value), None)
    first, last = value
    return (int(first), None if last is None else int(last))


def read_edges(padding: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """Turn (top, bottom, left, right), or one number for all, into pad widths."""
    if padding is None:
        return ((0, 0), (0, 0))
    top, bottom, left, right = np.broadcast_to(padding, 4).tolist()
    return ((int(top), int(bottom)), (int(left), int(right)))
