"""The entries of one chunk, of the geometry, and links: each accepted in every form it comes in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError
from ptypy.io._decode import Decoder, kind_of

__all__ = [
    "COMMON_KEY",
    "SCAN_ID",
    "WEIGHT2D",
    "common_mask",
    "entry",
    "indices_of",
    "plain_meta",
    "positions_of",
    "resolve_link",
]

SCAN_ID = "scan_id"
"""Attribute of ``chunks``, and of chunk files, that tells one run's frames from another's."""

COMMON_KEY = "weight2d"

WEIGHT2D = f"meta/{COMMON_KEY}"
"""Where a mask that all chunks share is stored. PtyPy 0.9 takes every entry of ``meta`` for a
parameter, and its PtydScan looks for its common mask in the parameter ``weight2d``."""

COMMON_MASKS = (WEIGHT2D, "common/weight2d", "info/weight2d")
"""Where a common mask may be; ``info/weight2d`` is mostly a bool that says there was one."""

NUMBERS = {"num_frames": int, "energy": float, "distance": float}
"""Entries of ``meta`` that are one number."""

PAIRS = ("shape", "psize", "center")
"""Entries of ``meta`` that are one number, or one for each axis."""


def entry(group: Any, name: str) -> Any:
    """Give an entry of a group; None if it is not there, empty, or says 'None'."""
    node = group.get(name)
    if isinstance(node, h5py.Dataset):
        if kind_of(node) == "None" or not node.size:
            return None
        if node.shape == () and h5py.check_string_dtype(node.dtype):
            return None if node[()] in (b"None", b"") else node
    if isinstance(node, h5py.Group) and not len(node):
        return None
    return node


def indices_of(group: Any, path: Path) -> npt.NDArray[np.int64] | None:
    """Read the scan-point indices of a chunk, (M,); None if it has none.

    Raises
    ------
    ValueError
        If they are not whole numbers.
    """
    node = entry(group, "indices")
    if node is None:
        return None
    given = np.asarray(Decoder(path).decode(node))
    if given.dtype.kind not in "iuf" or given.ndim > 2:
        raise ValueError(f"`indices` are {given.dtype} of shape {given.shape}, not whole numbers")
    whole = given.reshape(-1).astype(np.int64)
    if not np.array_equal(whole, given.reshape(-1)):
        raise ValueError("`indices` are not whole numbers")
    return whole


def positions_of(group: Any, path: Path) -> npt.NDArray[np.float64] | None:
    """Read the positions of a chunk; None if it has none.

    Raises
    ------
    ValueError
        If they are not numbers, two to a frame.
    """
    node = entry(group, "positions")
    if node is None:
        return None
    given = Decoder(path).decode(node)
    # PtyPy 0.9 stores a list of None where it knew no positions.
    if isinstance(given, list | tuple) and all(item is None for item in given):
        return None
    try:
        positions = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError("`positions` are not all numbers") from error
    if positions.ndim != 2 or positions.shape[1] != 2:
        raise ValueError(f"`positions` have shape {positions.shape}, not (frames, 2): (y, x) [m]")
    if not np.isfinite(positions).all():
        raise ValueError("`positions` hold values that are not finite numbers")
    return positions


def common_mask(file: Any) -> npt.NDArray[Any] | None:
    """Read the mask that holds where a chunk has no weights of its own, (H, W); None if none."""
    for name in COMMON_MASKS:
        node = file.get(name)
        if isinstance(node, h5py.Dataset) and node.ndim == 2:
            return np.asarray(node[...])
    return None


def plain_meta(meta: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Bring entries of ``meta`` into plain form, whoever wrote them.

    Returns
    -------
    entries : dict
        Those that say something: no None, no 'None', no common mask.
    faults : list of str
        Entries that cannot be what they should be.
    """
    entries: dict[str, Any] = {}
    faults = []
    for name, given in meta.items():
        value = _unwrapped(given)
        if value is None or name == "weight2d" or (isinstance(value, str) and value == "None"):
            continue
        try:
            entries[name] = _as_expected(name, value)
        except (TypeError, ValueError):
            expected = "a number" if name in NUMBERS else "one or two numbers"
            faults.append(f"meta/{name}: is {value!r}; it should be {expected}")
    return entries, faults


def _unwrapped(value: Any) -> Any:
    # A single text may come as an array of one.
    if isinstance(value, np.ndarray) and (value.ndim == 0 or _is_one_text(value)):
        value = value.reshape(-1)[0]
    if isinstance(value, np.generic):
        value = value.item()
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _is_one_text(array: npt.NDArray[Any]) -> bool:
    return array.size == 1 and array.dtype.kind in "OSU"


def _as_expected(name: str, value: Any) -> Any:
    if name in NUMBERS:
        number = np.asarray(value, dtype=np.float64).reshape(())  # also of shape (1,) or (1, 1)
        if NUMBERS[name] is int and number != np.floor(number):
            raise ValueError(name)
        return NUMBERS[name](number)
    if name in PAIRS and not isinstance(value, str | int | float):
        pair = np.asarray(value).reshape(-1)
        if pair.dtype.kind not in "iuf" or pair.size not in (1, 2):
            raise ValueError(name)
        return pair if pair.size == 2 else pair[0].item()
    return value


def resolve_link(master: Path, link: Any) -> Path:
    """Find the file that a link of a master file means.

    Links are relative to the master file. Those of PtyPy 0.9 are relative to the directory it
    was started in; when such a set has been moved, the files still lie beside the master.

    Raises
    ------
    FormatError
        If the file is nowhere, naming it.
    """
    named = Path(os.fspath(link.filename))
    places = [master.parent / named, Path.cwd() / named, master.parent / named.name]
    for place in places:
        if place.is_file():
            return place
    raise FormatError(f"links to {named}, which is not there; put it beside {master.name}")
