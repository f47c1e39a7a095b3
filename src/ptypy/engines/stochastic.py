"""Engines that move object and probe at every frame, in random order: `EPIE` and `SDR`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.engines._blocks import FrameBlock, add_up
from ptypy.engines._combine import Exposure, combine, combine_probe
from ptypy.engines._packed_block import Real
from ptypy.engines._pool import PackedPool, Pool, Scene
from ptypy.engines._registry import register
from ptypy.engines._sequential import SequentialEngine
from ptypy.engines.base import Errors
from ptypy.errors import ParameterError
from ptypy.utils import parallel

if TYPE_CHECKING:
    from ptypy.core.manager import Block

GAIN = 0.98
"""Share of the misfit of one iteration that the next must come below to count as gain."""

BEYOND = 0.9
"""Share of the denominator of `SDR` that is taken pixel by pixel where its step is beyond 1."""


class StochasticEngine(SequentialEngine):
    """Frames one after the other, each moving object and probe towards what it wants.

    Every iteration visits each frame once, in an order drawn anew from the engine's label and
    the iteration's number: the same script gives the same result, and how the frames are split
    into blocks does not matter. Several processes visit their own frames in that order, each
    with a copy of object and probe, and bring their changes together several times an
    iteration; that is there for one object mode of one energy, under probes that all frames
    share, and other models are refused on several processes.

    Defaults:

    [probe_update_start]
    default = 0
    type = int
    lowlim = 0
    help = Iterations before the probe is updated for the first time

    [step_decay]
    default = 4.0
    type = float
    lowlim = 0.0
    help = So many iterations without gain halve the steps; None keeps the steps
    doc = The steps are divided by 1 + k / step_decay, with k the number of iterations that
      brought the frames less than 2 % closer than the one before. Full steps follow the noise of
      the frame that was visited last, and the error grows again.

    [exchanges]
    default = 4
    type = int
    lowlim = 1
    help = How often in an iteration several processes bring their changes together
    doc = More often is closer to what one process does, and each time costs a sum over the whole
      object: 1 is faster where frames overlap little. Without effect on one process.
    userlevel = 2
    """

    def steps(self) -> tuple[float, float]:
        """Give the steps of object and probe as they are at first. Override me."""
        raise NotImplementedError

    def blends(self) -> tuple[float, float]:
        """Give what share of the denominators of object and probe is taken pixel by pixel."""
        return 0.0, 0.0

    def engine_initialize(self) -> None:
        """Start without frames, with full steps."""
        super().engine_initialize()
        self._gainless, self._misfit = 0, np.inf

    def engine_prepare(self) -> None:
        """Take in new blocks; whoever has more to learn makes full steps again."""
        known = len(self.blocks)
        super().engine_prepare()
        self._refuse_processes()
        if known and len(self.blocks) > known:
            self._gainless, self._misfit = 0, np.inf

    def _refuse_processes(self) -> None:
        """Refuse several processes where their changes could not be brought together."""
        if parallel.size == 1:
            return
        for pool in self.pools:
            if not isinstance(pool, PackedPool):
                raise ParameterError(
                    f"scan {pool.blocks[0].block.label}: on {parallel.size} processes {self.name} "
                    "reconstructs one object mode of one energy, in single precision at the "
                    "resolution of the detector, with probes that all frames share: start the "
                    "script without mpiexec, or choose DM, RAAR, ML or WASP, which spread any "
                    "model over processes"
                )

    def engine_state(self) -> dict[str, Any]:
        """Give what the length of the next steps depends on."""
        return {"gainless": self._gainless, "misfit": self._misfit}

    def engine_restore(self, state: Mapping[str, Any]) -> None:
        """Go on with steps of that length."""
        self._gainless, self._misfit = int(state["gainless"]), float(state["misfit"])

    def rule(self) -> dict[str, Any]:
        """Give steps and denominators."""
        (for_object, for_probe), (blend_o, blend_p) = self._damped_steps(), self.blends()
        return {
            "object_step": for_object,
            "probe_step": for_probe,
            "object_blend": blend_o,
            "probe_blend": blend_p,
        }

    @property
    def damping(self) -> float:
        """What steps are multiplied by in this iteration."""
        decay = self.p.step_decay
        return 1.0 / (1.0 + self._gainless / decay) if decay else 1.0

    def _damped_steps(self) -> tuple[float, float]:
        """Give the steps as they are in this iteration."""
        for_object, for_probe = self.steps()
        return self.damping * for_object, self.damping * for_probe

    def _weigh_gain(self, errors: Errors) -> None:
        """Count an iteration that brought the frames hardly closer than the one before."""
        misfit = np.array([errors[:, 0].sum()])
        add_up(misfit)
        self._gainless += bool(misfit[0] > GAIN * self._misfit)
        self._misfit = float(misfit[0])

    def visit_all(self, random: np.random.Generator) -> Errors:
        """Visit every frame once; all processes together visit those of all."""
        rows = [self._sweep(pool, random) for pool in self.pools]
        errors = np.concatenate(rows) if rows else np.empty((0, 3))
        self._weigh_gain(errors)
        return errors

    def _sweep(self, pool: Pool, random: np.random.Generator) -> Errors:
        """Visit every frame of a pool once."""
        order = pool.rows_in_order(random)
        if parallel.size == 1 or not isinstance(pool, PackedPool):
            return self.visit(pool, order)
        errors, obj = np.full((pool.num, 3), np.nan), pool.blocks[0].obj
        power = obj.real**2 + obj.imag**2
        met = float(_reach(power, self.blends()[1]).mean()) if self.probe_moves else None
        for stretch in np.array_split(order, int(self.p.exchanges)):
            self._visit_together(pool, stretch[stretch >= 0], met, errors)
        if self.probe_moves:
            self.confine_probe(pool.blocks[0].illumination)
        return errors

    def _visit_together(
        self, pool: PackedPool, rows: npt.NDArray[np.int64], met: float | None, errors: Errors
    ) -> None:
        """Visit some frames of this process while others do, and bring the changes together.

        `met` is the mean share of the way that a visit brings the probe; None if it rests.
        """
        probe, obj = pool.blocks[0].probe, pool.blocks[0].obj
        before = probe.copy()
        reach = _reach((before.real**2 + before.imag**2).sum(axis=0), self.blends()[0])
        for_object, for_probe = self._damped_steps()
        corners, shifts = pool.places(self.looks_between)
        shape = obj.shape[0], obj.shape[1]
        exposed = Exposure.of_frames(corners[rows], reach, shape, for_object)
        box = _box(corners, reach.shape, int(shifts is not None))
        part = obj[box].copy()
        if len(rows):
            first = np.array([box[0].start, box[1].start])
            scene = Scene(part, (corners - first, shifts))
            errors[rows] = self.visit(pool, rows, scene)[rows]
        if met is not None:
            combine_probe(probe, before, len(rows) * for_probe * met)
        combine(obj, part, box, exposed)


@register()
class EPIE(StochasticEngine):
    """The extended ptychographical iterative engine.

    Maiden & Rodenburg, Ultramicroscopy 109 (2009) 1256.

    Defaults:

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

    def steps(self) -> tuple[float, float]:
        """Give alpha and beta."""
        return float(self.p.alpha), float(self.p.beta)

    def rule(self) -> dict[str, Any]:
        """Give the steps, and whose brightest pixel divides that of the probe."""
        return {**super().rule(), "object_norm_is_global": bool(self.p.object_norm_is_global)}


