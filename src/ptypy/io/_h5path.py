"""Names of entries as `h5read` takes them: ``'a.b.c'``, ``'a/b'``, ``'arr[1:3, 0]'``."""

from __future__ import annotations

import re
from types import EllipsisType
from typing import Any

import h5py
import numpy as np

from ptypy.errors import FormatError, ParameterError
from ptypy.io._decode import Decoder, kind_of
from ptypy.io._encode import SLASH
from ptypy.io._hdf5 import read_trouble
from ptypy.utils.text_utils import did_you_mean

__all__ = ["MissingEntryError", "find", "parse_name", "read_part"]

Index = tuple[int | slice | EllipsisType, ...]

BRACKETS = re.compile(r"^(?P<name>.*?)\s*\[(?P<index>[^\[\]]*)\]\s*$", re.DOTALL)


class MissingEntryError(FormatError, KeyError):
    """A file has no entry of this name."""


def parse_name(text: str) -> tuple[str, Index | None]:
    """Split ``'arr[1:3, 0]'`` into a name and an index.

    Raises
    ------
    ParameterError
        If what stands in the brackets is not numbers, slices and ellipses.
    """
    match = BRACKETS.match(text)
    return (match["name"], parse_index(match["index"])) if match else (text, None)


def parse_index(given: Any) -> Index:
    """Make an index of ``'1:3, 0'`` or of what Python would take between brackets.

    Raises
    ------
    ParameterError
        If it cannot be an index.
    """
    if isinstance(given, str):
        parts: Any = [_part(part.strip()) for part in given.strip("[] ").split(",")]
    else:
        parts = given if isinstance(given, tuple) else (given,)
    index: list[int | slice | EllipsisType] = []
    for part in parts:
        if isinstance(part, slice | EllipsisType):
            index.append(part)
        elif isinstance(part, int | np.integer) and not isinstance(part, bool):
            index.append(int(part))
        else:
            raise ParameterError(
                f"{given!r} is not an index; numbers, slices such as 1:3 or ::2, and ... are"
            )
    return tuple(index)


def _part(text: str) -> int | slice | EllipsisType | None:
    """Read one part of an index; None if it cannot be one."""
    if text == "...":
        return Ellipsis
    words = [word.strip() for word in text.split(":")]
    if len(words) > 3 or not all(re.fullmatch(r"[+-]?\d+|None|", word) for word in words):
        return None
    numbers = [None if word in ("", "None") else int(word) for word in words]
    return slice(*numbers) if len(words) > 1 else numbers[0]


def find(file: Any, name: str, decoder: Decoder) -> tuple[str, Any]:
    """Find an entry by the name that a user gives.

    Parameters
    ----------
    file : h5py.File
    name : str
        ``'a/b'``, or ``'a.b'`` unless an entry is called so; '/' may stand in an escaped name.
    decoder : Decoder
        Of this file.

    Returns
    -------
    key : str
        What the result is filed under: the last part of a dotted path, else ``name``.
    entry : h5py object

    Raises
    ------
    MissingEntryError
        If there is none; it says what there is.
    """
    escaped = name.replace("/", SLASH)
    if "/" in name and escaped in file:
        return name, decoder.member(file, escaped)
    steps = [step for step in name.split("/") if step]
    if not _leads(file, steps) and "." in name:
        dotted = [step for part in steps for step in part.split(".") if step]
        return dotted[-1] if dotted else name, _walk(file, dotted, name, decoder)
    return name, _walk(file, steps, name, decoder)


def _leads(file: Any, steps: list[str]) -> bool:
    node = file
    for step in steps:
        if not isinstance(node, h5py.Group) or step not in node:
            return False
        node = node.get(step)
    return True


def _walk(file: Any, steps: list[str], name: str, decoder: Decoder) -> Any:
    node = file
    for step in steps:
        names = list(node) if isinstance(node, h5py.Group) else []
        if step not in names:
            listed = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
            here = f"{node.name} holds {listed or 'no entries'}"
            meant = did_you_mean(step, names, listing=False)
            raise MissingEntryError(f"{decoder.path}: there is no {name!r}{meant or ';'} {here}")
        node = decoder.member(node, step)
    return node


def read_part(node: Any, index: Index, decoder: Decoder) -> Any:
    """Read the part of an array, list, tuple or string that an index picks.

    Raises
    ------
    FormatError
        If the entry is a dictionary or a single number, or too small for the index.
    """
    kind = kind_of(node)
    backwards = any(isinstance(i, slice) and (i.step or 1) < 0 for i in index)
    try:
        if kind in ("array", None) and not backwards and _is_array(node):
            return node[index]
        value = decoder.decode(node)
        if isinstance(value, list | tuple) and len(index) > 1:
            value = np.asarray(value)
        if isinstance(value, np.ndarray):
            return value[index]
        if isinstance(value, list | tuple | str) and len(index) == 1:
            return value if isinstance(index[0], EllipsisType) else value[index[0]]
    except FormatError:
        raise
    except (IndexError, ValueError) as error:
        raise FormatError(f"{decoder.path}: {node.name}[{_show(index)}]: {error}") from error
    except OSError as error:
        raise read_trouble(decoder.path, node.name, error) from error
    raise FormatError(
        f"{decoder.path}: {node.name} is a {kind or type(value).__name__}; "
        "an index needs an array, a list, a tuple or a string"
    )


def _is_array(node: Any) -> bool:
    """Whether h5py can read a part of an entry by itself."""
    if not isinstance(node, h5py.Dataset) or node.shape in ((), None):
        return False
    return h5py.check_string_dtype(node.dtype) is None


def _show(index: Index) -> str:
    def one(part: int | slice | EllipsisType) -> str:
        if isinstance(part, slice):
            ends = [part.start, part.stop] + ([part.step] if part.step is not None else [])
            return ":".join("" if end is None else str(end) for end in ends)
        return "..." if part is Ellipsis else str(part)

    return ", ".join(one(part) for part in index)
