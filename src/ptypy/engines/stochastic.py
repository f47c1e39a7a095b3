"""Engines that take the frames one after the other in random order: `EPIE`."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.engines._block_engine import BlockEngine
from ptypy.engines._blocks import Rows, add_up
from ptypy.engines._combine import Exposure, combine, combine_probe
from ptypy.engines._gather import places_of, total_frames
from ptypy.engines._packed_block import Complex, PackedBlock, Real
from ptypy.engines._registry import register
from ptypy.engines.base import Errors
from ptypy.utils import parallel

GAIN = 0.98
"""Share of the misfit of one iteration that the next must come below to count as gain."""

STRETCH = 16
"""Frames that are visited, at least, between two times that the probe is confined."""


class Pool:
    """Frames of one probe and one object, from which the order is drawn.

    Parameters
    ----------
    block : PackedBlock
        The first.
    """

    def __init__(self, block: PackedBlock) -> None:
        self.blocks = [block]
        self._room: Real = block.measured

    @property
    def measured(self) -> Real:
        """Amplitudes of all blocks; those of each block are a part of it."""
        return self._room[: sum(block.num for block in self.blocks)]

    @property
    def total(self) -> int:
        """Number of frames on all processes."""
        return total_frames([block.block for block in self.blocks])

    def places(self, between: bool) -> tuple[npt.NDArray[np.int64], Rows | None]:
        """Say where all frames lie; see `PackedBlock.places`."""
        found = [block.places(between) for block in self.blocks]
        corners = np.concatenate([corners for corners, _ in found])
        if all(shifts is None for _, shifts in found):
            return corners, None
        parts = [np.zeros(c.shape) if shifts is None else shifts for c, shifts in found]
        return corners, np.concatenate(parts)

    def add(self, block: PackedBlock) -> None:
        """Take a block in; its memory is handed on, so that frames are there once."""
        used = len(self.measured)
        self.blocks.append(block)
        needed = used + block.num
        if needed > len(self._room):
            # Twice as much as needed: a scan that grows by single frames is rarely copied.
            room = np.empty((2 * needed, *self._room.shape[1:]), self._room.dtype)
            room[:used] = self._room[:used]
            self._room = room
        self._room[used:needed] = block.measured
        start = 0
        for member in self.blocks:
            member.measured = self._room[start : start + member.num]
            start += member.num

    def rows_in_order(self, random: np.random.Generator) -> npt.NDArray[np.int64]:
        """Draw the order of the frames of all processes.

        Returns
        -------
        (total,) int64
            Which row of `measured` comes when; -1 where another process holds the frame.
        """
        row_at = np.full(self.total, -1)
        row_at[places_of([block.block for block in self.blocks])] = np.arange(len(self.measured))
        return np.asarray(row_at[random.permutation(self.total)])


@register()
class EPIE(BlockEngine):
    """The extended ptychographical iterative engine.

    Maiden & Rodenburg, Ultramicroscopy 109 (2009) 1256. Every iteration visits each frame
    once, in an order drawn anew from the engine's label and the iteration's number: the
    same script gives the same result, and how the frames are split into blocks does not
    matter. Several processes visit their own frames in that order, each with a copy of
    object and probe, and bring their changes together several times an iteration.

    Defaults:

    [probe_update_start]
    default = 0
    type = int
    lowlim = 0
    help = Iterations before the probe is updated for the first time

    [probe_center_tol]
    default = None
    type = float
    lowlim = 0.0
    help = Distance of the probe's centre of mass from the frame's at which it is moved back [px]
    userlevel = 2

    [compute_log_likelihood]
    default = True
    type = bool
    help = Compare model and measurement after each call, for the photon error and the residual
    doc = Costs one Fourier transform of every frame.
    userlevel = 2

    [alpha]
    default = 1.0
    type = float
    lowlim = 0.0
    help = Step of the object, as a share of the one that satisfies the frame
    doc = In PtyPy 0.9 this was the step of the probe, against its documentation.

    [beta]
    default = 1.0
    type = float
    lowlim = 0.0
    help = Step of the probe, as a share of the one that satisfies the frame
    doc = In PtyPy 0.9 this was the step of the object, against its documentation.

    [step_decay]
    default = 4.0
    type = float
    lowlim = 0.0
    help = So many iterations without gain halve both steps; None keeps the steps
    doc = The steps are alpha and beta over 1 + k / step_decay, with k the number of iterations that
      brought the frames less than 2 % closer than the one before. Full steps follow the noise of
      the frame that was visited last, and the error grows again.

    [object_norm_is_global]
    default = False
    type = bool
    help = Divide the step of the probe by the brightest pixel of the whole object
    doc = Otherwise by the brightest pixel that the frame sees.

    [exchanges]
    default = 4
    type = int
    lowlim = 1
    help = How often in an iteration several processes bring their changes together
    doc = More often is closer to what one process does, and each time costs a sum over the whole
      object: 1 is faster where frames overlap little. Without effect on one process.
    userlevel = 2

    [name]
    default = EPIE
    type = str
    help = Name of the engine
    """

    CITATION = "A. M. Maiden and J. M. Rodenburg, Ultramicroscopy 109 (2009) 1256 (ePIE)"

    def engine_initialize(self) -> None:
        """Start without frames."""
        super().engine_initialize()
        self._pools: dict[tuple[int, int], Pool] = {}
        self._gainless, self._misfit = 0, np.inf

    def engine_prepare(self) -> None:
        """Pack new blocks and pool those that share probe and object."""
        known = len(self.blocks)
        super().engine_prepare()
        if known and len(self.blocks) > known:
            self._gainless, self._misfit = 0, np.inf
        for block in self.blocks[known:]:
            assert isinstance(block, PackedBlock)  # noqa: S101 - PlainBlock is not there yet
            key = id(block.illumination), id(block.block.obj)
            if key in self._pools:
                self._pools[key].add(block)
            else:
                self._pools[key] = Pool(block)
        self.blocks = [block for pool in self._pools.values() for block in pool.blocks]

    def engine_state(self) -> dict[str, Any]:
        """Give what the length of the next steps depends on."""
        return {"gainless": self._gainless, "misfit": self._misfit}

    def engine_restore(self, state: Mapping[str, Any]) -> None:
        """Go on with steps of that length."""
        self._gainless, self._misfit = int(state["gainless"]), float(state["misfit"])

    def engine_iterate(self, num: int) -> Errors:
        """Visit every frame `num` times, each time in another order."""
        self.load_probes()
        errors = np.empty((0, 3))
        for _ in range(num):
            random = np.random.default_rng([zlib.crc32(self.label.encode()), self.curiter])
            rows = [self._sweep(pool, random) for pool in self._pools.values()]
            errors = np.concatenate(rows) if rows else errors
            self._weigh_gain(errors)
            self.store_probes()
            self.center_probes(self.p.probe_center_tol)
            self.refine_positions()
            self.curiter += 1
        if self.p.compute_log_likelihood and self.blocks:
            self.judge(errors)
        return errors

    def _damped(self, step: float) -> float:
        """Give a step as it is in this iteration."""
        if not self.p.step_decay:
            return float(step)
        return float(step / (1.0 + self._gainless / self.p.step_decay))

    def _weigh_gain(self, errors: Errors) -> None:
        """Count an iteration that brought the frames hardly closer than the one before."""
        misfit = np.array([errors[:, 0].sum()])
        add_up(misfit)
        self._gainless += bool(misfit[0] > GAIN * self._misfit)
        self._misfit = float(misfit[0])

    def _sweep(self, pool: Pool, random: np.random.Generator) -> Errors:
        """Visit every frame of a pool once; all processes together visit those of all."""
        order = pool.rows_in_order(random)
        probe_moves = self.curiter >= self.p.probe_update_start
        if parallel.size == 1:
            places = pool.places(self.looks_between)
            errors = self._visit(pool, pool.blocks[0].obj, places, order, probe_moves)
        else:
            errors = np.full((len(pool.measured), 3), np.nan)
            obj = pool.blocks[0].obj
            power = obj.real**2 + obj.imag**2
            met = float(power.mean()) / (float(power.max()) or 1.0) if probe_moves else None
            for stretch in np.array_split(order, int(self.p.exchanges)):
                self._visit_together(pool, stretch[stretch >= 0], met, errors)
            if probe_moves:
                self.confine_probe(pool.blocks[0].illumination)
        return errors

    def _visit_together(
        self, pool: Pool, rows: npt.NDArray[np.int64], met: float | None, errors: Errors
    ) -> None:
        """Visit some frames of this process while others do, and bring the changes together.

        `met` is the mean of |O|^2 over its maximum; None if the probe rests.
        """
        probe, obj = pool.blocks[0].probe, pool.blocks[0].obj
        before = probe.copy()
        power = (before.real**2 + before.imag**2).sum(axis=0)
        corners, shifts = pool.places(self.looks_between)
        exposed = Exposure.of_frames(
            corners[rows], power, (obj.shape[0], obj.shape[1]), self._damped(self.p.alpha)
        )
        box = _box(corners, power.shape, int(shifts is not None))
        part = obj[box].copy()
        if len(rows):
            first = np.array([box[0].start, box[1].start])
            places = corners - first, shifts
            errors[rows] = self._visit(pool, part, places, rows, met is not None)[rows]
        if met is not None:
            combine_probe(probe, before, len(rows) * self._damped(self.p.beta) * met)
        combine(obj, part, box, exposed)

    def _visit(
        self,
        pool: Pool,
        obj: Complex,
        places: tuple[npt.NDArray[np.int64], Rows | None],
        rows: npt.NDArray[np.int64],
        probe_moves: bool,
    ) -> Errors:
        """Visit frames of this process one after the other, the probe kept to its supports.

        A probe that is cut to its support only at the end of an iteration has let the object
        rely on light that is then taken away.
        """
        from ptypy.accelerate import epie_sweep

        first, errors = pool.blocks[0], np.full((len(pool.measured), 3), np.nan)
        for stretch in self._stretches(rows, obj, first.probe, probe_moves):
            visited: Errors = epie_sweep(
                first.transform,
                first.probe,
                obj,
                places[0],
                pool.measured,
                stretch,
                object_step=self._damped(self.p.alpha),
                probe_step=self._damped(self.p.beta),
                shifts=places[1],
                object_norm_is_global=bool(self.p.object_norm_is_global),
                update_probe=probe_moves,
            )
            errors[stretch] = visited[stretch]
            if probe_moves:
                self.confine_probe(first.illumination)
        return errors

    def _stretches(
        self, rows: npt.NDArray[np.int64], obj: Complex, probe: Complex, probe_moves: bool
    ) -> list[npt.NDArray[np.int64]]:
        """Cut the frames to visit at the places where the probe is confined.

        A sweep brings the object into its own form and back: stretches are long enough that
        this costs little.
        """
        confined = self.p.probe_support is not None or self.p.probe_fourier_support is not None
        if not (probe_moves and confined):
            return [rows]
        length = max(STRETCH, obj.size // probe[0].size)
        return np.array_split(rows, max(1, len(rows) // length))


def _box(
    corners: npt.NDArray[np.int64], shape: tuple[int, ...], margin: int
) -> tuple[slice, slice]:
    """Find the part of the object that frames see; nothing if there are none."""
    if not len(corners):
        return slice(0, 0), slice(0, 0)
    (top, left), (bottom, right) = corners.min(axis=0), corners.max(axis=0)
    height, width = shape[0] + margin, shape[1] + margin
    return slice(int(top), int(bottom) + height), slice(int(left), int(right) + width)
