"""Stream V1 and V2 of Dectris detectors.

V1: several parts, headers in JSON, pixels as blobs; ``shape`` is (columns, rows). V2: one part, a
map in CBOR; arrays are typed (RFC 8746), and may be packed (tag 56500).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError
from ptypy.io.stream._cbor import Tag, read_cbor
from ptypy.io.stream._messages import (
    End,
    Frame,
    Message,
    Parts,
    Start,
    read_index,
    read_json,
    read_number,
    read_shape,
    short,
)
from ptypy.io.stream._payload import unpack

__all__ = ["read_dectris"]

Array = npt.NDArray[Any]

SELF_DESCRIBED = 55799
ARRAY, PACKED = 40, 56500
TYPES = {
    64: "u1", 65: ">u2", 66: ">u4", 67: ">u8", 68: "u1", 69: "<u2", 70: "<u4", 71: "<u8",
    72: "i1", 73: ">i2", 74: ">i4", 75: ">i8", 77: "<i2", 78: "<i4", 79: "<i8",
    80: ">f2", 81: ">f4", 82: ">f8", 84: "<f2", 85: "<f4", 86: "<f8",
}  # fmt: skip
"""Tags of typed arrays."""
PIXELS = {
    "int8": "i1", "int16": "i2", "int32": "i4", "uint8": "u1", "uint16": "u2", "uint32": "u4",
    "uint64": "u8", "float32": "f4",
}  # fmt: skip
"""Names of types in V1."""
ENCODING = re.compile(r"(?:bs(8|16|32|64)-)?(lz4)?([<>]?)")


def read_dectris(parts: Parts, largest: int, channel: str | None = None) -> Message | None:
    """Read a message of Stream V1 or V2, whichever it is.

    Parameters
    ----------
    parts : sequence of memoryview
    largest : int
        Bytes that a frame may have.
    channel : str, optional
        Which image of V2 is wanted where there are several, one for each threshold. The first
        if not given.

    Returns
    -------
    Start, Frame, End, or None
        None for messages of the form that have nothing for us.

    Raises
    ------
    FormatError
        If it is not of these forms; it says why.
    """
    if not parts or not parts[0].nbytes:
        raise FormatError("an empty message")
    if parts[0][0] == ord("{"):
        return _version1(parts, largest)
    return _version2(parts, largest, channel)


# ------------------------------------------------------------------------------- V1


def _version1(parts: Parts, largest: int) -> Message | None:
    header = read_json(parts[0])
    kind = header.get("htype")
    series = _series(header.get("series"))
    if kind == "dheader-1.0":
        return _start1(parts, series, largest)
    if kind == "dimage-1.0":
        return _image1(header, parts, series, largest)
    if kind == "dseries_end-1.0":
        return End(series)
    raise FormatError(f"`htype` is {short(kind)}: not that of a header, an image or an end")


def _start1(parts: Parts, series: str | None, largest: int) -> Start:
    config = read_json(parts[1]) if len(parts) > 1 else {}
    mask = None
    # With header_detail 'all', pairs of a description and a blob follow.
    for place in range(2, len(parts) - 1, 2):
        header = read_json(parts[place])
        if header.get("htype") == "dpixelmask-1.0":
            mask = _blob(header, parts[place + 1], "<", largest) == 0
    images, triggers = (config.get(name, 1) for name in ("nimages", "ntrigger"))
    counted = "nimages" in config and type(images) is type(triggers) is int
    size_y, size_x = (read_number(config, f"{axis}_pixel_size") for axis in "yx")
    return Start(
        series=series,
        frames=read_index({"nimages": images * triggers}, "nimages") if counted else None,
        energy=read_number(config, "photon_energy", 1e-3),
        distance=read_number(config, "detector_distance"),
        psize=None if size_y is None or size_x is None else (size_y, size_x),
        mask=mask,
    )


def _image1(header: dict[str, Any], parts: Parts, series: str | None, largest: int) -> Frame:
    index = read_index(header, "frame")
    if len(parts) < 3:
        raise FormatError(f"image {index} in {len(parts)} parts: at least 3 are needed")
    about = read_json(parts[1])
    encoding = about.get("encoding", "<")
    if about.get("htype") != "dimage_d-1.0" or not isinstance(encoding, str):
        raise FormatError(f"image {index} without its description (`dimage_d-1.0`)")
    return Frame(index, _blob(about, parts[2], encoding, largest), series)


def _blob(about: dict[str, Any], part: memoryview, encoding: str, largest: int) -> Array:
    """Read pixels that a header of V1 describes."""
    columns, rows = read_shape(about.get("shape"))
    kind, match = about.get("type"), ENCODING.fullmatch(encoding)
    if not isinstance(kind, str) or kind not in PIXELS:
        raise FormatError(f"pixels of type {short(kind)}: known are {', '.join(PIXELS)}")
    if match is None or (match[1] and not match[2]):
        raise FormatError(f"`encoding` is {short(encoding)}: not like '<', 'lz4<' or 'bs16-lz4<'")
    dtype = np.dtype(f"{match[3] or '<'}{PIXELS[kind]}")
    packing = "bslz4" if match[1] else "lz4" if match[2] else "none"
    item = int(match[1]) // 8 if match[1] else None
    return unpack(part, (rows, columns), dtype, packing, largest=largest, item=item)


# ------------------------------------------------------------------------------- V2


def _version2(parts: Parts, largest: int, channel: str | None) -> Message | None:
    if len(parts) != 1:
        raise FormatError(f"{len(parts)} parts that are not of V1: a message of V2 has one")
    message = read_cbor(parts[0])
    if isinstance(message, Tag) and message.number == SELF_DESCRIBED:
        message = message.value
    if not isinstance(message, dict):
        raise FormatError("a message in CBOR that is not a map")
    kind = message.get("type")
    series = _series(message.get("series_id"))
    if kind == "start":
        return _start2(message, series, largest, channel)
    if kind == "image":
        index = read_index(message, "image_id")
        return Frame(index, _channel(message.get("data"), channel, "data", largest), series)
    if kind == "end":
        return End(series)
    raise FormatError(f"`type` is {short(kind)}: not start, image or end")


def _start2(
    message: dict[Any, Any], series: str | None, largest: int, channel: str | None
) -> Start:
    mask = None
    if message.get("pixel_mask"):
        mask = _channel(message["pixel_mask"], channel, "pixel_mask", largest) == 0
    way = message.get("detector_translation")
    distance = way[2] if isinstance(way, list) and len(way) == 3 else None
    size_y, size_x = (read_number(message, f"pixel_size_{axis}") for axis in "yx")
    counted = message.get("number_of_images") is not None
    return Start(
        series=series,
        frames=read_index(message, "number_of_images") if counted else None,
        energy=read_number(message, "incident_energy", 1e-3),
        distance=read_number({"distance": distance}, "distance"),
        psize=None if size_y is None or size_x is None else (size_y, size_x),
        mask=mask,
    )


def _channel(arrays: Any, channel: str | None, name: str, largest: int) -> Array:
    """Choose one of the arrays that a message brings, one for each threshold, and read it."""
    if not isinstance(arrays, dict) or not arrays:
        raise FormatError(f"`{name}` is not a map of arrays")
    chosen = next(iter(arrays)) if channel is None else channel
    if chosen not in arrays:
        listed = ", ".join(short(one) for one in list(arrays)[:8])
        raise FormatError(f"`{name}` has no channel {channel!r}: there are {listed}")
    return _typed(arrays[chosen], largest)


def _typed(value: Any, largest: int) -> Array:
    """Read a multi-dimensional typed array of two dimensions, packed or not."""
    pair = value.value if isinstance(value, Tag) and value.number == ARRAY else None
    if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[1], Tag):
        raise FormatError("pixels that are not an array (tag 40)")
    shape, data = read_shape(pair[0]), pair[1]
    if data.number not in TYPES:
        raise FormatError(f"pixels of unknown type (tag {data.number})")
    dtype = np.dtype(TYPES[data.number])
    content = data.value
    if isinstance(content, memoryview):
        return unpack(content, shape, dtype, largest=largest)
    packed = content.value if isinstance(content, Tag) and content.number == PACKED else None
    if isinstance(packed, list) and len(packed) == 3:
        algorithm, item, payload = packed
        if algorithm in ("lz4", "bslz4") and type(item) is int and isinstance(payload, memoryview):
            item = item if algorithm == "bslz4" else None
            return unpack(payload, shape, dtype, algorithm, largest=largest, item=item)
    raise FormatError("pixels packed in an unknown way (tag 56500)")


def _series(value: Any) -> str | None:
    return str(value)[:200] if isinstance(value, str | int) else None
