"""Change the tree of a file in one step: it is the old one or the new one, never between.

docs/explanations/ptyd-commit-protocol.md describes the protocol and what it promises.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from ptypy.errors import FormatError
from ptypy.io._direct import (
    copy_attributes,
    link_all,
    look_at_attributes,
    names_in,
    new_places,
)
from ptypy.io._hdf5 import replacing, settled, temporary, written
from ptypy.io._store import Store
from ptypy.io.ptyd._open import in_words, keep_out_others, only_writer, reading
from ptypy.io.ptyd._superblock import LONGEST, Superblock
from ptypy.utils.verbose import logger

__all__ = ["FORM", "Draft", "amended", "copy_tree"]

FORM = ("v108", "latest")
"""Versions of the objects in a file, oldest and newest: HDF5 1.8 and later read them. Metadata has
checksums from 1.8 on, and the superblock fits into one sector."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The next state of a file."""

    path: Path
    """The file."""
    before: Any
    """The file as it is now (h5py.File). Read from here only: text that is read from the file that
    is being changed makes HDF5 put new text beside it, among what must not change."""
    root: Any
    """Group at the top of the next tree; change this one, and groups that `fresh` gives."""
    written_to: Path
    """The file in which HDF5 places new datasets."""
    is_copy: bool
    """Whether ``root`` belongs to a copy, and shares nothing with the file."""

    def fresh(self, *steps: str) -> Any:
        """Give a group that may be changed, with the entries and attributes that it has now.

        Parameters
        ----------
        *steps : str
            Names that lead from the top to it; groups on the way must be fresh.

        Returns
        -------
        h5py.Group
        """
        parent = self.root
        for step in steps[:-1]:
            parent = parent[step]
        if self.is_copy:
            return parent[steps[-1]]
        group = h5py.Group(h5py.h5g.create(self.root.id, None))
        before = self.before["/".join(steps)]
        link_all(before, parent[steps[-1]], group)
        copy_attributes(before, group)
        del parent[steps[-1]]
        parent[steps[-1]] = group
        return group


@contextlib.contextmanager
def amended(path: str | Path, *, whole: bool = False) -> Iterator[Draft]:
    """Change the tree of a file: all of the change takes effect, or nothing.

    New entries are written behind the end of the file, where nobody sees them. Then one write to
    the first bytes of the file makes the new tree the valid one. What was there is never
    written over, so whoever has the file open goes on reading the tree that was valid then.

    Parameters
    ----------
    path : path
    whole : bool
        Write a copy of the file, changed, and rename it; for small files, which so stay compact.

    Yields
    ------
    Draft

    Raises
    ------
    FormatError
        If the file cannot be opened or written, or if somebody else changed it meanwhile.
    """
    target = Path(os.path.realpath(path))
    with only_writer(target) as locked, in_words(target):
        change = _rewritten(target) if whole else _grown(target, locked)
        with change as draft:
            yield draft


@contextlib.contextmanager
def _grown(path: Path, locked: bool) -> Iterator[Draft]:
    descriptor, before = _opened(path)
    end = before.end
    try:
        store = Store(descriptor, end)
        form = None if before.version == 0 else FORM
        try:
            with (
                h5py.File(Store(descriptor, end), "r") as now,
                h5py.File(store, "r+", libver=form) as file,
            ):
                root = h5py.Group(h5py.h5g.create(file.id, None))
                link_all(now, file, root)
                copy_attributes(now, root)
                try:
                    yield Draft(path, now, root, path, is_copy=False)
                    file.flush()
                    head = _next_head(store, before, root)
                    wanted = _names(root)
                finally:
                    store.close_to_writes()
        finally:
            store.close_to_writes()
        _look_at(descriptor, head, end, wanted, path)
        _commit(descriptor, path, before, head)
    except BaseException:
        if locked and Superblock.read(descriptor) == before:
            # Nobody sees what lies there; on a disk that is full, it is in the way.
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, end)
        raise
    finally:
        os.close(descriptor)


def _next_head(store: Store, before: Superblock, root: Any) -> bytes:
    """Make the superblock of the next tree."""
    held = store.before_end(0, LONGEST)
    field = 40 if before.version == 0 else 28
    end = int.from_bytes(held[field : field + 8], "little")
    return before.moved(h5py.h5o.get_info(root.id).addr, end)


