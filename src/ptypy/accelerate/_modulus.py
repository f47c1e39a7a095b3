"""Projection of one frame's Fourier transform onto the measured amplitudes."""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from ptypy.accelerate._compile import kernel
from ptypy.accelerate._frame import (
    BLOCK_BYTES,
    BLOCKS,
    WIDTH,
    gather_rows,
    return_rows,
    sum_intensity,
)
from ptypy.accelerate._lanes import (
    ROW,
    VECTOR,
    fetch,
    inverse_root,
    keep_trusted,
    load,
    peek,
    spread,
    store,
    total,
)

__all__ = ["fit_rows", "fit_rows_within"]


@kernel
def apply_modulus(
    tile: int, width: int, modes: int, tile_bytes: int, amplitude: int
) -> tuple[float, float]:
    """Give every trusted pixel of a row block the measured amplitude.

    Returns sum of (|f| - a)^2 over the trusted pixels before, and their number.
    """
    nothing, one = spread(0.0), spread(1.0)
    squares, count = nothing, nothing
    for i in range(width):
        at = tile + i * ROW
        measured = load(amplitude + i * VECTOR)
        fetch(amplitude + (width + i) * VECTOR)
        intensity = sum_intensity(at, modes, tile_bytes)
        inverse = inverse_root(intensity)
        distance = keep_trusted(measured, intensity * inverse - measured, nothing)
        squares = squares + distance * distance
        count = count + keep_trusted(measured, one, nothing)
        factor = keep_trusted(measured, measured * inverse, one)
        for m in range(modes):
            place = at + m * tile_bytes
            store(place, load(place) * factor)
            store(place + VECTOR, load(place + VECTOR) * factor)
    return total(squares), total(count)


@kernel
def measure_distance(
    tile: int, width: int, modes: int, tile_bytes: int, amplitude: int
) -> tuple[float, float]:
    """Give what `apply_modulus` gives, without changing anything."""
    nothing, one = spread(0.0), spread(1.0)
    squares, count = nothing, nothing
    for i in range(width):
        measured = load(amplitude + i * VECTOR)
        fetch(amplitude + (width + i) * VECTOR)
        intensity = sum_intensity(tile + i * ROW, modes, tile_bytes)
        distance = keep_trusted(measured, intensity * inverse_root(intensity) - measured, nothing)
        squares = squares + distance * distance
        count = count + keep_trusted(measured, one, nothing)
    return total(squares), total(count)


@kernel
def approach_modulus(
    tile: int, width: int, modes: int, tile_bytes: int, amplitude: int, part: float
) -> None:
    """Leave ``part`` of every trusted pixel's distance from the measured amplitude."""
    one, share = spread(1.0), spread(part)
    for i in range(width):
        at = tile + i * ROW
        measured = load(amplitude + i * VECTOR)
        fetch(amplitude + (width + i) * VECTOR)
        intensity = sum_intensity(at, modes, tile_bytes)
        inverse = inverse_root(intensity)
        wanted = measured + (intensity * inverse - measured) * share
        factor = keep_trusted(measured, wanted * inverse, one)
        for m in range(modes):
            place = at + m * tile_bytes
            store(place, load(place) * factor)
            store(place + VECTOR, load(place + VECTOR) * factor)


@kernel
def fit_rows(
    spec: int, frame: int, frame_bytes: int, tile: int, modes: int, amplitude: int
) -> float:
    """Project a frame onto the measured amplitudes, row block by row block; give its error."""
    width, size = peek(spec + WIDTH), peek(spec + BLOCK_BYTES)
    error, count = 0.0, 0.0
    for block in range(peek(spec + BLOCKS)):
        gather_rows(spec, frame, frame_bytes, modes, block, tile)
        measured = amplitude + block * width * VECTOR
        squares, trusted = apply_modulus(tile, width, modes, size, measured)
        return_rows(spec, frame, frame_bytes, modes, block, tile)
        error += squares
        count += trusted
    return error / max(count, 1.0)


@kernel
def fit_rows_within(
    spec: int,
    frame: int,
    frame_bytes: int,
    tiles: int,
    modes: int,
    amplitude: int,
    power_bound: float,
) -> float:
    """Do as `fit_rows`, but only so far that the frame's error falls to ``power_bound``.

    The error must be known before any pixel changes: two sweeps, the row blocks being kept.
    """
    width, size = peek(spec + WIDTH), peek(spec + BLOCK_BYTES)
    error, count = 0.0, 0.0
    for block in range(peek(spec + BLOCKS)):
        tile, measured = tiles + block * modes * size, amplitude + block * width * VECTOR
        gather_rows(spec, frame, frame_bytes, modes, block, tile)
        squares, trusted = measure_distance(tile, width, modes, size, measured)
        error += squares
        count += trusted
    error /= max(count, 1.0)
    for block in range(peek(spec + BLOCKS)):
        tile, measured = tiles + block * modes * size, amplitude + block * width * VECTOR
        if error > power_bound:
            approach_modulus(tile, width, modes, size, measured, (power_bound / error) ** 0.5)
        return_rows(spec, frame, frame_bytes, modes, block, tile)
    return error
