"""Kernels behind ``_likelihood``: arrays there, addresses here."""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from ptypy.accelerate._compile import kernel
from ptypy.accelerate._detector import (
    arrive,
    depart,
    measured_at,
    piece_at,
    return_piece,
    take_piece,
)
from ptypy.accelerate._frame import (
    BLOCK_BYTES,
    HEIGHT,
    PIECE_ROWS,
    PIECES,
    STRIP_BYTES,
    STRIPS,
    add_product_columns,
    corner_place,
    inverse_columns,
    product_columns,
    zero,
)
from ptypy.accelerate._lanes import ROW, VECTOR, get64, load, peek, put64, store
from ptypy.accelerate._noise import EUCLID, compare_rows, correlate_rows, weigh_rows
from ptypy.accelerate._noise_line import expand_rows
from ptypy.accelerate._patch import give_back, patch_row, view_of

__all__ = ["gradient_range", "line_range"]

DARK = 1e-20
"""Light of a frame below which there is none."""
LEAST_SCALE = 1e-12
"""Others divide by the scale of a frame; it never becomes zero."""


@kernel
def add_gradients(
    spec: int,
    tile: int,
    strip: int,
    probe: int,
    obj: int,
    row: int,
    plane: int,
    grad_probe: int,
    grad_obj: int,
    grad_plane: int,
) -> None:
    """Transform a strip back and add it times conj(P) and times conj(O) to the gradients."""
    height = peek(spec + HEIGHT)
    inverse_columns(spec, tile)
    for i in range(height):
        t, p = tile + i * ROW, (strip * height + i) * ROW
        at = strip * VECTOR + i * row
        x, y = load(t), load(t + VECTOR)
        a, b = load(probe + p), load(probe + p + VECTOR)
        c, d = load(obj + at), load(obj + at + plane)
        g, q = grad_obj + at, grad_probe + p
        store(g, load(g) + (a * x + b * y))
        store(g + grad_plane, load(g + grad_plane) + (a * y - b * x))
        store(q, load(q) + (c * x + d * y))
        store(q + VECTOR, load(q + VECTOR) + (c * y - d * x))


@kernel
def find_scale(
    spec: int,
    frame: int,
    frame_bytes: int,
    tiles: int,
    modes: int,
    counts: int,
    noise: int,
    floor: float,
    old: float,
) -> float:
    """Take all pieces of a frame and give the scale with the smallest misfit.

    A model without light says nothing of it; a frame without counts gets as good as none.
    """
    rows, size = peek(spec + PIECE_ROWS), peek(spec + BLOCK_BYTES)
    products, squares = 0.0, 0.0
    for k in range(peek(spec + PIECES)):
        tile, n = tiles + k * modes * size, measured_at(spec, counts, 0, k)
        at, gap = take_piece(spec, frame, frame_bytes, modes, k, tile)
        more = correlate_rows(noise, at, rows, modes, gap, n, floor)
        products += more[0]
        squares += more[1]
    if not squares > DARK:
        return old
    ratio = products / squares
    if noise == EUCLID:  # a ratio of amplitudes, and the scale is one of intensities
        ratio *= ratio
    return max(ratio, LEAST_SCALE)


