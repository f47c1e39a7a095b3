"""Overlap sums: what all exit waves together say about the object and about the probe."""

# ruff: noqa: PLR0917 - the arrays come first, by place; compiled functions take no keywords
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._arrays import (
    Planes,
    Strips,
    add_vectors,
    check_array,
    check_waves,
)
from ptypy.accelerate._buffers import lend
from ptypy.accelerate._compile import kernel
from ptypy.accelerate._frame import HEIGHT, STRIPS, corner_place, zero
from ptypy.accelerate._lanes import AHEAD, ROW, VALUE, VECTOR, fetch, load, peek, store
from ptypy.accelerate._patch import Places, give_back, patch_row, patch_size, take_view
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
    """Add conj(P) psi and |P|^2 of one strip to three planes."""
    for i in range(height):
        p, w, at = probe + i * ROW, wave + i * ROW, sums + i * row
        re, im, power = load(at), load(at + plane), load(at + 2 * plane)
        for m in range(modes):
            fetch(w + m * mode_bytes + AHEAD)
            fetch(w + m * mode_bytes + AHEAD + VECTOR)
            a, b = load(p + m * mode_bytes), load(p + m * mode_bytes + VECTOR)
            x, y = load(w + m * mode_bytes), load(w + m * mode_bytes + VECTOR)
            re, im = re + (a * x + b * y), im + (a * y - b * x)
            power = power + a * a + b * b
        store(at, re)
        store(at + plane, im)
        store(at + 2 * plane, power)


@kernel
def object_range(
    first: int,
    last: int,
    spec: int,
    modes: int,
    waves: int,
    probe: int,
    corners: int,
    shifts: int,
    sums: int,
    row: int,
    plane: int,
    patch: int,
) -> None:
    """Add conj(P) psi and |P|^2 of frames ``first`` to ``last`` to three planes."""
    height, strips = peek(spec + HEIGHT), peek(spec + STRIPS)
    mode_bytes, step, part = strips * height * ROW, row, plane
    for j in range(first, last):
        corner = sums + corner_place(corners, j, row)
        view = corner
        if shifts != 0:
            view, step = patch, patch_row(spec)
            part = height * step
            zero(patch, 3 * part)
        for s in range(strips):
            start, target = s * height * ROW, view + s * VECTOR
            p, w = probe + start, waves + j * modes * mode_bytes + start
            if modes == 1:  # compiled apart, without a loop in the innermost place
                add_to_object(height, 1, w, p, mode_bytes, target, step, part)
            else:
                add_to_object(height, modes, w, p, mode_bytes, target, step, part)
        if shifts != 0:
            give_back(height, strips, 3, shifts, j, patch, step, corner, row, plane)


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
    shifts: npt.NDArray[np.float64] | None = None,
    threads: int | None = None,
) -> None:
    """Add sum_m conj(P_m) psi_m and sum_m |P_m|^2 of every frame where it lies in the object.

    Their quotient is the object that fits the exit waves best.

    Parameters
    ----------
    transform : Transform
    waves : packed waves of N frames and M modes
    probe : (M, H, W) complex64
    corners : (N, 2) int
        Row and column of the object's pixel under each frame's upper left pixel.
    shifts : (N, 2) float64, optional
        Part of a pixel, from 0 to below 1, by which each frame lies below and to the right of
        its corner; views are interpolated linearly. All on whole pixels if not given.
    numerator : (Ho, Wo) complex64
        Added to, in place.
    denominator : (Ho, Wo) float32
        Added to, in place.
    threads : int, optional
        See `default_threads`.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.
    """
    check_array("probe", probe, (None, *transform.shape), np.complex64)
    check_array("numerator", numerator, (None, None), np.complex64, writeable=True)
    check_array("denominator", denominator, numerator.shape, np.float32, writeable=True)
    places = Places.of(transform, corners, shifts, numerator.shape)
    check_waves(transform, waves, len(corners), len(probe))
    strips = Strips(transform, probe, 1.0)
    height, width = transform.shape[0], numerator.shape[1]
    parts = count_threads(threads, len(corners))
    spans = places.spans(height, parts)
    sums: list[Planes] = []

    def work(part: int, first: int, last: int) -> None:
        top = spans[part][0]
        zero(sums[part].address, sums[part].memory.nbytes)
        object_range(
            first,
            last,
            transform.spec.ctypes.data,
            len(probe),
            waves.ctypes.data,
            strips.address,
            *places.addresses,
            sums[part].address - top * sums[part].row,
            sums[part].row,
            sums[part].plane,
            memory[part][size:].ctypes.data,
        )

    shapes = [(rows, width) for _, rows in spans]
    size = max(Planes.size(shape, 3) for shape in shapes)
    with lend(parts, size + patch_size(transform, 3)) as memory:
        for buffer, shape in zip(memory, shapes, strict=True):
            sums.append(Planes(shape, buffer[: Planes.size(shape, 3)]))
        run_ranges(work, len(corners), parts)
        for (top, _), planes in zip(spans, sums, strict=True):
            planes.add_to(numerator, 0, top)
            planes.add_to(denominator, 2, top)


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
    obj : (Ho, Wo) complex64
    corners : (N, 2) int
        Row and column of the object's pixel under each frame's upper left pixel.
    shifts : (N, 2) float64, optional
        Part of a pixel, from 0 to below 1, by which each frame lies below and to the right of
        its corner; views are interpolated linearly. All on whole pixels if not given.
    numerator : (M, H, W) complex64
        Added to, in place.
    denominator : (H, W) float32
        Added to, in place; the same for all modes.
    threads : int, optional
        See `default_threads`.

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
