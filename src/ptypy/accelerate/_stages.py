"""The transform of one tile: the C functions that every kernel calls by address.

A *tile* is n rows of `ROW` bytes: `LANES` real parts, then `LANES` imaginary parts. A transform
goes along the rows, all lanes at once. A *frame* is cut into *strips*, tiles of `LANES` columns;
a *row block* gathers `LANES` rows of all strips, transposed, into one tile.
"""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

import functools

import numpy as np

from ptypy.accelerate._butterfly import butterfly, transpose
from ptypy.accelerate._compile import LANES, CFunction
from ptypy.accelerate._lanes import ROW, VALUE, VECTOR, call6, load, peek, pick, store
from ptypy.accelerate._plan import RADICES

__all__ = ["FORWARD", "GATHER", "INVERSE", "PLAN_WORDS", "SCATTER", "stage"]

PLAN_WORDS = 6
"""int64 of a plan for every stage: forward, inverse (addresses), length, radix, twiddles, roots."""


@functools.cache
def stage(radix: int, *, inverse: bool) -> CFunction:
    """Give the stage of one radix; compiled when its address is asked for."""
    word = "inverse" if inverse else "forward"
    if radix not in RADICES:
        return _GENERAL[inverse]

    def stage(tile: int, n: int, length: int, _radix: int, twiddles: int, _roots: int) -> None:
        rows = length // radix
        if rows == 1:
            for block in range(0, n, length):
                butterfly(radix, inverse, False, tile + block * ROW, ROW, twiddles)
        else:
            pairs = (radix - 1) * 2 * VALUE
            for block in range(0, n, length):
                for j in range(rows):
                    place = tile + (block + j) * ROW
                    butterfly(radix, inverse, True, place, rows * ROW, twiddles + j * pairs)

    return CFunction(stage, 6, f"{word}_{radix}")


def _general_forward(tile: int, n: int, length: int, radix: int, twiddles: int, roots: int) -> None:
    """Transform by any radix, as the sum says: radix multiplications a point."""
    copy = np.empty(radix * 2 * LANES, np.float32)
    x = copy.ctypes.data
    rows = length // radix
    for block in range(0, n, length):
        for j in range(rows):
            place = tile + (block + j) * ROW
            for q in range(radix):
                store(x + q * ROW, load(place + q * rows * ROW))
                store(x + q * ROW + VECTOR, load(place + q * rows * ROW + VECTOR))
            for k in range(radix):
                re, im = load(x), load(x + VECTOR)
                at = 0
                for q in range(1, radix):
                    at = (at + k) % radix
                    c, s = pick(roots + 2 * VALUE * at), pick(roots + 2 * VALUE * at + VALUE)
                    a, b = load(x + q * ROW), load(x + q * ROW + VECTOR)
                    re, im = re + a * c - b * s, im + a * s + b * c
                if k > 0:
                    w = twiddles + 2 * VALUE * (j * (radix - 1) + k - 1)
                    c, s = pick(w), pick(w + VALUE)
                    re, im = re * c - im * s, re * s + im * c
                store(place + k * rows * ROW, re)
                store(place + k * rows * ROW + VECTOR, im)


def _general_inverse(tile: int, n: int, length: int, radix: int, twiddles: int, roots: int) -> None:
    """Undo `_general_forward`, times the radix."""
    copy = np.empty(radix * 2 * LANES, np.float32)
    x = copy.ctypes.data
    rows = length // radix
    for block in range(0, n, length):
        for j in range(rows):
            place = tile + (block + j) * ROW
            for k in range(radix):
                re, im = load(place + k * rows * ROW), load(place + k * rows * ROW + VECTOR)
                if k > 0:
                    w = twiddles + 2 * VALUE * (j * (radix - 1) + k - 1)
                    c, s = pick(w), pick(w + VALUE)
                    re, im = re * c + im * s, im * c - re * s
                store(x + k * ROW, re)
                store(x + k * ROW + VECTOR, im)
            for q in range(radix):
                re, im = load(x), load(x + VECTOR)
                at = 0
                for k in range(1, radix):
                    at = (at + q) % radix
                    c, s = pick(roots + 2 * VALUE * at), pick(roots + 2 * VALUE * at + VALUE)
                    a, b = load(x + k * ROW), load(x + k * ROW + VECTOR)
                    re, im = re + a * c + b * s, im + b * c - a * s
                store(place + q * rows * ROW, re)
                store(place + q * rows * ROW + VECTOR, im)


_GENERAL = {False: CFunction(_general_forward, 6), True: CFunction(_general_inverse, 6)}


def _forward(tile: int, plan: int) -> None:
    """Transform a tile: natural order in, digit-reversed order out, not normalised."""
    n = peek(plan)
    for k in range(peek(plan + 8)):
        at = plan + 8 * (2 + PLAN_WORDS * k)
        call6(peek(at), tile, n, peek(at + 16), peek(at + 24), peek(at + 32), peek(at + 40))


def _inverse(tile: int, plan: int) -> None:
    """Transform a tile back: digit-reversed order in, natural order out, times n."""
    n = peek(plan)
    for k in range(peek(plan + 8) - 1, -1, -1):
        at = plan + 8 * (2 + PLAN_WORDS * k)
        call6(peek(at + 8), tile, n, peek(at + 16), peek(at + 24), peek(at + 32), peek(at + 40))


def _gather(frame: int, strip_bytes: int, strips: int, block: int, tile: int) -> None:
    """Collect LANES rows of a frame, transposed, into a tile."""
    for s in range(strips):
        source = frame + s * strip_bytes + block * LANES * ROW
        target = tile + s * LANES * ROW
        transpose(source, ROW, target, ROW)
        transpose(source + VECTOR, ROW, target + VECTOR, ROW)


def _scatter(frame: int, strip_bytes: int, strips: int, block: int, tile: int) -> None:
    """Put LANES rows back from a tile into a frame."""
    for s in range(strips):
        target = frame + s * strip_bytes + block * LANES * ROW
        source = tile + s * LANES * ROW
        transpose(source, ROW, target, ROW)
        transpose(source + VECTOR, ROW, target + VECTOR, ROW)


FORWARD = CFunction(_forward, 2)
INVERSE = CFunction(_inverse, 2)
GATHER = CFunction(_gather, 5)
SCATTER = CFunction(_scatter, 5)
