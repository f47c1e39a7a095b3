"""Maximum likelihood by conjugate gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ptypy.engines._block_engine import residual
from ptypy.engines._blocks import (
    Complex,
    Illumination,
    Noise,
    add_up,
    group_by_object,
    group_by_probe,
    group_that_meets,
    largest,
)
from ptypy.engines._constraints import smooth
from ptypy.engines._gather import bring_together, places_of, total_frames
from ptypy.engines._illumination import digest
from ptypy.engines._registry import register
from ptypy.engines.base import Errors
from ptypy.engines.ML import _roughness
from ptypy.engines.ML._balance import balance, damped_inverse, light_on_object, object_under_probe
from ptypy.engines.ML._descent import ConjugateGradients
from ptypy.engines.ML._parameters import MLParameters
from ptypy.engines.ML._unknowns import Unknowns

Factor = np.float32 | npt.NDArray[np.float32]
"""What a gradient is multiplied by: a number, or one for each pixel."""


_NOISES = (
    # Factors that make the cost about 1 a pixel where photon noise is all there is.
    Noise("gaussian", factor=1.0, floor=1.0),
    Noise("poisson", factor=2.0, floor=1e-3),
    Noise("euclid", factor=4.0, floor=1e-3),
)
"""The models for counts that are photons."""

BALANCED_EVERY = 10
"""Iterations after which a preconditioner is found anew, from probe and object as they are."""


@register()
class ML(MLParameters):
    """Maximum likelihood by preconditioned conjugate gradients.

    Thibault & Guizar-Sicairos, New Journal of Physics 14 (2012) 063004; Odstrčil et al.,
    Optics Express 26 (2018) 3108. Minimises a sum over frames and trusted pixels that
    compares ``s |f|^2`` with the counts, s being the factor of the frame, plus the roughness
    of the object if asked for; `ML_type` chooses the model of the noise, see
    `ptypy.accelerate.likelihood_gradient`. A step that would raise the cost is shortened:
    the cost never rises.
    """

    CITATION = (
        "P. Thibault and M. Guizar-Sicairos, New J. Phys. 14 (2012) 063004 (maximum likelihood)"
    )

    DESCENT: ClassVar[type[ConjugateGradients]] = ConjugateGradients
    """How to go downhill."""

    def engine_initialize(self) -> None:
        """Start without frames and without a direction."""
        super().engine_initialize()
        self._descent: ConjugateGradients | None = None
        self._left: list[int] | None = None
        self._object_factors: list[Factor] = []
        self._probe_factors: list[Factor] = []
        self._prior_weights: list[float] = []
        self._misfits, self._compared = np.empty(0), np.empty((0, 2))
        photons = float(self.p.intensity_renormalization) or 1.0
        name = str(self.p.ML_type).lower()
        noise = next(known for known in _NOISES if known.noise == name)
        self._noise = Noise(name, noise.factor * photons, noise.floor / photons)
        self._keeps_balance = bool(self.p.scale_precond or self.p.wavefield_precond)
        self.exact = self.p.poly_line_coeffs == "all"

    def engine_prepare(self) -> None:
        """Pack new blocks; begin anew, as the cost of more frames is another one."""
        super().engine_prepare()
        if self.p.floating_intensities:
            for block in self.blocks:
                if block.scale is None:
                    block.scale = np.ones(block.num)
        self.load_probes()
        for illumination, _ in group_by_probe(self.blocks):
            self.confine_probe(illumination)
        self.store_probes()
        self._prior_weights = self._weigh_priors()
        self._descent = None

    def engine_iterate(self, num: int) -> Errors:
        """Take `num` steps downhill."""
        if not self.blocks:
            return np.empty((0, 3))
        self.load_probes()
        if self._others_changed_something():
            self._descent = None
        for _ in range(num):
            if self._descent is None or self.curiter in self.turning_points:
                self._begin()
            elif self.curiter % BALANCED_EVERY == 0 and self._keeps_balance:
                self._balance()
            assert self._descent is not None  # noqa: S101  (said to the type checker)
            self._descent.step()
            self.refine_positions()
            self.curiter += 1
        self._share_scales()
        if self.curiter > self.p.probe_update_start:
            self.store_probes()
        self._left = self._digests()
        trusted = np.concatenate([block.trusted for block in self.blocks])
        distance, photons = self._compared.T
        self.residual = residual(np.stack([distance, self._misfits, photons], axis=1))
        exit_error = np.full(len(trusted), np.nan)
        return np.stack([distance / trusted, self._misfits / trusted, exit_error], axis=1)

    def _others_changed_something(self) -> bool:
        """Say whether probe or object, on any process, are not what the latest call left."""
        return bool(largest(float(self._left is not None and self._left != self._digests())))

    def _digests(self) -> list[int]:
        """Sum up the bytes of all objects and probes, so that a change can be told."""
        objects = [storage.data for storage, _ in group_by_object(self.blocks)]
        return [digest(array) for array in (*objects, *(p.storage.data for p in self._probes))]

    @property
    def turning_points(self) -> tuple[int, ...]:
        """Iterations in which the cost, or what it depends on, becomes another one."""
        return self.p.probe_update_start, self.p.subpix_start

    def engine_finalize(self) -> None:
        """Leave the factors of all frames in the runtime of the master, let go of the rest."""
        factors = self._frame_factors()
        if factors is not None:
            self.ptycho.runtime["float_intens"] = factors
        super().engine_finalize()

    def engine_state(self) -> dict[str, Any]:
        """Give the direction, what it is measured with, and the frames' factors."""
        state: dict[str, Any] = {
            "num_frames": total_frames(self.frames_in_order()),
            "float_intens": self._frame_factors(),
        }
        if self._descent is not None:
            state["descent"] = self._descent.remember()
            state["object_factors"] = [np.asarray(f)[None] for f in self._object_factors]
            state["probe_factors"] = [np.asarray(f)[None] for f in self._probe_factors]
        return state

    def engine_restore(self, state: Mapping[str, Any]) -> None:
        """Go on in the saved direction, if the frames are the same."""
        blocks = self.frames_in_order()
        if state["num_frames"] != total_frames(blocks):
            return
        factors = state.get("float_intens")
        if factors is not None and self.p.floating_intensities:
            mine = np.asarray(factors)[places_of(blocks)]
            starts = np.cumsum([block.num for block in self.blocks])[:-1]
            for block, scale in zip(self.blocks, np.split(mine, starts), strict=True):
                block.scale = scale.copy()
        if "descent" not in state:
            return
        self._object_factors = [_factor(saved) for saved in state["object_factors"]]
        self._probe_factors = [_factor(saved) for saved in state["probe_factors"]]
        self.load_probes()
        self._descent, self._left = self.DESCENT(self), None
        if not self._descent.restore(state["descent"]):
            self._descent = None

    def positions_moved(self, moved: list[npt.NDArray[np.bool_]]) -> None:
        """Evaluate the cost where the frames lie now; the direction is still a good one."""
        del moved
        if self._descent is not None:
            self._descent.look_again()

    def _frame_factors(self) -> Errors | None:
        """Bring the factors of all frames together on the master, if frames have factors."""
        scales = [block.scale for block in self.blocks if block.scale is not None]
        if not scales:
            return None
        return bring_together(self.frames_in_order(), np.concatenate(scales))

    def _begin(self) -> None:
        """Start straight downhill, with probe and object balanced for what follows."""
        self._descent = self.DESCENT(self)
        self._share_scales()
        self._balance()

    def _balance(self) -> None:
        """Find what the gradients are multiplied by, so that steps suit probe and object."""
        relative = float(self.p.scale_probe_object)
        objects, probes = group_by_object(self.blocks), group_by_probe(self.blocks)
        if not self.p.wavefield_precond:
            self._object_factors = [np.float32(1.0) for _ in objects]
            self._probe_factors = [
                np.float32(relative * balance(illumination, blocks))
                for illumination, blocks in probes
            ]
            return
        damping = self.p.wavefield_delta_object, self.p.wavefield_delta_probe
        self._object_factors = [
            damped_inverse(light_on_object(storage, blocks), damping[0])
            for storage, blocks in objects
        ]
        self._probe_factors = [
            relative
            * damped_inverse(
                object_under_probe(illumination, blocks), damping[1], illumination.waves
            )
            for illumination, blocks in probes
        ]

    def _share_scales(self) -> None:
        """Make the frames' factors 1 on average; what they have in common goes into the object.

        The model stays as it is. Nothing else would tell a beam that is brighter from an
        object that is more transparent.
        """
        if not self.p.floating_intensities:
            return
        known = [id(storage) for storage, _ in group_by_object(self.blocks)]
        for _, objects in group_that_meets(self.blocks):
            mine = {id(storage) for storage in objects}
            scales = [
                block.scale
                for block in self.blocks
                if block.scale is not None and id(block.objects[0]) in mine
            ]
            sums = np.array([sum(scale.sum() for scale in scales), float(sum(map(len, scales)))])
            add_up(sums)
            common = float(sums[0] / sums[1])
            for scale in scales:
                np.divide(scale, common, out=scale)
            for storage in objects:
                storage.data *= float(np.sqrt(common))
                if self._descent is not None:
                    self._descent.magnify_object(known.index(id(storage)), np.sqrt(common))
        if self._descent is not None and any(self._prior_weights):
            # The roughness has changed with the object.
            self._descent.look_again()

    @property
    def _probes(self) -> list[Illumination]:
        return [illumination for illumination, _ in group_by_probe(self.blocks)]

    def unknowns(self) -> Unknowns:
        """Give objects and probes as they are now."""
        objects = [storage.data for storage, _ in group_by_object(self.blocks)]
        return Unknowns(objects, [illumination.waves for illumination in self._probes])

    def evaluate(self, gradient: Unknowns) -> float:
        """Calculate the cost, its gradient, and how far every frame is from what was measured."""
        gradient.fill(0)
        fields = self._look_up(gradient)
        compared = [np.zeros((block.num, 2)) for block in self.blocks]
        misfits = [
            block.add_gradient(self.looks_between, self._noise, *fields, errors)
            for block, errors in zip(self.blocks, compared, strict=True)
        ]
        self._misfits, self._compared = np.concatenate(misfits), np.concatenate(compared)
        cost = np.array([self._misfits.sum()])
        add_up(cost, *gradient.arrays)
        return float(cost[0]) + self._add_prior(gradient)

    def precondition(self, gradient: Unknowns, out: Unknowns) -> None:
        """Smooth the object's gradient, balance the probe's, keep probes to their supports.

        Each is a symmetric matrix, as conjugate gradients demand.
        """
        out.assign(gradient)
        width = self.p.smooth_gradient * (1.0 - self.p.smooth_gradient_decay) ** self.curiter
        for array, factor in zip(out.objects, self._object_factors, strict=True):
            if width:
                root = np.sqrt(factor)
                array[...] = root * smooth(root * array, width)
            else:
                np.multiply(array, factor, out=array)
        if self.curiter < self.p.probe_update_start:
            for array in out.probes:
                array.fill(0)
            return
        for illumination, array, factor in zip(
            self._probes, out.probes, self._probe_factors, strict=True
        ):
            area, fourier_area = self.areas_of(illumination)
            illumination.confine(array, area, fourier_area)
            np.multiply(array, factor, out=array)
            if fourier_area is not None and np.ndim(factor):
                illumination.confine(array, area, fourier_area)

    def expand(self, direction: Unknowns) -> Sequence[float]:
        """Expand the cost along a direction: up to the second order, or all of it."""
        order = 8 if self.exact and self._noise.noise == "gaussian" else 2
        fields = self._look_up(direction)
        total = np.zeros(order + 1)
        for block in self.blocks:
            total += block.expand(self.looks_between, self._noise, *fields, order)
        add_up(total)
        for (storage, _), step, weight in zip(
            group_by_object(self.blocks), direction.objects, self._prior_weights, strict=True
        ):
            if weight:
                total[:3] += _roughness.line_coefficients(storage.data, step, weight)
        coefficients: list[float] = total.tolist()
        return coefficients

    def _add_prior(self, gradient: Unknowns) -> float:
        """Add the gradient of the objects' roughness; return the roughness."""
        return sum(
            _roughness.add_gradient(storage.data, weight, array)
            for (storage, _), array, weight in zip(
                group_by_object(self.blocks), gradient.objects, self._prior_weights, strict=True
            )
            if weight
        )

    def _weigh_priors(self) -> list[float]:
        """Find the weight of each object's roughness; the same however frames are split."""
        if not self.p.reg_del2:
            return [0.0 for _ in group_by_object(self.blocks)]
        weights = []
        for storage, blocks in group_by_object(self.blocks):
            totals = np.array(
                [
                    sum(float(block.trusted.sum()) for block in blocks),
                    sum(float(block.block.tot_power) for block in blocks),
                ]
            )
            add_up(totals)
            weight = _roughness.suggest_weight(
                float(self.p.reg_del2_amplitude), totals[0], totals[1], storage.data.size
            )
            weights.append(weight * float(self.p.intensity_renormalization))
        return weights

    def _look_up(self, vector: Unknowns) -> tuple[dict[int, Complex], dict[int, Complex]]:
        """Find a vector's part for a storage of an object, and for an illumination."""
        storages = [storage for storage, _ in group_by_object(self.blocks)]
        of_object = dict(zip(map(id, storages), vector.objects, strict=True))
        of_probe = dict(zip(map(id, self._probes), vector.probes, strict=True))
        return of_object, of_probe


def _factor(saved: npt.NDArray[np.float32]) -> Factor:
    """Give a saved factor as it was, a number or one for each pixel."""
    factor = np.asarray(saved, np.float32)[0]
    return np.float32(factor) if factor.ndim == 0 else factor
