"""Time preparation and iterations on one and on several processes, in turns, against the ideal.

    python benchmarks/mpi/compare_processes.py [--frames 400] [--size 128] [--processes 1 2]

Each process works with one thread. The ideal is the time of one process divided by their number.
Every round times all numbers of processes one after the other, so that a busy machine slows all;
medians of the rounds are compared. ``allreduce`` is the time to add up one object (its numerator
and its denominator) over the processes, as each update of DM does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ptypy.core import Ptycho
from ptypy.core.data import MoonFlowerScan, PtyScan
from ptypy.utils import Param, parallel

ENGINES = {
    "DM": {},
    "RAAR": {},
    "ML": {},
    "EPIE": {},
    "EPIE, 1 exchange": {"name": "EPIE", "exchanges": 1},
}
"""Parameters, by what is printed."""


class RawScan(PtyScan):
    """Frames of a raw file, twice as large as they are in the end."""

    PLACEHOLDERS = ()

    def __init__(self, file: str, **pars: Any) -> None:
        super().__init__(**pars)
        self.raw = np.load(file, mmap_mode="r")
        self.num_frames = len(self.raw)

    def load_positions(self) -> np.ndarray:
        return np.zeros((len(self.raw), 2))

    def load_weight(self) -> np.ndarray:
        return np.ones(self.raw.shape[1:], bool)

    def load_common(self) -> dict[str, Any]:
        self.correct_with(dark=np.full(self.raw.shape[1:], 3.0))
        return {}

    def load_block(self, indices: np.ndarray) -> tuple[np.ndarray, None, None]:
        return self.raw[indices[0] : indices[-1] + 1] if len(indices) else self.raw[:0], None, None


def timed(action: Callable[[], object]) -> float:
    """Time something that all processes do, until the last of them has done it [s]."""
    parallel.barrier()
    start = time.perf_counter()
    action()
    parallel.barrier()
    return time.perf_counter() - start


def work(folder: Path, size: int, repeats: int) -> dict[str, float]:
    """Time everything on this many processes; called on each of them."""
    raw = str(folder / "raw.npy")
    times = {}

    def prepare() -> float:
        scan = RawScan(raw, shape=2 * size, rebin=2)
        scan.initialize()
        return timed(lambda: scan.next_chunk(scan.num_frames))

    times["prepare"] = statistics.median([prepare() for _ in range(repeats + 1)][1:])
    p = Param(scans=Param(), io=Param(rfile=None, autosave=Param(active=False)))
    p.scans.moon = Param(name="BlockFull", illumination=Param(diversity=None))
    p.scans.moon.data = Param(name="PtydScan", dfile=str(folder / "moon.ptyd"))
    run = Ptycho(p, level=2)
    for name, pars in ENGINES.items():
        common = {"name": name, "numiter": 1000, "probe_update_start": 0}
        engine = run.init_engine(name, Param({**common, **pars}))
        engine.initialize()
        engine.prepare()
        engine.iterate(1)
        times[name] = statistics.median([timed(partial(engine.iterate, 1)) for _ in range(repeats)])
        engine.finalize()
    (obj,) = run.obj.storages.values()
    sums = np.zeros(obj.shape[1:], np.complex64), np.zeros(obj.shape[1:], np.float32)

    def add_up() -> None:
        for array in sums:
            parallel.allreduce(array)

    times["allreduce"] = statistics.median([timed(add_up) for _ in range(10 * repeats)])
    return times


def make_data(folder: Path, frames: int, size: int) -> int:
    """Write what the workers read; give the number of frames of the reconstruction."""
    raw = np.random.default_rng(0).poisson(5, (frames, 2 * size, 2 * size)).astype(np.uint16)
    np.save(folder / "raw.npy", raw)
    scan = MoonFlowerScan(
        num_frames=frames, shape=size, save="append", dfile=str(folder / "moon.ptyd")
    )
    while not isinstance(chunk := scan.next_chunk(frames), str):
        frames = len(chunk.indices)
    return frames


def launch(folder: Path, processes: int, size: int, repeats: int) -> dict[str, float]:
    """Time everything on so many processes."""
    beside = shutil.which("mpiexec", path=Path(sys.executable).parent)
    command = [beside or "mpiexec", "-n", str(processes), sys.executable, __file__]
    command += ["--worker", str(folder), "--size", str(size), "--repeats", str(repeats)]
    environment = {**os.environ, "PTYPY_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(  # noqa: S603 - this script itself
        command, capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5, help="iterations in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        times = work(args.worker, args.size, args.repeats)
        if parallel.master:
            print(json.dumps(times))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = make_data(folder, args.frames, args.size)
        rounds = [
            {n: launch(folder, n, args.size, args.repeats) for n in args.processes}
            for _ in range(args.rounds)
        ]
    print(f"{frames} frames of {args.size} x {args.size} px, medians of {args.rounds} rounds")
    print("what              processes   time [ms]   of the ideal   allreduce")
    first = args.processes[0]
    for what in ("prepare", *ENGINES):
        for n in args.processes:
            took = statistics.median(times[n][what] for times in rounds)
            ratios = [times[first][what] * first / (n * times[n][what]) for times in rounds]
            added = statistics.median(times[n]["allreduce"] for times in rounds)
            print(
                f"{what:<16} {n:>10} {1e3 * took:>11.2f} {statistics.median(ratios):>14.0%}"
                + ("" if what == "prepare" else f" {added / took:>11.1%}")
            )


if __name__ == "__main__":
    main()
