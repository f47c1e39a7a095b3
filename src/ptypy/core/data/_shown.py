"""Scans and chunks as text and as a notebook shows them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptypy.utils.markup import card, fold, lines, table
from ptypy.utils.parameters import Param, Placeholder
from ptypy.utils.thumbnail import image

if TYPE_CHECKING:
    from ptypy.core.data._chunk import Chunk

__all__ = ["Shown", "chunk_as_html", "describe_chunk"]

LOOKED_AT = 100
"""Frames of a chunk that its picture is the mean of."""

Numbers = np.ndarray[Any, Any]


class Shown:
    """The part of `PtyScan` that says what it is."""

    info: Param
    meta: Param
    num_frames: int | None
    framestart: int
    is_initialized: bool
    end_of_scan: bool

    def _described(self) -> dict[str, str]:
        """Tell in words what is prepared, and how far; what a table shows."""
        said = {}
        for name in ("label", "file", "dfile", "source"):
            value = self.info.get(name)
            if isinstance(value, str | Path) and str(value):
                said[name] = str(value)
        state = "not opened yet"
        if self.is_initialized:
            state = "ended" if self.end_of_scan else "open"
        of = "" if self.num_frames is None else f" of {self.num_frames}"
        said["frames"] = f"{self.framestart}{of} delivered; {state}"
        for name, unit in (("shape", "px"), ("center", "px"), ("energy", "keV"), ("distance", "m"),
                           ("psize", "m")):  # fmt: skip
            said[name] = _number(name, dict(self.meta).get(name), unit)
        for name in ("orientation", "rebin", "save"):
            if self.info.get(name) is not None:
                said[name] = str(self.info[name])
        return said

    def __repr__(self) -> str:
        try:
            return lines(type(self).__name__, self._described())
        except AttributeError:
            # A class of a user whose constructor is still at work, in a debugger.
            return f"<{type(self).__name__}>"

    def _repr_html_(self) -> str:
        body = table(self._described())
        return card(type(self).__name__, body + fold("parameters", _parameters(self.info)))


def _parameters(info: Mapping[str, Any]) -> str:
    return Param(info)._repr_html_()


def _number(name: str, value: Any, unit: str) -> str:
    if value is None:
        return "not known yet"
    if isinstance(value, Placeholder):
        return f"not given; {float(value):.6g} {unit} stands for it"
    if isinstance(value, str):
        return value
    between = ", " if name == "center" else " x "
    return f"{between.join(f'{float(n):.6g}' for n in np.ravel(value))} {unit}"


def describe_chunk(chunk: Chunk) -> dict[str, str]:
    """Tell in words what a chunk holds."""
    n, height, width = chunk.data.shape
    said = {"frames": f"{n} of {height} x {width} px, {chunk.data.dtype}"}
    if len(chunk.indices) != n:
        said["frames"] += f", of {len(chunk.indices)} on all processes"
    if len(chunk.indices):
        said["indices"] = f"{int(chunk.indices.min())} ... {int(chunk.indices.max())}"
    if chunk.positions is not None and len(chunk.positions):
        low, high = chunk.positions.min(axis=0), chunk.positions.max(axis=0)
        spans = (f"{1e6 * a:.4g} ... {1e6 * b:.4g} µm" for a, b in zip(low, high, strict=True))
        said["positions"] = "y {}, x {}".format(*spans)
    trusted = float(np.mean(chunk.mask)) if chunk.mask.size else 1.0
    each = "for all frames" if chunk.mask.ndim == 2 else "for each frame"
    said["mask"] = f"{trusted:.2%} of the pixels may be trusted; one {each}"
    if chunk.photons is not None and len(chunk.photons):
        said["photons"] = (
            f"{chunk.photons.mean():.4g} a frame ({chunk.photons.min():.4g} ... "
            f"{chunk.photons.max():.4g})"
        )
    return said


def chunk_as_html(chunk: Chunk) -> str:
    """Give a table, and the mean of the first frames on a logarithmic scale."""
    body = table(describe_chunk(chunk))
    if chunk.data.size:
        mean = np.mean(chunk.data[:LOOKED_AT], axis=0, dtype=np.float64)
        mask = chunk.mask if chunk.mask.ndim == 2 else chunk.mask[:LOOKED_AT].any(axis=0)
        shown = np.log10(np.maximum(np.where(mask, mean, 0), 0) + 0.1)
        body += image(shown, "mean frame, logarithmic", colours="magma")
    return card(f"Chunk {chunk.number}", body)
