"""A file object between HDF5 and a file: the old part of the file does not change on disk.

It also keeps HDF5 away from errors of the operating system that it cannot cope with: when a disk
is full while HDF5 closes a file, the whole process crashes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ptypy.errors import FormatError

__all__ = ["Store"]

PAGE = 4096


class Store:
    """A file object for ``h5py.File`` that keeps the old part of a file as it is.

    What is written at or behind ``end`` goes to the file: there is nothing that anybody sees.
    What is written before it stays in memory, and is forgotten with this object.

    Parameters
    ----------
    descriptor : int
        The file, open for reading, and for writing if anything is to be added.
    end : int
        Where the old part ends [byte]; 0 for a new file.
    instead : mapping of int to bytes
        Bytes to show in place of those on disk, by offset.
    name : str
        What h5py gives as name of the file.
    """

    def __init__(
        self,
        descriptor: int,
        end: int,
        instead: Mapping[int, bytes] | None = None,
        name: str = "a file object",
    ) -> None:
        self._name = name
        self._descriptor = descriptor
        self._end = end
        self._place = 0
        self._pages: dict[int, bytearray] = {}
        self._is_closed = False
        for offset, content in (instead or {}).items():
            self._keep(offset, memoryview(content))

    def __repr__(self) -> str:
        return self._name

    def close_to_writes(self) -> None:
        """Let nothing reach the file from now on; HDF5 tidies up when it closes a file."""
        self._is_closed = True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; as for any file object."""
        if whence == os.SEEK_SET:  # what HDF5 does before every read and write
            self._place = offset
        else:
            self._place = offset + (self._place if whence == os.SEEK_CUR else self._size())
        return self._place

    def tell(self) -> int:
        """Say which place it is."""
        return self._place

    def read(self, size: int) -> bytes:
        """Read bytes from here on; fewer at the end of the file."""
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(memoryview(buffer))])

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer from here on."""
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view):
            count = os.preadv(self._descriptor, [view[done:]], self._place + done)
            if not count:
                break
            done += count
        self._lay_over(view[:done])
        self._place += done
        return done

    def write(self, data: memoryview) -> int:
        """Write bytes from here on, to the file or to memory."""
        view = memoryview(data).cast("B")
        inside = max(0, min(len(view), self._end - self._place))
        self._keep(self._place, view[:inside])
        done = inside
        while done < len(view) and not self._is_closed:
            done += os.pwrite(self._descriptor, view[done:], self._place + done)
        self._place += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Let the file grow to a size; it never shrinks."""
        wanted = self._place if size is None else size
        if wanted > self._size() and not self._is_closed:
            os.ftruncate(self._descriptor, wanted)
        return wanted

    def flush(self) -> None:
        """Nothing is held back."""

    def before_end(self, offset: int, size: int) -> bytes:
        """Read bytes as HDF5 sees them."""
        place, self._place = self._place, offset
        data = self.read(size)
        self._place = place
        if len(data) < size:
            raise FormatError(f"the file ended at byte {offset + len(data)} while it was in use")
        return data

    def _size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def _keep(self, offset: int, view: memoryview) -> None:
        """Remember bytes of the old part."""
        done = 0
        while done < len(view):
            number, first = divmod(offset + done, PAGE)
            count = min(PAGE - first, len(view) - done)
            page = self._pages.get(number)
            if page is None:
                on_disk = os.pread(self._descriptor, PAGE, number * PAGE)
                page = self._pages[number] = bytearray(on_disk.ljust(PAGE, b"\0"))
            page[first : first + count] = view[done : done + count]
            done += count

    def _lay_over(self, view: memoryview) -> None:
        """Put what is remembered over what was read from disk, from here on."""
        start, stop = self._place, min(self._place + len(view), self._end)
        if start >= stop:
            return
        for number in range(start // PAGE, (stop - 1) // PAGE + 1):
            page = self._pages.get(number)
            if page is not None:
                low, high = max(start, number * PAGE), min(stop, (number + 1) * PAGE)
                view[low - start : high - start] = page[low - number * PAGE : high - number * PAGE]
