"""Maximum likelihood for three models of noise: gradient and line search."""

# ruff: noqa: PLR0917 - the arrays come first, by place; compiled functions take no keywords
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._arrays import (
    Planes,
    Strips,
    add_vectors,
    check_array,
    check_measured,
)
from ptypy.accelerate._buffers import lend
from ptypy.accelerate._frame import zero
from ptypy.accelerate._lanes import ROW, VALUE
from ptypy.accelerate._likelihood_kernels import gradient_range, line_range
from ptypy.accelerate._noise import GAUSSIAN, NOISES
from ptypy.accelerate._patch import patch_size
from ptypy.accelerate._scene import Scene
from ptypy.accelerate._threads import count_threads, run_ranges
from ptypy.accelerate._transform import Transform
from ptypy.errors import DataError

__all__ = ["likelihood_gradient", "line_coefficients"]

Real64 = npt.NDArray[np.float64]


def likelihood_gradient(
    transform: Transform,
    probe: npt.NDArray[np.complex64],
    obj: npt.NDArray[np.complex64],
    corners: npt.NDArray[np.int64],
    counts: npt.NDArray[np.float32],
    grad_probe: npt.NDArray[np.complex64],
    grad_obj: npt.NDArray[np.complex64],
    *,
    noise: str = "gaussian",
    factor: float = 1.0,
    floor: float = 1.0,
    scale: Real64 | None = None,
    update_scale: bool = False,
    errors: Real64 | None = None,
    shifts: Real64 | None = None,
    threads: int | None = None,
) -> Real64:
    """Calculate the misfit of every frame and add its gradient, in place.

    With A the transform, the model f_m = A(P_m O), I = sum_m |f_m|^2, n measured counts,
    u = s I + floor and v = n + floor, L is the sum over the trusted pixels of phi(u, v):

        gaussian    factor (u - v)^2 / v          noise as wide as that of v photons
        poisson     factor (u - v - v log(u/v))   photons; u - v log u up to what is constant
        euclid      factor (sqrt(u) - sqrt(v))^2  noise of amplitudes, the same everywhere

    Each is 0 where s I = n. `factor` 1, 2 and 4 make them alike near there and about 1 a pixel
    for photons. With the slope phi' = d phi / du,

        grad O   = sum_m conj(P_m) A^H[s phi' f_m]
        grad P_m =       conj(O)   A^H[s phi' f_m]

    so that a small change d of object or probe changes L by 2 Re sum conj(grad) d.

    Parameters
    ----------
    transform : Transform
    probe, obj, corners, shifts, threads
        As for `initial_waves`.
    counts : packed measured frames
        Counts, not their roots; see `Transform.pack_measured`.
    grad_probe : (M, H, W) complex64
        Added to, in place.
    grad_obj : (Ho, Wo) complex64
        Added to, in place.
    noise : {'gaussian', 'poisson', 'euclid'}
    factor, floor : float
        See above; ``floor`` [counts] must be positive. It bounds the weight of pixels without
        counts (`gaussian`) and the slopes where the model is dark (`poisson`, `euclid`).
    scale : (N,) float64, optional
        s of every frame; 1 if not given.
    update_scale : bool
        First set s, in place, to the value with the smallest L as ``floor`` outside of the
        weight goes to 0: (sum I n / v) / (sum I^2 / v) for `gaussian`, sum n / sum I for
        `poisson`, (sum sqrt(I n) / sum I)^2 for `euclid`. Not below 1e-12; what it was for
        frames whose model is dark.
    errors : (N, 2) float64, optional
        Overwritten with the sums of (sqrt(s I) - sqrt(n))^2 and of n over the trusted pixels.

    Returns
    -------
    (N,) float64
        L of every frame.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.

    References
    ----------
    Thibault and Guizar-Sicairos, New J. Phys. 14 (2012) 063004 (gaussian, poisson).
    Odstrčil et al., Opt. Express 26 (2018) 3108 (euclid).
    """
    model = _find_noise(noise, floor)
    scene = Scene.of(transform, probe, obj, corners, shifts)
    check_array("grad_probe", grad_probe, probe.shape, np.complex64, writeable=True)
    check_array("grad_obj", grad_obj, obj.shape, np.complex64, writeable=True)
    check_measured("counts", transform, counts, scene.frames)
    factors = _check_scale(scale, scene.frames, update_scale)
    compared = np.zeros((0 if errors is None else scene.frames, 2))
    if errors is not None:
        check_array("errors", errors, (scene.frames, 2), np.float64, writeable=True)
    misfits = np.zeros(scene.frames)
    parts = count_threads(threads, scene.frames)
    sums = _GradientSums(scene, parts)
    patch = patch_size(transform, 4)
    frame = scene.modes * transform.scratch_size(transform.blocks if update_scale else 1)
    with lend(parts, patch + frame + sums.size) as scratch:
        sums.use([buffer[patch + frame :] for buffer in scratch])

        def work(part: int, first: int, last: int) -> None:
            gradient_range(
                first,
                last,
                *scene.arguments,
                counts.ctypes.data,
                model,
                float(factor),
                float(floor),
                factors.ctypes.data,
                int(update_scale),
                scratch[part][patch:].ctypes.data,
                scratch[part].ctypes.data,
                *sums.begin(part),
                misfits.ctypes.data,
                0 if errors is None else compared.ctypes.data,
            )

        run_ranges(work, scene.frames, parts)
        sums.add_to(grad_probe, grad_obj)
    if scale is not None and update_scale and factors is not scale:
        scale[...] = factors
    if errors is not None:
        errors[...] = compared
    return misfits


