"""Frames of one image file: what is there, and how it is read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError
from ptypy.io.stored_stack import StoredStack, map_records

__all__ = ["OneFile", "look_into", "naming", "need"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class OneFile:
    """Frames of one file."""

    path: Path
    form: str
    """The format, as `ptypy.io._image_forms` names it."""
    count: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    header: Mapping[str, Any] = field(default_factory=dict)
    start: int = -1
    """First byte of the first record; -1 if frames have to be decoded."""
    lead: int = 0
    """Bytes of a record before its frame."""
    record: int = 0
    """Bytes of a record; 0 if it is nothing but the frame."""

    def read(self, numbers: Sequence[int] | None = None) -> Array:
        """Read frames by number (n, H, W); all of them, and memory-mapped if possible, if None.

        Raises
        ------
        FormatError
            If the file is cut short or damaged.
        """
        if self.start >= 0:
            frames = self._mapped()
            return frames if numbers is None else _picked(frames, numbers)
        from ptypy.io._image_forms import FORMS

        wanted = list(range(self.count)) if numbers is None else [int(n) for n in numbers]
        with naming(self.path):
            frames = FORMS[self.form].decode(self, wanted)
        if frames.shape != (len(wanted), *self.shape):
            raise FormatError(
                f"{self.path}: gave frames of shape {frames.shape[1:]} where {self.shape} was "
                "announced"
            )
        return frames

    def stack(self, numbers: npt.NDArray[np.int64]) -> StoredStack | None:
        """Find frames by number without reading them; None if they have to be decoded.

        Raises
        ------
        FormatError
            If the file is missing or cut short.
        """
        if self.start < 0:
            return None
        return map_records(
            self.path,
            numbers,
            count=self.count,
            start=self.start + self.lead,
            record=self.record or int(np.prod(self.shape)) * self.dtype.itemsize,
            stored=self.shape,
            dtype=self.dtype,
        )

    def _mapped(self) -> Array:
        length = int(np.prod(self.shape)) * self.dtype.itemsize
        record = self.record or length
        needed = self.start + record * (self.count - 1) + self.lead + length
        there = self.path.stat().st_size
        if there < needed:
            raise FormatError(
                f"{self.path}: the file is cut short, {there} of {needed} bytes are there: copy "
                "it again"
            )
        raw = np.memmap(self.path, np.uint8, "r", offset=self.start + self.lead)
        return np.ndarray(
            (self.count, *self.shape),
            self.dtype,
            buffer=raw,
            strides=(record, self.shape[1] * self.dtype.itemsize, self.dtype.itemsize),
        )


def look_into(path: str | Path, form: str | None = None) -> OneFile:
    """Find out which frames a file holds.

    Raises
    ------
    FormatError
        If it is missing, cut short, or of no format that can be read.
    ImportError
        If a library that is needed is not installed.
    """
    from ptypy.io._image_forms import FORMS, NO_IMAGES, form_of

    path = Path(path)
    try:
        with naming(path):
            return FORMS[form or form_of(path)].look(path)
    except (FormatError, ImportError) as error:
        other = NO_IMAGES.get(path.suffix.lower())
        if form is None and other is not None and path.is_file():
            raise FormatError(f"{path}: is no image but {other}") from error
        raise


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let whatever goes wrong with a file name it."""
    try:
        yield
    except (FormatError, ImportError):
        raise
    except FileNotFoundError as error:
        raise FormatError(f"{path}: there is no such file; check the path") from error
    except IsADirectoryError as error:
        raise FormatError(f"{path}: is a directory; give the path of a file in it") from error
    except Exception as error:
        # Image libraries raise whatever they like on damaged files.
        raise FormatError(
            f"{path}: cannot be read ({type(error).__name__}: {error}); it may be damaged or cut "
            "short: copy it again"
        ) from error


def need(library: str, path: str | Path) -> Any:
    """Import a library that reads images.

    Raises
    ------
    ImportError
        If it is not installed; it says how to install it.
    """
    try:
        return __import__(library)
    except ImportError as error:
        raise ImportError(
            f"reading {path} needs {library}: `pip install {library}`, or `pip install "
            "'ptypy[images]'` for all image formats"
        ) from error


def _picked(frames: Array, numbers: Sequence[int]) -> Array:
    """Take frames by number, as a view if they follow one another."""
    first = int(numbers[0]) if len(numbers) else 0
    if list(numbers) == list(range(first, first + len(numbers))):
        return frames[first : first + len(numbers)]
    return frames[list(numbers)]
