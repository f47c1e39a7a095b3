"""Which parameters of an HDF5 scan do not fit, before any file is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from ptypy.errors import Fault
from ptypy.utils.parameters import Param

__all__ = ["faults_of", "plain_paths", "range_faults"]

GROUPS = (
    "mask", "flatfield", "darkfield", "normalisation", "framefilter", "recorded_energy",
    "recorded_distance", "recorded_psize",
)  # fmt: skip
"""Groups that name a dataset, or nothing."""


def plain_paths(p: Param) -> None:
    """Turn paths of files into text, as the tree of parameters wants them."""
    for group in p.values():
        if isinstance(group, Param) and isinstance(group.get("file"), os.PathLike):
            group.file = os.fspath(group.file)


def faults_of(p: Param, *, has_motors: bool) -> list[Fault]:
    """Name everything that is missing or of no use.

    Parameters
    ----------
    p : Param
        Parameters of `Hdf5Loader`.
    has_motors : bool
        Whether positions are read from the files.
    """
    return [*_missing(p, has_motors), *_choices(p), *_electrons(p)]


def _missing(p: Param, has_motors: bool) -> Iterator[Fault]:
    needed = [("intensities", "file"), ("intensities", "key")]
    if has_motors:
        needed += [("positions", "file"), ("positions", "slow_key"), ("positions", "fast_key")]
    for group, name in needed:
        if p[group].get(name) is None:
            yield Fault(f"{group}.{name}", "None", "is needed to find the data")
    for group in GROUPS:
        file, key = p[group].get("file"), p[group].get("key")
        if file is None and key is not None:
            yield Fault(f"{group}.file", "None", f"is needed beside key {key!r}")
        if file is not None and key is None:
            yield Fault(f"{group}.key", "None", f"is needed beside file {file!r}")


def range_faults(p: Param) -> Iterator[Fault]:
    """Name bounds of a scan that are no ranges."""
    for axis in ("slow", "fast"):
        name = f"positions.bounding_box.{axis}_axis_bounds"
        if not _is_range(p[name]):
            yield Fault(name, repr(p[name]), "must be (first, last + 1) or the first alone")


def _choices(p: Param) -> Iterator[Fault]:
    yield from range_faults(p)
    padding = p.padding
    if padding is not None:
        edges = np.asarray(padding)
        whole = edges.dtype.kind in "iu" and edges.shape in ((), (4,))
        if not whole or (edges < 0).any():
            remedy = "must be (top, bottom, left, right), or one number for all, in pixels"
            yield Fault("padding", repr(padding), remedy)
    indices = p.frameorder.indices
    if indices is not None:
        order = np.asarray(indices)
        if order.dtype.kind not in "iu" or order.ndim != 1:
            remedy = "must be a list of frame numbers"
            yield Fault("frameorder.indices", f"{order.dtype} {order.shape}", remedy)


def _electrons(p: Param) -> Iterator[Fault]:
    if p.electron_data and p.recorded_energy.key is None and p.get("energy") is None:
        remedy = "is needed with `electron_data`: the energy of the electrons [keV]"
        yield Fault("energy", "None", remedy)


def _is_range(value: Any) -> bool:
    if value is None:
        return True
    ends = [n for n in np.atleast_1d(np.asarray(value, dtype=object)).tolist() if n is not None]
    if not all(isinstance(n, int | np.integer) and n >= 0 for n in ends):
        return False
    return np.ndim(value) == 0 or (np.shape(value) == (2,) and value[0] is not None)
