"""The first bytes of an HDF5 file: where its tree begins and how far it reaches.

HDF5 File Format Specification, section II.A (superblock). Everything that HDF5 shows of a file
hangs on these bytes, so replacing them changes the whole tree at once.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

__all__ = ["LONGEST", "Superblock", "checksum"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
NOWHERE = 0xFFFFFFFFFFFFFFFF
LONGEST = 96
"""Length of the longest superblock known here [byte]."""

MASK = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Superblock:
    """The superblock of a file whose tree can be replaced by changing it."""

    raw: bytes
    version: int
    """0 (as h5py writes it by default), 2 or 3 (HDF5 1.8 and later)."""
    end: int
    """Where the file ends as HDF5 sees it [byte]; what lies behind is invisible."""

    @classmethod
    def read(cls, descriptor: int) -> Superblock | None:
        """Read it; None if it is of a kind that is not known here."""
        head = os.pread(descriptor, LONGEST, 0)
        # Another process may be replacing it: half of each would be neither.
        while head != (again := os.pread(descriptor, LONGEST, 0)):
            head = again
        if len(head) < 48 or head[:8] != SIGNATURE:
            return None
        version = head[8]
        if version == 0 and len(head) == LONGEST and head[13:15] == b"\x08\x08":
            base, _, end, driver = struct.unpack_from("<4Q", head, 24)
            usual = base == 0 and driver == NOWHERE
            return cls(head, version, end) if usual else None
        if version in (2, 3) and head[9:11] == b"\x08\x08":
            raw = head[:48]
            base, extension, end, _, stored = struct.unpack_from("<4QI", raw, 12)
            usual = base == 0 and extension == NOWHERE and stored == checksum(raw[:44])
            return cls(raw, version, end) if usual else None
        return None

    @property
    def tree(self) -> bytes:
        """What says which tree is valid: it changes with every change that `amended` makes.

        Not so the mark that HDF5 sets while somebody has the file open for writing.
        """
        return self.raw if self.version == 0 else self.raw[12:44]

    def moved(self, root: int, end: int) -> bytes:
        """Give the bytes that make the file end at ``end`` and its tree begin at ``root``."""
        if self.version == 0:
            head = bytearray(self.raw)
            struct.pack_into("<Q", head, 40, end)
            # The root's entry: address of its header, and nothing cached of what is in there.
            struct.pack_into("<QII16x", head, 64, root, 0, 0)
            return bytes(head)
        head = bytearray(self.raw[:44])
        head[11] = 0  # nobody has it open for writing
        struct.pack_into("<2Q", head, 28, end, root)
        return bytes(head) + struct.pack("<I", checksum(bytes(head)))


def checksum(data: bytes) -> int:
    """Compute the checksum of HDF5's metadata: Jenkins' lookup3 (``hashlittle``, seed 0), 32 bits.

    Examples
    --------
    >>> hex(checksum(b"Four score and seven years ago"))
    '0x17770551'
    """
    a = b = c = (0xDEADBEEF + len(data)) & MASK
    place = 0
    while len(data) - place > 12:
        x, y, z = _words(data, place)
        a, b, c = (a + x) & MASK, (b + y) & MASK, (c + z) & MASK
        for bits in (4, 6, 8, 16, 19, 4):
            a, c = ((a - c) & MASK) ^ _turned(c, bits), (c + b) & MASK
            a, b, c = b, c, a
        place += 12
    if place == len(data):
        return c
    x, y, z = _words(data[place:].ljust(12, b"\0"), 0)
    a, b, c = (a + x) & MASK, (b + y) & MASK, (c + z) & MASK
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _turned(b, bits)) & MASK
        a, b, c = b, c, a
    return b


def _words(data: bytes, place: int) -> tuple[int, int, int]:
    x, y, z = struct.unpack_from("<3I", data, place)
    return int(x), int(y), int(z)


def _turned(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & MASK
