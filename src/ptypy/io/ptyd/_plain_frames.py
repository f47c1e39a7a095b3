"""Frames that are not compressed, taken from the file itself: mapped, and compared on the way."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.io.ptyd._checksums import Sums, damaged_frames, known_sums

__all__ = ["PlainFrames"]


@dataclass(frozen=True, slots=True, eq=False)
class PlainFrames:
    """Where the frames of a chunk lie in a file, one after the other."""

    offset: int
    """Where the first begins [byte]."""
    shape: tuple[int, int, int]
    """Of all of them, (M, H, W)."""
    dtype: np.dtype[Any]
    """Of a pixel in the file."""
    sums: Sums | None
    """Their checksums, each that of ``group`` frames; None if there are none."""
    group: int

    @classmethod
    def of(cls, dataset: Any) -> PlainFrames | None:
        """Find out from HDF5; None if the frames are compressed or lie in pieces."""
        offset = dataset.id.get_offset() if dataset.chunks is None else None
        if offset is None or not dataset.size:
            return None
        known = known_sums(dataset)
        if known is None:
            return None
        return cls(int(offset), dataset.shape, dataset.dtype, *known)

    def look(
        self,
        descriptor: int,
        source: slice,
        *,
        verify: bool,
        target: npt.NDArray[Any] | None = None,
    ) -> tuple[npt.NDArray[Any], list[int]]:
        """Map frames that follow one another.

        Parameters
        ----------
        descriptor : int
            The open file.
        source : slice
            Which of the frames.
        verify : bool
            Compare them with their checksums, if there are any.
        target : (n, H, W) array, optional
            Receives a copy.

        Returns
        -------
        frames : (n, H, W) array
            As they are in the file. It may be written to: the file never changes by that.
        damaged : list of int
            Those that are not as they were written, counted from the first of all.

        Raises
        ------
        OSError
            If the file is too short, or cannot be mapped.
        """
        count = self.shape[0]
        first = source.start // self.group * self.group
        last = min(-(-source.stop // self.group) * self.group, count)
        size = self.shape[1] * self.shape[2] * self.dtype.itemsize
        begin, end = self.offset + first * size, self.offset + last * size
        there = os.fstat(descriptor).st_size
        if there < end:
            raise OSError(f"the file ends at byte {there}, inside of a frame")
        page = begin // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        room = mmap.mmap(descriptor, end - page, access=mmap.ACCESS_COPY, offset=page)
        raw = np.frombuffer(room, np.uint8, end - begin, begin - page)
        frames = raw.view(self.dtype).reshape(last - first, *self.shape[1:])
        damaged = []
        if verify and self.sums is not None:
            wanted = self.sums[first // self.group : -(-last // self.group)]
            damaged = damaged_frames(frames, wanted, self.group)
        found = frames[source.start - first : source.stop - first]
        if target is not None:
            target[...] = found
        inside = range(source.start, source.stop)
        return found, [first + number for number in damaged if first + number in inside]
