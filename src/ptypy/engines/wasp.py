"""The weighted average of sequential projections: `WASP`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ptypy.engines._blocks import (
    Complex,
    Real,
    Sums,
    add_up,
    group_by_object,
    group_by_probe,
)
from ptypy.engines._bounds import BoundedEngine
from ptypy.engines._constraints import clip_modulus, smooth
from ptypy.engines._registry import register
from ptypy.engines._sequential import SequentialEngine
from ptypy.engines.base import Errors

FAINT = 1e-4
"""Weight of the present object in its average, against that of the light that it saw at most.

Without it what hardly any light fell on would take on any value, hundreds of times the rest."""


@register()
class WASP(SequentialEngine, BoundedEngine):
    """Weighted average of sequential projections.

    Maiden, Mei & Li, Optics Express 32 (2024) 21327. Every iteration visits each frame once, in
    random order, and moves object and probe at each:

        O <- O + sum_m conj(P_m) d_m / (alpha mean |P|^2 + |P|^2)
        P <- P + conj(O) d           / (beta + |O|^2),             d = M(PO) - PO

    At its end both become the weighted averages of what all frames wanted, PO + d, with P and O
    as each frame had found them:

        O = sum conj(P) (PO + d) / sum |P|^2      P = sum conj(O) (PO + d) / sum |O|^2

    Every colour and every mode of the object has averages of its own. Where each frame has a probe
    of its own (OPR) that probe just moves: there is nothing to average over.

    Pixels that no frame saw stay as they are: the present object enters its average with 1e-4 of
    the weight of the pixel that saw most light. Several processes visit their own frames, each with
    a copy of object and probe, and the sums of all are added up: all go on from the same averages,
    and know the probes of single frames that others moved.

    Defaults:

    [probe_update_start]
    default = 2
    type = int
    lowlim = 0
    help = Iterations before the probe is updated for the first time

    [alpha]
    default = 1.0
    type = float
    lowlim = 0.0
    help = How much the mean light of the probe damps the moves of the object

    [beta]
    default = 1.0
    type = float
    lowlim = 0.0
    help = How much a transmission of one damps the moves of the probe

    [random_seed]
    default = None
    type = int
    lowlim = 0
    help = Number from which the order of the frames is drawn
    doc = The same number gives the same orders whatever the engine's label. None draws from the
      label: the same script gives the same result, too.

    [update_object_first]
    default = True
    type = bool
    help = Without effect: object and probe move together
    doc = A parameter of the projection engines, which scripts of PtyPy 0.9 may set.
    userlevel = 2

    [name]
    default = WASP
    type = str
    help = Name of the engine
    """

    CITATION = "A. M. Maiden, W. Mei and P. Li, Optics Express 32 (2024) 21327 (WASP)"

    def engine_initialize(self) -> None:
        """Start without frames."""
        super().engine_initialize()
        self._power_bound: dict[int, float | None] = {}

    def engine_prepare(self) -> None:
        """Take in new blocks, and find what counts as noise."""
        super().engine_prepare()
        for light, blocks in group_by_probe(self.blocks):
            self._power_bound[id(light)] = self.choose_power_bound(blocks)

    def seed(self) -> list[int]:
        """Give what the order of this iteration is drawn from."""
        if self.p.random_seed is None:
            return super().seed()
        return [int(self.p.random_seed), self.curiter]

    def rule(self) -> dict[str, Any]:
        """Give full steps and the denominators of Maiden, Johnson & Li."""
        return {
            "object_step": 1.0,
            "probe_step": 1.0,
            "object_flat": float(self.p.alpha),
            "object_blend": 1.0,
            "probe_flat": float(self.p.beta),
            "probe_blend": 1.0,
        }

    def visit_all(self, random: np.random.Generator) -> Errors:
        """Visit every frame once, then let objects and probes be the averages."""
        objects = [storage for storage, _ in group_by_object(self.blocks)]
        lights = [light for light, _ in group_by_probe(self.blocks)]
        probes = [light for light in lights if light.modes is None]
        single = [light for light in lights if light.modes is not None]
        totals = {id(storage): _room(storage.data) for storage in objects}
        totals |= {id(light): _room(light.waves) for light in probes}
        old_objects = [storage.data.copy() for storage in objects]
        old_probes = [light.waves.copy() for light in probes]
        old_single = [light.waves.copy() for light in single]
        rows = []
        for pool in self.pools:
            order = pool.rows_in_order(random)
            bound = self._power_bound[id(pool.illuminations[0])]
            rows.append(self.visit(pool, order[order >= 0], totals=totals, power_bound=bound))
        for storage, old in zip(objects, old_objects, strict=True):
            # Every process goes on from the same one, where no light fell as well.
            storage.data[...] = old
            self._average_object(storage.data, *totals[id(storage)])
        for light, old in zip(probes, old_probes, strict=True):
            if not self.probe_moves:
                continue
            numerator, denominator = totals[id(light)]
            add_up(numerator, denominator)
            light.waves[...] = old
            np.divide(numerator, denominator, out=light.waves, where=denominator > 0)
            self.confine_probe(light)
        for light, old in zip(single, old_single, strict=True):
            # Each layer belongs to one frame, and so to one process: the others add zero.
            light.waves -= old
            add_up(light.waves)
            light.waves += old
        return np.concatenate(rows) if rows else np.empty((0, 3))

    def _average_object(self, obj: Complex, numerator: Complex, denominator: Real) -> None:
        """Let an object be the average of what all frames wanted, within its limits."""
        add_up(numerator, denominator)
        if self.p.obj_smooth_std:
            obj[...] = smooth(obj, self.p.obj_smooth_std)
        # As a change, so that what no frame saw stays to the last bit.
        numerator -= denominator * obj
        weight = denominator.dtype.type(FAINT * denominator.max())
        denominator += weight
        if weight:
            obj += numerator / denominator
        if self.p.clip_object is not None:
            clip_modulus(obj, self.p.clip_object)


def _room(array: Complex) -> Sums:
    """Give zeros to sum up a numerator for layers (L, H, W), and their common denominator."""
    return np.zeros_like(array), np.zeros(array.shape[-2:], array.real.dtype)
