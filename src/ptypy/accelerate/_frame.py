"""What every kernel does with one frame: products, sweeps of transforms, sums.

Inside a kernel a frame is strips in scratch memory (see ``_stages``). All arguments are
addresses and steps [bytes], or counts. Probes are packed times `Transform.scale`, so that the
bare forward transform of probe times object is orthonormal. How a frame goes on from
transformed columns to the detector is in ``_detector``.
"""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from typing import Any

from ptypy.accelerate._compile import kernel
from ptypy.accelerate._lanes import (
    ROW,
    VALUE,
    VECTOR,
    call2,
    call5,
    load,
    peek,
    spread,
    store,
)

__all__ = [
    "BLOCKS",
    "BLOCK_BYTES",
    "FORWARD_AT",
    "GATHER_AT",
    "HEIGHT",
    "INVERSE_AT",
    "PIECES",
    "PIECE_ROWS",
    "PLAN_X",
    "PLAN_Y",
    "SCATTER_AT",
    "STRIPS",
    "STRIP_BYTES",
    "TRANSFER",
    "WIDTH",
    "add_product_columns",
    "corner_place",
    "gather_rows",
    "inverse_columns",
    "product_columns",
    "return_rows",
    "sum_intensity",
    "zero",
]

# Places in `Transform.spec`, [bytes].
HEIGHT, WIDTH, STRIPS, BLOCKS, STRIP_BYTES, BLOCK_BYTES = range(0, 48, 8)
PLAN_Y, PLAN_X, FORWARD_AT, INVERSE_AT, GATHER_AT, SCATTER_AT = range(48, 96, 8)
PIECES, PIECE_ROWS, TRANSFER = range(96, 120, 8)


@kernel
def corner_place(corners: int, j: int, row: int) -> int:
    """Give the place of the upper left pixel of frame ``j`` in a plane [bytes]."""
    place: int = peek(corners + 16 * j) * row + peek(corners + 16 * j + 8) * VALUE
    return place


@kernel
def zero(address: int, size: int) -> None:
    """Clear ``size`` bytes, a multiple of a vector."""
    nothing = spread(0.0)
    for at in range(address, address + size, VECTOR):
        store(at, nothing)


@kernel
def product_columns(spec: int, frame: int, probe: int, obj: int, row: int, plane: int) -> None:
    """Write probe times object as strips and transform their columns."""
    height, step = peek(spec + HEIGHT), peek(spec + STRIP_BYTES)
    plan, forward = peek(spec + PLAN_Y), peek(spec + FORWARD_AT)
    for s in range(peek(spec + STRIPS)):
        tile, o, p = frame + s * step, obj + s * VECTOR, probe + s * height * ROW
        for i in range(height):
            a, b = load(o + i * row), load(o + i * row + plane)
            c, d = load(p + i * ROW), load(p + i * ROW + VECTOR)
            store(tile + i * ROW, a * c - b * d)
            store(tile + i * ROW + VECTOR, a * d + b * c)
        call2(forward, tile, plan)


@kernel
def add_product_columns(
    spec: int, frame: int, p: int, o: int, q: int, d: int, row: int, plane: int
) -> None:
    """Write p times o plus q times d (probes and objects) as strips; transform their columns."""
    height, step = peek(spec + HEIGHT), peek(spec + STRIP_BYTES)
    plan, forward = peek(spec + PLAN_Y), peek(spec + FORWARD_AT)
    for s in range(peek(spec + STRIPS)):
        tile, start = frame + s * step, s * height * ROW
        for i in range(height):
            at, place = s * VECTOR + i * row, start + i * ROW
            a, b, e, f = load(o + at), load(o + at + plane), load(d + at), load(d + at + plane)
            x, y = load(p + place), load(p + place + VECTOR)
            u, v = load(q + place), load(q + place + VECTOR)
            store(tile + i * ROW, a * x - b * y + e * u - f * v)
            store(tile + i * ROW + VECTOR, a * y + b * x + e * v + f * u)
        call2(forward, tile, plan)


@kernel
def gather_rows(spec: int, frame: int, frame_bytes: int, modes: int, block: int, tile: int) -> None:
    """Collect one row block of every mode and transform its rows."""
    strips, step = peek(spec + STRIPS), peek(spec + STRIP_BYTES)
    size, plan = peek(spec + BLOCK_BYTES), peek(spec + PLAN_X)
    gather, forward = peek(spec + GATHER_AT), peek(spec + FORWARD_AT)
    for m in range(modes):
        call5(gather, frame + m * frame_bytes, step, strips, block, tile + m * size)
        call2(forward, tile + m * size, plan)


@kernel
def return_rows(spec: int, frame: int, frame_bytes: int, modes: int, block: int, tile: int) -> None:
    """Transform the rows of one row block of every mode back and put them into the frame."""
    strips, step = peek(spec + STRIPS), peek(spec + STRIP_BYTES)
    size, plan = peek(spec + BLOCK_BYTES), peek(spec + PLAN_X)
    scatter, inverse = peek(spec + SCATTER_AT), peek(spec + INVERSE_AT)
    for m in range(modes):
        call2(inverse, tile + m * size, plan)
        call5(scatter, frame + m * frame_bytes, step, strips, block, tile + m * size)


@kernel
def inverse_columns(spec: int, tile: int) -> None:
    """Transform the columns of one strip back."""
    call2(peek(spec + INVERSE_AT), tile, peek(spec + PLAN_Y))


@kernel
def sum_intensity(tile: int, modes: int, tile_bytes: int) -> Any:
    """Add |f|^2 of all modes for one row of a tile."""
    intensity = spread(1.0e-30)  # keeps the inverse root finite
    for m in range(modes):
        at = tile + m * tile_bytes
        re, im = load(at), load(at + VECTOR)
        intensity = intensity + re * re + im * im
    return intensity
