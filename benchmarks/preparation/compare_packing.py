"""Packing of frames by ptypy, by hdf5plugin's bitshuffle and by gzip: sizes, speed of one core.

    python benchmarks/preparation/compare_packing.py [--size 256] [--frames 64] [--repeat 6]

Numbers of speed are of processor time, in GB of unpacked counts a second, the best of several
tries. HDF5 packs into a file in memory, a frame to a chunk, and unpacks from there; reading by
ptypy compares checksums, too. The real frames are those of ``../shared/data``, if they are there.
"""

from __future__ import annotations

import argparse
import bz2
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import numpy.typing as npt

from ptypy.io import ptyd
from ptypy.io.packed_chunks import pack_chunks

Array = npt.NDArray[Any]
REAL = Path(__file__).parents[3] / "shared/data/siemens-star-small.npz.bz2"
GZIP = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
IN_MEMORY = {"driver": "core", "backing_store": False, "rdcc_nbytes": 0}


def draw(size: int, count: int) -> dict[str, Array]:
    """Draw frames of several kinds."""
    random = np.random.default_rng(1)
    rows, columns = np.indices((size, size)) - size / 2
    envelope = 3000 * np.exp(-np.hypot(rows, columns) / 12)
    speckle = random.poisson(envelope * random.exponential(size=(count, size, size)))
    sensitivity = random.normal(1, 0.05, (size, size))
    found: dict[str, Array] = {}
    if REAL.exists():
        with np.load(io.BytesIO(bz2.decompress(REAL.read_bytes()))) as stored:
            real = stored["data"][0]
        found[f"Siemens star, {real.shape[1]} px"] = real[: 4 * count].astype(np.uint16)
    for mean in (0.1, 1, 10, 1000):
        found[f"Poisson, mean {mean:g}"] = random.poisson(mean, speckle.shape).astype(np.uint16)
    found["Poisson, mean 1 "] = random.poisson(1, speckle.shape).astype(np.uint32)
    found["Poisson, mean 10 "] = random.poisson(10, speckle.shape).astype(np.float32)
    found["speckle"] = speckle.astype(np.uint16)
    found["speckle, flat-corrected"] = (speckle / sensitivity).astype(np.float32)
    return found


def best(action: Callable[[], Any], repeat: int) -> float:
    """Give the shortest processor time of an action [s]."""
    times = []
    for _ in range(repeat):
        begin = time.process_time()
        action()
        times.append(time.process_time() - begin)
    return min(times)


def by_hdf5(frames: Array, filters: dict[str, Any], repeat: int) -> tuple[float, float, float]:
    """Give how much smaller frames become, and the times of packing and unpacking [s]."""
    form = {"shape": frames.shape, "dtype": frames.dtype, "chunks": (1, *frames.shape[1:])}

    def fill(file: h5py.File) -> Any:
        data = file.create_dataset("data", **form, **filters)
        data[...] = frames
        return data

    def pack() -> None:
        with h5py.File("packed", "w", **IN_MEMORY) as file:
            fill(file)

    packing = best(pack, repeat)
    with h5py.File("packed", "w", **IN_MEMORY) as file:
        data = fill(file)
        ratio = frames.nbytes / data.id.get_storage_size()
        return ratio, packing, best(lambda: data[...], repeat)


def by_ptypy(frames: Array, folder: Path, repeat: int) -> tuple[float, float, float]:
    """Give the same of our own code."""
    ratio = frames.nbytes / sum(map(len, pack_chunks(frames)))
    path = folder / "s.ptyd"
    ptyd.create(path, {}, {})
    count = len(frames)
    places = np.zeros((count, 2))
    ptyd.append_chunk(path, 0, frames, range(count), places, None, compression="bitshuffle")
    reader = ptyd.PtydReader(path)
    if not np.array_equal(reader.read(0, count).data, frames):
        raise SystemExit("what was read is not what was written")
    packing, reading = (lambda: pack_chunks(frames)), (lambda: reader.read(0, count))
    return ratio, best(packing, repeat), best(reading, repeat)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=256, help="edge of a frame [px]")
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=6)
    asked = parser.parse_args()
    print("| frames | type | by | size | pack GB/s | unpack GB/s |\n|---|---|---|---|---|---|")
    for name, frames in draw(asked.size, asked.frames).items():
        with tempfile.TemporaryDirectory() as folder:
            ways = {
                "ptypy": by_ptypy(frames, Path(folder), asked.repeat),
                "hdf5plugin": by_hdf5(frames, dict(hdf5plugin.Bitshuffle()), asked.repeat),
                "gzip": by_hdf5(frames, GZIP, max(1, asked.repeat // 3)),
            }
        for way, (ratio, packing, unpacking) in ways.items():
            rates = [f"{frames.nbytes / took / 1e9:.2f}" for took in (packing, unpacking)]
            print(
                f"| {name.strip()} | {frames.dtype} | {way} | 1 / {ratio:.2f} |",
                " | ".join(rates),
                "|",
            )


if __name__ == "__main__":
    main()
