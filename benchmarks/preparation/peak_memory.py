"""Peak memory of preparing scans of different lengths, block after block.

    python benchmarks/preparation/peak_memory.py [--gigabytes 1 10] [--layouts sparse ...]

Every scan is prepared in a fresh process, through `Hdf5Loader.auto`, and no chunk is kept. Shown
is the largest amount of memory that belongs to the process alone (RssAnon of Linux, looked at every
few milliseconds), before the scan is opened and at its peak, and the largest of all that was
resident (VmHWM), which counts pages of mapped files as well, though the system can drop these.

A sparse file is uncompressed and consists of holes but for its first frames and its last, so that
40 GB take no place on disk. A compressed one takes about a seventh of its length.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from our_side import open_scan, save_and_forget
from raw_files import RawFile, draw_pool, write_fields, write_raw, write_sparse
from straightforward import Recipe

STATUS = Path("/proc/self/status")
PAUSE = 0.003
"""Time between two looks [s]."""


def resident(name: str) -> int:
    """Give an entry of the memory accounts of this process [bytes]."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"{STATUS} has no {name}: this needs Linux")


class Watch:
    """Looks again and again how much memory is used, in a thread of its own."""

    def __enter__(self) -> Watch:
        self.before = self.peak = resident("RssAnon")
        self.looks = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(PAUSE):
            self.peak = max(self.peak, resident("RssAnon"))
            self.looks += 1


def prepare(plan: dict[str, Any]) -> dict[str, Any]:
    """Prepare a scan, in the process that is watched."""
    # The holes of a sparse file are frames without counts, which a loader tells of, rightly.
    logging.getLogger("ptypy").setLevel(logging.CRITICAL)
    made = plan["file"]
    raw = RawFile(**{**made, **{name: Path(made[name]) for name in ("path", "fields")}})
    recipe = Recipe(center=(raw.size / 2, raw.size / 2), rebin=plan["rebin"])
    path = raw.path.with_name("prepared.ptyd")

    def run(**more: Any) -> None:
        save = {"save": plan["save"], "dfile": str(path)} if plan["save"] else {}
        scan = open_scan(raw, recipe, corrects=plan["corrects"], **save, **more)
        save_and_forget(path, scan, plan["block"])

    # What is imported and compiled on first use is no memory of the scan.
    run(num_frames=1)
    start = time.perf_counter()
    with Watch() as watch:
        run()
    return {
        "before": watch.before, "peak": watch.peak, "looks": watch.looks,
        "resident_peak": resident("VmHWM"), "seconds": time.perf_counter() - start,
    }  # fmt: skip


def watched(plan: dict[str, Any]) -> dict[str, Any]:
    """Prepare a scan in a fresh process."""
    command = [sys.executable, __file__, "--child", json.dumps(plan)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return json.loads(done.stdout.splitlines()[-1])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[1.0, 10.0])
    parser.add_argument("--size", type=int, default=2048, help="edge of the frames [px]")
    parser.add_argument("--block", type=int, default=8, help="frames in a chunk")
    parser.add_argument("--rebin", type=int, default=2)
    parser.add_argument("--layouts", nargs="+", default=["sparse", "bitshuffle-lz4"])
    parser.add_argument("--saves", nargs="+", default=["none", "append"])
    parser.add_argument("--integers", action="store_true", help="without dark and flat")
    parser.add_argument("--folder", help="where files are written")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    if asked.child:
        print(json.dumps(prepare(asked.child)))
        return
    pool = draw_pool(asked.size, 8)
    lines = []
    print("layout          save         GB  frames  before MB  peak MB  of first  VmHWM MB   GB/s")
    for layout in asked.layouts:
        first: dict[str, int] = {}
        for gigabytes in asked.gigabytes:
            frames = max(round(gigabytes * 1e9 / pool[0].nbytes), asked.block)
            with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
                fields, path = Path(folder) / "fields.h5", Path(folder) / "raw.h5"
                write_fields(fields, asked.size, frames)
                if layout == "sparse":
                    raw = write_sparse(path, pool, frames, fields)
                else:
                    raw = write_raw(path, pool, frames, layout, fields)
                for save in asked.saves:
                    plan = {
                        "file": {**asdict(raw), "path": str(path), "fields": str(fields)},
                        "save": None if save == "none" else save, "rebin": asked.rebin,
                        "block": asked.block, "corrects": not asked.integers,
                    }  # fmt: skip
                    found = watched(plan)
                    share = found["peak"] / first.setdefault(save, found["peak"])
                    mega = [found[name] / 1e6 for name in ("before", "peak", "resident_peak")]
                    rate = raw.nbytes / found["seconds"] / 1e9
                    print(
                        f"{layout:15} {save:7} {raw.nbytes / 1e9:7.2f} {frames:7} {mega[0]:10.0f} "
                        f"{mega[1]:8.0f} {share:9.2f} {mega[2]:9.0f} {rate:6.2f}",
                        flush=True,
                    )
                    lines.append(plan | found | {"of_first": share})
    if asked.json:
        asked.json.write_text(json.dumps(lines, indent=1))


if __name__ == "__main__":
    main()
