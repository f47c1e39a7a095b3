"""Projections of exit waves onto what was measured: the difference map and its relatives."""

# ruff: noqa: PLR0917 - the arrays come first, by place; compiled functions take no keywords
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._arrays import (
    Planes,
    Strips,
    check_measured,
    check_probe_and_object,
    check_waves,
)
from ptypy.accelerate._buffers import lend
from ptypy.accelerate._compile import kernel
from ptypy.accelerate._frame import (
    BLOCKS,
    FORWARD_AT,
    HEIGHT,
    PLAN_Y,
    STRIP_BYTES,
    STRIPS,
    WIDTH,
    inverse_columns,
    zero,
)
from ptypy.accelerate._lanes import (
    AHEAD,
    ROW,
    VECTOR,
    call2,
    fetch,
    load,
    peek,
    put64,
    spread,
    store,
    total,
)
from ptypy.accelerate._modulus import fit_rows, fit_rows_within
from ptypy.accelerate._patch import Places, patch_size, view_of
from ptypy.accelerate._threads import count_threads, run_ranges
from ptypy.accelerate._transform import Transform

__all__ = ["initial_waves", "project"]


@kernel
def mix_columns(
    spec: int,
    frame: int,
    wave: int,
    probe: int,
    obj: int,
    row: int,
    plane: int,
    c: float,
    d: float,
) -> None:
    """Write c P O + d psi as strips and transform their columns."""
    height, step = peek(spec + HEIGHT), peek(spec + STRIP_BYTES)
    plan, forward = peek(spec + PLAN_Y), peek(spec + FORWARD_AT)
    cs, ds = spread(c), spread(d)
    for s in range(peek(spec + STRIPS)):
        tile, o = frame + s * step, obj + s * VECTOR
        p, w = probe + s * height * ROW, wave + s * height * ROW
        for i in range(height):
            ore, oim = load(o + i * row), load(o + i * row + plane)
            pre, pim = load(p + i * ROW), load(p + i * ROW + VECTOR)
            re = cs * (ore * pre - oim * pim) + ds * load(w + i * ROW)
            im = cs * (ore * pim + oim * pre) + ds * load(w + i * ROW + VECTOR)
            fetch(w + i * ROW + AHEAD)
            fetch(w + i * ROW + AHEAD + VECTOR)
            store(tile + i * ROW, re)
            store(tile + i * ROW + VECTOR, im)
        call2(forward, tile, plan)


@kernel
def update_columns(
    spec: int,
    frame: int,
    wave: int,
    probe: int,
    obj: int,
    row: int,
    plane: int,
    keep: float,
    a: float,
    b: float,
) -> float:
    """Transform columns back; psi <- keep psi + a P O + b frame; give sum |change|^2."""
    height, step = peek(spec + HEIGHT), peek(spec + STRIP_BYTES)
    ks, as_, bs, one = spread(keep), spread(a), spread(b), spread(1.0)
    change = 0.0
    for s in range(peek(spec + STRIPS)):
        tile, o = frame + s * step, obj + s * VECTOR
        p, w = probe + s * height * ROW, wave + s * height * ROW
        inverse_columns(spec, tile)
        squares = spread(0.0)
        for i in range(height):
            ore, oim = load(o + i * row), load(o + i * row + plane)
            pre, pim = load(p + i * ROW), load(p + i * ROW + VECTOR)
            old_re, old_im = load(w + i * ROW), load(w + i * ROW + VECTOR)
            re = as_ * (ore * pre - oim * pim) + bs * load(tile + i * ROW)
            im = as_ * (ore * pim + oim * pre) + bs * load(tile + i * ROW + VECTOR)
            re, im = re + (ks - one) * old_re, im + (ks - one) * old_im
            squares = squares + re * re + im * im
            fetch(w + i * ROW + AHEAD)
            fetch(w + i * ROW + AHEAD + VECTOR)
            store(w + i * ROW, old_re + re)
            store(w + i * ROW + VECTOR, old_im + im)
        change += total(squares)
    return change


@kernel
def project_range(
    first: int,
    last: int,
    spec: int,
    modes: int,
    waves: int,
    probe: int,
    obj: int,
    row: int,
    plane: int,
    corners: int,
    shifts: int,
    amplitude: int,
    a: float,
    b: float,
    c: float,
    scale: float,
    power_bound: float,
    frame: int,
    patch: int,
    errors: int,
) -> None:
    """Project frames ``first`` to ``last``; ``frame`` is scratch memory."""
    height, width = peek(spec + HEIGHT), peek(spec + WIDTH)
    strips, blocks = peek(spec + STRIPS), peek(spec + BLOCKS)
    frame_bytes, wave_bytes = strips * peek(spec + STRIP_BYTES), strips * height * ROW
    tile = frame + modes * frame_bytes
    zero(frame, modes * frame_bytes)
    for j in range(first, last):
        o, step, part = view_of(spec, obj, row, plane, corners, shifts, j, patch)
        wave = waves + j * modes * wave_bytes
        for m in range(modes):
            p, w = probe + m * wave_bytes, wave + m * wave_bytes
            mix_columns(spec, frame + m * frame_bytes, w, p, o, step, part, c, (1.0 - c) * scale)
        measured = amplitude + j * blocks * width * VECTOR
        if power_bound < 0.0:
            error = fit_rows(spec, frame, frame_bytes, tile, modes, measured)
        else:
            error = fit_rows_within(spec, frame, frame_bytes, tile, modes, measured, power_bound)
        change = 0.0
        for m in range(modes):
            p, w = probe + m * wave_bytes, wave + m * wave_bytes
            change += update_columns(
                spec,
                frame + m * frame_bytes,
                w,
                p,
                o,
                step,
                part,
                1.0 - a - b,
                a / scale,
                b * scale,
            )
        put64(errors + 24 * j, error)
        put64(errors + 24 * j + 16, change / (height * width))


