"""Every exception that ptypy raises on purpose.

    PtypyError
    ├── ParameterError   (ValueError, RuntimeError)  the parameter tree
    ├── DataError        (ValueError, RuntimeError)  frames, masks, positions that do not fit
    ├── FormatError      (OSError, RuntimeError)     a file that is not what it should be
    ├── GeometryError    (ValueError)                an impossible setup
    └── ParallelError    (RuntimeError)              processes that disagree

Each is also the builtin exception a caller would expect, and a RuntimeError where
PtyPy 0.9 raised one, so that scripts that catch those keep working.

A message says *where*, *what is wrong* and *what would be right*; all faults at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = [
    "DataError",
    "Fault",
    "FormatError",
    "GeometryError",
    "ParallelError",
    "ParameterError",
    "PtypyError",
]


class PtypyError(Exception):
    """Base of everything ptypy raises on purpose."""


class Fault(NamedTuple):
    """One thing that is wrong: a line of a `ParameterError`."""

    path: str
    """Where: the dotted path of the parameter."""
    value: str
    """What was found there, shortened for one line."""
    remedy: str
    """What is wrong with it and what would be right."""


class ParameterError(PtypyError, ValueError, RuntimeError):
    """One or more parameters do not fit the parameter tree."""

    faults: tuple[Fault, ...]

    def __init__(self, message: str | Sequence[Fault]) -> None:
        if isinstance(message, str):
            self.faults = ()
            super().__init__(message)
            return
        self.faults = tuple(message)
        super().__init__(_table(self.faults))


class DataError(PtypyError, ValueError, RuntimeError):
    """Frames, masks or positions do not fit one another or what was asked of them."""


class FormatError(PtypyError, OSError, RuntimeError):
    """A file is missing, truncated, or not of the form it should have."""


class GeometryError(PtypyError, ValueError):
    """A setup that cannot exist: negative distance, energy of zero, and so on."""


class ParallelError(PtypyError, RuntimeError):
    """Processes of one job disagree, or one of them failed."""


def _table(faults: tuple[Fault, ...]) -> str:
    """Lay faults out as aligned columns under a headline."""
    plural = (
        "1 parameter does not fit" if len(faults) == 1 else f"{len(faults)} parameters do not fit"
    )
    width = max((len(f.path) for f in faults), default=0)
    value_width = max((len(f.value) for f in faults), default=0)
    lines = [f"  {f.path:<{width}}  {f.value:<{value_width}}  {f.remedy}" for f in faults]
    return "\n".join([plural, *lines])
