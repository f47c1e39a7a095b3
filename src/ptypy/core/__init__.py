"""The objects of a reconstruction, from prepared frames to `Ptycho`.

Names are resolved when they are first used, so that asking for one part of this package does
not load the others.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ptypy.core import (
        classes,
        data,
        geometry,
        illumination,
        manager,
        paths,
        ptycho,
        sample,
        save_load,
        xy,
    )
    from ptypy.core.classes import POD, Base, Container, Storage, View
    from ptypy.core.manager import ModelManager
    from ptypy.core.ptycho import Ptycho

__all__ = [
    "POD",
    "Base",
    "Container",
    "ModelManager",
    "Ptycho",
    "Storage",
    "View",
    "classes",
    "data",
    "geometry",
    "illumination",
    "manager",
    "paths",
    "ptycho",
    "sample",
    "save_load",
    "xy",
]

HOMES = {
    "POD": "classes",
    "Base": "classes",
    "Container": "classes",
    "ModelManager": "manager",
    "Ptycho": "ptycho",
    "Storage": "classes",
    "View": "classes",
}
"""The module of this package that each class comes from."""


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(importlib.import_module(f"ptypy.core.{HOMES[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"ptypy.core.{name}")
    raise AttributeError(f"module 'ptypy.core' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
