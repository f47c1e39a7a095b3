"""Engines that project exit waves onto what was measured: `DM` and `RAAR`."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ptypy.engines._block_engine import BlockEngine
from ptypy.engines._blocks import (
    Complex,
    Illumination,
    PackedBlock,
    Real,
    add_up,
    group_by_object,
    group_by_probe,
    largest,
)
from ptypy.engines._constraints import clip_modulus, smooth
from ptypy.engines._registry import register
from ptypy.engines.base import Errors
from ptypy.errors import Fault

if TYPE_CHECKING:
    from ptypy.core.classes import Storage
    from ptypy.core.manager import Block


class Coefficients(NamedTuple):
    """A row of the table of projection algorithms.

    ``psi <- (1 - a - b) psi + a PO + b M(c PO + (1 - c) psi)`` where PO is probe times
    object and M makes the modulus of the far field that of the measurement.
    """

    a: float
    b: float
    c: float


class ProjectionEngine(BlockEngine):
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

    [fourier_power_bound]
    default = None
    type = float
    help = Error of a frame that is taken for noise and left alone [photons]
    doc = Mean over the trusted pixels of (abs(model) - sqrt(I))^2. None lets
      `fourier_relax_factor` decide.
    userlevel = 2

    [fourier_relax_factor]
    default = 0.05
    type = float
    lowlim = 0.0
    help = Relative error of a frame that is taken for noise and left alone
    doc = Sets the bound to (factor/2)^2 times the mean counts a pixel of the brightest frame.
      0 imposes the measured modulus exactly.
    userlevel = 2

    [obj_smooth_std]
    default = None
    type = float
    lowlim = 0.0
    help = Smooth the present object by this much before it enters its own update [px]
    doc = Tames pixels at the border that few frames have seen; see `object_inertia`.
    userlevel = 2

    [clip_object]
    default = None
    type = tuple
    help = Smallest and largest modulus that the object may have
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

    @classmethod
    def list_unsupported(cls, pars: Mapping[str, Any]) -> list[Fault]:
        """Refuse limits that are none, beside what `BaseEngine` refuses."""
        faults = super().list_unsupported(pars)
        limits, bound = pars.get("clip_object"), pars.get("fourier_power_bound")
        if limits is not None and not _is_range(limits):
            remedy = "is to be (smallest, largest) modulus, the first not above the second"
            faults.append(Fault("clip_object", repr(limits), remedy))
        if isinstance(bound, int | float) and bound < 0:
            faults.append(Fault("fourier_power_bound", repr(bound), "is below zero"))
        return faults

    def coefficients(self) -> Coefficients:
        """Give the row of the table that makes this algorithm. Override me."""
        raise NotImplementedError

    def engine_initialize(self) -> None:
        """Start without frames and without buffers."""
        super().engine_initialize()
        self._object_sums: dict[int, tuple[Complex, Real]] = {}
        self._probe_sums: dict[int, tuple[Complex, Real]] = {}
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
                    sum(block.num * float(np.prod(block.transform.shape)) for block in blocks),
                ]
            )
            add_up(power)
            self._mean_power[id(storage)] = float(power[0] / power[1])
        for illumination, blocks in group_by_probe(self.blocks):
            num = np.array([float(sum(block.num for block in blocks))])
            add_up(num)
            self._num_frames[id(illumination)] = float(num[0])
            self._power_bound[id(illumination)] = self._choose_power_bound(blocks)

    def take(self, block: Block) -> PackedBlock:
        """Pack a block and let its exit waves be probe times object."""
        from ptypy.accelerate import initial_waves

        packed = super().take(block)
        packed.illumination.load()
        waves = packed.transform.empty_waves(packed.num, len(packed.probe))
        corners, shifts = packed.places(self.looks_between)
        initial_waves(packed.transform, waves, packed.probe, packed.obj, corners, shifts=shifts)
        packed.waves = waves
        return packed

    def _choose_power_bound(self, blocks: list[PackedBlock]) -> float | None:
        """Find the error that counts as noise; the same however the frames are split."""
        if self.p.fourier_power_bound is not None:
            return float(self.p.fourier_power_bound)
        if not self.p.fourier_relax_factor:
            return None
        brightest = largest(max(block.block.max_power for block in blocks))
        pixels = float(np.prod(blocks[0].transform.shape))
        return 0.25 * float(self.p.fourier_relax_factor) ** 2 * brightest / pixels

    def engine_iterate(self, num: int) -> Errors:
        """Project, then let object and probe agree on the exit waves, `num` times."""
        self.load_probes()
        errors = np.empty((0, 3))
        for _ in range(num):
            errors = self._project()
            self._overlap()
            self.center_probes(self.p.probe_center_tol)
            self.curiter += 1
        if self.p.compute_log_likelihood and self.blocks:
            self.judge(errors)
        return errors

    def _project(self) -> Errors:
        """Move every exit wave one step of the table's row."""
        from ptypy.accelerate import project

        rows = []
        for block in self.blocks:
            corners, shifts = block.places(self.looks_between)
            rows.append(
                project(
                    block.transform,
                    block.exit_waves,
                    block.probe,
                    block.obj,
                    corners,
                    block.measured,
                    coefficients=self.coefficients(),
                    power_bound=self._power_bound[id(block.illumination)],
                    shifts=shifts,
                )
            )
        return np.concatenate(rows) if rows else np.empty((0, 3))

    def _overlap(self) -> None:
        """Update object and probe in turns until the probe has settled."""
        probe_moves = self.curiter >= self.p.probe_update_start
        for turn in range(self.p.overlap_max_iterations):
            if turn or self.p.update_object_first or not probe_moves:
                self._update_objects()
            if not probe_moves:
                return
            if self._update_probes() < self.p.overlap_converge_factor:
                break
        self.store_probes()

    def _update_objects(self) -> None:
        """Give each object the value that fits the exit waves best."""
        from ptypy.accelerate import object_sums

        for storage, blocks in group_by_object(self.blocks):
            obj: Complex = storage.data[0]
            numerator, denominator = _buffers(self._object_sums, storage, obj.shape, obj.shape)
            for block in blocks:
                block.renew_blind_waves(self.looks_between)
                corners, shifts = block.places(self.looks_between)
                object_sums(
                    block.transform,
                    block.exit_waves,
                    block.probe,
                    corners,
                    numerator,
                    denominator,
                    obj=obj,
                    shifts=shifts,
                )
            add_up(numerator, denominator)
            inertia = np.float32(self.p.object_inertia * self._mean_power[id(storage)])
            std = self.p.obj_smooth_std
            numerator += inertia * (smooth(obj, std) if std else obj)
            denominator += inertia
            np.divide(numerator, denominator, out=obj, where=denominator > 0)
            if self.p.clip_object is not None:
                clip_modulus(obj, self.p.clip_object)

    def _update_probes(self) -> float:
        """Give each probe the value that fits the exit waves best; return the largest change."""
        from ptypy.accelerate import probe_sums

        change = 0.0
        for illumination, blocks in group_by_probe(self.blocks):
            probe = illumination.waves
            numerator, denominator = _buffers(
                self._probe_sums, illumination, probe.shape, probe.shape[1:]
            )
            for block in blocks:
                block.renew_blind_waves(self.looks_between)
                corners, shifts = block.places(self.looks_between)
                probe_sums(
                    block.transform,
                    block.exit_waves,
                    block.obj,
                    corners,
                    numerator,
                    denominator,
                    shifts=shifts,
                )
            add_up(numerator, denominator)
            inertia = np.float32(self.p.probe_inertia * self._num_frames[id(illumination)])
            numerator += inertia * probe
            denominator += inertia
            old = probe.copy()
            np.divide(numerator, denominator, out=probe, where=denominator > 0)
            self.confine_probe(illumination)
            change = max(change, _relative_change(old, probe))
        return change


