"""Blocks of bitshuffle and LZ4: from packed bytes to planes of bits to elements.

Unpacked, the n elements of a block, a multiple of 8, are a matrix of bits: row b, n / 8 bytes,
holds bit b of all elements, the first element in the lowest bit of the first byte.
(K. Masui et al., Astronomy and Computing 12 (2015) 181.)

Counts are small: most planes are empty, or all alike where a pixel of the largest value marks a
gap. The highest planes that equal each other are put back by one instruction together.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from ptypy.io._lz4 import (
    byte,
    compile_c_function,
    decode_lz4,
    kernel,
    pointer,
)
from ptypy.utils.machine_code import TARGET, instruction

__all__ = ["ENDS_EARLY", "decode_blocks", "get_decoder", "hop", "read_big_endian"]

ENDS_EARLY = -1
"""Fault: the chunk ends before the elements do."""

_LANES = 64 if "+avx512bw" in TARGET else 32
_i8, _i64 = ir.IntType(8), ir.IntType(64)


def _differ(builder: Any, a: Any, b: Any, size: int) -> Any:
    kind = ir.VectorType(_i64, 8)
    found = _constants(_i64, [0] * 8)
    for k in range(0, size, 64):
        places = (pointer(builder, builder.add(at, _i64(k)), kind) for at in (a, b))
        found = builder.or_(found, builder.xor(*(builder.load(p, align=1) for p in places)))
    differ = builder.bitcast(builder.icmp_unsigned("!=", found, _constants(_i64, [0] * 8)), _i8)
    return builder.icmp_unsigned("!=", differ, _i8(0))


@instruction(types.boolean, types.intp, types.intp)
def _differ64(builder: Any, a: Any, b: Any) -> Any:
    """Say whether 64 bytes differ from 64 others."""
    return _differ(builder, a, b, 64)


@instruction(types.boolean, types.intp, types.intp)
def _differ256(builder: Any, a: Any, b: Any) -> Any:
    """Say whether 256 bytes differ from 256 others."""
    return _differ(builder, a, b, 256)


# --- from planes of bits to elements -----------------------------------------------------------


def _constants(kind: Any, values: Sequence[int]) -> Any:
    return ir.Constant(ir.VectorType(kind, len(values)), [kind(v) for v in values])


def _load_bits(builder: Any, address: Any, lanes: int) -> Any:
    """Read ``lanes`` bits into a vector of booleans."""
    bits = ir.IntType(lanes)
    if lanes == 64 == _LANES:  # the processor has registers of booleans
        word = builder.load(pointer(builder, address, bits), align=1)
        return builder.bitcast(word, ir.VectorType(ir.IntType(1), lanes))
    row = ir.VectorType(_i8, lanes // 8)
    few = builder.load(pointer(builder, address, row), align=1)
    repeat = _constants(ir.IntType(32), [lane // 8 for lane in range(lanes)])
    many = builder.shuffle_vector(few, ir.Constant(row, ir.Undefined), repeat)
    single = _constants(_i8, [1 << lane % 8 for lane in range(lanes)])
    return builder.icmp_unsigned("==", builder.and_(many, single), single)


def _add_where(builder: Any, bits: Any, vector: Any, value: int) -> Any:
    """Add ``value`` where a bit is set: one instruction, where an `or` would be two."""
    lanes, element = vector.type.count, vector.type.element
    constant = _constants(element, [value] * lanes)
    chosen = builder.select(bits, constant, _constants(element, [0] * lanes))
    return builder.add(vector, chosen)


def _hide_zero(builder: Any, lanes: int) -> Any:
    """Give zeros that the compiler does not know to be zeros: it would make `or` of `add`."""
    identity = ir.FunctionType(_i64, [_i64])
    zero = builder.asm(identity, "", "=r,0", [_i64(0)], side_effect=False)
    kind = ir.VectorType(_i8, lanes)
    first = builder.insert_element(
        ir.Constant(kind, ir.Undefined), builder.trunc(zero, _i8), ir.IntType(32)(0)
    )
    return builder.shuffle_vector(first, first, _constants(ir.IntType(32), [0] * lanes))


def _shuffle(builder: Any, a: Any, b: Any, order: Sequence[int]) -> Any:
    return builder.shuffle_vector(a, b, _constants(ir.IntType(32), order))


def _zip(builder: Any, low: Any, high: Any, width: int) -> list[Any]:
    """Take ``width`` bytes of ``low`` and ``high`` by turns; two vectors like them."""
    size = low.type.count
    lane = min(size, 16)
    if size > lane:
        # Processors interleave within lanes of 16 bytes: first put there what belongs there.
        words = ir.VectorType(_i64, size // 8)
        order = [k // 2 + k % 2 * (size // 16) for k in range(size // 8)]
        moved = (builder.bitcast(v, words) for v in (low, high))
        low, high = (builder.bitcast(_shuffle(builder, v, v, order), low.type) for v in moved)
    return [
        _shuffle(
            builder,
            low,
            high,
            [
                start + half + side + k
                for start in range(0, size, lane)
                for half in range(first, first + lane // 2, width)
                for side in (0, size)
                for k in range(width)
            ],
        )
        for first in (0, lane // 2)
    ]


def _interleave(builder: Any, parts: Sequence[Any]) -> list[Any]:
    """Join vectors of bytes: the k-th element is made of the k-th bytes of all, lowest first."""
    columns, width = [[part] for part in parts], 1
    while len(columns) > 1:
        columns = [
            [v for a, b in zip(low, high, strict=True) for v in _zip(builder, a, b, width)]
            for low, high in zip(columns[::2], columns[1::2], strict=True)
        ]
        width *= 2
    return columns[0]


def _gather(  # noqa: PLR0917
    builder: Any, planes: Any, row: Any, itemsize: int, alike: int, zeros: Any
) -> list[Any]:
    """Make vectors of elements of planes that begin at ``planes``, ``row`` bytes apart.

    Planes ``alike`` and above are equal.
    """
    lanes = zeros.type.count

    def load_bits(b: int) -> Any:
        # Where it is used: there are seven registers of booleans, and compilers keep the order.
        return _load_bits(builder, builder.add(planes, builder.mul(row, _i64(b))), lanes)

    top = load_bits(alike)
    used = next(n for n in (1, 2, 4, 8) if 8 * n >= alike)
    if 2 * used == itemsize:
        used = itemsize  # to interleave is faster than to widen, if only to twice the width
    parts = []
    for k in range(used):
        own = range(8 * k, min(8 * k + 8, alike))
        rest = sum(1 << b for b in range(8)) - sum(1 << b % 8 for b in own)
        part = zeros
        for b in own:
            part = _add_where(builder, load_bits(b), part, 1 << b % 8)
        if rest:
            part = _add_where(builder, top, part, rest)
        parts.append(part)
    vectors = _interleave(builder, parts)
    if used == itemsize:
        return vectors
    element, count = ir.IntType(8 * itemsize), lanes // used
    high = (1 << 8 * itemsize) - (1 << 8 * used)
    wide = []
    for k, vector in enumerate(vectors):
        narrow = builder.bitcast(vector, ir.VectorType(ir.IntType(8 * used), count))
        value = builder.zext(narrow, ir.VectorType(element, count))
        bits = _shuffle(builder, top, top, range(k * count, (k + 1) * count))
        wide.append(_add_where(builder, bits, value, high))
    return wide


def _build_loop(  # noqa: PLR0917
    builder: Any, planes: Any, elements: Any, out: Any, itemsize: int, alike: int
) -> None:
    """Put whole vectors of elements back, then eight at a time."""
    row = builder.lshr(elements, _i64(3))
    whole = builder.and_(elements, _i64(-_LANES))
    for lanes, first, stop in ((_LANES, _i64(0), whole), (8, whole, elements)):
        zeros = _hide_zero(builder, lanes)
        with cgutils.for_range_slice(builder, first, stop, _i64(lanes), _i64) as (at, _):
            place = builder.add(planes, builder.lshr(at, _i64(3)))
            target = builder.add(out, builder.mul(at, _i64(itemsize)))
            vectors = _gather(builder, place, row, itemsize, alike, zeros)
            for k, vector in enumerate(vectors):
                part = builder.add(target, _i64(k * lanes * itemsize // len(vectors)))
                builder.store(vector, pointer(builder, part, vector.type), align=1)


@instruction(types.void, *[types.intp] * 5, constants=1)
def _put_back(  # noqa: PLR0917 - compiled functions take no keywords
    builder: Any, itemsize: int, planes: Any, elements: Any, alike: Any, out: Any
) -> None:
    """Turn planes of bits into elements; planes ``alike`` and above are equal."""
    step = itemsize  # fewer cases are compiled sooner
    last = 8 * itemsize - 1
    cases = sorted({*range(0, last, step), last})
    case = builder.udiv(builder.add(alike, _i64(step - 1)), _i64(step))
    done = builder.append_basic_block("done")
    blocks = [builder.append_basic_block(f"alike{planes}") for planes in cases]
    switch = builder.switch(case, blocks[-1])
    for number, (block, planes_apart) in enumerate(zip(blocks, cases, strict=True)):
        switch.add_case(_i64(number), block)
        builder.position_at_end(block)
        _build_loop(builder, planes, elements, out, itemsize, planes_apart)
        builder.branch(done)
    builder.position_at_end(done)


@kernel
def _find_alike(planes: int, row: int, count: int) -> int:
    """Give the lowest of the highest planes that equal each other."""
    at = planes + (count - 1) * row
    while at - planes >= 256 and not _differ256(at - 256, at - 256 + row):
        at -= 256
    while at - planes >= 64 and not _differ64(at - 64, at - 64 + row):
        at -= 64
    while at > planes and byte(at - 1) == byte(at - 1 + row):
        at -= 1
    return (at - planes + row - 1) // row


# --- blocks ------------------------------------------------------------------------------------


@kernel
def read_big_endian(source: int, size: int) -> int:
    """Read a number, its highest byte first."""
    number = 0
    for k in range(size):
        number = (number << 8) | byte(source + k)
    return number


@kernel
def hop(source: int, size: int, offset: int, blocks: int) -> int:
    """Pass over blocks; only their headers are read.

    Parameters
    ----------
    source, size : int
        Address and length of the chunk [bytes].
    offset : int
        Where a block begins, `HEAD` or what this function gave before.
    blocks : int
        How many blocks to pass over.

    Returns
    -------
    int
        The offset behind them, or `ENDS_EARLY`.
    """
    for _ in range(blocks):
        if size - offset < 4:
            return ENDS_EARLY
        offset += 4 + read_big_endian(source + offset, 4)
        if offset > size:
            return ENDS_EARLY
    return offset


@functools.cache
def _compile_decoder(itemsize: int) -> Any:
    def decode(  # noqa: PLR0917 - compiled functions take no keywords
        source: int, size: int, offset: int, blocks: int, elements: int, out: int, scratch: int
    ) -> int:
        length = elements * itemsize
        for k in range(blocks):
            after = hop(source, size, offset, 1)
            if after < 0:
                return after
            first, stop = source + offset + 4, source + after
            fault = decode_lz4(first, stop, source + size, scratch, length)
            if fault < 0:
                return fault
            alike = _find_alike(scratch, elements >> 3, 8 * itemsize)
            _put_back(itemsize, scratch, elements, alike, out + k * length)
            offset = after
        return offset

    return compile_c_function(decode, 7, f"decode_{itemsize}")


def get_decoder(itemsize: int) -> int:
    """Give what decodes blocks of elements of 1, 2, 4 or 8 bytes: the address of machine code.

    It is compiled when it is first asked for, some seconds, and kept on disk.
    """
    return int(_compile_decoder(itemsize).address)


@instruction(types.intp, *[types.intp] * 8)
def decode_blocks(  # noqa: PLR0917 - compiled functions take no keywords
    builder: Any,
    decoder: Any,
    source: Any,
    size: Any,
    offset: Any,
    blocks: Any,
    elements: Any,
    out: Any,
    scratch: Any,
) -> Any:
    """Decode consecutive blocks of ``elements`` elements each.

    Parameters
    ----------
    decoder : int
        What `get_decoder` gave for this size of an element.
    source, size : int
        Address and length of the chunk [bytes].
    offset : int
        Where the first of the blocks begins.
    blocks : int
        How many.
    elements : int
        Elements of a block, a multiple of 8.
    out : int
        Where ``blocks * elements * itemsize`` bytes go; not one more is written.
    scratch : int
        Address of ``elements * itemsize + MARGIN`` bytes.

    Returns
    -------
    int
        The offset behind the blocks, or `ENDS_EARLY` or `BROKEN`.
    """
    kind = ir.FunctionType(_i64, [_i64] * 7)
    arguments = [source, size, offset, blocks, elements, out, scratch]
    return builder.call(builder.inttoptr(decoder, kind.as_pointer()), arguments)
