"""Open HDF5 files, and replace them whole; say clearly why a file cannot be opened."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import h5py

from ptypy.errors import FormatError
from ptypy.io._direct import set_text
from ptypy.io._store import Store

__all__ = [
    "ASIDE",
    "PATIENCE",
    "PAUSE",
    "arriving",
    "beside",
    "open_h5",
    "plain_words",
    "read_trouble",
    "replacing",
    "second_name",
    "settled",
    "stamp",
    "temporary",
    "this_machine",
    "use_filters",
    "written",
]

ASIDE = ".writing"
"""Name at the top of a file under which an entry is written before it is moved into place."""

PATIENCE = 10.0
"""How long to wait for a file that another process has locked [s]."""

PAUSE = 0.02
"""Between two attempts to open a locked file [s]; a chunk takes about as long to write."""


@contextlib.contextmanager
def open_h5(
    path: str | Path, mode: Literal["r", "r+", "a"] = "r", *, patience: float = PATIENCE
) -> Iterator[Any]:
    """Open an HDF5 file, with the filters of hdf5plugin at hand.

    Parameters
    ----------
    path : path
    mode : {'r', 'r+', 'a'}
        Read, change, or change and create if it is not there.
    patience : float
        How long to wait while another process has the file open [s].

    Yields
    ------
    h5py.File

    Raises
    ------
    FormatError
        If the file is missing, locked, cut short, or not HDF5.
    """
    use_filters()
    with _open(Path(path), mode, patience) as file:
        yield file


def use_filters() -> None:
    """Register bitshuffle, blosc, zstd and others with HDF5.

    Most detector files cannot be read without. Frames in plain HDF5 are readable where hdf5plugin
    is not installed.
    """
    with contextlib.suppress(ImportError):
        import hdf5plugin  # noqa: F401


def _open(path: Path, mode: str, patience: float) -> Any:
    give_up = time.monotonic() + patience
    has_failed = False
    while True:
        try:
            return h5py.File(path, mode)
        except BlockingIOError as error:
            if time.monotonic() > give_up:
                raise FormatError(
                    f"{path}: another process has had this file open for {patience:g} s; "
                    "close it there, or wait"
                ) from error
            time.sleep(PAUSE)
        except OSError as error:
            # Its first bytes were being written at this very moment; see ptyd/_amend.py.
            if "checksum" in str(error) and not has_failed:
                has_failed = True
                time.sleep(PAUSE)
                continue
            raise FormatError(f"{path}: {plain_words(path, error)}") from error


NO_ROOM = {
    errno.ENOSPC: "there is no space left on the disk",
    errno.EDQUOT: "the quota of the disk is used up",
    errno.EFBIG: "the file would become larger than is allowed here",
}


def plain_words(path: Path, error: OSError) -> str:
    """Say in words why a file could not be opened or written, and what to do."""
    text = str(error)
    ends = re.search(r"truncated file: eof = (\d+), .*stored_eof = (\d+)", text)
    again = "a copy or a writer was interrupted; copy it or write it again"
    if not path.exists():
        text = f"there is no such file; check the path (the working directory is {Path.cwd()})"
    elif path.is_dir():
        text = "is a directory; give the path of a file in it"
    elif isinstance(error, PermissionError):
        text = "permission denied"
    elif error.errno == errno.EROFS:
        text = "the disk is read-only"
    elif error.errno in NO_ROOM:
        text = f"{NO_ROOM[error.errno]}: make room; what was written before is unharmed"
    elif ends:
        text = f"the file is cut short, {ends[1]} of {ends[2]} bytes are there: {again}"
    elif path.stat().st_size == 0:
        text = f"the file is empty: {again}"
    elif "signature not found" in text:
        text = "is not an HDF5 file"
    return text


def read_trouble(path: str | Path, where: str, error: Exception) -> FormatError:
    """Describe an entry that is listed in a file but cannot be read."""
    text = str(error)
    if "not registered" in text or "plugin" in text:
        remedy = "it is compressed in a way that needs a plugin: `pip install -U hdf5plugin`"
    else:
        remedy = "the file is damaged here; copy it or write it again"
    return FormatError(f"{path}: {where} cannot be read ({text}); {remedy}")


def beside(target: Path) -> Path:
    """Name a file beside another, for what shall take its place: it says whose it is."""
    owner = f"{os.getpid()}-{secrets.token_hex(4)}-{this_machine()}"
    return target.with_name(f".{target.name}.{owner}.part")


def this_machine() -> str:
    """Name this machine, in letters that a file name may have."""
    return re.sub(r"[^A-Za-z0-9]+", "_", os.uname().nodename)[:40]


def second_name(path: Path) -> Path:
    """Give a file a second name, beside its own, under which it stays when it is replaced."""
    other = beside(path)
    try:
        os.link(path, other)
    except OSError:  # file systems without hard links
        try:
            shutil.copy2(path, other)
        except BaseException:
            other.unlink(missing_ok=True)
            raise
    return other


@contextlib.contextmanager
def temporary(target: Path) -> Iterator[Path]:
    """Give a name beside a file, for what shall take its place; on an error it is removed.

    Raises
    ------
    FormatError
        If ``target`` is a directory, or no directory can be made for it.
    """
    if target.is_dir():
        raise FormatError(f"{target}: is a directory; give the path of a file in it")
    aside = beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(target, error) from error
    try:
        yield aside
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise


def cannot_write(path: Path, error: OSError) -> FormatError:
    """Describe why a file could not be written."""
    words = NO_ROOM.get(error.errno or 0, error.strerror or str(error))
    return FormatError(f"{path}: cannot be written: {words}")


def settled(path: Path) -> None:
    """Wait until what was written to a file, or renamed in a directory, is on the disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return  # a directory that may be written to but not read
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems do not know this of directories. A full disk may show only here.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def written(
    path: Path, mode: Literal["x", "r+"], form: tuple[str, str] | None = None
) -> Iterator[Any]:
    """Open a file that nobody else knows of yet, to write to it.

    Yields
    ------
    h5py.File

    Raises
    ------
    OSError
        If it cannot be written; the reason is that of the operating system.
    """
    flags = os.O_RDWR | (os.O_CREAT | os.O_EXCL if mode == "x" else 0)
    descriptor = os.open(path, flags, 0o666)
    store = Store(descriptor, 0, name=str(path))
    try:
        with h5py.File(store, "w" if mode == "x" else mode, libver=form) as file:
            try:
                yield file
                file.flush()
            finally:
                store.close_to_writes()
        os.fsync(descriptor)
    finally:
        store.close_to_writes()
        os.close(descriptor)


