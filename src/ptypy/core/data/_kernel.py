"""The loop that every frame passes once: dark, flat, region, rebinning, orientation, statistics.

This module needs numba to be imported; it is imported when there is something to do.

Frames are read at their addresses, be they in memory or in a mapped file. A strip of rows of
several frames is prepared before the next strip is, so that dark and flat field stay near the
processor meanwhile.
"""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core.typing import signature
from numba.extending import intrinsic

from ptypy.core.data._sums import ACROSS, BRIGHTEST, DARKEST, DOWN, TOTAL
from ptypy.io.unpacking import FILES, begin, block_elements, decode, scratch_size
from ptypy.utils.stored_code import depend_on, stamp_of

__all__ = ["compiled", "count_frames"]

STRIP = 16
"""Rows of prepared frames in a strip: a transposed write then fills whole cache lines."""
TOGETHER = 8
"""Frames of which a strip is prepared before the next strip is."""


_HERE = ("_kernel.py", "_survey_kernel.py", "_sums.py")
_STAMP = stamp_of([*(Path(__file__).with_name(name) for name in _HERE), *FILES])


def compiled(function: Any, **options: Any) -> Any:
    """Compile on first call, without the interpreter lock; keep the code if there is a place."""
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        compiled = numba.njit(cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(**options)(function)
    depend_on(compiled._cache, _STAMP)
    return compiled


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def _pointer(_: Any, address: Any) -> Any:  # noqa: ARG001 - numba calls it by name
    """Turn an integer into a pointer."""

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return signature(types.voidptr, types.int64), generate


def _row_at(address: int, size: int, like: Any) -> Any:
    """See ``size`` values at an address as an array of the type of ``like``."""
    return numba.carray(_pointer(address), (size,), like.dtype)


def _copy_row(target: Any, source: Any, is_first: bool) -> None:
    """Put a row of raw pixels into ``target``, or add it."""
    if is_first:
        for x in range(target.size):
            target[x] = source[x]
    else:
        for x in range(target.size):
            target[x] += source[x]


def _correct_row(
    target: Any, source: Any, dark: Any, gain: Any, is_whole: bool, is_first: bool
) -> None:
    """Put a row of corrected pixels into ``target``, or add it."""
    zero = target.dtype.type(0)
    if is_first:
        target[:] = zero
    if is_whole:
        for x in range(target.size):
            target[x] += max(target.dtype.type(source[x]) - dark[x], zero) * gain[x]
    else:
        # What is not a number must stay that, so that it is seen; and so does minus infinity.
        for x in range(target.size):
            v = target.dtype.type(source[x]) - dark[x]
            target[x] += (v * zero if v < zero else v) * gain[x]


def _bin_row(line: Any, row: Any, rebin: int) -> None:
    """Sum groups of ``rebin`` pixels of a line."""
    # An unsigned index is not looked at for being negative, which would keep loops from vectors.
    if rebin == 1:
        for j in range(row.size):
            row[j] = line[j]
    elif rebin == 2:
        for j in range(row.size):
            row[j] = line[np.uintp(2 * j)] + line[np.uintp(2 * j + 1)]
    else:
        for j in range(row.size):
            s = line[np.uintp(j * rebin)]
            for b in range(1, rebin):
                s += line[np.uintp(j * rebin + b)]
            row[j] = s


# Comparisons, not max and min, which would take NaN for an answer.
def _extremes(source: Any) -> Any:
    """Give the largest and the smallest value of a row, and of 0."""
    largest = smallest = source.dtype.type(0)
    for x in range(source.size):
        v = source[x]
        largest = v if v > largest else largest  # noqa: FURB136
        smallest = v if v < smallest else smallest  # noqa: FURB136
    return largest, smallest


def _usable_extremes(source: Any, usable: Any) -> Any:
    """Give the largest and the smallest value of a row where it is usable, and of 0."""
    largest = smallest = zero = source.dtype.type(0)
    for x in range(source.size):
        v = source[x] if usable[x] else zero
        largest = v if v > largest else largest  # noqa: FURB136
        smallest = v if v < smallest else smallest  # noqa: FURB136
    return largest, smallest


def _sum_row(row: Any, trusted: Any) -> Any:
    """Add up a prepared row, and value times column, where it is trusted."""
    total = across = np.float64(0.0)
    for j in range(row.size):
        v = np.float64(row[j]) if trusted[j] else 0.0
        total += v
        across += v * np.float64(np.int32(j))
    return total, across


def _write_strip(
    tile: Any, count: int, first: int, target_at: int, out: Any, transpose: bool, flips: Any
) -> None:
    """Write rows ``first``, ``first + 1``, ... of a region where they belong in a frame."""
    height, width = out.shape[1], out.shape[2]
    flipud, fliplr = flips
    step = width * out.itemsize
    if transpose:
        for j in range(tile.shape[1]):
            target = row_at(target_at + (height - 1 - j if flipud else j) * step, width, out)
            if fliplr:
                for k in range(count):
                    target[np.uintp(width - 1 - first - k)] = tile[k, j]
            else:
                for k in range(count):
                    target[np.uintp(first + k)] = tile[k, j]
    else:
        for k in range(count):
            q = first + k
            target = row_at(target_at + (height - 1 - q if flipud else q) * step, width, out)
            for j in range(width):
                target[np.uintp(width - 1 - j)] = tile[k, j]


row_at = compiled(_row_at)
copy_row = compiled(_copy_row)
correct_row = compiled(_correct_row)
bin_row = compiled(_bin_row)
extremes = compiled(_extremes)
usable_extremes = compiled(_usable_extremes)
# Sums may be taken in any order, which makes vectors of them; NaN stays NaN.
sum_row = compiled(_sum_row, fastmath={"reassoc", "contract", "nsz"})
write_strip = compiled(_write_strip)


def _count_strip(f: int, base: int, rows_of: Any, job: Any, made: Any, room: Any) -> None:
    """Prepare rows ``first`` to ``stop - 1`` of frame ``f``, before it is turned.

    ``base`` is the address of row 0 of the raw frame, ``rows_of`` (first, stop). ``job`` is (like,
    raw, fixes, masks, plan) and ``made`` (out, sums), as in `_count_frames`; ``room`` is (tile,
    line), to work in.
    """
    (first, stop), (like, (height, width), fixes, masks, plan) = rows_of, job
    (out, sums), (tile, line) = made, room
    top, left, rebin, transpose, flipud, fliplr = plan
    (dark, gain, is_whole), (usable, trusted) = fixes, masks
    rows, columns = out.shape[1], tile.shape[1]
    span, size, step = columns * rebin, like.itemsize, out.itemsize
    skip = max(0, -left)
    left_end = left + skip
    inner = max(0, min(left + span, width) - left_end)
    is_straight = not transpose and not fliplr
    is_whole_row = rebin == 1 and inner == span
    target_at = out.ctypes.data + f * out.shape[1] * out.shape[2] * step
    for i in range(first, stop):
        if is_straight:
            to = rows - 1 - i if flipud else i
            row = row_at(target_at + to * columns * step, columns, out)
        else:
            row = row_at(tile.ctypes.data + (i - first) * columns * step, columns, out)
        first_y, last_y = max(0, top + i * rebin), min(height, top + (i + 1) * rebin)
        if last_y <= first_y or inner == 0:
            row[:] = 0
            continue
        target = row if is_whole_row else row_at(line.ctypes.data + skip * step, inner, out)
        for y in range(first_y, last_y):
            at = y * width + left_end
            source = row_at(base + at * size, inner, like)
            if usable.size:
                largest, smallest = usable_extremes(source, usable[y, left_end : left_end + inner])
            else:
                largest, smallest = extremes(source)
            sums[f, BRIGHTEST] = max(sums[f, BRIGHTEST], largest)
            sums[f, DARKEST] = min(sums[f, DARKEST], smallest)
            if gain.size:
                black = row_at(dark.ctypes.data + at * step, inner, out)
                factor = row_at(gain.ctypes.data + at * step, inner, out)
                correct_row(target, source, black, factor, is_whole, y == first_y)
            else:
                copy_row(target, source, y == first_y)
        if not is_whole_row:
            bin_row(line, row, rebin)
        total, across = sum_row(row, trusted[f % trusted.shape[0], i])
        sums[f, TOTAL] += total
        sums[f, DOWN] += total * i
        sums[f, ACROSS] += across
    if not is_straight:
        write_strip(tile, stop - first, first, target_at, out, transpose, (flipud, fliplr))


count_strip = compiled(_count_strip)


def _count_frames(
    places: Any,
    packing: Any,
    like: Any,
    raw: Any,
    fixes: Any,
    masks: Any,
    out: Any,
    sums: Any,
    plan: Any,
) -> int:
    """Prepare raw frames at addresses ``places`` into ``out`` (n, h, w).

    ``raw`` is (rows, columns) of a frame there, whose pixels are of the type of ``like``; ``plan``
    is (top, left, rebin, transpose, flipud, fliplr). Row ``i``, column ``j`` of the region, before
    it is turned, is the sum of the raw pixels ``top + i rebin + a``, ``left + j rebin + b``; pixels
    outside the frame count as zero. ``fixes`` is (dark, gain, is_whole). With dark and gain (H, W),
    not empty, a raw pixel counts ``max(raw - dark, 0) gain``. NaN stays NaN; ``is_whole`` says that
    raw pixels are integers.

    ``packing`` is (decoder, sizes): where the decoder is not 0, each place is that of a chunk of
    bitshuffle and LZ4 of so many bytes. Returns -1, or the frame whose chunk does not decode.

    ``masks`` is (usable, trusted). ``sums`` (n, SUMS) float64, zero before, becomes: the prepared
    frame's total, total of counts times row and times column (before it is turned), where
    ``trusted`` (1 or n, rows, columns) is True; the largest and the smallest raw value of the
    region, and of 0, where ``usable`` (H, W) is True, or everywhere if it is empty.
    """
    (height, width), (decoder, sizes), (top, _, rebin, transpose, _, _) = raw, packing, plan
    rows, columns = out.shape[1], out.shape[2]
    if transpose:
        rows, columns = columns, rows
    line = np.zeros(columns * rebin, out.dtype)
    tile = np.empty((STRIP, columns), out.dtype)
    job = (like, raw, fixes, masks, plan)
    size, count = like.itemsize, height * width
    room = 0
    if decoder:
        for f in range(places.size):
            block = block_elements(places[f], sizes[f], size)
            if block < 0:
                return f
            room = max(room, scratch_size(count, block, size))
    scratch = np.empty((TOGETHER, room), np.uint8)
    rows_at_once = min(height, STRIP * rebin) if decoder else 0
    unpacked = np.empty(rows_at_once * width * size, np.uint8)
    for group in range(0, places.size, TOGETHER):
        for strip in range(0, rows, STRIP):
            stop = min(rows, strip + STRIP)
            first_y = min(max(0, top + strip * rebin), height)
            last_y = max(min(height, top + stop * rebin), first_y)
            for f in range(group, min(group + TOGETHER, places.size)):
                base = places[f]
                if decoder:
                    state = scratch.ctypes.data + (f - group) * room
                    fault = 0
                    if strip == 0:
                        fault = begin(places[f], sizes[f], count, size, decoder, state, room)
                    base = unpacked.ctypes.data
                    if fault == 0:
                        fault = decode(state, first_y * width, last_y * width, base)
                    if fault:
                        return f
                    base -= first_y * width * size
                count_strip(f, base, (strip, stop), job, (out, sums), (tile, line))
    # The arrays that only their addresses were used of must live until here.
    return -1 - 0 * (scratch.size + unpacked.size)


count_frames = compiled(_count_frames)
