"""Overlap sums: what all exit waves together say about the object and about the probe."""

# ruff: noqa: PLR0917 - the arrays come first, by place; compiled functions take no keywords
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._arrays import Planes, Strips, add_vectors, check_array, check_waves
from ptypy.accelerate._buffers import lend
from ptypy.accelerate._compile import LANES, kernel
from ptypy.accelerate._frame import HEIGHT, STRIPS, corner_place, zero
from ptypy.accelerate._lanes import AHEAD, ROW, VALUE, VECTOR, fetch, load, peek, spread, store
from ptypy.accelerate._patch import Places, give_back, patch_row, patch_size, take_view
from ptypy.accelerate._powers import add_powers
from ptypy.accelerate._scene import ObjectSums, check_object_sums
from ptypy.accelerate._threads import count_threads, run_ranges
from ptypy.accelerate._transform import Transform

__all__ = ["object_sums", "probe_sums"]


@kernel
def add_to_object(
    height: int,
    modes: int,
    wave: int,
    probe: int,
    mode_bytes: int,
    sums: int,
    row: int,
    plane: int,
) -> None:
    """Add conj(P) psi of one strip to two planes."""
    for i in range(height):
        p, w, at = probe + i * ROW, wave + i * ROW, sums + i * row
        re, im = load(at), load(at + plane)
        for m in range(modes):
            fetch(w + m * mode_bytes + AHEAD)
            fetch(w + m * mode_bytes + AHEAD + VECTOR)
            a, b = load(p + m * mode_bytes), load(p + m * mode_bytes + VECTOR)
            x, y = load(w + m * mode_bytes), load(w + m * mode_bytes + VECTOR)
            re, im = re + (a * x + b * y), im + (a * y - b * x)
        store(at, re)
        store(at + plane, im)


@kernel
def take_off_explained(height: int, strips: int, power: int, patch: int, row: int) -> None:
    """Replace the object's view in two planes by -|P|^2 times it."""
    nothing = spread(0.0)
    for s in range(strips):
        for i in range(height):
            at, explained = patch + s * VECTOR + i * row, load(power + (s * height + i) * VECTOR)
            store(at, nothing - explained * load(at))
            store(at + height * row, nothing - explained * load(at + height * row))


@kernel
def object_range(
    first: int,
    last: int,
    spec: int,
    modes: int,
    probe: int,
    corners: int,
    shifts: int,
    power: int,
    obj: int,
    obj_plane: int,
    waves: int,
    sums: int,
    plane: int,
    row: int,
    patch: int,
) -> None:
    """Add conj(P) psi and |P|^2 of frames ``first`` to ``last`` to three planes.

    Between pixels, with ``power`` (else 0), |P|^2 times the view of ``obj`` is taken off first.
    """
    height, strips = peek(spec + HEIGHT), peek(spec + STRIPS)
    mode_bytes, step, part = strips * height * ROW, row, plane
    for j in range(first, last):
        corner = sums + corner_place(corners, j, row)
        view = corner
        if shifts != 0:
            view, step = patch, patch_row(spec)
            part = height * step
            if power != 0:
                here = obj + corner_place(corners, j, row)
                take_view(height, strips, shifts, j, here, row, obj_plane, patch, step)
                take_off_explained(height, strips, power, patch, step)
            else:
                zero(patch, 2 * part)
        for s in range(strips):
            start, target = s * height * ROW, view + s * VECTOR
            p, w = probe + start, waves + j * modes * mode_bytes + start
            if modes == 1:  # compiled apart, without a loop in the innermost place
                add_to_object(height, 1, w, p, mode_bytes, target, step, part)
            else:
                add_to_object(height, modes, w, p, mode_bytes, target, step, part)
        if shifts != 0:
            give_back(height, strips, 2, shifts, j, patch, step, corner, row, plane)
    there = sums + 2 * plane
    add_powers(first, last, spec, modes, probe, corners, shifts, there, row, patch)


@kernel
def add_to_probe(
    height: int,
    modes: int,
    wave: int,
    mode_bytes: int,
    obj: int,
    row: int,
    plane: int,
    sums: int,
) -> None:
    """Add |O|^2 and, for every mode, conj(O) psi of one strip to 1 + 2 M vectors a row."""
    for i in range(height):
        o, w, at = obj + i * row, wave + i * ROW, sums + i * (1 + 2 * modes) * VECTOR
        a, b = load(o), load(o + plane)
        store(at, load(at) + (a * a + b * b))
        for m in range(modes):
            fetch(w + m * mode_bytes + AHEAD)
            fetch(w + m * mode_bytes + AHEAD + VECTOR)
            t = at + (1 + 2 * m) * VECTOR
            x, y = load(w + m * mode_bytes), load(w + m * mode_bytes + VECTOR)
            store(t, load(t) + (a * x + b * y))
            store(t + VECTOR, load(t + VECTOR) + (a * y - b * x))


@kernel
def probe_range(
    first: int,
    last: int,
    spec: int,
    modes: int,
    waves: int,
    obj: int,
    row: int,
    plane: int,
    corners: int,
    shifts: int,
    sums: int,
    patch: int,
) -> None:
    """Sum |O|^2 and, for every mode, conj(O) psi over frames ``first`` to ``last``.

    Strip by strip, so that the sums of one strip stay near the processor while all frames pass.
    """
    height, strips = peek(spec + HEIGHT), peek(spec + STRIPS)
    mode_bytes, size = strips * height * ROW, (1 + 2 * modes) * VECTOR
    step, part = row, plane
    zero(sums, strips * height * size)
    for s in range(strips):
        target = sums + s * height * size
        for j in range(first, last):
            o = obj + corner_place(corners, j, row) + s * VECTOR
            w = waves + j * modes * mode_bytes + s * height * ROW
            if shifts != 0:
                step, part = VECTOR, height * VECTOR
                take_view(height, 1, shifts, j, o, row, plane, patch, step)
                o = patch
            if modes == 1:
                add_to_probe(height, 1, w, mode_bytes, o, step, part, target)
            else:
                add_to_probe(height, modes, w, mode_bytes, o, step, part, target)


