"""What one scan is like, as far as its files and its first frames tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.core.ptycho._doubts import distance_to_next, tell_of_lonely
from ptypy.utils.parameters import Placeholder

if TYPE_CHECKING:
    from ptypy.core.data import PtyScan
    from ptypy.core.manager import ScanModel
    from ptypy.engines import BaseEngine

__all__ = ["SAMPLE", "Number", "ScanSurvey", "load_sample", "open_scan"]

SAMPLE = 16
"""Frames that are looked at."""
UNITS = {"energy": "keV", "distance": "m", "psize": "m"}
MARGIN = 8
"""Pixels that an object has around its frames."""


@dataclass(slots=True)
class Number:
    """A number of the setup, and who says so."""

    value: float | tuple[float, ...] | None
    unit: str
    source: str
    """``'given'``, ``'data'``, ``'default'`` of the loader, or ``'nobody'``: a placeholder."""


@dataclass(slots=True)
class ScanSurvey:
    """What is known of a scan before it is reconstructed."""

    label: str
    model: str
    loader: str
    frames: int | None = None
    """How many; None if the scan goes on."""
    seen: int = 0
    """Frames that were looked at."""
    region: tuple[int, int, int, int] | None = None
    """Part of a raw frame that is used: top, left, rows, columns [px]."""
    center: tuple[float, float] | None = None
    """Optical axis in the raw frame, (y, x) [px]."""
    center_is_found: bool = False
    """It comes from the frames, not from the parameters."""
    orientation: Any = None
    rebin: int = 1
    shape: tuple[int, int] | None = None
    """Of a prepared frame [px]."""
    trusted: float | None = None
    """Share of its pixels that may be trusted."""
    has_mask_per_frame: bool = False
    photons: tuple[float, float] | None = None
    """In a frame, on average and in the brightest of those that were looked at."""
    positions: npt.NDArray[np.float64] | None = None
    """(N, 2) [m]; None if they come with the frames."""
    step: float | None = None
    """Distance to the next scan point, the median [m]."""
    numbers: dict[str, Number] = field(default_factory=dict)
    propagation: str = ""
    resolution: tuple[float, float] | None = None
    """Size of a pixel of the object [m]."""
    probe_shape: tuple[int, ...] | None = None
    object_shape: tuple[int, int] = (0, 0)
    """Rows and columns of the object for all positions, about [px]."""
    waves_memory: float = 0.0
    """Of probe and object, with all that engines calculate of them [bytes]."""
    factor: int = 1
    """2 where numbers have double precision."""

    @property
    def pixels(self) -> float:
        """Pixels of all frames."""
        return float(np.prod(self.shape or (0, 0))) * (self.frames or self.seen)

    @property
    def field(self) -> npt.NDArray[np.float64] | None:
        """What a frame shows [m], (y, x)."""
        if self.shape is None or self.resolution is None:
            return None
        return np.array(self.shape, np.float64) * np.array(self.resolution, np.float64)

    @property
    def frames_memory(self) -> float:
        """Of the prepared frames and their masks [bytes]."""
        masks = self.pixels if self.has_mask_per_frame else float(np.prod(self.shape or (0, 0)))
        return 4.0 * self.factor * self.pixels + masks

    def engine_memory(self, engine: BaseEngine) -> float:
        """Give what an engine holds of this scan beside its frames [bytes].

        Each has the measured numbers once more, in the order in which it reads them; those that
        project keep an exit wave for each mode of each frame.
        """
        from ptypy.engines.projectional import ProjectionEngine

        modes = (self.probe_shape or (1,))[0]
        waves = 8.0 * modes if isinstance(engine, ProjectionEngine) else 0.0
        return self.factor * (4.0 + waves) * self.pixels


def open_scan(label: str, model: ScanModel) -> ScanSurvey:
    """Open a scan: what its files say without a frame."""
    scan = model.ptyscan
    found = ScanSurvey(label, str(model.p.name), type(scan).__name__)
    asked = model.p.data
    scan.initialize()
    found.frames = scan.num_frames
    found.factor = 2 if model.ptycho.data_type == "double" else 1
    for name, unit in UNITS.items():
        value = scan.meta[name]
        found.numbers[name] = Number(_plain(value), unit, _source(asked, name, scan))
    theory = scan.info.positions_theory
    places = theory if theory is not None else scan.positions
    if places is not None:
        found.positions = np.asarray(places, np.float64)[: found.frames]
        found.step = _step(found.positions)
    found.orientation, found.rebin = scan.orientation, scan.rebin
    return found


def load_sample(found: ScanSurvey, model: ScanModel) -> None:
    """Load the first frames of a scan that is open; note what they are like."""
    scan = model.ptyscan
    scan.num_frames = min(found.frames or SAMPLE, SAMPLE)
    blocks = model.new_data(SAMPLE)
    if not blocks or model.statistics is None or model.geometry is None:
        return
    found.seen = sum(len(block) for block in blocks)
    found.region = scan.region_in_raw
    if found.region is not None:
        top, left, rows, columns = found.region
        axis = scan.info.get("found_center")
        found.center_is_found = axis is not None
        middle = (float(top + rows // 2), float(left + columns // 2))
        found.center = middle if axis is None else (float(axis[0]), float(axis[1]))
    rows, columns = blocks[0].counts.shape[-2:]
    found.shape = (int(rows), int(columns))
    masks = [np.broadcast_to(block.mask, block.counts.shape) for block in blocks]
    found.trusted = float(np.mean([mask.mean() for mask in masks]))
    found.has_mask_per_frame = np.ndim(blocks[0].mask) == 3 and len(blocks[0].mask) > 1
    found.photons = (model.statistics.mean_power, model.statistics.max_power)
    found.propagation = str(model.geometry.propagation)
    y, x = model.geometry.resolution
    found.resolution = (float(y), float(x))
    if model.probe is not None:
        found.probe_shape = tuple(model.probe.data.shape)
    if found.positions is None:
        found.positions = np.concatenate([block.positions for block in blocks])
        found.step = _step(found.positions)
    extent = np.ptp(found.positions, axis=0) / model.geometry.resolution
    sizes = np.ceil(extent).astype(int) + model.geometry.shape + 2 * MARGIN
    found.object_shape = (int(sizes[0]), int(sizes[1]))
    seen = found.field
    if seen is not None:
        tell_of_lonely(found.label, dict(enumerate(found.positions)), seen)


def _source(asked: Mapping[str, Any], name: str, scan: PtyScan) -> str:
    """Say where a number of the setup comes from."""
    value, default = scan.meta[name], dict.get(scan.DEFAULT, name)
    if isinstance(value, Placeholder):
        return "nobody"
    given = asked.get(name)
    if given is not None and not isinstance(given, Placeholder):
        return "given"
    return "default" if value is default and value is not None else "data"


def _plain(value: Any) -> float | tuple[float, ...] | None:
    if value is None:
        return None
    numbers = np.ravel(np.asarray(value, np.float64)).tolist()
    return float(numbers[0]) if len(set(numbers)) == 1 else tuple(numbers)


def _step(places: npt.NDArray[np.float64]) -> float | None:
    """Give the median of the distances to the next scan point."""
    if len(places) < 2:
        return None
    return float(np.median(distance_to_next(places)))
