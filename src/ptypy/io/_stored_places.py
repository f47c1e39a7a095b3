"""Where frames lie in HDF5 files: in one stretch, a chunk each, or in the sources of a virtual one.

Nothing is read here but what HDF5 itself keeps of places. Whatever is not simple is left to HDF5.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.io._hdf5 import open_h5
from ptypy.io.stored_frames import follow, source_place

__all__ = ["Piece", "find_pieces"]

Numbers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

BITSHUFFLE = 32008
"""Number of the filter bitshuffle, in the register of HDF5 filters."""
LZ4 = 2
"""What that filter calls LZ4."""
MOST_SOURCES = 64
"""Look into no more files than these at once: each of them stays open while it is mapped."""
FEW = 8
"""HDF5 is asked for the chunks of so many frames one by one: it looks at all of them each time."""
TABLES = 8
"""Remember where the chunks of so many datasets lie."""


class Piece(NamedTuple):
    """Frames that lie in one file."""

    path: str
    label: str
    """The file and the dataset."""
    which: Numbers
    """Which of the wanted frames these are."""
    offsets: Numbers
    """Where each begins [bytes]."""
    sizes: Numbers
    """Length of each as it lies there [bytes]."""
    is_packed: bool
    """Whether these are chunks of bitshuffle and LZ4."""


class _Axis(NamedTuple):
    """Places selected along an axis: ``laps`` blocks, ``stride`` apart."""

    start: int
    stride: int
    laps: int
    block: int

    @property
    def size(self) -> int:
        return self.laps * self.block

    @property
    def last(self) -> int:
        return self.start + (self.laps - 1) * self.stride + self.block - 1

    def order(self, places: Numbers) -> tuple[Numbers, Bools]:
        """Tell the how manyth of the selected ones places are, and whether they are selected."""
        lap, rest = np.divmod(places - self.start, self.stride)
        inside = (lap >= 0) & (lap < self.laps) & (rest < self.block)
        return lap * self.block + rest, inside

    def places(self, order: Numbers) -> Numbers:
        """Give the places of the selected ones."""
        lap, rest = np.divmod(order, self.block)
        return self.start + lap * self.stride + rest


def find_pieces(dataset: Any, flat: Numbers) -> list[Piece] | None:
    """Find frames of a dataset, counted along all axes but the last two.

    Parameters
    ----------
    dataset : h5py.Dataset
        A virtual one may be made of whole frames of plain datasets, in regular patterns.
    flat : (n,) int64

    Returns
    -------
    list of Piece, or None
        Each frame is in one of them. None if only HDF5 can read them.
    """
    if dataset.ndim < 2 or not len(flat):
        return None
    if dataset.is_virtual:
        return _find_sources(dataset, flat)
    found = _find(dataset, flat, np.arange(len(flat)))
    return None if found is None else [found]


def _find(dataset: Any, flat: Numbers, which: Numbers) -> Piece | None:
    """Find frames of a dataset that is not virtual."""
    if not _is_plain(dataset):
        return None
    path, frame = dataset.file.filename, int(np.prod(dataset.shape[-2:])) * dataset.dtype.itemsize
    label = f"{path}:{dataset.name}"
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        if offset is None:
            return None
        sizes = np.full(len(flat), frame)
        return Piece(path, label, which, offset + flat * frame, sizes, is_packed=False)
    if dataset.chunks != (*[1] * (dataset.ndim - 2), *dataset.shape[-2:]):
        return None
    is_packed = _filter_of(dataset)
    if is_packed is None:
        return None
    places = _few_chunks(dataset, flat) if len(flat) <= FEW else _chunk_table(dataset)[flat]
    offsets, sizes, is_sound = places.T
    return Piece(path, label, which, offsets, sizes, is_packed) if is_sound.all() else None


def _is_plain(dataset: Any) -> bool:
    """Say whether what HDF5 tells of places holds for the file as it is, and for its numbers."""
    file, dtype = dataset.file, dataset.dtype
    if dataset.is_virtual or dataset.external or file.driver != "sec2" or file.userblock_size:
        return False
    return bool(dtype.kind in "iuf" and dtype.isnative and 0 < dtype.itemsize <= 8) and (
        dtype != np.float16
    )


def _filter_of(dataset: Any) -> bool | None:
    """Say whether chunks are packed by bitshuffle and LZ4; None if they are in another way."""
    settings = dataset.id.get_create_plist()
    filters = [settings.get_filter(k) for k in range(settings.get_nfilters())]
    if not filters:
        return False
    code, _, values, _ = filters[0]
    # Version of the filter (2 numbers), bytes a value, values a block, what packs the blocks.
    packs = len(values) > 4 and values[4] == LZ4
    return True if len(filters) == 1 and code == BITSHUFFLE and packs else None


def _place(chunk: Any) -> tuple[int, int, bool]:
    """Give offset and size of a chunk, and whether it was written, and by all filters."""
    there = chunk.byte_offset is not None
    return (chunk.byte_offset or 0, chunk.size or 0, there and not chunk.filter_mask)


def _few_chunks(dataset: Any, flat: Numbers) -> Numbers:
    """Look up the chunks of some frames."""
    lead = zip(*np.unravel_index(flat, dataset.shape[:-2]), strict=True) if dataset.ndim > 2 else []
    corners = [(*map(int, where), 0, 0) for where in lead] or [(0, 0)] * len(flat)
    chunks = [dataset.id.get_chunk_info_by_coord(corner) for corner in corners]
    return np.array([_place(chunk) for chunk in chunks], dtype=np.int64)


_tables: OrderedDict[Any, Numbers] = OrderedDict()


def _chunk_table(dataset: Any) -> Numbers:
    """Look up the chunks of all frames at once; remember them until the file changes."""
    import h5py

    about = os.stat(dataset.file.filename)  # noqa: PTH116 - a name, as HDF5 gives it
    stamp = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns)
    key = (*stamp, dataset.file.filename, h5py.h5o.get_info(dataset.id).addr, dataset.shape)
    known = _tables.get(key)
    if known is not None:
        _tables.move_to_end(key)
        return known
    lead = dataset.shape[:-2]
    table = np.zeros((int(np.prod(lead)), 3), dtype=np.int64)
    steps = np.cumprod([*lead[1:], 1][::-1])[::-1].tolist() if lead else []

    def note(chunk: Any) -> None:
        where = sum(n * step for n, step in zip(chunk.chunk_offset, steps, strict=False))
        if where < len(table):
            table[where] = _place(chunk)

    dataset.id.chunk_iter(note)
    _tables[key] = table
    while len(_tables) > TABLES:
        _tables.popitem(last=False)
    return table


def _find_sources(dataset: Any, flat: Numbers) -> list[Piece] | None:
    """Find frames of a virtual dataset in its sources."""
    if "HDF5_VDS_PREFIX" in os.environ:  # sources are looked for elsewhere
        return None
    wanted = np.unravel_index(flat, dataset.shape[:-2]) if dataset.ndim > 2 else ()
    covered = np.zeros(len(flat), dtype=np.int64)
    pieces: list[Piece] = []
    for source in dataset.virtual_sources():
        axes = _selection(source.vspace, dataset.shape)
        if axes is None:
            return None
        order, inside = _order(wanted, axes, len(flat))
        if not inside.any():
            continue
        covered += inside
        if len(pieces) == MOST_SOURCES or "%" in source.file_name:
            return None
        which = np.flatnonzero(inside)
        piece = _in_source(dataset, source, order[which], which, [axis.size for axis in axes])
        if piece is None:
            return None
        pieces.append(piece)
    # What no source gives is filled by HDF5, and of what two give one counts.
    is_whole = (covered == 1).all() and len({piece.is_packed for piece in pieces}) == 1
    return pieces if is_whole else None


def _order(wanted: Any, axes: list[_Axis], count: int) -> tuple[Numbers, Bools]:
    """Tell the how manyth of the selected frames those are that are wanted, and which are so."""
    order, inside = np.zeros(count, dtype=np.int64), np.ones(count, dtype=bool)
    for places, axis in zip(wanted, axes, strict=True):
        along, within = axis.order(places)
        order = order * axis.size + along
        inside &= within
    return order, inside


def _in_source(
    dataset: Any, source: Any, order: Numbers, which: Numbers, sizes: list[int]
) -> Piece | None:
    """Find frames in a source of a virtual dataset, by their order in what is taken of it."""
    home = Path(dataset.file.filename).parent
    is_own = source.file_name == "."
    path = home if is_own else source_place(source.file_name, home)
    if path is None:
        return None
    with contextlib.nullcontext(dataset.file) if is_own else open_h5(path) as file:
        held = follow(file, source.dset_name)
        if not hasattr(held, "shape") or held.dtype != dataset.dtype:
            return None
        axes = _selection(source.src_space, held.shape)
        if axes is None or held.shape[-2:] != dataset.shape[-2:]:
            return None
        if np.prod([axis.size for axis in axes]) != np.prod(sizes):
            return None
        flat = np.zeros(len(order), dtype=np.int64)
        if axes:
            along = np.unravel_index(order, [axis.size for axis in axes])
            places = tuple(axis.places(o) for o, axis in zip(along, axes, strict=True))
            flat = np.asarray(np.ravel_multi_index(places, held.shape[:-2]), dtype=np.int64)
        return _find(held, flat, which)


def _selection(space: Any, shape: tuple[int, ...]) -> list[_Axis] | None:
    """Read a selection of whole frames, along all axes but the last two; None if it is another."""
    import h5py

    if space.get_select_type() == h5py.h5s.SEL_ALL:
        axes = [_Axis(0, n, 1, n) for n in shape]
    elif space.get_select_type() == h5py.h5s.SEL_HYPERSLABS and space.is_regular_hyperslab():
        numbers = zip(*(map(int, each) for each in space.get_regular_hyperslab()), strict=True)
        axes = [_Axis(a, n if c == 1 else s, c, n) for a, s, c, n in numbers]
    else:
        return None
    if len(axes) != len(shape) or len(shape) < 2:
        return None
    pairs = list(zip(axes, shape, strict=True))
    # A selection without end has a count, or a block, larger than any shape.
    if any(axis.size < 1 or axis.last >= n for axis, n in pairs):
        return None
    if any(axis.size != n for axis, n in pairs[-2:]):
        return None
    return axes[:-2]