def object_sums(
    transform: Transform,
    waves: npt.NDArray[np.float32],
    probe: npt.NDArray[np.complex64],
    corners: npt.NDArray[np.int64],
    numerator: npt.NDArray[np.complex64],
    denominator: npt.NDArray[np.float32],
    *,
    obj: npt.NDArray[np.complex64] | None = None,
    shifts: npt.NDArray[np.float64] | None = None,
    threads: int | None = None,
) -> None:
    """Add sum_m conj(P_m) psi_m and sum_m |P_m|^2 of every frame where it lies in the object.

    Their quotient is the object that fits the exit waves best. Between pixels that is not so: what
    frames give to four pixels each, all of them would see blurred. There, with the present object
    O and its views o, the numerator gets the shares of ``conj(P) (psi - P o)`` plus
    ``O sum |P|^2``, so that the quotient is one step towards the best object, and stays when it is
    reached.

    Parameters
    ----------
    transform : Transform
    waves : packed waves of N frames and M modes
    probe, corners, shifts, threads
        As for `initial_waves`.
    numerator : (Ho, Wo) complex64
        Added to, in place.
    denominator : (Ho, Wo) float32
        Added to, in place.
    obj : (Ho, Wo) complex64, optional
        The present object; without effect if all frames lie on whole pixels.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.
    """
    check_array("probe", probe, (None, *transform.shape), np.complex64)
    check_object_sums(numerator, denominator, (None, None))
    places = Places.of(transform, corners, shifts, numerator.shape)
    check_waves(transform, waves, len(corners), len(probe))
    strips = Strips(transform, probe, 1.0)
    parts = count_threads(threads, len(corners))
    sums = ObjectSums(places, transform.shape[0], numerator.shape[1], parts)
    power, planes, present = _explained(transform, strips, obj, places, numerator)
    with lend(parts, patch_size(transform, 2) + sums.size) as scratch:
        sums.use([buffer[patch_size(transform, 2) :] for buffer in scratch])

        def work(part: int, first: int, last: int) -> None:
            object_range(
                first,
                last,
                transform.spec.ctypes.data,
                len(probe),
                strips.address,
                *places.addresses,
                0 if power is None else power.ctypes.data,
                planes.address,
                planes.plane,
                waves.ctypes.data,
                *sums.begin(part),
                sums.row,
                scratch[part].ctypes.data,
            )

        run_ranges(work, len(corners), parts)
        weights = np.zeros_like(denominator)
        sums.add_to(numerator, weights)
    denominator += weights
    if present is not None:
        numerator += weights * present


def _explained(
    transform: Transform,
    strips: Strips,
    obj: npt.NDArray[np.complex64] | None,
    places: Places,
    numerator: npt.NDArray[np.complex64],
) -> tuple[npt.NDArray[np.float32] | None, Planes, npt.NDArray[np.complex64] | None]:
    """Bring |P|^2 and the present object into the kernels' form, where frames need them."""
    if obj is None or places.shifts is None:
        return None, Planes((1, 1)), None
    check_array("obj", obj, numerator.shape, np.complex64)
    halves = strips.memory.reshape(-1, transform.strips, transform.shape[0], 2, LANES)
    power: npt.NDArray[np.float32] = np.ascontiguousarray((halves**2).sum(axis=(0, 3)))
    return power, Planes.of(obj), obj


def probe_sums(
    transform: Transform,
    waves: npt.NDArray[np.float32],
    obj: npt.NDArray[np.complex64],
    corners: npt.NDArray[np.int64],
    numerator: npt.NDArray[np.complex64],
    denominator: npt.NDArray[np.float32],
    *,
    shifts: npt.NDArray[np.float64] | None = None,
    threads: int | None = None,
) -> None:
    """Add conj(O) psi_m and |O|^2 of every frame, O being the frame's view of the object.

    Their quotient is the probe that fits the exit waves best.

    Parameters
    ----------
    transform : Transform
    waves : packed waves of N frames and M modes
    obj, corners, shifts, threads
        As for `initial_waves`.
    numerator : (M, H, W) complex64
        Added to, in place.
    denominator : (H, W) float32
        Added to, in place; the same for all modes.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.
    """
    check_array("obj", obj, (None, None), np.complex64)
    check_array("numerator", numerator, (None, *transform.shape), np.complex64, writeable=True)
    check_array("denominator", denominator, transform.shape, np.float32, writeable=True)
    places = Places.of(transform, corners, shifts, obj.shape)
    modes = len(numerator)
    check_waves(transform, waves, len(corners), modes)
    planes = Planes.of(obj)
    parts = count_threads(threads, len(corners))
    height, row = transform.shape[0], (1 + 2 * modes) * VECTOR
    size = transform.strips * height * row // VALUE
    with lend(parts, size + 2 * height * VECTOR // VALUE) as sums:

        def work(part: int, first: int, last: int) -> None:
            probe_range(
                first,
                last,
                transform.spec.ctypes.data,
                modes,
                waves.ctypes.data,
                planes.address,
                planes.row,
                planes.plane,
                *places.addresses,
                sums[part].ctypes.data,
                sums[part][size:].ctypes.data,
            )

        run_ranges(work, len(corners), parts)
        for part in sums:
            add_vectors(part.ctypes.data, row, 0, denominator, 1.0)
            for m in range(modes):
                add_vectors(part.ctypes.data, row, (1 + 2 * m) * VECTOR, numerator[m], 1.0)
