"""The detector plane, piece by piece, whichever way the wave gets there.

Kernels begin with strips whose columns are transformed (``_frame``). What is left to do is

    far field   rows                                         a piece is a row block
    near field  rows, times H, rows back, columns back       a piece is a strip

The last step of either is done piece by piece, so that a piece is worked on where it is
nearest. A kernel walks through the detector plane and back like this:

    arrive(spec, frame, frame_bytes, modes, tile)
    for k in range(peek(spec + PIECES)):
        at, step = take_piece(spec, frame, frame_bytes, modes, k, tile)
        ...  # PIECE_ROWS rows: mode m begins at ``at + m * step``; see also `measured_at`
        return_piece(spec, frame, frame_bytes, modes, k, tile)
    depart(spec, frame, frame_bytes, modes, tile)
    ...  # inverse_columns of every strip

which is the transform times 1 / `Transform.scale`, and its adjoint times the same. ``tile`` is
scratch memory of `BLOCK_BYTES` a mode. Whoever has to see all pieces before the first one is
returned gives each its own, ``tile + k * modes * BLOCK_BYTES`` (`piece_at` finds it again), and
makes room by `Transform.scratch_size`, which knows that a near field needs no more than one.
"""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from ptypy.accelerate._compile import kernel
from ptypy.accelerate._frame import (
    BLOCK_BYTES,
    BLOCKS,
    FORWARD_AT,
    PIECE_ROWS,
    PIECES,
    PLAN_Y,
    STRIP_BYTES,
    TRANSFER,
    WIDTH,
    gather_rows,
    inverse_columns,
    return_rows,
)
from ptypy.accelerate._lanes import ROW, VECTOR, call2, load, peek, spread, store

__all__ = [
    "arrive",
    "depart",
    "measured_at",
    "piece_at",
    "return_piece",
    "take_piece",
]


@kernel
def measured_at(spec: int, packed: int, j: int, k: int) -> int:
    """Give the address of piece ``k`` of packed frame ``j``."""
    pieces, rows = peek(spec + PIECES), peek(spec + PIECE_ROWS)
    address: int = packed + (j * pieces + k) * rows * VECTOR
    return address


@kernel
def multiply_rows(tile: int, rows: int, factors: int, sign: float) -> None:
    """Multiply a tile by complex factors, or for ``sign`` = -1 by their conjugates."""
    turn = spread(sign)
    for at in range(0, rows * ROW, ROW):
        a, b = load(tile + at), load(tile + at + VECTOR)
        c, d = load(factors + at), load(factors + at + VECTOR) * turn
        store(tile + at, a * c - b * d)
        store(tile + at + VECTOR, a * d + b * c)


@kernel
def filter_rows(
    spec: int, frame: int, frame_bytes: int, modes: int, tile: int, sign: float
) -> None:
    """Transform rows, multiply by H or (``sign`` = -1) its conjugate, and transform them back."""
    width, size = peek(spec + WIDTH), peek(spec + BLOCK_BYTES)
    factors = peek(spec + TRANSFER)
    for block in range(peek(spec + BLOCKS)):
        gather_rows(spec, frame, frame_bytes, modes, block, tile)
        for m in range(modes):
            multiply_rows(tile + m * size, width, factors + block * width * ROW, sign)
        return_rows(spec, frame, frame_bytes, modes, block, tile)


@kernel
def arrive(spec: int, frame: int, frame_bytes: int, modes: int, tile: int) -> None:
    """Do on the way to the detector what needs the whole frame: nothing for a far field."""
    if peek(spec + TRANSFER) != 0:
        filter_rows(spec, frame, frame_bytes, modes, tile, 1.0)


@kernel
def depart(spec: int, frame: int, frame_bytes: int, modes: int, tile: int) -> None:
    """Do the adjoint of `arrive`."""
    if peek(spec + TRANSFER) != 0:
        filter_rows(spec, frame, frame_bytes, modes, tile, -1.0)


@kernel
def piece_at(spec: int, frame: int, frame_bytes: int, k: int, tile: int) -> tuple[int, int]:
    """Give where `take_piece` puts piece ``k``, and the step between modes [bytes]."""
    if peek(spec + TRANSFER) != 0:
        return frame + k * peek(spec + STRIP_BYTES), frame_bytes
    return tile, peek(spec + BLOCK_BYTES)


@kernel
def take_piece(
    spec: int, frame: int, frame_bytes: int, modes: int, k: int, tile: int
) -> tuple[int, int]:
    """Bring piece ``k`` of every mode to the detector; give its address and step as `piece_at`."""
    place: tuple[int, int] = piece_at(spec, frame, frame_bytes, k, tile)
    if peek(spec + TRANSFER) != 0:
        for m in range(modes):
            inverse_columns(spec, place[0] + m * frame_bytes)
    else:
        gather_rows(spec, frame, frame_bytes, modes, k, tile)
    return place


@kernel
def return_piece(spec: int, frame: int, frame_bytes: int, modes: int, k: int, tile: int) -> None:
    """Do the adjoint of `take_piece`."""
    if peek(spec + TRANSFER) != 0:
        strip = frame + k * peek(spec + STRIP_BYTES)
        for m in range(modes):
            call2(peek(spec + FORWARD_AT), strip + m * frame_bytes, peek(spec + PLAN_Y))
    else:
        return_rows(spec, frame, frame_bytes, modes, k, tile)
