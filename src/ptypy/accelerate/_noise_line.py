"""The cost of a misfit along a line; the models of the noise are those of ``_noise``."""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from typing import Any

from ptypy.accelerate._compile import kernel
from ptypy.accelerate._lanes import (
    ROW,
    VECTOR,
    divide,
    get64,
    inverse_root,
    keep_trusted,
    load,
    put64,
    spread,
    total,
)
from ptypy.accelerate._logarithm import excess
from ptypy.accelerate._noise import EUCLID, POISSON

__all__ = ["expand_rows"]


@kernel
def add_at(address: int, vector: Any) -> None:
    """Add the lanes of a vector to one float64."""
    put64(address, get64(address) + total(vector))


@kernel
def expand_intensity(at: int, modes: int, tile_bytes: int) -> tuple[Any, Any, Any]:
    """Give I, dI/dt and 1/2 d2I/dt2; f, its first and its second order follow each other."""
    a0, a1, a2 = spread(0.0), spread(0.0), spread(0.0)
    two = spread(2.0)
    for m in range(modes):
        first = at + m * tile_bytes
        second = first + modes * tile_bytes
        third = second + modes * tile_bytes
        f, g = load(first), load(first + VECTOR)
        p, q = load(second), load(second + VECTOR)
        x, y = load(third), load(third + VECTOR)
        a0 = a0 + f * f + g * g
        a1 = a1 + f * p + g * q
        a2 = a2 + (p * p + q * q) + two * (f * x + g * y)
    return a0, two * a1, a2


@kernel
def expand_higher(at: int, modes: int, tile_bytes: int) -> tuple[Any, Any]:
    """Give the coefficients of t^3 and t^4 of I."""
    a3, a4 = spread(0.0), spread(0.0)
    for m in range(modes):
        second = at + (modes + m) * tile_bytes
        third = second + modes * tile_bytes
        p, q = load(second), load(second + VECTOR)
        x, y = load(third), load(third + VECTOR)
        a3 = a3 + p * x + q * y
        a4 = a4 + x * x + y * y
    return spread(2.0) * a3, a4


@kernel
def expand_gaussian(
    tile: int,
    rows: int,
    modes: int,
    tile_bytes: int,
    counts: int,
    factor: float,
    floor: float,
    scale: float,
    sums: int,
) -> None:
    """Do as `expand_rows` for Gaussian noise."""
    nothing, two, weight, least = spread(0.0), spread(2.0), spread(factor), spread(floor)
    s, b0, b1, b2 = spread(scale), nothing, nothing, nothing
    for i in range(rows):
        measured = load(counts + i * VECTOR)
        a0, a1, a2 = expand_intensity(tile + i * ROW, modes, tile_bytes)
        a0, a1, a2 = s * a0 - measured, s * a1, s * a2
        w = keep_trusted(measured, divide(weight, least + measured), nothing)
        b0 = b0 + w * a0 * a0
        b1 = b1 + two * w * a0 * a1
        b2 = b2 + w * (a1 * a1 + two * a0 * a2)
    add_at(sums, b0)
    add_at(sums + 8, b1)
    add_at(sums + 16, b2)


@kernel
def expand_wholly(
    tile: int,
    rows: int,
    modes: int,
    tile_bytes: int,
    counts: int,
    factor: float,
    floor: float,
    scale: float,
    sums: int,
) -> None:
    """Add all nine coefficients of the cost for Gaussian noise."""
    nothing, two, weight, least = spread(0.0), spread(2.0), spread(factor), spread(floor)
    s, b0, b1, b2, b3 = spread(scale), nothing, nothing, nothing, nothing
    b4, b5, b6, b7, b8 = nothing, nothing, nothing, nothing, nothing
    for i in range(rows):
        measured = load(counts + i * VECTOR)
        a0, a1, a2 = expand_intensity(tile + i * ROW, modes, tile_bytes)
        a3, a4 = expand_higher(tile + i * ROW, modes, tile_bytes)
        a0, a1, a2, a3, a4 = s * a0 - measured, s * a1, s * a2, s * a3, s * a4
        w = keep_trusted(measured, divide(weight, least + measured), nothing)
        b0 = b0 + w * a0 * a0
        b1 = b1 + two * w * a0 * a1
        b2 = b2 + w * (a1 * a1 + two * a0 * a2)
        b3 = b3 + two * w * (a0 * a3 + a1 * a2)
        b4 = b4 + w * (a2 * a2 + two * (a0 * a4 + a1 * a3))
        b5 = b5 + two * w * (a1 * a4 + a2 * a3)
        b6 = b6 + w * (a3 * a3 + two * a2 * a4)
        b7 = b7 + two * w * a3 * a4
        b8 = b8 + w * a4 * a4
    add_at(sums, b0)
    add_at(sums + 8, b1)
    add_at(sums + 16, b2)
    add_at(sums + 24, b3)
    add_at(sums + 32, b4)
    add_at(sums + 40, b5)
    add_at(sums + 48, b6)
    add_at(sums + 56, b7)
    add_at(sums + 64, b8)


