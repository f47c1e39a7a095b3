"""Kernels that bring arrays from the natural layout into the kernels' layouts and back.

Natural complex64 arrays hold (real, imaginary) pairs. The object is kept as two planes, real
and imaginary, the probe as strips (see ``_stages``).
"""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from ptypy.accelerate._compile import LANES, kernel
from ptypy.accelerate._lanes import ROW, VALUE, VECTOR, flag, get, peek, put

__all__ = [
    "add_planes",
    "add_strips",
    "join_planes",
    "join_strips",
    "pack_frames",
    "split_planes",
    "split_strips",
]

_PAIR = 2 * VALUE


@kernel
def pack_frames(
    frames: int,
    wide: int,
    long: int,
    values: int,
    mask: int,
    mask_step: int,
    across: int,
    along: int,
    packed: int,
) -> None:
    """Write frames in the order of the detector plane, -1 where they are not to be trusted.

    Pixel (a, b) of ``wide`` times ``long`` lies in lane a % LANES of piece a // LANES, row b;
    it is taken from place ``across[a] + along[b]`` (int64) of the natural frame.
    """
    pieces = (wide + LANES - 1) // LANES
    for j in range(frames):
        frame, trusted = values + VALUE * j * wide * long, mask + j * mask_step
        for piece in range(pieces):
            target = packed + VECTOR * long * (j * pieces + piece)
            for lane in range(LANES):
                a = piece * LANES + lane
                start = peek(across + 8 * a) if a < wide else -1
                for b in range(long):
                    value = -1.0
                    if start >= 0:
                        at = start + peek(along + 8 * b)
                        number = get(frame + VALUE * at)
                        if flag(trusted + at) and abs(number) <= 3.0e38:  # NaN compares false
                            value = max(number, 0.0)
                    put(target + VECTOR * b + VALUE * lane, value)


@kernel
def split_planes(pairs: int, height: int, width: int, planes: int, row: int, plane: int) -> None:
    """Write a complex64 array as two planes; ``row`` and ``plane`` are steps [bytes]."""
    for y in range(height):
        source, target = pairs + y * width * _PAIR, planes + y * row
        for x in range(width):
            put(target + VALUE * x, get(source + _PAIR * x))
            put(target + plane + VALUE * x, get(source + _PAIR * x + VALUE))
        for x in range(width, row // VALUE):
            put(target + VALUE * x, 0.0)
            put(target + plane + VALUE * x, 0.0)


@kernel
def join_planes(planes: int, row: int, plane: int, height: int, width: int, pairs: int) -> None:
    """Write two planes as a complex64 array."""
    for y in range(height):
        source, target = planes + y * row, pairs + y * width * _PAIR
        for x in range(width):
            put(target + _PAIR * x, get(source + VALUE * x))
            put(target + _PAIR * x + VALUE, get(source + plane + VALUE * x))


@kernel
def add_planes(
    plane: int, row: int, height: int, width: int, factor: float, target: int, step: int
) -> None:
    """Add one plane, times ``factor``, to every ``step``-th float32 of an array."""
    for y in range(height):
        source = plane + y * row
        place = target + y * width * step * VALUE
        for x in range(width):
            at = place + VALUE * step * x
            put(at, get(at) + get(source + VALUE * x) * factor)


@kernel
def split_strips(
    pairs: int, frames: int, height: int, width: int, factor: float, strips: int
) -> None:
    """Write complex64 frames, times ``factor``, as strips; columns beyond the width are 0."""
    count = (width + LANES - 1) // LANES
    for j in range(frames):
        for s in range(count):
            for y in range(height):
                target = strips + ((j * count + s) * height + y) * ROW
                source = pairs + ((j * height + y) * width + s * LANES) * _PAIR
                valid = min(LANES, width - s * LANES)
                for lane in range(LANES):
                    re, im = 0.0, 0.0
                    if lane < valid:
                        re = get(source + _PAIR * lane) * factor
                        im = get(source + _PAIR * lane + VALUE) * factor
                    put(target + VALUE * lane, re)
                    put(target + VECTOR + VALUE * lane, im)


@kernel
def join_strips(
    strips: int, frames: int, height: int, width: int, factor: float, pairs: int
) -> None:
    """Write strips, times ``factor``, as complex64 frames."""
    count = (width + LANES - 1) // LANES
    for j in range(frames):
        for s in range(count):
            for y in range(height):
                source = strips + ((j * count + s) * height + y) * ROW
                target = pairs + ((j * height + y) * width + s * LANES) * _PAIR
                for lane in range(min(LANES, width - s * LANES)):
                    put(target + _PAIR * lane, get(source + VALUE * lane) * factor)
                    im = get(source + VECTOR + VALUE * lane) * factor
                    put(target + _PAIR * lane + VALUE, im)


@kernel
def add_strips(
    strips: int, part: int, row: int, height: int, width: int, factor: float, target: int, step: int
) -> None:
    """Add one vector a row of strips, times ``factor``, to every ``step``-th float32 of a frame.

    ``row`` is the step between rows of a strip, ``part`` the place of the vector in it [bytes].
    """
    for s in range((width + LANES - 1) // LANES):
        for y in range(height):
            source = strips + (s * height + y) * row + part
            place = target + (y * width + s * LANES) * step * VALUE
            for lane in range(min(LANES, width - s * LANES)):
                at = place + VALUE * step * lane
                put(at, get(at) + get(source + VALUE * lane) * factor)
