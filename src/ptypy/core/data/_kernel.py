"""The loop that every frame passes once: dark, flat, region, rebinning, orientation.

This module needs numba to be imported; it is imported when there is something to do.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["count_block", "mass_block"]

TILE = 16
"""Rows collected before they are written: a transposed write then fills whole cache lines."""


def _compiled(function: Any) -> Any:
    """Compile on first call, without the interpreter lock; keep the code if there is a place."""
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)


def _add_row(target: Any, source: Any, dark: Any, gain: Any) -> None:
    """Add a row of raw pixels to ``target``, corrected if there is a ``gain``."""
    if gain is None:
        for x in range(target.size):
            target[x] += source[x]
    else:
        for x in range(target.size):
            v = source[x] - dark[x]
            if v < 0:
                v *= 0
            target[x] += gain[x] * v


def _bin_row(line: Any, row: Any, rebin: int) -> None:
    """Sum groups of ``rebin`` pixels of a line."""
    for j in range(row.size):
        s = line[j * rebin]
        for b in range(1, rebin):
            s += line[j * rebin + b]
        row[j] = s


def _write_tile(  # noqa: PLR0917 - compiled functions take no keywords
    tile: Any, out: Any, first: int, transpose: bool, flipud: bool, fliplr: bool
) -> None:
    """Write the rows ``first``, ``first + 1``, ... of a region where they belong in ``out``."""
    height, width = out.shape
    rows, columns = tile.shape
    if transpose:
        for j in range(columns):
            target = out[height - 1 - j if flipud else j]
            for k in range(rows):
                q = first + k
                target[width - 1 - q if fliplr else q] = tile[k, j]
    else:
        for k in range(rows):
            q = first + k
            target = out[height - 1 - q if flipud else q]
            if fliplr:
                for j in range(columns):
                    target[width - 1 - j] = tile[k, j]
            else:
                target[:] = tile[k]


add_row = _compiled(_add_row)
bin_row = _compiled(_bin_row)
write_tile = _compiled(_write_tile)


def _count_block(  # noqa: PLR0917
    raw: Any,
    dark: Any,
    gain: Any,
    out: Any,
    top: int,
    left: int,
    rebin: int,
    transpose: bool,
    flipud: bool,
    fliplr: bool,
) -> None:
    """Prepare frames of ``raw`` (n, H, W) into ``out`` (n, h, w).

    Row ``i``, column ``j`` of the region, before it is turned, is the sum of the raw pixels
    ``top + i rebin + a``, ``left + j rebin + b``; pixels outside the frame count as zero.
    With ``dark`` and ``gain`` (H, W), not None, a raw pixel counts
    ``max(raw - dark, 0) gain``. NaN stays NaN.
    """
    frames, height, width = raw.shape
    rows, columns = out.shape[1], out.shape[2]
    if transpose:
        rows, columns = columns, rows
    line = np.zeros(columns * rebin, out.dtype)
    tile = np.empty((TILE, columns), out.dtype)
    skip = max(0, -left)
    first, last = left + skip, min(left + columns * rebin, width)
    for f in range(frames):
        for i in range(rows):
            line[:] = 0
            for y in range(max(0, top + i * rebin), min(height, top + (i + 1) * rebin)):
                if last <= first:
                    continue
                target = line[skip : skip + last - first]
                if gain is None:
                    add_row(target, raw[f, y, first:last], None, None)
                else:
                    add_row(target, raw[f, y, first:last], dark[y, first:last], gain[y, first:last])
            k = i % TILE
            bin_row(line, tile[k], rebin)
            if k == TILE - 1 or i == rows - 1:
                write_tile(tile[: k + 1], out[f], i - k, transpose, flipud, fliplr)


def _mass_block(raw: Any, dark: Any, gain: Any, usable: Any, out: Any) -> None:
    """Add up counts, counts times row, and counts times column, of frames (n, H, W).

    ``usable`` (1, H, W) or (n, H, W) is False for pixels that are left out; pixels that are not
    a finite number are left out, too. ``out`` is (n, 3) float64. With ``dark`` and ``gain``
    (H, W), not None, a pixel counts ``max(raw - dark, 0) gain``.
    """
    frames, height, width = raw.shape
    for f in range(frames):
        mask = usable[f % usable.shape[0]]
        total = down = across = 0.0
        for y in range(height):
            row = row_across = 0.0
            for x in range(width):
                v = float(raw[f, y, x])
                if dark is not None:
                    v = max(v - dark[y, x], 0.0) * gain[y, x]
                if mask[y, x] and np.isfinite(v):
                    row += v
                    row_across += v * x
            total += row
            down += row * y
            across += row_across
        out[f, 0], out[f, 1], out[f, 2] = total, down, across


count_block = _compiled(_count_block)
mass_block = _compiled(_mass_block)
