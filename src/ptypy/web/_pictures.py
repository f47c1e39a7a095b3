"""Parts of large arrays, made small: as many pixels as a screen shows, in 16 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError

__all__ = ["Level", "Part", "code_complex", "code_real", "find_top", "read_part", "reduce"]

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
    values: Array, valid: npt.NDArray[np.bool_] | None, *, gain: float | None
) -> tuple[Any, bytes]:
    """Put real numbers into 16 bits.

    Parameters
    ----------
    values : (h, w)
    valid : (h, w) bool, optional
        False where there is nothing to show.
    gain : float, optional
        Code the logarithm of 1 + gain * value, so that what is rare is seen beside bright peaks.
        1 for counts; for the mean of n frames n, so that one photon in all of them is seen.

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
    if gain is not None:
        low = min(low, 0.0)
        real = np.log1p(gain * np.maximum(real - low, 0))
        ends = float(np.log1p(gain * (high - low)))
    else:
        real, ends = real - low, high - low
    codes = np.zeros(real.shape, np.uint16)
    with np.errstate(invalid="ignore"):
        scaled = np.rint(real * ((TOP - 1) / ends if ends > 0 else 0.0)) + 1
    np.copyto(codes, np.where(seen, scaled, 0), casting="unsafe")
    head = {"kind": "real", "low": low, "high": high, "gain": gain, "shape": list(codes.shape)}
    return head, codes.astype("<u2").tobytes()


def find_top(field: Array, *, ignores_rims: bool) -> float:
    """Find the amplitude that is to be the largest that is shown.

    Parameters
    ----------
    field : (H, W) complex
    ignores_rims : bool
        Where hardly any light went an object is noise, of any amplitude, which would leave the rest
        dark: four times what nearly all pixels stay below is enough.
    """
    amplitude = np.abs(field)
    most = float(np.max(amplitude, initial=0.0, where=np.isfinite(amplitude)))
    if not ignores_rims:
        return most
    return min(most, 4 * float(np.nanquantile(amplitude[::4, ::4], 0.95)) or most)


def code_complex(values: Array, top: float) -> tuple[Any, bytes]:
    """Put complex numbers into twice 16 bits.

    Parameters
    ----------
    values : (h, w)
    top : float
        Amplitude of the largest code; what is above it has the same.

    Returns
    -------
    head : dict
        ``high``: the amplitude of code 65535.
    payload : bytes
        (h, w) uint16 amplitudes, then (h, w) uint16 phases, 65536 to a turn, 0 for -pi.
    """
    field = np.asarray(values, dtype=np.complex64)
    amplitude, phase = np.abs(field), np.angle(field)
    high = top if np.isfinite(top) and top > 0 else 1.0
    scaled = np.rint(np.minimum(np.nan_to_num(amplitude) / high, 1) * TOP).astype("<u2")
    turns = (np.nan_to_num(phase) / (2 * np.pi) + 0.5) * (TOP + 1)
    codes = (np.rint(turns).astype(np.int32) & TOP).astype("<u2")
    head = {"kind": "complex", "high": high, "shape": list(field.shape)}
    return head, scaled.tobytes() + codes.tobytes()


@dataclass(frozen=True, slots=True)
class Level:
    """A constant phase and a ramp of phase of an object: diffraction sees neither."""

    slopes: tuple[float, float]
    """Phase from a pixel to the next (y, x) [rad]."""
    phase: float
    """Mean phase without the ramp [rad]."""
    fill: complex
    """What the object is where nothing was scanned."""

    def take_from(self, picture: Array, part: Part) -> Array:
        """Take it from a part of the object, of which blocks were made pixels; (h, w) complex64."""
        first = part.top + (part.step - 1) / 2, part.left + (part.step - 1) / 2
        y, x = (
            np.exp(-1j * slope * (start + part.step * np.arange(n)))
            for slope, start, n in zip(self.slopes, first, picture.shape, strict=True)
        )
        ramp = (y[:, None] * x * np.exp(-1j * self.phase)).astype(np.complex64)
        flat = np.where(_seen(picture, self.fill), picture * ramp, np.abs(picture))
        return np.asarray(flat, dtype=np.complex64)


def _seen(field: Array, fill: complex) -> npt.NDArray[np.bool_]:
    return np.asarray(np.abs(field - fill) > 1e-5 * abs(fill))


def find_level(field: Array) -> Level:
    """Find the ramp of an object.

    Slopes are the phases of sums of products of neighbours, first of pixels, then of ever larger
    blocks of them, in which noise has averaged out. The frame of equal pixels around what was
    scanned has no say. Of large objects every second pixel is looked at, or fewer.

    Parameters
    ----------
    field : (H, W) complex
    """
    fill = complex(field[0, 0])
    stride = max(1, min(field.shape) // 400)
    some = field[::stride, ::stride]
    blocks = np.where(_seen(some, fill), some, 0).astype(np.complex64)
    slopes, size = np.zeros(2), stride
    while min(blocks.shape) >= 6:
        pairs = (blocks[:-1], blocks[1:]), (blocks[:, :-1], blocks[:, 1:])
        by = np.array([np.angle(np.vdot(*pair)) for pair in pairs])
        y, x = (np.exp(-1j * by[k] * np.arange(n)) for k, n in enumerate(blocks.shape))
        blocks = reduce(blocks * (y[:, None] * x).astype(np.complex64), 4)
        slopes += by / size
        size *= 4
    small = reduce(np.where(_seen(some, fill), some, 0), 1)
    y, x = (
        np.exp(-1j * s * stride * np.arange(n)) for s, n in zip(slopes, small.shape, strict=True)
    )
    phase = float(np.angle((small * (y[:, None] * x)).sum()))
    return Level((float(slopes[0]), float(slopes[1])), phase, fill)
