"""Loaders: one beamline or detector layout a file.

A class of your own needs nothing from here but ``@register()``; see `ptypy.core.data.PtyScan`.
The loaders that ptypy brings are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ptypy import defaults_tree
from ptypy.core.data import PTYSCANS, find_scan, known_scans, register

if TYPE_CHECKING:
    from ptypy.experiment.array_scan import ArrayScan
    from ptypy.experiment.cxi import CxiScan
    from ptypy.experiment.dectris import DectrisScan
    from ptypy.experiment.dectris_stream import DectrisStream
    from ptypy.experiment.diamond_nexus import DiamondNexus
    from ptypy.experiment.folder_watch import FolderWatch
    from ptypy.experiment.hdf5_loader import Hdf5Loader, Hdf5LoaderFast
    from ptypy.experiment.image_stack import ImageStackScan
    from ptypy.experiment.swmr_loader import SwmrLoader
    from ptypy.experiment.zmq_stream import ZmqStream

__all__ = [
    "PTYSCANS",
    "ArrayScan",
    "CxiScan",
    "DectrisScan",
    "DectrisStream",
    "DiamondNexus",
    "FolderWatch",
    "Hdf5Loader",
    "Hdf5LoaderFast",
    "ImageStackScan",
    "SwmrLoader",
    "ZmqStream",
    "find_scan",
    "register",
]

HOMES = {
    "ArrayScan": "array_scan",
    "CxiScan": "cxi",
    "DectrisScan": "dectris",
    "DectrisStream": "dectris_stream",
    "DiamondNexus": "diamond_nexus",
    "FolderWatch": "folder_watch",
    "Hdf5Loader": "hdf5_loader",
    "Hdf5LoaderFast": "hdf5_loader",
    "ImageStackScan": "image_stack",
    "SwmrLoader": "swmr_loader",
    "ZmqStream": "zmq_stream",
}
"""The module of this package that each loader comes from: a new one adds its line here."""

defaults_tree.declare_source(
    "scandata", *sorted(f"{__name__}.{module}" for module in set(HOMES.values()))
)


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
    if not name.startswith("_") and name in (known := known_scans()):
        return known[name]  # a class of the user's own, which declared its parameters
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *known_scans()})
