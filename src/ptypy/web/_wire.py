"""Messages between server and page: a few words, and numbers behind them.

A message is binary: the length of its head (unsigned, 4 bytes, little endian), the head (JSON,
filled up with blanks so that what follows begins at a multiple of 8 bytes), the bytes of an array.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from ptypy.errors import FormatError

__all__ = ["LARGEST", "pack", "unpack"]

LARGEST = 1 << 26
"""Longest message that a page may send [bytes]: the mask of a frame of 500 million pixels."""

ALIGNED = 8


def pack(head: Mapping[str, Any], payload: bytes | memoryview = b"") -> bytes:
    """Make a message.

    Parameters
    ----------
    head : mapping
        What JSON can hold; numbers that are not finite become null.
    payload : bytes
        Whatever follows it.
    """
    text = json.dumps(_plain(head), separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-(len(text) + 4) % ALIGNED)
    return b"".join((struct.pack("<I", len(text)), text, payload))


def unpack(message: str | bytes) -> tuple[dict[str, Any], bytes]:
    """Take a message apart: its head, and what follows.

    Raises
    ------
    FormatError
        If it is not of this form.
    """
    try:
        if isinstance(message, str):
            raise ValueError("text")
        (length,) = struct.unpack_from("<I", message)
        if length > len(message) - 4:
            raise ValueError("length")
        head = json.loads(message[4 : 4 + length].decode())
        if not isinstance(head, dict):
            raise TypeError("head")
    except (struct.error, ValueError, TypeError) as error:
        raise FormatError("a message that is not of the form pages send: it is ignored") from error
    return head, message[4 + length :]


def _plain(value: Any) -> Any:
    """Turn numbers and arrays of NumPy into what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)
