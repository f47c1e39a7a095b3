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
from ptypy.io._hdf5 import open_h5, read_trouble, use_filters
from ptypy.utils.buffers import empty

__all__ = [
    "Window", "files_of", "follow", "read_frames", "read_numbers", "reading", "see_sources",
    "source_place", "stretches", "unit_of", "use_filters",
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
        target = source_place(link.filename, Path(file.filename).parent)
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
    missing = sorted(n for n in names if "%" not in n and source_place(n, home) is None)
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


def source_place(name: str, home: Path) -> Path | None:
    """Find a file as HDF5 does: beside the file, at its path, or beside it by its bare name."""
    places = (home / name, Path(name), home / Path(name).name)
    return next((place for place in places if place.is_file()), None)


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
    frames: Array = empty((len(numbers), *window.shape), dataset.dtype)
    if not window.fills:
        frames[...] = 0
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


def unit_of(dataset: Any) -> str:
    """Give the unit that a dataset names, in lower case; empty if it names none."""
    unit = dataset.attrs.get("units", "")
    unit = unit.item() if isinstance(unit, np.ndarray) and unit.size == 1 else unit
    return (unit.decode() if isinstance(unit, bytes) else str(unit)).strip().lower()


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
