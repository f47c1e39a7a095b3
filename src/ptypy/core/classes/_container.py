"""All storages of one kind: the probes of a run, its objects, its frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.classes._addresses import Addresses
from ptypy.core.classes._base import dtype_of, next_id
from ptypy.core.classes._storage import Storage
from ptypy.core.classes._view import View
from ptypy.errors import DataError

__all__ = ["Container"]

Operation = Callable[..., Any]


class Container:
    """The storages of one kind, by ID.

    Arithmetic in place (``+=``, ``-=``, ``*=``, ``/=``, ``<<`` to take over values) works with
    numbers and with other containers that hold storages of the same IDs and shapes.

    Parameters
    ----------
    owner : object, optional
        What it belongs to, usually a `Ptycho`; its ``CType`` and ``FType`` say what
        ``'complex'`` and ``'real'`` mean.
    ID : str, optional
        Name, by custom starting with C: ``'Cprobe'``.
    data_type : str or dtype
        ``'complex'``, ``'real'``, or a numpy dtype such as ``bool``.
    distribution : {'cloned', 'scattered'}
        Whether every process holds all of it or a part; for the record.
    """

    def __init__(
        self,
        owner: Any = None,
        ID: str | None = None,
        data_type: npt.DTypeLike = "complex",
        distribution: str = "cloned",
    ) -> None:
        self.owner = owner
        self.data_type = data_type
        self.distribution = distribution
        siblings = getattr(owner, "containers", None)
        siblings = siblings if isinstance(siblings, dict) else {}
        self.ID = next_id("C", siblings, len(siblings)) if ID is None else ID
        siblings[self.ID] = self
        self.storages: dict[str, Storage] = {}
        self._views: dict[str, View] = {}

    # --------------------------------------------------------------- contents

    @property
    def S(self) -> dict[str, Storage]:
        """The storages by ID; the same as `storages`."""
        return self.storages

    @property
    def views(self) -> dict[str, View]:
        """The views by ID; those that nobody asked for before are made now."""
        for storage in self.storages.values():
            for table in storage.tables:
                self.objects_of(storage, table)
        return self._views

    V = views

    @property
    def num_views(self) -> int:
        """How many views there are; makes no object of any."""
        return sum(storage.num_views for storage in self.storages.values())

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers of new storages."""
        return dtype_of(self.data_type, self.owner)

    @property
    def size(self) -> int:
        """Number of values in all storages."""
        return sum(storage.data.size for storage in self.storages.values())

    @property
    def nbytes(self) -> int:
        """Memory of all storages [bytes]."""
        return sum(storage.data.nbytes for storage in self.storages.values())

    def new_storage(self, ID: str | None = None, **kwargs: Any) -> Storage:
        """Make a storage; ``kwargs`` are those of `Storage`.

        Parameters
        ----------
        ID : str, optional
            Its name; the next free ``S0000`` if not given.

        Raises
        ------
        DataError
            If there is one of that name.
        """
        name = next_id("S", self.storages, len(self.storages)) if ID is None else str(ID)
        if name in self.storages:
            raise DataError(f"container {self.ID} has a storage {name} already")
        self.storages[name] = Storage(self, name, **kwargs)
        return self.storages[name]

    def views_in_storage(self, s: Storage, active_only: bool = True) -> list[View]:
        """List the views on one storage."""
        return [view for view in s.views if view.active or not active_only]

    def objects_of(self, storage: Storage, table: Addresses) -> list[View]:
        """Give the views that a table of addresses stands for, made at the first call."""
        for row in range(len(table.objects), len(table)):
            view = View.at(storage, table, row, self.name_view(None))
            table.objects.append(view)
            self._views[view.ID] = view
        return table.objects

    def adopt_view(self, view: View) -> None:
        """Take in a view that was made by hand."""
        table, _ = view.address
        table.objects.append(view)
        self._views[view.ID] = view

    def name_view(self, ID: str | None) -> str:
        """Give the next free ID of a view, or the one that is asked for."""
        return ID or next_id("V", self._views, len(self._views))

    # ----------------------------------------------------------------- values

    def fill(self, fill: complex | npt.ArrayLike = 0.0) -> None:
        """Set all values of all storages."""
        for storage in self.storages.values():
            storage.fill(fill)

    def clear(self) -> None:
        """Forget all storages and views."""
        self.storages.clear()
        self._views.clear()

    def reformat(self) -> None:
        """Fit every storage around its active views; see `Storage.reformat`."""
        for storage in self.storages.values():
            storage.reformat()

    def copy(self, ID: str | None = None, fill: complex | None = None) -> Container:
        """Copy all storages into a new container of the same owner.

        Views of this container work on the copy: ``copy[view]`` reads there what
        ``self[view]`` reads here, until one of the two is reshaped.

        Parameters
        ----------
        ID : str, optional
            Name of the copy.
        fill : number, optional
            Value of the copy instead of the values here.
        """
        twin = Container(self.owner, ID, self.data_type)
        for name, storage in self.storages.items():
            storage.copy(twin, name, fill)
        return twin

    def allreduce(self, op: Any = None) -> None:
        """Combine the values of all processes in place, summing unless told otherwise."""
        from ptypy.utils import parallel

        for storage in self.storages.values():
            parallel.allreduce(storage.data, op)

    def __getitem__(self, view: View) -> npt.NDArray[Any]:
        """Give what a view of this container, or of one it was copied from, sees here."""
        return self._storage_of(view)[view]

    def __setitem__(self, view: View, values: npt.ArrayLike) -> None:
        self._storage_of(view)[view] = values

    def _storage_of(self, view: View) -> Storage:
        try:
            return self.storages[view.storageID]
        except KeyError:
            raise DataError(
                f"container {self.ID} has no storage {view.storageID} for view {view.ID}"
            ) from None

    # ------------------------------------------------------------- arithmetic

    def __iadd__(self, other: Any) -> Container:
        return self._combine(other, np.add)

    def __isub__(self, other: Any) -> Container:
        return self._combine(other, np.subtract)

    def __imul__(self, other: Any) -> Container:
        return self._combine(other, np.multiply)

    def __itruediv__(self, other: Any) -> Container:
        return self._combine(other, np.divide)

    def __lshift__(self, other: Any) -> Container:
        """Take over the values of another container, or a number."""
        for storage, values in self._pairs(other):
            storage.data[...] = values
        return self

    def _combine(self, other: Any, operation: Operation) -> Container:
        for storage, values in self._pairs(other):
            operation(storage.data, values, out=storage.data)
        return self

    def _pairs(self, other: Any) -> Iterator[tuple[Storage, Any]]:
        """Meet each storage with its partner's values; all partners are looked up first."""
        if not isinstance(other, Container):
            yield from ((storage, other) for storage in self.storages.values())
            return
        for name, storage in self.storages.items():
            partner = other.storages.get(name)
            if partner is None or partner.shape != storage.shape:
                found = "has none" if partner is None else f"has one of shape {partner.shape}"
                raise DataError(
                    f"containers {self.ID} and {other.ID} do not match: storage {name} has shape "
                    f"{storage.shape} here, the other {found}"
                )
        for name, storage in self.storages.items():
            yield storage, other.storages[name].data

    # ----------------------------------------------------------------- report

    def formatted_report(self) -> str:
        """Tell what is in here, a line for each storage."""
        head = (
            f"{self.ID}: {len(self.storages)} storages of {self.dtype}, "
            f"{self.nbytes / 1e6:.1f} MB, {self.num_views} views"
        )
        lines = [f"  {storage.formatted_report()}" for storage in self.storages.values()]
        return "\n".join([head, *lines])

    report = formatted_report

    def __repr__(self) -> str:
        return f"<Container {self.formatted_report()}>"

    def _repr_html_(self) -> str:
        from ptypy.core.classes._html import container_as_html

        return container_as_html(self)