def _is_range(limits: Any) -> bool:
    """Say whether something is a pair of numbers, neither negative, in ascending order."""
    if not isinstance(limits, Sequence | np.ndarray) or len(limits) != 2:
        return False
    low, high = limits
    return all(isinstance(n, numbers.Real) for n in limits) and 0 <= low <= high


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

    [name]
    default = DM
    type = str
    help = Name of the engine
    """

    CITATION = "P. Thibault et al., Ultramicroscopy 109 (2009) 338 (difference map)"

    def coefficients(self) -> Coefficients:
        """Reflect about the overlap, project onto the measurement."""
        alpha = float(self.p.alpha)
        return Coefficients(-alpha, 1.0, 1.0 + alpha)


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


def _buffers(
    known: dict[int, tuple[Complex, Real]],
    owner: Storage | Illumination,
    shape: tuple[int, ...],
    real_shape: tuple[int, ...],
) -> tuple[Complex, Real]:
    """Give zeros to sum into, the same memory each time unless the owner has grown."""
    pair = known.get(id(owner))
    if pair is None or pair[0].shape != shape:
        pair = np.zeros(shape, np.complex64), np.zeros(real_shape, np.float32)
        known[id(owner)] = pair
    else:
        pair[0].fill(0)
        pair[1].fill(0)
    return pair


def _relative_change(old: Complex, new: Complex) -> float:
    """Norm of the change over the norm."""
    norm = float(np.linalg.norm(new))
    return float(np.linalg.norm(new - old)) / norm if norm else 0.0
