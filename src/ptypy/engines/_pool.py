"""Frames that are visited one after the other: blocks of one probe and one object, pooled."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ptypy.engines._blocks import Rows
from ptypy.engines._gather import places_of, total_frames
from ptypy.engines._packed_block import PackedBlock, Real

__all__ = ["Places", "Pool"]

Places = tuple[npt.NDArray[np.int64], Rows | None]
"""Corners and parts of a pixel of frames; see `PackedBlock.places`."""


class Pool:
    """Frames of one probe and one object, from which the order is drawn.

    Parameters
    ----------
    block : PackedBlock
        The first.
    """

    def __init__(self, block: PackedBlock) -> None:
        self.blocks: list[PackedBlock] = []
        self._rooms: dict[str, Real] = {}
        self.add(block)

    @property
    def num(self) -> int:
        """Number of frames of this process."""
        return sum(block.num for block in self.blocks)

    @property
    def measured(self) -> Real:
        """Amplitudes of all blocks; those of each block are a part of it."""
        return self._rooms["measured"][: self.num]

    @property
    def waves(self) -> Real | None:
        """Exit waves of all blocks, likewise; None if the engine keeps none."""
        return self._rooms["waves"][: self.num] if "waves" in self._rooms else None

    @property
    def total(self) -> int:
        """Number of frames on all processes."""
        return total_frames([block.block for block in self.blocks])

    def places(self, between: bool) -> Places:
        """Say where all frames lie; see `PackedBlock.places`."""
        found = [block.places(between) for block in self.blocks]
        corners = np.concatenate([corners for corners, _ in found])
        if all(shifts is None for _, shifts in found):
            return corners, None
        parts = [np.zeros(c.shape) if shifts is None else shifts for c, shifts in found]
        return corners, np.concatenate(parts)

    def add(self, block: PackedBlock) -> None:
        """Take a block in; its memory is handed on, so that frames are there once."""
        self.blocks.append(block)
        self._take_in("measured", block.measured)
        if block.waves is not None:
            self._take_in("waves", block.waves)

    def _take_in(self, name: str, rows: Real) -> None:
        """Append an array of the newest block to those of the others, and share the memory."""
        used, needed = self.num - len(rows), self.num
        room = self._rooms.setdefault(name, rows)
        if needed > len(room):
            # Twice as much as needed: a scan that grows by single frames is rarely copied.
            room = np.empty((2 * needed, *rows.shape[1:]), rows.dtype)
            room[:used] = self._rooms[name][:used]
            self._rooms[name] = room
        if used:
            room[used:needed] = rows
        start = 0
        for member in self.blocks:
            setattr(member, name, room[start : start + member.num])
            start += member.num

    def rows_in_order(self, random: np.random.Generator) -> npt.NDArray[np.int64]:
        """Draw the order of the frames of all processes.

        Returns
        -------
        (total,) int64
            Which row of `measured` comes when; -1 where another process holds the frame.
        """
        row_at = np.full(self.total, -1)
        row_at[places_of([block.block for block in self.blocks])] = np.arange(self.num)
        return np.asarray(row_at[random.permutation(self.total)])
