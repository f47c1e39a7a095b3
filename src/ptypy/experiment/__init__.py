"""Loaders: one beamline or detector layout a file.

A class of your own needs nothing from here but ``@register()``; see `ptypy.core.data.PtyScan`.
The loaders that ptypy brings are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ptypy import defaults_tree
from ptypy.core.data import PTYSCANS, find_scan, register

if TYPE_CHECKING:
    from ptypy.experiment.hdf5_loader import Hdf5Loader

__all__ = ["PTYSCANS", "Hdf5Loader", "find_scan", "register"]

HOMES = {"Hdf5Loader": "hdf5_loader"}
"""The module of this package that each loader comes from: a new one adds its line here."""

defaults_tree.declare_source(
    "scandata", *sorted(f"{__name__}.{module}" for module in set(HOMES.values()))
)


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
