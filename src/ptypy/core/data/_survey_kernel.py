"""Loops that compare pixels with their neighbours: which of them cannot be what a wave makes.

This module needs numba to be imported; it is imported when there is something to do.
"""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from typing import Any

import numpy as np

from ptypy.core.data._kernel import compiled

__all__ = ["compare_rows", "survey_rows"]


def _fill_line(line: Any, row: Any, trusted: Any, otherwise: float) -> None:
    """Copy a row, ``otherwise`` where it is not trusted, with a margin of one pixel."""
    line[0] = line[row.size + 1] = otherwise
    for x in range(row.size):
        line[x + 1] = row[x] if trusted[x] else otherwise


def _insert(a: Any, b: Any, v: Any) -> Any:
    """Give the largest and the second largest of three values, of which ``a`` exceeds ``b``."""
    # Comparisons, not max and min, which mind NaN.
    low = a if a < v else v  # noqa: FURB136
    return (v if v > a else a), (low if low > b else b)  # noqa: FURB136


def _second_largest(up: Any, here: Any, down: Any, found: Any) -> None:
    """Give the second largest of the eight neighbours of every pixel of a line."""
    zero = found.dtype.type(0)
    for x in range(found.size):
        left, middle, right = np.uintp(x), np.uintp(x + 1), np.uintp(x + 2)
        a, b = insert(up[left], zero, up[middle])
        a, b = insert(a, b, up[right])
        a, b = insert(a, b, here[left])
        a, b = insert(a, b, here[right])
        a, b = insert(a, b, down[left])
        a, b = insert(a, b, down[middle])
        a, b = insert(a, b, down[right])
        found[x] = b


insert = compiled(_insert)
fill_line = compiled(_fill_line)
second_largest = compiled(_second_largest)


def _survey_rows(
    frames: Any, trusted: Any, first: int, stop: int, factor: float, tables: Any
) -> None:
    """Add up what pixels of frames (n, H, W) do, in rows ``first`` to ``stop - 1``.

    ``trusted`` (1 or n, H, W) is False for what is not looked at. ``tables`` (1 or 4, H, W) float64
    grows by: the counts; their squares; the number of frames in which the pixel is trusted; the
    number of those in which it counts more than ``factor`` times its second brightest neighbour.
    """
    count, height, width = frames.shape
    lines = np.zeros((3, width + 2), np.float32)
    found = np.empty(width, np.float32)
    nothing = np.zeros(width, np.bool_)
    for f in range(count):
        mask = trusted[f % trusted.shape[0]]
        for y in range(first, stop):
            row, good, counts = frames[f, y], mask[y], tables[0, y]
            for x in range(width):
                counts[x] += np.float64(row[x]) if good[x] else 0.0
            if tables.shape[0] == 1:
                continue
            for k in range(y - 1 if y == first else y + 1, y + 2):
                inside = 0 <= k < height
                there = k if inside else y
                fill_line(lines[k % 3], frames[f, there], mask[there] if inside else nothing, 0.0)
            second_largest(lines[(y - 1) % 3], lines[y % 3], lines[(y + 1) % 3], found)
            here = lines[y % 3]
            squares, seen, bright = tables[1, y], tables[2, y], tables[3, y]
            for x in range(width):
                v = np.float64(row[x]) if good[x] else 0.0
                squares[x] += v * v
                seen[x] += 1.0 if good[x] else 0.0
                bright[x] += 1.0 if here[np.uintp(x + 1)] > factor * found[x] else 0.0


def _compare_rows(
    counts: Any, trusted: Any, first: int, stop: int, factor: float, least: float, strange: Any
) -> None:
    """Find pixels of summed frames (H, W) float64 that stand out, in some rows.

    ``strange`` (H, W) int8 becomes 1 where a pixel counts more than ``factor`` times its second
    brightest neighbour, by more than chance explains; -1 where it counts nothing, and all but one
    of its neighbours count ``least`` or more; 0 elsewhere.
    """
    height, width = counts.shape
    bright = np.zeros((3, width + 2), np.float64)
    dim = np.zeros((3, width + 2), np.float64)
    high, low = np.empty(width, np.float64), np.empty(width, np.float64)
    nothing = np.zeros(width, np.bool_)
    for y in range(first, stop):
        for k in range(y - 1 if y == first else y + 1, y + 2):
            inside = 0 <= k < height
            there = k if inside else y
            good = trusted[there] if inside else nothing
            fill_line(bright[k % 3], counts[there], good, 0.0)
            # The second smallest of numbers is the second largest of their inverses.
            for x in range(width + 2):
                v = bright[k % 3, x]
                dim[k % 3, x] = 1e300 if v <= 0.0 else 1.0 / v
            for x in range(width):
                if not good[x]:
                    dim[k % 3, x + 1] = 0.0
            dim[k % 3, 0] = dim[k % 3, width + 1] = 0.0
        up, here, down = (y - 1) % 3, y % 3, (y + 1) % 3
        second_largest(bright[up], bright[here], bright[down], high)
        second_largest(dim[up], dim[here], dim[down], low)
        for x in range(width):
            v = counts[y, x]
            chance = factor * high[x] + 6.0 * np.sqrt(factor * high[x] + 1.0)
            is_hot = trusted[y, x] and v > chance
            is_dead = trusted[y, x] and v == 0.0 and 0.0 < low[x] * least <= 1.0
            strange[y, x] = 1 if is_hot else (-1 if is_dead else 0)


survey_rows = compiled(_survey_rows)
compare_rows = compiled(_compare_rows)
