"""EDF files: where the frames are, so that they can be memory-mapped; no library needed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ptypy.errors import FormatError

__all__ = ["EdfBlock", "read_edf_headers"]

from typing import NamedTuple

TYPES = {
    "unsignedbyte": "u1", "signedbyte": "i1", "unsignedshort": "u2", "signedshort": "i2",
    "unsignedinteger": "u4", "signedinteger": "i4", "unsignedlong": "u4", "signedlong": "i4",
    "unsigned64": "u8", "signed64": "i8", "float": "f4", "floatvalue": "f4", "real": "f4",
    "double": "f8", "doublevalue": "f8",
}  # fmt: skip

LONGEST = 1 << 20
"""A header is never longer [bytes]."""


class EdfBlock(NamedTuple):
    """One frame of an EDF file."""

    offset: int
    """Where its counts begin [bytes]."""
    shape: tuple[int, int]
    dtype: np.dtype[np.generic]
    header: dict[str, str]


def read_edf_headers(path: Path) -> list[EdfBlock] | None:
    """Read the headers of an EDF file.

    Returns
    -------
    list of EdfBlock or None
        None if the counts are compressed, or not images.

    Raises
    ------
    FormatError
        If the file is cut short or not EDF.
    """
    size = path.stat().st_size
    blocks: list[EdfBlock] = []
    place = 0
    with path.open("rb") as file:
        while place < size:
            file.seek(place)
            text = file.read(min(LONGEST, size - place))
            end = text.find(b"}\n")
            if not text.lstrip().startswith(b"{") or (end < 0 and not blocks and place):
                if blocks and not text.strip(b"\0\r\n "):
                    break
                raise FormatError(f"{path}: is not an EDF file, byte {place} begins no header")
            if end < 0:
                raise FormatError(f"{path}: the file is cut short in the header at byte {place}")
            header = _entries(text[:end])
            block = _block(path, place + end + 2, header)
            if block is None:
                return None
            blocks.append(block)
            bytes_of_frame = block.shape[0] * block.shape[1] * block.dtype.itemsize
            if block.offset + bytes_of_frame > size:
                raise FormatError(
                    f"{path}: the file is cut short, {size} of {block.offset + bytes_of_frame} "
                    "bytes are there: copy it again"
                )
            place = block.offset + max(bytes_of_frame, int(header.get("size", 0) or 0))
    if not blocks:
        raise FormatError(f"{path}: the file is empty")
    return blocks


def _entries(text: bytes) -> dict[str, str]:
    found = re.findall(r"([^={};]+?)\s*=\s*([^;]*?)\s*;", text.decode("latin-1"))
    return {name.strip().lower(): value for name, value in found}


def _block(path: Path, offset: int, header: dict[str, str]) -> EdfBlock | None:
    if header.get("compression", "none").lower() not in ("none", "nocompression", ""):
        return None
    kind = TYPES.get(header.get("datatype", "").lower())
    try:
        shape = (int(header["dim_2"]), int(header["dim_1"]))
    except (KeyError, ValueError) as error:
        raise FormatError(f"{path}: the header names no Dim_1 and Dim_2") from error
    if kind is None:
        return None
    order = "<" if header.get("byteorder", "LowByteFirst").lower().startswith("low") else ">"
    return EdfBlock(offset, shape, np.dtype(order + kind), header)