@contextlib.contextmanager
def replacing(
    path: str | Path, *, keep_old: bool = False, form: tuple[str, str] | None = None
) -> Iterator[Any]:
    """Write a whole HDF5 file so that it is there completely, or not at all.

    It is written beside its place and then renamed. An exception, the death of the process, or a
    loss of power leaves what was there before.

    Parameters
    ----------
    path : path
        Directories that are missing are made.
    keep_old : bool
        Keep a file that is there as ``path + '.old'`` (an older one of these is replaced).
    form : (oldest, newest), optional
        Versions of HDF5 whose forms of objects are used, as h5py's ``libver``.

    Yields
    ------
    h5py.File
        Empty, open for writing; its ``filename`` is that of the file beside.

    Raises
    ------
    FormatError
        If nothing can be written there.
    """
    # A link to a file stays a link: what it points to is replaced.
    target = Path(os.path.realpath(path))
    with temporary(target) as aside:
        try:
            with written(aside, "x", form) as file:
                yield file
            if target.exists():
                shutil.copymode(target, aside)
                if keep_old:
                    _keep(target, Path(f"{target}.old"))
            aside.replace(target)
            settled(target.parent)
        except OSError as error:
            if isinstance(error, FormatError):
                raise
            raise cannot_write(target, error) from error


def _keep(target: Path, old: Path) -> None:
    """Give a file another name; it keeps its own until it is replaced, where that is possible."""
    other = beside(target)
    try:
        os.link(target, other)
    except OSError:  # file systems without hard links
        target.replace(old)
    else:
        other.replace(old)
        # Of one file under both names, a rename leaves both.
        other.unlink(missing_ok=True)


@contextlib.contextmanager
def arriving(file: Any) -> Iterator[Any]:
    """Give a group in which entries are prepared before they are moved into their place.

    Whatever is left in it at the end is removed, so an error leaves nothing half-written.
    """
    file.pop(ASIDE, None)
    try:
        yield file.create_group(ASIDE)
    finally:
        file.pop(ASIDE, None)


def stamp(file: Any, version: str) -> None:
    """Note in the attributes of a file when it was made and last changed."""
    now = time.asctime()
    if not h5py.h5a.exists(file.id, b"ctime"):
        set_text(file, "h5rw_version", version)
        set_text(file, "ctime", now)
    set_text(file, "mtime", now)
