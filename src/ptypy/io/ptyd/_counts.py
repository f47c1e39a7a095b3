"""The type that counts are stored in."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.io.ptyd._checksums import over_parts

__all__ = ["may_shrink", "range_of", "smallest_type"]

SMALLEST = 2
"""Bytes of the smallest type that counts are brought into. One byte would overflow in the first
sum of two pixels that somebody writes, and change from chunk to chunk with every bright frame."""


def may_shrink(dtype: np.dtype[Any]) -> bool:
    """Say whether counts of a type may fit into a smaller one."""
    return dtype.kind in "iu" and dtype.itemsize > SMALLEST


def range_of(frames: npt.NDArray[Any]) -> tuple[int, int]:
    """Find the smallest and the largest count; of unsigned ones, 0 stands for the smallest.

    Parameters
    ----------
    frames : (N, H, W) array of integers
        At least one frame.
    """

    def of_part(rows: slice) -> tuple[int, int]:
        part = frames[rows]
        return (int(part.min()) if part.dtype.kind == "i" else 0), int(part.max())

    found = over_parts(of_part, len(frames), frames[:1].nbytes)
    return min(low for low, _ in found), max(high for _, high in found)


def smallest_type(dtype: np.dtype[Any], low: int, high: int) -> np.dtype[Any]:
    """Choose the smallest type of integers, of at least 16 bits, that holds all counts of a chunk.

    A signed type stays signed: who subtracts counts relies on it, and types of one kind have a
    common type that holds them exactly.

    Parameters
    ----------
    dtype : dtype
        Of the counts now; it is never made larger. Real numbers keep it.
    low, high : int
        What `range_of` found in all frames of the chunk, whoever holds them.
    """
    for size in (2, 4, 8) if may_shrink(dtype) else ():
        limits = np.iinfo(f"{dtype.kind}{size}")
        if size < dtype.itemsize and limits.min <= low and high <= limits.max:
            return np.dtype(limits.dtype)
    return dtype
