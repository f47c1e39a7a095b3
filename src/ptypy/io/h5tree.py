"""What stands in an HDF5 file, entry by entry, also where part of it is damaged or hostile.

Nothing is executed, links in circles end, and no array larger than a few thousand numbers is read.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError, PtypyError
from ptypy.io._hdf5 import open_h5
from ptypy.io.stored_frames import source_place, unit_of
from ptypy.io.written_frames import unwritten

__all__ = [
    "NOTHING",
    "TROUBLE",
    "Entry",
    "look_through",
    "printable",
    "saying",
    "shown_size",
    "storage_of",
]

TROUBLE = (
    OSError, LookupError, ValueError, TypeError, RuntimeError, AttributeError, ArithmeticError,
    MemoryError,
)  # fmt: skip
"""What h5py and NumPy raise on files that are damaged, or made to do harm."""

MOST_ENTRIES = 5000
CROWDED = 5
"""Of more numbered members than this, only the first and last of a group are looked at."""
DEEPEST = 32
SMALL = 1 << 16
"""So many numbers are read to tell their range."""

NOTHING = "None"
"""What is shown for Python's None."""

LONGEST = 70
"""Characters of a text that are shown."""

FILTERS = {
    1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "lzf",
    32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32013: "zfp", 32015: "zstd", 32017: "sz",
    32018: "fcidecomp", 32024: "sz3", 32026: "blosc2", 307: "bzip2",
}  # fmt: skip
"""Names of filters by the number that the HDF Group gave them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One group, dataset or link of a file."""

    path: str
    """From the top of the file."""
    kind: str
    """``'group'``, ``'dataset'``, ``'type'``, ``'link'`` (one that leads nowhere, or to what is
    listed at its own place), or ``'more'``: entries that were not looked at."""
    shape: tuple[int, ...] | None = None
    """Of a dataset; () for a single value, None if it holds nothing."""
    dtype: str = ""
    storage: str = ""
    """How it is compressed and chunked; empty if it lies in one piece."""
    unit: str = ""
    """What its attribute ``units`` says, as it stands there."""
    value: str = ""
    """A single value or text, shortened; of few numbers, from the least to the largest."""
    target: str = ""
    """Where a link leads; the sources of a virtual dataset."""
    members: int = 0
    """How many entries a group has."""
    trouble: str = ""
    """What is wrong with it, in words."""

    def as_dict(self) -> dict[str, Any]:
        """Give those fields that say something, for JSON."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        found = {name: value for name, value in fields.items() if value not in ("", 0, None)}
        if self.shape is not None:
            found["shape"] = list(self.shape)
        return found


@contextlib.contextmanager
def saying(path: str | Path) -> Iterator[None]:
    """Turn whatever a damaged file leads to into an error that says so.

    Raises
    ------
    FormatError
    """
    try:
        yield
    except (PtypyError, ImportError):
        raise
    except TROUBLE as error:
        raise FormatError(
            f"{path}: cannot be read to its end ({type(error).__name__}: {printable(error)}); it "
            "may be damaged, and `ptypy inspect` says where"
        ) from error


def printable(text: object) -> str:
    """Give text without characters that would move a terminal's cursor or colour its lines."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def shown_size(shape: tuple[int, ...]) -> str:
    """Write a shape as people do: ``600 x 128 x 128``."""
    return " x ".join(str(n) for n in shape)


def look_through(path: str | Path, place: str = "/", *, full: bool = False) -> list[Entry]:
    """List what a file holds, in the order of its tree.

    Parameters
    ----------
    path : path
    place : str
        Where to begin.
    full : bool
        Look at every entry. If not, of many numbered ones in a group only at the first and last.

    Returns
    -------
    list of Entry
        At most a few thousand, unless ``full``; one of kind ``'more'`` stands for others.

    Raises
    ------
    FormatError
        If the file cannot be opened at all.
    KeyError
        If there is no such place in it.
    """
    found: list[Entry] = []
    with open_h5(path) as file:
        node = file[place]
        for entry in _walk(node, set(), 0, CROWDED if not full else sys.maxsize):
            if len(found) == MOST_ENTRIES and not full:
                found.append(Entry(f"{entry.path} ...", "more"))
                break
            found.append(entry)
    return found


