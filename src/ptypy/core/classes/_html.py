"""Storages and containers as a notebook shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ptypy.utils.markup import card, fold, table
from ptypy.utils.thumbnail import image

if TYPE_CHECKING:
    from ptypy.core.classes._container import Container
    from ptypy.core.classes._storage import Storage

__all__ = ["ShownStorage", "container_as_html", "storage_as_html"]

SHOWN = 4
"""Most layers that are drawn."""


class ShownStorage:
    """The part of `Storage` that a notebook asks."""

    def _repr_html_(self) -> str:
        return storage_as_html(cast("Storage", self))


def storage_as_html(storage: Storage) -> str:
    """Give size and place, and pictures of the first layers."""
    layers, height, width = storage.data.shape
    rows = {
        "layers": f"{layers} of {height} x {width} px, {storage.dtype}",
        "pixel": " x ".join(f"{size:.6g}" for size in storage.psize) + " m",
        "origin": ", ".join(f"{place:.6g}" for place in storage.origin) + " m",
        "views": str(storage.num_views),
    }
    pictures = ""
    for number, layer in enumerate(storage.data[:SHOWN] if storage.data.size else ()):
        name = f"layer {number}: " if layers > 1 else ""
        if np.iscomplexobj(layer):
            pictures += image(np.abs(layer), f"{name}amplitude")
            turn = np.exp(-1j * np.angle(np.sum(layer)))
            pictures += image(np.angle(layer * turn), f"{name}phase", colours="bone")
        else:
            pictures += image(layer, f"{name}values", colours="magma")
    return card(f"Storage {storage.ID}", table(rows) + pictures)


def container_as_html(container: Container) -> str:
    """Give a line for each storage, behind which it is."""
    body = "".join(
        fold(storage.formatted_report(), storage_as_html(storage), is_open=number == 0)
        for number, storage in enumerate(container.storages.values())
    )
    count = len(container.storages)
    return card(f"Container {container.ID}", body, note=f"{count} storage{'s' * (count != 1)}")
