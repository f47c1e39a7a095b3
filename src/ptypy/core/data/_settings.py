"""What a user asked of one scan, read once from its parameters, every fault at once."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ptypy.errors import Fault, ParameterError
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import logger

__all__ = ["Settings", "read_settings", "unpack", "validate"]

MIDDLES = ("fftshift", "geometric")
"""Names a centre may have."""
SCALARS = (
    "energy", "distance", "version", "num_frames", "min_frames", "rebin", "orientation",
    "auto_center",
)  # fmt: skip
"""Parameters that may come as an array of one number."""

SAVE_MODES = ("append", "link", "merge")
"""Ways of saving that work."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How frames of one scan are prepared."""

    shape: tuple[int, int] | None
    """Rows and columns of the region in raw pixels; None for the whole frame."""
    center: tuple[float, float] | str | None
    """Optical axis in the raw frame (y, x) [px], a name in `MIDDLES`, or None."""
    auto_center: bool | None
    """True: find it, whatever `center` says. None: find it if `center` is None."""
    orientation: tuple[bool, bool, bool]
    """Transpose, invert rows, invert columns."""
    rebin: int
    """Edge of the blocks that are summed [px]."""

    @property
    def must_find_center(self) -> bool:
        """Whether the counts decide where the optical axis is."""
        return self.auto_center is True or (self.auto_center is None and self.center is None)

    def center_in(self, raw: tuple[int, int]) -> tuple[float, float]:
        """Give the optical axis in a raw frame of this shape, as asked for (y, x) [px]."""
        if isinstance(self.center, tuple):
            return self.center
        if self.center == "geometric":
            return (raw[0] / 2 - 0.5, raw[1] / 2 - 0.5)
        return (float(raw[0] // 2), float(raw[1] // 2))


def read_settings(info: Mapping[str, Any], **changed: Any) -> Settings:
    """Read how frames are to be prepared.

    Parameters
    ----------
    info : mapping
        The parameters of a scan.
    **changed
        Values that count instead of those in ``info``.

    Raises
    ------
    ParameterError
        With every fault there is.
    """
    faults: list[Fault] = []
    value = {name: changed.get(name, info[name]) for name in Settings.__dataclass_fields__}
    settings = Settings(
        shape=_shape(value["shape"], faults),
        center=_center(value["center"], faults),
        auto_center=_auto_center(value["auto_center"], faults),
        orientation=_orientation(value["orientation"], faults),
        rebin=_rebin(value["rebin"], faults),
    )
    shape, rebin = settings.shape, settings.rebin
    if shape is not None and any(n % rebin for n in shape):
        fitting = " x ".join(str(max(n // rebin, 1) * rebin) for n in shape)
        faults.append(
            Fault(
                "rebin",
                str(rebin),
                f"does not divide `shape`, {shape[0]} x {shape[1]} px; {fitting} would fit",
            )
        )
    if faults:
        raise ParameterError(faults)
    return settings


def validate(cls: Any, info: Param) -> None:
    """Refuse parameters that do not fit what a scan class declares.

    A name that nobody declared is refused if it looks like a misspelt one; otherwise it is kept,
    with a warning, because classes store what they found in files beside their parameters.

    Raises
    ------
    ParameterError
        With every fault there is.
    """
    node = cls._descriptor()
    known = {name: value for name, value in info.items() if name in node.children}
    faults = [*_misspelt(info, node.children), *_saving(info), *_counting(info)]
    for check in (lambda: read_settings(info), lambda: node.validate(Param(known))):
        try:
            check()
        except ParameterError as error:
            faults += [
                fault for fault in error.faults if fault.path not in {f.path for f in faults}
            ]
    if faults:
        raise ParameterError(faults)


def _misspelt(info: Iterable[str], known: Iterable[str]) -> list[Fault]:
    known = list(known)
    faults = []
    strangers = []
    for name in info:
        if name in known:
            continue
        close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.8)
        if close:
            faults.append(Fault(name, "", f"is unknown; did you mean `{close[0]}`?"))
        else:
            strangers.append(name)
    if strangers and not faults:
        logger.warning(
            "nothing is declared to read the parameter(s) %s; they are kept in `info`",
            ", ".join(f"`{name}`" for name in strangers),
        )
    return faults


def unpack(info: Param) -> None:
    """Replace arrays of one number, as files hold them, by the number, and 'None' by None."""
    for name in SCALARS:
        value = info[name]
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.item()
        info[name] = None if isinstance(value, str) and value.lower() == "none" else value


def _saving(info: Mapping[str, Any]) -> list[Fault]:
    save, dfile = info["save"], info["dfile"]
    faults = []
    if save is not None and save not in SAVE_MODES:
        close = difflib.get_close_matches(str(save).lower(), SAVE_MODES, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        faults.append(Fault("save", repr(save), f"is not None, 'append', 'link' or 'merge'{hint}"))
    if save == "link" and not _numbers_chunks(info["chunk_format"]):
        remedy = "must hold one place for the number of the chunk, such as '.chunk%02d'"
        faults.append(Fault("chunk_format", repr(info["chunk_format"]), remedy))
    if save is not None and not dfile:
        faults.append(Fault("dfile", repr(dfile), "is needed: `save` asks for a file to save to"))
    if dfile is not None and not isinstance(dfile, str | os.PathLike):
        faults.append(Fault("dfile", repr(dfile), "must be a path"))
    elif save is not None and dfile is not None and Path(dfile).is_dir():
        faults.append(Fault("dfile", repr(dfile), "is a directory; give the path of a file in it"))
    return faults


def _counting(info: Mapping[str, Any]) -> list[Fault]:
    """Refuse a number of frames that no scan can have."""
    count = info.get("num_frames")
    if count is None or not isinstance(count, int | float | np.number) or count >= 1:
        return []
    return [Fault("num_frames", repr(count), "must be at least 1, or None for all frames")]


def _numbers_chunks(chunk_format: Any) -> bool:
    """Say whether a format gives every chunk an ending of its own."""
    try:
        return bool(str(chunk_format % 0) != str(chunk_format % 1))
    except (TypeError, ValueError):
        return False


def _pair(value: Any) -> tuple[float, float] | None:
    """Read one number or two; None if it is neither."""
    if isinstance(value, str | bytes | bool) or value is None:
        return None
    try:
        y, x = np.broadcast_to(np.asarray(value, dtype=np.float64), 2).tolist()
    except (TypeError, ValueError):
        return None
    return (y, x) if np.isfinite([y, x]).all() else None


def _shape(value: Any, faults: list[Fault]) -> tuple[int, int] | None:
    if value is None:
        return None
    pair = _pair(value)
    if pair is None or any(n < 1 or n != int(n) for n in pair):
        remedy = "must be None, a number of pixels, or two (rows, columns)"
        faults.append(Fault("shape", repr(value), remedy))
        return None
    return (int(pair[0]), int(pair[1]))


def _center(value: Any, faults: list[Fault]) -> tuple[float, float] | str | None:
    if value is None or (isinstance(value, str) and value in MIDDLES):
        return value
    pair = _pair(value)
    if pair is not None:
        return pair
    remedy = "must be None, 'fftshift', 'geometric', or (y, x) in pixels of the raw frame"
    if isinstance(value, str) and value == "fft":
        remedy = (
            "says that zero frequency lies in the corner: apply numpy.fft.fftshift to the last "
            "two axes of the frames in `load`, and use 'fftshift'"
        )
    elif isinstance(value, str):
        close = difflib.get_close_matches(value.lower(), MIDDLES, n=1)
        remedy += f"; did you mean '{close[0]}'?" if close else ""
    faults.append(Fault("center", repr(value), remedy))
    return None


def _auto_center(value: Any, faults: list[Fault]) -> bool | None:
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    faults.append(Fault("auto_center", repr(value), "must be True, False or None"))
    return None


def _orientation(value: Any, faults: list[Fault]) -> tuple[bool, bool, bool]:
    upright = (False, False, False)
    if value is None:
        return upright
    if isinstance(value, int | np.integer) and 0 <= value <= 7:
        return (bool(value & 4), bool(value & 2), bool(value & 1))
    if isinstance(value, list | tuple | np.ndarray) and len(value) == 3:
        transpose, flipud, fliplr = value
        if all(flag in (0, 1) for flag in (transpose, flipud, fliplr)):
            return (bool(transpose), bool(flipud), bool(fliplr))
    faults.append(Fault("orientation", repr(value), "is not one of 0 … 7, None, or three booleans"))
    return upright


def _rebin(value: Any, faults: list[Fault]) -> int:
    if value is None:
        return 1
    if isinstance(value, int | np.integer) and 1 <= value <= 32:
        return int(value)
    faults.append(Fault("rebin", repr(value), "must be None or a whole number from 1 to 32"))
    return 1
