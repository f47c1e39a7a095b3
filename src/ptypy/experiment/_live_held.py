"""Frames that wait for a missing one before them, or for their position."""

from __future__ import annotations

import heapq
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Held", "Item", "Position"]

Position = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Item:
    """A frame that waits."""

    index: int
    data: npt.NDArray[Any]
    position: Position | None = None
    mask: npt.NDArray[np.bool_] | None = None

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.data.nbytes + (0 if self.mask is None else self.mask.nbytes)


class Held:
    """Frames by their indices; the first of them is found without looking at all of them.

    Examples
    --------
    >>> held = Held()
    >>> held.put(Item(7, np.zeros((2, 2))), is_complete=True)
    >>> held.put(Item(3, np.zeros((2, 2))), is_complete=False)
    >>> held.first, held.first_complete, held.num_complete, held.nbytes
    (3, 7, 1, 64)
    """

    def __init__(self) -> None:
        self._items: dict[int, Item] = {}
        self._complete: set[int] = set()
        # What was taken out stays in these heaps until it comes to their top.
        self._order: list[int] = []
        self._complete_order: list[int] = []
        self.nbytes = 0
        """Memory that all of them take."""

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, index: int) -> bool:
        return index in self._items

    def __getitem__(self, index: int) -> Item:
        return self._items[index]

    @property
    def num_complete(self) -> int:
        """How many wait only for others."""
        return len(self._complete)

    @property
    def first(self) -> int | None:
        """Smallest index."""
        return _top(self._order, self._items)

    @property
    def first_complete(self) -> int | None:
        """Smallest index of a complete frame."""
        return _top(self._complete_order, self._complete)

    def put(self, item: Item, *, is_complete: bool) -> None:
        """Add a frame, or put it in the place of the one of this index."""
        index = item.index
        if index in self._items:
            self.pop(index)
        self._items[index] = item
        self.nbytes += item.nbytes
        heapq.heappush(self._order, index)
        if is_complete:
            self._complete.add(index)
            heapq.heappush(self._complete_order, index)

    def pop(self, index: int) -> Item:
        """Take a frame out."""
        item = self._items.pop(index)
        self._complete.discard(index)
        self.nbytes -= item.nbytes
        return item


def _top(heap: list[int], valid: Container[int]) -> int | None:
    while heap and heap[0] not in valid:
        heapq.heappop(heap)
    return heap[0] if heap else None
