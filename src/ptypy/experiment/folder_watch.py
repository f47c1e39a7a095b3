"""A folder in which files with frames appear while the scan goes on."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar

from ptypy.core.data import register
from ptypy.errors import Fault, ParameterError
from ptypy.experiment._live import LiveScan, Source
from ptypy.experiment._live_buffer import Item, LiveBuffer
from ptypy.experiment._live_files import HDF5, read_stack
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import logger

__all__ = ["FolderWatch"]

UNFINISHED = (".tmp", ".part", ".partial", ".swp", ".lock", ".filepart")
"""Endings of files that are being written or copied, whatever the pattern says."""
INTERVAL = 0.01
"""Least time between two looks while somebody waits [s]; at least three times that of a look."""


@register()
class FolderWatch(LiveScan):
    """Watch a folder in which files with frames appear: TIFF, CBF, EDF, .npy, HDF5 and others.

    The last number in the name of a file, without its ending, says which frames it holds:
    ``scan7_0012.tif`` holds frame 12, or the twelfth set of `frames_per_file`. A file is read when
    its size and time have not changed for `settle` seconds, and taken when it could be read
    as a whole.

    The scan has ended when all frames have come that ``num_frames`` or the positions announce, or
    `end_file` appears; or after ``timeout``.

    Examples
    --------
    >>> from ptypy.experiment import FolderWatch
    >>> scan = FolderWatch(folder="/data/scan7", pattern="*.tif", num_frames=400, shape=256)

    Defaults:

    [name]
    default = 'FolderWatch'
    help = Read files as they appear in a folder
    type = str

    [folder]
    default = None
    help = Folder to watch; it may be made later
    type = str
    userlevel = 0
    needed = yes

    [positions.file]
    needed = positions_theory

    [pattern]
    default = '*'
    help = Which files to read, such as scan7_*.tif
    type = str
    userlevel = 0

    [first]
    default = 0
    help = Number of the first file
    type = int
    userlevel = 0
    lowlim = 0

    [frames_per_file]
    default = 1
    help = Frames in every file; the last may have fewer
    type = int
    lowlim = 1

    [key]
    default = 'entry/data/data'
    help = Dataset of the frames, in HDF5 files
    type = str

    [settle]
    default = 0.5
    help = Time that a file must not have changed before it is read [s]
    type = float
    doc = 0 if files are written under another name, and renamed when they are whole: they are then
     read at once.
    userlevel = 1
    lowlim = 0

    [end_file]
    default = None
    help = Name of a file that says, by being there, that no more frames follow
    type = str
    """

    CHANGES_NO_FRAME: ClassVar[frozenset[str]] = LiveScan.CHANGES_NO_FRAME | {"settle", "end_file"}
    DECLARES_END: ClassVar[bool] = False
    MARKS_PIXELS: ClassVar[bool] = True

    def _connect(self, buffer: LiveBuffer) -> Source:
        return _Folder(self.info, buffer)

    def _wait(self, buffer: LiveBuffer, source: Source, seconds: float) -> None:
        """Look again and again, with pauses: folders on file servers announce nothing."""
        until = time.monotonic() + seconds
        while True:
            began = time.monotonic()
            source.collect(self.min_frames)
            now = time.monotonic()
            left, pause = until - now, max(INTERVAL, 3 * (now - began))
            if left <= 0 or buffer.has_ended or buffer.has_frames(self.framestart, self.min_frames):
                return
            buffer.wait(min(left, pause), self.framestart, self.min_frames)

    def _validate(self, p: Param) -> None:
        super()._validate(p)
        if not p.folder:
            remedy = "is needed: the folder in which files will appear"
            raise ParameterError([Fault("folder", repr(p.folder), remedy)])


@dataclass(slots=True)
class _File:
    """A file that is not taken yet."""

    number: int
    state: tuple[int, int]
    """Size and time of the last change."""
    since: float
    """When it was seen in this state first."""
    again: float
    """When it may be read."""
    is_refused: bool = False
    """Whether it could not be read in this state, however often it was tried."""


class _Folder:
    """Looks into a folder when asked."""

    def __init__(self, info: Param, buffer: LiveBuffer) -> None:
        self.folder, self.pattern = Path(info.folder), str(info.pattern)
        self.first, self.count = int(info.first), int(info.frames_per_file)
        self.key, self.settle, self.end_file = str(info.key), float(info.settle), info.end_file
        self.buffer = buffer
        self._files: dict[str, _File] = {}
        self._taken: set[str] = set()
        self._names: dict[int, str] = {}
        """For every number the file that gave its frames."""
        self._strangers: set[str] = set()
        self._is_open = True

    def close(self) -> None:
        """Stop looking; count the files that nobody will read."""
        if self._is_open:
            self._is_open = False
            self._look()
            last = self.buffer.total
            beyond = [f for f in self._files.values() if last and f.number * self.count >= last]
            self.buffer.pass_over(len(beyond) * self.count)

    def collect(self, wanted: int) -> None:
        """Look into the folder and read the files that are ready, as long as there is room."""
        if not self._is_open or self.buffer.has_ended:
            return
        ends = self.end_file is not None and (self.folder / self.end_file).exists()
        self._look()
        now = time.monotonic()
        taken = 0
        for name, file in sorted(self._files.items(), key=lambda item: (item[1].number, item[0])):
            if taken >= wanted or self.buffer.is_full():
                return
            if file.state[0] > 0 and now >= file.again and not file.is_refused:
                taken += self._read(name, file)
        if ends and all(file.is_refused for file in self._files.values()):
            self.buffer.declare_end()

    def _look(self) -> None:
        """Note which files there are, and when they changed last."""
        now = time.monotonic()
        seen = set()
        for entry in self._entries():
            name = entry.name
            number = self._number(name)
            if number is None:
                continue
            try:
                status = entry.stat()
            except OSError:  # gone since
                continue
            seen.add(name)
            state = (status.st_size, status.st_mtime_ns)
            file = self._files.get(name)
            if file is None or file.state != state:
                self._files[name] = _File(number, state, now, now + self.settle)
        for name in set(self._files) - seen:
            del self._files[name]

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    name = entry.name
                    ours = fnmatchcase(name, self.pattern) and name != self.end_file
                    whole = not name.startswith(".") and not name.endswith(UNFINISHED)
                    if ours and whole and name not in self._taken and not entry.is_dir():
                        yield entry
        except FileNotFoundError:  # not made yet
            return

    def _number(self, name: str) -> int | None:
        """Read the number in a name."""
        numbers = re.findall(r"\d{1,9}", Path(name).stem)
        if numbers and int(numbers[-1]) >= self.first:
            return int(numbers[-1]) - self.first
        if name not in self._strangers:
            self._strangers.add(name)
            why = "files without a number" if not numbers else "files numbered before `first`"
            self.buffer.refuse(why, f"{name}; `pattern` and `first` say which files to read")
        return None

    def _read(self, name: str, file: _File) -> int:
        """Read a file into the buffer, and give how many frames it held."""
        path = self.folder / name
        other = self._names.get(file.number)
        if other is not None:
            del self._files[name]
            self._taken.add(name)
            detail = f"{name} and {other}, which is used; `pattern` says which files to read"
            self.buffer.refuse("files with the number of another", detail)
            return 0
        try:
            key = self.key if path.suffix.lower() in HDF5 else None
            frames = read_stack(path, key, is_new=True)
        except ImportError:
            raise
        except Exception as error:  # noqa: BLE001 - what readers raise for half a file is theirs
            self._doubt(name, file, f"{type(error).__name__}: {error}")
            return 0
        del self._files[name]
        self._taken.add(name)
        if len(frames) > self.count:
            detail = f"{name} holds {len(frames)}, `frames_per_file` is {self.count}"
            self.buffer.refuse("files with too many frames", detail)
            return 0
        self._names[file.number] = name
        for place, frame in enumerate(frames):
            self.buffer.offer(Item(file.number * self.count + place, frame))
        return len(frames)

    def _doubt(self, name: str, file: _File, why: str) -> None:
        """A file that cannot be read may not be whole yet: try again, but not for ever."""
        now = time.monotonic()
        if now - file.since < self.settle + self.buffer.patience:
            file.again = now + max(self.settle, INTERVAL)
            logger.info("%s cannot be read (yet): %s", name, why)
            return
        file.is_refused = True
        self.buffer.refuse("files that cannot be read", f"{name}: {why}")
