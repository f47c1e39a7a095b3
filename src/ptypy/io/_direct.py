"""Entries of HDF5 files without the conveniences of h5py: the same bytes in a fraction of the time.

h5py asks again for types, spaces and links at every entry. A record of a preparation has some
hundred small entries with two attributes each: that was most of the time that saving took.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

__all__ = [
    "copy_attributes",
    "has_plain_name",
    "is_plain",
    "link_all",
    "look_at_attributes",
    "names_in",
    "new_places",
    "put_group",
    "put_text",
    "put_value",
    "set_text",
]

TEXT = h5py.string_dtype()
"""How text is stored: of variable length, UTF-8."""

TEXT_IN_FILE = h5py.h5t.py_create(TEXT, logical=True)

SCALAR = h5py.h5s.create(h5py.h5s.SCALAR)


def has_plain_name(name: str) -> bool:
    """Say whether a name can be used as it is: one step, of letters that need no encoding."""
    return "/" not in name and name.isascii()


def is_plain(value: Any, dtype: Any) -> bool:
    """Say whether `put_value` can store a value: a text, a number, or an array of numbers."""
    if isinstance(value, str):
        return bool(dtype == TEXT)
    has_type = isinstance(value, np.generic | np.ndarray) and dtype is None
    return has_type and value.dtype.kind in "biufc"


def put_group(group: Any, name: str) -> Any:
    """Make a group of a plain name; gives the h5py.Group."""
    return h5py.Group(h5py.h5g.create(group.id, name.encode()))


def put_value(group: Any, name: str, value: Any) -> Any:
    """Make a dataset of a plain value, contiguous, under a plain name.

    Parameters
    ----------
    group : h5py.Group
    name : str
        See `has_plain_name`.
    value : str, NumPy scalar or array
        See `is_plain`.

    Returns
    -------
    h5py.Dataset
    """
    content = np.asarray(value, order="C", dtype=TEXT if isinstance(value, str) else None)
    kind = h5py.h5t.py_create(content.dtype, logical=True)
    form = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    form.set_obj_track_times(False)
    made = h5py.h5d.create(group.id, name.encode(), kind, _space_of(content), form)
    if content.size:
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, content)
    return h5py.Dataset(made)


def _space_of(content: Any) -> Any:
    return h5py.h5s.create_simple(content.shape) if content.shape else SCALAR


def put_text(node: Any, name: str, text: str) -> None:
    """Give an attribute to a node that has none of that name."""
    made = h5py.h5a.create(node.id, name.encode(), TEXT_IN_FILE, SCALAR)
    made.write(np.asarray(text, dtype=TEXT))


def set_text(node: Any, name: str, text: str) -> None:
    """Give an attribute to a node, in place of one that it may have."""
    if h5py.h5a.exists(node.id, name.encode()):
        h5py.h5a.delete(node.id, name.encode())
    put_text(node, name, text)


def copy_attributes(old: Any, new: Any) -> None:
    """Give a node the attributes of another one, which may be in another file."""
    for index in range(h5py.h5a.get_num_attrs(old.id)):
        source = h5py.h5a.open(old.id, index=index)
        kind, dtype = source.get_type(), source.dtype
        is_text = h5py.check_string_dtype(dtype) is not None
        if (dtype.kind not in "biuf" and not is_text) or kind.committed() or source.shape is None:
            name = source.name.decode()
            new.attrs.create(name, old.attrs[name], dtype=dtype)
            continue
        content = np.empty(source.shape, dtype)
        source.read(content)
        target = h5py.h5a.create(new.id, source.name, kind, source.get_space())
        target.write(content)


def look_at_attributes(node: Any) -> None:
    """Read all attributes of an object (h5py.h5o's); an error says that one cannot be read."""
    for index in range(h5py.h5a.get_num_attrs(node)):
        source = h5py.h5a.open(node, index=index)
        if source.shape is not None:
            source.read(np.empty(source.shape, source.dtype))


def names_in(group: Any) -> list[str]:
    """List the names in a group."""
    found: list[bytes] = []
    group.id.links.iterate(found.append)
    return [name.decode() for name in found]


def new_places(group: Any, end: int) -> list[bytes]:
    """List the names of objects in a group (h5py.h5g.GroupID) that lie behind a place [byte]."""
    found: list[bytes] = []

    def sort(name: bytes, info: Any) -> None:
        if info.type == h5py.h5l.TYPE_HARD and info.u >= end:
            found.append(name)

    group.links.iterate(sort, info=True)
    return found


def link_all(now: Any, source: Any, target: Any) -> None:
    """Let a group hold what another one does, not copies.

    Parameters
    ----------
    now, source : h5py.Group
        The other one, in the file as it is now and in the file that is being changed.
    target : h5py.Group
        An empty group in the file that is being changed.
    """
    hard: list[bytes] = []
    soft: list[bytes] = []

    def sort(name: bytes, info: Any) -> None:
        (hard if info.type == h5py.h5l.TYPE_HARD else soft).append(name)

    now.id.links.iterate(sort, info=True)
    links, place = target.id.links, source.id
    for name in hard:
        links.create_hard(name, place, name)
    for text in map(bytes.decode, soft):
        target[text] = now.get(text, getlink=True)
