"""The specification's way of choosing a loader: ``source`` and ``recipe``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptypy.core.data._registry import find_scan, known_scans, scan_name
from ptypy.errors import Fault, ParameterError
from ptypy.utils.parameters import Param

__all__ = ["spell_out"]

READING = ("dfile", "num_frames", "min_frames", "load_parallel", "label", "timeout")
"""Parameters that still act when frames are read as they were saved."""

COMPLETING = ("energy", "distance", "psize")
"""Parameters that hold then where the file does not say them."""

PREPARED = (".ptyd", ".h5", ".hdf5")
"""Endings of what `source` takes for a file of prepared frames even if it is not there."""


def spell_out(data: Any) -> Any:
    """Turn ``source`` and ``recipe`` of a scan's data into ``name`` and parameters.

    ``source`` may be

    * the name of a loader, in any case and with or without ``Scan`` at its end (``'numpy'`` is
      ``NumpyScan``); ``recipe`` holds the parameters that are its own, which may as well stand
      beside it;
    * the path of a ``.ptyd`` file, from which frames may be prepared further;
    * ``'file'``: read what an earlier run saved as ``dfile``. Everything else may stay as it was
      for that run, and is ignored, so that this one word is all that changes in a script; but
      energy, distance and pixel size hold where the file does not say them.

    Parameters
    ----------
    data : mapping
        ``scans.<label>.data``. What names no ``source`` is given back as it is.

    Raises
    ------
    ParameterError
        If ``source`` is none of these.
    """
    if not isinstance(data, Mapping):
        return data
    source, name = data.get("source"), data.get("name")
    if isinstance(source, os.PathLike):
        source = os.fspath(source)
    recipe = data.get("recipe") or {}
    if source == "file":
        asked = {**data, **recipe} if isinstance(recipe, Mapping) else data
        kept = {key: asked[key] for key in (*READING, *COMPLETING) if asked.get(key) is not None}
        return Param(kept, name="PtydScan", source="file")
    if isinstance(name, str):
        return _named(data, name)
    if not isinstance(source, str):
        return data
    rest = {key: value for key, value in data.items() if key not in ("source", "recipe", "name")}
    if source.lower().endswith(PREPARED) or Path(source).is_file():
        return Param(rest, name="PtydScan", source=source)
    return Param(rest | _own(recipe), name=_loader(source))


def _named(data: Mapping[str, Any], name: str) -> Param:
    """Give the parameters of a scan that names its class.

    A class may be called by its own name, too; the tree knows only the declared one.
    """
    cls, label = known_scans(name).get(name), _declared_name(name)
    if "recipe" not in data or cls is None or "recipe" in cls.DEFAULT:
        return Param(data, name=label)
    rest = {key: value for key, value in data.items() if key != "recipe"}
    return Param(rest | _own(data["recipe"] or {}), name=label)


def _own(recipe: Any) -> dict[str, Any]:
    """Give the parameters that are the loader's own."""
    if not isinstance(recipe, Mapping):
        fault = Fault("data.recipe", repr(recipe), "is to be the loader's own parameters, a dict")
        raise ParameterError([fault])
    return dict(recipe)


def _declared_name(name: str) -> str:
    """Give the name under which the class of this name declares its parameters."""
    cls = known_scans(name).get(name)
    return name if cls is None else scan_name(cls)


def _loader(source: str) -> str:
    """Find the loader that a source means."""
    wanted = source.lower()
    labels = {label.lower(): _declared_name(label) for label in known_scans(source)}
    for candidate in (wanted, f"{wanted}scan", f"{wanted}loader"):
        if candidate in labels:
            return labels[candidate]
    try:
        find_scan(source)
    except ParameterError as error:
        remedy = f"{error.faults[0].remedy}; a file of prepared frames ends with .ptyd"
        raise ParameterError([Fault("data.source", repr(source), remedy)]) from None
    return source
