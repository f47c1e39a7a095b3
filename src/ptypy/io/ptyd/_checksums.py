"""Checksums of frames: what was measured is what is read."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ptypy.utils.processors import count_processors

try:
    from isal.isal_zlib import crc32
except ImportError:  # no wheel for this machine
    from zlib import crc32

__all__ = [
    "Sums",
    "checksums",
    "damaged_frames",
    "differing",
    "find_damage",
    "grouped",
    "known_sums",
    "over_frames",
    "over_parts",
]

MOST = 4096
"""How many checksums are kept for a dataset: an attribute holds 64 KiB at most."""

WORTH_THREADS = 1 << 22
"""From so many bytes on, several threads share the work."""

PIECE = 1 << 19
"""How much is handled at once, so that it stays in the cache of a processor [byte]."""

Result = TypeVar("Result")

Sums = npt.NDArray[np.uint32]


def checksums(frames: npt.NDArray[Any]) -> Sums:
    """Compute the CRC-32 of every frame as it is stored, (N,) uint32."""
    whole = np.ascontiguousarray(frames)
    size = whole[:1].nbytes
    if not size:
        return np.zeros(len(whole), np.uint32)
    raw = whole.reshape(-1).view(np.uint8)

    def of_part(rows: tuple[int, int]) -> list[int]:
        view = raw[rows[0] * size : rows[1] * size].data
        return [crc32(view[k : k + size]) for k in range(0, len(view), size)]

    return np.array(_shared_out(of_part, len(whole), whole.nbytes), dtype=np.uint32)


def over_frames(
    action: Callable[[npt.NDArray[Any]], Result], frames: npt.NDArray[Any]
) -> list[Result]:
    """Do something with every frame, in several threads if there are many bytes to look at.

    ``action`` should be something that lets other threads run, such as `zlib.compress`.
    """

    def of_part(rows: tuple[int, int]) -> list[Result]:
        return [action(frame) for frame in frames[slice(*rows)]]

    return _shared_out(of_part, len(frames), frames.nbytes)


def over_parts(
    action: Callable[[slice], Result], count: int, size: int, most: int = PIECE
) -> list[Result]:
    """Do something with some frames after the other, in several threads if they are many bytes.

    Parameters
    ----------
    action : callable
        Is given which frames; it should let other threads run.
    count : int
        How many frames there are.
    size : int
        Of a frame [byte].
    most : int
        How much is handled at once [byte]; one frame at least.
    """
    step = max(1, most // max(1, size))

    def of_part(rows: tuple[int, int]) -> list[Result]:
        starts = range(rows[0], rows[1], step)
        return [action(slice(start, min(start + step, rows[1]))) for start in starts]

    return _shared_out(of_part, count, count * size)


def _shared_out(
    of_part: Callable[[tuple[int, int]], list[Result]], count: int, num_bytes: int
) -> list[Result]:
    """Do something with parts of so many frames, from one to before another; in their order."""
    workers = min(8, count, count_processors())
    if num_bytes < WORTH_THREADS or workers < 2:
        return of_part((0, count))
    edges = [count * k // workers for k in range(workers + 1)]
    with ThreadPoolExecutor(workers) as pool:
        return [result for part in pool.map(of_part, pairwise(edges)) for result in part]


def grouped(sums: Sums) -> tuple[Sums, int]:
    """Make at most 4096 checksums of those of the frames of a dataset.

    Returns
    -------
    sums : (K,) uint32
        Those of the frames, or, of every group of frames, the CRC-32 of their checksums
        (32 bits each, little-endian).
    group : int
        How many frames are in a group.
    """
    group = -(-len(sums) // MOST)
    return _joined(sums, group), group


def _joined(sums: Sums, group: int) -> Sums:
    if group == 1:
        return sums
    raw = sums.astype("<u4")
    starts = range(0, len(sums), group)
    return np.array([crc32(raw[k : k + group].tobytes()) for k in starts], np.uint32)


def find_damage(data: Any, start: int, frames: npt.NDArray[Any]) -> list[int]:
    """Compare frames that were read with their checksums.

    Parameters
    ----------
    data : h5py.Dataset
        All frames of a chunk. Without checksums nothing is compared.
    start : int
        Which frame is the first.
    frames : (N, H, W) array
        Frames that were read, of the type they are stored in.

    Returns
    -------
    list of int
        Those that are not as they were written, counted from the first in ``data``. Frames that
        share a checksum are all named.

    Raises
    ------
    ValueError
        If what is noted are no checksums.
    """
    stored, group = _noted(data)
    if stored is None or data.dtype != frames.dtype:
        return []
    stop = start + len(frames)
    first, last = start // group, -(-stop // group)
    begin, end = first * group, min(last * group, len(data))
    parts = [data[begin:start]] if begin < start else []
    sums = [checksums(part) for part in [*parts, frames]]
    if end > stop:
        sums.append(checksums(data[stop:end]))
    found = _joined(np.concatenate(sums), group)
    wrong = np.flatnonzero(found != stored[first:last]) + first
    return [
        number
        for k in wrong.tolist()
        for number in range(max(k * group, start), min((k + 1) * group, stop))
    ]


def damaged_frames(frames: npt.NDArray[Any], stored: Sums, group: int) -> list[int]:
    """Compare frames with their checksums.

    Parameters
    ----------
    frames : (N, H, W) array
        The first of them begins a group.
    stored : (K,) uint32
        Of their groups.
    group : int
        How many frames share a checksum.

    Returns
    -------
    list of int
        Those that are not as they were written. Frames that share a checksum are all named.
    """
    return differing(checksums(frames), stored, group)


def differing(sums: Sums, stored: Sums, group: int) -> list[int]:
    """Compare checksums of frames with those of their groups; see `damaged_frames`."""
    wrong = np.flatnonzero(_joined(sums, group) != stored).tolist()
    return [n for k in wrong for n in range(k * group, min((k + 1) * group, len(sums)))]


def known_sums(dataset: Any) -> tuple[Sums | None, int] | None:
    """Give the checksums of frames, and of how many frames each is.

    Parameters
    ----------
    dataset : h5py.Dataset
        All frames of a chunk.

    Returns
    -------
    sums, group
        None and 1 if there are no checksums. None instead of both if they do not fit the frames.
    """
    try:
        sums, group = _noted(dataset)
    except ValueError:
        return None
    fits = sums is None or len(sums) == -(-len(dataset) // group)
    return (sums, group) if fits else None


def _noted(dataset: Any) -> tuple[Sums | None, int]:
    """Give what a file says of checksums and of how many frames each is; see `known_sums`."""
    stored = dataset.attrs.get("crc32")
    if stored is None:
        return None, 1
    sums, group = np.asarray(stored), np.asarray(dataset.attrs.get("crc32_frames", 1))
    if sums.ndim != 1 or sums.dtype.kind not in "iu" or group.size != 1:
        raise ValueError("its attribute `crc32` is no list of checksums")
    if group.dtype.kind not in "iu" or int(group.item()) < 1:
        raise ValueError("its attribute `crc32_frames` is no number of frames")
    return sums, int(group.item())
