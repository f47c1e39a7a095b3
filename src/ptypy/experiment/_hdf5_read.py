"""Reading single datasets and stretches of frames from HDF5 files."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, Fault, ParameterError
from ptypy.io import open_h5
from ptypy.utils.parameters import Param

__all__ = ["dataset_of", "read_dataset", "read_frames", "read_numbers", "require_sources"]


def dataset_of(file: Any, where: Param, name: str) -> Any:
    """Find the dataset that a group of parameters names, in its open file."""
    found = file.get(where.key)
    if found is not None and hasattr(found, "shape"):
        return found
    # The names beside the one that was meant, or, if there is no such group, at the top.
    group = file.get(where.key.rpartition("/")[0] or "/") if found is None else found
    group, place = (group, group.name) if hasattr(group, "keys") else (file, "/")
    wrong = "no dataset" if found is None else "a group and no dataset"
    raise DataError(
        f"{name}: {where.file} has {wrong} {where.key!r}; {place} holds "
        f"{', '.join(sorted(group)) or 'nothing'}"
    )


def read_numbers(where: Param, name: str) -> npt.NDArray[np.float64]:
    """Read a dataset that should hold real numbers."""
    stored = np.asarray(read_dataset(where, name))
    if stored.dtype.kind not in "biuf":
        raise DataError(f"{name}: {where.file}:{where.key} holds {stored.dtype}, not real numbers")
    return stored.astype(np.float64)


def read_dataset(where: Param, name: str) -> Any:
    """Read the dataset that a group of parameters names."""
    if where.file is None:
        raise ParameterError([Fault(f"{name}.file", "None", f"is needed beside key {where.key!r}")])
    with open_h5(where.file) as file:
        return dataset_of(file, where, name)[()]


def read_frames(
    dataset: Any, outer: int | None, numbers: npt.NDArray[np.int64]
) -> npt.NDArray[Any]:
    """Read frames by number, each stretch of neighbours in one piece."""
    lead = () if outer is None else (outer,)
    scan_shape = dataset.shape[len(lead) : -2]
    line = scan_shape[-1]
    frames = np.empty((len(numbers), *dataset.shape[-2:]), dtype=dataset.dtype)
    jumps = (np.diff(numbers) != 1) | (numbers[1:] % line == 0)
    edges = np.concatenate([[0], np.flatnonzero(jumps) + 1, [len(numbers)]])
    for start, stop in pairwise(edges):
        if start == stop:
            continue
        *row, column = np.unravel_index(numbers[start], scan_shape)
        source = (*lead, *(int(r) for r in row), slice(int(column), int(column) + stop - start))
        dataset.read_direct(frames, np.s_[source], np.s_[start:stop])
    return frames


def require_sources(p: Param) -> None:
    """Name everything that is missing before a file is opened."""
    faults = [
        Fault(f"{group}.{name}", "None", "is needed to find the data")
        for group, name in (
            ("intensities", "file"), ("intensities", "key"),
            ("positions", "file"), ("positions", "slow_key"), ("positions", "fast_key"),
        )
        if p[group][name] is None
    ]  # fmt: skip
    if p.electron_data:
        faults.append(Fault("electron_data", "True", "is not supported yet; leave it False"))
    if faults:
        raise ParameterError(faults)
