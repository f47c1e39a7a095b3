"""What engines that take the frames one after the other have in common."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.engines._block_engine import BlockEngine
from ptypy.engines._blocks import FrameBlock
from ptypy.engines._pool import STRETCH, PackedPool, Pool, Scene, pool_of
from ptypy.engines.base import Errors

__all__ = ["SequentialEngine"]


class SequentialEngine(BlockEngine):
    """An engine that visits each frame once an iteration, in random order.

    Defaults:

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
    """

    def engine_initialize(self) -> None:
        """Start without frames."""
        super().engine_initialize()
        self._pools: dict[tuple[Any, ...], Pool] = {}

    def engine_prepare(self) -> None:
        """Pack new blocks and pool those that share probes and objects."""
        super().engine_prepare()
        self.blocks = [block for pool in self._pools.values() for block in pool.blocks]

    def keep(self, block: FrameBlock, missing: int) -> None:
        """Pool a block with those that share its probes and objects."""
        super().keep(block, missing)
        # Blocks of either kind may share probe and object.
        key = type(block), *((id(obj), id(probe)) for obj, probe in block.meetings)
        if key not in self._pools:
            self._pools[key] = pool_of(block)
        self._pools[key].add(block, missing)

    @property
    def pools(self) -> list[Pool]:
        """Frames that share probes and objects, in the order of their arrival."""
        return list(self._pools.values())

    @property
    def probe_moves(self) -> bool:
        """Whether the probe is updated in this iteration."""
        return bool(self.curiter >= self.p.probe_update_start)

    def engine_iterate(self, num: int) -> Errors:
        """Visit every frame `num` times, each time in another order."""
        self.load_probes()
        errors = np.empty((0, 3))
        for _ in range(num):
            errors = self.visit_all(np.random.default_rng(self.seed()))
            self.store_probes()
            self.center_probes(self.p.probe_center_tol)
            self.refine_positions()
            self.curiter += 1
        if self.p.compute_log_likelihood and self.blocks:
            self.judge(errors)
        return errors

    def seed(self) -> list[int]:
        """Give what the order of this iteration is drawn from, the same on every process."""
        return [zlib.crc32(self.label.encode()), self.curiter]

    def visit_all(self, random: np.random.Generator) -> Errors:
        """Do one iteration, in an order that is drawn here; give the errors of all frames.

        Override me.
        """
        raise NotImplementedError

    def rule(self) -> dict[str, Any]:
        """Give the options of `Pool.visit` that make this algorithm. Override me."""
        raise NotImplementedError

    def visit(
        self, pool: Pool, rows: npt.NDArray[np.int64], scene: Scene | None = None, **options: Any
    ) -> Errors:
        """Visit frames of this process one after the other, the probes kept to their supports.

        A probe that is cut to its support only at the end of an iteration has let the object
        rely on light that is then taken away.

        Parameters
        ----------
        pool : Pool
        rows : (K,) int64
            Frames to visit, rows of the pool.
        scene : Scene, optional
            A part of the object and the places of frames in it, of a packed pool. The object as
            it is if not given.
        options
            Of `Pool.visit`, beside those of `rule`.

        Returns
        -------
        (N, 3) float64
            Of all frames of the pool; NaN for those that were not visited.
        """
        seen = pool.look(self.looks_between) if scene is None else scene
        options = {"update_probe": self.probe_moves, **self.rule(), **options}
        area, fourier_area = self.areas_of(pool.illuminations[0])
        if isinstance(pool, PackedPool) and fourier_area is None:
            return pool.visit(rows, seen, area=area, **options)
        errors = np.full((pool.num, 3), np.nan)
        for stretch in self._stretches(pool, rows, scene):
            visited = pool.visit(stretch, seen, **options)
            errors[stretch] = visited[stretch]
            if self.probe_moves:
                for illumination in pool.illuminations:
                    self.confine_probe(illumination)
        return errors

    def _stretches(
        self, pool: Pool, rows: npt.NDArray[np.int64], scene: Scene | None = None
    ) -> list[npt.NDArray[np.int64]]:
        """Cut the frames to visit at the places where the probes are confined.

        A sweep brings the object into its own form and back: stretches are long enough that
        this costs little. The probe of a single frame is met once an iteration. (Where the
        sweep confines the probe by itself nothing is cut.)
        """
        areas = [self.areas_of(illumination) for illumination in pool.illuminations]
        confined = any(area is not None for pair in areas for area in pair)
        shared = any(illumination.modes is None for illumination in pool.illuminations)
        if not (self.probe_moves and confined and shared):
            return [rows]
        obj = pool.blocks[0].objects[0].data[0] if scene is None else scene.obj
        length = max(STRETCH, obj.size // pool.illuminations[0].waves[0].size)
        return np.array_split(rows, max(1, len(rows) // length))
