"""Maximum likelihood for three models of noise, for any modes and colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._arrays import check_array
from ptypy.accelerate._threads import count_threads, run_ranges
from ptypy.accelerate.plain._detector import Detector, correlate, empty_waves, multiply
from ptypy.accelerate.plain._noise import Noise, compare
from ptypy.accelerate.plain._sight import Complex, Real, Scene, Sight, check_arrays
from ptypy.accelerate.plain._views import (
    ObjectTotals,
    against_object,
    against_probe,
    take_view,
)
from ptypy.errors import DataError

__all__ = ["likelihood_gradient", "line_coefficients"]

Real64 = npt.NDArray[np.float64]


def likelihood_gradient(
    sights: Sequence[Sight],
    counts: Real,
    grad_probes: Sequence[Complex],
    grad_objs: Sequence[Complex],
    *,
    noise: str = "gaussian",
    factor: float = 1.0,
    floor: float = 1.0,
    scale: Real64 | None = None,
    update_scale: bool = False,
    errors: Real64 | None = None,
    threads: int | None = None,
) -> Real64:
    """Calculate the misfit of every frame and add its gradient, in place.

    The meaning is that of `ptypy.accelerate.likelihood_gradient`, with I summed over sights,
    modes and fine pixels, and for each sight

        grad O_l = sum_m conj(P_m) A^H[s phi' f_ml]
        grad P_m = sum_l conj(O_l) A^H[s phi' f_ml]

    Parameters
    ----------
    sights : sequence of Sight
    counts : (N, h, w) real
        Counts, not their roots; negative where a pixel is not to be trusted.
    grad_probes : sequence of arrays of the probes' shapes
        Added to, in place. Sights that share a probe may share a gradient.
    grad_objs : sequence of arrays of the objects' shapes
        Added to, in place. Sights that share an object may share a gradient.
    noise : {'gaussian', 'poisson', 'euclid'}
    factor, floor : float
        ``floor`` [counts] must be positive.
    scale : (N,) float64, optional
        s of every frame; 1 if not given.
    update_scale : bool
        First set s, in place, to the value with the smallest misfit.
    errors : (N, 2) float64, optional
        Overwritten with the sums of (sqrt(s I) - sqrt(n))^2 and of n over the trusted pixels.
    threads : int, optional
        See `ptypy.accelerate.default_threads`.

    Returns
    -------
    (N,) float64
        L of every frame.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.
    """
    scene = Scene.of(sights, "counts", counts)
    model = Noise.of(noise, factor, floor)
    _check_targets(scene, "grad", grad_probes, grad_objs)
    factors = _check_scale(scale, scene.frames, update_scale)
    if errors is not None:
        check_array("errors", errors, (scene.frames, 2), np.float64, writeable=True)
    misfits = np.zeros(scene.frames)
    parts = count_threads(threads, scene.frames)
    gradients: list[_Gradients | None] = [None] * parts

    def work(part: int, first: int, last: int) -> None:
        gradient = gradients[part] = _Gradients(scene, grad_probes, first, last)
        for j in range(first, last):
            intensity, measured = gradient.arrive(j), scene.measured_at(j)
            if update_scale:
                factors[j] = model.find_scale(intensity, measured, float(factors[j]))
            s = float(factors[j])
            if errors is not None:
                errors[j] = compare(intensity, measured, s)
            misfits[j], slope = model.weigh(intensity, measured, s)
            gradient.depart(j, slope)

    run_ranges(work, scene.frames, parts)
    for gradient in gradients:
        if gradient is not None:
            gradient.add_to(grad_probes, grad_objs)
    return misfits


class _Gradients:
    """The gradients of probes and objects that one thread adds up for itself.

    Those of a probe for each frame go to their places at once: no other thread has that frame.
    """

    def __init__(self, scene: Scene, grad_probes: Sequence[Complex], first: int, last: int) -> None:
        self._sights = scene.sights
        self._own = [sight.probe.ndim == 4 for sight in scene.sights]
        self._detector = Detector(scene)
        self._waves = empty_waves(scene.sights)
        self._views: list[Complex] = []
        self._objects = [ObjectTotals(s, first, last, s.obj) for s in scene.sights]
        self._probes = [
            grad if own else np.zeros_like(sight.probe)
            for sight, grad, own in zip(scene.sights, grad_probes, self._own, strict=True)
        ]
        kind = scene.dtype
        self._patches = [
            (np.empty((s.probe_modes, *s.shape), kind), np.empty((s.object_modes, *s.shape), kind))
            for s in scene.sights
        ]

    def arrive(self, j: int) -> Real:
        """Give the intensity of the model of frame ``j``."""
        self._views = [take_view(sight, sight.obj, j) for sight in self._sights]
        for sight, view, wave in zip(self._sights, self._views, self._waves, strict=True):
            multiply(sight, view, j, wave)
        return self._detector.arrive(self._waves)

    def depart(self, j: int, slope: Real) -> None:
        """Multiply the waves of the frame that has arrived by its slope, and bring them back."""
        self._detector.multiply(slope)
        for k, wave in enumerate(self._detector.depart()):
            of_probe, of_object = self._patches[k]
            against_object(self._views[k], wave, of_probe)
            against_probe(self._sights[k].probe_of(j), wave, of_object)
            target = self._probes[k][j] if self._own[k] else self._probes[k]
            target += of_probe
            self._objects[k].give(j, of_object)

    def add_to(self, grad_probes: Sequence[Complex], grad_objs: Sequence[Complex]) -> None:
        """Add all to the arrays."""
        for k, (grad_probe, grad_obj) in enumerate(zip(grad_probes, grad_objs, strict=True)):
            self._objects[k].add_to(grad_obj)
            if not self._own[k]:
                np.add(grad_probe, self._probes[k], out=grad_probe)


def line_coefficients(
    sights: Sequence[Sight],
    step_probes: Sequence[Complex],
    step_objs: Sequence[Complex],
    counts: Real,
    *,
    noise: str = "gaussian",
    order: int = 2,
    factor: float = 1.0,
    floor: float = 1.0,
    scale: Real64 | None = None,
    threads: int | None = None,
) -> Real64:
    """Expand the misfit along a line: L(t) = B0 + B1 t + B2 t^2 + ... for P + t dP, O + t dO.

    The meaning is that of `ptypy.accelerate.line_coefficients`.

    Parameters
    ----------
    sights : sequence of Sight
        Hold P and O.
    step_probes, step_objs : sequences of arrays of the probes' and objects' shapes
        dP and dO.
    counts : (N, h, w) real
        Negative where a pixel is not to be trusted.
    noise, factor, floor, scale, threads
        As for `likelihood_gradient`.
    order : {2, 8}
        Highest power of t; 8 for `gaussian` only.

    Returns
    -------
    (order + 1,) float64
        B0, B1, B2 ..., summed over the frames.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.
    """
    scene = Scene.of(sights, "counts", counts)
    model = Noise.of(noise, factor, floor)
    if order != 2 and (order != 8 or noise != "gaussian"):
        raise DataError(f"order is {order} for {noise}; it must be 2, or 8 for gaussian")
    _check_targets(scene, "step", step_probes, step_objs, writeable=False)
    factors = _check_scale(scale, scene.frames, writeable=False)
    rows = np.zeros((scene.frames, order + 1))

    def work(_: int, first: int, last: int) -> None:
        line = _Line(scene, step_probes, step_objs)
        for j in range(first, last):
            powers = line.expand(j, order)
            rows[j] = model.expand(powers, scene.measured_at(j), float(factors[j]))

    run_ranges(work, scene.frames, count_threads(threads, scene.frames))
    result: Real64 = rows.sum(axis=0)
    return result


class _Line:
    """What one thread needs to expand intensities along P + t dP, O + t dO."""

    def __init__(
        self, scene: Scene, step_probes: Sequence[Complex], step_objs: Sequence[Complex]
    ) -> None:
        self._sights = scene.sights
        self._steps = list(zip(step_probes, step_objs, strict=True))
        self._detectors = [Detector(scene) for _ in range(3)]
        self._waves = [empty_waves(scene.sights) for _ in range(3)]

    def expand(self, j: int, order: int) -> list[Real]:
        """Give the coefficients of 1, t, t^2 of frame ``j``'s intensity, or up to t^4."""
        for k, (sight, (step_probe, step_obj)) in enumerate(
            zip(self._sights, self._steps, strict=True)
        ):
            probe = sight.probe_of(j)[:, None]
            move = (step_probe[j] if step_probe.ndim == 4 else step_probe)[:, None]
            view, turn = take_view(sight, sight.obj, j), take_view(sight, step_obj, j)
            zeroth, first, second = (waves[k] for waves in self._waves)
            np.multiply(move, view, out=zeroth)
            np.multiply(probe, turn, out=first)
            first += zeroth
            np.multiply(probe, view, out=zeroth)
            np.multiply(move, turn, out=second)
        f, g, h = self._detectors
        a0, a2, a4 = (d.arrive(w) for d, w in zip(self._detectors, self._waves, strict=True))
        a2 += 2 * correlate(f, h)
        powers = [a0, 2 * correlate(f, g), a2]
        return powers if order == 2 else [*powers, 2 * correlate(g, h), a4]


def _check_targets(
    scene: Scene,
    name: str,
    of_probes: Sequence[Complex],
    of_objs: Sequence[Complex],
    writeable: bool = True,
) -> None:
    """Refuse arrays that do not have the shapes of probes and objects."""
    probes, objs = (
        [a.shape for a in arrays]
        for arrays in zip(*((s.probe, s.obj) for s in scene.sights), strict=True)
    )
    check_arrays(f"{name}_probes", of_probes, probes, scene.dtype, writeable)
    check_arrays(f"{name}_objs", of_objs, objs, scene.dtype, writeable)


def _check_scale(scale: Real64 | None, frames: int, writeable: bool) -> Real64:
    """Give one factor a frame; 1 if there are none."""
    if scale is None:
        if writeable:
            raise DataError("update_scale needs a scale to update")
        return np.ones(frames)
    check_array("scale", scale, (frames,), np.float64, writeable)
    return scale
