"""Where frames lie in HDF5 files: in one stretch, a chunk each, or in the sources of a virtual one.

Nothing is read here but what HDF5 itself keeps of places. Whatever is not simple is left to HDF5.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError
from ptypy.io._hdf5 import open_h5
from ptypy.io.stored_frames import follow, source_place

__all__ = ["MOST_FILES", "Piece", "are_numbers", "are_packed", "find_pieces", "place_of"]

Numbers = npt.NDArray[np.int64]
Found = TypeVar("Found")

BITSHUFFLE = 32008
"""Number of the filter bitshuffle, in the register of HDF5 filters."""
LZ4 = 2
"""What that filter calls LZ4."""
MOST_FILES = 64
"""Look into no more files than these at once: each of them stays open while it is mapped."""
FEW = 8
"""HDF5 is asked for the chunks of so many frames one by one: it looks at all of them each time."""
FARTHEST = 1 << 62
"""No file is longer [bytes]."""
TABLES = 8
"""Remember of so many datasets where their chunks lie, or which sources give their frames."""
NOBODY, SEVERAL = -1, -2
"""Instead of a source: HDF5 fills what no source gives, and chooses among several."""


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


class _Source(NamedTuple):
    """A dataset that gives frames to a virtual one, as that tells of it."""

    file: str
    key: str
    inner: tuple[int, ...] | None
    """Lengths of its axes but the first and the last two; None if it has no more than two."""
    whole: int
    """How many frames it has, if it is taken as a whole, whatever its axes are; or 0."""


class _Sources(NamedTuple):
    """Which source gives each frame of a virtual dataset."""

    known: tuple[_Source, ...]
    which: Numbers
    """Which source gives a frame; `NOBODY` or `SEVERAL`."""
    places: Numbers
    """Which frame of it that is, counted along all axes but the last two."""


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
        return _find_in_sources(dataset, flat)
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
    return _find_chunks(dataset, flat, which, frame)


def _find_chunks(dataset: Any, flat: Numbers, which: Numbers, frame: int) -> Piece | None:
    """Find frames that are a chunk each, of ``frame`` bytes when unpacked."""
    if dataset.chunks != (*[1] * (dataset.ndim - 2), *dataset.shape[-2:]):
        return None
    is_packed = are_packed(dataset)
    if is_packed is None:
        return None
    places = (
        _few_chunks(dataset, flat) if len(flat) <= FEW else _remembered(dataset, _chunk_table)[flat]
    )
    offsets, sizes, is_sound = places.T
    if not is_packed and (sizes != frame).any():
        return None  # damaged: compiled code reads whole frames
    path = dataset.file.filename
    label = f"{path}:{dataset.name}"
    return Piece(path, label, which, offsets, sizes, is_packed) if is_sound.all() else None


def _is_plain(dataset: Any) -> bool:
    """Say whether what HDF5 tells of places holds for the file as it is, and for its numbers."""
    file = dataset.file
    if dataset.is_virtual or dataset.external or file.driver != "sec2" or file.userblock_size:
        return False
    if file.mode != "r":  # what this process has written need not be in the file yet
        return False
    return are_numbers(dataset.dtype)


def are_numbers(dtype: np.dtype[Any]) -> bool:
    """Say whether compiled code can read numbers of this type as they lie in a file."""
    fits = dtype.kind in "iuf" and dtype.isnative and 0 < dtype.itemsize <= 8
    return fits and dtype != np.float16


def are_packed(dataset: Any) -> bool | None:
    """Say whether chunks are packed by bitshuffle and LZ4; None if they are in another way."""
    settings = dataset.id.get_create_plist()
    filters = [settings.get_filter(k) for k in range(settings.get_nfilters())]
    if not filters:
        return False
    code, _, values, _ = filters[0]
    # Version of the filter (2 numbers), bytes a value, values a block, what packs the blocks.
    packs = len(values) > 4 and values[4] == LZ4
    return True if len(filters) == 1 and code == BITSHUFFLE and packs else None


def place_of(chunk: Any) -> tuple[int, int, bool]:
    """Give offset and size of a chunk, and whether it was written, and by all filters.

    A place that no file reaches is none: HDF5 does not mind, but what is added to it might wrap
    around to an address of something else.
    """
    offset, size = chunk.byte_offset, chunk.size or 0
    if offset is None or offset + size > FARTHEST:
        return (0, 0, False)
    return (offset, size, not chunk.filter_mask)


def _few_chunks(dataset: Any, flat: Numbers) -> Numbers:
    """Look up the chunks of some frames."""
    lead = zip(*np.unravel_index(flat, dataset.shape[:-2]), strict=True) if dataset.ndim > 2 else []
    corners = [(*map(int, where), 0, 0) for where in lead] or [(0, 0)] * len(flat)
    chunks = [dataset.id.get_chunk_info_by_coord(corner) for corner in corners]
    return np.array([place_of(chunk) for chunk in chunks], dtype=np.int64)


def _chunk_table(dataset: Any) -> Numbers:
    """Look up the chunks of all frames at once."""
    lead = dataset.shape[:-2]
    table = np.zeros((int(np.prod(lead)), 3), dtype=np.int64)
    steps = np.cumprod([*lead[1:], 1][::-1])[::-1].tolist() if lead else []

    def note(chunk: Any) -> None:
        if chunk.chunk_offset is None:  # HDF5 says that it is nowhere
            return
        where = sum(n * step for n, step in zip(chunk.chunk_offset, steps, strict=False))
        if where < len(table):
            table[where] = place_of(chunk)

    dataset.id.chunk_iter(note)
    return table


_tables: OrderedDict[Any, Any] = OrderedDict()


def _remembered(dataset: Any, look: Callable[[Any], Found]) -> Found:
    """Look at a dataset, or remember what was found before if its file has not changed since."""
    import h5py

    about = os.stat(dataset.file.filename)  # noqa: PTH116 - a name, as HDF5 gives it
    stamp = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns)
    address = h5py.h5o.get_info(dataset.id).addr
    key = (look.__name__, dataset.file.filename, stamp, address, dataset.shape)
    if key not in _tables:
        _tables[key] = look(dataset)
    found: Found = _tables[key]
    _tables.move_to_end(key)
    while len(_tables) > TABLES:
        _tables.popitem(last=False)
    return found


def _find_in_sources(dataset: Any, flat: Numbers) -> list[Piece] | None:
    """Find frames of a virtual dataset in its sources."""
    # Where there is a prefix, sources are looked for elsewhere.
    sources = None if "HDF5_VDS_PREFIX" in os.environ else _remembered(dataset, _sources_of)
    if sources is None:
        return None
    which, places = sources.which[flat], sources.places[flat]
    used = np.unique(which)
    if used[0] < 0 or len(used) > MOST_FILES:
        return None
    pieces = []
    for k in used:
        own = np.flatnonzero(which == k)
        piece = _find_in_source(dataset, sources.known[k], places[own], own)
        if piece is None:
            return None
        pieces.append(piece)
    return pieces if len({piece.is_packed for piece in pieces}) == 1 else None


def _find_in_source(dataset: Any, source: _Source, places: Numbers, which: Numbers) -> Piece | None:
    """Find frames of a virtual dataset in one of its sources; None if it is not as was said."""
    home = Path(dataset.file.filename).parent
    is_own = source.file == "."
    path = home if is_own else source_place(source.file, home)
    if path is None:
        return None
    if not is_own:
        try:
            with open_h5(path, patience=0) as file:
                return _find_as_told(dataset, file, source, places, which)
        except FormatError as error:
            # One that is still being written is HDF5's affair. A damaged one HDF5 passes over.
            if isinstance(error.__cause__, BlockingIOError) or "open for write" in str(error):
                return None
            raise
    return _find_as_told(dataset, dataset.file, source, places, which)


def _find_as_told(
    dataset: Any, file: Any, source: _Source, places: Numbers, which: Numbers
) -> Piece | None:
    """Find frames in the source of a virtual dataset, if it is as that tells."""
    held = follow(file, source.key)
    if not hasattr(held, "shape") or held.dtype != dataset.dtype:
        return None
    lead = held.shape[:-2]
    if source.whole:
        fits = np.prod(lead) == source.whole
    else:  # one that has more frames by now counts them as before
        fits = (lead[1:] if lead else None) == source.inner and places.max() < np.prod(lead)
    if not fits or held.shape[-2:] != dataset.shape[-2:]:
        return None
    return _find(held, places, which)


def _sources_of(dataset: Any) -> _Sources | None:
    """Read which sources give the frames of a virtual dataset; None if that is not simple."""
    import h5py

    count = int(np.prod(dataset.shape[:-2]))
    which, places = np.full(count, NOBODY), np.zeros(count, dtype=np.int64)
    known: dict[_Source, int] = {}
    for told in dataset.virtual_sources():
        if "%" in told.file_name:  # stands for the number of a file
            return None
        to, given, inner = _selected(told.vspace, dataset.shape), None, None
        is_whole = told.src_space.get_select_type() == h5py.h5s.SEL_ALL
        if is_whole and to is not None:
            given = np.arange(len(to))
        elif not is_whole:
            shape = tuple(int(n) for n in told.src_space.shape)
            inner = shape[1:-2] if len(shape) > 2 else None
            if len(shape) > 1:
                given = _selected(told.src_space, (*shape[:-2], *dataset.shape[-2:]))
        if to is None or given is None or len(to) != len(given):
            return None
        source = _Source(told.file_name, told.dset_name, inner, len(to) if is_whole else 0)
        number = known.setdefault(source, len(known))
        which[to] = np.where(which[to] == NOBODY, number, SEVERAL)
        places[to] = given
    return _Sources(tuple(known), which, places)


def _selected(space: Any, shape: tuple[int, ...]) -> Numbers | None:
    """Count the frames that are selected; None if it is not whole frames in a regular pattern."""
    import h5py

    if space.get_select_type() == h5py.h5s.SEL_ALL:
        return np.arange(int(np.prod(shape[:-2])))
    if space.get_select_type() != h5py.h5s.SEL_HYPERSLABS or not space.is_regular_hyperslab():
        return None
    along: list[Numbers] = []
    slab = zip(*(map(int, each) for each in space.get_regular_hyperslab()), strict=True)
    for (start, stride, laps, block), size in zip(slab, shape, strict=True):
        # One without end has more laps, or a larger block, than there are places.
        if start + (laps - 1) * stride + block > size:
            return None
        along.append((start + stride * np.arange(laps)[:, None] + np.arange(block)).ravel())
    frames = np.zeros(1, dtype=np.int64)
    for places, size in zip(along[:-2], shape[:-2], strict=True):
        frames = (frames[:, None] * size + places).ravel()
    is_whole = all(len(n) == size for n, size in zip(along[-2:], shape[-2:], strict=True))
    return frames if is_whole else None
