"""Reading single datasets and stretches of frames from HDF5 files."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError

__all__ = [
    "Opener",
    "Window",
    "dataset_of",
    "files_of",
    "read_dataset",
    "read_frames",
    "read_numbers",
]

Opener = Callable[[str], AbstractContextManager[Any]]
"""Opens an HDF5 file for reading."""


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


def dataset_of(file: Any, where: Any, name: str) -> Any:
    """Find the dataset that a group of parameters names, in its open file.

    Raises
    ------
    DataError
        If there is none; it names what there is.
    FormatError
        If it is virtual, or behind a link, and files that it needs are missing.
    """
    found = file.get(where.key)
    if found is not None and hasattr(found, "shape"):
        if found.is_virtual:
            _see_sources(found, where, name)
        return found
    if (link := _dead_link(file, where.key)) is not None:
        raise FormatError(
            f"{name}: {where.file}:{where.key} is a link to {link}, which is not there"
        )
    # The names beside the one that was meant, or, if there is no such group, at the top.
    group = file.get(where.key.rpartition("/")[0] or "/") if found is None else found
    group, place = (group, group.name) if hasattr(group, "keys") else (file, "/")
    wrong = "no dataset" if found is None else "a group and no dataset"
    raise DataError(
        f"{name}: {where.file} has {wrong} {where.key!r}; {place} holds "
        f"{', '.join(sorted(group)) or 'nothing'}"
    )


def read_dataset(opened: Opener, where: Any, name: str) -> Any:
    """Read the whole dataset that a group of parameters names."""
    with opened(where.file) as file:
        dataset = dataset_of(file, where, name)
        with _reading(where):
            return dataset[()]


def read_numbers(opened: Opener, where: Any, name: str) -> npt.NDArray[np.float64]:
    """Read a dataset that should hold real numbers."""
    stored = np.asarray(read_dataset(opened, where, name))
    if stored.dtype.kind not in "biuf":
        raise DataError(f"{name}: {where.file}:{where.key} holds {stored.dtype}, not real numbers")
    return stored.astype(np.float64)


def read_frames(
    dataset: Any, where: Any, outer: int | None, numbers: npt.NDArray[np.int64], window: Window
) -> npt.NDArray[Any]:
    """Read frames by number, each stretch of neighbours in one piece.

    Parameters
    ----------
    dataset : h5py.Dataset
        ``(K, rows, columns)`` or ``(A, B, rows, columns)``.
    where : Param
        ``file`` and ``key`` of it, for messages.
    outer : int or None
        Entry along an axis before these.
    numbers : (n,) int64
        Frames, counted in the order of the dataset.
    window : Window

    Returns
    -------
    (n, *window.shape)
        Of the type of the dataset.
    """
    lead = () if outer is None else (outer,)
    inverse = None
    if len(numbers) > 1 and (np.diff(numbers) <= 0).any():
        # In the order of the file there are fewer and longer stretches to read.
        numbers, inverse = np.unique(numbers, return_inverse=True)
    fresh = np.empty if window.fills else np.zeros
    frames = fresh((len(numbers), *window.shape), dtype=dataset.dtype)
    with _reading(where):
        for stretch in stretches(numbers, dataset.shape[len(lead) : -2]):
            part = frames[stretch.start : stretch.stop].reshape(*stretch.axes, *window.shape)
            source = (*lead, *stretch.source, window.rows, window.columns)
            dataset.read_direct(part, source, (..., *window.target))
    return frames if inverse is None else frames[inverse]


def stretches(numbers: npt.NDArray[np.int64], scan_shape: Sequence[int]) -> list[Stretch]:
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


def files_of(dataset: Any) -> set[str]:
    """Name the files that hold a dataset: its own, and those of which a virtual one is made."""
    own = str(dataset.file.filename)
    sources = dataset.virtual_sources() if dataset.is_virtual else []
    home = Path(own).parent
    # A per cent sign and a letter stand for the number of a file.
    names = {re.sub("%[0-9]*b", "*", source.file_name) for source in sources} - {"."}
    return {own, *(str(path) for name in names for path in home.glob(name))}


def _see_sources(dataset: Any, where: Any, name: str) -> None:
    """Refuse a virtual dataset whose files are missing: HDF5 would give zeros in their place."""
    home = Path(dataset.file.filename).parent
    names = {source.file_name for source in dataset.virtual_sources()} - {"."}
    # A name with a per cent sign stands for many, as many as there are.
    missing = sorted(n for n in names if "%" not in n and not _is_there(n, home))
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise FormatError(
            f"{name}: {where.file}:{where.key} is made of other files, and "
            f"{', '.join(missing[:3])}{more} cannot be found beside {home}"
        )


def _is_there(name: str, home: Path) -> bool:
    # HDF5 looks at the path as it is, then beside the file, then beside it by the bare name.
    return any(path.exists() for path in (Path(name), home / name, home / Path(name).name))


def _dead_link(file: Any, key: str) -> str | None:
    """Name what a link on the way to ``key`` points to, if nothing is there."""
    import h5py

    place = ""
    for part in key.strip("/").split("/"):
        place = f"{place}/{part}"
        with contextlib.suppress(KeyError):
            if file.get(place) is None and (link := file.get(place, getlink=True)) is not None:
                if isinstance(link, h5py.ExternalLink):
                    return f"{link.filename}:{link.path}"
                return str(link.path) if isinstance(link, h5py.SoftLink) else None
    return None


@contextlib.contextmanager
def _reading(where: Any) -> Iterator[None]:
    """Say in words what kept HDF5 from reading."""
    try:
        yield
    except OSError as error:
        text = str(error)
        if "not registered" in text or "plugin" in text:
            remedy = "it is compressed in a way that needs a plugin: `pip install -U hdf5plugin`"
        else:
            remedy = "the file is damaged here; copy it or write it again"
        raise FormatError(f"{where.file}: {where.key} cannot be read ({text}); {remedy}") from error
