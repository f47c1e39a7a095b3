"""A window on one layer of a storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.core.classes._addresses import Addresses
from ptypy.errors import DataError
from ptypy.utils.parameters import Param

if TYPE_CHECKING:
    from ptypy.core.classes._container import Container
    from ptypy.core.classes._pod import POD
    from ptypy.core.classes._storage import Storage

__all__ = ["DEFAULT_ACCESSRULE", "View"]

DEFAULT_ACCESSRULE = Param(
    storageID=None,
    shape=None,
    coord=None,
    psize=1.0,
    layer=0,
    active=True,
)
"""What a `View` made by hand can be told; copy it and fill it in."""


class View:
    """A window on one layer of a storage: `data` reads and writes what it sees.

    Parameters
    ----------
    container : Container
        Holds the storage.
    ID : str, optional
        Name of the view; the next free ``V0000`` if not given.
    accessrule : mapping, optional
        ``storageID``; ``shape`` [px], all of the storage if None; ``coord`` [m], where the
        window's pixel ``shape // 2`` falls, (y, x); ``layer``; ``active``; ``psize`` [m],
        needed only where the storage does not exist yet and is made for the view.
    **kwargs
        Entries of the access rule, given by name.
    """

    __slots__ = ("ID", "_pods", "_row", "_table", "owner", "storage")

    def __init__(
        self,
        container: Container,
        ID: str | None = None,
        accessrule: Any = None,
        **kwargs: Any,
    ) -> None:
        rule = {**DEFAULT_ACCESSRULE, **(accessrule or {}), **kwargs}
        storage = container.storages.get(rule["storageID"])
        if storage is None:
            shape = 1 if rule["shape"] is None else rule["shape"]
            psize = 1.0 if rule["psize"] is None else rule["psize"]
            storage = container.new_storage(rule["storageID"], shape=shape, psize=psize)
        shape = storage.shape[1:] if rule["shape"] is None else rule["shape"]
        height, width = (int(n) for n in np.broadcast_to(np.asarray(shape), (2,)))
        if rule["shape"] is None and rule["coord"] is None:
            # All of the storage, wherever its origin lies.
            rule["coord"] = (np.array([height, width]) // 2 - storage.center) * storage.psize
        coord = 0.0 if rule["coord"] is None else rule["coord"]
        table = storage.add_views(np.broadcast_to(coord, (1, 2)), (height, width), rule["layer"])
        table.active[0] = rule["active"]
        self._attach(storage, table, 0, container.name_view(ID))
        container.adopt_view(self)

    @classmethod
    def at(cls, storage: Storage, table: Addresses, row: int, ID: str) -> View:
        """Make the object for a window that exists as a row of addresses."""
        view = cls.__new__(cls)
        view._attach(storage, table, row, ID)
        return view

    def _attach(self, storage: Storage, table: Addresses, row: int, ID: str) -> None:
        self.owner = storage.owner
        self.storage = storage
        self.ID = ID
        self._table = table
        self._row = row
        self._pods: dict[str, POD] = {}

    # ------------------------------------------------------------ coordinates

    @property
    def address(self) -> tuple[Addresses, int]:
        """The table that holds where the window lies, and the row in it."""
        return self._table, self._row

    @property
    def storageID(self) -> str:
        """Name of the storage."""
        return self.storage.ID

    @property
    def shape(self) -> npt.NDArray[np.int64]:
        """Height and width [px]."""
        return np.array(self._table.shape)

    @property
    def psize(self) -> npt.NDArray[np.float64]:
        """Size of a pixel [m], (y, x)."""
        return self.storage.psize

    @property
    def layer(self) -> int:
        """Layer of the storage."""
        return int(self._table.layer[self._row])

    @layer.setter
    def layer(self, value: int) -> None:
        self._table.layer[self._row] = value

    @property
    def active(self) -> bool:
        """Whether the view counts when its storage is reshaped."""
        return bool(self._table.active[self._row])

    @active.setter
    def active(self, value: bool) -> None:
        self._table.active[self._row] = value

    @property
    def coord(self) -> npt.NDArray[np.float64]:
        """Where pixel ``shape // 2`` of the window should fall [m], (y, x)."""
        return np.array(self._table.coord[self._row])

    @coord.setter
    def coord(self, value: npt.ArrayLike) -> None:
        table, row = self._table, self._row
        table.coord[row] = value
        table.corner[row] = self.storage.corners_of(table.coord[row], table.shape)

    @property
    def pcoord(self) -> npt.NDArray[np.float64]:
        """`coord` in pixels of the storage, fractions included."""
        return self.coord / self.storage.psize + self.storage.center

    @property
    def dcoord(self) -> npt.NDArray[np.int64]:
        """Pixel of the storage on which the window's pixel ``shape // 2`` lies."""
        return self.dlow + self.shape // 2

    @property
    def dlow(self) -> npt.NDArray[np.int64]:
        """First pixel of the window."""
        return np.array(self._table.corner[self._row])

    @property
    def dhigh(self) -> npt.NDArray[np.int64]:
        """First pixel beyond the window."""
        return self.dlow + self.shape

    @property
    def sp(self) -> npt.NDArray[np.float64]:
        """What the window misses of its coordinate, in fractions of a pixel."""
        return self.pcoord - self.dcoord

    @property
    def index(self) -> tuple[int, slice, slice]:
        """What to index the storage's data with.

        Raises
        ------
        DataError
            If the window leaves its storage; `Storage.reformat` makes room for it.
        """
        (top, left), (bottom, right) = self.dlow, self.dhigh
        layers, height, width = self.storage.shape
        if top < 0 or left < 0 or bottom > height or right > width:
            raise DataError(
                f"view {self.ID} leaves its storage {self.storageID} of {height} x {width} px "
                f"(rows {top} to {bottom}, columns {left} to {right}): "
                "call reformat() on the storage or its container first"
            )
        if not 0 <= self.layer < layers:
            raise DataError(
                f"view {self.ID} looks at layer {self.layer} of storage {self.storageID}, "
                f"which has {layers}: call reformat() on the storage or its container first"
            )
        return self.layer, slice(top, bottom), slice(left, right)

    slice = property(lambda self: self.index, doc="The same as `index`.")

    # ----------------------------------------------------------------- values

    @property
    def data(self) -> npt.NDArray[Any]:
        """What the window sees, shape (H, W): a view on the storage, not a copy."""
        return np.asarray(self.storage.data[self.index])

    @data.setter
    def data(self, values: npt.ArrayLike) -> None:
        self.storage.data[self.index] = values

    @property
    def pods(self) -> dict[str, POD]:
        """The pods that use this view, by ID; those of a model are made when first asked for."""
        model: Any = getattr(getattr(self.owner, "owner", None), "model", None)
        if hasattr(model, "make_pods"):
            model.make_pods()
        return self._pods

    def join_pod(self, ID: str, pod: POD) -> None:
        """Note that a pod uses this view."""
        self._pods[ID] = pod

    @property
    def pod(self) -> POD | None:
        """The first of the pods that use this view."""
        return next(iter(self.pods.values()), None)

    def __repr__(self) -> str:
        return (
            f"<View {self.ID} on {self.storageID}[{self.layer}], "
            f"{self.shape[0]} x {self.shape[1]} px from {self.dlow[0]}, {self.dlow[1]}>"
        )
