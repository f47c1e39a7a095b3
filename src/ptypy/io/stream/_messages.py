"""What messages say, whatever form they came in, and the checks that all forms share."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError

__all__ = [
    "LARGEST_INDEX",
    "End",
    "Frame",
    "Message",
    "Parts",
    "Places",
    "Start",
    "read_index",
    "read_json",
    "read_number",
    "read_position",
    "read_shape",
    "short",
]

Array = npt.NDArray[Any]
Parts = Sequence[memoryview]
"""The parts of one message."""

LARGEST_INDEX = 10**9
"""No scan has more points; a larger index is a fault."""
LARGEST_HEADER = 2**24
"""Bytes of a header in JSON. Those of a detector are some hundred kilobytes at most."""
DEEPEST = 64
"""Nesting of a header in JSON."""


@dataclass(frozen=True, slots=True)
class Start:
    """A scan begins."""

    series: str | None = None
    """What identifies the scan; None if the stream does not say."""
    frames: int | None = None
    """How many frames are announced."""
    energy: float | None = None
    """Photon energy [keV]."""
    distance: float | None = None
    """Sample to detector [m]."""
    psize: tuple[float, float] | None = None
    """Size of a detector pixel (y, x) [m]."""
    mask: npt.NDArray[np.bool_] | None = None
    """(H, W), True where a pixel may be trusted."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    index: int
    """Of the scan point, from 0."""
    data: Array
    """Counts (H, W)."""
    series: str | None = None
    position: tuple[float, float] | None = None
    """Where the beam hit the sample (y, x) [m]."""
    mask: npt.NDArray[np.bool_] | None = None
    """(H, W), True where a pixel of this frame may be trusted."""


@dataclass(frozen=True, slots=True)
class Places:
    """Positions of some scan points."""

    indices: list[int]
    positions: list[tuple[float, float]]
    """(y, x) [m]"""
    series: str | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The scan has ended."""

    series: str | None = None
    frames: int | None = None
    """How many frames the scan has, as far as the sender knows."""


Message = Start | Frame | Places | End


def read_json(part: memoryview) -> dict[str, Any]:
    """Read a header.

    Raises
    ------
    FormatError
        If it is no JSON object, or unreasonably large or nested.
    """
    if part.nbytes > LARGEST_HEADER:
        raise FormatError(f"a header of {part.nbytes} bytes: at most {LARGEST_HEADER} are read")
    text = bytes(part)
    if text.count(b"[") + text.count(b"{") > DEEPEST and _depth(text) > DEEPEST:
        raise FormatError(f"a header nested more than {DEEPEST} deep")
    try:
        header = json.loads(text)
    except ValueError as error:
        raise FormatError(f"its first part is not JSON: {short(text)}") from error
    if not isinstance(header, dict):
        raise FormatError(f"its header is not a JSON object: {short(text)}")
    return header


def _depth(text: bytes) -> int:
    """Give an upper limit of the nesting; brackets in texts count, too."""
    deepest = depth = 0
    for byte in text:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def read_index(header: Mapping[Any, Any], name: str) -> int:
    """Read the index of a frame, or a number of frames."""
    value = header.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_INDEX:
        raise FormatError(f"`{name}` is {short(value)}: it must be a whole number from 0")
    return value


def read_number(header: Mapping[Any, Any], name: str, factor: float = 1.0) -> float | None:
    """Read a positive number that may be missing; None then, and if it says nothing usable."""
    value = header.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    value = float(value) * factor if abs(value) < 1e300 else math.inf
    return value if 0 < value < math.inf else None


def read_position(value: Any) -> tuple[float, float]:
    """Read a position (y, x) [m]."""
    pair = value if isinstance(value, list) and len(value) == 2 else [None, None]
    numbers = [v for v in pair if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) == 2 and all(abs(v) < 1e300 and math.isfinite(v) for v in numbers):
        return (float(numbers[0]), float(numbers[1]))
    raise FormatError(f"`position` is {short(value)}: it must be two numbers, [y, x] in metres")


def read_shape(value: Any) -> tuple[int, int]:
    """Read the number of rows and columns of a frame."""
    if isinstance(value, list) and len(value) == 2:
        rows, columns = value
        if all(type(n) is int and 0 < n <= 2**20 for n in (rows, columns)):
            return (rows, columns)
    raise FormatError(f"`shape` is {short(value)}: it must be two numbers of pixels")


def short(value: Any) -> str:
    """Show a value of unknown length in a few characters."""
    text = repr(value[:60] if isinstance(value, bytes | str | list) else value)
    return text if len(text) <= 70 else f"{text[:66]} ..."
