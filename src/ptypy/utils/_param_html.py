"""A tree of parameters as a notebook shows it: branches that fold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ptypy.utils.markup import card, fold, table

__all__ = ["param_as_html"]

OPEN = 1
"""Levels that are open to begin with."""
DEEPEST = 12
LONGEST = 120
"""Characters that a value is cut to."""
MOST = 200
"""Entries of a branch that are shown."""


def param_as_html(tree: Mapping[str, Any]) -> str:
    """Give a tree as one piece of HTML."""
    return card(type(tree).__name__, _branch(tree, 0, ()), note=f"{len(tree)} entries")


def _branch(tree: Mapping[str, Any], level: int, above: tuple[int, ...]) -> str:
    if id(tree) in above or level > DEEPEST:
        return "..."
    parts, leaves = [], {}
    for key, value in list(tree.items())[:MOST]:
        if isinstance(value, Mapping):
            inside = _branch(value, level + 1, (*above, id(tree)))
            parts.append(fold(f"{key} ({len(value)})", inside, is_open=level < OPEN))
        else:
            leaves[str(key)] = _value(value)
    if len(tree) > MOST:
        leaves["..."] = f"{len(tree) - MOST} more"
    return (table(leaves) if leaves else "") + "".join(parts)


def _value(value: Any) -> str:
    """Write a value, short; never fails."""
    if isinstance(value, np.ndarray) and value.ndim:
        shape = " x ".join(str(n) for n in value.shape)
        if value.size > 8:
            return f"array, {shape}, {value.dtype}"
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 -- a strange value must not hide the others
        text = f"{type(value).__name__} ({type(error).__name__})"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
