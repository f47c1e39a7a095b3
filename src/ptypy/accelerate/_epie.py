"""The extended ptychographic iterative engine: one frame after the other."""

# ruff: noqa: PLR0917 - the arrays come first, by place; compiled functions take no keywords
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._arrays import (
    check_array,
    check_measured,
)
from ptypy.accelerate._buffers import lend
from ptypy.accelerate._compile import LANES, kernel
from ptypy.accelerate._detector import measured_at
from ptypy.accelerate._frame import (
    HEIGHT,
    STRIP_BYTES,
    STRIPS,
    WIDTH,
    corner_place,
    inverse_columns,
    product_columns,
    zero,
)
from ptypy.accelerate._lanes import (
    ROW,
    VECTOR,
    get64,
    load,
    maximum,
    peak,
    peek,
    put64,
    spread,
    store,
    total,
)
from ptypy.accelerate._modulus import fit_frame
from ptypy.accelerate._patch import give_back, patch_size, view_of
from ptypy.accelerate._scene import Scene
from ptypy.accelerate._transform import Transform
from ptypy.errors import DataError

__all__ = ["epie_sweep"]


@kernel
def peak_view(spec: int, obj: int, row: int, plane: int, valid: int) -> float:
    """Give the largest |O|^2 of a view; ``valid`` is 1 in the last strip's lanes that count."""
    strips, largest = peek(spec + STRIPS), spread(0.0)
    for s in range(strips):
        o, strip_largest = obj + s * VECTOR, spread(0.0)
        for i in range(peek(spec + HEIGHT)):
            a, b = load(o + i * row), load(o + i * row + plane)
            strip_largest = maximum(strip_largest, a * a + b * b)
        if s == strips - 1:
            strip_largest = strip_largest * load(valid)
        largest = maximum(largest, strip_largest)
    result: float = peak(largest)
    return result


@kernel
def peak_rows(obj: int, row: int, plane: int, first: int, last: int, peaks: int) -> None:
    """Write the largest |O|^2 of rows ``first`` to ``last`` of the object (float64)."""
    for y in range(first, last):
        largest = spread(0.0)
        for at in range(obj + y * row, obj + (y + 1) * row, VECTOR):
            a, b = load(at), load(at + plane)
            largest = maximum(largest, a * a + b * b)
        put64(peaks + 8 * y, peak(largest))


@kernel
def largest_of(peaks: int, count: int) -> float:
    """Give the largest of some float64."""
    result = 0.0
    for k in range(count):
        result = max(result, get64(peaks + 8 * k))
    return result


@kernel
def update_views(
    spec: int,
    frame: int,
    frame_bytes: int,
    modes: int,
    probe: int,
    obj: int,
    row: int,
    plane: int,
    object_step: float,
    probe_step: float,
    keep: float,
    scale: float,
) -> tuple[float, float]:
    """Move object and probe; give sum |d|^2 and the largest |P|^2 there is now.

    ``frame`` is what `fit_frame` left. The probe, and so d, is packed times ``scale``. ``obj``
    becomes ``keep`` times what it was plus its move.
    """
    height, strips = peek(spec + HEIGHT), peek(spec + STRIPS)
    step, mode_bytes = peek(spec + STRIP_BYTES), strips * height * ROW
    bare = spread(scale * scale)
    for_object, for_probe, keeps = spread(object_step), spread(probe_step), spread(keep)
    largest, change = spread(0.0), 0.0
    for s in range(strips):
        for m in range(modes):
            inverse_columns(spec, frame + m * frame_bytes + s * step)
        squares = spread(0.0)
        for i in range(height):
            at = obj + s * VECTOR + i * row
            ore, oim = load(at), load(at + plane)
            move_re, move_im, power = spread(0.0), spread(0.0), spread(0.0)
            for m in range(modes):
                t = frame + m * frame_bytes + s * step + i * ROW
                p = probe + m * mode_bytes + (s * height + i) * ROW
                pre, pim = load(p), load(p + VECTOR)
                dre, dim = load(t) * bare, load(t + VECTOR) * bare
                squares = squares + dre * dre + dim * dim
                move_re = move_re + (pre * dre + pim * dim)
                move_im = move_im + (pre * dim - pim * dre)
                pre = pre + for_probe * (ore * dre + oim * dim)
                pim = pim + for_probe * (ore * dim - oim * dre)
                power = power + pre * pre + pim * pim
                store(p, pre)
                store(p + VECTOR, pim)
            largest = maximum(largest, power)
            store(at, keeps * ore + for_object * move_re)
            store(at + plane, keeps * oim + for_object * move_im)
        change += total(squares)
    return change, peak(largest)


