"""Maximum likelihood for Gaussian noise: gradient and line search."""

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
    check_probe_and_object,
)
from ptypy.accelerate._buffers import lend
from ptypy.accelerate._frame import zero
from ptypy.accelerate._lanes import ROW, VALUE
from ptypy.accelerate._likelihood_kernels import gradient_range, line_range
from ptypy.accelerate._patch import Places, patch_size
from ptypy.accelerate._threads import count_threads, run_ranges
from ptypy.accelerate._transform import Transform
from ptypy.errors import DataError

__all__ = ["likelihood_gradient", "line_coefficients"]

Real64 = npt.NDArray[np.float64]


def _check_scale(scale: Real64 | None, frames: int, writeable: bool) -> Real64:
    """Give one factor a frame as contiguous float64; 1 if there are none."""
    if scale is None:
        if writeable:
            raise DataError("update_scale needs a scale to update")
        return np.ones(frames)
    check_array("scale", scale, (frames,), np.float64, writeable)
    return np.ascontiguousarray(scale)


def likelihood_gradient(
    transform: Transform,
    probe: npt.NDArray[np.complex64],
    obj: npt.NDArray[np.complex64],
    corners: npt.NDArray[np.int64],
    counts: npt.NDArray[np.float32],
    grad_probe: npt.NDArray[np.complex64],
    grad_obj: npt.NDArray[np.complex64],
    *,
    factor: float = 1.0,
    floor: float = 1.0,
    scale: Real64 | None = None,
    update_scale: bool = False,
    shifts: Real64 | None = None,
    threads: int | None = None,
) -> Real64:
    """Calculate the misfit of every frame and add its gradient, in place.

    With the model f_m = F(P_m O), I = sum_m |f_m|^2, n measured counts and the weight
    w = factor / (floor + n) at trusted pixels,

        L = sum w (s I - n)^2
        grad O   = sum_m conj(P_m) F^-1[2 w s (s I - n) f_m]
        grad P_m =       conj(O)   F^-1[2 w s (s I - n) f_m]

    so that a small change d of object or probe changes L by 2 Re sum conj(grad) d.

    Parameters
    ----------
    transform : Transform
    probe : (M, H, W) complex64
        Illumination, times the geometry's ``pre_phase``.
    obj : (Ho, Wo) complex64
        Transmission of the object.
    corners : (N, 2) int
        Row and column of the object's pixel under each frame's upper left pixel.
    shifts : (N, 2) float64, optional
        Part of a pixel, from 0 to below 1, by which each frame lies below and to the right of
        its corner; views are interpolated linearly. All on whole pixels if not given.
    counts : packed measured frames
        Counts, not their roots; see `Transform.pack_measured`.
    grad_probe : (M, H, W) complex64
        Added to, in place.
    grad_obj : (Ho, Wo) complex64
        Added to, in place.
    factor, floor : float
        Of the weight; ``floor`` must be positive.
    scale : (N,) float64, optional
        s of every frame; 1 if not given.
    update_scale : bool
        First set s to the value with the smallest L: sum w I n / sum w I^2, in place.
    threads : int, optional
        See `default_threads`.

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
    Thibault and Guizar-Sicairos, New J. Phys. 14 (2012) 063004.
    """
    check_probe_and_object(transform, probe, obj)
    check_array("grad_probe", grad_probe, probe.shape, np.complex64, writeable=True)
    check_array("grad_obj", grad_obj, obj.shape, np.complex64, writeable=True)
    places = Places.of(transform, corners, shifts, obj.shape)
    check_measured("counts", transform, counts, len(corners))
    _check_weight(floor)
    factors = _check_scale(scale, len(corners), update_scale)
    planes, strips = Planes.of(obj), Strips(transform, probe, transform.scale)
    misfits = np.zeros(len(corners))
    parts = count_threads(threads, len(corners))
    modes, spans = len(probe), places.spans(transform.shape[0], parts)
    sizes = [Planes.size((rows, obj.shape[1])) for _, rows in spans]
    frame = modes * transform.scratch_size(transform.blocks if update_scale else 1)
    probe_size = modes * strips.mode_bytes // VALUE
    patch = patch_size(transform, 4)
    with lend(parts, patch + frame + probe_size + max(sizes)) as scratch:
        patches = [buffer[frame + probe_size + max(sizes) :] for buffer in scratch]
        views = [
            buffer[frame + probe_size :][:size] for buffer, size in zip(scratch, sizes, strict=True)
        ]
        sums = [
            Planes((rows, obj.shape[1]), view) for (_, rows), view in zip(spans, views, strict=True)
        ]

        def work(part: int, first: int, last: int) -> None:
            address = scratch[part].ctypes.data
            zero(address + VALUE * frame, VALUE * (probe_size + sizes[part]))
            gradient_range(
                first,
                last,
                transform.spec.ctypes.data,
                modes,
                strips.address,
                planes.address,
                planes.row,
                planes.plane,
                *places.addresses,
                counts.ctypes.data,
                float(factor),
                float(floor),
                factors.ctypes.data,
                int(update_scale),
                address,
                patches[part].ctypes.data,
                address + VALUE * frame,
                sums[part].address - spans[part][0] * planes.row,
                sums[part].plane,
                misfits.ctypes.data,
            )

        run_ranges(work, len(corners), parts)
        for (top, _), part_sums, buffer in zip(spans, sums, scratch, strict=True):
            part_sums.add_to(grad_obj, 0, top)
            for m in range(modes):
                source = buffer.ctypes.data + VALUE * frame + m * strips.mode_bytes
                add_vectors(source, ROW, 0, grad_probe[m], transform.scale)
    if scale is not None and update_scale and factors is not scale:
        scale[...] = factors
    return misfits


