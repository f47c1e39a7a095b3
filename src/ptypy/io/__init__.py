"""Files: HDF5 trees, prepared data (.ptyd), results (.ptyr), JSON, tables, images and streams.

Names are loaded when they are first used; importing this package reads nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ptypy.io import (
        frame_files,
        frame_source,
        h5rw,
        image_file,
        image_header,
        json_rw,
        ptyd,
        ptyr,
        stream,
        tables,
    )
    from ptypy.io._hdf5 import open_h5
    from ptypy.io.h5rw import h5append, h5info, h5options, h5read, h5write
    from ptypy.io.image_file import edfread, image_read
    from ptypy.io.json_rw import jread, jwrite
    from ptypy.io.stored_stack import frames_in

__all__ = [
    "edfread",
    "frame_files",
    "frame_source",
    "frames_in",
    "h5append",
    "h5info",
    "h5options",
    "h5read",
    "h5rw",
    "h5write",
    "image_file",
    "image_header",
    "image_read",
    "jread",
    "json_rw",
    "jwrite",
    "open_h5",
    "ptyd",
    "ptyr",
    "stream",
    "tables",
]

HOMES = {
    "edfread": "image_file",
    "frames_in": "stored_stack",
    "h5append": "h5rw",
    "h5info": "h5rw",
    "h5options": "h5rw",
    "h5read": "h5rw",
    "h5write": "h5rw",
    "image_read": "image_file",
    "jread": "json_rw",
    "jwrite": "json_rw",
    "open_h5": "_hdf5",
}
"""The module of this package that each function comes from."""


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(importlib.import_module(f"ptypy.io.{HOMES[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"ptypy.io.{name}")
    raise AttributeError(f"module 'ptypy.io' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