@kernel
def epie_frames(
    spec: int,
    modes: int,
    probe: int,
    obj: int,
    row: int,
    plane: int,
    corners: int,
    shifts: int,
    order: int,
    count: int,
    object_rows: int,
    amplitude: int,
    object_step: float,
    probe_step: float,
    scale: float,
    peaks: int,
    probe_peak: float,
    frame: int,
    patch: int,
    valid: int,
    errors: int,
) -> None:
    """Visit frames in order; ``peaks`` is one float64 a row of the object, or 0: local norm."""
    height, strips = peek(spec + HEIGHT), peek(spec + STRIPS)
    frame_bytes = strips * peek(spec + STRIP_BYTES)
    tile = frame + modes * frame_bytes
    zero(frame, modes * frame_bytes)
    if peaks != 0:
        peak_rows(obj, row, plane, 0, object_rows, peaks)
    for k in range(count):
        j = peek(order + 8 * k)
        o, step, part = view_of(spec, obj, row, plane, corners, shifts, j, patch)
        for m in range(modes):
            p = probe + m * strips * height * ROW
            product_columns(spec, frame + m * frame_bytes, p, o, step, part)
        measured = measured_at(spec, amplitude, j, 0)
        put64(errors + 24 * j, fit_frame(spec, frame, frame_bytes, tile, modes, measured))
        if peaks != 0:
            object_peak = largest_of(peaks, object_rows)
        elif probe_step != 0.0:
            object_peak = peak_view(spec, o, step, part, valid)
        else:
            object_peak = 1.0
        change, probe_peak = update_views(
            spec,
            frame,
            frame_bytes,
            modes,
            probe,
            o,
            step,
            part,
            object_step / probe_peak if probe_peak > 0.0 else 0.0,
            probe_step / object_peak if object_peak > 0.0 else 0.0,
            1.0 if shifts == 0 else 0.0,
            scale,
        )
        if shifts != 0:
            corner = obj + corner_place(corners, j, row)
            give_back(height, strips, 2, shifts, j, o, step, corner, row, plane)
        put64(errors + 24 * j + 16, change / (height * peek(spec + WIDTH) * scale * scale))
        if peaks != 0:
            top = peek(corners + 16 * j)
            last = min(top + height + 1, object_rows)
            peak_rows(obj, row, plane, top, last, peaks)


def epie_sweep(
    transform: Transform,
    probe: npt.NDArray[np.complex64],
    obj: npt.NDArray[np.complex64],
    corners: npt.NDArray[np.int64],
    amplitude: npt.NDArray[np.float32],
    order: npt.NDArray[np.int64],
    *,
    object_step: float,
    probe_step: float,
    object_norm_is_global: bool = False,
    update_probe: bool = True,
    shifts: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    """Visit frames one after the other and move object and probe at each, in place.

    With d_m = M(P_m O) - P_m O, M being that of `project`,

        O   <- O   + object_step sum_m conj(P_m) d_m / max sum_m |P_m|^2
        P_m <- P_m + probe_step  conj(O) d_m         / max |O|^2

    both from the same old P and O.

    Parameters
    ----------
    transform : Transform
    probe, obj, corners, shifts
        As for `initial_waves`. The object is overwritten, the probe if ``update_probe``.
    amplitude : packed measured frames
        Square roots of the counts; see `Transform.pack_measured`.
    order : (K,) int
        Frames to visit.
    object_step, probe_step : float
    object_norm_is_global : bool
        Take max |O|^2 over the whole object instead of the frame's view.
    update_probe : bool
        False leaves the probe as it is.

    Returns
    -------
    (N, 3) float64
        Of every frame, when it was last visited: mean of (|f| - amplitude)^2 over trusted
        pixels; NaN; mean of |d|^2 over the frame's pixels, summed over modes. NaN for
        frames that were not visited.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.

    References
    ----------
    Maiden and Rodenburg, Ultramicroscopy 109 (2009) 1256.
    """
    scene = Scene.of(transform, probe, obj, corners, shifts)
    check_array("obj", obj, (None, None), np.complex64, writeable=True)
    check_array("probe", probe, (None, *transform.shape), np.complex64, writeable=update_probe)
    check_measured("amplitude", transform, amplitude, scene.frames)
    order = _check_order(order, scene.frames)
    errors = np.full((scene.frames, 3), np.nan)
    power = float((probe.real**2 + probe.imag**2).sum(0).max()) * transform.scale**2
    valid = np.zeros(LANES, np.float32)
    valid[: (transform.shape[1] - 1) % LANES + 1] = 1
    peaks = np.zeros(len(obj)) if object_norm_is_global and update_probe else None
    size = scene.modes * transform.scratch_size(1)
    with lend(1, size + patch_size(transform, 2)) as scratch:
        epie_frames(
            *scene.arguments,
            order.ctypes.data,
            len(order),
            len(obj),
            amplitude.ctypes.data,
            float(object_step),
            float(probe_step) if update_probe else 0.0,
            transform.scale,
            0 if peaks is None else peaks.ctypes.data,
            power,
            scratch[0].ctypes.data,
            scratch[0][size:].ctypes.data,
            valid.ctypes.data,
            errors.ctypes.data,
        )
    scene.planes.write_to(obj)
    if update_probe:
        scene.strips.write_to(probe, 1.0 / transform.scale)
    return errors


def _check_order(order: npt.NDArray[np.int64], frames: int) -> npt.NDArray[np.int64]:
    """Give the order as int64, after making sure that every frame in it exists."""
    order = np.asarray(order)
    if order.ndim != 1 or order.dtype.kind not in "iu":
        raise DataError(f"order is {order.dtype} of shape {order.shape}; it must be integers (K,)")
    order = np.ascontiguousarray(order, np.int64)
    if len(order) and (order.min() < 0 or order.max() >= frames):
        raise DataError(f"order names frames {order.min()} to {order.max()} of {frames}")
    return order
