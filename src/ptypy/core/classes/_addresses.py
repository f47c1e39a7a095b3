"""Where many views lie, in arrays instead of objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ptypy.core.classes._view import View

__all__ = ["Addresses"]


@dataclass(slots=True, eq=False)
class Addresses:
    """Where in a storage each of N windows of one shape lies.

    The arrays stay the same objects for as long as the storage lives: when it grows,
    corners are moved in place, and everyone who holds them sees it.
    """

    shape: tuple[int, int]
    """Height and width of every window [px]."""
    coord: npt.NDArray[np.float64]
    """Where the window's pixel ``shape // 2`` should fall, shape (N, 2), (y, x) [m]."""
    corner: npt.NDArray[np.int64]
    """Upper left pixel of the window in the storage as it is now, shape (N, 2)."""
    layer: npt.NDArray[np.int64]
    """Layer of the storage that is seen, shape (N,)."""
    active: npt.NDArray[np.bool_] = field(init=False)
    """Whether the window counts when the storage is reshaped around its views, shape (N,)."""
    objects: list[View] = field(init=False, default_factory=list)
    """One `View` a row, from the moment on that somebody asked for them; empty before."""

    twins: list[Addresses] = field(init=False, default_factory=list)
    """The same windows on further layers: they share every array but `layer`."""

    def __post_init__(self) -> None:
        self.active = np.ones(len(self.corner), bool)

    def on_layer(self, layer: int) -> Addresses:
        """Give the same windows on another layer, to move wherever these do."""
        for twin in (self, *self.twins):
            if (twin.layer == layer).all():
                return twin
        twin = Addresses(self.shape, self.coord, self.corner, np.full_like(self.layer, layer))
        twin.active = self.active
        self.twins.append(twin)
        return twin

    def __len__(self) -> int:
        return len(self.corner)

    def box(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
        """First pixel, and first beyond the last, of the union of active windows; or None."""
        if not self.active.any():
            return None
        corner = self.corner[self.active]
        return corner.min(axis=0), corner.max(axis=0) + np.array(self.shape)
