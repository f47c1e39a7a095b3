"""HDF5 back to Python values, by the attribute ``type`` of every entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError
from ptypy.io._encode import DEEPEST, SLASH
from ptypy.io._hdf5 import ASIDE, read_trouble
from ptypy.utils.parameters import Param

__all__ = ["Decoder", "kind_of"]

DICTS = frozenset({"dict", "ordered_dict", "param"})
SEQUENCES = frozenset({"list", "tuple"})
ARRAYS = frozenset({"array", "arraylist", "arraytuple"})
PICKLES = frozenset({"pickle", "record_array"})
KINDS = DICTS | SEQUENCES | ARRAYS | PICKLES | {"None", "scalar", "string", "unicode"}


class _Skipped:
    """Stands for an entry that is left out."""


SKIPPED = _Skipped()


def kind_of(node: Any) -> str | None:
    """Give the attribute ``type`` of an entry; None if it has none that is known here."""
    kind = node.attrs.get("type")
    if isinstance(kind, bytes):
        kind = kind.decode(errors="replace")
    return kind if isinstance(kind, str) and kind in KINDS else None


@dataclass(frozen=True, slots=True)
class Decoder:
    """Reads entries of one file."""

    path: str | Path
    """The file, for messages."""
    pickles: Literal["refuse", "load", "skip"] = "refuse"
    """What to do with a pickle: loading one runs whatever code it holds."""
    depth: int | None = None
    """How many levels of groups to look into; a group further down comes back empty. None: all."""
    above: frozenset[Any] = frozenset()
    """The groups that are being looked into."""

    def decode(self, node: Any) -> Any:
        """Turn an entry, and what is in it, into Python values."""
        if isinstance(node, h5py.Group):
            return self._group(node)
        if isinstance(node, h5py.Dataset):
            return self._dataset(node)
        return None

    def _group(self, group: Any) -> Any:
        kind = kind_of(group)
        below = replace(self, above=self.above | {group.id})
        names = list(group) if self._may_open(group) else []
        if kind in SEQUENCES:
            # By length first: the hundred-thousandth member has six digits.
            names.sort(key=lambda name: (len(name), name))
            items = [below.decode(self.member(group, name)) for name in names]
            items = [item for item in items if item is not SKIPPED]
            return tuple(items) if kind == "tuple" else items
        content = {}
        for name in sorted(names):
            if name == ASIDE:  # left by a writer that died
                continue
            node = self.member(group, name)
            value = below.decode(node)
            if value is not SKIPPED:
                content[name.replace(SLASH, "/") if "escaped" in node.attrs else name] = value
        if kind != "param":
            return content
        param = Param()
        # Not `update`: a name with a dot in it would become a path.
        dict.update(param, content)
        return param

    def _may_open(self, group: Any) -> bool:
        """Say whether to look into a group: not if that was to stop above it.

        Raises
        ------
        FormatError
            If it would never end.
        """
        if self.depth is not None:
            return len(self.above) < self.depth
        if group.id not in self.above and len(self.above) < DEEPEST:
            return True
        what = (
            "is linked to from within itself"
            if group.id in self.above
            else (f"lies more than {DEEPEST} levels deep")
        )
        raise FormatError(
            f"{self.path}: {group.name} {what}; say how far to look into groups, or name what you "
            "want: `h5read(..., depth=3)`, `h5read(file, 'a/b/c')`"
        )

    def member(self, group: Any, name: str) -> Any:
        """Give an entry of a group.

        Raises
        ------
        FormatError
            If it is a link that leads nowhere.
        """
        try:
            return group[name]
        except (KeyError, OSError) as error:
            where = f"{group.name.rstrip('/')}/{name}"
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise FormatError(
                    f"{self.path}: {where} links to {link.filename}:{link.path}, which is not "
                    "there; put the file back, beside this one"
                ) from error
            raise FormatError(f"{self.path}: {where} leads nowhere") from error

    def _dataset(self, dataset: Any) -> Any:
        kind = kind_of(dataset)
        if kind == "None" or dataset.shape is None:
            return None
        if kind in PICKLES:
            return self._pickle(dataset, str(kind))
        try:
            return READERS.get(kind, _untyped)(dataset)
        except (OSError, TypeError, ValueError) as error:
            raise read_trouble(self.path, dataset.name, error) from error

    def _pickle(self, dataset: Any, kind: str) -> Any:
        if self.pickles == "skip":
            return SKIPPED
        if self.pickles == "refuse":
            raise FormatError(
                f"{self.path}: {dataset.name} is a Python pickle (type {kind!r}). Reading one runs "
                "whatever code it holds. If you trust whoever made this file: "
                "`h5read(..., allow_pickle=True)`"
            )
        import pickle

        value = dataset[()]
        raw = value.encode("latin-1") if isinstance(value, str) else bytes(value)
        try:
            return pickle.loads(raw)  # noqa: S301  -- asked for by allow_pickle=True
        except Exception as error:  # what is in it may raise what it likes
            raise FormatError(
                f"{self.path}: the pickle {dataset.name} cannot be read "
                f"({type(error).__name__}: {error}); is what it needs installed here?"
            ) from error


def _text(dataset: Any) -> Any:
    if h5py.check_string_dtype(dataset.dtype) is None:
        return str(dataset[()])
    return str(dataset.asstr(errors="surrogateescape")[()])


def _array(dataset: Any) -> npt.NDArray[Any]:
    strings = h5py.check_string_dtype(dataset.dtype)
    if strings is None or strings.length is not None:
        return np.asarray(dataset[...])
    texts = np.asarray(dataset.asstr()[...], dtype=object)
    dtype = dataset.attrs.get("dtype")
    return texts.astype(dtype) if isinstance(dtype, str) and dtype[1:2] == "U" else texts


def _list(dataset: Any) -> list[Any]:
    array = np.asarray(dataset[...])
    nesting = dataset.attrs.get("nesting")
    # Without a note, as PtyPy 0.9 gives it: numpy scalars or rows.
    items: list[Any] = _nested(array, nesting.split("/")) if nesting else list(array)
    return items


def _tuple(dataset: Any) -> tuple[Any, ...]:
    array = np.asarray(dataset[...])
    nesting = dataset.attrs.get("nesting")
    return tuple(_nested(array, nesting.split("/")) if nesting else array.tolist())


def _nested(array: npt.NDArray[Any], words: list[str]) -> Any:
    if not words:
        return array
    flat = array.ndim == 1
    items = array.tolist() if flat else [_nested(row, words[1:]) for row in array]
    return tuple(items) if words[0] == "tuple" else items


def _scalar(dataset: Any) -> Any:
    value = dataset[()]
    return value.item() if hasattr(value, "item") else value


def _untyped(dataset: Any) -> Any:
    """Read what another program wrote: scalars as numpy scalars, text as str."""
    value = dataset[()]
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


READERS: dict[str | None, Callable[[Any], Any]] = {
    "array": _array,
    "arraylist": _list,
    "arraytuple": _tuple,
    "scalar": _scalar,
    "string": _text,
    "unicode": _text,
}
"""How to read a dataset of each type."""
