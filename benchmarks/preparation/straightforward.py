"""Preparation as a careful person writes it: h5py frame by frame, NumPy step by step.

This is what the tests compare results with and what `compare_preparation.py` compares speed with.
It needs nothing of ptypy. What it computes is what `ptypy.core.data` promises:

1. subtract the dark (nothing falls below zero) and divide by the flat; a pixel without a finite
   dark and a positive flat counts zero and is not trusted;
2. cut the region about the centre; what lies outside the frame is zero and is not trusted;
3. sum blocks of pixels; a block is trusted only if all its pixels are;
4. transpose, invert rows, invert columns;
5. add up the photons of each frame and find their centre of mass, over trusted pixels.

Pixels that the mask does not trust keep their counts. Without dark and flat counts stay integers.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - h5py then decodes bitshuffle
import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Recipe:
    """How frames are prepared; parameters as those of `PtyScan`."""

    shape: tuple[int, int] | None = None
    """Region in raw pixels; None for the whole frame, as it is."""
    center: tuple[float, float] = (0.0, 0.0)
    """Raw pixel (row, column) that the middle of the region, ``shape // 2``, is put on."""
    orientation: int = 0
    """4: transpose, 2: then invert rows, 1: then invert columns; or a sum of these."""
    rebin: int = 1
    """Edge of the blocks that are summed [px]."""


@dataclass
class Prepared:
    """What comes out."""

    data: Array
    """Counts (N, h, w): float32 if corrected, else integers wide enough for the sum of a block."""
    mask: Array
    """True where a pixel may be trusted (h, w)."""
    totals: Array
    """Photons of each frame on trusted pixels (N,)."""
    centers: Array
    """Their centre of mass (row, column) in the prepared frame (N, 2) [px]; NaN without any."""


