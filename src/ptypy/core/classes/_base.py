"""What everything with an ID and an owner has in common."""

from __future__ import annotations

from collections.abc import Container as Collection
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Base", "dtype_of", "next_id"]

_KINDS: dict[str, tuple[str, type[Any]]] = {
    "complex": ("CType", np.complex64),
    "real": ("FType", np.float32),
}


class Base:
    """The root of a small hierarchy: an owner that containers and pods can belong to.

    Parameters
    ----------
    owner : object, optional
        What this belongs to.
    ID : str, optional
        Name among its siblings.

    Attributes
    ----------
    CType, FType : type
        Complex and real number types of the containers that it owns.
    containers : dict of Container
        What was made with this as its owner, by ID.
    known_pods : dict of POD
        Those that exist so far, by ID; `pods` has those that can be made, too.
    """

    CType: Any = np.complex64
    FType: Any = np.float32

    def __init__(self, owner: Any = None, ID: str | None = None) -> None:
        self.owner = owner
        self.ID = ID
        self.containers: dict[str, Any] = {}
        self.known_pods: dict[str, Any] = {}

    @property
    def pods(self) -> dict[str, Any]:
        """The pods by ID; those of a model that nobody asked for before are made now."""
        model: Any = getattr(self, "model", None)
        if hasattr(model, "make_pods"):
            model.make_pods()
        return self.known_pods


def next_id(prefix: str, taken: Collection[str], start: int) -> str:
    """Find the first free ID of the form ``V0000`` from a number on."""
    while f"{prefix}{start:04d}" in taken:
        start += 1
    return f"{prefix}{start:04d}"


def dtype_of(data_type: npt.DTypeLike, owner: Any) -> np.dtype[Any]:
    """Turn ``'complex'``, ``'real'`` or a dtype into the dtype that the owner works in."""
    if isinstance(data_type, str) and data_type in _KINDS:
        name, otherwise = _KINDS[data_type]
        return np.dtype(getattr(owner, name, otherwise))
    return np.dtype(data_type)
