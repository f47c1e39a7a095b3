"""Results of reconstructions: the ``.ptyr`` file.

``/header`` says what the file is, ``/content`` holds probes, objects, parameters and history.
PtyPy 0.9 reads these files, and its own are read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py

from ptypy.errors import FormatError
from ptypy.io._change import creating
from ptypy.io._decode import Decoder
from ptypy.io._encode import encode_tree, size_of
from ptypy.io._hdf5 import open_h5, stamp
from ptypy.io._nodes import write_node
from ptypy.io.h5rw import h5options
from ptypy.utils.parameters import Param

__all__ = ["read_header", "read_run", "write_run"]


def write_run(
    path: str | Path, content: Mapping[str, Any], description: str, *, kind: str | None = None
) -> None:
    """Write the result of a run.

    The file is there completely or not at all; one that was there before is replaced.

    Parameters
    ----------
    path : path
        Missing directories are made.
    content : mapping
        ``probe`` and ``obj``, dictionaries of storages by ID, and whatever else belongs to the
        run. Viewers show the first object.
    description : str
        What the file is, for people.
    kind : str, optional
        What the file is, for programs; ``description`` if not given.

    Raises
    ------
    DataError
        If there are values that HDF5 has no form for; it names every one.
    FormatError
        If the file cannot be written.
    """
    header = {"kind": kind or description, "description": description}
    nodes = encode_tree({"header": header, "content": Param(content)})
    with creating(path, sum(size_of(node) for node in nodes.values())) as file:
        stamp(file, h5options["H5RW_VERSION"])
        for name, node in nodes.items():
            write_node(file, name, node)
        _point_viewers(file)


def _point_viewers(file: Any) -> None:
    """Lead viewers to the picture of the object, by the default-plot attributes of NeXus."""
    file.attrs["NX_class"] = "NXroot"
    file.attrs["default"] = "content"
    content = file["content"]
    content.attrs["NX_class"] = "NXentry"
    for name in ("probe", "obj"):
        storages = content.get(name)
        if not isinstance(storages, h5py.Group):
            continue
        pictures = [key for key in storages if _is_picture(storages[key])]
        for key in pictures:
            storages[key].attrs["NX_class"] = "NXdata"
            storages[key].attrs["signal"] = "data"
            storages[key].attrs["title"] = f"{'object' if name == 'obj' else name} {key}"
            storages[key]["data"].attrs["interpretation"] = "image"
        if pictures:
            storages.attrs["NX_class"] = "NXcollection"
            storages.attrs["default"] = pictures[0]
            content.attrs["default"] = name


def _is_picture(storage: Any) -> bool:
    data = storage.get("data") if isinstance(storage, h5py.Group) else None
    return isinstance(data, h5py.Dataset) and data.ndim >= 2


def read_run(path: str | Path) -> dict[str, Any]:
    """Read the content of a result.

    Returns
    -------
    dict
        What `write_run` was given as ``content``.

    Raises
    ------
    FormatError
        If the file is missing, damaged, or not the result of a run.
    """
    content: dict[str, Any] = _read(path, "content")
    return content


def read_header(path: str | Path) -> dict[str, Any]:
    """Read what a result says about itself: ``kind`` and ``description``.

    Raises
    ------
    FormatError
        If the file is missing, damaged, or not the result of a run.
    """
    header: dict[str, Any] = _read(path, "header")
    return header


def _read(path: str | Path, part: str) -> Any:
    with open_h5(path) as file:
        if not isinstance(file.get(part), h5py.Group):
            raise FormatError(
                f"{path}: has no group {part!r}, so it is not the result of a run (.ptyr); "
                f"it holds {', '.join(file) or 'nothing'}"
            )
        return Decoder(path).decode(file[part])
