"""Which part of raw frames holds the signal: the region where ``shape`` is 'auto'."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.utils.verbose import logger

__all__ = ["choose_region", "friendly_size"]

Floats = npt.NDArray[np.float64]

SHARE = 1e-4
"""So much of the counts above the background may be left out."""
SURE = 3.0
"""What is smaller than so many standard deviations cannot be told from background."""
STEP = 16
"""Prepared frames have a multiple of so many pixels: as many columns as kernels take at once."""


class _Rings(NamedTuple):
    """Counts in squares about the centre, each without the one inside."""

    counts: Floats
    pixels: Floats
    """How many trusted pixels each has."""


def friendly_size(least: int, rebin: int) -> int:
    """Give the smallest edge of a region, ``least`` or more, whose prepared frames are fast.

    They have a multiple of 16 pixels, and no prime factor above 7.

    Examples
    --------
    >>> friendly_size(130, 1), friendly_size(130, 2), friendly_size(512, 1)
    (144, 160, 512)
    """
    pixels = -(-max(least, 1) // (STEP * rebin)) * STEP
    while not _is_smooth(pixels):
        pixels += STEP
    return pixels * rebin


def _is_smooth(number: int) -> bool:
    """Say whether a number has no prime factor above 7."""
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
    return number == 1


def choose_region(
    counts: Floats, trusted: npt.NDArray[np.bool_], center: tuple[float, float], rebin: int
) -> tuple[int, int]:
    """Choose the smallest square about the centre that holds nearly all counts above background.

    Parameters
    ----------
    counts : (H, W) float64
        Sum of frames.
    trusted : (H, W) bool
        Pixels that are looked at; what is strange must be left out already.
    center : (y, x)
        Where the optical axis meets the raw frame [px].
    rebin : int
        Edge of the blocks of pixels that will be summed.

    Returns
    -------
    (n, n)
        All but `SHARE` of the counts above background lie in it, or what cannot be told from
        background. It may reach beyond the frame.
    """
    middle = [int(np.round(c)) for c in center]
    rings = _rings(counts, trusted, middle)
    # The axis has a pixel less on one side: a region of this size just holds the whole frame.
    whole = 2 * max(max(m, n - m) for n, m in zip(counts.shape, middle, strict=True))
    level, spread = _background(rings)
    excess = rings.counts - level * rings.pixels
    outside = np.cumsum(excess[::-1])[::-1]  # beyond and with ring r
    left_out = np.append(outside[1:], 0.0)
    # Corrected counts may be negative, and so may be their sum.
    noise = np.sqrt(np.append(np.cumsum(rings.counts[::-1])[::-1][1:], 0.0).clip(0.0))
    noise += spread * np.append(np.cumsum(rings.pixels[::-1])[::-1][1:], 0.0)
    total = float(outside[0])
    if total <= SURE * noise[0]:
        size = friendly_size(whole, rebin)
        logger.error(
            "`shape='auto'`: the first frames have no counts above the background: a region of "
            "%d x %d px is used, that holds the frame; give `shape`",
            size,
            size,
        )
        return (size, size)
    too_much = np.flatnonzero(left_out > SHARE * total + SURE * noise)
    needed = 2 * (int(too_much[-1]) + 2 if len(too_much) else 1)
    size = friendly_size(min(needed, whole), rebin)
    _tell_of_choice(size, middle, left_out / total)
    if size >= whole:
        logger.warning("`shape='auto'`: the signal reaches the border of the raw frame")
    else:
        _warn_of_border(size, rings, level)
    return (size, size)


def _rings(counts: Floats, trusted: npt.NDArray[np.bool_], middle: list[int]) -> _Rings:
    rows, columns = (np.abs(np.arange(n) - m) for n, m in zip(counts.shape, middle, strict=True))
    ring = np.maximum(rows[:, None], columns[None]).ravel()
    good = trusted.ravel()
    held = np.where(good, counts.ravel(), 0.0)
    return _Rings(
        np.bincount(ring, held).astype(np.float64), np.bincount(ring, good).astype(np.float64)
    )


def _background(rings: _Rings) -> tuple[float, float]:
    """Give what a pixel counts where there is no signal, and how sure that is.

    It is the level of the lowest rings, if counts have become level there: as long as they fall,
    what is outermost is signal.
    """
    used = np.flatnonzero(rings.pixels > 0)
    if not len(used):
        return 0.0, 0.0
    last = int(used[-1]) + 1
    edges = np.linspace(0, last, 21).astype(int)
    parts = [slice(a, b) for a, b in pairwise(edges)]
    parts = [part for part in parts if rings.pixels[part].sum() > 0]
    pixels = np.array([rings.pixels[part].sum() for part in parts])
    means = np.array([rings.counts[part].sum() for part in parts]) / pixels
    errors = np.sqrt(np.maximum(means, 1 / pixels) / pixels)
    k = int(means.argmin())
    near = [j for j in (k - 2, k - 1, k + 1, k + 2) if 0 <= j < len(means)]
    level = [j for j in near if means[j] - means[k] <= 4 * np.hypot(errors[j], errors[k])]
    if len(level) < min(2, len(near)) or means[k] <= 0:
        return 0.0, 0.0
    return float(means[k]), float(2 * errors[k])


def _tell_of_choice(size: int, middle: list[int], left_out: Floats) -> None:
    """Say what was chosen, and why."""
    edge = min(size // 2 - 1, len(left_out) - 1)
    logger.info(
        "region of %d x %d px about row %d, column %d: the smallest of a fast size that holds all "
        "but %g %% of the counts that stand out from the background (%.2g %% are outside)",
        size,
        size,
        *middle,
        100 * SHARE,
        100 * max(float(left_out[edge]), 0.0),
    )


def _warn_of_border(size: int, rings: _Rings, level: float) -> None:
    """Say loudly what might be missed at the border of the raw frame."""
    count, edge = len(rings.counts), size // 2 - 1
    first = max(count - max(count // 10, 1), edge + 1)
    outer, between = slice(first, None), slice(edge + 1, first)
    pixels = np.maximum([rings.pixels[part].sum() for part in (outer, between)], 1)
    last, here = np.array([rings.counts[part].sum() for part in (outer, between)]) / pixels
    if last > 1.5 * here and last - max(here, level) > SURE * np.sqrt(max(last, 0.0) / pixels[0]):
        logger.error(
            "`shape='auto'`: counts rise again towards the border of the raw frame, outside of "
            "the region of %d x %d px: if that is signal, give `shape`",
            size,
            size,
        )
