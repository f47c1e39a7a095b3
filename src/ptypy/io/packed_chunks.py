"""Many chunks of bitshuffle and LZ4 at once (HDF5 filter 32008): frames packed, and unpacked.

HDF5 does both under a lock of the whole process. Here any number of threads do, and any program
with the filter reads what comes out. `unpacking` says what a chunk is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types

from ptypy.io._lz4 import MARGIN, byte, kernel, pointer, put_byte
from ptypy.io._lz4_writing import TABLE, encode_lz4, longest_lz4
from ptypy.io.unpacking import HEAD, begin, block_elements, decode, get_decoder, scratch_size
from ptypy.utils.machine_code import TARGET, instruction

__all__ = ["pack_chunks", "unpack_frames"]

_BLOCK = 8192
"""Bytes of a block, as bitshuffle itself chooses."""

_LANES = 64 if "+avx512bw" in TARGET else 32
_i8, _i64 = ir.IntType(8), ir.IntType(64)


# --- from elements to planes of bits -----------------------------------------------------------


def _all_alike(kind: Any, value: int) -> Any:
    return ir.Constant(kind, [kind.element(value)] * kind.count)


def _build_loop(builder: Any, source: Any, elements: Any, planes: Any, itemsize: int) -> None:
    """Take whole vectors of elements apart, then eight at a time."""
    row = builder.lshr(elements, _i64(3))
    whole = builder.and_(elements, _i64(-_LANES))
    for lanes, first, stop in ((_LANES, _i64(0), whole), (8, whole, elements)):
        wide = ir.VectorType(ir.IntType(8 * itemsize), lanes)
        narrow = ir.VectorType(_i8, lanes)
        with cgutils.for_range_slice(builder, first, stop, _i64(lanes), _i64) as (at, _):
            place = builder.add(source, builder.mul(at, _i64(itemsize)))
            target = builder.add(planes, builder.lshr(at, _i64(3)))
            values = builder.load(pointer(builder, place, wide), align=1)
            for bit in range(8 * itemsize):
                if bit % 8 == 0:
                    moved = builder.lshr(values, _all_alike(wide, bit))
                    part = builder.trunc(moved, narrow) if itemsize > 1 else values
                chosen = builder.and_(part, _all_alike(narrow, 1 << bit % 8))
                bits = builder.icmp_unsigned("!=", chosen, _all_alike(narrow, 0))
                word = builder.bitcast(bits, ir.IntType(lanes))
                builder.store(word, pointer(builder, target, word.type), align=1)
                target = builder.add(target, row)


@instruction(types.void, *[types.intp] * 4, constants=1)
def _take_apart(builder: Any, itemsize: int, source: Any, elements: Any, planes: Any) -> None:
    """Turn elements, a multiple of 8, into planes of bits."""
    _build_loop(builder, source, elements, planes, itemsize)


@kernel
def _planes_of(itemsize: int, source: int, elements: int, planes: int) -> None:
    """Turn elements of any size into planes of bits."""
    if itemsize == 1:
        _take_apart(1, source, elements, planes)
    elif itemsize == 2:
        _take_apart(2, source, elements, planes)
    elif itemsize == 4:
        _take_apart(4, source, elements, planes)
    else:
        _take_apart(8, source, elements, planes)


# --- packing ------------------------------------------------------------------------------------


@kernel
def _put_big_endian(out: int, number: int, size: int) -> None:
    """Write a number, its highest byte first."""
    for k in range(size):
        put_byte(out + k, (number >> (8 * (size - 1 - k))) & 255)


@kernel
def _block_of(itemsize: int) -> int:
    """Give how many elements a block holds."""
    return max(_BLOCK // itemsize // 8 * 8, 128)


@kernel
def _pack_chunk(  # noqa: PLR0917 - compiled functions take no keywords
    source: int, elements: int, itemsize: int, out: int, planes: int, table: int
) -> int:
    """Pack one chunk; its length."""
    length = _block_of(itemsize)
    _put_big_endian(out, elements * itemsize, 8)
    _put_big_endian(out + 8, length * itemsize, 4)
    at, first, packed = out + HEAD, 0, elements // 8 * 8
    while first < packed:
        count = min(length, packed - first)
        _planes_of(itemsize, source + first * itemsize, count, planes)
        size = encode_lz4(planes, count * itemsize, at + 4, table, 1 + first * itemsize)
        _put_big_endian(at, size, 4)
        at += 4 + size
        first += count
    for k in range(packed * itemsize, elements * itemsize):
        put_byte(at, byte(source + k))
        at += 1
    return at - out


@kernel
def _longest_chunk(elements: int, itemsize: int) -> int:
    """Give how many bytes a chunk has at most, with room to write too much."""
    block = _block_of(itemsize)
    blocks = (elements + block - 1) // block
    return HEAD + 8 * itemsize + blocks * (4 + longest_lz4(block * itemsize))


@kernel
def _pack(  # noqa: PLR0917
    source: int, elements: int, itemsize: int, out: int, ends: Any, scratch: Any, table: int
) -> None:
    """Pack chunks one behind the other; where each ends."""
    at, planes = out, table + TABLE
    for k in range(len(ends)):
        scratch[:TABLE] = 0
        at += _pack_chunk(source, elements, itemsize, at, planes, table)
        source += elements * itemsize
        ends[k] = at - out


def pack_chunks(chunks: npt.NDArray[Any]) -> Sequence[bytes]:
    """Pack chunks with bitshuffle and LZ4; other threads run meanwhile.

    Parameters
    ----------
    chunks : (n, ...) array
        Of elements of 1, 2, 4 or 8 bytes, in whatever order of bytes the dataset has.

    Returns
    -------
    n bytes
        Each as ``h5py.h5d.DatasetID.write_direct_chunk`` wants it.
    """
    count, itemsize = len(chunks), chunks.itemsize
    whole = np.ascontiguousarray(chunks)
    elements = whole[0].size
    out = np.empty(count * _longest_chunk(elements, itemsize), np.uint8)
    ends = np.empty(count, np.int64)
    scratch = np.empty(TABLE + _block_of(itemsize) * itemsize + MARGIN, np.uint8)
    addresses = (whole.ctypes.data, elements, itemsize, out.ctypes.data)
    _pack(*addresses, ends, scratch, scratch.ctypes.data)
    starts = [0, *ends[:-1].tolist()]
    return [out[a:b].tobytes() for a, b in zip(starts, ends.tolist(), strict=True)]


# --- unpacking ---------------------------------------------------------------------------------


@kernel
def _room_for(sources: Any, sizes: Any, elements: int, itemsize: int) -> int:
    """Give how many bytes of scratch the chunk with the largest blocks needs."""
    block = 0
    for k in range(len(sources)):
        block = max(block, block_elements(sources[k], sizes[k], itemsize))
    return scratch_size(elements, block, itemsize)


@kernel
def _unpack(  # noqa: PLR0917
    sources: Any,
    sizes: Any,
    unit: int,
    first: int,
    elements: int,
    itemsize: int,
    decoder: int,
    out: int,
    scratch: int,
    room: int,
    faults: Any,
) -> None:
    """Unpack frames of ``elements`` elements, ``unit`` of which share a chunk."""
    fault, length = 0, elements * itemsize
    for k in range(len(faults)):
        chunk, row = (first + k) // unit, (first + k) % unit
        if k == 0 or row == 0:
            source, size = sources[chunk], sizes[chunk]
            fault = begin(source, size, unit * elements, itemsize, decoder, scratch, room)
        faults[k] = fault
        if fault == 0:
            faults[k] = decode(scratch, row * elements, (row + 1) * elements, out + k * length)


def unpack_frames(
    sources: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    unit: int,
    first: int,
    out: npt.NDArray[Any],
) -> npt.NDArray[np.int64]:
    """Unpack frames that follow one another; other threads run meanwhile.

    Parameters
    ----------
    sources, sizes : (K,) int64
        Address and length of each chunk [bytes].
    unit : int
        How many frames are in a chunk; the last chunk is filled up.
    first : int
        Which frame is the first, counted from the first of the first chunk.
    out : (n, H, W) array
        Receives them; C-contiguous, of elements of 1, 2, 4 or 8 bytes.

    Returns
    -------
    (n,) int64
        0 where a frame was unpacked, a fault of `unpacking` where it cannot be.
    """
    faults = np.zeros(len(out), np.int64)
    elements, itemsize = out[0].size, out.itemsize
    room = _room_for(sources, sizes, unit * elements, itemsize)
    scratch = np.empty(room, np.uint8)
    _unpack(
        sources, sizes, unit, first, elements, itemsize, get_decoder(itemsize),
        out.ctypes.data, scratch.ctypes.data, room, faults,
    )  # fmt: skip
    return faults
