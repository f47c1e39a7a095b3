"""Write results as plain HDF5 with the classes of NeXus: any viewer and any language reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ptypy.errors import DataError
from ptypy.io._hdf5 import replacing

__all__ = ["write_hdf5_result"]


def write_hdf5_result(path: str | Path, content: Mapping[str, Any]) -> list[str]:
    """Write objects and probes of a result as plain HDF5, with axes.

    ``/entry/object`` and ``/entry/probe`` (with the ID after their names if there are several) hold
    ``complex`` (layers, y, x), and of the first layer ``phase`` [rad] and ``amplitude``, with axes
    ``y`` and ``x`` [m]. A viewer shows the phase first.

    Returns
    -------
    list of str
        What has no place in it.

    Raises
    ------
    DataError
        If there is no picture in it.
    """
    pictures = [
        (word if len(content[part]) == 1 else f"{word}_{ID}", ID, storage)
        for part, word in (("obj", "object"), ("probe", "probe"))
        for ID, storage in (content.get(part) or {}).items()
    ]
    if not pictures:
        raise DataError(f"{path}: there are neither objects nor probes to write")
    with replacing(path) as file:
        file.attrs["NX_class"] = "NXroot"
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry.attrs["default"] = pictures[0][0]
        for name, ID, storage in pictures:
            _write_picture(entry.create_group(name), name, ID, storage)
        history = (content.get("runtime") or {}).get("iter_info") or []
        if history:
            entry["residual"] = [float(one.get("residual", np.nan)) for one in history]
    return ["parameters"] if content.get("pars") else []


def _write_picture(group: Any, name: str, ID: str, storage: Mapping[str, Any]) -> None:
    data = np.asarray(storage["data"])
    layer = data.reshape(-1, *data.shape[-2:])[0]
    signal, other = ("phase", "amplitude") if name.startswith("object") else ("amplitude", "phase")
    group.attrs["NX_class"] = "NXdata"
    group.attrs["signal"] = signal
    group.attrs["auxiliary_signals"] = [other]
    group.attrs["title"] = f"{name.partition('_')[0]} {ID}"
    group["complex"] = data
    group["phase"] = np.angle(layer).astype(np.float32)
    group["phase"].attrs["units"] = "rad"
    group["amplitude"] = np.abs(layer).astype(np.float32)
    if storage.get("_energy"):
        group["energy"] = float(storage["_energy"])
        group["energy"].attrs["units"] = "keV"
    psize = np.ravel(storage.get("_psize", ()))
    if psize.size not in (1, 2):
        return
    origin = np.ravel(storage.get("_origin", (0.0, 0.0)))
    for axis, size, first, count in zip(
        "yx",
        np.broadcast_to(psize, 2),
        np.broadcast_to(origin[-2:], 2),
        data.shape[-2:],
        strict=True,
    ):
        group[axis] = first + size * np.arange(count)
        group[axis].attrs["units"] = "m"
    group.attrs["axes"] = ["y", "x"]
