"""Frames that are visited one after the other: blocks of the same probes and objects, pooled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.engines._blocks import FrameBlock, Illumination, Rows, Sums
from ptypy.engines._constraints import circle
from ptypy.engines._gather import places_of, total_frames
from ptypy.engines._packed_block import Complex, PackedBlock, Real
from ptypy.engines._plain_block import PlainBlock
from ptypy.errors import DataError

if TYPE_CHECKING:
    from ptypy.accelerate.plain import Sight

STRETCH = 16
"""Frames that are visited, at least, between two times that the probe is confined."""

__all__ = ["STRETCH", "PackedPool", "Places", "PlainPool", "Pool", "Scene", "pool_of"]

Places = tuple[npt.NDArray[np.int64], Rows | None]
"""Corners and parts of a pixel of frames; see `PackedBlock.places`."""

Order = npt.NDArray[np.int64]
"""Frames to visit, rows of a pool."""


class Scene(NamedTuple):
    """What the frames of a packed pool lie in."""

    obj: Complex
    """The object, or a part of it; moved in place by visits."""
    places: Places
    """Of all frames of the pool, in ``obj``."""


class Pool(ABC):
    """Frames of the same probes and objects, from which the order is drawn.

    All blocks have the same `FrameBlock.meetings`. Two kinds exist, as there are of blocks.
    """

    @property
    @abstractmethod
    def blocks(self) -> Sequence[FrameBlock]:
        """Blocks in the order of their arrival; their frames are the rows of the pool."""

    @abstractmethod
    def add(self, block: FrameBlock, missing: int = 0) -> None:
        """Take in a block of the kind and the meetings of the others.

        Parameters
        ----------
        block : FrameBlock
        missing : int
            How many frames may follow at once, for which there should be room.
        """

    @abstractmethod
    def look(self, between: bool) -> Any:
        """Give what `visit` is to be told: probes, objects and places as they are now."""

    @abstractmethod
    def visit(
        self,
        rows: Order,
        seen: Any,
        *,
        totals: Mapping[int, Sums] | None = None,
        **options: Any,
    ) -> Rows:
        """Visit frames one after the other, moving objects and `Illumination.waves` in place.

        Parameters
        ----------
        rows : (K,) int64
            Frames to visit.
        seen
            What `look` gave.
        totals : Mapping, optional
            Weighted sums to be added to, by ``id`` of storages and illuminations; see
            `ptypy.accelerate.VisitSums`. Probes of single frames have none.
        options
            Of `ptypy.accelerate.epie_sweep`.

        Returns
        -------
        (N, 3) float64
            Of all frames of the pool; NaN for those that were not visited.
        """

    @property
    def num(self) -> int:
        """Number of frames of this process."""
        return sum(block.num for block in self.blocks)

    @property
    def total(self) -> int:
        """Number of frames on all processes."""
        return total_frames([block.block for block in self.blocks])

    @property
    def illuminations(self) -> tuple[Illumination, ...]:
        """Probes that meet the frames, each once."""
        return self.blocks[0].illuminations

    def rows_in_order(self, random: np.random.Generator) -> Order:
        """Draw the order of the frames of all processes.

        Returns
        -------
        (total,) int64
            Which row of the pool comes when; -1 where another process holds the frame.
        """
        row_at = np.full(self.total, -1)
        row_at[places_of([block.block for block in self.blocks])] = np.arange(self.num)
        return np.asarray(row_at[random.permutation(self.total)])


def pool_of(block: FrameBlock) -> Pool:
    """Make a pool of the kind that a block needs, with nothing in it yet."""
    return PackedPool() if isinstance(block, PackedBlock) else PlainPool()


class PackedPool(Pool):
    """Frames for the compiled kernels: of one probe and one object, in one stretch of memory."""

    def __init__(self) -> None:
        self._blocks: list[PackedBlock] = []
        self._rooms: dict[str, Real] = {}
        self._num = 0

    @property
    def num(self) -> int:
        """Number of frames of this process."""
        return self._num

    @property
    def blocks(self) -> Sequence[PackedBlock]:
        """Blocks in the order of their arrival."""
        return self._blocks

    @property
    def measured(self) -> Real:
        """Amplitudes of all blocks; those of each block are a part of it."""
        return self._rooms["measured"][: self.num]

    @property
    def waves(self) -> Real | None:
        """Exit waves of all blocks, likewise; None if the engine keeps none."""
        return self._rooms["waves"][: self.num] if "waves" in self._rooms else None

    def places(self, between: bool) -> Places:
        """Say where all frames lie; see `PackedBlock.places`."""
        found = [block.places(between) for block in self.blocks]
        corners = np.concatenate([corners for corners, _ in found])
        if all(shifts is None for _, shifts in found):
            return corners, None
        parts = [np.zeros(c.shape) if shifts is None else shifts for c, shifts in found]
        return corners, np.concatenate(parts)

    def look(self, between: bool) -> Scene:
        """Give the object and the places of all frames in it."""
        return Scene(self.blocks[0].obj, self.places(between))

    def add(self, block: FrameBlock, missing: int = 0) -> None:
        """Take a block in; its memory is handed on, so that frames are there once."""
        if not isinstance(block, PackedBlock):
            raise DataError(f"scan {block.block.label}: only packed blocks can be pooled as such")
        used = self._num
        self._num += block.num
        self._blocks.append(block)
        self._take_in("measured", block.measured, used, missing)
        if block.waves is not None:
            self._take_in("waves", block.waves, used, missing)

    def _take_in(self, name: str, rows: Real, used: int, missing: int) -> None:
        """Append an array of the newest block to those of the others, and share the memory.

        Parameters
        ----------
        name : {'measured', 'waves'}
        rows : array
        used : int
            Frames of the other blocks.
        missing : int
            As for `add`.
        """
        needed = used + len(rows)
        room = self._rooms.get(name)
        if room is None and not missing and not used:
            self._rooms[name] = rows
            return
        if room is None or needed > len(room):
            # Twice as much as needed: a scan that grows by single frames is rarely copied. Memory
            # that is never written costs nothing.
            size = max(needed + missing, 2 * needed if used else 0)
            larger = np.empty((size, *rows.shape[1:]), rows.dtype)
            start = 0
            for member in self._blocks[:-1]:
                place = larger[start : start + member.num]
                place[...] = getattr(member, name)
                setattr(member, name, place)
                start += member.num
            self._rooms[name] = room = larger
        room[used:needed] = rows
        setattr(self._blocks[-1], name, room[used:needed])

    def visit(
        self,
        rows: Order,
        seen: Scene,
        *,
        totals: Mapping[int, Sums] | None = None,
        area: float | None = None,
        **options: Any,
    ) -> Rows:
        """Visit frames one after the other in one sweep.

        With ``area`` the probe is kept to a circle of that share of the frame, all the while: cut
        only at the end, it has let the object rely on light that is then taken away.
        """
        from ptypy.accelerate import VisitSums, epie_sweep

        first, sums = self.blocks[0], None
        if totals is not None:
            of_object = totals[id(first.block.obj)]
            of_probe = totals[id(first.illumination)]
            sums = VisitSums(of_object[0][0], of_object[1], *of_probe)
        errors: Rows = epie_sweep(
            first.transform,
            first.probe,
            seen.obj,
            seen.places[0],
            self.measured,
            rows,
            shifts=seen.places[1],
            waves=self.waves,
            sums=sums,
            support=None if area is None else circle(first.transform.shape, float(area)),
            support_every=STRETCH,
            **options,
        )
        return errors


class PlainPool(Pool):
    """Frames for the plain kernels, which know one block at a time."""

    def __init__(self) -> None:
        self._blocks: list[PlainBlock] = []

    @property
    def blocks(self) -> Sequence[PlainBlock]:
        """Blocks in the order of their arrival."""
        return self._blocks

    def add(self, block: FrameBlock, missing: int = 0) -> None:
        """Take a block in."""
        del missing
        if not isinstance(block, PlainBlock):
            raise DataError(f"scan {block.block.label}: only plain blocks can be pooled as such")
        self._blocks.append(block)

    def look(self, between: bool) -> list[list[Sight]]:
        """Give what each colour of each block sees."""
        return [block.projecting_sights(between) for block in self.blocks]

    def visit(
        self,
        rows: Order,
        seen: list[list[Sight]],
        *,
        totals: Mapping[int, Sums] | None = None,
        **options: Any,
    ) -> Rows:
        """Visit frames one after the other, each in its block; neighbours in one sweep."""
        ends = np.cumsum([block.num for block in self.blocks])
        owners = np.searchsorted(ends, rows, side="right")
        errors = np.full((self.num, 3), np.nan)
        for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(owners)) + 1):
            if len(run):
                k, visited = int(owners[run[0]]), rows[run]
                block = self.blocks[k]
                own = visited - (ends[k] - block.num)
                errors[visited] = block.visit(own, seen[k], totals=totals, **options)[own]
        return errors
