"""What engines that take the frames one after the other have in common."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.engines._block_engine import BlockEngine
from ptypy.engines._packed_block import Complex, PackedBlock
from ptypy.engines._pool import Places, Pool
from ptypy.engines.base import Errors

__all__ = ["SequentialEngine"]

STRETCH = 16
"""Frames that are visited, at least, between two times that the probe is confined."""


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
        self._pools: dict[tuple[int, int], Pool] = {}

    def engine_prepare(self) -> None:
        """Pack new blocks and pool those that share probe and object."""
        known = len(self.blocks)
        super().engine_prepare()
        for block in self.blocks[known:]:
            assert isinstance(block, PackedBlock)  # noqa: S101 - others are not there yet
            key = id(block.illumination), id(block.block.obj)
            if key in self._pools:
                self._pools[key].add(block)
            else:
                self._pools[key] = Pool(block)
        self.blocks = [block for pool in self._pools.values() for block in pool.blocks]

    @property
    def pools(self) -> list[Pool]:
        """Frames that share probe and object, in the order of their arrival."""
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
        """Give the options of `epie_sweep` that make this algorithm. Override me."""
        raise NotImplementedError

    def visit(
        self,
        pool: Pool,
        obj: Complex,
        places: Places,
        rows: npt.NDArray[np.int64],
        **options: Any,
    ) -> Errors:
        """Visit frames of this process one after the other, the probe kept to its supports.

        A probe that is cut to its support only at the end of an iteration has let the object
        rely on light that is then taken away.

        Parameters
        ----------
        pool : Pool
        obj : (h, w) complex64
            The object, or a part of it; moved in place.
        places : Places
            Of all frames of the pool, in `obj`.
        rows : (K,) int64
            Frames to visit, rows of the pool.
        options
            Of `epie_sweep`, beside those of `rule`.

        Returns
        -------
        (N, 3) float64
            Of all frames of the pool; NaN for those that were not visited.
        """
        from ptypy.accelerate import epie_sweep

        first, errors = pool.blocks[0], np.full((pool.num, 3), np.nan)
        for stretch in self._stretches(rows, obj, first):
            visited: Errors = epie_sweep(
                first.transform,
                first.probe,
                obj,
                places[0],
                pool.measured,
                stretch,
                shifts=places[1],
                update_probe=self.probe_moves,
                waves=pool.waves,
                **self.rule(),
                **options,
            )
            errors[stretch] = visited[stretch]
            if self.probe_moves:
                self.confine_probe(first.illumination)
        return errors

    def _stretches(
        self, rows: npt.NDArray[np.int64], obj: Complex, block: PackedBlock
    ) -> list[npt.NDArray[np.int64]]:
        """Cut the frames to visit at the places where the probe is confined.

        A sweep brings the object into its own form and back: stretches are long enough that
        this costs little.
        """
        confined = any(area is not None for area in self.probe_areas)
        if not (self.probe_moves and confined):
            return [rows]
        length = max(STRETCH, obj.size // block.probe[0].size)
        return np.array_split(rows, max(1, len(rows) // length))
