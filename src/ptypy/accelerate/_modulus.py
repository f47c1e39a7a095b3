"""How far one frame's wave in the detector plane is from the measured amplitudes.

Kernels leave in the frame not the fitted wave f' but what it lacks, f' - f: brought back by the
adjoint of the transform that is M(psi) - psi, see `ptypy.accelerate.project`.
"""

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
    PIECE_ROWS,
    PIECES,
    sum_intensity,
    zero,
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

__all__ = ["fit_frame", "fit_frame_within"]


@kernel
def find_lack(
    tile: int, rows: int, modes: int, tile_bytes: int, amplitude: int
) -> tuple[float, float]:
    """Replace f by f' - f, f' having the measured amplitude at every trusted pixel.

    Returns sum of (|f| - a)^2 over the trusted pixels, and their number.
    """
    nothing, one = spread(0.0), spread(1.0)
    squares, count = nothing, nothing
    for i in range(rows):
        at = tile + i * ROW
        measured = load(amplitude + i * VECTOR)
        fetch(amplitude + (rows + i) * VECTOR)
        intensity = sum_intensity(at, modes, tile_bytes)
        inverse = inverse_root(intensity)
        distance = keep_trusted(measured, intensity * inverse - measured, nothing)
        squares = squares + distance * distance
        count = count + keep_trusted(measured, one, nothing)
        factor = keep_trusted(measured, measured * inverse - one, nothing)
        for m in range(modes):
            place = at + m * tile_bytes
            store(place, load(place) * factor)
            store(place + VECTOR, load(place + VECTOR) * factor)
    return total(squares), total(count)


@kernel
def measure_distance(
    tile: int, rows: int, modes: int, tile_bytes: int, amplitude: int
) -> tuple[float, float]:
    """Give what `find_lack` gives, without changing anything."""
    nothing, one = spread(0.0), spread(1.0)
    squares, count = nothing, nothing
    for i in range(rows):
        measured = load(amplitude + i * VECTOR)
        fetch(amplitude + (rows + i) * VECTOR)
        intensity = sum_intensity(tile + i * ROW, modes, tile_bytes)
        distance = keep_trusted(measured, intensity * inverse_root(intensity) - measured, nothing)
        squares = squares + distance * distance
        count = count + keep_trusted(measured, one, nothing)
    return total(squares), total(count)


@kernel
def find_part_of_lack(
    tile: int, rows: int, modes: int, tile_bytes: int, amplitude: int, part: float
) -> None:
    """Replace f by ``part`` of f' - f."""
    nothing, one, share = spread(0.0), spread(1.0), spread(part)
    for i in range(rows):
        at = tile + i * ROW
        measured = load(amplitude + i * VECTOR)
        fetch(amplitude + (rows + i) * VECTOR)
        inverse = inverse_root(sum_intensity(at, modes, tile_bytes))
        factor = keep_trusted(measured, (measured * inverse - one) * share, nothing)
        for m in range(modes):
            place = at + m * tile_bytes
            store(place, load(place) * factor)
            store(place + VECTOR, load(place + VECTOR) * factor)


@kernel
def fit_frame(
    spec: int, frame: int, frame_bytes: int, tile: int, modes: int, amplitude: int
) -> float:
    """Find what a frame lacks to have the measured amplitudes; give its error.

    ``amplitude`` is the frame's. The frame is left with its columns still transformed.
    """
    rows = peek(spec + PIECE_ROWS)
    error, count = 0.0, 0.0
    arrive(spec, frame, frame_bytes, modes, tile)
    for k in range(peek(spec + PIECES)):
        at, step = take_piece(spec, frame, frame_bytes, modes, k, tile)
        squares, trusted = find_lack(at, rows, modes, step, measured_at(spec, amplitude, 0, k))
        return_piece(spec, frame, frame_bytes, modes, k, tile)
        error += squares
        count += trusted
    depart(spec, frame, frame_bytes, modes, tile)
    return error / max(count, 1.0)


@kernel
def fit_frame_within(
    spec: int,
    frame: int,
    frame_bytes: int,
    tiles: int,
    modes: int,
    amplitude: int,
    power_bound: float,
) -> float:
    """Do as `fit_frame`, but only so far that the frame's error falls to ``power_bound``.

    The error must be known before any pixel changes: two sweeps, the pieces being kept.
    """
    rows, size = peek(spec + PIECE_ROWS), peek(spec + BLOCK_BYTES)
    error, count = 0.0, 0.0
    arrive(spec, frame, frame_bytes, modes, tiles)
    for k in range(peek(spec + PIECES)):
        at, step = take_piece(spec, frame, frame_bytes, modes, k, tiles + k * modes * size)
        more = measure_distance(at, rows, modes, step, measured_at(spec, amplitude, 0, k))
        error += more[0]
        count += more[1]
    error /= max(count, 1.0)
    if error <= power_bound:
        zero(frame, modes * frame_bytes)
        return error
    part = 1.0 - (power_bound / error) ** 0.5
    for k in range(peek(spec + PIECES)):
        tile = tiles + k * modes * size
        at, step = piece_at(spec, frame, frame_bytes, k, tile)
        measured = measured_at(spec, amplitude, 0, k)
        find_part_of_lack(at, rows, modes, step, measured, part)
        return_piece(spec, frame, frame_bytes, modes, k, tile)
    depart(spec, frame, frame_bytes, modes, tiles)
    return error
