"""Preparation of raw frames, by ptypy and by straightforward code with h5py and NumPy.

    python benchmarks/preparation/compare_preparation.py [--quick] [--json FILE] [--folder PATH]

Files are written to a temporary folder, in every layout, and are in the memory of the operating
system when they are read. For each of them and each way of preparing, both sides take turns in one
process, their results are compared first, and the table shows medians of undisturbed samples; `?`
marks those of which none was undisturbed. Each number of threads has a process of its own.

Rates count all raw bytes, also those that a region leaves out. "careful" is the same code by
somebody who knows NumPy well: it reads and corrects the region alone, and sums blocks of pixels by
adding slices. "synchronised" is h5py that waits for the disk after
every block, as saving does here. By default it takes about half an hour.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from raw_files import LAYOUTS, RawFile, draw_pool, write_fields, write_raw

ASKED = {"contiguous": 10.0, "chunked": 10.0, "npy": 10.0, "bitshuffle-lz4": 8.0}
"""How many times faster than straightforward code we want to be, on one thread."""
ASKED_OF_TWO, ASKED_OF_COPY, ASKED_OLD_STYLE, ASKED_FRAMES = 1.6, 0.3, 5.0, 5000.0
SAVES = ["append", "link", "bitshuffle"]
"""Ways of saving; the last one appends frames that are packed."""
FULL_SIZES = {512: (800, 50), 2048: (128, 8)}
"""Frames in a file, and in a chunk."""
QUICK_SIZES = {64: (12, 5)}
QUICK = {
    "layouts": ["contiguous", "bitshuffle-lz4", "npy"], "regions": ["quarter"],
    "kinds": ["corrected"], "clean": 1, "budget": 0.1,
}  # fmt: skip
FULL = {
    "layouts": list(LAYOUTS), "regions": ["full", "quarter"], "kinds": ["corrected", "integers"],
    "clean": 5, "budget": 20.0,
}  # fmt: skip


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="tiny files: does it run at all?")
    parser.add_argument("--folder", help="where files are written; /dev/shm leaves out the disk")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    parser.add_argument("--sizes", type=int, nargs="+", help="edges of the frames [px]")
    parser.add_argument("--frames", type=int, help="frames in a file of the first size")
    parser.add_argument("--block", type=int, help="frames in a chunk of the first size")
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS)
    parser.add_argument("--regions", nargs="+", choices=FULL["regions"])
    parser.add_argument("--kinds", nargs="+", choices=FULL["kinds"])
    parser.add_argument("--saves", nargs="*", choices=SAVES, default=SAVES)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rebin", type=int, default=2)
    parser.add_argument("--no-statistics", action="store_true", help="of the straightforward side")
    parser.add_argument("--no-ptyd", action="store_true", help="leave out reading prepared files")
    parser.add_argument("--clean", type=int, help="undisturbed samples that are enough")
    parser.add_argument("--budget", type=float, help="longest time for a set of ways [s]")
    parser.add_argument("--verbose", action="store_true")
    asked = parser.parse_args()
    for name, value in (QUICK if asked.quick else FULL).items():
        if getattr(asked, name) is None:
            setattr(asked, name, value)
    return asked


def counts(asked: argparse.Namespace) -> dict[int, tuple[int, int]]:
    """Give for each size how many frames there are in a file and in a chunk."""
    known = QUICK_SIZES if asked.quick else FULL_SIZES
    found = {}
    for number, size in enumerate(asked.sizes or known):
        frames, block = known.get(size, (max(2**27 // size**2, 8), max(2**24 // size**2, 2)))
        if number == 0:
            frames, block = asked.frames or frames, asked.block or block
        found[size] = (frames, min(block, frames))
    return found


def make_files(home: Path, sizes: dict[int, tuple[int, int]], layouts: list[str]) -> list[RawFile]:
    """Write a file of each size and layout."""
    files = []
    for size, (frames, _) in sizes.items():
        fields = home / f"fields{size}.h5"
        write_fields(fields, size, frames)
        pool = draw_pool(size, min(16, frames))
        for layout in layouts:
            name = f"{layout}{size}.{'npy' if layout == 'npy' else 'h5'}"
            files.append(write_raw(home / name, pool, frames, layout, fields))
    return files


def measure(plan: dict[str, Any], threads: int) -> dict[str, Any]:
    """Measure in a process of its own."""
    alone = {"PTYPY_NUM_THREADS": str(threads), "OMP_NUM_THREADS": "1"}
    script = Path(__file__).with_name("measure.py")
    subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(script)],
        input=json.dumps(plan), text=True, check=True, env={**os.environ, **alone},
    )  # fmt: skip
    return {"threads": threads, **json.loads(Path(plan["result"]).read_text())}


def plan_of(
    asked: argparse.Namespace, home: Path, files: list[RawFile], blocks: dict[int, int]
) -> dict[str, Any]:
    """Say to the processes what to measure."""
    prepared = {"frames": 40, "size": 32} if asked.quick else {"frames": 1000, "size": 128}
    return {
        "files": [{**asdict(f), "path": str(f.path), "fields": str(f.fields)} for f in files],
        "folder": str(home), "result": str(home / "result.json"),
        "regions": asked.regions, "corrected": [kind == "corrected" for kind in asked.kinds],
        "saves": asked.saves, "blocks": blocks, "rebin": asked.rebin,
        "statistics": not asked.no_statistics, "prepared": None if asked.no_ptyd else prepared,
        "clean": asked.clean, "budget": asked.budget,
        "is_talkative": asked.verbose,
    }  # fmt: skip


def seconds(line: dict[str, Any], name: str) -> float | None:
    found = line["timings"].get(name)
    return None if found is None else found["seconds"]


def ratio(line: dict[str, Any], slow: str, fast: str) -> float | None:
    """Say how many times as long one way takes as another."""
    one, other = seconds(line, slow), seconds(line, fast)
    return None if one is None or other is None else one / other


def shown(value: float | None, form: str = ".1f") -> str:
    return "-" if value is None else format(value, form)


def print_table(titles: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[k]) for row in [titles, *rows]) for k in range(len(titles))]
    for row in [titles, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) + " |")
    print()


def name_of(line: dict[str, Any]) -> list[str]:
    kind = "corrected" if line["corrected"] else "integers"
    return [str(line["size"]), line["layout"], line["region"], kind]


def print_rates(found: list[dict[str, Any]]) -> None:
    """Show rates of preparing, and their ratios to what was asked for."""
    titles = [
        "px", "layout", "region", "kind", "threads", "straight. GB/s", "careful GB/s",
        "ours GB/s", "ratio", "to careful", "asked", "old style ratio", "asked ", "of copy",
        "asked  ",
    ]  # fmt: skip
    rows = []
    for run in found:
        for line in run["lines"]:
            rates = []
            for name in ("straightforward", "careful", "ours"):
                took = seconds(line, name)
                mark = "" if took is None or line["timings"][name]["clean"] else "?"
                rates.append(
                    shown(None if took is None else line["raw_bytes"] / took / 1e9, ".2f") + mark
                )
            one = run["threads"] == 1
            plain = line["layout"] in {"contiguous", "chunked", "npy"} and line["region"] == "full"
            rows.append([
                *name_of(line), str(run["threads"]), *rates,
                shown(ratio(line, "straightforward", "ours")),
                shown(ratio(line, "careful", "ours")),
                shown(ASKED.get(line["layout"]) if one else None),
                shown(ratio(line, "straightforward", "old style")),
                shown(ASKED_OLD_STYLE if one and line["layout"] != "npy" else None),
                shown(ratio(line, "copy", "ours"), ".2f"),
                shown(ASKED_OF_COPY if plain else None, ".2f"),
            ])  # fmt: skip
    print("Preparing, nothing saved: all raw bytes per second")
    print_table(titles, rows)


def print_gain(found: list[dict[str, Any]]) -> None:
    """Show what more threads bring, measured by the straightforward code of the same process."""
    base = next((run for run in found if run["threads"] == 1), None)
    for run in found:
        if base is None or run is base:
            continue
        rows = []
        for one, more in zip(base["lines"], run["lines"], strict=True):
            pairs = [ratio(line, "straightforward", "ours") for line in (more, one)]
            rows.append([*name_of(one), shown(pairs[0] / pairs[1], ".2f"), shown(ASKED_OF_TWO)])
        print(f"{run['threads']} threads against one")
        print_table(["px", "layout", "region", "kind", "gain", "asked"], rows)


def print_saving(found: list[dict[str, Any]]) -> None:
    """Show what saving costs on top of preparing, and what h5py takes for the same bytes."""
    rows = []
    for run in found:
        for line in run["lines"]:
            ours = seconds(line, "ours")
            for mode in SAVES:
                took = seconds(line, mode)
                if took is None:
                    continue
                extra = took - ours
                rows.append([
                    *name_of(line), str(run["threads"]), mode,
                    shown(line["prepared_bytes"] / 1e6, ".0f"), shown(1e3 * extra, ".0f"),
                    shown(1e3 * seconds(line, "h5py"), ".0f"),
                    shown(1e3 * seconds(line, "h5py, synchronised"), ".0f"),
                    shown(100 * extra / ours, ".0f"),
                ])  # fmt: skip
    if rows:
        print("Saving: at most what h5py takes was asked for, and at most 15 % of preparing")
        print_table(
            [
                "px", "layout", "region", "kind", "threads", "save", "MB", "on top ms", "h5py ms",
                "synchronised ms", "% of preparing",
            ],
            rows,
        )  # fmt: skip


def print_prepared(found: list[dict[str, Any]]) -> None:
    """Show how many prepared frames are read in a second."""
    rows = []
    for run in found:
        line = run["prepared"]
        if line is None:
            continue
        rates = {n: t["frames"] / t["seconds"] for n, t in line["timings"].items()}
        slow = rates["theirs, one by one"]
        rows.append([
            f"{line['frames']} x {line['size']}^2", str(run["threads"]),
            *(
                shown(rates[name], ".0f")
                for name in ("ours", "ours, packed", "theirs", "theirs, one by one")
            ),
            shown(ASKED_FRAMES, ".0f"), shown(rates["ours"] / slow),
            shown(rates["theirs"] / slow), "10.0",
        ])  # fmt: skip
    if rows:
        print("PtydScan, frames per second: our file, the same packed with bitshuffle, one in the")
        print("layout of PtyPy 0.9, and that one read frame by frame with h5py")
        print_table(
            ["file", "threads", "ours", "packed", "theirs", "one by one", "asked",
             "ours / one by one", "theirs / one by one", "asked "],
            rows,
        )  # fmt: skip


def machine_name() -> str:
    """Say which processor this is, where Linux tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> None:
    asked = arguments()
    sizes = counts(asked)
    machine = {
        "date": time.strftime("%Y-%m-%d"), "machine": machine_name(), "processors": os.cpu_count(),
        "python": platform.python_version(),
    }  # fmt: skip
    print(" ".join(f"{name} {value}" for name, value in machine.items()), flush=True)
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        home = Path(folder)
        files = make_files(home, sizes, asked.layouts)
        blocks = {size: block for size, (_, block) in sizes.items()}
        plan = plan_of(asked, home, files, blocks)
        for threads in asked.threads:
            found.append(measure(plan, threads))
            # A long run that is stopped leaves what it has measured.
            if asked.json:
                asked.json.write_text(json.dumps({**machine, "runs": found}, indent=1))
            print_rates(found[-1:])
    for show in (print_gain, print_saving, print_prepared):
        show(found)


if __name__ == "__main__":
    main()
