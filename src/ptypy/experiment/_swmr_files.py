"""How far an HDF5 scan has come that another process is still writing (SWMR)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError
from ptypy.experiment._hdf5_files import FIELDS, Floats, Hdf5Files, look_at_all
from ptypy.experiment._hdf5_layout import motor_of, see_shapes
from ptypy.experiment._hdf5_read import dataset_of
from ptypy.io import open_h5
from ptypy.io.stored_frames import files_of, use_filters
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import logger

__all__ = ["LiveFiles", "Progress", "is_being_written", "open_swmr"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SWMR_VERSION = 3
"""Version of the superblock from which on a file can be read while it is written."""
WRITING = 0x05
"""Flags of an open file: write access, and SWMR write access."""

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Shape = tuple[int | None, ...]


class Progress(NamedTuple):
    """What may be loaded now."""

    usable: Numbers
    """Frames in the order they are used, counted in the order of the file."""
    expected: int | None
    """How many there will be; None if no dataset says so."""
    is_closed: bool
    """Whether the writer has closed its files, so that no more will come."""


class Extent(NamedTuple):
    """One dataset, as far as it is written."""

    now: tuple[int, ...]
    """Shape it has."""
    full: Shape
    """Shape it will have; None along axes that can grow without limit."""
    flags: Flags | None
    """For each entry whether it was written, if there is a dataset that says so."""
    keys: int | None
    """How many entries that dataset has; None if it can grow."""


class LiveFiles(Hdf5Files):
    """Looks into the files of a scan, anew each time, while they are written."""

    _has_grown = False
    """Whether the dataset of frames was once shorter than it will be."""
    _was_written = False
    """Whether a process was once seen to write."""
    _has_spoken = False
    """Whether somebody was told that frames have to wait for the end."""

    def survey(self) -> None:
        """See that what does not change is there and fits together."""
        looks: list[Callable[[], Any]] = [lambda: self.full_shape, self.progress]
        looks += [lambda: self.recorded, *(partial(self.factor, a) for a in self._axes)]
        looks += [partial(self.is_each, name) for name in FIELDS if self.has(name)]
        look_at_all(looks)

    @property
    def scan_shape(self) -> tuple[int, ...]:
        """Frames that share what is read once: masks and darks are one for all of them."""
        return ()

    def see_frames(self) -> None:
        """See that the files can be opened and the frames found; FormatError if not yet."""
        sources = [("intensities", self.where.intensities)]
        sources += [("positions.slow", self._motor_source("slow"))] if self.has_motors else []
        for name, source in sources:
            with self.opened(source.file) as file:
                dataset_of(file, source, name)

    def progress(self, *, is_promised: bool = False) -> Progress:
        """Look what may be loaded now.

        Parameters
        ----------
        is_promised : bool
            Whether another process has seen already that the frames in question are there.
        """
        # Before anything is counted: what is written after this is counted too.
        is_closed = not any(is_being_written(path) for path in self._homes)
        self._was_written |= not is_closed
        frames = self._extent("intensities", self.where.intensities, drop=2)
        ready = _ready(frames)
        if not (is_closed or is_promised or self._can_tell(frames)):
            ready[:] = False
        whole: Shape | None = frames.full if None not in frames.full else None
        if self.has_motors:
            slow, fast = self._motor_extents()
            by_axis = self._is_by_axis(frames, slow, fast)
            ready = _both(ready, _ready_motors(slow, fast, by_axis=by_axis))
            told = _raster(slow, fast, by_axis=by_axis)
            whole = told if whole is None or (len(whole) == 1 and told is not None) else whole
        if whole is None and frames.keys is not None:
            whole = (frames.keys,)
        # A file that is prepared before the scan is closed, too.
        is_closed = is_closed and (self._was_written or bool(ready.any()))
        numbers, expected = self._wanted(whole, len(ready))
        there = numbers < len(ready)
        there[there] = ready[numbers[there]]
        if not is_closed:
            # What comes after a gap has to wait until the gap is filled.
            there = np.logical_and.accumulate(there)
        return Progress(numbers[there], expected, is_closed)

    def positions_of(self, numbers: Numbers) -> Floats:
        """Give positions (slow, fast) of frames [m], shape (n, 2)."""
        slow_extent, fast_extent = self._motor_extents()
        frames = self._extent("intensities", self.where.intensities, drop=2)
        slow, fast = (self._motor(axis) for axis in ("slow", "fast"))
        if self._is_by_axis(frames, slow_extent, fast_extent):
            return np.stack([slow[numbers // fast.size], fast[numbers % fast.size]], axis=1)
        return np.stack([slow.ravel()[numbers], fast.ravel()[numbers]], axis=1)

    def _can_tell(self, frames: Extent) -> bool:
        """Say whether the dataset of frames tells how many of them are written."""
        self._has_grown |= frames.now != frames.full
        if frames.flags is not None or self._has_grown:
            return True
        if not self._has_spoken:
            self._has_spoken = True
            source = self.where.intensities
            logger.error(
                "%s:%s has its full size, which does not say how many frames are written: none is "
                "used until the writer closes the file. `intensities.live_key` may name a dataset "
                "that says it",
                source.file, source.key,
            )  # fmt: skip
        return False

    @cached_property
    def _homes(self) -> list[str]:
        """Files that are being written, those behind links too."""
        sources = [("intensities", self.where.intensities)]
        sources += [(f"positions.{axis}", self._motor_source(axis)) for axis in self._axes]
        homes = set()
        for name, source in sources:
            with self.opened(source.file) as file:
                homes |= {str(source.file)}
                for key in (source.key, source.live_key):
                    if key is not None:
                        homes |= files_of(dataset_of(file, Param(source, key=key), name))
        return sorted(homes)

    @property
    def _axes(self) -> tuple[str, ...]:
        return ("slow", "fast") if self.has_motors else ()

    def _motor_source(self, axis: str) -> Param:
        group = self.where.positions
        return Param(file=group.file, key=group[f"{axis}_key"], live_key=group[f"live_{axis}_key"])

    def _extent(self, name: str, source: Param, drop: int = 0) -> Extent:
        """Look at the shapes of one dataset, and at the dataset that says what is written."""
        flags = keys = None
        with self.opened(source.file) as file:
            if source.live_key is not None:
                live = dataset_of(file, Param(source, key=source.live_key), f"{name} (live key)")
                keys = None if None in live.maxshape else int(np.prod(live.maxshape))
                flags = np.asarray(live[()]).ravel() > 0
            dataset = dataset_of(file, source, name)
            rank = len(dataset.shape) - drop
            return Extent(dataset.shape[:rank], dataset.maxshape[:rank], flags, keys)

    def _motor_extents(self) -> tuple[Extent, Extent]:
        slow, fast = (self._motor_extent(axis) for axis in ("slow", "fast"))
        return slow, fast

    def _motor_extent(self, axis: str) -> Extent:
        """Look at one motor, without axes of one entry and without that of several motors."""
        group = self.where.positions
        extent = self._extent(f"positions.{axis}", self._motor_source(axis))
        now, full = list(extent.now), list(extent.full)
        if group[f"{axis}_index"] is not None and now:
            place = _motor_axis(extent.full)
            del now[place], full[place]
        kept = [k for k, n in enumerate(full) if n != 1] or list(range(len(full)))[:1]
        full_shape: Shape = tuple(full[k] for k in kept)
        if (key := group[f"{axis}_key_with_expected_shape"]) is not None:
            source = Param(file=group.file, key=key)
            with self.opened(group.file) as file:
                stored = dataset_of(file, source, f"positions.{axis} (expected shape)").shape
            full_shape = tuple(int(n) for n in stored if n != 1) or (1,)
        return Extent(tuple(now[k] for k in kept), full_shape, extent.flags, extent.keys)

    def _motor(self, axis: str) -> Floats:
        """Read one motor, as far as it is written [m]."""
        source, group = self._motor_source(axis), self.where.positions
        with self.opened(source.file) as file:
            dataset = dataset_of(file, source, f"positions.{axis}")
            values = np.asarray(dataset[()], dtype=np.float64)
            full = dataset.maxshape
        index = group[f"{axis}_index"]
        if index is not None:
            values = np.moveaxis(values, _motor_axis(full), 0)
        picked = motor_of(values, index, -1, f"positions.{axis}")
        return picked * self.factor(axis)

    def _is_by_axis(self, frames: Extent, slow: Extent, fast: Extent) -> bool:
        """Say whether positions are one a line and one a column, not one a frame."""
        shapes = [tuple(n for n in extent.full if n is not None) for extent in (frames, slow, fast)]
        whole = all(
            len(one.full) == len(n) for one, n in zip((frames, slow, fast), shapes, strict=True)
        )
        if len(shapes[0]) == 2 and whole:
            # Of the shapes that the whole scan will have: what does not fit now never will.
            see_shapes(*shapes)
        if not len(slow.full) == len(fast.full) == 1:
            return False
        lines, columns = slow.full[0], fast.full[0]
        if len(frames.now) == 2:
            line = frames.now[1] if frames.full[1] is None else frames.full[1]
            return columns == line and lines != frames.now[0] * line
        if lines is None or columns is None:
            return False
        total = frames.full[0] if frames.keys is None else frames.keys
        return lines * columns == total or (total is None and lines != columns)

    def _wanted(self, whole: Shape | None, ready: int) -> tuple[Numbers, int | None]:
        """Give the frames to use, in order, and how many there will be."""
        where = self.where
        box = where.positions.bounding_box
        chosen = {
            "positions.bounding_box": box.slow_axis_bounds is not None
            or box.fast_axis_bounds is not None,
            "positions.skip": where.positions.skip > 1,
            "framefilter": self.has("framefilter"),
            "frameorder": where.frameorder.indices is not None,
        }
        if whole is None or None in whole:
            if any(chosen.values()):
                names = ", ".join(name for name, asked in chosen.items() if asked)
                raise DataError(
                    f"{names}: frames cannot be chosen as long as the size of the scan is not "
                    "known; give positions.slow_key_with_expected_shape and "
                    "positions.fast_key_with_expected_shape"
                )
            return np.arange(ready), None
        numbers = self.choose(tuple(int(n) for n in whole if n is not None))
        return numbers, len(numbers)


@contextlib.contextmanager
def open_swmr(path: str) -> Iterator[Any]:
    """Open an HDF5 file that may be being written; FormatError if that cannot be."""
    import h5py

    use_filters()
    with contextlib.ExitStack() as stack:
        # A file of this version says itself whether it may be read, so that no lock is needed,
        # which could keep its writer out.
        how = {"locking": False} if _superblock(path)[0] >= SWMR_VERSION else {}
        try:
            # Files behind links are opened in the same way.
            file = stack.enter_context(h5py.File(path, "r", swmr=True, **how))
        except OSError:
            # It is there as a whole, or there are words for what is wrong.
            file = stack.enter_context(open_h5(path, patience=0))
        yield file


def is_being_written(path: str) -> bool:
    """Say whether a process has an HDF5 file open for SWMR writing.

    That is what the file says of itself, in the flags of its superblock; a writer that died
    cannot take them back.
    """
    version, flags = _superblock(path)
    return version >= SWMR_VERSION and bool(flags & WRITING)


def _superblock(path: str) -> tuple[int, int]:
    """Read the version of a file's superblock, and the flags of it; (-1, 0) without one."""
    try:
        with Path(path).open("rb") as file:
            # A block of the user's own may come first, of 512 bytes, 1024, 2048 ...
            for start in (0, *(512 << k for k in range(8))):
                file.seek(start)
                head = file.read(12)
                if head[:8] == SIGNATURE and len(head) == 12:
                    return head[8], head[11]
    except FileNotFoundError as error:
        raise FormatError(f"{path}: there is no such file") from error
    return -1, 0


