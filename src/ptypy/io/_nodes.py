"""Encoded values into HDF5 files, and what tells whether two of them are the same."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.io._direct import has_plain_name, is_plain, put_group, put_text, put_value
from ptypy.io._encode import SLASH, Branch, Node

__all__ = ["fingerprints", "stored_name", "write_members", "write_node"]

CONTIGUOUS_BELOW = 4096
"""Arrays smaller than this are not compressed [byte]: HDF5's book-keeping would outweigh them."""

PROBE = 65536
"""How much of an array is compressed to see whether it is worth it [byte]."""


def stored_name(key: str) -> str:
    """Give the name under which a member of a dictionary is stored."""
    return key.replace("/", SLASH)


def write_node(group: Any, name: str, node: Node) -> None:
    """Write a node under a name of a group. The name is used as it is, '/' included."""
    if isinstance(node, Branch):
        made = put_group(group, name) if has_plain_name(name) else group.create_group(name)
        write_members(made, node.members)
    else:
        filters = _filters(node.value)
        if not filters and has_plain_name(name) and is_plain(node.value, node.dtype):
            made = put_value(group, name, node.value)
        else:
            made = group.create_dataset(name, data=node.value, dtype=node.dtype, **filters)
        for note, text in node.notes:
            put_text(made, note, text)
    put_text(made, "type", node.kind)


def write_members(group: Any, members: Iterable[tuple[str, Node]]) -> None:
    """Write members of a branch into a group."""
    for key, member in members:
        stored = stored_name(key)
        write_node(group, stored, member)
        if stored != key:
            put_text(group[stored], "escaped", "1")


def fingerprints(nodes: Mapping[str, Node]) -> dict[str, bytes]:
    """Give what tells whether the members of branches are the same as at another time.

    Returns
    -------
    dict
        By ``branch/member``, as they are stored.
    """
    found = {}
    for name, node in nodes.items():
        for key, member in node.members if isinstance(node, Branch) else ():
            seen = blake2b(digest_size=16)
            _feed(seen, member)
            found[f"{name}/{stored_name(key)}"] = seen.digest()
    return found


def _feed(seen: Any, node: Node) -> None:
    if isinstance(node, Branch):
        seen.update(repr((node.kind, [key for key, _ in node.members])).encode())
        for _, member in node.members:
            _feed(seen, member)
        return
    content = np.asarray(node.value)
    what = (node.kind, node.notes, str(node.dtype), str(content.dtype), content.shape)
    seen.update(repr(what).encode())
    exact = content.dtype.kind != "O"
    seen.update(content.tobytes() if exact else repr(content.tolist()).encode())


def _filters(value: Any) -> dict[str, Any]:
    """Choose filters that every HDF5 library has; none where they do not pay.

    gzip 1 after byte shuffling is as small as gzip 4 without, and two to three times as fast
    (docs/explanations/decisions/0005-ptyd-compression.md).
    """
    if not isinstance(value, np.ndarray) or value.ndim == 0 or value.dtype.kind not in "biufcS":
        return {}
    if value.nbytes < CONTIGUOUS_BELOW or not _shrinks(value):
        return {}
    return {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def _shrinks(value: npt.NDArray[Any]) -> bool:
    """Try a sample: reconstructions are noise in most of their bits and hardly shrink."""
    count = max(1, PROBE // value.itemsize)
    start = max(0, (value.size - count) // 2)
    sample = value.reshape(-1)[start : start + count]
    shuffled = np.frombuffer(sample.tobytes(), np.uint8).reshape(-1, value.itemsize).T.tobytes()
    return len(zlib.compress(shuffled, 1)) < 0.7 * len(shuffled)