@kernel
def gradient_range(
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
    counts: int,
    noise: int,
    factor: float,
    floor: float,
    scales: int,
    update_scale: int,
    frame: int,
    patch: int,
    grad_probe: int,
    grad_obj: int,
    grad_plane: int,
    misfits: int,
    errors: int,
) -> None:
    """Add the gradients of frames ``first`` to ``last``; ``errors`` may be 0: nobody asks.

    With ``update_scale`` all pieces are kept until the frame's scale is known.
    """
    height, strips = peek(spec + HEIGHT), peek(spec + STRIPS)
    pieces, rows = peek(spec + PIECES), peek(spec + PIECE_ROWS)
    strip_bytes, size = peek(spec + STRIP_BYTES), peek(spec + BLOCK_BYTES)
    frame_bytes, mode_bytes = strips * strip_bytes, strips * height * ROW
    tiles = frame + modes * frame_bytes
    zero(frame, modes * frame_bytes)
    for j in range(first, last):
        corner = grad_obj + corner_place(corners, j, row)
        o, step, part = view_of(spec, obj, row, plane, corners, shifts, j, patch)
        grad, grad_part = corner, grad_plane
        if shifts != 0:
            grad, grad_part = patch + 2 * part, part
            zero(grad, 2 * part)
        for m in range(modes):
            p = probe + m * mode_bytes
            product_columns(spec, frame + m * frame_bytes, p, o, step, part)
        arrive(spec, frame, frame_bytes, modes, tiles)
        if update_scale != 0:
            measured, old = measured_at(spec, counts, j, 0), get64(scales + 8 * j)
            found = find_scale(spec, frame, frame_bytes, tiles, modes, measured, noise, floor, old)
            put64(scales + 8 * j, found)
        scale, misfit, distance, photons = get64(scales + 8 * j), 0.0, 0.0, 0.0
        for k in range(pieces):
            n = measured_at(spec, counts, j, k)
            if update_scale != 0:
                tile = tiles + k * modes * size
                at, gap = piece_at(spec, frame, frame_bytes, k, tile)
            else:
                tile = tiles
                at, gap = take_piece(spec, frame, frame_bytes, modes, k, tile)
            if errors != 0:
                more = compare_rows(at, rows, modes, gap, n, scale)
                distance += more[0]
                photons += more[1]
            misfit += weigh_rows(noise, at, rows, modes, gap, n, factor, floor, scale)
            return_piece(spec, frame, frame_bytes, modes, k, tile)
        depart(spec, frame, frame_bytes, modes, tiles)
        for m in range(modes):
            p, g = probe + m * mode_bytes, grad_probe + m * mode_bytes
            for s in range(strips):
                tile = frame + m * frame_bytes + s * strip_bytes
                add_gradients(spec, tile, s, p, o, step, part, g, grad, grad_part)
        if shifts != 0:
            give_back(height, strips, 2, shifts, j, grad, step, corner, row, grad_plane)
        put64(misfits + 8 * j, misfit)
        if errors != 0:
            put64(errors + 16 * j, distance)
            put64(errors + 16 * j + 8, photons)


@kernel
def line_range(
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
    step_probe: int,
    step_obj: int,
    counts: int,
    noise: int,
    wholly: int,
    factor: float,
    floor: float,
    scales: int,
    frame: int,
    patch: int,
    results: int,
) -> None:
    """Expand the misfit of frames ``first`` to ``last``; ``results`` are (frames, 9) and zero."""
    height, strips = peek(spec + HEIGHT), peek(spec + STRIPS)
    rows, frames = peek(spec + PIECE_ROWS), 3 * modes
    frame_bytes, mode_bytes = strips * peek(spec + STRIP_BYTES), strips * height * ROW
    tile = frame + frames * frame_bytes
    zero(frame, frames * frame_bytes)
    for j in range(first, last):
        o, step, part = view_of(spec, obj, row, plane, corners, shifts, j, patch)
        there = patch + 2 * height * patch_row(spec)
        d, step, part = view_of(spec, step_obj, row, plane, corners, shifts, j, there)
        for m in range(modes):
            p, q = probe + m * mode_bytes, step_probe + m * mode_bytes
            f = frame + m * frame_bytes
            product_columns(spec, f, p, o, step, part)
            f += modes * frame_bytes
            add_product_columns(spec, f, p, d, q, o, step, part)
            f += modes * frame_bytes
            product_columns(spec, f, q, d, step, part)
        arrive(spec, frame, frame_bytes, frames, tile)
        scale, sums = get64(scales + 8 * j), results + 72 * j
        for k in range(peek(spec + PIECES)):
            at, gap = take_piece(spec, frame, frame_bytes, frames, k, tile)
            n = measured_at(spec, counts, j, k)
            expand_rows(noise, wholly, at, rows, modes, gap, n, factor, floor, scale, sums)
