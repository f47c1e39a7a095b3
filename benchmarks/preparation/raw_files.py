"""Raw files of synthetic scans, in the layouts that detectors and beamlines write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np

LAYOUTS = ("contiguous", "chunked", "bitshuffle-lz4", "gzip", "npy")
FILTERS: dict[str, dict[str, Any]] = {
    "chunked": {},
    "bitshuffle-lz4": dict(hdf5plugin.Bitshuffle(cname="lz4")),
    "gzip": {"compression": "gzip", "compression_opts": 4, "shuffle": True},
}
FRAMES = "entry/data"


@dataclass(frozen=True)
class RawFile:
    """A scan on disk."""

    path: Path
    layout: str
    frames: int
    size: int
    nbytes: int
    """Bytes of all frames, uncompressed."""
    stored: int
    """Bytes that they take on disk."""
    fields: Path
    """HDF5 file with what all frames share: dark, flat, mask; positions x, y."""


def draw_pool(size: int, count: int = 16, seed: int = 0) -> np.ndarray:
    """Draw frames (count, size, size) uint16: Poisson counts that fall off from the middle.

    They shrink about seven-fold with bitshuffle and LZ4, as frames of weak scatterers do.
    """
    rng = np.random.default_rng(seed)
    y, x = np.indices((size, size), dtype=np.float32) - size // 2
    radius = np.hypot(y, x) / (size / 40)
    mean = 3e4 / (1 + radius**4.2)
    speckles = 1 + 0.9 * np.sin(y * 0.7) * np.sin(x * 0.9)
    return np.stack(
        [rng.poisson(mean * speckles * rng.uniform(0.7, 1)).astype(np.uint16) for _ in range(count)]
    )


def write_fields(path: Path, size: int, frames: int, seed: int = 1) -> None:
    """Write dark, flat and mask (size, size), and positions x, y (frames,) in micrometres."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(frames)))
    with h5py.File(path, "w") as file:
        file["dark"] = (0.2 * rng.random((size, size))).astype(np.float32)
        file["flat"] = (1 + 0.1 * rng.random((size, size))).astype(np.float32)
        file["mask"] = rng.random((size, size)) > 1e-3
        file["y"], file["x"] = (0.5 * place for place in np.divmod(np.arange(frames), side))


def write_raw(path: Path, pool: np.ndarray, frames: int, layout: str, fields: Path) -> RawFile:
    """Write a scan whose frames repeat those of a pool.

    Compressed chunks of the pool are made once and copied as they are, so that large files are
    quick to make.
    """
    shape = (frames, *pool.shape[1:])
    if layout == "npy":
        target = np.lib.format.open_memmap(path, "w+", pool.dtype, shape)
        for k in range(frames):
            target[k] = pool[k % len(pool)]
        target.flush()
    elif layout == "contiguous":
        with h5py.File(path, "w") as file:
            dataset = file.create_dataset(FRAMES, shape, pool.dtype)
            for k in range(frames):
                dataset[k] = pool[k % len(pool)]
    else:
        _write_chunks(path, pool, shape, FILTERS[layout])
    nbytes = int(np.prod(shape)) * pool.itemsize
    return RawFile(path, layout, frames, pool.shape[1], nbytes, path.stat().st_size, fields)


def _write_chunks(path: Path, pool: np.ndarray, shape: Any, packed: dict[str, Any]) -> None:
    """Write a chunk for each frame."""
    options = {"dtype": pool.dtype, "chunks": (1, *shape[1:]), **packed}
    count = min(len(pool), shape[0])
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(FRAMES, shape, **options)
        for k in range(count):
            dataset[k] = pool[k]
        file.flush()
        chunks = [dataset.id.read_direct_chunk((k, 0, 0)) for k in range(count)]
        for k in range(count, shape[0]):
            mask, stored = chunks[k % count]
            dataset.id.write_direct_chunk((k, 0, 0), stored, mask)


def write_sparse(path: Path, pool: np.ndarray, frames: int, fields: Path) -> RawFile:
    """Write an uncompressed scan of any length that takes hardly any place on disk.

    Only as many frames as the pool has are written, at the start and at the end. The others are
    holes of the file, which are read as zeros.
    """
    shape = (frames, *pool.shape[1:])
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    settings.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    with h5py.File(path, "w") as file:
        group = file.create_group("entry")
        kind = h5py.h5t.py_create(pool.dtype)
        made = h5py.h5d.create(group.id, b"data", kind, h5py.h5s.create_simple(shape), settings)
        dataset = h5py.Dataset(made)
        for k in range(min(len(pool), frames)):
            dataset[k] = pool[k]
        dataset[frames - 1] = pool[0]
    nbytes = int(np.prod(shape)) * pool.itemsize
    stored = path.stat().st_blocks * 512
    return RawFile(path, "sparse", frames, pool.shape[1], nbytes, stored, fields)


def parameters(raw: RawFile, *, corrects: bool, masks: bool = True) -> dict[str, Any]:
    """Name the datasets of a scan, as parameters of the class of ptypy that reads its layout.

    ``.npy`` is read by `ImageStackScan`, everything else by `Hdf5Loader`.
    """
    fields = str(raw.fields)
    names = ["mask"] if masks else []
    names += ["darkfield", "flatfield"] if corrects else []
    keys = {"mask": "mask", "darkfield": "dark", "flatfield": "flat"}
    found: dict[str, Any] = {name: {"file": fields, "key": keys[name]} for name in names}
    if raw.layout == "npy":
        found["files"] = str(raw.path)
        found["positions"] = {"file": fields, "key": ["y", "x"], "multiplier": 1e-6}
        return found
    found["intensities"] = {"file": str(raw.path), "key": FRAMES}
    found["positions"] = {"file": fields}
    for axis, key in (("slow", "y"), ("fast", "x")):
        found["positions"] |= {f"{axis}_key": key, f"{axis}_multiplier": 1e-6}
    return found