class _GradientSums:
    """The gradients of probe and object that each thread adds up for itself.

    Added together in the order of the threads, so that the result does not depend on which is
    ready first.

    Parameters
    ----------
    scene : Scene
    parts : int
        How many threads.
    """

    def __init__(self, scene: Scene, parts: int) -> None:
        self.strips: Strips = scene.strips
        self.scale = scene.transform.scale
        width = scene.planes.shape[1]
        spans = scene.places.spans(scene.transform.shape[0], parts)
        self.tops = [top for top, _ in spans]
        self.shapes = [(rows, width) for _, rows in spans]
        self.probe_size = scene.modes * self.strips.mode_bytes // VALUE
        self.memory: list[npt.NDArray[np.float32]] = []
        self.planes: list[Planes] = []

    @property
    def size(self) -> int:
        """How many float32 each thread needs."""
        return self.probe_size + max(Planes.size(shape) for shape in self.shapes)

    def use(self, memory: list[npt.NDArray[np.float32]]) -> None:
        """Keep the sums in these buffers, one for each thread."""
        self.memory = memory
        self.planes = [
            Planes(shape, buffer[self.probe_size :][: Planes.size(shape)])
            for buffer, shape in zip(memory, self.shapes, strict=True)
        ]

    def begin(self, part: int) -> tuple[int, int, int]:
        """Clear the sums of one thread; give what kernels are told: probe, object, plane [bytes].

        The address of the object is that of its first row, wherever the thread's rows begin.
        """
        planes, address = self.planes[part], self.memory[part].ctypes.data
        zero(address, VALUE * self.probe_size + planes.memory.nbytes)
        return address, planes.address - self.tops[part] * planes.row, planes.plane

    def add_to(
        self, grad_probe: npt.NDArray[np.complex64], grad_obj: npt.NDArray[np.complex64]
    ) -> None:
        """Add all to the arrays."""
        for top, planes, buffer in zip(self.tops, self.planes, self.memory, strict=True):
            planes.add_to(grad_obj, 0, top)
            for m, mode in enumerate(grad_probe):
                source = buffer.ctypes.data + m * self.strips.mode_bytes
                add_vectors(source, ROW, 0, mode, self.scale)


def line_coefficients(
    transform: Transform,
    probe: npt.NDArray[np.complex64],
    obj: npt.NDArray[np.complex64],
    step_probe: npt.NDArray[np.complex64],
    step_obj: npt.NDArray[np.complex64],
    corners: npt.NDArray[np.int64],
    counts: npt.NDArray[np.float32],
    *,
    noise: str = "gaussian",
    order: int = 2,
    factor: float = 1.0,
    floor: float = 1.0,
    scale: Real64 | None = None,
    shifts: Real64 | None = None,
    threads: int | None = None,
) -> Real64:
    """Expand the misfit along a line: L(t) = B0 + B1 t + B2 t^2 + ... for P + t dP, O + t dO.

    The model is a polynomial in t, u = A0 + A1 t + ... + A4 t^4, and with the slope phi' and
    the curvature phi'' of the misfit at A0 (see `likelihood_gradient`)

        B0 = sum phi,   B1 = sum phi' A1,   B2 = sum phi' A2 + phi'' A1^2 / 2.

    For `gaussian` L is a polynomial of the eighth order, and all of it can be had.

    Parameters
    ----------
    transform : Transform
    probe, step_probe : (M, H, W) complex64
        P and dP.
    obj, step_obj : (Ho, Wo) complex64
        O and dO.
    corners, shifts, threads
        As for `initial_waves`.
    counts : packed measured frames
    noise, factor, floor, scale
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
    model = _find_noise(noise, floor)
    if order != 2 and (order != 8 or model != GAUSSIAN):
        raise DataError(f"order is {order} for {noise}; it must be 2, or 8 for gaussian")
    scene = Scene.of(transform, probe, obj, corners, shifts)
    check_array("step_probe", step_probe, probe.shape, np.complex64)
    check_array("step_obj", step_obj, obj.shape, np.complex64)
    check_measured("counts", transform, counts, scene.frames)
    factors = _check_scale(scale, scene.frames, writeable=False)
    step_planes = Planes.of(step_obj)
    step_strips = Strips(transform, step_probe, transform.scale)
    rows = np.zeros((scene.frames, 9))
    parts = count_threads(threads, scene.frames)
    size = 3 * scene.modes * transform.scratch_size(1)
    with lend(parts, size + patch_size(transform, 4)) as scratch:

        def work(part: int, first: int, last: int) -> None:
            line_range(
                first,
                last,
                *scene.arguments,
                step_strips.address,
                step_planes.address,
                counts.ctypes.data,
                model,
                int(order > 2),
                float(factor),
                float(floor),
                factors.ctypes.data,
                scratch[part].ctypes.data,
                scratch[part][size:].ctypes.data,
                rows.ctypes.data,
            )

        run_ranges(work, scene.frames, parts)
    result: Real64 = rows[:, : order + 1].sum(axis=0)
    return result


def _find_noise(noise: str, floor: float) -> int:
    """Give the number of a model of noise."""
    if noise not in NOISES:
        raise DataError(f"noise is {noise!r}; it must be one of {', '.join(NOISES)}")
    if not floor > 0:
        raise DataError(f"floor is {floor}; it must be positive, or empty pixels weigh infinitely")
    return NOISES[noise]


def _check_scale(scale: Real64 | None, frames: int, writeable: bool) -> Real64:
    """Give one factor a frame as contiguous float64; 1 if there are none."""
    if scale is None:
        if writeable:
            raise DataError("update_scale needs a scale to update")
        return np.ones(frames)
    check_array("scale", scale, (frames,), np.float64, writeable)
    return np.ascontiguousarray(scale)
