"""Where every pixel of a prepared frame comes from: region, orientation and binning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError

__all__ = ["Plan", "make_plan"]

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a raw frame becomes a prepared one.

    The order is: cut the region (padding with zeros what lies outside), orient it, sum its
    pixels in blocks.
    """

    raw: Pair
    """Rows and columns of a raw frame [px]."""
    top: int
    """Row of the raw frame at which the region starts [px]; may be negative."""
    left: int
    """Column of the raw frame at which the region starts [px]; may be negative."""
    region: Pair
    """Rows and columns of the region, in raw pixels, before it is turned [px]."""
    orientation: tuple[bool, bool, bool]
    """Whether to transpose, then to invert rows, then to invert columns."""
    rebin: int
    """Edge of the blocks that are summed [px]."""
    center: tuple[float, float]
    """Where the optical axis meets a prepared frame (y, x) [px]."""

    @property
    def shape(self) -> Pair:
        """Rows and columns of a prepared frame [px]."""
        rows, columns = (n // self.rebin for n in self.region)
        return (columns, rows) if self.orientation[0] else (rows, columns)

    @property
    def is_identity(self) -> bool:
        """Whether a prepared frame is the raw one."""
        return (
            not (self.top or self.left or any(self.orientation) or self.rebin != 1)
            and self.region == self.raw
        )

    @property
    def pads(self) -> bool:
        """Whether the region reaches beyond the frame."""
        return (
            self.top < 0
            or self.left < 0
            or self.top + self.region[0] > self.raw[0]
            or self.left + self.region[1] > self.raw[1]
        )

    def unturned(self, prepared: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Turn prepared frames or masks (..., h, w) back, as views."""
        transpose, flipud, fliplr = self.orientation
        back = prepared[..., :: -1 if flipud else 1, :: -1 if fliplr else 1]
        return back.swapaxes(-1, -2) if transpose else back

    def of_region(self) -> Plan:
        """Plan for an array that has been cut to the region already."""
        return Plan(self.region, 0, 0, self.region, self.orientation, self.rebin, self.center)


def make_plan(
    raw: Pair,
    *,
    shape: Pair | None,
    center: tuple[float, float],
    orientation: tuple[bool, bool, bool] = (False, False, False),
    rebin: int = 1,
    move: bool = True,
) -> Plan:
    """Decide which pixels of a raw frame are used and where the optical axis ends up.

    The axis comes to lie on pixel ``shape // 2`` of the region. Flipping and binning carry it
    along: where a region of even size is mirrored it ends up one pixel lower.

    Parameters
    ----------
    raw : (rows, columns)
        Shape of a raw frame [px].
    shape : (rows, columns) or None
        Shape of the region in raw pixels; None for as much as there is.
    center : (y, x)
        Where the optical axis meets the raw frame [px].
    orientation : three booleans
        Transpose, invert rows, invert columns.
    rebin : int
        Edge of the blocks of pixels that are summed.
    move : bool
        False: a region as large as the frame stays where it is, even if the axis is not in its
        middle.

    Raises
    ------
    DataError
        If ``center`` is outside the frame or ``rebin`` does not divide the region.
    """
    faults = []
    if not all(-0.5 <= c <= n - 0.5 for c, n in zip(center, raw, strict=True)):
        faults.append(
            f"center {_numbers(center)} is outside the raw frame of {raw[0]} x {raw[1]} px: "
            "give the pixel (row, column) at which the optical axis meets the raw frame"
        )
    region = raw if shape is None else shape
    if any(n % rebin or n < rebin for n in region):
        fitting = " x ".join(str(max(n // rebin, 1) * rebin) for n in region)
        faults.append(
            f"cannot rebin frames of {region[0]} x {region[1]} px by {rebin}: "
            f"choose a `shape` that is a multiple of `rebin`, e.g. {fitting}"
        )
    if faults:
        raise DataError("; ".join(faults))
    start = [_start(c, n, full) for c, n, full in zip(center, region, raw, strict=True)]
    if region == raw and not (move and any(start)):
        start, axis = [0, 0], center
    else:
        axis = (float(region[0] // 2), float(region[1] // 2))
    turned = _turn_center(axis, region, orientation)
    return Plan(
        raw,
        start[0],
        start[1],
        region,
        orientation,
        rebin,
        (turned[0] / rebin, turned[1] / rebin),
    )


def _start(center: float, size: int, full: int) -> int:
    """Give the first row (or column) of a region about a centre."""
    if size == full and abs(center - size // 2) <= 0.5:
        # The two names of the middle, 'fftshift' and 'geometric', both mean the whole frame.
        return 0
    return int(np.round(center)) - size // 2


def _turn_center(
    center: tuple[float, float], shape: Pair, orientation: tuple[bool, bool, bool]
) -> tuple[float, float]:
    """Follow the optical axis while a frame of ``shape`` is turned."""
    y, x = center
    rows, columns = shape
    transpose, flipud, fliplr = orientation
    if transpose:
        y, x, rows, columns = x, y, columns, rows
    return (rows - 1 - y if flipud else y, columns - 1 - x if fliplr else x)


def _numbers(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in values) + ")"