@register()
class SDR(StochasticEngine):
    """Semi-implicit relaxed Douglas-Rachford.

    Pham, Rana, Miao & Osher, Optics Express 27 (2019) 31246. Like `EPIE`, but every frame keeps
    its exit wave from visit to visit and is reflected as in the difference map,

        psi <- PO + tau (M(w) - w),      w = (1 + sigma) PO - sigma psi

    the row a = 1 - tau (1 + sigma), b = tau, c = 1 + sigma of the table of projections. Object
    and probe take an implicit step towards it, the one that ends where its own gradient says:

        O <- O + beta_object sum conj(P) (psi - PO) / ((1 - beta_object) max |P|^2
                                                        + beta_object |P|^2)

    and the probe likewise with beta_probe. Small betas are the steps of `EPIE`; 1 makes object or
    probe explain the frame. Beyond 1 the step grows over the denominator of beta = 0.9: that of 1
    moves the darkest pixels as far as the brightest, and longer steps would not converge.
    With sigma = 0 no exit waves are kept.

    Noisy frames never agree: what is left of each adds up in its exit wave from visit to visit.
    `step_decay` therefore applies to sigma as well.

    Defaults:

    [sigma]
    default = 1.0
    type = float
    lowlim = 0.0
    help = How far beyond the present model, away from its last wave, a frame is projected

    [tau]
    default = 1.0
    type = float
    lowlim = 0.0
    help = Share of the way to the measured amplitudes that a frame goes

    [beta_probe]
    default = 0.1
    type = float
    lowlim = 0.0
    help = How far the probe goes: from 0, not at all, to 1, until it explains the frame
    doc = More than 1 is a longer step over the denominator of 0.9.

    [beta_object]
    default = 0.9
    type = float
    lowlim = 0.0
    help = How far the object goes: from 0, not at all, to 1, until it explains the frame
    doc = More than 1 is a longer step over the denominator of 0.9.

    [name]
    default = SDR
    type = str
    help = Name of the engine
    """

    CITATION = "M. Pham et al., Optics Express 27 (2019) 31246 (semi-implicit relaxed DR)"

    def steps(self) -> tuple[float, float]:
        """Give beta_object and beta_probe."""
        return float(self.p.beta_object), float(self.p.beta_probe)

    def blends(self) -> tuple[float, float]:
        """Give the same, within what has a limit: what makes the steps implicit."""
        for_object, for_probe = (beta if beta <= 1.0 else BEYOND for beta in self.steps())
        return for_object, for_probe

    def take(self, block: Block) -> FrameBlock:
        """Pack a block and let its exit waves be probe times object."""
        packed = super().take(block)
        if self.p.sigma:
            for illumination in packed.illuminations:
                illumination.load()
            packed.begin_waves(self.looks_between)
        return packed

    def positions_moved(self, moved: list[npt.NDArray[np.bool_]]) -> None:
        """Let the exit waves of frames that were moved be probe times object, those of here."""
        if self.p.sigma:
            for block, anew in zip(self.blocks, moved, strict=True):
                block.begin_waves(self.looks_between, anew)

    def rule(self) -> dict[str, Any]:
        """Give steps, denominators and the row of the table."""
        sigma, tau = self.damping * float(self.p.sigma), float(self.p.tau)
        row = 1.0 - tau * (1.0 + sigma), tau, 1.0 + sigma
        return {**super().rule(), "coefficients": row}


def _reach(power: Real, blend: float) -> Real:
    """Say what share of the way a visit goes at each pixel, 1 at the brightest.

    Where it is dark, 0 / 0 is to be 0.
    """
    brightest = np.float32(power.max() or 1.0)
    below = np.float32(1.0 - blend) * brightest + np.float32(blend) * power
    reach: Real = np.divide(power, below, out=np.zeros_like(power), where=below > 0)
    return reach


def _box(
    corners: npt.NDArray[np.int64], shape: tuple[int, ...], margin: int
) -> tuple[slice, slice]:
    """Find the part of the object that frames see; nothing if there are none."""
    if not len(corners):
        return slice(0, 0), slice(0, 0)
    (top, left), (bottom, right) = corners.min(axis=0), corners.max(axis=0)
    height, width = shape[0] + margin, shape[1] + margin
    return slice(int(top), int(bottom) + height), slice(int(left), int(right) + width)
