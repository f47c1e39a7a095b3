"""Open prepared scans for reading, and keep writers from one another."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from ptypy.errors import FormatError
from ptypy.io._hdf5 import PATIENCE, PAUSE, open_h5, plain_words
from ptypy.io._store import Store
from ptypy.io.ptyd._superblock import Superblock

__all__ = ["holds_frames", "in_words", "keep_out_others", "lock_of", "only_writer", "reading"]


@contextlib.contextmanager
def reading(path: str | Path) -> Iterator[Any]:
    """Open a prepared scan to read it, as it is at this moment.

    A writer that uses `amended` is neither waited for nor kept waiting, and what it adds is not
    seen until the file is opened again. A program that changes the file in place is waited for.

    Yields
    ------
    h5py.File

    Raises
    ------
    FormatError
        If the file is missing, locked, cut short, or not HDF5.
    """
    with contextlib.suppress(ImportError):
        import hdf5plugin  # noqa: F401  -- filters of files that others wrote
    place = Path(path)
    with in_words(place):
        descriptor = os.open(place, os.O_RDONLY)
    try:
        with in_words(place):
            keep_out_others(descriptor, place)
            head = Superblock.read(descriptor)
            # HDF5 shares what it knows of a file between all who opened it in one process: a
            # handle that somebody keeps would hide what was added. A file object is not shared.
            view = None if head is None else Store(descriptor, head.end, {0: head.raw})
            file = None if view is None else h5py.File(view, "r")
        if file is None:
            with open_h5(place) as other:
                yield other
        else:
            with file:
                yield file
    finally:
        os.close(descriptor)


def holds_frames(path: str | Path) -> bool:
    """Say whether a file has chunks of its own, and so is too large to be rewritten."""
    with reading(path) as file:
        chunks = file.get("chunks")
        return isinstance(chunks, h5py.Group) and any(
            isinstance(chunks.get(name, getlink=True), h5py.HardLink) for name in chunks
        )


@contextlib.contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Say in words what an operating system's error means here."""
    try:
        yield
    except FormatError:
        raise
    except OSError as error:
        raise FormatError(f"{path}: {plain_words(path, error)}") from error


def keep_out_others(descriptor: int, path: Path) -> None:
    """Wait until no other program has a file open for writing; readers are no hindrance."""
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > give_up:
                raise FormatError(
                    f"{path}: another process has had this file open for {PATIENCE:g} s; "
                    "close it there, or wait"
                ) from error
            time.sleep(PAUSE)
        except OSError:
            return  # a file system without locks
        else:
            return


def lock_of(path: Path) -> Path:
    """Name the file that writers of ``path`` lock. Whoever dies leaves it unlocked."""
    return path.with_name(f".{path.name}.lock")


@contextlib.contextmanager
def only_writer(path: Path) -> Iterator[bool]:
    """Keep other processes from changing the same file; gives whether that was possible."""
    descriptor = _locked(lock_of(path)) if path.exists() else None
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                lock_of(path).unlink()
            os.close(descriptor)


def _locked(beside: Path) -> int | None:
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return None  # nothing may be written beside the file
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BlockingIOError as error:
            if time.monotonic() > give_up:
                os.close(descriptor)
                raise FormatError(
                    f"{beside}: another process has been writing this scan for {PATIENCE:g} s; "
                    "one writer at a time"
                ) from error
            time.sleep(PAUSE)
        except OSError:
            os.close(descriptor)
            return None  # a file system without locks
        os.close(descriptor)