def _motor_axis(full: Sequence[int | None]) -> int:
    """Give the axis that counts motors: the first, unless that one grows with the scan."""
    return -1 if len(full) > 1 and full[0] is None else 0


def _ready(extent: Extent) -> Flags:
    """Give for each entry of a dataset whether it may be read."""
    there = np.ones(int(np.prod(extent.now)), dtype=bool)
    return there if extent.flags is None else _both(there, extent.flags)


def _ready_motors(slow: Extent, fast: Extent, *, by_axis: bool) -> Flags:
    """Give for each frame whether its position may be read."""
    lines, columns = _ready(slow), _ready(fast)
    if not by_axis:
        return _both(lines, columns)
    wide = np.zeros(fast.full[0] or columns.size, dtype=bool)
    wide[: columns.size] = columns
    return np.logical_and.outer(lines, wide).ravel()


def _raster(slow: Extent, fast: Extent, *, by_axis: bool) -> Shape | None:
    """Give lines and columns of the whole scan, or its number of frames, as positions tell."""
    if by_axis:
        return (slow.full[0], fast.full[0])
    return slow.full if None not in slow.full and slow.full == fast.full else None


def _both(one: Flags, other: Flags) -> Flags:
    size = min(one.size, other.size)
    return one[:size] & other[:size]
