"""Models of the noise: what a misfit costs, how steep the cost is, how it curves.

Every model compares u = s I + floor with v = n + floor, I being the calculated intensity of a
pixel, s the scale of its frame and n the counts, by a function phi(u, v) that is 0 where they
agree:

| model    | phi                            | d phi / du               | 1/2 d2 phi / du2         |
|----------|--------------------------------|--------------------------|--------------------------|
| Gaussian | factor (u - v)^2 / v           | 2 factor (u - v) / v     | factor / v               |
| Poisson  | factor (u - v - v log(u / v))  | factor (1 - v / u)       | factor v / (2 u^2)       |
| Euclid   | factor (sqrt(u) - sqrt(v))^2   | factor (1 - sqrt(v / u)) | factor sqrt(v/u) / (4 u) |

The small counts ``floor`` on both sides leave the smallest phi at s I = n, keep every number
finite where the model is dark, and a dark pixel without counts costs nothing.
"""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from typing import Any

from ptypy.accelerate._compile import kernel
from ptypy.accelerate._frame import sum_intensity
from ptypy.accelerate._lanes import (
    ROW,
    VECTOR,
    divide,
    inverse_root,
    keep_trusted,
    load,
    spread,
    store,
    total,
)
from ptypy.accelerate._logarithm import excess

__all__ = [
    "EUCLID",
    "GAUSSIAN",
    "NOISES",
    "POISSON",
    "compare_rows",
    "correlate_rows",
    "weigh_rows",
]

GAUSSIAN, POISSON, EUCLID = range(3)
NOISES = {"gaussian": GAUSSIAN, "poisson": POISSON, "euclid": EUCLID}
"""The number by which kernels know a model."""


# --- the gradient ------------------------------------------------------------------------------


@kernel
def multiply_modes(at: int, modes: int, tile_bytes: int, factors: Any) -> None:
    """Multiply one row of all modes by a vector of factors."""
    for m in range(modes):
        place = at + m * tile_bytes
        store(place, load(place) * factors)
        store(place + VECTOR, load(place + VECTOR) * factors)


@kernel
def weigh_gaussian(
    tile: int,
    rows: int,
    modes: int,
    tile_bytes: int,
    counts: int,
    factor: float,
    floor: float,
    scale: float,
) -> float:
    """Do as `weigh_rows` for Gaussian noise."""
    nothing, weight, least = spread(0.0), spread(factor), spread(floor)
    s, twice, misfits = spread(scale), spread(2.0 * scale), spread(0.0)
    for i in range(rows):
        at = tile + i * ROW
        measured = load(counts + i * VECTOR)
        residual = s * sum_intensity(at, modes, tile_bytes) - measured
        weighted = keep_trusted(measured, divide(weight * residual, least + measured), nothing)
        misfits = misfits + weighted * residual
        multiply_modes(at, modes, tile_bytes, weighted * twice)
    result: float = total(misfits)
    return result


@kernel
def weigh_poisson(
    tile: int,
    rows: int,
    modes: int,
    tile_bytes: int,
    counts: int,
    factor: float,
    floor: float,
    scale: float,
) -> float:
    """Do as `weigh_rows` for Poisson noise."""
    nothing, least, s, misfits = spread(0.0), spread(floor), spread(scale), spread(0.0)
    steepness = spread(factor * scale)
    for i in range(rows):
        at = tile + i * ROW
        measured = load(counts + i * VECTOR)
        u, v = s * sum_intensity(at, modes, tile_bytes) + least, measured + least
        misfits = misfits + keep_trusted(measured, excess(u, v), nothing)
        slope = keep_trusted(measured, divide(u - v, u), nothing)
        multiply_modes(at, modes, tile_bytes, steepness * slope)
    result: float = factor * total(misfits)
    return result


@kernel
def weigh_euclid(
    tile: int,
    rows: int,
    modes: int,
    tile_bytes: int,
    counts: int,
    factor: float,
    floor: float,
    scale: float,
) -> float:
    """Do as `weigh_rows` for misfits of amplitudes."""
    nothing, least, s, misfits = spread(0.0), spread(floor), spread(scale), spread(0.0)
    steepness = spread(factor * scale)
    for i in range(rows):
        at = tile + i * ROW
        measured = load(counts + i * VECTOR)
        u, v = s * sum_intensity(at, modes, tile_bytes) + least, measured + least
        inverse = inverse_root(u)
        distance = keep_trusted(measured, u * inverse - v * inverse_root(v), nothing)
        misfits = misfits + distance * distance
        multiply_modes(at, modes, tile_bytes, steepness * distance * inverse)
    result: float = factor * total(misfits)
    return result


