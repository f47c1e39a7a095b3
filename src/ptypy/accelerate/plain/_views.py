"""Views of the object, on its pixels or between them, and what frames give back to it.

Between pixels a frame sees

    o[i, k] = (1-v) ((1-u) O[i, k] + u O[i, k+1]) + v ((1-u) O[i+1, k] + u O[i+1, k+1])

with v and u, from 0 to below 1, the parts of a pixel down and to the right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.accelerate.plain._sight import Complex, Real, Sight

__all__ = [
    "ObjectTotals",
    "against_object",
    "against_probe",
    "find_power",
    "give_back",
    "reals",
    "square",
    "take_view",
]


def reals(waves: Complex) -> Real:
    """See contiguous complex numbers as real ones, two for each."""
    pairs: Real = waves.view(waves.real.dtype)
    return pairs


def square(waves: Complex) -> float:
    """Give sum |psi|^2."""
    return float(np.square(reals(waves)).sum())


def take_view(sight: Sight, obj: Complex, j: int) -> Complex:
    """Give what frame ``j`` sees of an object (L, Ho, Wo): (L, H, W).

    On whole pixels it is a part of ``obj``, between them an array of its own.
    """
    (y, x), (height, width) = sight.corners[j].tolist(), sight.shape
    if sight.shifts is None:
        return obj[:, y : y + height, x : x + width]
    v, u = sight.shifts[j].tolist()
    across = obj[:, y : y + height + 1, x : x + width + 1]
    across = across[..., :-1] + u * (across[..., 1:] - across[..., :-1])
    view: Complex = v * (across[:, 1:] - across[:, :-1])
    view += across[:, :-1]
    return view


def give_back(
    sight: Sight,
    target: npt.NDArray[Any],
    j: int,
    patch: npt.NDArray[Any],
    top: int = 0,
    *,
    left: int = 0,
) -> None:
    """Add what frame ``j`` has, (..., H, W), to what it sees: the adjoint of `take_view`.

    Parameters
    ----------
    target : (..., rows, columns)
        Rows ``top`` ... and columns ``left`` ... of an object; added to, in place.
    """
    (y, x), (height, width) = sight.corners[j].tolist(), sight.shape
    y, x = y - top, x - left
    if sight.shifts is None:
        target[..., y : y + height, x : x + width] += patch
        return
    v, u = sight.shifts[j].tolist()
    for row, down in ((y, 1.0 - v), (y + 1, v)):
        for column, right in ((x, 1.0 - u), (x + 1, u)):
            if down * right != 0.0:
                there = target[..., row : row + height, column : column + width]
                there += (down * right) * patch


def find_power(modes: Complex) -> Real:
    """Give the sum of |x|^2 over the modes: (K, H, W) to (H, W)."""
    power: Real = np.square(modes[0].real)
    power += np.square(modes[0].imag)
    for mode in modes[1:]:
        power += np.square(mode.real)
        power += np.square(mode.imag)
    return power


def against_probe(probe: Complex, waves: Complex, total: Complex) -> None:
    """Write the sum over m of conj(P_m) psi_ml.

    Parameters
    ----------
    probe : (M, H, W)
    waves : (M, L, H, W)
    total : (L, H, W)
        Overwritten.
    """
    np.multiply(np.conjugate(probe[0]), waves[0], out=total)
    for mode, wave in zip(probe[1:], waves[1:], strict=True):
        total += np.conjugate(mode) * wave


def against_object(view: Complex, waves: Complex, total: Complex) -> None:
    """Write the sum over l of conj(O_l) psi_ml.

    Parameters
    ----------
    view : (L, H, W)
    waves : (M, L, H, W)
    total : (M, H, W)
        Overwritten.
    """
    np.multiply(np.conjugate(view[0]), waves[:, 0], out=total)
    for k in range(1, len(view)):
        total += np.conjugate(view[k]) * waves[:, k]


class ObjectTotals:
    """What the frames of one thread give to the rows of the object that they reach.

    Added up in the order of the threads, so that the result does not depend on which is ready
    first.

    Parameters
    ----------
    sight : Sight
    first, last : int
        The thread's frames.
    like : (..., Ho, Wo)
        An array of the shape and type of what is added up.
    """

    def __init__(self, sight: Sight, first: int, last: int, like: npt.NDArray[Any]) -> None:
        rows = sight.corners[first:last, 0]
        self._sight = sight
        self._top = int(rows.min()) if len(rows) else 0
        reach = sight.shape[0] + (sight.shifts is not None)
        count = int(rows.max()) + reach - self._top if len(rows) else 0
        self._memory = np.zeros((*like.shape[:-2], count, like.shape[-1]), like.dtype)

    def give(self, j: int, patch: npt.NDArray[Any]) -> None:
        """Add (..., H, W) of frame ``j``."""
        give_back(self._sight, self._memory, j, patch, self._top)

    def add_to(self, target: npt.NDArray[Any]) -> None:
        """Add all to an array (..., Ho, Wo)."""
        target[..., self._top : self._top + self._memory.shape[-2], :] += self._memory
