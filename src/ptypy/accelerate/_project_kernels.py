"""Kernels behind ``_project``: arrays there, addresses here."""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from ptypy.accelerate._compile import kernel
from ptypy.accelerate._detector import measured_at
from ptypy.accelerate._frame import (
    FORWARD_AT,
    HEIGHT,
    PLAN_Y,
    STRIP_BYTES,
    STRIPS,
    WIDTH,
    corner_place,
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
from ptypy.accelerate._modulus import fit_frame, fit_frame_within
from ptypy.accelerate._patch import give_back, view_of
from ptypy.accelerate._powers import add_powers

__all__ = ["multiply_range", "project_range"]


@kernel
def mix_strip(
    height: int,
    tile: int,
    wave: int,
    probe: int,
    obj: int,
    row: int,
    plane: int,
    c: float,
    d: float,
) -> None:
    """Write c P O + d psi as one strip."""
    cs, ds = spread(c), spread(d)
    for i in range(height):
        o, p, w, t = obj + i * row, probe + i * ROW, wave + i * ROW, tile + i * ROW
        ore, oim = load(o), load(o + plane)
        pre, pim = load(p), load(p + VECTOR)
        fetch(w + AHEAD)
        fetch(w + AHEAD + VECTOR)
        store(t, cs * (ore * pre - oim * pim) + ds * load(w))
        store(t + VECTOR, cs * (ore * pim + oim * pre) + ds * load(w + VECTOR))


@kernel
def update_strip(
    height: int,
    tile: int,
    wave: int,
    probe: int,
    obj: int,
    row: int,
    plane: int,
    pull: float,
    a: float,
    b: float,
    scale: float,
    sums: int,
    sums_row: int,
    sums_plane: int,
) -> float:
    """Move one strip: psi <- psi - pull psi + a P O + b tile; give sum |change|^2.

    Unless ``sums`` is 0, add conj(P) (psi - P O / scale) to two planes there.
    """
    away, as_, bs, bare = spread(-pull), spread(a), spread(b), spread(1.0 / scale)
    squares = spread(0.0)
    for i in range(height):
        o, p, w, t = obj + i * row, probe + i * ROW, wave + i * ROW, tile + i * ROW
        ore, oim = load(o), load(o + plane)
        pre, pim = load(p), load(p + VECTOR)
        old_re, old_im = load(w), load(w + VECTOR)
        product_re, product_im = ore * pre - oim * pim, ore * pim + oim * pre
        re = as_ * product_re + bs * load(t) + away * old_re
        im = as_ * product_im + bs * load(t + VECTOR) + away * old_im
        squares = squares + re * re + im * im
        fetch(w + AHEAD)
        fetch(w + AHEAD + VECTOR)
        re, im = old_re + re, old_im + im
        store(w, re)
        store(w + VECTOR, im)
        if sums != 0:
            s = sums + i * sums_row
            re, im = re - bare * product_re, im - bare * product_im
            store(s, load(s) + (pre * re + pim * im))
            store(s + sums_plane, load(s + sums_plane) + (pre * im - pim * re))
    result: float = total(squares)
    return result


@kernel
def update_frame(
    spec: int,
    frame: int,
    frame_bytes: int,
    modes: int,
    wave: int,
    probe: int,
    obj: int,
    row: int,
    plane: int,
    pull: float,
    a: float,
    b: float,
    scale: float,
    sums: int,
    sums_row: int,
    sums_plane: int,
) -> float:
    """Transform columns back and move the waves of a frame; give sum |change|^2."""
    height, strips = peek(spec + HEIGHT), peek(spec + STRIPS)
    wave_bytes, change = strips * height * ROW, 0.0
    for s in range(strips):
        for m in range(modes):
            tile = frame + m * frame_bytes + s * peek(spec + STRIP_BYTES)
            place = m * wave_bytes + s * height * ROW
            inverse_columns(spec, tile)
            change += update_strip(
                height,
                tile,
                wave + place,
                probe + place,
                obj + s * VECTOR,
                row,
                plane,
                pull,
                a,
                b,
                scale,
                sums + s * VECTOR if sums != 0 else 0,
                sums_row,
                sums_plane,
            )
    return change


@kernel
def project_range(
    first: int,
    last: int,
    spec: int,
    modes: int,
    probe: int,
    obj: int,
    row: int,
    plane: int,
    corners: int,
    shifts: int,
    waves: int,
    amplitude: int,
    pull: float,
    b: float,
    c: float,
    scale: float,
    power_bound: float,
    frame: int,
    patch: int,
    sums: int,
    sums_plane: int,
    errors: int,
) -> None:
    """Project frames ``first`` to ``last``; ``frame`` is scratch memory.

    Unless ``sums`` is 0, three planes there collect what the frames say of the object.
    """
    height, strips = peek(spec + HEIGHT), peek(spec + STRIPS)
    strip_bytes, wave_bytes = peek(spec + STRIP_BYTES), strips * height * ROW
    frame_bytes = strips * strip_bytes
    tile = frame + modes * frame_bytes
    zero(frame, modes * frame_bytes)
    for j in range(first, last):
        o, step, part = view_of(spec, obj, row, plane, corners, shifts, j, patch)
        wave = waves + j * modes * wave_bytes
        for s in range(strips):
            for m in range(modes):
                t, place = frame + m * frame_bytes + s * strip_bytes, m * wave_bytes
                place += s * height * ROW
                w, p = wave + place, probe + place
                mix_strip(height, t, w, p, o + s * VECTOR, step, part, c, (1.0 - c) * scale)
                call2(peek(spec + FORWARD_AT), t, peek(spec + PLAN_Y))
        measured = measured_at(spec, amplitude, j, 0)
        if power_bound < 0.0:
            error = fit_frame(spec, frame, frame_bytes, tile, modes, measured)
        else:
            error = fit_frame_within(spec, frame, frame_bytes, tile, modes, measured, power_bound)
        corner, target, target_row, target_plane = 0, 0, row, sums_plane
        if sums != 0:
            corner = sums + corner_place(corners, j, row)
            target = corner
            if shifts != 0:
                target, target_row, target_plane = patch + 2 * part, step, part
                zero(target, 2 * part)
        change = update_frame(
            spec,
            frame,
            frame_bytes,
            modes,
            wave,
            probe,
            o,
            step,
            part,
            pull,
            pull / scale,
            b * scale,
            scale,
            target,
            target_row,
            target_plane,
        )
        if sums != 0 and shifts != 0:
            give_back(height, strips, 2, shifts, j, target, step, corner, row, sums_plane)
        put64(errors + 24 * j, error)
        put64(errors + 24 * j + 16, change / (height * peek(spec + WIDTH)))
    if sums != 0:
        there = sums + 2 * sums_plane
        add_powers(first, last, spec, modes, probe, corners, shifts, there, row, patch)


@kernel
def multiply_range(
    first: int,
    last: int,
    spec: int,
    modes: int,
    probe: int,
    obj: int,
    row: int,
    plane: int,
    corners: int,
    shifts: int,
    waves: int,
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
