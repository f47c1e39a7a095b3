"""Small things that loaders ask of strings and file names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

__all__ = ["clean_path", "isstr"]


def isstr(s: Any) -> bool:
    """Say whether something is a string."""
    return isinstance(s, str)


def clean_path(filename: str | Path) -> str:
    """Write a path in full: absolute, ``~`` and variables replaced, no ``..`` left."""
    # Path.resolve() would follow links, and the data behind a link may move.
    return os.path.abspath(os.path.expandvars(Path(filename).expanduser()))  # noqa: PTH100
