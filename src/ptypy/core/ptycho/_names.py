"""Names and times that a run notes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["free_label", "listed", "now", "script_name"]


def script_name() -> str:
    """Name a run after the script that makes it."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if not file or str(file).startswith("<"):
        return "ptypy"
    path = Path(file)
    return path.parent.name if path.stem == "__main__" else path.stem


def now() -> str:
    """Give the time as text, in the form that PtyPy 0.9 noted it."""
    return time.asctime()


def free_label(taken: Mapping[str, Any]) -> str:
    """Find a label for an engine that has none, after the numbered ones."""
    number = len(taken)
    while f"engine{number:02d}" in taken:
        number += 1
    return f"engine{number:02d}"


def listed(names: Iterable[str]) -> str:
    """Write names in a row."""
    return ", ".join(f"`{name}`" for name in names) or "none"
