"""The transform of one tile: the C functions that every kernel calls by address.

A *tile* is n rows of `ROW` bytes: `LANES` real parts, then `LANES` imaginary parts. A transform
goes along the rows, all lanes at once. A *frame* is cut into *strips*, tiles of `LANES` columns;
a *row block* gathers `LANES` rows of all strips, transposed, into one tile.
"""

from __future__ import annotations

import functools

from ptypy.accelerate._butterfly import butterfly, transpose
from ptypy.accelerate._compile import LANES, CFunction
from ptypy.accelerate._lanes import ROW, VALUE, VECTOR, call6, peek
from ptypy.accelerate._plan import RADICES, prefers_rader
from ptypy.accelerate._primes import make_prime_stage
from ptypy.accelerate._rader import make_rader_stage

__all__ = ["FORWARD", "GATHER", "INVERSE", "PLAN_WORDS", "SCATTER", "stage"]

PLAN_WORDS = 6
"""int64 of a plan for every stage: forward, inverse, length, radix, twiddles, factors; addresses
but for the third and fourth."""


@functools.cache
def stage(radix: int, *, inverse: bool) -> CFunction:
    """Give the stage of one radix; compiled when its address is asked for."""
    word = "inverse" if inverse else "forward"
    if radix not in RADICES:
        return (_RADER if prefers_rader(radix) else _PRIME)[inverse]

    def stage(tile: int, n: int, length: int, _radix: int, twiddles: int, _factors: int) -> None:
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


_DIRECTIONS = ((False, "forward"), (True, "inverse"))
_PRIME = {i: CFunction(make_prime_stage(i), 6, f"{word}_prime") for i, word in _DIRECTIONS}
_RADER = {i: CFunction(make_rader_stage(i), 6, f"{word}_rader") for i, word in _DIRECTIONS}


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
