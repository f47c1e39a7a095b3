"""Preparation by ptypy, always through `auto`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from raw_files import FRAMES, RawFile, parameters
from straightforward import Recipe

from ptypy.core.data import PtyScan
from ptypy.experiment import Hdf5Loader, ImageStackScan
from ptypy.utils import Param

GEOMETRY: dict[str, Any] = {"distance": 1.0, "psize": 1e-4, "energy": 8.0}


class OldStyle(PtyScan):
    """A loader as scripts for PtyPy 0.9 have it: dictionaries of frames, read one by one."""

    PLACEHOLDERS = ()

    def __init__(self, raw: RawFile, *, corrects: bool, **pars: Any) -> None:
        self.raw, self.corrects = raw, corrects
        super().__init__(None, **GEOMETRY, **pars)

    def load_positions(self) -> np.ndarray:
        with h5py.File(self.raw.fields) as file:
            return np.stack([file["y"][()], file["x"][()]], axis=1) * 1e-6

    def load_weight(self) -> np.ndarray:
        with h5py.File(self.raw.fields) as file:
            return file["mask"][()]

    def load_common(self) -> dict[str, Any]:
        with h5py.File(self.raw.fields) as file:
            return {name: file[name][()] for name in ("dark", "flat")}

    def post_initialize(self) -> None:
        if self.corrects:
            self.correct_with(dark=self.common["dark"], flat=self.common["flat"])

    def load(self, indices: Any) -> Any:
        with h5py.File(self.raw.path) as file:
            dataset = file[FRAMES]
            return {index: dataset[index] for index in indices}, {}, {}


class Memory(PtyScan):
    """Frames that are in memory already."""

    PLACEHOLDERS = ()

    def __init__(self, frames: np.ndarray, positions: np.ndarray, **pars: Any) -> None:
        self.frames, self.places = frames, positions
        super().__init__(None, **{"shape": None, **GEOMETRY, **pars})

    def load_positions(self) -> np.ndarray:
        return self.places

    def load_block(self, indices: np.ndarray) -> Any:
        return self.frames[indices[0] : indices[-1] + 1], None, None


def open_scan(
    raw: RawFile, recipe: Recipe, *, corrects: bool, old_style: bool = False, **more: Any
) -> PtyScan:
    """Make the scan that prepares a file by a recipe."""
    way = {
        "shape": recipe.shape, "center": recipe.center, "orientation": recipe.orientation,
        "rebin": recipe.rebin, **more,
    }  # fmt: skip
    if old_style:
        return OldStyle(raw, corrects=corrects, **way)
    kind = ImageStackScan if raw.layout == "npy" else Hdf5Loader
    return kind(Param(parameters(raw, corrects=corrects), **GEOMETRY), **way)


def deliver(scan: PtyScan, block: int) -> None:
    """Ask for all frames, one chunk after the other, and keep none of them."""
    while (package := scan.auto(block)) != scan.EOS:
        if package == scan.WAIT:
            raise RuntimeError("a file that is complete does not wait for frames")


def collect(scan: PtyScan, block: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Keep all chunks, and the mask of the first frame."""
    blocks, mask = [], None
    while (package := scan.auto(block)) != scan.EOS:
        blocks.append(np.stack([entry["data"] for entry in package["iterable"]]))
        mask = package["iterable"][0]["mask"] if mask is None else mask
    return blocks, np.asarray(mask)


def save_and_forget(path: Path, scan: PtyScan, block: int) -> None:
    """Prepare and save; an older result of the same name is removed first."""
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    deliver(scan, block)
