"""Engines that project exit waves onto what was measured: `DM` and `RAAR`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.engines._blocks import (
    Coefficients,
    Complex,
    FrameBlock,
    Illumination,
    Sums,
    add_up,
    group_by_object,
    group_by_probe,
)
from ptypy.engines._bounds import BoundedEngine
from ptypy.engines._constraints import clip_modulus, fit, smooth
from ptypy.engines._registry import register
from ptypy.engines.base import Errors

if TYPE_CHECKING:
    from ptypy.core.classes import Storage
    from ptypy.core.manager import Block


PLATEAU = 1.03
"""How far above its lowest the residual may be while the difference map searches.

Before it finds what it looks for it often stays at a level for many iterations, and goes up and
down there a little."""


class ProjectionEngine(BoundedEngine):
    """Exit waves that obey the measurement and the overlap of the frames, in turns.

    Defaults:

    [probe_update_start]
    default = 2
    type = int
    lowlim = 0
    help = Iterations before the probe is updated for the first time

    [update_object_first]
    default = True
    type = bool
    help = Update the object before the probe, not after it
    userlevel = 2

    [overlap_converge_factor]
    default = 0.05
    type = float
    lowlim = 0.0
    help = Object and probe are updated in turns until the probe changes by less than this share
    doc = Norm of the change over the norm of the probe.
    userlevel = 2

    [overlap_max_iterations]
    default = 10
    type = int
    lowlim = 1
    help = Largest number of such turns in one iteration
    userlevel = 2

    [probe_inertia]
    default = 1e-9
    type = float
    lowlim = 0.0
    help = Weight of the present probe in its update, against that of the exit waves
    doc = 1 counts as much as the mean object of modulus one in every frame.
    userlevel = 2

    [object_inertia]
    default = 1e-4
    type = float
    lowlim = 0.0
    help = Weight of the present object in its update, against that of the exit waves
    doc = 1 counts as much as one frame with its photons spread evenly.
    userlevel = 2

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

    def coefficients(self) -> Coefficients:
        """Give the row of the table that makes this algorithm. Override me."""
        raise NotImplementedError

    def engine_initialize(self) -> None:
        """Start without frames and without buffers."""
        super().engine_initialize()
        self._sums: dict[int, Sums] = {}
        self._mean_power: dict[int, float] = {}
        self._num_frames: dict[int, float] = {}
        self._power_bound: dict[int, float | None] = {}

    def engine_prepare(self) -> None:
        """Pack new blocks, begin their exit waves, and weigh the frames."""
        super().engine_prepare()
        for storage, blocks in group_by_object(self.blocks):
            power = np.array(
                [
                    sum(block.block.tot_power for block in blocks),
                    sum(
                        block.num * float(block.block.counts[0].size) * block.block.resample**2
                        for block in blocks
                        if block.num
                    ),
                ]
            )
            add_up(power)
            self._mean_power[id(storage)] = float(power[0] / power[1])
        for illumination, blocks in group_by_probe(self.blocks):
            num = np.array([float(sum(block.num for block in blocks))])
            add_up(num)
            self._num_frames[id(illumination)] = float(num[0])
            self._power_bound[id(illumination)] = self.choose_power_bound(blocks)

    def take(self, block: Block) -> FrameBlock:
        """Pack a block and let its exit waves be probe times object."""
        packed = super().take(block)
        for illumination in packed.illuminations:
            illumination.load()
        packed.begin_waves(self.looks_between)
        return packed

    def positions_moved(self, moved: list[npt.NDArray[np.bool_]]) -> None:
        """Let the exit waves of frames that were moved be probe times object.

        They were those of another place, and would write its image over the one that is here.
        """
        for block, anew in zip(self.blocks, moved, strict=True):
            block.begin_waves(self.looks_between, anew)

    def engine_iterate(self, num: int) -> Errors:
        """Project, then let object and probe agree on the exit waves, `num` times."""
        self.load_probes()
        errors = np.empty((0, 3))
        for _ in range(num):
            probe_moves = self.curiter >= self.p.probe_update_start
            sums = None
            if self.p.update_object_first or not probe_moves:
                sums = self._clear_object_sums()
            errors = self._project(sums)
            self._overlap(probe_moves, sums)
            self.center_probes(self.p.probe_center_tol)
            self.refine_positions()
            self.curiter += 1
        if self.p.compute_log_likelihood and self.blocks:
            self.judge(errors)
            self.weigh(num)
        return errors

    def weigh(self, num: int) -> None:
        """Look at the residual after some iterations, before the next. Override me."""

    def _project(self, sums: dict[int, Sums] | None) -> Errors:
        """Move every exit wave one step of the table's row; sum up what they say of objects."""
        rows = [
            block.project(
                self.looks_between,
                self.coefficients(),
                self._power_bound[id(block.illuminations[0])],
                sums,
            )
            for block in self.blocks
        ]
        return np.concatenate(rows) if rows else np.empty((0, 3))

    def _overlap(self, probe_moves: bool, sums: dict[int, Sums] | None) -> None:
        """Update object and probe in turns until the probe has settled.

        Every turn updates both, the probe first where there are no sums of objects at hand.
        """
        object_first = sums is not None
        for turn in range(self.p.overlap_max_iterations):
            if object_first:
                self._update_objects(None if turn else sums)
            if not probe_moves:
                return
            change = self._update_probes()
            if not object_first:
                self._update_objects(None)
            if change < self.p.overlap_converge_factor:
                break
        self.store_probes()

    def _clear_object_sums(self) -> dict[int, Sums]:
        """Give zeros to sum into for each object, by the identity of its storage."""
        return {
            id(storage): self._zeros(storage, storage.data)
            for storage, _ in group_by_object(self.blocks)
        }

    def _update_objects(self, sums: dict[int, Sums] | None) -> None:
        """Give each object the value that fits the exit waves best; `sums` if they are known."""
        known = self._clear_object_sums() if sums is None else sums
        for storage, blocks in group_by_object(self.blocks):
            obj: Complex = storage.data
            numerator, denominator = known[id(storage)]
            if sums is None:
                for block in blocks:
                    block.renew_blind_waves(self.looks_between)
                    block.add_object_sums(storage, (numerator, denominator), self.looks_between)
            add_up(numerator, denominator)
            inertia = self.p.object_inertia * self._mean_power[id(storage)]
            std = self.p.obj_smooth_std
            held = smooth(obj, std) if std else None
            fit(obj, numerator, denominator, inertia, held)
            if self.p.clip_object is not None:
                clip_modulus(obj, self.p.clip_object)

    def _update_probes(self) -> float:
        """Give each probe the value that fits the exit waves best; return the largest change."""
        change = 0.0
        for illumination, blocks in group_by_probe(self.blocks):
            probe = illumination.waves
            numerator, denominator = sums = self._zeros(
                illumination, probe, None if illumination.modes is None else illumination.sets
            )
            for block in blocks:
                block.renew_blind_waves(self.looks_between)
                block.add_probe_sums(illumination, sums, self.looks_between)
            add_up(numerator, denominator)
            frames = self._num_frames[id(illumination)] / illumination.sets
            old = probe.copy()
            inertia = self.p.probe_inertia * frames
            fit(probe, numerator, illumination.spread(denominator), inertia)
            self.confine_probe(illumination)
            change = max(change, _relative_change(old, probe))
        return change

    def _zeros(self, owner: Storage | Illumination, like: Complex, sets: int | None = None) -> Sums:
        """Give zeros to sum into, the same memory each time unless the owner has grown."""
        sums = self._sums.get(id(owner))
        if sums is None or sums[0].shape != like.shape:
            shape = like.shape[-2:] if sets is None else (sets, *like.shape[-2:])
            self._sums[id(owner)] = sums = np.zeros_like(like), np.zeros(shape, like.real.dtype)
        else:
            for array in sums:
                array.fill(0)
        return sums


