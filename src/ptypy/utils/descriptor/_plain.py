"""Numbers of every kind that mean one thing, as plain Python has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ptypy.utils.parameters import Param

if TYPE_CHECKING:
    from ptypy.utils.descriptor._evaluate import EvalDescriptor

__all__ = ["is_mapping", "plain", "plain_tree"]

SINGLE = frozenset({"int", "float", "complex", "bool", "str"})
"""Declared types that one number, or one word, can have."""


def plain(node: EvalDescriptor, value: Any) -> Any:
    """Give what a value means to the parameter that ``node`` declares.

    * a scalar of NumPy is the number of Python that it equals, also within a list or tuple;
    * an array of one number, of whatever dimension, is that number, where a number can be meant;
    * the text ``'None'`` is None, as in files, which have no other way to say it;
    * a list is an array, and a text such as ``'1+2j'`` a complex number, where nothing else can be
      meant: files have no other way to say these either.

    Everything else is given back as it is.
    """
    if isinstance(value, str):
        return None if value.strip().lower() == "none" else _complex(node, str(value))
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        types = node.own_types
        means_one = value.size == 1 and "ndarray" not in types and bool(SINGLE & types)
        return plain(node, value.item()) if means_one else value
    if type(value) in {list, tuple}:
        if "ndarray" in (types := node.own_types) and not types & {"list", "tuple"}:
            return _array(value)
        members = [_member(member) for member in value]
        if any(new is not old for new, old in zip(members, value, strict=True)):
            return type(value)(members)
    return value


def plain_tree(node: EvalDescriptor, value: Any) -> Any:
    """Do as `plain` with everything that is declared below a node; mappings are copied."""
    if not is_mapping(value):
        return plain(node, value)
    members: dict[str, EvalDescriptor] = dict(node.children)
    if node.is_symlink:
        named = [t for t in node.targets if len(node.targets) == 1 or t.name == value.get("name")]
        members = {**members, **(named[0].children if named else {})}
    anything = members.get("*")
    entries = {}
    for name, entry in value.items():
        member = members.get(name, anything)
        entries[name] = entry if member is None else plain_tree(member, entry)
    return Param(entries) if isinstance(value, Param) else entries


def is_mapping(value: Any) -> bool:
    """Say whether a value holds others by name."""
    return isinstance(value, Mapping) or (hasattr(value, "items") and hasattr(value, "get"))


def _complex(node: EvalDescriptor, text: str) -> str | complex:
    """Read a text as a complex number where a text cannot be meant."""
    types = node.own_types
    if "complex" not in types or "str" in types:
        return text
    try:
        return complex(text.replace(" ", "").replace("i", "j"))
    except ValueError:
        return text


def _array(value: Any) -> Any:
    """Make an array of a list of numbers; anything else stays what it is."""
    try:
        array = np.array(value)
    except ValueError:
        return value
    return array if array.dtype.kind in "biufc" else value


def _member(value: Any) -> Any:
    """Give a number within a sequence as plain Python has it."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.size == 1):
        return value.item()
    return value
