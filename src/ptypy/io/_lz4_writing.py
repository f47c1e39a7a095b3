"""One block of LZ4, encoded without the interpreter lock.

What a block is made of stands in `_lz4.py`. Words of four bytes are looked up in a table of where
they stood last. Where nothing repeats, ever longer steps are taken. As the format asks, the last
match begins 12 bytes before the end or earlier, and the last 5 bytes are literals (LZ4 Block
Format, lz4.org).

Addresses are integers [bytes]; whoever calls owns the memory.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from ptypy.io._lz4 import MARGIN, byte, copy64, kernel, pointer, put_byte
from ptypy.utils.machine_code import instruction

__all__ = ["TABLE", "encode_lz4", "longest_lz4"]

_BITS = 12
"""Of the places in the table: a block has 8 KiB, and table, planes and output should stay in the
nearest cache of a processor."""

TABLE = 4 << _BITS
"""Length of the table [bytes]. Whoever gives it fills it with zeros."""

_STEPS = 3
"""After so many misses, as a power of two, steps grow by one byte."""

_i16, _i32, _i64 = (ir.IntType(bits) for bits in (16, 32, 64))


# --- memory: any alignment ---------------------------------------------------------------------


@instruction(types.intp, types.intp)
def _four(builder: Any, address: Any) -> Any:
    """Read a number of four bytes, the lowest first."""
    return builder.zext(builder.load(pointer(builder, address, _i32), align=1), _i64)


@instruction(types.void, types.intp, types.intp)
def _put_four(builder: Any, address: Any, value: Any) -> None:
    """Write a number of four bytes."""
    builder.store(builder.trunc(value, _i32), pointer(builder, address, _i32), align=1)


@instruction(types.void, types.intp, types.intp)
def _put_pair(builder: Any, address: Any, value: Any) -> None:
    """Write a number of two bytes, the lower first."""
    builder.store(builder.trunc(value, _i16), pointer(builder, address, _i16), align=1)


@instruction(types.intp, types.intp, types.intp)
def _equal_bytes(builder: Any, a: Any, b: Any) -> Any:
    """Say how many of eight bytes equal eight others, from the first on."""
    one, other = (builder.load(pointer(builder, at, _i64), align=1) for at in (a, b))
    bits = builder.cttz(builder.xor(one, other), ir.Constant(ir.IntType(1), 0))
    return builder.lshr(bits, _i64(3))


# --- sequences ---------------------------------------------------------------------------------


@kernel
def longest_lz4(size: int) -> int:
    """Give how many bytes a block of ``size`` bytes has at most, with room to write too much."""
    return size + size // 255 + 16 + MARGIN


@kernel
def _match_length(at: int, before: int, stop: int) -> int:
    """Say how many bytes at ``at`` repeat those at ``before``; none from ``stop`` on."""
    begin = at
    while stop - at >= 8:
        equal = _equal_bytes(at, before)
        at += equal
        if equal < 8:
            return at - begin
        before += 8
    while at < stop and byte(at) == byte(before):
        at += 1
        before += 1
    return at - begin


@kernel
def _put_length(out: int, length: int) -> int:
    """Write what a length has more than 15; the place behind."""
    length -= 15
    while length >= 255:
        put_byte(out, 255)
        out += 1
        length -= 255
    put_byte(out, length)
    return out + 1


@kernel
def _put_literals(out: int, source: int, stop: int, more: int) -> int:
    """Write the head of a sequence and its literals, and up to `MARGIN` bytes; the place behind.

    ``more`` is what the head says of the match. `MARGIN` bytes behind ``stop`` may be read.
    """
    length = stop - source
    put_byte(out, (min(length, 15) << 4) | more)
    out += 1
    if length >= 15:
        out = _put_length(out, length)
    end = out + length
    while out < end:
        copy64(source, out)
        source += 64
        out += 64
    return end


@kernel
def encode_lz4(source: int, size: int, out: int, table: int, base: int) -> int:
    """Encode one block.

    Parameters
    ----------
    source, size : int
        The bytes: 65536 at most. `MARGIN` bytes behind them may be read.
    out : int
        Where the block goes. There must be room for ``longest_lz4(size)`` bytes.
    table : int
        Address of `TABLE` bytes, zero or left by blocks before.
    base : int
        Larger than 0, and than this number and the size of each of those blocks together.

    Returns
    -------
    int
        Length of the block [bytes].
    """
    begin, stop = source, source + size
    first, anchor, at, misses = out, source, source, 1 << _STEPS
    while at <= stop - 12:
        word = _four(at)
        place = table + (((word * 2654435761) & 0xFFFFFFFF) >> (32 - _BITS) << 2)
        before = _four(place) - base
        _put_four(place, base + at - begin)
        before += begin
        if before < begin or _four(before) != word:
            at += misses >> _STEPS
            misses += 1
            continue
        while at > anchor and before > begin and byte(at - 1) == byte(before - 1):
            at -= 1
            before -= 1
        length = _match_length(at + 4, before + 4, stop - 5)
        out = _put_literals(out, anchor, at, min(length, 15))
        _put_pair(out, at - before)
        out += 2
        if length >= 15:
            out = _put_length(out, length)
        at += length + 4
        anchor, misses = at, 1 << _STEPS
    return _put_literals(out, anchor, stop, 0) - first
