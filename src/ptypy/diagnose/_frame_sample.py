"""Some frames of a file, put together for pictures: mean, maximum, one of them, mask, positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.diagnose._frame_statistics import choose_frames
from ptypy.diagnose._inspect import kind_of_file
from ptypy.diagnose._inspect_raw import frame_datasets
from ptypy.errors import DataError, FormatError
from ptypy.io.array_file import ArrayFile, read_array
from ptypy.io.cxi import cxi_file
from ptypy.io.dectris_files import dectris_files
from ptypy.io.frame_files import frame_files
from ptypy.io.h5tree import look_through, saying
from ptypy.io.ptyd import PtydReader

__all__ = ["FrameSample", "sample_frames"]

Array = npt.NDArray[Any]
Seen = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FrameSample:
    """What pictures of data are drawn from; see `sample_frames`."""

    path: Path
    name: str
    """The file, and the dataset in it where there may be several."""
    count: int
    """How many frames there are."""
    looked_at: tuple[int, ...]
    """Those that mean and maximum are of."""
    mean: npt.NDArray[np.float64]
    """Mean counts (H, W), of the frames in which a pixel may be trusted."""
    maximum: npt.NDArray[np.float64]
    """Largest counts (H, W)."""
    number: int
    """Which frame `frame` is."""
    frame: Array
    """Counts of a single frame (H, W)."""
    mask: Seen
    """Pixels that may be trusted in `frame` (H, W)."""
    ever: Seen
    """Pixels that may be trusted in one of the frames that were looked at (H, W)."""
    center: tuple[float, float] | None = None
    """Where the beam meets the frames (y, x) [px]."""
    positions: npt.NDArray[np.float64] | None = None
    """Of all frames (N, 2), (y, x) [m]."""


@dataclass(frozen=True, eq=False)
class _Source:
    """Frames of a file, whatever its form."""

    name: str
    count: int
    frame_bytes: int
    read: Callable[[int], tuple[Array, Seen | None]]
    center: tuple[float, float] | None = None
    positions: npt.NDArray[np.float64] | None = None


def sample_frames(
    path: str | Path, *, place: str | None = None, number: int | None = None, full: bool = False
) -> FrameSample:
    """Read frames that are spread evenly over a file.

    Parameters
    ----------
    path : path
        A prepared scan, CXI, NeXus, a Dectris master file, HDF5 with a stack of frames, .npz with
        ``frames`` or ``data``, an .npy or another file of images.
    place : str, optional
        Dataset of the frames; the largest stack of an HDF5 file if not given.
    number : int, optional
        The single frame to show; the middle one if not given. Negative ones count from the last.
    full : bool
        Mean and maximum of all frames, not of a choice.

    Returns
    -------
    FrameSample

    Raises
    ------
    FormatError
        If the file cannot be read.
    DataError
        If there are no frames in it, or not this one.
    """
    path = Path(path)
    with saying(path):
        return _sampled(path, place, number, full=full)


def _sampled(path: Path, place: str | None, number: int | None, *, full: bool) -> FrameSample:
    source = _open(path, place)
    if source.count < 1:
        raise DataError(f"{path}: there are no frames in it")
    single = source.count // 2 if number is None else number + source.count * (number < 0)
    if not 0 <= single < source.count:
        raise DataError(f"{path}: there is no frame {number}; it has {source.count}, from 0 on")
    frame, trusted = source.read(single)
    mask = np.ones(frame.shape, bool) if trusted is None else trusted
    wanted = choose_frames(source.count, source.frame_bytes, full=full) or [single]
    total = np.zeros(frame.shape)
    weight = np.zeros(frame.shape)
    maximum = np.full(frame.shape, -np.inf)
    for index in wanted:
        counts, seen = source.read(index)
        counts = np.asarray(counts, dtype=np.float64)
        known = _counted(counts, frame.dtype) & (True if seen is None else seen)
        total += np.where(known, counts, 0)
        weight += known
        maximum = np.where(known, np.maximum(maximum, counts), maximum)
    ever = weight > 0
    return FrameSample(
        path=path,
        name=source.name,
        count=source.count,
        looked_at=tuple(wanted),
        mean=total / np.maximum(weight, 1),
        maximum=np.where(ever, maximum, 0),
        number=single,
        frame=frame,
        mask=mask & _counted(np.asarray(frame, dtype=np.float64), frame.dtype),
        ever=ever,
        center=source.center,
        positions=source.positions,
    )


def _counted(counts: npt.NDArray[np.float64], dtype: np.dtype[Any]) -> Seen:
    """Mark what may be a count: a finite number, not the largest of its type, nor below zero."""
    known = np.isfinite(counts)
    if dtype.kind in "iu" and dtype.itemsize > 1:
        known &= (counts < np.iinfo(dtype).max) & (counts >= 0)
    return known


def _open(path: Path, place: str | None) -> _Source:
    """Find the frames of a file."""
    kind = kind_of_file(path)
    if kind == "ptyr":
        raise DataError(f"{path}: is the result of a run and holds no frames")
    if kind == "ptyd":
        return _prepared(path)
    if kind == "arrays":
        return _named(path, place)
    if place is not None or kind == "hdf5":
        return _dataset(path, place)
    source: Any
    if kind == "dectris":
        source = dectris_files(path)
    elif kind == "images":
        source = frame_files(path)
    else:
        try:
            source = cxi_file(path)
        except (FormatError, DataError):
            return _dataset(path, None)
    recorded = source.recorded
    trusted = None if recorded.bad is None else ~recorded.bad
    return _Source(
        source.name if kind == "images" else str(path),
        source.count,
        int(np.prod(source.shape)) * 8,
        lambda number: (source.read([number])[0], trusted),
        recorded.center,
        recorded.positions,
    )


def _prepared(path: Path) -> _Source:
    reader = PtydReader(path)
    shape = reader.shape or (0, 0)

    def read(number: int) -> tuple[Array, Seen | None]:
        block = reader.read(number, number + 1)
        weights = block.weights
        return block.data[0], None if weights is None else np.asarray(weights).reshape(shape) > 0

    known = [chunk.positions for chunk in reader.chunks if chunk.positions is not None]
    center: Any = reader.meta.get("center")
    is_place = center is not None and not isinstance(center, str) and np.size(center) == 2
    return _Source(
        str(path),
        reader.num_frames,
        shape[0] * shape[1] * 8,
        read,
        (float(np.ravel(center)[0]), float(np.ravel(center)[1])) if is_place else None,
        np.concatenate(known) if known else None,
    )


def _dataset(path: Path, place: str | None) -> _Source:
    """Open one dataset of an HDF5 file."""
    if place is None:
        stacks = frame_datasets(look_through(path))
        if not stacks:
            raise DataError(
                f"{path}: no stack of frames was found in it; `ptypy inspect` shows what there is"
            )
        place = stacks[0].path.strip("/")
    stack = ArrayFile(path, place)
    size = int(stack.shape[1]) * int(stack.shape[2]) * 8
    return _Source(
        f"{path}:{place}",
        int(stack.shape[0]),
        size,
        lambda number: (stack.read(np.array([number]))[0], None),
    )


def _named(path: Path, place: str | None) -> _Source:
    """Open one array of an .npz or .mat file."""
    name = place
    if name is None and path.suffix.lower() == ".npz":
        with np.load(path) as arrays:  # refuses pickles
            name = next((n for n in ("frames", "data") if n in arrays.files), None)
    if name is None:
        raise DataError(f"{path}: say which array holds the frames, with `--path NAME`")
    frames = read_array(path, name)
    if frames.ndim < 2:
        raise DataError(f"{path}: {name} has shape {frames.shape}, not that of frames (N, H, W)")
    stack = frames.reshape(-1, *frames.shape[-2:])
    return _Source(
        f"{path}:{name}", len(stack), stack[0].size * 8, lambda number: (stack[number], None)
    )
