"""Chunks of HDF5 packed with bitshuffle and LZ4 (filter 32008), decoded by our own kernels.

Detectors of Dectris write frames so. HDF5 decodes them under a lock of the whole process, a frame
at a time; here any number of threads decode, each of them only the blocks that it needs, inside
other kernels.

A chunk begins with its size when decoded (8 bytes, big-endian) and the size of a block (4 bytes; 0
means about 8 KiB). Then follow blocks: the number of packed bytes (4 bytes), and so many bytes of
LZ4, which hold planes of bits (`_bit_blocks.py`). The last block is shorter. Up to seven elements
that fill no byte follow as they are.

From a kernel::

    fault = begin(source, size, elements, itemsize, decoder, scratch, room)
    for ...:                                              # strips of a frame, top to bottom
        fault = decode(scratch, first, stop, out)         # elements first ... stop - 1
        ...                                               # nothing is unpacked twice

``decoder`` comes from `get_decoder`, outside the kernel, and ``scratch`` is memory of the caller's.
Addresses are integers [bytes], elements are those of a little-endian machine. Whatever the bytes of
a chunk are, nothing is read outside them and nothing written outside ``out`` and ``scratch``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError
from ptypy.io._bit_blocks import ENDS_EARLY, decode_blocks, get_decoder, hop, read_big_endian
from ptypy.io._lz4 import (
    BROKEN,
    FILES,
    MARGIN,
    byte,
    copy64,
    kernel,
    peek,
    poke,
    put_byte,
)

__all__ = [
    "BROKEN",
    "ENDS_EARLY",
    "FILES",
    "HEAD",
    "NO_ROOM",
    "OTHER_SIZE",
    "begin",
    "block_elements",
    "decode",
    "decode_blocks",
    "decode_chunk",
    "get_decoder",
    "hop",
    "scratch_size",
]

OTHER_SIZE = -2
"""Fault: the chunk says that it holds another number of bytes, or blocks that do not fit."""
NO_ROOM = -4
"""Fault: the scratch is too small for a block of this chunk; see `scratch_size`."""

HEAD = 12
"""Where the first block of a chunk begins [bytes]."""

_STATE = 128
_SOURCE, _SIZE, _ELEMENTS, _ITEMSIZE, _BLOCK, _DECODER, _OFFSET, _NEXT, _HELD = range(0, 72, 8)
"""What the scratch begins with: the chunk, its sizes, its decoder, where its next block begins and
which that is, and which block lies unpacked behind it (-1 if none)."""


# --- memory ------------------------------------------------------------------------------------


@kernel
def _copy(source: int, target: int, size: int) -> None:
    """Copy exactly ``size`` bytes."""
    stop = source + size
    while stop - source >= 64:
        copy64(source, target)
        source += 64
        target += 64
    while source < stop:
        put_byte(target, byte(source))
        source += 1
        target += 1


# --- elements ----------------------------------------------------------------------------------


@kernel
def block_elements(source: int, size: int, itemsize: int) -> int:
    """Give how many elements a block of this chunk holds, or `ENDS_EARLY` or `OTHER_SIZE`."""
    if size < HEAD:
        return ENDS_EARLY
    length = read_big_endian(source + 8, 4)
    if length == 0:
        return max(8192 // itemsize // 8 * 8, 128)
    if length % (8 * itemsize):
        return OTHER_SIZE
    return length // itemsize


@kernel
def scratch_size(elements: int, block: int, itemsize: int) -> int:
    """Give how many bytes of scratch chunks of ``elements`` elements in such blocks need."""
    return _STATE + MARGIN + 2 * min(block, elements // 8 * 8) * itemsize


@kernel
def begin(  # noqa: PLR0917 - compiled functions take no keywords
    source: int, size: int, elements: int, itemsize: int, decoder: int, scratch: int, room: int
) -> int:
    """Prepare the decoding of one chunk.

    Parameters
    ----------
    source, size : int
        Address and length of the chunk [bytes]; it must stay there.
    elements : int
        How many elements it must hold.
    itemsize : int
        Bytes of an element: 1, 2, 4 or 8.
    decoder : int
        What `get_decoder` gave for this ``itemsize``.
    scratch, room : int
        Address and length of memory for `decode` to work in, see `scratch_size`.

    Returns
    -------
    int
        0, or `ENDS_EARLY`, `OTHER_SIZE` or `NO_ROOM`.
    """
    block = block_elements(source, size, itemsize)
    if block < 0:
        return block
    if read_big_endian(source, 8) != elements * itemsize:
        return OTHER_SIZE
    if room < scratch_size(elements, block, itemsize):
        return NO_ROOM
    poke(scratch + _SOURCE, source)
    poke(scratch + _SIZE, size)
    poke(scratch + _ELEMENTS, elements)
    poke(scratch + _ITEMSIZE, itemsize)
    poke(scratch + _BLOCK, block)
    poke(scratch + _DECODER, decoder)
    poke(scratch + _OFFSET, HEAD)
    poke(scratch + _NEXT, 0)
    poke(scratch + _HELD, -1)
    return 0


@kernel
def _go_to(scratch: int, block: int) -> int:
    """Make ``block`` the next one; its offset, or `ENDS_EARLY`."""
    offset, at = peek(scratch + _OFFSET), peek(scratch + _NEXT)
    if block < at:
        offset, at = HEAD, 0
    offset = hop(peek(scratch + _SOURCE), peek(scratch + _SIZE), offset, block - at)
    if offset > 0:
        poke(scratch + _OFFSET, offset)
        poke(scratch + _NEXT, block)
    return offset


@kernel
def _unpack(scratch: int, block: int, blocks: int, elements: int, out: int) -> int:
    """Decode blocks that hold ``elements`` elements each; 0 or a fault."""
    source, size = peek(scratch + _SOURCE), peek(scratch + _SIZE)
    offset = _go_to(scratch, block)
    if offset > 0:
        decoder, planes = peek(scratch + _DECODER), scratch + _STATE
        offset = decode_blocks(decoder, source, size, offset, blocks, elements, out, planes)
    if offset < 0:
        return offset
    poke(scratch + _OFFSET, offset)
    poke(scratch + _NEXT, block + blocks)
    return 0


@kernel
def _copy_part(scratch: int, block: int, first: int, stop: int, out: int) -> int:
    """Copy elements of one block, unpacking it into the scratch if it is not there."""
    itemsize, length = peek(scratch + _ITEMSIZE), peek(scratch + _BLOCK)
    elements = min(length, peek(scratch + _ELEMENTS) // 8 * 8 - block * length)
    held = scratch + _STATE + MARGIN + min(length, peek(scratch + _ELEMENTS) // 8 * 8) * itemsize
    if peek(scratch + _HELD) != block:
        poke(scratch + _HELD, -1)
        fault = _unpack(scratch, block, 1, elements, held)
        if fault < 0:
            return fault
        poke(scratch + _HELD, block)
    _copy(held + (first - block * length) * itemsize, out, (stop - first) * itemsize)
    return 0


@kernel
def _copy_rest(scratch: int, first: int, stop: int, out: int) -> int:
    """Copy elements that follow the last block as they are."""
    elements, itemsize = peek(scratch + _ELEMENTS), peek(scratch + _ITEMSIZE)
    length = peek(scratch + _BLOCK)
    packed = elements // 8 * 8
    offset = _go_to(scratch, (packed + length - 1) // length)
    if offset < 0:
        return offset
    if peek(scratch + _SIZE) - offset < (stop - packed) * itemsize:
        return ENDS_EARLY
    offset += (first - packed) * itemsize
    _copy(peek(scratch + _SOURCE) + offset, out, (stop - first) * itemsize)
    return 0


@kernel
def decode(scratch: int, first: int, stop: int, out: int) -> int:
    """Decode elements of the chunk that `begin` prepared.

    Parts that follow each other, as the strips of a frame do, cost no more than all at once: the
    place in the chunk is kept in the scratch, and so is a block of which only a part was wanted.
    To leave out elements costs a look at the headers of their blocks; to go back, at all headers
    before.

    Parameters
    ----------
    scratch : int
        Address of the scratch.
    first, stop : int
        Which elements, 0 <= first <= stop <= elements, in C order; not checked.
    out : int
        Where ``(stop - first) * itemsize`` bytes go; not one more is written.

    Returns
    -------
    int
        0, or `ENDS_EARLY` or `BROKEN`; then some of ``out`` may have been written.
    """
    itemsize, length = peek(scratch + _ITEMSIZE), peek(scratch + _BLOCK)
    packed = peek(scratch + _ELEMENTS) // 8 * 8
    fault = 0
    while first < min(stop, packed) and fault == 0:
        block = first // length
        blocks = (min(stop, packed) - first) // length
        if first == block * length and blocks > 0:
            until = first + blocks * length
            fault = _unpack(scratch, block, blocks, length, out)
        else:
            until = min((block + 1) * length, stop, packed)
            fault = _copy_part(scratch, block, first, until, out)
        out += (until - first) * itemsize
        first = until
    if first < stop and fault == 0:
        fault = _copy_rest(scratch, first, stop, out)
    return fault


# --- from Python -------------------------------------------------------------------------------


def decode_chunk(
    chunk: bytes | memoryview | npt.NDArray[np.uint8],
    shape: tuple[int, ...],
    dtype: npt.DTypeLike,
) -> npt.NDArray[Any]:
    """Decode one chunk as HDF5 stores it.

    Parameters
    ----------
    chunk : bytes, memoryview or uint8 array
        What `h5py.h5d.DatasetID.read_direct_chunk` gives, with its head of 12 bytes.
    shape : tuple of int
        Shape of a chunk; chunks at the rim of a dataset are stored whole.
    dtype : dtype
        Little-endian, 1, 2, 4 or 8 bytes.

    Returns
    -------
    ndarray
        ``shape``, ``dtype``.

    Raises
    ------
    FormatError
        If the chunk ends early, says that it holds another number of bytes, or does not decode;
        if such a ``dtype`` is not decoded here.
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "biuf" or dtype.itemsize > 8 or dtype != dtype.newbyteorder("<"):
        raise FormatError(
            f"chunks of bitshuffle and LZ4 hold little-endian numbers of 1, 2, 4 or 8 bytes here, "
            f"not {dtype}: read the dataset through h5py"
        )
    packed = np.frombuffer(chunk, np.uint8)
    out = np.empty(shape, dtype)
    source, itemsize = packed.ctypes.data, dtype.itemsize
    block = block_elements(source, packed.size, itemsize)
    scratch = np.empty(scratch_size(out.size, max(block, 0), itemsize), np.uint8)
    state = scratch.ctypes.data
    decoder = get_decoder(itemsize)
    fault = begin(source, packed.size, out.size, itemsize, decoder, state, scratch.size)
    if fault == 0:
        fault = decode(state, 0, out.size, out.ctypes.data)
    if fault:
        raise FormatError(_describe(fault, packed, shape, dtype))
    return out


def _describe(
    fault: int, packed: npt.NDArray[np.uint8], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> str:
    """Say what is wrong with a chunk."""
    what = f"a chunk of {' x '.join(map(str, shape))} {dtype} packed with bitshuffle and LZ4"
    if fault == ENDS_EARLY:
        return f"{what} is cut short or damaged: {packed.size} bytes do not hold all its elements"
    if fault == OTHER_SIZE:
        says, block = (int.from_bytes(packed[a:b].tobytes()) for a, b in ((0, 8), (8, 12)))
        right = math.prod(shape) * dtype.itemsize
        return (
            f"{what} holds {right} bytes, but its head says {says} in blocks of {block}; "
            f"blocks hold a multiple of 8 elements"
        )
    return f"{what} is damaged: a block does not decode as LZ4 to the length it should have"
