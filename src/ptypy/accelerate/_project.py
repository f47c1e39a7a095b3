"""Projections of exit waves onto what was measured: the difference map and its relatives."""

# ruff: noqa: PLR0917 - the arrays come first, by place
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._arrays import check_measured, check_waves
from ptypy.accelerate._buffers import lend
from ptypy.accelerate._patch import patch_size
from ptypy.accelerate._project_kernels import multiply_range, project_range
from ptypy.accelerate._scene import ObjectSums, Scene, check_object_sums
from ptypy.accelerate._threads import count_threads, run_ranges
from ptypy.accelerate._transform import Transform

__all__ = ["initial_waves", "project"]


def initial_waves(
    transform: Transform,
    waves: npt.NDArray[np.float32],
    probe: npt.NDArray[np.complex64],
    obj: npt.NDArray[np.complex64],
    corners: npt.NDArray[np.int64],
    *,
    shifts: npt.NDArray[np.float64] | None = None,
    threads: int | None = None,
) -> None:
    """Set every exit wave to probe times object, in place.

    Parameters
    ----------
    transform : Transform
    waves : packed waves of N frames and M modes
        Overwritten; see `Transform.empty_waves`.
    probe : (M, H, W) complex64
        Illumination, times the geometry's ``pre_phase``.
    obj : (Ho, Wo) complex64
        Transmission of the object.
    corners : (N, 2) int
        Row and column of the object's pixel under each frame's upper left pixel.
    shifts : (N, 2) float64, optional
        Part of a pixel, from 0 to below 1, by which each frame lies below and to the right of
        its corner; views are interpolated linearly. All on whole pixels if not given.
    threads : int, optional
        See `default_threads`.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.
    """
    scene = Scene.of(transform, probe, obj, corners, shifts, factor=1.0)
    check_waves(transform, waves, scene.frames, scene.modes, writeable=True)
    parts = count_threads(threads, scene.frames)
    with lend(parts, patch_size(transform, 2)) as patches:

        def work(part: int, first: int, last: int) -> None:
            patch = patches[part].ctypes.data
            multiply_range(first, last, *scene.arguments, waves.ctypes.data, patch)

        run_ranges(work, scene.frames, parts)


def project(
    transform: Transform,
    waves: npt.NDArray[np.float32],
    probe: npt.NDArray[np.complex64],
    obj: npt.NDArray[np.complex64],
    corners: npt.NDArray[np.int64],
    amplitude: npt.NDArray[np.float32],
    *,
    coefficients: tuple[float, float, float],
    shifts: npt.NDArray[np.float64] | None = None,
    power_bound: float | None = None,
    object_numerator: npt.NDArray[np.complex64] | None = None,
    object_denominator: npt.NDArray[np.float32] | None = None,
    threads: int | None = None,
) -> npt.NDArray[np.float64]:
    """Project exit waves: psi <- (1-a-b) psi + a PO + b M(c PO + (1-c) psi), in place.

    P is the probe, O the frame's view of the object. With A the transform and f = A(psi),

        M(psi) = psi + A^H(f' - f)

    where f' has the measured amplitude where the pixel is trusted and is f elsewhere; all modes
    are multiplied by the same factor, so that their intensities add up to the measured one. In
    the far field, and in the near field if the transfer function has modulus 1, A^H is the
    inverse and M the projection onto all waves with the measured amplitudes. Where the modulus
    is below 1, M is a step down the gradient of sum (|f| - amplitude)^2, of the same length;
    what does not reach the detector stays as it is.

    With (a, b, c) = (-alpha, 1, 1 + alpha) this is the difference map, with
    (1 - 2 beta, beta, 2) RAAR.

    Parameters
    ----------
    transform : Transform
    waves : packed waves of N frames and M modes
        Overwritten.
    probe, obj, corners, shifts, threads
        As for `initial_waves`.
    amplitude : packed measured frames
        Square roots of the counts; see `Transform.pack_measured`.
    coefficients : (float, float, float)
        a, b and c.
    power_bound : float, optional
        With it, a frame whose error e = mean of (|f| - amplitude)^2 over trusted pixels is
        above the bound is moved only so far that the error falls to the bound; a frame whose
        error is not above it is left as it is (M is the identity).
    object_numerator : (Ho, Wo) complex64, optional
    object_denominator : (Ho, Wo) float32, optional
        Added to, in place, what ``object_sums(..., obj=obj)`` would add afterwards, from the same
        probe and object and the new waves, but while each frame is still near the processor.

    Returns
    -------
    (N, 3) float64
        Of every frame: e before M; NaN; mean of |psi_new - psi_old|^2 over the frame's
        pixels, summed over modes. e is 0 for a frame without a trusted pixel.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.

    References
    ----------
    Thibault et al., Ultramicroscopy 109 (2009) 338; Luke, Inverse Problems 21 (2005) 37.
    """
    scene = Scene.of(transform, probe, obj, corners, shifts)
    check_waves(transform, waves, scene.frames, scene.modes, writeable=True)
    check_measured("amplitude", transform, amplitude, scene.frames)
    with_sums = object_numerator is not None or object_denominator is not None
    if with_sums:
        check_object_sums(object_numerator, object_denominator, obj.shape, "object_")
    a, b, c = (float(value) for value in coefficients)
    bound = -1.0 if power_bound is None else max(float(power_bound), 0.0)
    errors = np.full((scene.frames, 3), np.nan)
    parts = count_threads(threads, scene.frames)
    size = scene.modes * transform.scratch_size(1 if power_bound is None else transform.blocks)
    patch = size + patch_size(transform, 4 if with_sums else 2)
    sums = ObjectSums(scene.places, transform.shape[0], obj.shape[1], parts)
    with lend(parts, patch + (sums.size if with_sums else 0)) as scratch:
        if with_sums:
            sums.use([buffer[patch:] for buffer in scratch])

        def work(part: int, first: int, last: int) -> None:
            project_range(
                first,
                last,
                *scene.arguments,
                waves.ctypes.data,
                amplitude.ctypes.data,
                a + b * c,
                b,
                c,
                transform.scale,
                bound,
                scratch[part].ctypes.data,
                scratch[part][size:].ctypes.data,
                *(sums.begin(part) if with_sums else (0, 0)),
                errors.ctypes.data,
            )

        run_ranges(work, scene.frames, parts)
        if object_numerator is not None and object_denominator is not None:
            weights = np.zeros_like(object_denominator)
            sums.add_to(object_numerator, weights, 1.0 / transform.scale)
            object_numerator += weights * obj
            object_denominator += weights
    return errors