def _commit(descriptor: int, path: Path, before: Superblock, head: bytes) -> None:
    """Let the next tree be the valid one."""
    os.fsync(descriptor)
    here = os.fstat(descriptor)
    try:
        there = os.stat(path)  # noqa: PTH116 -- beside fstat
    except FileNotFoundError as error:
        raise FormatError(f"{path}: was removed while it was being written to") from error
    if (there.st_ino, there.st_dev) != (here.st_ino, here.st_dev):
        raise FormatError(f"{path}: was replaced by another file while it was being written to")
    if os.pread(descriptor, len(before.raw), 0) != before.raw:
        raise FormatError(f"{path}: was changed by somebody else while it was being written to")
    try:
        # One write within one sector: it is done or it is not.
        done = os.pwrite(descriptor, head, 0)
        if done != len(head):
            raise OSError(errno.EIO, f"{done} of {len(head)} bytes were written")
        os.fsync(descriptor)
    except OSError as error:
        if os.pread(descriptor, len(head), 0) != head:
            with contextlib.suppress(OSError):
                os.pwrite(descriptor, before.raw, 0)
            raise
        # Whoever opens the file finds the new tree: it is too late to say that it is not there.
        logger.error(
            "%s: was written, but the disk does not confirm it (%s): until it does, a loss of "
            "power may take back what was added last", path, error.strerror or error,
        )  # fmt: skip


def _look_at(
    descriptor: int, head: bytes, end: int, wanted: dict[str, list[str]], path: Path
) -> None:
    """Read the next tree as others will, before they do."""
    view = Store(descriptor, end, {0: head})
    with h5py.File(view, "r") as file:
        if _names(file) != wanted:
            raise FormatError(f"{path}: what was written does not read as it should; tell us")
        _visit_new(file["/"].id, end)


def _visit_new(group: Any, end: int) -> None:
    """Open everything that lies behind a place, and its attributes."""
    for name in new_places(group, end):
        node = h5py.h5o.open(group, name)
        look_at_attributes(node)
        if isinstance(node, h5py.h5g.GroupID):
            _visit_new(node, end)


def _names(root: Any) -> dict[str, list[str]]:
    chunks = root.get("chunks")
    inside = sorted(names_in(chunks)) if isinstance(chunks, h5py.Group) else []
    return {"": sorted(names_in(root)), "chunks": inside}


def copy_tree(old: Any, new: Any, leave_out: tuple[str, ...] = ()) -> None:
    """Copy the entries and attributes of a file into another; links stay links."""
    for name in old.attrs:
        new.attrs[name] = old.attrs[name]
    for name in old:
        if name not in leave_out:
            link = old.get(name, getlink=True)
            if isinstance(link, h5py.HardLink):
                old.copy(name, new)
            else:
                new[name] = link


@contextlib.contextmanager
def _rewritten(path: Path) -> Iterator[Draft]:
    with temporary(path) as aside:
        before = os.stat(path)  # noqa: PTH116 -- compared below
        shutil.copyfile(path, aside)
        shutil.copymode(path, aside)
        with reading(path) as now, written(aside, "r+", FORM) as file:
            yield Draft(path, now, file["/"], aside, is_copy=True)
        after = os.stat(path)  # noqa: PTH116
        if (before.st_ino, before.st_size, before.st_mtime_ns) != (
            after.st_ino,
            after.st_size,
            after.st_mtime_ns,
        ):
            raise FormatError(f"{path}: was changed by somebody else while it was being written to")
        settled(aside)
        aside.replace(path)
    settled(path.parent)


def _opened(path: Path) -> tuple[int, Superblock]:
    """Open a file to let it grow; one that has not the usual form is given that first.

    A file in which space is not only added at the end says so in an extension of its superblock,
    and with that it is none that is known here.
    """
    for attempt in range(2):
        descriptor = os.open(path, os.O_RDWR)
        try:
            keep_out_others(descriptor, path)
            before = Superblock.read(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        if before is not None:
            return descriptor, before
        os.close(descriptor)
        if not attempt:
            _make_plain(path)
    raise FormatError(f"{path}: was replaced by another file while it was being opened")


def _make_plain(path: Path) -> None:
    """Give a file the usual form."""
    with reading(path) as old, replacing(path, form=FORM) as new:
        copy_tree(old, new)