class Straightforward:
    """Prepares one raw frame after the other.

    Parameters
    ----------
    raw : (rows, columns)
        Shape of a raw frame.
    recipe : Recipe
    dark, flat : (H, W), optional
    mask : (H, W), optional
        Non-zero where a pixel may be trusted.
    careful : bool
        Read and correct only the region, and sum blocks by adding slices, several times faster in
        NumPy than to reshape and sum. Otherwise whole frames are corrected, and cut and reshaped
        afterwards, as the steps are usually told.
    """

    def __init__(
        self,
        raw: tuple[int, int],
        recipe: Recipe,
        *,
        dark: Array | None = None,
        flat: Array | None = None,
        mask: Array | None = None,
        careful: bool = False,
    ) -> None:
        self.raw, self.recipe, self.careful = raw, recipe, careful
        self.region = raw if recipe.shape is None else recipe.shape
        self.start = (0, 0)
        if recipe.shape is not None:
            pairs = zip(recipe.center, recipe.shape, strict=True)
            self.start = tuple(round(center) - size // 2 for center, size in pairs)
        self.corrects = dark is not None or flat is not None
        dark = np.zeros(raw) if dark is None else np.asarray(dark)
        flat = np.ones(raw) if flat is None else np.asarray(flat)
        usable = np.isfinite(dark) & np.isfinite(flat) & (flat > 0)
        # Counts divided by infinity are zero.
        self.dark = np.where(usable, dark, 0).astype(np.float32)
        self.flat = np.where(usable, flat, np.inf).astype(np.float32)
        if careful:
            self.dark, self.flat = self.cut(self.dark), self.cut(self.flat)
            self.flat[self.flat == 0] = np.inf  # beyond the edge of the frame
        self.work = np.empty(self.dark.shape, np.float32)
        trusted = usable if mask is None else usable & (np.asarray(mask) != 0)
        blocks = self._blocks(self.cut(trusted))
        self.mask = np.ascontiguousarray(self._turn(blocks.all(axis=(1, 3))))
        self.shape = self.mask.shape
        self._trusts_all = bool(self.mask.all())
        self._rows, self._columns = (np.arange(n, dtype=np.float64) for n in self.shape)

    @property
    def parts(self) -> tuple[slice, slice]:
        """Rows and columns of a raw frame that the region has a part in."""
        triples = zip(self.start, self.region, self.raw, strict=True)
        return tuple(slice(max(s, 0), max(min(s + n, full), 0)) for s, n, full in triples)

    def dtype(self, raw: np.dtype) -> np.dtype:
        """Choose the type of prepared counts."""
        if self.corrects:
            return np.dtype(np.float32)
        return raw if self.recipe.rebin == 1 or raw.kind == "f" else np.dtype(np.uint32)

    def cut(self, frame: Array) -> Array:
        """Cut the region out of a raw frame."""
        return self._pad(frame[self.parts])

    def _pad(self, part: Array) -> Array:
        """Add zeros where the region reaches beyond the raw frame."""
        if part.shape == self.region:
            return part
        before = [max(-s, 0) for s in self.start]
        pairs = zip(before, self.region, part.shape, strict=True)
        return np.pad(part, [(b, n - b - there) for b, n, there in pairs])

    def _blocks(self, region: Array) -> Array:
        (height, width), edge = self.region, self.recipe.rebin
        return region.reshape(height // edge, edge, width // edge, edge)

    def _add_slices(self, region: Array, dtype: np.dtype) -> Array:
        edge = self.recipe.rebin
        total = region[::edge, ::edge].astype(dtype)
        for place in range(1, edge**2):
            total += region[place // edge :: edge, place % edge :: edge]
        return total

    def _turn(self, frame: Array) -> Array:
        turned = frame.T if self.recipe.orientation & 4 else frame
        turned = turned[::-1] if self.recipe.orientation & 2 else turned
        return turned[:, ::-1] if self.recipe.orientation & 1 else turned

    def prepare(self, frame: Array, out: Array) -> None:
        """Prepare a raw frame, or with ``careful`` what `read` gave of it, into ``out``."""
        if self.corrects:
            work = self.work
            np.subtract(frame, self.dark, out=work)
            np.maximum(work, 0, out=work)
            np.divide(work, self.flat, out=work)
            frame = work
        region = frame if self.careful else self.cut(frame)
        if self.recipe.rebin > 1 and self.careful:
            region = self._add_slices(region, out.dtype)
        elif self.recipe.rebin > 1:
            region = self._blocks(region).sum(axis=(1, 3), dtype=out.dtype)
        out[:] = self._turn(region)

    def weigh(self, frame: Array) -> tuple[float, float, float]:
        """Give the photons of a prepared frame and their centre of mass (row, column) [px]."""
        seen = frame if self._trusts_all else frame * self.mask
        rows, columns = seen.sum(axis=1), seen.sum(axis=0)
        total = float(rows.sum(dtype=np.float64))
        if total <= 0:
            return total, np.nan, np.nan
        return total, float(rows @ self._rows) / total, float(columns @ self._columns) / total

    def read(self, dataset: Any, number: int) -> Array:
        """Read a frame, or the part of it that is used."""
        if not self.careful:
            return dataset[number]
        rows, columns = self.parts
        return self._pad(dataset[number, rows, columns])


def prepare_dataset(
    dataset: Any, steps: Straightforward, *, statistics: bool = True, out: Array | None = None
) -> Prepared:
    """Prepare all frames of a dataset (N, H, W), which may be an array.

    With ``out``, frames are written into it one block after the other, so that it may hold fewer
    than there are; then `Prepared.data` is the last of these blocks.
    """
    count = len(dataset)
    data = np.empty((count, *steps.shape), steps.dtype(dataset.dtype)) if out is None else out
    totals, centers = np.zeros(count), np.zeros((count, 2))
    for k in range(count):
        target = data[k % len(data)]
        steps.prepare(steps.read(dataset, k), target)
        if statistics:
            totals[k], *centers[k] = steps.weigh(target)
    return Prepared(data, steps.mask, totals, centers)


def prepare_file(
    path: str | Path, key: str, steps: Straightforward, *, statistics: bool = True,
    out: Array | None = None,
) -> Prepared:  # fmt: skip
    """Prepare all frames of an HDF5 file, or of an .npy file, which is memory-mapped."""
    if Path(path).suffix == ".npy":
        frames = np.load(path, mmap_mode="r")
        return prepare_dataset(frames, steps, statistics=statistics, out=out)
    with h5py.File(path, "r") as file:
        return prepare_dataset(file[key], steps, statistics=statistics, out=out)


def save_plainly(
    path: str | Path, blocks: list[Array], positions: Array, *, sync: bool = False
) -> None:
    """Write prepared blocks with h5py, a group for each, as simply as can be.

    With ``sync``, each block is on the disk before the next one is begun.
    """
    first = 0
    with h5py.File(path, "w") as file, Path(path).open("rb") as raw:
        for number, block in enumerate(blocks):
            group = file.create_group(f"chunks/{number}")
            group["data"] = block
            group["positions"] = positions[first : first + len(block)]
            group["indices"] = np.arange(first, first + len(block))
            first += len(block)
            if sync:
                file.flush()
                os.fsync(raw.fileno())


def write_like_ptypy(path: str | Path, blocks: list[Array], positions: Array, mask: Array) -> None:
    """Write a .ptyd file in the layout of PtyPy 0.9: gzip, and a mask for each frame."""
    packed = {"compression": "gzip", "compression_opts": 4}
    size = blocks[0].shape[-1]
    with h5py.File(path, "w") as file:
        file.attrs["h5rw_version"] = "0.1"
        first = 0
        for number, block in enumerate(blocks):
            group = file.create_group(f"chunks/{number}")
            last = first + len(block)
            arrays = {
                "data": block, "indices": np.arange(first, last),
                "positions": positions[first:last],
                "weights": np.broadcast_to(mask, block.shape).copy(),
            }  # fmt: skip
            for name, values in arrays.items():
                dataset = group.create_dataset(name, data=values, **packed)
                dataset.attrs["type"] = "arraylist" if name == "indices" else "array"
            group.attrs["type"] = "dict"
            first = last
        meta = {
            "version": 0.1, "num_frames": first, "energy": 7.2, "distance": 7.19,
            "shape": np.array([size, size]), "psize": np.array([172e-6, 172e-6]),
            "center": np.array([size / 2, size / 2]),
        }  # fmt: skip
        for name, value in meta.items():
            file[f"meta/{name}"] = value
            file[f"meta/{name}"].attrs["type"] = "array" if np.ndim(value) else "scalar"
        for name in ("chunks", "meta"):
            file[name].attrs["type"] = "dict"
        file.create_group("info").attrs["type"] = "dict"


def read_like_ptypy(
    path: str | Path, numbers: range, per_chunk: int
) -> dict[str, dict[int, Array]]:
    """Read frames of such a file one by one: a slice of one frame of each of its datasets."""
    found: dict[str, dict[int, Array]] = {"data": {}, "positions": {}, "weights": {}}
    with h5py.File(path, "r") as file:
        for number in numbers:
            chunk, row = divmod(number, per_chunk)
            for name, frames in found.items():
                frames[number] = file[f"chunks/{chunk}/{name}"][row : row + 1][0]
    return found