@kernel
def multiply_range(
    first: int,
    last: int,
    spec: int,
    modes: int,
    waves: int,
    probe: int,
    obj: int,
    row: int,
    plane: int,
    corners: int,
    shifts: int,
    patch: int,
) -> None:
    """Write probe times object into the waves of frames ``first`` to ``last``."""
    height, strips = peek(spec + HEIGHT), peek(spec + STRIPS)
    for j in range(first, last):
        corner, step, part = view_of(spec, obj, row, plane, corners, shifts, j, patch)
        for m in range(modes):
            for s in range(strips):
                o, p = corner + s * VECTOR, probe + (m * strips + s) * height * ROW
                w = waves + ((j * modes + m) * strips + s) * height * ROW
                for i in range(height):
                    a, b = load(o + i * step), load(o + i * step + part)
                    c, d = load(p + i * ROW), load(p + i * ROW + VECTOR)
                    store(w + i * ROW, a * c - b * d)
                    store(w + i * ROW + VECTOR, a * d + b * c)


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
    check_probe_and_object(transform, probe, obj)
    places = Places.of(transform, corners, shifts, obj.shape)
    check_waves(transform, waves, len(corners), len(probe), writeable=True)
    planes, strips = Planes.of(obj), Strips(transform, probe, 1.0)

    parts = count_threads(threads, len(corners))
    with lend(parts, patch_size(transform, 2)) as patches:

        def work(part: int, first: int, last: int) -> None:
            multiply_range(
                first,
                last,
                transform.spec.ctypes.data,
                len(probe),
                waves.ctypes.data,
                strips.address,
                planes.address,
                planes.row,
                planes.plane,
                *places.addresses,
                patches[part].ctypes.data,
            )

        run_ranges(work, len(corners), parts)


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
    threads: int | None = None,
) -> npt.NDArray[np.float64]:
    """Project exit waves: psi <- (1-a-b) psi + a PO + b M(c PO + (1-c) psi), in place.

    P is the probe, O the frame's view of the object. M replaces the amplitude of the Fourier
    transform by the measured one where the pixel is trusted, all modes by the same factor,
    so that their intensities add up to the measured one. With (a, b, c) = (-alpha, 1, 1 + alpha)
    this is the difference map, with (1 - 2 beta, beta, 2) RAAR.

    Parameters
    ----------
    transform : Transform
    waves : packed waves of N frames and M modes
        Overwritten.
    probe : (M, H, W) complex64
        Illumination, times the geometry's ``pre_phase``.
    obj : (Ho, Wo) complex64
        Transmission of the object.
    corners : (N, 2) int
        Row and column of the object's pixel under each frame's upper left pixel.
    shifts : (N, 2) float64, optional
        Part of a pixel, from 0 to below 1, by which each frame lies below and to the right of
        its corner; views are interpolated linearly. All on whole pixels if not given.
    amplitude : packed measured frames
        Square roots of the counts; see `Transform.pack_measured`.
    coefficients : (float, float, float)
        a, b and c.
    power_bound : float, optional
        With it, a frame whose error e = mean of (|f| - amplitude)^2 over trusted pixels is
        above the bound is moved only so far that the error falls to the bound; a frame whose
        error is not above it is left as it is (M is the identity).
    threads : int, optional
        See `default_threads`.

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
    check_probe_and_object(transform, probe, obj)
    places = Places.of(transform, corners, shifts, obj.shape)
    check_waves(transform, waves, len(corners), len(probe), writeable=True)
    check_measured("amplitude", transform, amplitude, len(corners))
    planes, strips = Planes.of(obj), Strips(transform, probe, transform.scale)
    a, b, c = (float(value) for value in coefficients)
    bound = -1.0 if power_bound is None else max(float(power_bound), 0.0)
    errors = np.full((len(corners), 3), np.nan)
    parts = count_threads(threads, len(corners))
    tiles = 1 if power_bound is None else transform.blocks
    size = len(probe) * transform.scratch_size(tiles)
    with lend(parts, size + patch_size(transform, 2)) as scratch:

        def work(part: int, first: int, last: int) -> None:
            project_range(
                first,
                last,
                transform.spec.ctypes.data,
                len(probe),
                waves.ctypes.data,
                strips.address,
                planes.address,
                planes.row,
                planes.plane,
                *places.addresses,
                amplitude.ctypes.data,
                a,
                b,
                c,
                transform.scale,
                bound,
                scratch[part].ctypes.data,
                scratch[part][size:].ctypes.data,
                errors.ctypes.data,
            )

        run_ranges(work, len(corners), parts)
    return errors
