"""Better positions of frames, looked for around those that they have."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.core.manager import FINEST
from ptypy.engines._blocks import FrameBlock, Rows, add_up, group_by_object, largest
from ptypy.engines._gather import bring_together, places_of, total_frames
from ptypy.utils import parallel
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import logger

if TYPE_CHECKING:
    from ptypy.core.classes import Storage
    from ptypy.core.manager import ModelManager

__all__ = ["PositionSearch"]

Parts = npt.NDArray[np.int64]
"""(N, 2): lengths in parts of a pixel, of which `FINEST` are one."""

_DRAW = 1
"""Sets the random numbers of a search apart from others of the same engine and iteration."""

_COLUMN = {"fourier": 0, "photon": 1}
"""Where `FrameBlock.compare` has the error of a metric."""


class PositionSearch:
    """A search that moves frames to where model and measurement differ less.

    After Maiden et al., Ultramicroscopy 120 (2012) 64. Whole numbers of parts of a pixel are
    added up, so that neither the split into blocks nor the number of processes matters.

    Parameters
    ----------
    pars : Mapping
        ``position_refinement`` of an engine, complete.
    label : str
        Of the engine; with the iteration, what the random numbers follow from.
    """

    def __init__(self, pars: Mapping[str, Any], label: str) -> None:
        self._seed = zlib.crc32(label.encode())
        self._first = int(pars["start"] or 0)
        self._stop: int | None = pars["stop"]
        self._interval = int(pars["interval"])
        self._tries = int(pars["nshifts"])
        self._widest = float(pars["amplitude"])
        self._decays = bool(pars["amplitude_decay"])
        self._reach = float(pars["max_shift"])
        self._column = _COLUMN[pars["metric"]]
        self._anneals = pars["method"] == "Annealing"
        self.records = bool(pars["record"])
        """The positions of every refinement are to be kept."""

    def amplitude(self, iteration: int, numiter: int) -> float | None:
        """Say how far from its position a frame is looked for.

        Parameters
        ----------
        iteration : int
            Counted from 0.
        numiter : int
            How many the engine will do.

        Returns
        -------
        float or None
            Length [m]; None if nothing is refined in that iteration.
        """
        stop = numiter if self._stop is None else self._stop
        since = iteration - self._first
        if since < 0 or iteration >= stop or since % self._interval:
            return None
        return self._widest * (1.0 - since / (stop - self._first) if self._decays else 1.0)

    def make_room(self, model: ModelManager) -> None:
        """Let objects reach as far as frames may be moved. Every process must call it."""
        seen: dict[int, tuple[Storage, list[Rows]]] = {}
        for block in model.blocks:
            for colour in block.colours:
                seen.setdefault(id(colour.obj), (colour.obj, []))[1].append(block.positions)
        for storage, places in seen.values():
            nowhere = np.full((1, 2), np.inf)
            low = parallel.MPImin(np.concatenate([nowhere, *places]), axis=0)
            high = parallel.MPImax(np.concatenate([-nowhere, *places]), axis=0)
            model.grow(storage, np.stack([low - self._reach, high + self._reach]))

    def refine(
        self,
        blocks: Sequence[FrameBlock],
        *,
        iteration: int,
        amplitude: float,
        between: bool,
    ) -> list[npt.NDArray[np.bool_]]:
        """Try other positions for every frame, and keep the best. Every process must call it.

        Each try costs a Fourier transform of every frame, and one more tells how good the
        present positions are. That all frames of an object move alike is undone: nothing in
        the data tells it from a moved object.

        Parameters
        ----------
        blocks : sequence of FrameBlock
            All of the engine.
        iteration : int
            Counted from 0.
        amplitude : float
            How far from its position a frame is looked for [m].
        between : bool
            Whether the engine looks between pixels; otherwise frames move by whole ones.

        Returns
        -------
        list of (N,) bool
            For each block, whether a better position was found for a frame.
        """
        grain = 1 if between else FINEST
        steps = self._steps(blocks, iteration) * amplitude
        start, found = 0, {}
        for block in blocks:
            field = _Field(block, self._reach, grain)
            ways = steps[start : start + block.num]
            found[id(block)] = field, self._search(field, ways)
            start += block.num
        for _, members in group_by_object(blocks):
            moves = [found[id(block)] for block in members]
            common = _common([moved for _, moved in moves], grain)
            for field, moved in moves:
                field.move(field.limit(moved - common))
        moves = [found[id(block)] for block in blocks]
        return [(moved != field.present).any(axis=1) for field, moved in moves]

    def note(self, blocks: Sequence[FrameBlock], iteration: int, runtime: Param) -> None:
        """Keep the present positions in ``runtime.position_history`` of the master.

        Parameters
        ----------
        blocks : sequence of FrameBlock
        iteration : int
            Counted from 0.
        runtime : Param
            Gets, for each call, ``iteration`` and ``positions`` (N, 2) [m], of the frames of all
            processes: scan by scan in the order of labels, within a scan as they arrived.
        """
        coord = [np.empty((0, 2)), *(block.block.object_views.coord for block in blocks)]
        whole = bring_together([block.block for block in blocks], np.concatenate(coord))
        if whole is not None:
            entry = Param(iteration=iteration, positions=whole)
            runtime.setdefault("position_history", []).append(entry)

    def report(self, blocks: Sequence[FrameBlock]) -> None:
        """Log how far frames are from where they were recorded. Every process must call it."""
        sums, farthest = np.zeros(2), 0.0
        for block in blocks:
            moved = block.block.object_views.coord - block.block.positions
            squares = (moved**2).sum(axis=1)
            sums += squares.sum(), len(squares)
            farthest = max(farthest, float(squares.max(initial=0.0)))
        add_up(sums)
        logger.info(
            "refined positions are %.3g m from those recorded (root mean square), at most %.3g m",
            np.sqrt(sums[0] / max(sums[1], 1.0)),
            np.sqrt(largest(farthest)),
        )

    def _steps(self, blocks: Sequence[FrameBlock], iteration: int) -> Rows:
        """Choose in which directions to look, and how far as shares of the amplitude.

        Returns
        -------
        (n, tries, 2) float64
            For each frame of this process.
        """
        places = places_of([block.block for block in blocks])
        if not self._anneals:
            pattern = _pattern(self._tries)
            return np.broadcast_to(pattern, (len(places), *pattern.shape))
        random = np.random.default_rng([self._seed, iteration, _DRAW])
        total = total_frames([block.block for block in blocks])
        radius, angle = np.moveaxis(random.random((total, self._tries, 2))[places], -1, 0)
        angle = 2 * np.pi * angle
        ways = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
        return np.asarray(radius[..., None] * ways)

    def _search(self, field: _Field, steps: Rows) -> Parts:
        """Find the best position of every frame of a block among those that are tried.

        Annealing goes on from the best of the tries before, a pattern lies around the present.
        """
        best, ways = field.limit(field.present), field.in_parts(steps)
        error, middle = self._error(field, best), best.copy()
        for k in range(ways.shape[1]):
            tried = field.limit((best if self._anneals else middle) + ways[:, k])
            other = self._error(field, tried)
            better = other < error
            best[better], error[better] = tried[better], other[better]
        return best

    def _error(self, field: _Field, moved: Parts) -> Rows:
        """Compare model and measurement of frames that far from where they were recorded."""
        errors = field.block.compare_at(field.coord(moved), field.grain == 1)
        return np.asarray(errors[:, self._column])


class _Field:
    """Where the frames of a block lie, and where they may.

    Parameters
    ----------
    block : FrameBlock
    reach : float
        Largest distance from the recorded position [m].
    grain : int
        Frames are moved by multiples of so many parts of a pixel.
    """

    def __init__(self, block: FrameBlock, reach: float, grain: int) -> None:
        self.block, self.reach, self.grain = block, reach, grain
        views, obj, recorded = block.block.object_views, block.block.obj, block.block.positions
        self.unit = obj.psize / FINEST
        """A part of a pixel [m], (y, x)."""
        exact = recorded / obj.psize + obj.center - np.array(views.shape) // 2
        self.home = np.floor(exact * FINEST + 0.5).astype(np.int64)
        """Upper left corner of every frame as it was recorded, in parts of a pixel, (N, 2)."""
        self.present = np.rint((views.coord - recorded) / self.unit).astype(np.int64)
        """How far the frames are from there now, in parts of a pixel, (N, 2)."""
        # A frame that lies between pixels touches one more.
        last = (np.array(obj.shape[1:]) - views.shape - 1) * FINEST
        self._low = -(self.home // grain) * grain
        self._high = (last - self.home) // grain * grain

    def in_parts(self, steps: Rows) -> Parts:
        """Turn steps [m] into parts of a pixel, multiples of the grain."""
        return np.rint(steps / (self.unit * self.grain)).astype(np.int64) * self.grain

    def coord(self, moved: Parts) -> Rows:
        """Give coordinates [m] of frames that far from where they were recorded."""
        return np.asarray(self.block.block.positions + moved * self.unit)

    def limit(self, moved: Parts) -> Parts:
        """Bring back frames that left the circle about their recorded position, or the object."""
        distance = np.hypot(*(moved * self.unit).T)
        share = self.reach / np.maximum(distance, np.finfo(float).tiny)
        inside = np.trunc(moved * np.minimum(share, 1.0)[:, None] / self.grain)
        inside = np.where(share[:, None] < 1.0, inside.astype(np.int64) * self.grain, moved)
        return np.asarray(np.clip(inside, self._low, self._high), np.int64)

    def move(self, moved: Parts) -> None:
        """Let the frames lie that far from where they were recorded."""
        self.block.block.move_to(self.coord(moved))
        self.block.renew_places()


def _pattern(tries: int) -> Rows:
    """Lay points about zero: the smallest square lattice that has enough of them.

    Returns
    -------
    (k, 2) float64
        From -1 to 1 in both directions, without zero itself.
    """
    half = 1
    while (2 * half + 1) ** 2 - 1 < tries:
        half += 1
    line = np.arange(-half, half + 1) / half
    points = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.asarray(points[points.any(axis=1)])


def _common(parts: Sequence[Parts], grain: int) -> Parts:
    """Find the mean displacement of the frames of all processes."""
    sums = np.zeros(3, np.int64)
    for moved in parts:
        sums[:2] += moved.sum(axis=0)
        sums[2] += len(moved)
    add_up(sums)
    mean = sums[:2] / max(int(sums[2]), 1)
    common: npt.NDArray[np.int64] = np.rint(mean / grain).astype(np.int64) * grain
    return common