@kernel
def weigh_rows(
    noise: int,
    tile: int,
    rows: int,
    modes: int,
    tile_bytes: int,
    counts: int,
    factor: float,
    floor: float,
    scale: float,
) -> float:
    """Multiply f by s d phi / du in one piece; give the sum of phi over its trusted pixels."""
    if noise == POISSON:
        misfit = weigh_poisson(tile, rows, modes, tile_bytes, counts, factor, floor, scale)
    elif noise == EUCLID:
        misfit = weigh_euclid(tile, rows, modes, tile_bytes, counts, factor, floor, scale)
    else:
        misfit = weigh_gaussian(tile, rows, modes, tile_bytes, counts, factor, floor, scale)
    result: float = misfit
    return result


@kernel
def compare_rows(
    tile: int, rows: int, modes: int, tile_bytes: int, counts: int, scale: float
) -> tuple[float, float]:
    """Give sum (sqrt(s I) - sqrt(n))^2 and sum n of one piece."""
    nothing, least, s = spread(0.0), spread(1.0e-30), spread(scale)
    distances, photons = nothing, nothing
    for i in range(rows):
        measured = load(counts + i * VECTOR)
        u = s * sum_intensity(tile + i * ROW, modes, tile_bytes) + least
        v = measured + least
        distance = keep_trusted(measured, u * inverse_root(u) - v * inverse_root(v), nothing)
        distances = distances + distance * distance
        photons = photons + keep_trusted(measured, measured, nothing)
    return total(distances), total(photons)


# --- the scale of a frame ----------------------------------------------------------------------


@kernel
def correlate_gaussian(
    tile: int, rows: int, modes: int, tile_bytes: int, counts: int, floor: float
) -> tuple[float, float]:
    """Give sum I n / (floor + n) and sum I^2 / (floor + n)."""
    nothing, least = spread(0.0), spread(floor)
    products, squares = nothing, nothing
    for i in range(rows):
        measured = load(counts + i * VECTOR)
        intensity = sum_intensity(tile + i * ROW, modes, tile_bytes)
        weighted = keep_trusted(measured, divide(intensity, least + measured), nothing)
        products = products + weighted * measured
        squares = squares + weighted * intensity
    return total(products), total(squares)


@kernel
def correlate_poisson(
    tile: int, rows: int, modes: int, tile_bytes: int, counts: int
) -> tuple[float, float]:
    """Give sum n and sum I."""
    nothing = spread(0.0)
    photons, light = nothing, nothing
    for i in range(rows):
        measured = load(counts + i * VECTOR)
        intensity = sum_intensity(tile + i * ROW, modes, tile_bytes)
        photons = photons + keep_trusted(measured, measured, nothing)
        light = light + keep_trusted(measured, intensity, nothing)
    return total(photons), total(light)


@kernel
def correlate_euclid(
    tile: int, rows: int, modes: int, tile_bytes: int, counts: int
) -> tuple[float, float]:
    """Give sum sqrt(I n) and sum I."""
    nothing, least = spread(0.0), spread(1.0e-30)
    products, light = nothing, nothing
    for i in range(rows):
        measured = load(counts + i * VECTOR)
        intensity = sum_intensity(tile + i * ROW, modes, tile_bytes)
        square = intensity * measured
        root = square * inverse_root(square + least)
        products = products + keep_trusted(measured, root, nothing)
        light = light + keep_trusted(measured, intensity, nothing)
    return total(products), total(light)


@kernel
def correlate_rows(
    noise: int, tile: int, rows: int, modes: int, tile_bytes: int, counts: int, floor: float
) -> tuple[float, float]:
    """Give two sums over one piece, of which `best_scale` makes the scale of the frame."""
    if noise == POISSON:
        sums = correlate_poisson(tile, rows, modes, tile_bytes, counts)
    elif noise == EUCLID:
        sums = correlate_euclid(tile, rows, modes, tile_bytes, counts)
    else:
        sums = correlate_gaussian(tile, rows, modes, tile_bytes, counts, floor)
    return sums[0], sums[1]