@kernel
def expand_poisson(
    tile: int,
    rows: int,
    modes: int,
    tile_bytes: int,
    counts: int,
    factor: float,
    floor: float,
    scale: float,
    sums: int,
) -> None:
    """Do as `expand_rows` for Poisson noise."""
    nothing, half, weight, least = spread(0.0), spread(0.5), spread(factor), spread(floor)
    s, b0, b1, b2 = spread(scale), nothing, nothing, nothing
    for i in range(rows):
        measured = load(counts + i * VECTOR)
        a0, a1, a2 = expand_intensity(tile + i * ROW, modes, tile_bytes)
        u, v, a1, a2 = s * a0 + least, measured + least, s * a1, s * a2
        w = keep_trusted(measured, weight, nothing)
        slope, change = divide(u - v, u), divide(a1, u)
        b0 = b0 + keep_trusted(measured, weight * excess(u, v), nothing)
        b1 = b1 + w * slope * a1
        b2 = b2 + w * (slope * a2 + half * v * change * change)
    add_at(sums, b0)
    add_at(sums + 8, b1)
    add_at(sums + 16, b2)


@kernel
def expand_euclid(
    tile: int,
    rows: int,
    modes: int,
    tile_bytes: int,
    counts: int,
    factor: float,
    floor: float,
    scale: float,
    sums: int,
) -> None:
    """Do as `expand_rows` for misfits of amplitudes."""
    nothing, quarter, weight, least = spread(0.0), spread(0.25), spread(factor), spread(floor)
    s, b0, b1, b2 = spread(scale), nothing, nothing, nothing
    for i in range(rows):
        measured = load(counts + i * VECTOR)
        a0, a1, a2 = expand_intensity(tile + i * ROW, modes, tile_bytes)
        u, v, a1, a2 = s * a0 + least, measured + least, s * a1, s * a2
        inverse = inverse_root(u)
        # A pixel without trust has a negative v, whose root is no number: it must not spread.
        root = keep_trusted(measured, v * inverse_root(v), nothing)
        w = keep_trusted(measured, weight, nothing)
        distance, change = u * inverse - root, a1 * inverse
        slope = distance * inverse
        b0 = b0 + w * distance * distance
        b1 = b1 + w * slope * a1
        b2 = b2 + w * (slope * a2 + quarter * root * inverse * change * change)
    add_at(sums, b0)
    add_at(sums + 8, b1)
    add_at(sums + 16, b2)


@kernel
def expand_rows(
    noise: int,
    wholly: int,
    tile: int,
    rows: int,
    modes: int,
    tile_bytes: int,
    counts: int,
    factor: float,
    floor: float,
    scale: float,
    sums: int,
) -> None:
    """Add the coefficients of 1, t and t^2 of the cost of one piece to ``sums`` (float64).

    With ``wholly`` those of t^3 to t^8 as well, for Gaussian noise.
    """
    if noise == POISSON:
        expand_poisson(tile, rows, modes, tile_bytes, counts, factor, floor, scale, sums)
    elif noise == EUCLID:
        expand_euclid(tile, rows, modes, tile_bytes, counts, factor, floor, scale, sums)
    elif wholly != 0:
        expand_wholly(tile, rows, modes, tile_bytes, counts, factor, floor, scale, sums)
    else:
        expand_gaussian(tile, rows, modes, tile_bytes, counts, factor, floor, scale, sums)
