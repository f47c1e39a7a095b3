"""The slices of a thick object, which lie on the pixels of its storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.engines._constraints import move

if TYPE_CHECKING:
    from ptypy.core.classes import Storage

__all__ = ["Slices"]

Complex = npt.NDArray[np.complex64]
Part = tuple[slice, slice]


class Slices:
    """Slices whose product is the object.

    The first is what the object was, all others are empty: of transmission 1.

    Parameters
    ----------
    storage : Storage
        The object.
    count : int
        How many slices.
    """

    def __init__(self, storage: Storage, count: int) -> None:
        self.storage = storage
        self.data: Complex = np.empty((0, 0, 0), np.complex64)
        """The slices in the order in which light meets them, shape (S, Ho, Wo)."""
        self._center = storage.center
        self._begin(count)

    def take_over(self) -> None:
        """Follow the object: grow with it, and begin anew if others have changed it."""
        before, center = self.data, self._center
        self._begin(len(before))
        here, there = self._overlap(before, center)
        if np.array_equal(self.data[0][here], before.prod(axis=0)[there]):
            self.data[(slice(None), *here)] = before[(slice(None), *there)]

    def restore(self, data: Complex, center: npt.ArrayLike) -> None:
        """Put slices back that were saved, at their place in the object as it is now."""
        here, there = self._overlap(data, np.asarray(center))
        self.data[(slice(None), *here)] = data[(slice(None), *there)]

    def multiply(self) -> None:
        """Make the product of the slices the object."""
        np.prod(self.data, axis=0, out=self.storage.data[0])

    def move(self, shift: tuple[int, int]) -> None:
        """Move all slices by whole pixels; what comes in is empty."""
        move(self.data, shift, fill=1.0)
        self.multiply()

    def describe(self) -> dict[str, Any]:
        """Give what is to be saved of the slices, under the names that storages use."""
        return {
            "data": self.data.copy(),
            "_psize": self.storage.psize,
            "_center": self._center,
            "_origin": self.storage.origin,
        }

    def _begin(self, count: int) -> None:
        """Put all that there is into the first slice."""
        self._center = self.storage.center
        self.data = np.ones((count, *self.storage.data.shape[1:]), np.complex64)
        self.data[0] = self.storage.data[0]

    def _overlap(self, data: Complex, center: npt.NDArray[np.float64]) -> tuple[Part, Part]:
        """Say where an array with its own centre pixel meets the object: here, and there."""
        here, there = [], []
        for axis in (0, 1):
            shift = round(float(self._center[axis] - center[axis]))
            first = max(shift, 0)
            last = max(min(shift + data.shape[1 + axis], self.data.shape[1 + axis]), first)
            here.append(slice(first, last))
            there.append(slice(first - shift, last - shift))
        return (here[0], here[1]), (there[0], there[1])
