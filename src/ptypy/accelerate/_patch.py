"""Views of the object between its pixels: linear interpolation, and its adjoint.

A frame whose beam stood a fraction of a pixel beside a corner sees

    o[i, k] = (1-v) ((1-u) O[i, k] + u O[i, k+1]) + v ((1-u) O[i+1, k] + u O[i+1, k+1])

with v and u, from 0 to below 1, the parts of a pixel down and to the right. Kernels take this
view into scratch memory, work there as if it were a part of the object, and give what they
would have added back to all four neighbours by the same shares.
"""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._arrays import check_corners
from ptypy.accelerate._compile import LANES, kernel
from ptypy.accelerate._frame import HEIGHT, STRIPS, corner_place
from ptypy.accelerate._lanes import VALUE, VECTOR, get64, load, peek, spread, store
from ptypy.accelerate._transform import Transform
from ptypy.errors import DataError

__all__ = ["Places", "give_back", "patch_row", "patch_size", "take_view", "view_of"]


def patch_size(transform: Transform, planes: int) -> int:
    """How many float32 some planes of a view take in scratch memory."""
    return planes * transform.shape[0] * (transform.strips | 1) * LANES


@dataclass(frozen=True, slots=True)
class Places:
    """Where frames lie in an object, checked.

    Parameters
    ----------
    corners : (N, 2) int64
    shifts : (N, 2) float64 or None
    """

    corners: npt.NDArray[np.int64]
    shifts: npt.NDArray[np.float64] | None

    @classmethod
    def of(
        cls,
        transform: Transform,
        corners: Any,
        shifts: npt.ArrayLike | None,
        object_shape: tuple[int, ...],
    ) -> Places:
        """Check corners and shifts.

        Raises
        ------
        DataError
            If a view is not inside the object, or shifts are not (N, 2) numbers from 0 to below 1.
        """
        places = check_corners(transform, corners, object_shape, int(shifts is not None))
        if shifts is None:
            return cls(places, None)
        parts: npt.NDArray[np.float64] = np.ascontiguousarray(shifts, np.float64)
        if parts.shape != places.shape or not ((parts >= 0) & (parts < 1)).all():
            raise DataError(
                f"shifts have shape {parts.shape}; they must be parts of a pixel, from 0 to below "
                f"1, of shape {places.shape}"
            )
        return cls(places, parts)

    @property
    def addresses(self) -> tuple[int, int]:
        """Of corners and shifts; 0 for shifts that there are not."""
        return self.corners.ctypes.data, 0 if self.shifts is None else self.shifts.ctypes.data

    def spans(self, height: int, parts: int) -> list[tuple[int, int]]:
        """Give, for each of equal parts of the frames, the first row they cover and how many."""
        count, spans = len(self.corners), []
        for k in range(parts):
            rows = self.corners[count * k // parts : count * (k + 1) // parts, 0]
            top = int(rows.min()) if len(rows) else 0
            reach = height + (self.shifts is not None)
            spans.append((top, int(rows.max()) + reach - top if len(rows) else 0))
        return spans


@kernel
def patch_row(spec: int) -> int:
    """Step between rows of a view in scratch memory [bytes]; an odd number of vectors."""
    row: int = (peek(spec + STRIPS) | 1) * VECTOR
    return row


@kernel
def take_view(
    height: int,
    strips: int,
    shifts: int,
    j: int,
    source: int,
    row: int,
    plane: int,
    patch: int,
    patch_row: int,
) -> None:
    """Interpolate the two planes of frame ``j``'s view; ``source`` is its corner."""
    v, u = get64(shifts + 16 * j), get64(shifts + 16 * j + 8)
    down, right = spread(v), spread(u)
    for part in range(2):
        base, target = source + part * plane, patch + part * height * patch_row
        for s in range(strips):
            o, t = base + s * VECTOR, target + s * VECTOR
            here = load(o)
            above = here + right * (load(o + VALUE) - here)
            for _ in range(height):
                o += row
                here = load(o)
                below = here + right * (load(o + VALUE) - here)
                store(t, above + down * (below - above))
                above = below
                t += patch_row


@kernel
def give_back(
    height: int,
    strips: int,
    planes: int,
    shifts: int,
    j: int,
    patch: int,
    patch_row: int,
    target: int,
    row: int,
    plane: int,
) -> None:
    """Add planes of frame ``j``'s view to those of the object, the adjoint of `take_view`."""
    v, u = get64(shifts + 16 * j), get64(shifts + 16 * j + 8)
    down, right = spread(v), spread(u)
    for part in range(planes):
        source, base = patch + part * height * patch_row, target + part * plane
        for s in range(strips):
            p, t = source + s * VECTOR, base + s * VECTOR
            before = spread(0.0)
            for _ in range(height):
                here = load(p)
                share = here + down * (before - here)
                aside = right * share
                store(t, load(t) + (share - aside))
                store(t + VALUE, load(t + VALUE) + aside)
                before = here
                p += patch_row
                t += row
            share = down * before
            aside = right * share
            store(t, load(t) + (share - aside))
            store(t + VALUE, load(t + VALUE) + aside)


@kernel
def view_of(
    spec: int, obj: int, row: int, plane: int, corners: int, shifts: int, j: int, patch: int
) -> tuple[int, int, int]:
    """Give address, row and plane of what frame ``j`` sees: in place, or between pixels in scratch.

    ``shifts`` is 0 if all frames lie on whole pixels.
    """
    corner = obj + corner_place(corners, j, row)
    if shifts == 0:
        return corner, row, plane
    height, step = peek(spec + HEIGHT), patch_row(spec)
    take_view(height, peek(spec + STRIPS), shifts, j, corner, row, plane, patch, step)
    return patch, step, height * step
