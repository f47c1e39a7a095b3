"""Python values to HDF5: everything is checked before anything is written.

How each type is stored, and the attribute ``type`` that says so, is listed in
docs/reference/ptyd-format.md; PtyPy 0.9 reads all of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.utils.parameters import Param

__all__ = ["DEEPEST", "SLASH", "Branch", "Leaf", "Node", "encode_tree", "size_of"]

SLASH = "_SLASH_"
"""Stands for '/' in a stored name: a '/' would split it."""

LONGEST = 200
"""Characters kept of what a value prints as."""

DEEPEST = 99
"""Levels of dictionaries and lists within one another."""

MOST_AXES = 32
"""Axes that an array in HDF5 can have."""

OVERHEAD = 2048
"""What HDF5 needs for an entry beside its values [byte], generously."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that becomes a dataset."""

    kind: str
    value: Any
    dtype: Any = None
    """HDF5 type, where it is not that of ``value``."""
    notes: tuple[tuple[str, str], ...] = ()
    """Further attributes."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A value that becomes a group."""

    kind: str
    members: tuple[tuple[str, Leaf | Branch], ...]
    """(name before escaping, node)"""


Node = Leaf | Branch


def encode_tree(content: Mapping[str, Any], unsupported: str = "fail") -> dict[str, Node]:
    """Encode the entries of a dictionary.

    Parameters
    ----------
    content : mapping
        Names to values; the values may be nested.
    unsupported : {'fail', 'ignore', 'describe', 'pickle'}
        What to do with a value that cannot be stored: refuse everything, leave it out, store
        what it prints as, or store it as a pickle.

    Raises
    ------
    DataError
        Naming every value that cannot be stored.
    """
    encoder = _Encoder(INSTEAD[unsupported])
    root = encoder.node(content, "")
    if encoder.faults:
        lines = [f"  {where or '(top)'}: {what}" for where, what in encoder.faults]
        raise DataError("\n".join(["this cannot be stored in HDF5; nothing was written:", *lines]))
    return dict(root.members) if isinstance(root, Branch) else {}


class _Unstorable(Exception):
    """Says why a value cannot be stored."""


class _Endless(_Unstorable):
    """Says why no form of a value can be stored."""


class _Encoder:
    """Walks through values and collects what is wrong with them."""

    def __init__(self, instead: Callable[[Any, str], Leaf | None]) -> None:
        self.faults: list[tuple[str, str]] = []
        self._instead = instead
        self._open: set[int] = set()

    def node(self, value: Any, where: str) -> Node | None:
        """Encode one value; None, or a fault, if it cannot be stored."""
        try:
            try:
                if isinstance(value, Mapping):
                    return self._mapping(value, where)
                if isinstance(value, list | tuple):
                    return self._sequence(value, where)
                return _leaf(value)
            except _Endless:
                raise
            except _Unstorable as fault:
                return self._instead(value, str(fault))
        except _Unstorable as fault:
            self.faults.append((where, str(fault)))
            return None

    def _sequence(self, value: list[Any] | tuple[Any, ...], where: str) -> Node:
        word = _word(value)
        regular = _as_array(value)
        if regular is None:
            items = [(f"{i:05d}", item) for i, item in enumerate(value)]
            return self._branch(word, value, items, where)
        array, nesting = regular
        notes = (("nesting", "/".join(nesting)),) if array.ndim > 1 else ()
        return Leaf(f"array{word}", array, notes=notes)

    def _mapping(self, value: Mapping[Any, Any], where: str) -> Branch:
        items = []
        taken: dict[str, str] = {}
        for key, item in value.items():
            trouble = _key_trouble(key, taken)
            if trouble:
                if self._instead is not _leave_out:
                    self.faults.append((where, trouble))
                continue
            taken[key.replace("/", SLASH)] = key
            items.append((key, item))
        return self._branch("param" if isinstance(value, Param) else "dict", value, items, where)

    def _branch(
        self, kind: str, value: Any, items: Sequence[tuple[str, Any]], where: str
    ) -> Branch:
        if id(value) in self._open:
            raise _Endless("contains itself")
        if len(self._open) >= DEEPEST:
            raise _Endless(f"lies more than {DEEPEST} levels deep")
        self._open.add(id(value))
        members = []
        for name, item in items:
            node = self.node(item, f"{where}.{name}" if where else name)
            if node is not None:
                members.append((name, node))
        self._open.discard(id(value))
        return Branch(kind, tuple(members))


