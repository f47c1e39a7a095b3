"""What a user asked of one scan, read once from its parameters, every fault at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ptypy import defaults_tree
from ptypy.errors import Fault, ParameterError
from ptypy.utils.descriptor import EvalDescriptor
from ptypy.utils.parameters import Param
from ptypy.utils.text_utils import did_you_mean, nearest
from ptypy.utils.verbose import logger

__all__ = ["Settings", "read_settings", "validate"]

MIDDLES = ("fftshift", "geometric")
"""Names a centre may have."""
SAVE_MODES = ("append", "link", "merge")
"""Ways of saving that work."""

WORDING = {
    "shape": "must be None, a number of pixels, or two (rows, columns)",
    "orientation": "is not one of 0 … 7, None, or three booleans",
}
"""What is said of a parameter that is not as declared, where that can be said better."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How frames of one scan are prepared."""

    shape: tuple[int, int] | str | None
    """Rows and columns of the region in raw pixels; None for the whole frame; 'auto': choose it."""
    center: tuple[float, float] | str | None
    """Optical axis in the raw frame (y, x) [px], a name in `MIDDLES`, or None."""
    auto_center: bool | None
    """True: find it, whatever `center` says. None: find it if `center` is None."""
    orientation: tuple[bool, bool, bool]
    """Transpose, invert rows, invert columns."""
    rebin: int
    """Edge of the blocks that are summed [px]."""
    find_bad_pixels: bool
    """Whether pixels that do not count as others do are looked for."""

    @property
    def region(self) -> tuple[int, int] | None:
        """Rows and columns that are asked for [px]; None if that is for the frames to say."""
        return self.shape if isinstance(self.shape, tuple) else None

    @property
    def finds_region(self) -> bool:
        """Whether the counts decide how large the region is."""
        return isinstance(self.shape, str)

    @property
    def must_look(self) -> bool:
        """Whether the first frames decide anything."""
        return self.must_find_center or self.find_bad_pixels or self.finds_region

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


def read_settings(
    info: Mapping[str, Any], node: EvalDescriptor | None = None, **changed: Any
) -> Settings:
    """Read how frames are to be prepared.

    Types, limits and choices are those that are declared; what no declaration can say (how long
    a pair is, what fits together) is checked here.

    Parameters
    ----------
    info : mapping
        The parameters of a scan.
    node : EvalDescriptor, optional
        Their declarations; those of `PtyScan` if not given.
    **changed
        Values that count instead of those in ``info``.

    Raises
    ------
    ParameterError
        With every fault there is.
    """
    node = defaults_tree["scandata.PtyScan"] if node is None else node
    names = Settings.__dataclass_fields__
    value = node.plain({name: changed.get(name, info[name]) for name in names})
    faults = _undeclared(node, value)
    # Of what has a fault already nothing more is said.
    value |= dict.fromkeys(fault.path for fault in faults)
    settings = Settings(
        shape=_shape(value["shape"], faults),
        center=_center(value["center"], faults),
        auto_center=value["auto_center"],
        orientation=_orientation(value["orientation"], faults),
        rebin=1 if value["rebin"] is None else value["rebin"],
        find_bad_pixels=bool(value["find_bad_pixels"]),
    )
    shape, rebin = settings.region, settings.rebin
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
    try:
        read_settings(info, node)
    except ParameterError as error:
        faults += error.faults
    told = {fault.path for fault in faults}
    faults += [fault for fault in _undeclared(node, known) if fault.path not in told]
    if faults:
        raise ParameterError(faults)


def _undeclared(node: EvalDescriptor, values: Mapping[str, Any]) -> list[Fault]:
    """Compare values with their declarations: give what does not fit."""
    try:
        node.validate(values)
    except ParameterError as error:
        return [f._replace(remedy=WORDING.get(f.path, f.remedy)) for f in error.faults]
    return []


def _misspelt(info: Iterable[str], known: Iterable[str]) -> list[Fault]:
    known = list(known)
    faults = []
    strangers = []
    for name in info:
        if name in known:
            continue
        close = nearest(name, known, cutoff=0.8)
        if close:
            faults.append(Fault(name, "", f"is unknown; did you mean `{close}`?"))
        else:
            strangers.append(name)
    if strangers and not faults:
        logger.warning(
            "nothing is declared to read the parameter(s) %s; they are kept in `info`",
            ", ".join(f"`{name}`" for name in strangers),
        )
    return faults


def _saving(info: Mapping[str, Any]) -> list[Fault]:
    save, dfile = info["save"], info["dfile"]
    faults = []
    if save is not None and save not in SAVE_MODES:
        hint = did_you_mean(save, SAVE_MODES, listing=False)
        faults.append(Fault("save", repr(save), f"is not None, 'append', 'link' or 'merge'{hint}"))
    if save == "link" and not _numbers_chunks(info["chunk_format"]):
        remedy = "must hold one place for the number of the chunk, such as '.chunk%02d'"
        faults.append(Fault("chunk_format", repr(info["chunk_format"]), remedy))
    if save is None and info["resume"]:
        faults.append(Fault("resume", "True", "needs `save`: there is no file to go on with"))
    if save is not None and not dfile:
        faults.append(Fault("dfile", repr(dfile), "is needed: `save` asks for a file to save to"))
    if dfile is not None and not isinstance(dfile, str | os.PathLike):
        faults.append(Fault("dfile", repr(dfile), "must be a path"))
    elif save is not None and dfile is not None and Path(dfile).is_dir():
        faults.append(Fault("dfile", repr(dfile), "is a directory; give the path of a file in it"))
    return faults


def _counting(info: Mapping[str, Any]) -> list[Fault]:
    """Refuse a number of frames, or of pixel sizes, that no scan can have."""
    faults = []
    count = info["num_frames"]
    if isinstance(count, int | float) and not count >= 1:
        faults.append(
            Fault("num_frames", repr(count), "must be at least 1, or None for all frames")
        )
    psize = info["psize"]
    if isinstance(psize, list | tuple | np.ndarray) and _pair(psize) is None:
        remedy = "must be one number or two, (y, x), in metres"
        faults.append(Fault("psize", repr(psize), remedy))
    return faults


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


def _shape(value: Any, faults: list[Fault]) -> tuple[int, int] | str | None:
    if value is None or (isinstance(value, str) and value == "auto"):
        return value
    pair = _pair(value)
    if pair is None or any(n < 1 or n != int(n) for n in pair):
        remedy = "must be None, a number of pixels, two (rows, columns), or 'auto'"
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
        remedy += did_you_mean(value, MIDDLES, listing=False)
    faults.append(Fault("center", repr(value), remedy))
    return None


def _orientation(value: Any, faults: list[Fault]) -> tuple[bool, bool, bool]:
    if isinstance(value, int):
        return (bool(value & 4), bool(value & 2), bool(value & 1))
    flags = [] if value is None else list(value)
    if value is not None and (len(flags) != 3 or any(flag not in (0, 1) for flag in flags)):
        faults.append(Fault("orientation", repr(value), WORDING["orientation"]))
        flags = []
    transpose, flipud, fliplr = (bool(flag) for flag in flags or (0, 0, 0))
    return (transpose, flipud, fliplr)