@register()
class DM(ProjectionEngine):
    """The difference map.

    Thibault et al., Ultramicroscopy 109 (2009) 338; a = -alpha, b = 1, c = 1 + alpha.

    Defaults:

    [alpha]
    default = 1.0
    type = float
    lowlim = 0.0
    help = How far beyond the overlap the exit waves are reflected; 1 is the difference map

    [step_decay]
    default = 10.0
    type = float
    lowlim = 0.0
    help = So many iterations without gain halve the reflection; None keeps it
    doc = The reflection is alpha over 1 + k / step_decay, with k the number of iterations after
      which the residual was more than 3 % above its lowest. Where the data contradict themselves
      (noise, positions, a beam that is not stable) the difference map goes on searching, and the
      error grows again. Without effect if `compute_log_likelihood` is off.
    userlevel = 2

    [name]
    default = DM
    type = str
    help = Name of the engine
    """

    CITATION = "P. Thibault et al., Ultramicroscopy 109 (2009) 338 (difference map)"

    def engine_initialize(self) -> None:
        """Start without frames, with the whole reflection."""
        super().engine_initialize()
        self._gainless, self._least = 0, np.inf

    def engine_prepare(self) -> None:
        """Pack new blocks; with more frames the search begins anew."""
        known = len(self.blocks)
        super().engine_prepare()
        if known and len(self.blocks) > known:
            self._gainless, self._least = 0, np.inf

    def engine_state(self) -> dict[str, Any]:
        """Give what the next reflections depend on."""
        return {"gainless": self._gainless, "least": self._least}

    def engine_restore(self, state: Mapping[str, Any]) -> None:
        """Go on with reflections of that length."""
        self._gainless, self._least = int(state["gainless"]), float(state["least"])

    def coefficients(self) -> Coefficients:
        """Reflect about the overlap, project onto the measurement."""
        alpha = float(self.p.alpha)
        if self.p.step_decay:
            alpha /= 1.0 + self._gainless / float(self.p.step_decay)
        return Coefficients(-alpha, 1.0, 1.0 + alpha)

    def weigh(self, num: int) -> None:
        """Count iterations after which the residual was above its lowest by more than a little."""
        if self.curiter > self.p.probe_update_start:
            if self.residual > PLATEAU * self._least:
                self._gainless += num
            self._least = min(self._least, self.residual)


@register()
class RAAR(ProjectionEngine):
    """Relaxed averaged alternating reflections.

    Luke, Inverse Problems 21 (2005) 37; a = 1 - 2 beta, b = beta, c = 2.

    Defaults:

    [beta]
    default = 0.75
    type = float
    lowlim = 0.0
    help = Share of the difference map in the step; the rest is drawn to the overlap

    [name]
    default = RAAR
    type = str
    help = Name of the engine
    """

    CITATION = "D. R. Luke, Inverse Problems 21 (2005) 37 (RAAR)"

    def coefficients(self) -> Coefficients:
        """Mix the difference map with the projection onto the overlap."""
        beta = float(self.p.beta)
        return Coefficients(1.0 - 2.0 * beta, beta, 2.0)


def _relative_change(old: Complex, new: Complex) -> float:
    """Norm of the change over the norm."""
    norm = float(np.linalg.norm(new))
    return float(np.linalg.norm(new - old)) / norm if norm else 0.0