def _refuse(_value: Any, reason: str) -> Leaf | None:
    raise _Unstorable(reason)


def _leave_out(_value: Any, _reason: str) -> Leaf | None:
    return None


def _describe(value: Any, _reason: str) -> Leaf | None:
    return _string("".join(c for c in repr(value)[:LONGEST] if _is_storable(c)))


def _pickle(value: Any, reason: str) -> Leaf | None:
    import pickle

    try:
        # A pickle ends with a full stop, so that no NUL at its end can be lost.
        return Leaf("pickle", np.bytes_(pickle.dumps(value)))
    except Exception as error:  # objects raise what they like when they are pickled
        raise _Unstorable(f"{reason}; nor can it be pickled: {error}") from error


INSTEAD: dict[str, Callable[[Any, str], Leaf | None]] = {
    "fail": _refuse,
    "ignore": _leave_out,
    "describe": _describe,
    "pickle": _pickle,
}
"""What is stored in place of a value that HDF5 has no form for, and why it has none."""


def _key_trouble(key: Any, taken: Mapping[str, str]) -> str | None:
    """Say why a key cannot be a name beside those taken; None if it can."""
    if not isinstance(key, str):
        return f"the key {key!r} is a {type(key).__name__}; HDF5 knows names only: use a string"
    if key in ("", ".") or not _is_storable(key):
        return f"the key {key!r} cannot be a name in HDF5"
    if "/" in key and SLASH in key:
        return f"the key {key!r} holds both '/' and {SLASH!r}, which stands for it"
    if key.replace("/", SLASH) in taken:
        return f"the keys {key!r} and {taken[key.replace('/', SLASH)]!r} have one stored name"
    return None


def _leaf(value: Any) -> Leaf:
    for types, encode in LEAVES:
        if isinstance(value, types):
            return encode(value)
    raise _Unstorable(
        f"a {type(value).__name__} has no form in HDF5; use numbers, strings, arrays, lists, "
        "tuples and dictionaries"
    )


def _string(value: Any) -> Leaf:
    # The text itself: a member of an Enum that is a string prints as something else.
    text = str.__str__(value) if isinstance(value, str) else str(value)
    _check_text(text)
    return Leaf("string", text, h5py.string_dtype())


def _octets(value: bytes | bytearray) -> Leaf:
    raw = bytes(value)
    if not raw:
        return Leaf("scalar", raw, h5py.string_dtype("ascii"))
    # A fixed-length string loses NULs at its end; opaque bytes do not.
    return Leaf("scalar", np.void(raw) if raw.endswith(b"\0") else np.bytes_(raw))


def _number(value: Any) -> Leaf:
    if isinstance(value, np.generic):
        _check_dtype(value.dtype)
        return Leaf("scalar", value)
    if isinstance(value, int) and not isinstance(value, bool):
        if not -(2**63) <= value < 2**64:
            raise _Unstorable(
                f"an integer of {value.bit_length()} bit; HDF5 has 64: store it as a string"
            )
        return Leaf("scalar", np.int64(value) if value < 2**63 else np.uint64(value))
    # Through the plain type: a subclass of float is stored as the number it is.
    plain = next(kind for kind in (bool, float, complex) if isinstance(value, kind))
    return Leaf("scalar", np.asarray(plain(value))[()])


def _array(value: npt.NDArray[Any]) -> Leaf:
    if isinstance(value, np.ma.MaskedArray):
        raise _Unstorable("a masked array; store its `data` and its `mask`")
    if value.ndim > MOST_AXES:
        raise _Unstorable(f"an array with {value.ndim} axes; HDF5 has {MOST_AXES}")
    if value.dtype.kind not in "OU":
        _check_dtype(value.dtype)
        return Leaf("array", np.asarray(value))
    for item in value.flat:
        if not isinstance(item, str):
            raise _Unstorable(
                "an array of objects; make it an array of numbers, or a list (arrays of "
                "different shapes in a list are fine)"
            )
        _check_text(item)
    notes = (("dtype", value.dtype.str),) if value.dtype.kind == "U" else ()
    return Leaf("array", value.astype(object), h5py.string_dtype(), notes)


