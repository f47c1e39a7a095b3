"""Whether frames that are saved already were prepared as those that are to follow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ptypy.errors import Fault

__all__ = ["FOUND", "differences"]

FREE = frozenset({
    "chunk_format", "compression", "dfile", "found_bad_pixels", "found_center", "found_shape",
    "load_parallel", "min_frames", "num_frames", "resume", "save", "timeout", "version",
})  # fmt: skip
"""Parameters that change nothing in a frame."""

FOUND = ("energy", "distance", "psize")
"""What data may say themselves: where nobody gives it now, that which is stored holds on."""

LISTS = frozenset({"positions_scan", "positions_theory"})
"""One row for each frame: those of frames that are to follow may be new."""


def differences(asked: Mapping[str, Any], stored: Mapping[str, Any], frames: int) -> list[Fault]:
    """Compare the parameters of a preparation with those in a file.

    Parameters
    ----------
    asked : mapping
        What is asked for now. None for a number of `FOUND` that nobody gave.
    stored : mapping
        What the file was prepared with. What it does not mention is not compared.
    frames : int
        How many frames are in the file.

    Returns
    -------
    list of Fault
        One for every parameter that differs and has a say in what a frame looks like.
    """
    faults = []
    for name in sorted(asked.keys() & stored.keys() - FREE):
        mine, theirs = asked[name], stored[name]
        if name in FOUND and mine is None:
            continue
        if name in LISTS and mine is not None and theirs is not None:
            mine, theirs = np.asarray(mine)[:frames], np.asarray(theirs)[:frames]
        if _plain(mine) != _plain(theirs):
            remedy = (
                f"the frames in the file were prepared with {_short(theirs)}: take that, or "
                "prepare the scan anew, without `resume`"
            )
            faults.append(Fault(name, _short(mine), remedy))
    return faults


def _plain(value: Any) -> Any:
    """Bring a value into a form in which it compares as what it means."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size > 4:
        return f"an array of {' x '.join(str(n) for n in value.shape)}"
    plain = _plain(value)
    text = repr(plain)
    return text if len(text) < 60 else f"{text[:57]}..."