def line_coefficients(
    transform: Transform,
    probe: npt.NDArray[np.complex64],
    obj: npt.NDArray[np.complex64],
    step_probe: npt.NDArray[np.complex64],
    step_obj: npt.NDArray[np.complex64],
    corners: npt.NDArray[np.int64],
    counts: npt.NDArray[np.float32],
    *,
    factor: float = 1.0,
    floor: float = 1.0,
    scale: Real64 | None = None,
    shifts: Real64 | None = None,
    threads: int | None = None,
) -> Real64:
    """Expand the misfit along a line: L(t) = B0 + B1 t + B2 t^2 + ... for P + t dP, O + t dO.

    The model is a polynomial in t: s |f|^2 - n = A0 + A1 t + A2 t^2 + ..., and
    B0 = sum w A0^2, B1 = 2 sum w A0 A1, B2 = sum w (A1^2 + 2 A0 A2); terms in t^3 and t^4
    are left out.

    Parameters
    ----------
    transform : Transform
    probe, step_probe : (M, H, W) complex64
        P and dP.
    obj, step_obj : (Ho, Wo) complex64
        O and dO.
    corners : (N, 2) int
        Row and column of the object's pixel under each frame's upper left pixel.
    shifts : (N, 2) float64, optional
        Part of a pixel, from 0 to below 1, by which each frame lies below and to the right of
        its corner; views are interpolated linearly. All on whole pixels if not given.
    counts : packed measured frames
    factor, floor, scale
        As for `likelihood_gradient`.
    threads : int, optional
        See `default_threads`.

    Returns
    -------
    (3,) float64
        B0, B1, B2, summed over the frames.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.
    """
    check_probe_and_object(transform, probe, obj)
    check_array("step_probe", step_probe, probe.shape, np.complex64)
    check_array("step_obj", step_obj, obj.shape, np.complex64)
    places = Places.of(transform, corners, shifts, obj.shape)
    check_measured("counts", transform, counts, len(corners))
    _check_weight(floor)
    factors = _check_scale(scale, len(corners), writeable=False)
    planes, step_planes = Planes.of(obj), Planes.of(step_obj)
    strips = Strips(transform, probe, transform.scale)
    step_strips = Strips(transform, step_probe, transform.scale)
    rows = np.zeros((len(corners), 3))
    parts = count_threads(threads, len(corners))
    size = 3 * len(probe) * transform.scratch_size(1)
    with lend(parts, size + patch_size(transform, 4)) as scratch:

        def work(part: int, first: int, last: int) -> None:
            line_range(
                first,
                last,
                transform.spec.ctypes.data,
                len(probe),
                strips.address,
                step_strips.address,
                planes.address,
                step_planes.address,
                planes.row,
                planes.plane,
                *places.addresses,
                counts.ctypes.data,
                float(factor),
                float(floor),
                factors.ctypes.data,
                scratch[part].ctypes.data,
                scratch[part][size:].ctypes.data,
                rows.ctypes.data,
            )

        run_ranges(work, len(corners), parts)
    result: Real64 = rows.sum(axis=0)
    return result


def _check_weight(floor: float) -> None:
    if not floor > 0:
        raise DataError(f"floor is {floor}; it must be positive, or empty pixels weigh infinitely")
