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
        product = before.prod(axis=0)
        self._begin(len(before))
        rows, columns = self._window(before, center)
        now = self.data[0, rows, columns]
        if now.shape == product.shape and np.array_equal(now, product):
            self.data[:, rows, columns] = before

    def restore(self, data: Complex, center: npt.ArrayLike) -> None:
        """Put slices back that were saved, at their place in the object as it is now."""
        self.data[(slice(None), *self._window(data, np.asarray(center)))] = data

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

    def _window(self, data: Complex, center: npt.NDArray[np.float64]) -> tuple[slice, slice]:
        """Say where an array with its own centre pixel lies in the object."""
        y, x = (round(float(n)) for n in self._center - center)
        height, width = data.shape[1:]
        return slice(y, y + height), slice(x, x + width)
