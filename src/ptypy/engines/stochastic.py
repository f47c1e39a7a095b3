"""Engines that take the frames one after the other in random order: `EPIE`."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from ptypy.engines._block_engine import BlockEngine
from ptypy.engines._blocks import Complex, PackedBlock, Real
from ptypy.engines._combine import Exposure, combine, combine_probe
from ptypy.engines._gather import places_of, total_frames
from ptypy.engines._registry import register
from ptypy.engines.base import Errors
from ptypy.utils import parallel


class _Pool:
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

    @property
    def corners(self) -> npt.NDArray[np.int64]:
        """Upper left corner of every frame in the object [px]."""
        return np.concatenate([block.corners for block in self.blocks])

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
        self._pools: dict[tuple[int, int], _Pool] = {}

    def engine_prepare(self) -> None:
        """Pack new blocks and pool those that share probe and object."""
        known = len(self.blocks)
        super().engine_prepare()
        for block in self.blocks[known:]:
            key = id(block.illumination), id(block.block.obj)
            if key in self._pools:
                self._pools[key].add(block)
            else:
                self._pools[key] = _Pool(block)
        self.blocks = [block for pool in self._pools.values() for block in pool.blocks]

    def engine_iterate(self, num: int) -> Errors:
        """Visit every frame `num` times, each time in another order."""
        self.load_probes()
        errors = np.empty((0, 3))
        for _ in range(num):
            random = np.random.default_rng([zlib.crc32(self.label.encode()), self.curiter])
            rows = [self._sweep(pool, random) for pool in self._pools.values()]
            errors = np.concatenate(rows) if rows else errors
            self.store_probes()
            self.center_probes(self.p.probe_center_tol)
            self.curiter += 1
        if self.p.compute_log_likelihood and self.blocks:
            self.judge(errors)
        return errors

    def _sweep(self, pool: _Pool, random: np.random.Generator) -> Errors:
        """Visit every frame of a pool once; all processes together visit those of all."""
        order = pool.rows_in_order(random)
        probe_moves = self.curiter >= self.p.probe_update_start
        if parallel.size == 1:
            errors = self._visit(pool, pool.blocks[0].obj, pool.corners, order, probe_moves)
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
        self, pool: _Pool, rows: npt.NDArray[np.int64], met: float | None, errors: Errors
    ) -> None:
        """Visit some frames of this process while others do, and bring the changes together.

        `met` is the mean of |O|^2 over its maximum; None if the probe rests.
        """
        probe, obj = pool.blocks[0].probe, pool.blocks[0].obj
        before = probe.copy()
        power = (before.real**2 + before.imag**2).sum(axis=0)
        corners = pool.corners
        exposed = Exposure.of_frames(
            corners[rows], power, (obj.shape[0], obj.shape[1]), float(self.p.alpha)
        )
        box = _box(corners, power.shape)
        part = obj[box].copy()
        if len(rows):
            first = np.array([box[0].start, box[1].start])
            errors[rows] = self._visit(pool, part, corners - first, rows, met is not None)[rows]
        if met is not None:
            combine_probe(probe, before, len(rows) * float(self.p.beta) * met)
        combine(obj, part, box, exposed)

    def _visit(
        self,
        pool: _Pool,
        obj: Complex,
        corners: npt.NDArray[np.int64],
        rows: npt.NDArray[np.int64],
        probe_moves: bool,
    ) -> Errors:
        """Visit frames of this process, one after the other."""
        from ptypy.accelerate import epie_sweep

        first = pool.blocks[0]
        errors: Errors = epie_sweep(
            first.transform,
            first.probe,
            obj,
            corners,
            pool.measured,
            rows,
            object_step=float(self.p.alpha),
            probe_step=float(self.p.beta),
            object_norm_is_global=bool(self.p.object_norm_is_global),
            update_probe=probe_moves,
        )
        return errors


def _box(corners: npt.NDArray[np.int64], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Find the part of the object that frames see; nothing if there are none."""
    if not len(corners):
        return slice(0, 0), slice(0, 0)
    (top, left), (bottom, right) = corners.min(axis=0), corners.max(axis=0)
    return slice(int(top), int(bottom) + shape[0]), slice(int(left), int(right) + shape[1])
