"""The plain form of ptypy: a header in JSON, then the bytes of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError
from ptypy.io.stream._messages import (
    End,
    Frame,
    Message,
    Parts,
    Places,
    Start,
    read_index,
    read_json,
    read_number,
    read_position,
    read_shape,
    short,
)
from ptypy.io.stream._payload import unpack

__all__ = ["read_plain"]

Reader = Callable[[dict[str, Any], Parts, int], Message]


def read_plain(parts: Parts, largest: int) -> Message:
    """Read a message of the plain form, see ``docs/reference/live-messages.md``.

    Parameters
    ----------
    parts : sequence of memoryview
        The parts of the message: the header, in JSON, and the arrays it announces.
    largest : int
        Bytes that a frame may have.

    Raises
    ------
    FormatError
        If it is not of this form; it says why.

    Examples
    --------
    >>> import json, numpy as np
    >>> frame = np.arange(6, dtype="<u2").reshape(2, 3)
    >>> header = {"type": "frame", "index": 4, "shape": [2, 3], "dtype": "<u2", "position": [0, 1]}
    >>> parts = [memoryview(json.dumps(header).encode()), memoryview(frame.tobytes())]
    >>> message = read_plain(parts, largest=1000)
    >>> message.index, message.position, int(message.data.sum())
    (4, (0.0, 1.0), 15)
    """
    if not parts:
        raise FormatError("an empty message")
    header = read_json(parts[0])
    readers: dict[str, Reader] = {
        "start": _start,
        "frame": _frame,
        "position": _places,
        "end": _end,
    }
    kind = header.get("type")
    if not isinstance(kind, str) or kind not in readers:
        raise FormatError(f"`type` is {short(kind)}: known are {', '.join(readers)}")
    return readers[kind](header, parts[1:], largest)


def _start(header: dict[str, Any], parts: Parts, largest: int) -> Start:
    mask = None
    if header.get("mask"):
        shape = read_shape(header.get("shape"))
        mask = _mask(_only(parts, 1)[0], shape, largest)
    else:
        _only(parts, 0)
    psize = header.get("psize")
    pair = list(psize) if isinstance(psize, list) and len(psize) == 2 else [psize, psize]
    sizes = [read_number({"psize": size}, "psize") for size in pair]
    return Start(
        series=_series(header),
        frames=_count(header),
        energy=read_number(header, "energy"),
        distance=read_number(header, "distance"),
        psize=None if sizes[0] is None or sizes[1] is None else (sizes[0], sizes[1]),
        mask=mask,
    )


def _frame(header: dict[str, Any], parts: Parts, largest: int) -> Frame:
    index = read_index(header, "index")
    shape = read_shape(header.get("shape"))
    has_mask = bool(header.get("mask"))
    position = header.get("position")
    parts = _only(parts, 1 + has_mask)
    encoding = header.get("encoding", "none")
    if not isinstance(encoding, str):
        raise FormatError(f"`encoding` is {short(encoding)}: it must be a text")
    return Frame(
        index=index,
        data=unpack(parts[0], shape, _dtype(header.get("dtype")), encoding, largest=largest),
        series=_series(header),
        position=None if position is None else read_position(position),
        mask=_mask(parts[1], shape, largest) if has_mask else None,
    )


def _places(header: dict[str, Any], parts: Parts, largest: int) -> Places:
    del largest
    _only(parts, 0)
    index, position = header.get("index"), header.get("position")
    if isinstance(index, list):
        indices = [read_index({"index": one}, "index") for one in index]
        if not isinstance(position, list) or len(position) != len(indices):
            raise FormatError("`index` and `position` must be lists of one length")
        return Places(indices, [read_position(one) for one in position], _series(header))
    return Places([read_index(header, "index")], [read_position(position)], _series(header))


def _end(header: dict[str, Any], parts: Parts, largest: int) -> End:
    del largest
    _only(parts, 0)
    return End(_series(header), _count(header))


def _series(header: dict[str, Any]) -> str | None:
    scan = header.get("scan")
    if scan is None or isinstance(scan, str | int):
        return None if scan is None else str(scan)[:200]
    raise FormatError(f"`scan` is {short(scan)}: it must be a text or a number")


def _count(header: dict[str, Any]) -> int | None:
    return None if header.get("frames") is None else read_index(header, "frames")


def _only(parts: Parts, count: int) -> Parts:
    if len(parts) != count:
        raise FormatError(f"{len(parts)} arrays behind the header: it announces {count}")
    return parts


def _dtype(name: Any) -> np.dtype[Any]:
    """Read a type of pixels such as 'uint16' or '<u2'; nothing else is a type here."""
    kinds = {"uint": "u", "int": "i", "float": "f", "u": "u", "i": "i", "f": "f"}
    if isinstance(name, str) and len(name) < 12:
        order = name[0] if name[:1] in ("<", ">", "|") else "<"
        word = name.lstrip("<>|")
        letters = word.rstrip("0123456789")
        digits = word[len(letters) :]
        if letters in kinds and digits:
            size = int(digits) // 8 if len(letters) > 1 else int(digits)
            if size in ((2, 4, 8) if kinds[letters] == "f" else (1, 2, 4, 8)):
                return np.dtype(f"{order}{kinds[letters]}{size}")
    raise FormatError(f"`dtype` is {short(name)}: it must be a type such as 'uint16' or '<u2'")


def _mask(part: memoryview, shape: tuple[int, int], largest: int) -> npt.NDArray[np.bool_]:
    """Read a mask: one byte a pixel, not zero where it may be trusted."""
    return np.asarray(unpack(part, shape, np.dtype("u1"), largest=largest), dtype=bool)
