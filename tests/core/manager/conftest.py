"""A run with nothing but its containers, and a scan made of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ptypy.core.classes import Base, Container
from ptypy.core.data import WAIT, PtyScan, register
from ptypy.core.manager import ModelManager
from ptypy.utils.parameters import Param, asParam

ENERGY, DISTANCE, PSIZE = 8.0, 2.0, 1e-4


@register("ArrayScanForModels")
class ArrayScanForModels(PtyScan):
    """Frames, masks and positions that are in memory already.

    Defaults:

    [name]
    default = ArrayScanForModels
    help = Name
    type = str

    [source]
    default =
    help = What the test gives: frames, and maybe mask, positions, available
    type = Param

    [shape]
    default = None

    [auto_center]
    default = False
    """

    def load_positions(self) -> Any:
        return self.info.source.positions

    def load_weight(self) -> Any:
        mask = self.info.source.get("mask")
        return mask if mask is None or mask.ndim == 2 else None

    def check(self, frames: int | None = None, start: int | None = None) -> Any:
        total = len(self.info.source.frames)
        available = self.info.source.get("available", lambda: total)()
        accessible = min(frames or 1, available - (start or 0))
        return accessible, (start or 0) + accessible >= total

    def load(self, indices: Any) -> Any:
        source = self.info.source
        weights = {}
        if source.get("mask") is not None and source.mask.ndim == 3:
            weights = {i: source.mask[i] for i in indices}
        return {i: source.frames[i] for i in indices}, {}, weights


@register("KeepingScanForModels")
class KeepingScanForModels(ArrayScanForModels):
    """Hands over the very array that it was given.

    Defaults:

    [name]
    default = KeepingScanForModels
    help = Name
    type = str
    """

    def load_block(self, indices: Any) -> Any:
        first, last = int(indices[0]), int(indices[-1])
        return self.info.source.frames[first : last + 1], None, None


class Run(Base):
    """What a `ModelManager` needs of a run."""

    def __init__(self, scans: Any, frames_per_block: int) -> None:
        super().__init__(None, "Run")
        self.frames_per_block = frames_per_block
        self.probe = Container(self, "Cprobe", data_type="complex")
        self.obj = Container(self, "Cobj", data_type="complex")
        self.exit = Container(self, "Cexit", data_type="complex")
        self.diff = Container(self, "Cdiff", data_type="real")
        self.mask = Container(self, "Cmask", data_type="bool")
        self.model = ModelManager(self, asParam(scans))


@pytest.fixture
def start_run() -> Callable[..., Run]:
    """Start a run of given scans, with a number of frames in a block."""

    def start(scans: Any, frames_per_block: int = 1000) -> Run:
        return Run(scans, frames_per_block)

    return start


@pytest.fixture
def array_scan() -> Callable[..., Param]:
    """Give the parameters ``data`` of a scan of given frames, positions in object pixels."""

    def data(frames: Any, positions_px: Any, **more: Any) -> Param:
        frames = np.asarray(frames)
        height, width = frames.shape[-2:]
        lam = 1.239841984e-9 / ENERGY
        resolution = lam * DISTANCE / (PSIZE * np.array([height, width]))
        positions = None if positions_px is None else np.asarray(positions_px) * resolution
        settings = {"energy": ENERGY, "distance": DISTANCE, "psize": PSIZE}
        settings |= {k: more.pop(k) for k in ("energy", "center") if k in more}
        pars = Param(name="ArrayScanForModels", **settings)
        pars.source = Param(frames=frames, positions=positions, **more)
        return pars

    return data


@pytest.fixture
def wait() -> str:
    """Give the answer of a scan that goes on."""
    return WAIT
