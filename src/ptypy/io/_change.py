"""Write HDF5 files so that an error, or the death of the process, leaves what was there.

Files of usual size are made in memory and written out as bytes. HDF5 itself must not meet a full
disk: it cannot close a file that it cannot write to its end, and may bring the process down.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from ptypy.errors import FormatError, PtypyError
from ptypy.io._hdf5 import (
    PATIENCE,
    PAUSE,
    cannot_write,
    open_h5,
    replacing,
    settled,
    temporary,
)

__all__ = ["changing", "creating"]

IN_MEMORY = 1 << 26
"""Files up to this size are made in memory [byte]. Larger ones would take long to copy each time
that something is added to them."""

BLOCK = 1 << 22
"""By how much a file in memory grows at a time [byte]: each time may mean to copy it."""


@contextlib.contextmanager
def creating(path: str | Path, needed: int) -> Iterator[Any]:
    """Make a new HDF5 file: it is there completely, or not at all.

    Parameters
    ----------
    path : path
        Missing directories are made; a file that is there is replaced. A link to a file stays
        a link.
    needed : int
        About how large it will be, rather more [byte].

    Yields
    ------
    h5py.File
        Empty, open for writing.

    Raises
    ------
    FormatError
        If nothing can be written there.
    """
    target = Path(os.path.realpath(path))
    if needed > IN_MEMORY:
        _check_room(target, needed)
        with _in_words(target), replacing(target) as file:
            yield file
        return
    memory = {"driver": "core", "backing_store": False, "block_size": BLOCK}
    with temporary(target) as aside, h5py.File(aside, "w", **memory) as file:
        yield file
        _write_out(file, aside, target)


@contextlib.contextmanager
def changing(path: str | Path, needed: int) -> Iterator[Any]:
    """Open an HDF5 file to change it: the changes are in it completely, or not at all.

    A file of more than 64 MiB, or one that begins with something that is not HDF5, is changed in
    place, if there is room for it on the disk. There, a process that is killed while HDF5 updates
    its tables can spoil the file.

    Parameters
    ----------
    path : path
        A file that is there. A link to a file stays a link.
    needed : int
        About how much it will grow, rather more [byte].

    Yields
    ------
    h5py.File

    Raises
    ------
    FormatError
        If the file cannot be opened, locked or written.
    """
    target = Path(os.path.realpath(path))
    with open_h5(target) as file:  # says in words what is wrong with it, if anything
        plain = file.userblock_size == 0
    if not plain or target.stat().st_size + needed > IN_MEMORY:
        _check_room(target, needed)
        with _in_words(target), open_h5(target, "r+") as file:
            yield file
        return
    with _alone(target) as image:
        opened = h5py.h5f.open_file_image(image, flags=h5py.h5f.FILE_IMAGE_OPEN_RW)
        with temporary(target) as aside, h5py.File(opened) as file:
            yield file
            _write_out(file, aside, target)


def _write_out(file: Any, aside: Path, target: Path) -> None:
    """Put a file that is in memory into its place."""
    file.flush()
    try:
        aside.write_bytes(file.id.get_file_image())
        settled(aside)
        if target.exists():
            shutil.copymode(target, aside)
        aside.replace(target)
        settled(target.parent)
    except OSError as error:
        raise cannot_write(target, error) from error


@contextlib.contextmanager
def _alone(target: Path) -> Iterator[bytes]:
    """Give the bytes of a file, and keep everybody else from opening it meanwhile.

    The lock is the one that HDF5 uses, but not taken by HDF5: that would note in the file that
    it is being changed, and a process that is killed would leave it so.
    """
    give_up = time.monotonic() + PATIENCE
    while True:
        with _opened(target) as file:
            # Whoever had it locked may have put another file in its place meanwhile.
            if _lock(file.fileno()) and os.path.samestat(os.fstat(file.fileno()), target.stat()):
                yield file.read()
                return
        if time.monotonic() > give_up:
            raise FormatError(
                f"{target}: another process has had this file open for {PATIENCE:g} s; "
                "close it there, or wait"
            )
        time.sleep(PAUSE)


def _opened(target: Path) -> Any:
    try:
        # On network disks, only who may write may keep others out.
        return target.open("r+b")
    except OSError as error:
        raise cannot_write(target, error) from error


def _lock(descriptor: int) -> bool:
    """Lock an open file; False if another process has it locked."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return True  # this system, or this disk, has no locks
    return True


def _check_room(target: Path, needed: int) -> None:
    """Refuse to begin what there is no room for."""
    directory = next(path for path in target.parents if path.exists())
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise FormatError(
            f"{target}: cannot be written: about {needed / 1e6:.0f} MB are needed and "
            f"{free / 1e6:.0f} MB are free; make room on the disk"
        )


@contextlib.contextmanager
def _in_words(target: Path) -> Iterator[None]:
    """Say what HDF5 met; h5py reports a file that it cannot close by a RuntimeError."""
    try:
        yield
    except PtypyError:
        raise
    except OSError as error:
        raise cannot_write(target, error) from error
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise FormatError(f"{target}: cannot be written to its end: {reason}") from error
