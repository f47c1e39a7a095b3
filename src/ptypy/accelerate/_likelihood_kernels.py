"""Kernels behind ``_likelihood``: arrays there, addresses here."""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from ptypy.accelerate._compile import kernel
from ptypy.accelerate._frame import (
    BLOCK_BYTES,
    BLOCKS,
    HEIGHT,
    STRIP_BYTES,
    STRIPS,
    WIDTH,
    add_product_columns,
    corner_place,
    gather_rows,
    inverse_columns,
    product_columns,
    return_rows,
    sum_intensity,
    zero,
)
from ptypy.accelerate._lanes import (
    ROW,
    VECTOR,
    divide,
    get64,
    keep_trusted,
    load,
    peek,
    put64,
    spread,
    store,
    total,
)
from ptypy.accelerate._patch import give_back, patch_row, view_of

__all__ = ["gradient_range", "line_range"]


@kernel
def weigh_rows(
    tile: int,
    width: int,
    modes: int,
    tile_bytes: int,
    counts: int,
    factor: float,
    floor: float,
    scale: float,
) -> float:
    """Multiply f by 2 w s (s I - n) in one row block; give sum w (s I - n)^2."""
    nothing, weight, least = spread(0.0), spread(factor), spread(floor)
    s, twice, misfits = spread(scale), spread(2.0 * scale), spread(0.0)
    for i in range(width):
        at = tile + i * ROW
        measured = load(counts + i * VECTOR)
        residual = s * sum_intensity(at, modes, tile_bytes) - measured
        weighted = keep_trusted(measured, divide(weight * residual, least + measured), nothing)
        misfits = misfits + weighted * residual
        weighted = weighted * twice
        for m in range(modes):
            place = at + m * tile_bytes
            store(place, load(place) * weighted)
            store(place + VECTOR, load(place + VECTOR) * weighted)
    result: float = total(misfits)
    return result


@kernel
def correlate_rows(
    tile: int,
    width: int,
    modes: int,
    tile_bytes: int,
    counts: int,
    factor: float,
    floor: float,
) -> tuple[float, float]:
    """Give sum w I n and sum w I^2 of one row block."""
    nothing, weight, least = spread(0.0), spread(factor), spread(floor)
    products, squares = nothing, nothing
    for i in range(width):
        measured = load(counts + i * VECTOR)
        intensity = sum_intensity(tile + i * ROW, modes, tile_bytes)
        weighted = keep_trusted(measured, divide(weight * intensity, least + measured), nothing)
        products = products + weighted * measured
        squares = squares + weighted * intensity
    return total(products), total(squares)


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
) -> None:
    """Add the gradients of frames ``first`` to ``last``.

    With ``update_scale`` all row blocks are kept until the frame's scale is known.
    """
    height, width = peek(spec + HEIGHT), peek(spec + WIDTH)
    strips, blocks = peek(spec + STRIPS), peek(spec + BLOCKS)
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
        measured = counts + j * blocks * width * VECTOR
        if update_scale != 0:
            products, squares = 0.0, 0.0
            for block in range(blocks):
                tile = tiles + block * modes * size
                gather_rows(spec, frame, frame_bytes, modes, block, tile)
                n = measured + block * width * VECTOR
                more = correlate_rows(tile, width, modes, size, n, factor, floor)
                products += more[0]
                squares += more[1]
            if squares > 0.0:
                put64(scales + 8 * j, products / squares)
        scale, misfit = get64(scales + 8 * j), 0.0
        for block in range(blocks):
            tile = tiles
            if update_scale != 0:
                tile += block * modes * size
            else:
                gather_rows(spec, frame, frame_bytes, modes, block, tile)
            n = measured + block * width * VECTOR
            misfit += weigh_rows(tile, width, modes, size, n, factor, floor, scale)
            return_rows(spec, frame, frame_bytes, modes, block, tile)
        for m in range(modes):
            p, g = probe + m * mode_bytes, grad_probe + m * mode_bytes
            for s in range(strips):
                tile = frame + m * frame_bytes + s * strip_bytes
                add_gradients(spec, tile, s, p, o, step, part, g, grad, grad_part)
        if shifts != 0:
            give_back(height, strips, 2, shifts, j, grad, step, corner, row, grad_plane)
        put64(misfits + 8 * j, misfit)


@kernel
def expand_rows(
    tile: int,
    width: int,
    modes: int,
    tile_bytes: int,
    counts: int,
    factor: float,
    floor: float,
    scale: float,
) -> tuple[float, float, float]:
    """Give B0, B1 and B2 of one row block; f, its first and its second order follow each other."""
    nothing, two, weight, least = spread(0.0), spread(2.0), spread(factor), spread(floor)
    s, b0, b1, b2 = spread(scale), spread(0.0), spread(0.0), spread(0.0)
    for i in range(width):
        measured = load(counts + i * VECTOR)
        a0, a1, a2 = nothing, nothing, nothing
        for m in range(modes):
            at = tile + i * ROW + m * tile_bytes
            f, g = load(at), load(at + VECTOR)
            at += modes * tile_bytes
            p, q = load(at), load(at + VECTOR)
            at += modes * tile_bytes
            x, y = load(at), load(at + VECTOR)
            a0 = a0 + f * f + g * g
            a1 = a1 + f * p + g * q
            a2 = a2 + (p * p + q * q) + two * (f * x + g * y)
        a0, a1, a2 = s * a0 - measured, s * two * a1, s * a2
        w = keep_trusted(measured, divide(weight, least + measured), nothing)
        b0 = b0 + w * a0 * a0
        b1 = b1 + two * w * a0 * a1
        b2 = b2 + w * (a1 * a1 + two * a0 * a2)
    return total(b0), total(b1), total(b2)


@kernel
def line_range(
    first: int,
    last: int,
    spec: int,
    modes: int,
    probe: int,
    step_probe: int,
    obj: int,
    step_obj: int,
    row: int,
    plane: int,
    corners: int,
    shifts: int,
    counts: int,
    factor: float,
    floor: float,
    scales: int,
    frame: int,
    patch: int,
    results: int,
) -> None:
    """Expand the misfit of frames ``first`` to ``last``."""
    height, width = peek(spec + HEIGHT), peek(spec + WIDTH)
    strips, blocks = peek(spec + STRIPS), peek(spec + BLOCKS)
    frame_bytes, mode_bytes = strips * peek(spec + STRIP_BYTES), strips * height * ROW
    tile, size = frame + 3 * modes * frame_bytes, peek(spec + BLOCK_BYTES)
    zero(frame, 3 * modes * frame_bytes)
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
        sums = (0.0, 0.0, 0.0)
        for block in range(blocks):
            gather_rows(spec, frame, frame_bytes, 3 * modes, block, tile)
            n = counts + (j * blocks + block) * width * VECTOR
            more = expand_rows(tile, width, modes, size, n, factor, floor, get64(scales + 8 * j))
            sums = (sums[0] + more[0], sums[1] + more[1], sums[2] + more[2])
        put64(results + 24 * j, sums[0])
        put64(results + 24 * j + 8, sums[1])
        put64(results + 24 * j + 16, sums[2])
