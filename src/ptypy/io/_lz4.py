"""One block of LZ4, decoded without the interpreter lock.

A block is a row of *sequences*: a byte with two lengths, literals (bytes to copy as they are), two
bytes that say how far back the following bytes stand already, the *match*. Lengths of 15 and more
go on in further bytes. The last sequence ends after its literals. Written from the description of
the format (LZ4 Block Format, lz4.org).

Addresses are integers [bytes]. Whoever calls owns the memory; what the *data* say is checked here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.ccallback import CFunc

from ptypy.utils.machine_code import FILE, instruction, name_for_target
from ptypy.utils.stored_code import depend_on, stamp_of

__all__ = [
    "BROKEN",
    "FILES",
    "MARGIN",
    "byte",
    "compile_c_function",
    "copy64",
    "decode_lz4",
    "kernel",
    "peek",
    "pointer",
    "poke",
    "put_byte",
]

MARGIN = 64
"""So many bytes after the place of a decoded block may be overwritten."""
BROKEN = -3
"""Fault of a block that does not decode to the length it should have."""

_i8, _i16, _i64 = (ir.IntType(bits) for bits in (8, 16, 64))


_OWN = ("_lz4.py", "_lz4_writing.py", "_bit_blocks.py", "unpacking.py", "packed_chunks.py")
FILES = [FILE, *(Path(__file__).with_name(name) for name in _OWN)]
"""Files whose code is compiled together."""
_STAMP = stamp_of(FILES)


Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def kernel(function: Function) -> Function:
    """Compile a function on its first call; the machine code is kept for this processor."""
    name_for_target(function)
    try:
        compiled: Any = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # no folder to keep the code in: compile anew in every process
        return cast("Function", numba.njit(**_OPTIONS)(function))
    depend_on(compiled._cache, _STAMP)
    return cast("Function", compiled)


def inlined(function: Function) -> Function:
    """Compile a function into those that call it."""
    return cast("Function", numba.njit(forceinline=True, **_OPTIONS)(function))


def compile_c_function(function: Callable[..., Any], arguments: int, name: str) -> Any:
    """Compile a function of integers that gives an integer; kernels call it by its ``address``.

    What is called so is not compiled again into every kernel that uses it.
    """
    name_for_target(function, name)
    kinds = (types.intp,) * arguments
    prepared: Any = CFunc(function, (kinds, types.intp), locals={}, options=dict(_OPTIONS))
    with contextlib.suppress(RuntimeError):  # as above
        prepared.enable_caching()
        depend_on(prepared._cache, _STAMP)
    prepared.compile()
    return prepared


# --- memory: any alignment ---------------------------------------------------------------------


def pointer(builder: Any, address: Any, element: Any) -> Any:
    """Turn an address into a pointer."""
    return builder.inttoptr(address, element.as_pointer())


@instruction(types.intp, types.intp)
def byte(builder: Any, address: Any) -> Any:
    """Read one byte."""
    return builder.zext(builder.load(pointer(builder, address, _i8)), _i64)


@instruction(types.void, types.intp, types.intp)
def put_byte(builder: Any, address: Any, value: Any) -> None:
    """Write one byte."""
    builder.store(builder.trunc(value, _i8), pointer(builder, address, _i8))


@instruction(types.intp, types.intp)
def _pair(builder: Any, address: Any) -> Any:
    """Read a number of two bytes, the lower first."""
    return builder.zext(builder.load(pointer(builder, address, _i16), align=1), _i64)


@instruction(types.intp, types.intp)
def peek(builder: Any, address: Any) -> Any:
    """Read one int64."""
    return builder.load(pointer(builder, address, _i64), align=1)


@instruction(types.void, types.intp, types.intp)
def poke(builder: Any, address: Any, value: Any) -> None:
    """Write one int64."""
    builder.store(value, pointer(builder, address, _i64), align=1)


def _repeat(builder: Any, value: Any, times: int) -> Any:
    """Make a vector of equal words."""
    empty = ir.Constant(ir.VectorType(_i64, times), ir.Undefined)
    first = builder.insert_element(empty, value, ir.IntType(32)(0))
    all_alike = ir.Constant(ir.VectorType(ir.IntType(32), times), [0] * times)
    return builder.shuffle_vector(first, empty, all_alike)


@instruction(types.void, types.intp, types.uint64)
def _fill64(builder: Any, address: Any, value: Any) -> None:
    """Write eight bytes eight times."""
    vector = _repeat(builder, value, 4)
    for k in (0, 32):
        place = pointer(builder, builder.add(address, _i64(k)), vector.type)
        builder.store(vector, place, align=1)


@instruction(types.intp, types.intp)
def _hide(builder: Any, value: Any) -> Any:
    """Give the same number, of which the compiler knows nothing: it cannot make it a branch."""
    identity = ir.FunctionType(_i64, [_i64])
    return builder.asm(identity, "", "=r,0", [value], side_effect=False)


@instruction(types.void, types.intp, types.intp, types.intp, types.uint64)
def _copy16_or_fill(builder: Any, source: Any, target: Any, fills: Any, value: Any) -> None:
    """Copy 16 bytes if ``fills`` is 0, or write eight bytes twice if it is -1."""
    fills, twice = _repeat(builder, fills, 2), _repeat(builder, value, 2)
    vector = builder.load(pointer(builder, source, twice.type), align=1)
    vector = builder.xor(vector, builder.and_(builder.xor(vector, twice), fills))
    builder.store(vector, pointer(builder, target, twice.type), align=1)


def _copy(builder: Any, source: Any, target: Any, size: int) -> None:
    # Vectors of 32 bytes at most: with 64, blocks of counts took 1.15 times as long (Cascade Lake).
    kind = ir.VectorType(_i8, min(size, 32))
    places = range(0, size, 32)
    vectors = [
        builder.load(pointer(builder, builder.add(source, _i64(k)), kind), align=1) for k in places
    ]
    for k, vector in zip(places, vectors, strict=True):
        builder.store(vector, pointer(builder, builder.add(target, _i64(k)), kind), align=1)


@instruction(types.void, types.intp, types.intp)
def _copy8(builder: Any, source: Any, target: Any) -> None:
    """Copy 8 bytes: all are read before any is written."""
    _copy(builder, source, target, 8)


@instruction(types.void, types.intp, types.intp)
def _copy16(builder: Any, source: Any, target: Any) -> None:
    """Copy 16 bytes: all are read before any is written."""
    _copy(builder, source, target, 16)


@instruction(types.void, types.intp, types.intp)
def copy64(builder: Any, source: Any, target: Any) -> None:
    """Copy 64 bytes: all are read before any is written."""
    _copy(builder, source, target, 64)


# --- matches -----------------------------------------------------------------------------------

# The last d bytes, repeated to eight: cut them out, then multiply by ones d bytes apart.
_CUT = np.array([(1 << 8 * d) - 1 for d in range(8)], np.uint64)
_REPEAT = np.array([0] + [sum(1 << 8 * k for k in range(0, 8, d)) for d in range(1, 8)], np.uint64)
_STEP = np.array([0] + [8 // d * d for d in range(1, 8)], np.int64)
_PAIRS = np.uint64(0x0001000100010001)


@kernel
def _copy_near(target: int, distance: int, stop: int) -> None:
    """Continue what stands 3 to 15 bytes before ``target``; up to `MARGIN` bytes too many."""
    if distance >= 8:
        while target < stop:
            _copy8(target - distance, target)
            target += 8
        return
    pattern = (np.uint64(peek(target - distance)) & _CUT[distance]) * _REPEAT[distance]
    while target < stop:
        poke(target, np.int64(pattern))
        target += _STEP[distance]


@inlined
def _copy_match(out: int, target: int, distance: int, stop: int) -> None:
    """Continue what stands ``distance`` bytes before ``target``; up to `MARGIN` bytes too many.

    A third of all matches in planes of bits repeats one or two bytes, and which cannot be guessed:
    both answers are calculated, one is chosen. What was just written is read byte by byte. To read
    more at once than was written at once would wait for the cache.
    """
    if 2 < distance < 16:
        _copy_near(target, distance, stop)
        return
    pattern = np.uint64(byte(target - distance) | byte(target - 1) << 8) * _PAIRS
    fills = _hide((distance - 16) >> 63)
    source = target - distance
    source ^= (source ^ out) & fills
    _copy16_or_fill(source, target, fills, pattern)
    _copy16_or_fill(source + 16, target + 16, fills, pattern)
    target += 32
    if target >= stop:
        return
    if distance < 16:
        while target < stop:
            _fill64(target, pattern)
            target += 64
    elif distance < 64:
        while target < stop:
            _copy16(target - distance, target)
            target += 16
    else:
        while target < stop:
            copy64(target - distance, target)
            target += 64


# --- sequences ---------------------------------------------------------------------------------


@inlined
def _copy_literals(source: int, limit: int, target: int, stop: int) -> None:
    """Copy to ``target`` ... ``stop`` and up to `MARGIN` bytes more; read nothing at ``limit``."""
    while target < stop and limit - source >= 64:
        copy64(source, target)
        source += 64
        target += 64
    while target < stop:
        put_byte(target, byte(source))
        source += 1
        target += 1


@kernel
def _read_length(source: int, stop: int, length: int) -> tuple[int, int]:
    """Add the further bytes of a length; the place after them, or 0 if there is no end."""
    while source < stop:
        more = byte(source)
        source += 1
        length += more
        if more != 255:
            return source, length
    return 0, length


@kernel
def decode_lz4(source: int, stop: int, limit: int, out: int, size: int) -> int:
    """Decode one block of LZ4.

    Parameters
    ----------
    source, stop : int
        Where the block begins and ends.
    limit : int
        Where memory that may be read ends, ``stop`` or later.
    out : int
        Where the bytes go. ``size`` + `MARGIN` bytes must be there.
    size : int
        How many bytes the block must give.

    Returns
    -------
    int
        0, or `BROKEN`: lengths lead out of the block or a match before it, or the block gives
        fewer or more bytes.
    """
    at = out
    end = out + size
    while source < stop:
        token = byte(source)
        source += 1
        count = token >> 4
        length = (token & 15) + 4
        if count < 15 and limit - source >= 16:
            _copy16(source, at)  # too much rather than to ask how much
        else:
            if count == 15:
                source, count = _read_length(source, stop, count)
            if source == 0 or count > stop - source or count > end - at:
                return BROKEN
            _copy_literals(source, limit, at, at + count)
        source += count
        at += count
        if stop - source < 3:
            return 0 if source == stop and at == end else BROKEN
        distance = _pair(source)
        # A fifth of all matches is long, in no order that could be guessed: no branch for them.
        is_long = int(length == 19)
        source += 2
        more = byte(source) * is_long
        source += is_long
        length += more
        if more == 255:
            source, length = _read_length(source, stop, length)
        if distance - 1 >= at - out or distance == 0 or length > end - at or source == 0:
            return BROKEN
        _copy_match(out, at, distance, at + length)
        at += length
    return BROKEN
