"""Frames in datasets of HDF5 files: where links lead, what is missing, and how they are read.

Every loader of HDF5 files reads through this module.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError
from ptypy.io._hdf5 import open_h5, read_trouble

__all__ = [
    "Window", "files_of", "follow", "read_frames", "read_numbers", "reading", "see_sources",
    "stretches",
]  # fmt: skip

Array = npt.NDArray[Any]
Numbers = npt.NDArray[np.int64]


class Window(NamedTuple):
    """Part of a frame, and where it goes."""

    rows: slice
    """Rows that are read [px]."""
    columns: slice
    """Columns that are read [px]."""
    shape: tuple[int, int]
    """Rows and columns of the frames that are given; zero where nothing was read [px]."""
    place: tuple[int, int]
    """Row and column of a given frame at which the first pixel of a stored one lies [px]."""

    @property
    def target(self) -> tuple[slice, slice]:
        """Where in a given frame the pixels lie that are read."""
        top, left = self.place
        return (
            slice(self.rows.start + top, self.rows.stop + top),
            slice(self.columns.start + left, self.columns.stop + left),
        )

    @property
    def alone(self) -> Window:
        """The same part, as frames that hold nothing else."""
        size = (self.rows.stop - self.rows.start, self.columns.stop - self.columns.start)
        return Window(self.rows, self.columns, size, (-self.rows.start, -self.columns.start))

    @property
    def fills(self) -> bool:
        """Whether every pixel of a given frame is read."""
        rows, columns = self.target
        return (rows.stop - rows.start, columns.stop - columns.start) == self.shape


class Stretch(NamedTuple):
    """Frames that one slice of a dataset holds."""

    source: tuple[Any, ...]
    """Index of the axes of the scan."""
    start: int
    """Which of the wanted frames is the first of them."""
    stop: int
    """One more than which is the last of them."""
    axes: tuple[int, ...]
    """Lengths of the axes that ``source`` keeps."""


def follow(file: Any, key: str, label: str = "") -> Any:
    """Give an entry of an open file, which may be a link to another file; None if there is none.

    Parameters
    ----------
    file : h5py.File
    key : str
    label : str
        For messages; the file and the key if not given.

    Raises
    ------
    FormatError
        If a link on the way leads to nothing, or to a file that is missing or cut short.
    """
    with contextlib.suppress(OSError):
        found = file.get(key)
        if found is not None:
            return found
    label = label or f"{file.filename}:{key}"
    place = ""
    for part in key.strip("/").split("/"):
        place = f"{place}/{part}"
        with contextlib.suppress(KeyError):
            if file.get(place) is None and (link := file.get(place, getlink=True)) is not None:
                _see_link(file, link, label)
                return None
    return None


def _see_link(file: Any, link: Any, label: str) -> None:
    """Say what is wrong with a link that leads to nothing."""
    import h5py

    if isinstance(link, h5py.SoftLink):
        raise FormatError(f"{label} is a link to {link.path}, which is not there")
    if isinstance(link, h5py.ExternalLink):
        target = _place_of(link.filename, Path(file.filename).parent)
        if target is not None:
            with open_h5(target, patience=0):
                pass  # says what is wrong with it, if anything is
        raise FormatError(f"{label} is a link to {link.filename}:{link.path}, which is not there")


def see_sources(dataset: Any, label: str = "") -> None:
    """See that the files a virtual dataset is made of are there: HDF5 would fill in zeros.

    Parameters
    ----------
    dataset : h5py.Dataset
    label : str
        For messages; the file and the name of the dataset if not given.

    Raises
    ------
    FormatError
        It names them.
    """
    if not dataset.is_virtual:
        return
    home = Path(dataset.file.filename).parent
    names = {source.file_name for source in dataset.virtual_sources()} - {"."}
    # A name with a per cent sign stands for many, as many as there are.
    missing = sorted(n for n in names if "%" not in n and _place_of(n, home) is None)
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise FormatError(
            f"{label or f'{dataset.file.filename}:{dataset.name}'} is made of other files, and "
            f"{', '.join(missing[:3])}{more} cannot be found beside {home}"
        )


def files_of(dataset: Any) -> set[str]:
    """Name the files that hold a dataset: its own, and those of which a virtual one is made."""
    own = str(dataset.file.filename)
    sources = dataset.virtual_sources() if dataset.is_virtual else []
    home = Path(own).parent
    # A per cent sign and a letter stand for the number of a file.
    names = {re.sub("%[0-9]*b", "*", source.file_name) for source in sources} - {"."}
    return {own, *(str(path) for name in names for path in home.glob(name))}


def _place_of(name: str, home: Path) -> Path | None:
    """Find a file where HDF5 does: the path as it is, beside the file, or there by its bare name."""
    places = (Path(name), home / name, home / Path(name).name)
    return next((place for place in places if place.is_file()), None)


def unwritten(dataset: Any) -> npt.NDArray[np.bool_]:
    """Tell which frames of a dataset nobody has written, so that HDF5 fills in a constant.

    Parameters
    ----------
    dataset : h5py.Dataset
        Frames along all axes but the last two. May be virtual; sources whose names are patterns
        are not looked into.

    Returns
    -------
    The shape of the dataset without its last two axes, bool

    Raises
    ------
    FormatError
        If a file of a virtual dataset is cut short, or does not hold what it is said to.
    """
    shape = dataset.shape[:-2]
    if dataset.is_virtual:
        return _unmapped(dataset)
    if dataset.external:
        return np.zeros(shape, dtype=bool)
    if dataset.chunks is None:
        # A small one lies in its own header. Another has room in the file once it is written.
        return np.full(shape, dataset.size > 0 and dataset.id.get_storage_size() == 0)
    sizes = [-(-n // step) for n, step in zip(dataset.shape, dataset.chunks, strict=True)]
    if dataset.id.get_num_chunks() >= np.prod(sizes):
        return np.zeros(shape, dtype=bool)
    written = np.zeros(sizes, dtype=bool)
    steps = np.array(dataset.chunks)

    def note(chunk: Any) -> None:
        written[tuple(np.array(chunk.chunk_offset) // steps)] = True

    dataset.id.chunk_iter(note)
    missing = ~written.all(axis=(-2, -1))
    for axis, step in enumerate(dataset.chunks[:-2]):
        missing = np.repeat(missing, step, axis=axis)
    return np.asarray(missing[tuple(slice(n) for n in shape)])


def _unmapped(dataset: Any) -> npt.NDArray[np.bool_]:
    """Tell which frames of a virtual dataset no source gives."""
    shape = dataset.shape[:-2]
    missing = np.ones(shape, dtype=bool)
    home = Path(dataset.file.filename).parent
    for source in dataset.virtual_sources():
        if "%" in source.file_name or not _is_bounded(source.vspace):
            return np.zeros(shape, dtype=bool)
        place = _box(source.vspace, len(shape))
        with contextlib.ExitStack() as stack:
            file = dataset.file
            if source.file_name != ".":
                file = stack.enter_context(open_h5(_place_of(source.file_name, home) or home))
            held = file.get(source.dset_name)
            if held is None:
                raise FormatError(
                    f"{dataset.file.filename}:{dataset.name} is made of {source.file_name}:"
                    f"{source.dset_name}, which is not there"
                )
            missing[place] = False
            _note_missing(missing, place, held, source.src_space)
    return missing


def _note_missing(missing: npt.NDArray[np.bool_], place: Any, held: Any, space: Any) -> None:
    """Mark frames whose source has not written them, if they lie in the same order in both."""
    lead = held.shape[:-2]
    if len(lead) != 1 or missing.ndim != 1 or not _is_bounded(space) or space.shape is None:
        return
    part = _box(space, 1)[0]
    size = part.stop - part.start
    if size != place[0].stop - place[0].start:
        return
    there = unwritten(held)[part]
    absent = np.ones(size, dtype=bool)
    absent[: len(there)] = there
    missing[place] = absent


def _is_bounded(space: Any) -> bool:
    with contextlib.suppress(Exception):
        first, last = space.get_select_bounds()
        return all(a <= b for a, b in zip(first, last, strict=True))
    return False


def _box(space: Any, axes: int) -> tuple[slice, ...]:
    """Give the smallest box around a selection, along its first axes."""
    first, last = space.get_select_bounds()
    return tuple(slice(int(a), int(b) + 1) for a, b in zip(first[:axes], last[:axes], strict=True))


def read_frames(
    dataset: Any,
    numbers: Numbers,
    window: Window | None = None,
    *,
    label: str = "",
    outer: int | None = None,
    channel: int | None = None,
) -> Array:
    """Read frames by number, each stretch of neighbours in one piece.

    Parameters
    ----------
    dataset : h5py.Dataset
        ``(K, rows, columns)`` or ``(A, B, rows, columns)``, or one frame ``(rows, columns)``.
    numbers : (n,) int64
        Frames, counted in the order of the dataset.
    window : Window, optional
        Part of the frames; all of it if not given.
    label : str
        For messages; the file and the name of the dataset if not given.
    outer : int, optional
        Entry along an axis before these.
    channel : int, optional
        Entry along an axis between frames and rows, ``(K, channels, rows, columns)``.

    Returns
    -------
    (n, *window.shape)
        Of the type of the dataset.

    Raises
    ------
    FormatError
        If the file is damaged, or compressed in a way that is not known here.
    """
    shape = dataset.shape[-2:]
    window = window or Window(slice(0, shape[0]), slice(0, shape[1]), shape, (0, 0))
    lead = () if outer is None else (outer,)
    inner = () if channel is None else (channel,)
    inverse = None
    if len(numbers) > 1 and (np.diff(numbers) <= 0).any():
        # In the order of the file there are fewer and longer stretches to read.
        numbers, inverse = np.unique(numbers, return_inverse=True)
    fresh = np.empty if window.fills else np.zeros
    frames = fresh((len(numbers), *window.shape), dtype=dataset.dtype)
    scan_shape = dataset.shape[len(lead) : -2 - len(inner)]
    with reading(dataset, label):
        for stretch in stretches(numbers, scan_shape or (1,)):
            axes = stretch.axes if scan_shape else ()
            part = frames[stretch.start : stretch.stop].reshape(*axes, *window.shape)
            place = stretch.source if scan_shape else ()
            source = (*lead, *place, *inner, window.rows, window.columns)
            dataset.read_direct(part, source, (..., *window.target))
    return frames if inverse is None else frames[inverse]


def read_numbers(dataset: Any, numbers: Sequence[int], channel: int | None = None) -> Array:
    """Read whole frames by number; see `read_frames`."""
    return read_frames(dataset, np.asarray(numbers, dtype=np.int64), channel=channel)


def stretches(numbers: Numbers, scan_shape: Sequence[int]) -> list[Stretch]:
    """Cut rising frame numbers into pieces that are one slice of a dataset each.

    A piece is a range, with or without a stride, within a line of the raster; or several whole
    lines.
    """
    line = int(scan_shape[-1])
    steps = np.append(np.diff(numbers), 0)
    # The frames after which the step is another one.
    changes = np.flatnonzero(np.diff(steps)) + 1
    pieces = []
    start = 0
    while start < len(numbers):
        first, step = int(numbers[start]), int(steps[start])
        column = first % line
        place = np.searchsorted(changes, start, side="right")
        stop = int(changes[place]) + 1 if place < len(changes) else len(numbers)
        if step != 1 and stop - start < 3:
            # Two frames far apart are no range: the second may begin one.
            stop, step = start + 1, 1
        if len(scan_shape) == 1:
            source: tuple[Any, ...] = (slice(first, first + (stop - start) * step, step),)
            axes: tuple[int, ...] = (stop - start,)
        elif step == 1 and column == 0 and stop - start >= line:
            lines = (stop - start) // line
            stop = start + lines * line
            source = (slice(first // line, first // line + lines), slice(None))
            axes = (lines, line)
        else:
            stop = min(stop, start + -(-(line - column) // step))
            source = (first // line, slice(column, column + (stop - start - 1) * step + 1, step))
            axes = (stop - start,)
        pieces.append(Stretch(source, start, stop, axes))
        start = stop
    return pieces


@contextlib.contextmanager
def reading(dataset: Any, label: str = "") -> Iterator[None]:
    """Say in words what kept HDF5 from reading a dataset.

    Raises
    ------
    FormatError
    """
    try:
        yield
    except OSError as error:
        file, _, name = label.rpartition(":")
        raise read_trouble(
            file or dataset.file.filename, name or str(dataset.name), error
        ) from error
