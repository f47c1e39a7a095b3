"""Frames packed with bitshuffle and LZ4, unpacked from the file itself by several threads."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.io._stored_places import are_packed, place_of
from ptypy.io.ptyd._checksums import Sums, checksums, differing, known_sums, over_parts
from ptypy.io.ptyd._filters import SIZES
from ptypy.utils import buffers

__all__ = ["PackedFrames"]

Array = npt.NDArray[Any]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class PackedFrames:
    """Where the packed frames of a chunk lie in a file."""

    offsets: Numbers
    """Where each chunk of HDF5 begins [byte]."""
    sizes: Numbers
    """How long each is [byte]."""
    unit: int
    """How many frames are packed together."""
    shape: tuple[int, int, int]
    """Of all frames, (M, H, W)."""
    dtype: np.dtype[Any]
    """Of a pixel in the file."""
    sums: Sums | None
    """Their checksums, each that of ``group`` frames; None if there are none."""
    group: int

    @classmethod
    def of(cls, dataset: Any) -> PackedFrames | None:
        """Find out from HDF5; None if frames are stored in another way, or some are missing."""
        chunks = dataset.chunks
        if chunks is None or not dataset.size or chunks[1:] != dataset.shape[1:]:
            return None
        if not are_packed(dataset) or dataset.dtype.itemsize not in SIZES:
            return None
        known = known_sums(dataset)
        if known is None:
            return None
        table = np.zeros((-(-len(dataset) // chunks[0]), 3), np.int64)

        def note(chunk: Any) -> None:
            if chunk.chunk_offset is None:  # HDF5 says that it is nowhere
                return
            row = chunk.chunk_offset[0] // chunks[0]
            if row < len(table):
                table[row] = place_of(chunk)

        try:
            dataset.id.chunk_iter(note)
        except RuntimeError:  # HDF5 may say what is damaged when the frames are read
            return None
        offsets, sizes, is_sound = (np.ascontiguousarray(column) for column in table.T)
        if not is_sound.all():
            return None
        return cls(offsets, sizes, int(chunks[0]), dataset.shape, dataset.dtype, *known)

    def look(
        self, descriptor: int, source: slice, *, verify: bool, target: Array | None = None
    ) -> tuple[Array, list[int]]:
        """Unpack frames that follow one another.

        Parameters
        ----------
        descriptor : int
            The open file.
        source : slice
            Which of the frames.
        verify : bool
            Compare them with their checksums, if there are any.
        target : (n, H, W) array, optional
            Receives them.

        Returns
        -------
        frames : (n, H, W) array
        damaged : list of int
            Those that are not as they were written, counted from the first of all.

        Raises
        ------
        OSError
            If the file is too short, or cannot be mapped; or if frames cannot be unpacked, and no
            checksum says that they are damaged.
        """
        group = self.group if verify and self.sums is not None else 1
        first = source.start // group * group
        last = min(-(-source.stop // group) * group, self.shape[0])
        frames = self._room(range(first, last), source, target)
        sums, wrong = self._unpack(descriptor, first, frames, verify=verify)
        if verify and self.sums is not None:
            wanted = self.sums[first // group : -(-last // group)]
            wrong = sorted({*wrong, *differing(sums, wanted, group)})
        elif wrong:
            raise OSError(f"frame {first + wrong[0]} cannot be unpacked")
        found = frames[source.start - first : source.stop - first]
        if target is not None and frames is not target:
            target[...] = found
        inside = range(source.start, source.stop)
        return found, [first + number for number in wrong if first + number in inside]

    def _room(self, wanted: range, source: slice, target: Array | None) -> Array:
        """Give memory for frames: the target, if it is of their form."""
        fits = target is not None and (wanted.start, wanted.stop) == (source.start, source.stop)
        if fits and target is not None and target.dtype == self.dtype and target.flags.c_contiguous:
            return target
        room: Array = buffers.empty((len(wanted), *self.shape[1:]), self.dtype)
        return room

    def _unpack(
        self, descriptor: int, first: int, frames: Array, *, verify: bool
    ) -> tuple[Sums, list[int]]:
        """Unpack frames from ``first`` on; give checksums, and which could not be unpacked."""
        from ptypy.io.packed_chunks import unpack_frames

        low = first // self.unit
        units = slice(low, -(-(first + len(frames)) // self.unit))
        mapped, begin = _mapped(descriptor, self.offsets[units], self.sizes[units])
        places = self.offsets[units] - begin + mapped.ctypes.data
        lengths, skipped = self.sizes[units], first - low * self.unit
        sums, faults = np.zeros(len(frames), np.uint32), np.zeros(len(frames), np.int64)

        def unpack(part: slice) -> None:
            # Summed while the processor still has them at hand.
            row = skipped + part.start
            unit, inside = divmod(row, self.unit)
            faults[part] = unpack_frames(
                places[unit:], lengths[unit:], self.unit, inside, frames[part]
            )
            if verify and self.sums is not None:
                sums[part] = checksums(frames[part])

        over_parts(unpack, len(frames), frames[:1].nbytes)
        return sums, np.flatnonzero(faults).tolist()


def _mapped(descriptor: int, offsets: Numbers, sizes: Numbers) -> tuple[npt.NDArray[np.uint8], int]:
    """Map the part of a file that chunks lie in; and where it begins [byte]."""
    begin, end = int(offsets.min()), int((offsets + sizes).max())
    there = os.fstat(descriptor).st_size
    if there < end:
        raise OSError(f"the file ends at byte {there}, inside of a frame")
    begin -= begin % mmap.ALLOCATIONGRANULARITY
    room = mmap.mmap(descriptor, end - begin, access=mmap.ACCESS_READ, offset=begin)
    if hasattr(mmap, "MADV_WILLNEED"):
        room.madvise(mmap.MADV_WILLNEED)
    return np.frombuffer(room, np.uint8), begin
