"""One line an entry: how `ptypy.utils.verbose.report` lays nested content out."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from itertools import islice
from typing import Any

import numpy as np

__all__ = ["report_lines"]

INDENT = 2
NAME = 25
"""Columns that a name takes; a longer one is cut."""
LINE = 80
"""Columns that a line takes; a longer one is cut."""
FIRST = 5
"""How many members of a long list are shown."""
SHORT = 50
"""A list is written on its line if its text has no more characters than this."""


def report_lines(thing: Any, depth: int) -> list[str]:
    """Describe ``thing``; never fails, whatever it holds."""
    return _entry(_identity(thing), thing, depth, 0)


def _entry(name: str, value: Any, depth: int, level: int) -> list[str]:
    """Give the line of one entry and those of what is in it."""
    try:
        summary, members = _describe(value)
    except Exception as error:  # noqa: BLE001 -- a strange object must not stop a run that logs it
        summary, members = f"{type(value).__name__} ({type(error).__name__})", []
    left = " " * INDENT * level + "* " + _one_line(name)[:NAME].ljust(NAME)
    lines = [f"{left} : {_one_line(summary)}"[:LINE]]
    if depth > 0:
        for child_name, child in members:
            lines += _entry(child_name, child, depth - 1, level + 1)
        if isinstance(value, (list, tuple, set, frozenset)) and members:
            dots = "...".ljust(NAME)
            lines.append(" " * INDENT * (level + 1) + f"* {dots} : ....")
    return lines


def _one_line(text: str) -> str:
    return " ".join(text[:LINE].splitlines())


def _describe(value: Any) -> tuple[str, list[tuple[str, Any]]]:
    """Give what stands on the line, and the entries that stand below it."""
    if isinstance(value, np.ndarray):
        return _array(value), []
    if isinstance(value, (str, bytes)):
        return str(value[:LINE]), []
    if isinstance(value, Mapping):
        named = [(_name(key), member) for key, member in value.items()]
        return f"{type(value).__name__}({len(value)})", named
    if isinstance(value, (list, tuple, set, frozenset)):
        return _sequence(value)
    if isinstance(value, np.generic) or value is None or isinstance(value, (int, float, complex)):
        return str(value), []
    return _other(value), []


def _array(array: np.ndarray[Any, Any]) -> str:
    if array.ndim == 0:
        return f"[array = {array[()]}]"
    if array.ndim == 1 and len(array) < 5:
        return f"[array = {' '.join(str(array).splitlines())}]"
    return f"[{_shape(array)} {array.dtype} array]"


def _shape(array: Any) -> str:
    return "x".join(str(n) for n in array.shape)


def _name(key: Any) -> str:
    """Write the key of a dictionary, which may be any object."""
    try:
        return str(key)
    except Exception:  # noqa: BLE001 -- as for values
        return _identity(key)


def _sequence(values: Any) -> tuple[str, list[tuple[str, Any]]]:
    head = f"{type(values).__name__}({len(values)})"
    first = list(islice(values, FIRST))
    if len(values) <= FIRST * 4 and all(_is_plain(value) for value in values):
        text = repr(list(values))
        if len(text) <= SHORT:
            return f"{head}= {text}", []
    return head, [(_identity(value), value) for value in first]


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, complex, np.generic))


def _other(value: Any) -> str:
    name = type(value).__name__
    if isinstance(value, type):
        return f"class {value.__name__}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        # Sparse matrices, datasets of a file: what has a shape need not have a length.
        return f"[{_shape(value)} {value.dtype} {name}]" if value.shape else f"[{name}]"
    if isinstance(value, Sized):
        return f"{name}({len(value)})"
    text = str(value)
    return name if "\n" in text or " object at 0x" in text else text


def _identity(thing: Any) -> str:
    """Name what has no name by where it lies in memory."""
    return f"id{np.base_repr(id(thing), 32)}"
