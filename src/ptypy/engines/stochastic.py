"""Engines that take the frames one after the other in random order: `EPIE`."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ptypy.engines._block_engine import BlockEngine
from ptypy.engines._blocks import PackedBlock, Real
from ptypy.engines._registry import register
from ptypy.engines.base import Errors
from ptypy.errors import Fault
from ptypy.utils import parallel


@dataclass(slots=True, eq=False)
class _Pool:
    """Frames of one probe and one object, from which the order is drawn."""

    blocks: list[PackedBlock]
    measured: Real
    """Amplitudes of all blocks; those of each block are a part of it."""


@register()
class EPIE(BlockEngine):
    """The extended ptychographical iterative engine.

    Maiden & Rodenburg, Ultramicroscopy 109 (2009) 1256. Every iteration visits each frame
    once, in an order drawn anew from the engine's label and the iteration's number: the
    same script gives the same result, and how the frames are split into blocks does not
    matter.

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

    [name]
    default = EPIE
    type = str
    help = Name of the engine
    """

    CITATION = "A. M. Maiden and J. M. Rodenburg, Ultramicroscopy 109 (2009) 1256 (ePIE)"

    @classmethod
    def list_unsupported(cls, pars: Mapping[str, Any]) -> list[Fault]:
        """Refuse to run in several processes: frame after frame knows no sharing."""
        faults = super().list_unsupported(pars)
        if parallel.size > 1:
            remedy = "cannot share its frames among processes: use one process, or DM or ML"
            faults.append(Fault("name", str(pars.get("name", cls.__name__)), remedy))
        return faults

    def engine_initialize(self) -> None:
        """Start without frames."""
        super().engine_initialize()
        self._pools: list[_Pool] = []

    def engine_prepare(self) -> None:
        """Pack new blocks and pool those that share probe and object."""
        known = len(self.blocks)
        super().engine_prepare()
        if len(self.blocks) > known:
            self._pools = _pool(self.blocks)
            self.blocks = [block for pool in self._pools for block in pool.blocks]

    def engine_iterate(self, num: int) -> Errors:
        """Visit every frame `num` times, each time in another order."""
        self.load_probes()
        errors = np.empty((0, 3))
        for _ in range(num):
            random = np.random.default_rng([zlib.crc32(self.label.encode()), self.curiter])
            rows = [self._sweep(pool, random) for pool in self._pools]
            errors = np.concatenate(rows) if rows else errors
            self.store_probes()
            self.center_probes(self.p.probe_center_tol)
            self.curiter += 1
        if self.p.compute_log_likelihood and self.blocks:
            self.judge(errors)
        return errors

    def _sweep(self, pool: _Pool, random: np.random.Generator) -> Errors:
        """Visit every frame of a pool once."""
        from ptypy.accelerate import epie_sweep

        first = pool.blocks[0]
        probe_moves = self.curiter >= self.p.probe_update_start
        errors: Errors = epie_sweep(
            first.transform,
            first.probe,
            first.obj,
            np.concatenate([block.corners for block in pool.blocks]),
            pool.measured,
            random.permutation(len(pool.measured)),
            object_step=float(self.p.alpha),
            probe_step=float(self.p.beta),
            object_norm_is_global=bool(self.p.object_norm_is_global),
            update_probe=probe_moves,
        )
        if probe_moves:
            self.confine_probe(first.illumination)
        return errors


def _pool(blocks: list[PackedBlock]) -> list[_Pool]:
    """Join the frames that share probe and object; their memory is handed on, not doubled."""
    groups: dict[tuple[int, int], list[PackedBlock]] = {}
    for block in blocks:
        groups.setdefault((id(block.illumination), id(block.block.obj)), []).append(block)
    pools = []
    for members in groups.values():
        if len(members) == 1:
            pools.append(_Pool(members, members[0].measured))
            continue
        measured = np.concatenate([block.measured for block in members])
        start = 0
        for block in members:
            block.measured = measured[start : start + block.num]
            start += block.num
        pools.append(_Pool(members, measured))
    return pools