def _walk(node: Any, seen: set[tuple[int, Any]], depth: int, crowd: int) -> Iterator[Entry]:
    """Describe an entry and all below it."""
    import h5py

    name = str(node.name)
    if not isinstance(node, h5py.Group):
        yield _dataset(node) if isinstance(node, h5py.Dataset) else Entry(name, "type")
        return
    state = h5py.h5o.get_info(node.id)
    key = (state.fileno, state.addr)
    if key in seen or depth > DEEPEST:
        yield Entry(name, "link", target="a group on the way to it: links go in a circle")
        return
    try:
        names = [str(member) for member in node]
    except TROUBLE as error:
        yield Entry(name, "group", trouble=f"cannot be listed ({printable(error)})")
        return
    yield Entry(name, "group", members=len(names))
    hidden = _hidden(names, crowd)
    for member in names:
        if member not in hidden:
            yield from _member(node, member, seen | {key}, depth, crowd)
        elif member == hidden[0]:
            last = hidden[-1] if len(hidden) > 1 else ""
            yield Entry(f"{name.rstrip('/')}/{member} ... {last}", "more", members=len(hidden))


def _hidden(names: list[str], crowd: int) -> list[str]:
    """Choose numbered names that are not looked at, because there are many."""
    numbered = [name for name in names if name.isdecimal()]
    if len(numbered) <= crowd:
        return []
    return sorted(numbered, key=int)[2:-1]


def _member(
    group: Any, name: str, seen: set[tuple[int, Any]], depth: int, crowd: int
) -> Iterator[Entry]:
    """Describe a member of a group, or say why it cannot be reached."""
    import h5py

    place = f"{str(group.name).rstrip('/')}/{name}"
    try:
        link = group.get(name, getlink=True)
        target = ""
        if isinstance(link, h5py.ExternalLink):
            target = f"{link.filename}:{link.path}"
            if source_place(link.filename, Path(group.file.filename).parent) is None:
                yield Entry(place, "link", target=target, trouble="that file is not there")
                return
        elif isinstance(link, h5py.SoftLink):
            target = str(link.path)
        node = group[name]
    except TROUBLE as error:
        words = "leads nowhere" if target else f"cannot be opened ({printable(error)})"
        yield Entry(place, "link", target=target, trouble=words)
        return
    if target and isinstance(node, h5py.Group) and isinstance(link, h5py.SoftLink):
        yield Entry(place, "link", target=target)  # what it leads to is listed at its own place
        return
    for number, entry in enumerate(_walk(node, seen, depth + 1, crowd)):
        own = place + entry.path[len(str(node.name).rstrip("/")) :] if target else entry.path
        own = own.rstrip("/")
        yield _renamed(entry, own, target if number == 0 else entry.target)


def _renamed(entry: Entry, path: str, target: str) -> Entry:
    return replace(entry, path=path, target=target or entry.target)


def storage_of(dataset: Any) -> tuple[str, str]:
    """Say how a dataset is stored, and what keeps it from being read.

    Returns
    -------
    storage : str
        Such as ``'gzip + shuffle, chunks 5 x 128 x 128'``; empty if it lies in one piece.
    trouble : str
        Empty if it can be read.
    """
    import h5py

    plist = dataset.id.get_create_plist()
    names, missing = [], []
    for number in range(plist.get_nfilters()):
        code = plist.get_filter(number)[0]
        names.append(FILTERS.get(code, f"filter {code}"))
        if not h5py.h5z.filter_avail(code):
            missing.append(f"{names[-1]} ({code})")
    parts = [" + ".join(reversed(names))] if names else []
    if dataset.chunks:
        parts.append(f"chunks {shown_size(dataset.chunks)}")
    if dataset.is_virtual:
        parts.append("virtual")
    trouble = ""
    if missing:
        trouble = f"is compressed with {', '.join(missing)}, which is not installed here"
    return ", ".join(parts), trouble


