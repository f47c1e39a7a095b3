"""Parts of large arrays, made small: as many pixels as a screen shows, in 16 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError

__all__ = ["Part", "code_complex", "code_real", "level", "read_part", "reduce"]

Array = npt.NDArray[Any]
How = Literal["mean", "max"]

TOP = 65535
MOST_PIXELS = 4 << 20
"""Largest picture that is sent [px]."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an array, and how many of its pixels become one."""

    top: int
    left: int
    height: int
    width: int
    """In pixels of the array."""
    step: int
    """Edge of the blocks of pixels that become one."""

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the array."""
        rows = slice(self.top, self.top + self.height)
        return rows, slice(self.left, self.left + self.width)

    def describe(self) -> dict[str, int]:
        """Give the entries as a page knows them."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def read_part(asked: Any, shape: tuple[int, int]) -> Part:
    """Read which part a page asks for: ``[top, left, height, width, step]``, or None for all.

    It is cut to the array, and its step is made large enough for a picture that can be sent.

    Raises
    ------
    DataError
        If these are no whole numbers.
    """
    height, width = shape
    whole = [0, 0, height, width, 1]
    given = whole if asked is None else asked
    if not isinstance(given, list) or len(given) != 5 or not all(type(n) is int for n in given):
        raise DataError(f"part {given!r}: give [top, left, height, width, step], whole numbers")
    top, left, rows, columns, step = given
    top, left = min(max(top, 0), height - 1), min(max(left, 0), width - 1)
    rows, columns = min(max(rows, 1), height - top), min(max(columns, 1), width - left)
    step = max(step, 1)
    while (rows // step + 1) * (columns // step + 1) > MOST_PIXELS:
        step += 1
    return Part(top, left, rows, columns, step)


def reduce(array: Array, step: int, how: How = "mean") -> Array:
    """Make one pixel of each block of ``step`` x ``step``; blocks at the edges may be smaller.

    Parameters
    ----------
    array : (H, W)
    step : int
    how : {'mean', 'max'}

    Returns
    -------
    (ceil(H / step), ceil(W / step))
    """
    if step == 1:
        return array
    if how == "mean" and array.dtype.kind in "bui":
        array = array.astype(np.float32)
    join = np.add if how == "mean" else np.maximum
    rows, columns = (np.arange(0, n, step) for n in array.shape)
    joined = join.reduceat(join.reduceat(array, rows, axis=0), columns, axis=1)
    if how == "max":
        return np.asarray(joined)
    heights = np.diff([*rows, array.shape[0]])[:, None]
    widths = np.diff([*columns, array.shape[1]])
    return np.asarray(joined / (heights * widths).astype(np.float32))


def code_real(
    values: Array, valid: npt.NDArray[np.bool_] | None, *, log: bool
) -> tuple[Any, bytes]:
    """Put real numbers into 16 bits.

    Parameters
    ----------
    values : (h, w)
    valid : (h, w) bool, optional
        False where there is nothing to show.
    log : bool
        Code the logarithm of 1 + value, so that single photons stay apart beside bright peaks.

    Returns
    -------
    head : dict
        ``low``, ``high``: what codes 1 and 65535 stand for; code 0 is "nothing".
    payload : bytes
        (h, w) uint16.
    """
    real = np.asarray(values, dtype=np.float32)
    seen = np.isfinite(real) if valid is None else np.isfinite(real) & valid
    known = real[seen]
    low = float(known.min()) if known.size else 0.0
    high = float(known.max()) if known.size else 1.0
    if log:
        low = 0.0 if low >= 0 else low
        real, ends = np.log1p(np.maximum(real - low, 0)), float(np.log1p(high - low))
    else:
        real, ends = real - low, high - low
    codes = np.zeros(real.shape, np.uint16)
    with np.errstate(invalid="ignore"):
        scaled = np.rint(real * ((TOP - 1) / ends if ends > 0 else 0.0)) + 1
    np.copyto(codes, np.where(seen, scaled, 0), casting="unsafe")
    head = {"kind": "real", "low": low, "high": high, "log": log, "shape": list(codes.shape)}
    return head, codes.astype("<u2").tobytes()


def code_complex(values: Array) -> tuple[Any, bytes]:
    """Put complex numbers into twice 16 bits.

    Returns
    -------
    head : dict
        ``high``: the amplitude of code 65535.
    payload : bytes
        (h, w) uint16 amplitudes, then (h, w) uint16 phases, 65536 to a turn, 0 for -pi.
    """
    field = np.asarray(values, dtype=np.complex64)
    amplitude, phase = np.abs(field), np.angle(field)
    high = float(amplitude.max()) if amplitude.size else 1.0
    high = high if np.isfinite(high) and high > 0 else 1.0
    scaled = np.rint(np.nan_to_num(amplitude) * (TOP / high)).astype("<u2")
    turns = (np.nan_to_num(phase) / (2 * np.pi) + 0.5) * (TOP + 1)
    codes = (np.rint(turns).astype(np.int32) & TOP).astype("<u2")
    head = {"kind": "complex", "high": high, "shape": list(field.shape)}
    return head, scaled.tobytes() + codes.tobytes()


def level(field: Array) -> Array:
    """Take a constant phase and a ramp of phase from an object: diffraction sees neither.

    Slopes are the phases of sums of products of neighbours, first of pixels, which tells slopes of
    up to half a turn a pixel, then of blocks of pixels, in which noise has averaged out. The frame
    of equal pixels around what was scanned has no say.

    Parameters
    ----------
    field : (H, W) complex

    Returns
    -------
    (H, W) complex64
        Zero is the mean phase.
    """
    seen = np.abs(field - field[0, 0]) > 1e-6 * abs(field[0, 0])
    if not seen.any():
        return field
    flat = np.where(seen, field, 0).astype(np.complex64)
    slopes = np.zeros(2)
    for step in _steps(min(field.shape)):
        blocks = reduce(flat, step)
        by = [
            np.angle(np.vdot(blocks[:-1], blocks[1:])),
            np.angle(np.vdot(blocks[:, :-1], blocks[:, 1:])),
        ]
        flat = flat * _ramp(flat.shape, np.array(by) / step)
        slopes += np.array(by) / step
    turned = field * _ramp(field.shape, slopes) * np.exp(-1j * np.angle(flat.sum()))
    return np.asarray(np.where(seen, turned, np.abs(field)), dtype=np.complex64)


def _steps(edge: int) -> list[int]:
    """Give the edges of the blocks that are compared, the smallest first."""
    return [step for step in (1, 4, 16, 64) if step == 1 or step * 6 <= edge]


def _ramp(shape: tuple[int, ...], slopes: Array) -> Array:
    y, x = (np.exp(-1j * slope * np.arange(n)) for slope, n in zip(slopes, shape, strict=True))
    return np.asarray(y[:, None] * x, dtype=np.complex64)
