"""How long it takes until many small frames are ready to reconstruct, stage by stage.

    python benchmarks/preparation/many_frames.py [--frames 1000 10000 100000] [--size PX]
        [--model FULL] [--engine DM] [--source ptyd|block|load] [--block N] [--threads N]

Stages: ``open`` (parameters checked, scan opened), ``take in`` (frames read, prepared, and given
their places on the object), ``pack`` (the engine's own form of them). All numbers of frames take
turns, round after round; medians of the time on the wall are printed, and of the time that
processors worked for us, which a busy machine disturbs less. ``objects`` counts what Python has
allocated beside arrays, ``memory`` what the process takes beside what it took before, both at the
end, in units of a frame.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SETUP = {"energy": 8.0, "distance": 2.0, "psize": 172e-6}
WAVELENGTH = 1.239841984e-9 / SETUP["energy"]
STEP = 2.5
"""From one frame to the next, in pixels of the object."""
STAGES = ("open", "take in", "pack")


class Sample(NamedTuple):
    """One way from parameters to an engine that is ready."""

    wall: tuple[float, ...]
    """For each stage [s]."""
    work: tuple[float, ...]
    """The same in the time of processors [s]."""
    objects: int
    memory: int
    """[byte]"""


def frames_of(count: int, size: int) -> np.ndarray:
    """Make frames, every 500 of them the same, (count, size, size) uint16."""
    different = np.random.default_rng(0).poisson(20, (min(count, 500), size, size))
    return different.astype(np.uint16)[np.arange(count) % len(different)]


def positions_of(count: int, size: int) -> np.ndarray:
    """Lay frames in rows, (count, 2) [m]."""
    side = int(np.ceil(np.sqrt(count)))
    k = np.arange(count)
    pixel = WAVELENGTH * SETUP["distance"] / (SETUP["psize"] * size)
    return np.column_stack([k // side, k % side]) * STEP * pixel


def data_of(source: str, count: int, size: int, folder: Path) -> dict[str, Any]:
    """Give the parameters ``data`` of a scan; its frames are in a file or in memory."""
    from ptypy.core.data import PtyScan, register

    frames, positions = frames_of(count, size), positions_of(count, size)
    if source == "ptyd":
        from ptypy.io import ptyd

        path = folder / f"{count}.ptyd"
        ptyd.create(path, {**SETUP, "num_frames": count}, {}, announces_end=True)
        ptyd.append_chunk(path, 0, frames, np.arange(count), positions, None)
        ptyd.finish(path, {**SETUP, "num_frames": count}, {})
        return {"name": "PtydScan", "source": "file", "dfile": str(path)}

    class InMemory(PtyScan):
        def load_positions(self) -> Any:
            return positions

    class InBlocks(InMemory):
        def load_block(self, indices: Any) -> Any:
            return frames[indices], None, None

    class OneByOne(InMemory):
        def load(self, indices: Any) -> Any:
            return {k: frames[k] for k in indices}, {}, {}

    register(f"InMemory{count}")(InBlocks if source == "block" else OneByOne)
    return {"name": f"InMemory{count}", **SETUP, "shape": size, "center": "fftshift",
            "auto_center": False, "num_frames": count}  # fmt: skip


def memory() -> int:
    """Give what the process takes [byte]; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def get_ready(data: dict[str, Any], model: str, engine: str, block: int) -> Sample:
    """Go from parameters to an engine that could iterate."""
    from ptypy.core import Ptycho
    from ptypy.utils.parameters import Param

    p = Param(run="many", verbose_level="ERROR", frames_per_block=block)
    p.io = Param(autosave=Param(active=False), rfile=None)
    p.scans = Param(s=Param(name=model, data=Param(data)))
    p.engines = Param(e=Param(name=engine, numiter=1))
    gc.collect()
    before = sys.getallocatedblocks(), memory()
    clocks = [(time.perf_counter(), time.process_time())]

    def stage_ends() -> None:
        clocks.append((time.perf_counter(), time.process_time()))

    run = Ptycho(p, level=1)
    stage_ends()
    run.init_data()
    stage_ends()
    ready = run.init_engine("e")
    ready.initialize()
    ready.prepare()
    stage_ends()
    gc.collect()
    spent = [tuple(b - a for a, b in pairwise(clock)) for clock in zip(*clocks, strict=True)]
    return Sample(*spent, sys.getallocatedblocks() - before[0], memory() - before[1])


def report(samples: dict[int, list[Sample]], size: int) -> None:
    """Print medians."""
    heads = "".join(f"{stage + ' [s]':>13}" for stage in STAGES)
    print(f"{'frames':>8}{heads}{'all [s]':>10}{'cpu [s]':>10}{'us/frame':>10}{'objects':>9}"
          f"{'memory':>8}")  # fmt: skip
    for count, found in samples.items():
        wall = [statistics.median(times) for times in zip(*(s.wall for s in found), strict=True)]
        whole = statistics.median(sum(s.wall) for s in found)
        work = statistics.median(sum(s.work) for s in found)
        objects = statistics.median(s.objects for s in found) / count
        bytes_each = statistics.median(s.memory for s in found) / count / (4 * size**2)
        print(f"{count:8}{''.join(f'{t:13.3f}' for t in wall)}{whole:10.3f}{work:10.3f}"
              f"{whole / count * 1e6:10.1f}{objects:9.2f}{bytes_each:8.2f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, nargs="+", default=[1000, 10_000, 100_000])
    for name, default in (("size", 32), ("block", 100_000), ("rounds", 3), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--source", choices=["ptyd", "block", "load"], default="ptyd")
    for name, default in (("model", "Full"), ("engine", "DM"), ("folder", None)):
        parser.add_argument(f"--{name}", default=default)
    asked = parser.parse_args()
    os.environ["PTYPY_NUM_THREADS"] = str(asked.threads)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        data = {n: data_of(asked.source, n, asked.size, Path(folder)) for n in asked.frames}
        options = (asked.model, asked.engine, asked.block)
        get_ready(data[asked.frames[0]], *options)  # imports, and kernels are compiled or loaded
        samples: dict[int, list[Sample]] = {n: [] for n in asked.frames}
        for _ in range(asked.rounds):
            for count in asked.frames:
                samples[count].append(get_ready(data[count], *options))
    print(f"{asked.size} x {asked.size} px, from {asked.source}, model {asked.model}, engine "
          f"{asked.engine}, {asked.threads} thread(s); memory in frames of float32")  # fmt: skip
    report(samples, asked.size)


if __name__ == "__main__":
    main()
