"""Keep the chunk files of a set that is about to be replaced."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import re
from pathlib import Path

import h5py

from ptypy.errors import FormatError
from ptypy.io._hdf5 import second_name, this_machine
from ptypy.io.ptyd._amend import amended
from ptypy.io.ptyd._entries import resolve_link
from ptypy.io.ptyd._open import holds_frames, lock_of, reading

__all__ = ["is_worth_keeping", "left_behind", "set_parts_aside", "tidy_up"]

UNFINISHED = re.compile(r"\.(?P<process>\d+)-[0-9a-f]{8}-(?P<machine>[A-Za-z0-9_]*)\.part$")
"""How names end of files that were to take the place of another."""


def is_worth_keeping(path: Path) -> bool:
    """Say whether a file that is to be replaced may take the place of an older one.

    A run that ended before its first chunk leaves a set without frames: it must not push out
    the frames of the run before.
    """
    if not Path(f"{os.path.realpath(path)}.old").exists():
        return True
    with contextlib.suppress(FormatError), reading(path) as file:
        chunks = file.get("chunks")
        return not (isinstance(chunks, h5py.Group) and not len(chunks))
    return True


def set_parts_aside(path: Path) -> None:
    """Rename the chunk files of a set to ``<part>.old`` and let its master link to these.

    A new set of the same name would write over them. Only files that are named after the master
    are; others that it links to belong to somebody else. Each step leaves a set that can be
    read: a part has both names until the master links to the new one.

    Parameters
    ----------
    path : Path
        The master. Nothing is done if it is missing, unreadable, or links to nothing.
    """
    master = Path(os.path.realpath(path))
    parts = _parts_of(master, path.name) if master.is_file() else {}
    if not parts:
        return
    copies: dict[Path, Path] = {}
    try:
        for part in set(parts.values()):
            copies[part] = second_name(part)
        with amended(master, whole=not holds_frames(master)) as draft:
            chunks = draft.fresh("chunks")
            for name, part in parts.items():
                root = chunks.get(name, getlink=True).path
                del chunks[name]
                target = os.path.relpath(f"{part}.old", master.parent)
                chunks[name] = h5py.ExternalLink(target, root)
            chunks.file.flush()  # a full disk shows here
            # What the older one links to is about to be something else, under the same names.
            Path(f"{master}.old").unlink(missing_ok=True)
            for part, copy in copies.items():
                copy.replace(f"{part}.old")
                copy.unlink(missing_ok=True)  # a rename between two names of one file leaves both
    finally:
        for copy in copies.values():
            copy.unlink(missing_ok=True)
    for part in copies:
        part.unlink()


def _parts_of(master: Path, name: str) -> dict[str, Path]:
    """Give the files that chunks of a set are in, where they are named after it."""
    parts = {}
    with contextlib.suppress(FormatError), reading(master) as file:
        chunks = file.get("chunks")
        for chunk in chunks if isinstance(chunks, h5py.Group) else ():
            link = chunks.get(chunk, getlink=True)
            if not isinstance(link, h5py.ExternalLink):
                continue
            with contextlib.suppress(FormatError):
                part = Path(os.path.realpath(resolve_link(master, link)))
                is_ours = part != master and part.name.startswith((name, master.name))
                # One that is aside already stays: an earlier run ended between two steps.
                if is_ours and part.suffix != ".old":
                    parts[chunk] = part
    return parts


def left_behind(path: Path) -> list[Path]:
    """List what a writer that died left beside a set: files that nobody will look at.

    Those of processes that run are not listed, nor those of other machines, of which nobody here
    can tell whether they run, nor those of other sets.
    """
    master = Path(os.path.realpath(path))
    found = [lock_of(master)] if lock_of(master).exists() and not _is_locked(master) else []
    for beside in sorted(master.parent.glob(f".{glob.escape(master.name)}*.part")):
        named = UNFINISHED.search(beside.name)
        is_ours = named is not None and named["machine"] == this_machine()
        if named is not None and is_ours and not _is_running(int(named["process"])):
            found.append(beside)
    return found


def tidy_up(path: str | Path) -> list[str]:
    """Remove what a writer that died left beside a set; gives the names."""
    removed = []
    for left in left_behind(Path(path)):
        with contextlib.suppress(OSError):
            left.unlink()
            removed.append(left.name)
    return removed


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _is_locked(path: Path) -> bool:
    with contextlib.suppress(OSError), lock_of(path).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