# The first that fits: np.str_ is a str, np.bytes_ is bytes, np.float64 is a float, and so on.
LEAVES: tuple[tuple[Any, Callable[[Any], Leaf]], ...] = (
    (type(None), lambda _: Leaf("None", np.zeros(1))),
    ((str, os.PathLike, type), _string),
    ((bytes, bytearray), _octets),
    (np.void, lambda record: _array(np.asarray(record))),
    ((bool, int, float, complex, np.generic), _number),
    (np.ndarray, _array),
)


def _check_text(text: str) -> None:
    if not _is_storable(text):
        raise _Unstorable("HDF5 cannot hold a string with a NUL or with half a character")


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _check_dtype(dtype: np.dtype[Any]) -> None:
    """Refuse array types that HDF5 has no form for, also as part of a record."""
    if dtype.subdtype is not None:
        _check_dtype(dtype.subdtype[0])
    elif dtype.fields is not None:
        for field in dtype.fields.values():
            _check_dtype(field[0])
    elif dtype.kind in "mM":
        raise _Unstorable("times have no form in HDF5; store them as strings or as seconds")
    elif dtype.kind not in "biufcSV" or not dtype.itemsize:
        raise _Unstorable(f"values of type {dtype} have no form in HDF5")


def _word(value: list[Any] | tuple[Any, ...]) -> str:
    return "tuple" if isinstance(value, tuple) else "list"


def _as_array(
    value: list[Any] | tuple[Any, ...], axes: int = MOST_AXES
) -> tuple[npt.NDArray[Any], tuple[str, ...]] | None:
    """Make one array of a list of numbers, of arrays, or of lists of these, where that is exact.

    Returns
    -------
    array, nesting
        The containers, 'list' or 'tuple', from the outermost inwards. None if members differ,
        or if there are more than ``axes`` containers within one another.
    """
    first = value[0] if value else None
    if not axes or any(type(item) is not type(first) for item in value):
        return None
    if isinstance(first, np.ndarray):
        return _stacked(value, (_word(value),)) if 0 < first.ndim < axes else None
    if isinstance(first, list | tuple):
        inner = [_as_array(item, axes - 1) for item in value]
        nestings = {None if item is None else item[1] for item in inner}
        if len(nestings) != 1 or None in nestings:
            return None
        arrays = [item[0] for item in inner if item is not None]
        return _stacked(arrays, (_word(value), *(nestings.pop() or ())))
    if not isinstance(first, bool | int | float | complex | np.number | np.bool_):
        return None
    array = np.array(value)
    # Integers of mixed size and sign become floats or objects, and lose digits.
    wanted = "iu" if type(first) is int else "biufc"
    return (array, (_word(value),)) if array.dtype.kind in wanted else None


def _stacked(
    arrays: Sequence[npt.NDArray[Any]], nesting: tuple[str, ...]
) -> tuple[npt.NDArray[Any], tuple[str, ...]] | None:
    shapes = {(array.shape, array.dtype, type(array)) for array in arrays}
    if len(shapes) != 1 or arrays[0].dtype.kind not in "biufc" or type(arrays[0]) is not np.ndarray:
        return None
    return np.stack(arrays), nesting


def size_of(node: Node) -> int:
    """Estimate from above how much a node takes in a file [byte]; what is compressed is not."""
    if isinstance(node, Branch):
        return OVERHEAD + sum(OVERHEAD + size_of(member) for _, member in node.members)
    size = getattr(node.value, "nbytes", 0)
    if isinstance(node.value, str):
        size = len(node.value.encode())
    elif isinstance(node.value, np.ndarray) and node.value.dtype.kind == "O":
        size += sum(len(text.encode()) for text in node.value.flat)
    return OVERHEAD + int(size)
