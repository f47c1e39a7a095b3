"""The state of a file, found without opening it as HDF5."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

from ptypy.io.ptyd._superblock import Superblock

__all__ = ["SETTLED", "Stamp", "differ", "stays_put"]

SETTLED = 1.0
"""After this time, a change would have another time of modification than the one before [s]."""


class Stamp(NamedTuple):
    """What tells a file that did not change from one that did. To take it costs microseconds."""

    inode: int
    tree: bytes
    """`Superblock.tree`; empty if there is none."""
    size: int
    modified: int
    is_old: bool
    """Whether a change would show in the time of modification."""

    @classmethod
    def of(cls, path: Path) -> Stamp | None:
        """Tell the present state of a file; None if there is none."""
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return None
        try:
            return cls.of_open(descriptor)
        finally:
            os.close(descriptor)

    @classmethod
    def of_open(cls, descriptor: int) -> Stamp | None:
        """Tell the present state of a file that is open; None if it cannot be read."""
        try:
            state = os.fstat(descriptor)
            block = Superblock.read(descriptor)
        except OSError:
            return None
        tree = b"" if block is None else block.tree
        is_old = time.time() - state.st_mtime > SETTLED
        return cls(state.st_ino, tree, state.st_size, state.st_mtime_ns, is_old)


def differ(before: Stamp | None, now: Stamp | None, *, is_ours: bool) -> bool:
    """Say whether a file may have changed between two stamps.

    Parameters
    ----------
    before, now : Stamp or None
    is_ours : bool
        The file is only ever changed by `amended`: other programs change files in place, and that
        may leave everything in a stamp the same for a moment.
    """
    if now is None or before is None or now[:2] != before[:2]:
        return True
    return not (is_ours and now.tree) and not (now[:4] == before[:4] and before.is_old)


def stays_put(before: Stamp | None, now: Stamp | None, *, is_ours: bool) -> bool:
    """Say whether what lay in a file is where it was at the first of two stamps.

    `amended` lets everything stay where it is; other programs may have moved it.

    Parameters
    ----------
    before, now : Stamp or None
    is_ours : bool
        As for `differ`.
    """
    if now is None or before is None or now.inode != before.inode or not now.tree:
        return False
    if now[:4] == before[:4]:
        return is_ours or before.is_old
    return is_ours and now.tree != before.tree
