"""Writing and reading prepared frames, against plain files and plain h5py.

    python benchmarks/storage/compare_storage.py [--frames N] [--size PX] [--folder PATH]
    mpiexec -n 2 python benchmarks/storage/compare_storage.py ...

Every way of writing ends with the bytes on the disk (fsync after every chunk), but for the last.
All ways run in turn in one process, round after round; the medians and their ratios are printed.
With several processes only the writing of frames that each of them holds is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np

from ptypy.core.data._chunk import Chunk
from ptypy.core.data._save import Recorder
from ptypy.io import ptyd
from ptypy.utils import parallel
from ptypy.utils.parameters import Param


def chunks_of(frames: np.ndarray, count: int) -> list[Chunk]:
    """Make chunks of which this process holds its share."""
    made = []
    for number, rows in enumerate(np.array_split(np.arange(len(frames)), count)):
        mine = np.array_split(rows, parallel.size)[parallel.rank]
        made.append(
            Chunk(
                indices=rows, indices_node=mine, positions=np.zeros((len(rows), 2)),
                data=frames[mine], mask=np.ones(frames.shape[1:], bool), weights=None,
                meta=Param(num_frames=len(frames)), number=number,
            )
        )  # fmt: skip
    return made


def record(path: Path, chunks: list[Chunk], **options: object) -> None:
    recorder = Recorder(str(path), **options)
    for chunk in chunks:
        recorder.add(chunk, Param(), [])
    recorder.close(chunks[-1].meta, Param(), [])


def plain_file(path: Path, chunks: list[Chunk]) -> None:
    """Write the same bytes and nothing else: the ideal."""
    with path.open("wb", buffering=0) as file:
        for chunk in chunks:
            file.write(chunk.data.data)
            os.fsync(file.fileno())


def plain_h5py(path: Path, chunks: list[Chunk], *, sync: bool = True) -> None:
    """Write a group for each chunk, and open the file anew for it, as PtyPy 0.9 does."""
    for chunk in chunks:
        with h5py.File(path, "a") as file:
            group = file.create_group(f"chunks/{chunk.number}")
            group["data"] = chunk.data
            group["positions"] = chunk.positions
            group["indices"] = chunk.indices
        if sync:
            with path.open("rb") as raw:
                os.fsync(raw.fileno())


def measured(ways: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Give the median time of each way [s]; all take turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            parallel.barrier()
            begin = time.perf_counter()
            way()
            parallel.barrier()
            times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(each) for name, each in times.items()}


def report(title: str, times: dict[str, float], size: int) -> None:
    if not parallel.master:
        return
    first = next(iter(times.values()))
    for name, seconds in times.items():
        rate = size / seconds / 1e6
        print(
            f"{title:8} {name:30} {seconds * 1e3:9.1f} ms {rate:8.0f} MB/s {first / seconds:6.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("frames", 800), ("size", 256), ("chunks", 20), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--folder", help="where to write, e.g. /dev/shm to leave out the disk")
    asked = parser.parse_args()
    frames = np.random.default_rng(0).poisson(3, (asked.frames, asked.size, asked.size))
    frames = frames.astype(np.uint16)
    chunks = chunks_of(frames, asked.chunks)
    with contextlib.ExitStack() as stack:
        place = tempfile.TemporaryDirectory(dir=asked.folder) if parallel.master else None
        folder = None if place is None else stack.enter_context(place)
        at = SimpleNamespace(folder=Path(parallel.bcast(folder)), number=0)

        def anew() -> Path:
            at.number += 1
            return at.folder / f"{at.number}.ptyd"

        ways: dict[str, Callable[[], object]] = {}
        if parallel.size == 1:
            ways["plain file"] = lambda: plain_file(anew(), chunks)
            ways["plain h5py"] = lambda: plain_h5py(anew(), chunks)
        ways |= {
            "append": lambda: record(anew(), chunks),
            "link": lambda: record(anew(), chunks, chunk_format=".chunk%04d"),
            "append, gzip": lambda: record(anew(), chunks, compression="gzip"),
        }
        if parallel.size == 1:
            ways["plain h5py, not on disk"] = lambda: plain_h5py(anew(), chunks, sync=False)
        report(f"write {parallel.size}", measured(ways, asked.repeats), frames.nbytes)
        if parallel.size > 1:
            return
        path = anew()
        record(path, chunks)
        reader, fast = ptyd.PtydReader(path), ptyd.PtydReader(path, verify=False)

        def with_h5py() -> list[np.ndarray]:
            with h5py.File(path) as file:
                return [file[f"chunks/{chunk.number}/data"][...] for chunk in chunks]

        times = measured(
            {
                "plain h5py": with_h5py,
                "without checksums": lambda: fast.read(0, len(frames)),
                "with checksums": lambda: reader.read(0, len(frames)),
            },
            asked.repeats,
        )
        report("read", times, frames.nbytes)


if __name__ == "__main__":
    main()
