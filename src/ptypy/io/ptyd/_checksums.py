"""Checksums of frames: what was measured is what is read."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["checksums", "find_damage", "grouped", "over_frames"]

MOST = 4096
"""How many checksums are kept for a dataset: an attribute holds 64 KiB at most."""

WORTH_THREADS = 1 << 22
"""From so many bytes on, several threads share the work."""

Result = TypeVar("Result")

Sums = npt.NDArray[np.uint32]


def checksums(frames: npt.NDArray[Any]) -> Sums:
    """Compute the CRC-32 of every frame as it is stored, (N,) uint32."""
    whole = np.ascontiguousarray(frames)
    return np.array(over_frames(_of_frame, whole), dtype=np.uint32)


def _of_frame(frame: npt.NDArray[Any]) -> int:
    return zlib.crc32(frame.reshape(-1).view(np.uint8).data)


def over_frames(
    action: Callable[[npt.NDArray[Any]], Result], frames: npt.NDArray[Any]
) -> list[Result]:
    """Do something with every frame, in several threads if there are many bytes to look at.

    ``action`` should be something that lets other threads run, such as `zlib.crc32`.
    """
    workers = min(8, len(frames), _processors())
    if frames.nbytes < WORTH_THREADS or workers < 2:
        return [action(frame) for frame in frames]
    with ThreadPoolExecutor(workers) as pool:
        parts = pool.map(lambda part: [action(f) for f in part], np.array_split(frames, workers))
        return [result for part in parts for result in part]


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


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
    return np.array([zlib.crc32(raw[k : k + group].tobytes()) for k in starts], np.uint32)


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
    """
    stored = data.attrs.get("crc32")
    if stored is None or data.dtype != frames.dtype:
        return []
    group = int(data.attrs.get("crc32_frames", 1))
    stop = start + len(frames)
    first, last = start // group, -(-stop // group)
    begin, end = first * group, min(last * group, len(data))
    parts = [data[begin:start]] if begin < start else []
    sums = [checksums(part) for part in [*parts, frames]]
    if end > stop:
        sums.append(checksums(data[stop:end]))
    found = _joined(np.concatenate(sums), group)
    wrong = np.flatnonzero(found != np.asarray(stored)[first:last]) + first
    return [
        number
        for k in wrong.tolist()
        for number in range(max(k * group, start), min((k + 1) * group, stop))
    ]
