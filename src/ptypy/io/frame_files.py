"""Detector frames in image files: one file with many frames, or one file for each."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError
from ptypy.io._image_forms import FORMS
from ptypy.io._one_file import OneFile, look_into, naming
from ptypy.io.frame_source import Recorded
from ptypy.io.image_header import read_header
from ptypy.io.joined_stacks import gather_stacks
from ptypy.io.stored_stack import StoredStack
from ptypy.utils.processors import count_processors
from ptypy.utils.verbose import logger

__all__ = ["FrameFiles", "find_files", "frame_files", "natural_order"]

Array = npt.NDArray[Any]
Files = str | Path | Sequence[str | Path]

MOST_NAMED = 5
"""So many file names at most in a message."""


def natural_order(path: str | Path) -> tuple[tuple[int, int, str], ...]:
    """Give a key that sorts names by the numbers in them: ``frame_2`` before ``frame_10``.

    >>> sorted(["f10.tif", "f2.tif"], key=natural_order)
    ['f2.tif', 'f10.tif']
    """
    parts = re.split(r"(\d+)", str(path))
    return tuple((1, int(part), part) if part.isdigit() else (0, 0, part) for part in parts)


def find_files(files: Files) -> list[Path]:
    """List the files that are meant.

    Parameters
    ----------
    files : path, or sequence of paths
        One path may hold wildcards (``*``, ``?``, ``[...]``, ``**``); what it finds is sorted by
        the numbers in the names. A sequence is taken in its own order.

    Raises
    ------
    FormatError
        If there is none, or one of the sequence is not there; it names them.
    """
    if isinstance(files, str | Path):
        if Path(files).is_dir():
            raise FormatError(f"{files}: is a directory; add a pattern, such as {files}/*.tif")
        if Path(files).exists():
            return [Path(files)]
        found = [Path(name) for name in glob.glob(str(files), recursive=True)]  # noqa: PTH207
        found = sorted((path for path in found if path.is_file()), key=natural_order)
        if not found:
            raise FormatError(
                f"{files}: there is no such file; check the path (the working directory is "
                f"{Path.cwd()})"
            )
        return found
    listed = [Path(file) for file in files]
    missing = [path for path in listed if not path.is_file()]
    if missing or not listed:
        raise FormatError(f"there is no {_named(missing)}" if listed else "no file is named")
    return listed


def frame_files(files: Files, form: str | None = None) -> FrameFiles:
    """Look into files of detector frames.

    Parameters
    ----------
    files : path, or sequence of paths
        As for `find_files`.
    form : str, optional
        ``'tiff'``, ``'edf'``, ``'cbf'``, ``'npy'``, ``'mib'``, ``'empad'``, ``'picture'`` or
        ``'fabio'`` (whatever fabio opens), if the ending of the name does not tell.

    Returns
    -------
    FrameFiles

    Raises
    ------
    FormatError
        If files are missing, cut short, or of no format that can be read.
    ImportError
        If a library that is needed is not installed.
    """
    paths = find_files(files)
    first = look_into(paths[0], form)
    if form is None and first.form == "empad":
        logger.error(
            "%s: %d frames of 128 x 128 px, if these are counts of an EMPAD detector, for which "
            "they are taken as the name ends with %s: `file_format='empad'` says that they are",
            paths[0],
            first.count,
            paths[0].suffix,
        )
    if len(paths) == 1:
        return FrameFiles((first,), tuple(paths))
    if first.count == 1:
        # A scan may be ten thousand files of one frame: each is looked into when it is read.
        return FrameFiles((first,), tuple(paths))
    looked = (first, *(look_into(path, form) for path in paths[1:]))
    for other in looked[1:]:
        _see_same(first, other)
    return FrameFiles(looked, tuple(paths))


@dataclass(frozen=True, eq=False)
class FrameFiles:
    """Frames of one or several image files, one after the other; see `frame_files`."""

    looked: tuple[OneFile, ...]
    """What was found in every file; of many files of one frame each, in the first."""
    paths: tuple[Path, ...]

    @property
    def name(self) -> str:
        """The files, for messages."""
        last = f" ... {self.paths[-1].name}" if len(self.paths) > 1 else ""
        return f"{self.paths[0]}{last}"

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self.paths) if self._is_single else sum(file.count for file in self.looked)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self.looked[0].shape

    @cached_property
    def recorded(self) -> Recorded:
        """What the header of the first file says."""
        header = self.looked[0].header
        depth = header.get("counter_depth")
        if depth is not None:
            return Recorded(saturation=2.0**depth - 1 if depth > 1 else None)
        return read_header(header)

    @property
    def _is_single(self) -> bool:
        """Whether every file holds one frame."""
        return len(self.looked) < len(self.paths)

    def read(self, indices: Sequence[int] | npt.NDArray[np.int64]) -> Array:
        """Read frames.

        Files of one frame each are read by several threads. A single file whose frames are stored
        as they are is memory-mapped.

        Parameters
        ----------
        indices : (n,) int
            Which frames, counted over all files.

        Returns
        -------
        (n, H, W)
            As they are stored.

        Raises
        ------
        FormatError
            If a file is missing, cut short, or holds something else than the first.
        """
        wanted = [int(index) for index in indices]
        if not self._is_single:
            return self._from_stacks(wanted)
        with ThreadPoolExecutor(min(count_processors(), max(len(wanted), 1))) as pool:
            frames = list(pool.map(self._one, wanted))
        return np.stack(frames) if frames else np.empty((0, *self.shape), self.looked[0].dtype)

    def stack(self, indices: Sequence[int] | npt.NDArray[np.int64]) -> StoredStack | None:
        """Find frames without reading them; None if files of many frames have to be decoded.

        Raises
        ------
        FormatError
            If a file is missing or cut short.
        """
        if self._is_single:
            return None
        wanted = np.asarray(indices, dtype=np.int64)
        parts = ((place, file.stack(own)) for file, place, own in self._parts(wanted))
        return gather_stacks(parts, wanted, self.name)

    def _one(self, index: int) -> Array:
        first, path = self.looked[0], self.paths[index]
        with naming(path):
            frame = FORMS[first.form].only(path)
        if (frame.shape, frame.dtype.kind) != (first.shape, first.dtype.kind):
            raise FormatError(_unlike(path, frame.shape, frame.dtype, first))
        return frame

    def _from_stacks(self, wanted: list[int]) -> Array:
        parts, places = [], []
        for file, place, own in self._parts(np.asarray(wanted, dtype=np.int64)):
            parts.append(file.read(own.tolist()))
            places.append(place)
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts)[np.argsort(np.concatenate(places))]

    def _parts(
        self, wanted: npt.NDArray[np.int64]
    ) -> Iterator[tuple[OneFile, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Give the files of some frames: the file, which these are, their numbers there."""
        ends = np.cumsum([file.count for file in self.looked])
        which = np.searchsorted(ends, wanted, side="right")
        for number in dict.fromkeys(which.tolist()):
            file, place = self.looked[number], np.flatnonzero(which == number)
            yield file, place, wanted[place] - (int(ends[number]) - file.count)

    def suspects(self) -> str:
        """Name files that seem to be missing: gaps in the numbers, or the next one."""
        numbered = [re.split(r"(\d+)", path.name) for path in self.paths]
        length = len(numbered[0])
        if any(len(parts) != length for parts in numbered):
            return ""
        moving = [k for k in range(1, length, 2) if len({parts[k] for parts in numbered}) > 1]
        if len(moving) != 1:
            return ""
        (place,) = moving
        numbers = {int(parts[place]) for parts in numbered}
        lost = [n for n in range(min(numbers), max(numbers)) if n not in numbers]
        width = len(numbered[0][place]) if numbered[0][place].startswith("0") else 0
        shown = lost or [max(numbers) + 1]
        names = [
            "".join([*numbered[0][:place], f"{n:0{width}d}", *numbered[0][place + 1 :]])
            for n in shown[:MOST_NAMED]
        ]
        more = " ..." if len(shown) > MOST_NAMED else ""
        verb = "are missing between the others" if lost else "would be next"
        return f"{', '.join(names)}{more} {verb}"


def _see_same(first: OneFile, other: OneFile) -> None:
    if (other.shape, other.dtype.kind) != (first.shape, first.dtype.kind):
        raise FormatError(_unlike(other.path, other.shape, other.dtype, first))


def _unlike(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], first: OneFile) -> str:
    return (
        f"{path}: holds {dtype} frames of {shape} px, {first.path.name} {first.dtype} of "
        f"{first.shape}: all must be of one form"
    )


def _named(paths: Sequence[Path]) -> str:
    shown = ", ".join(str(path) for path in paths[:MOST_NAMED])
    return shown + (f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else "")