def _dataset(dataset: Any) -> Entry:
    """Describe a dataset; whatever fails is part of the description."""
    name = str(dataset.name)
    try:
        shape = None if dataset.shape is None else tuple(int(n) for n in dataset.shape)
        dtype = "text" if dataset.dtype.kind in "SO" else str(dataset.dtype)
        storage, trouble = storage_of(dataset)
    except TROUBLE as error:
        return Entry(name, "dataset", trouble=f"cannot be described ({printable(error)})")
    unit, value = "", ""
    with contextlib.suppress(*TROUBLE):
        unit = _shortened(_unit_as_written(dataset))
    try:
        trouble = trouble or _gaps(dataset)
        if not trouble and shape is not None:
            value = _value(dataset)
    except TROUBLE as error:
        trouble = f"cannot be read ({printable(error)})"
    target = ""
    if dataset.is_virtual:
        with contextlib.suppress(*TROUBLE):
            names = sorted({source.file_name for source in dataset.virtual_sources()})
            target = _shortened(", ".join(names))
    return Entry(name, "dataset", shape, dtype, storage, unit, value, target, 0, trouble)


def _unit_as_written(dataset: Any) -> str:
    if not unit_of(dataset):
        return ""
    given = dataset.attrs["units"]
    given = given.item() if isinstance(given, np.ndarray) else given
    return given.decode() if isinstance(given, bytes) else str(given)


def _gaps(dataset: Any) -> str:
    """Say which part of a dataset is not there."""
    home = Path(dataset.file.filename).parent
    if dataset.is_virtual:
        names = {source.file_name for source in dataset.virtual_sources()} - {"."}
        lost = sorted(n for n in names if "%" not in n and source_place(n, home) is None)
        if lost:
            return f"is made of other files, of which {printable(', '.join(lost[:3]))} is missing"
    outside = [name for name, *_ in dataset.external or ()]
    absent = [name for name in outside if source_place(str(name), home) is None]
    if absent:
        return f"lies in other files, of which {printable(absent[0])} is missing"
    if dataset.ndim < 3 or not dataset.size:
        return ""
    missing = unwritten(dataset).ravel()
    if not missing.any():
        return ""
    lost_frames = np.flatnonzero(missing)
    first, last = int(lost_frames[0]), int(lost_frames[-1])
    where = f"{first} to {last}" if last - first + 1 == len(lost_frames) else f"{first} ... {last}"
    return f"{len(lost_frames)} of {len(missing)} frames ({where}) were never written"


def _value(dataset: Any) -> str:
    """Show a single value, or the range of few numbers."""
    kind = dataset.attrs.get("type")
    if kind in ("pickle", "record_array"):
        return f"{kind}, not read"
    if kind == "None" and dataset.size < 2:
        return NOTHING
    if dataset.size > SMALL or dataset.size == 0:
        return ""
    found = dataset[()]
    if dataset.dtype.kind in "SO":
        texts = [_text(one) for one in np.ravel(np.asarray(found, dtype=object))[:4]]
        return _shortened(", ".join(texts) + (", ..." if dataset.size > 4 else ""))
    return _numbers(np.ravel(found))


def _numbers(numbers: npt.NDArray[Any]) -> str:
    """Show few numbers, or the range of many."""
    if numbers.dtype.kind == "b" and numbers.size > 3:
        return f"{100 * numbers.mean():.4g} % true"
    if numbers.size <= 3 or numbers.dtype.kind not in "iuf":
        shown = ", ".join(_number(one) for one in numbers[:3])
        return _shortened(shown + (", ..." if numbers.size > 3 else ""))
    finite = numbers[np.isfinite(numbers)] if numbers.dtype.kind == "f" else numbers
    strange = numbers.size - finite.size
    said = f"{_number(finite.min())} … {_number(finite.max())}" if finite.size else "no number"
    return said + (f", {strange} not finite" if strange else "")


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _shortened(text: str) -> str:
    text = printable(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
