"""Compare whole engine iterations with the best plain numpy, and with the transforms alone.

    python benchmarks/engines/compare_engines.py             # the tables
    python benchmarks/engines/compare_engines.py --curves    # docs/pictures/engine-costs.png, too
    python benchmarks/engines/compare_engines.py --sizes 128 --modes 1 --parts table

Both sides work on the same simulated frames, in single precision and by the same algorithm. After
the first iteration their results are compared; then they take turns, and medians of samples that
nobody disturbed are printed (a ? marks a number without any). With two threads the plain side has
two variants, see `plain_engines`, of which the faster counts. On a machine that is never quiet,
``--processor-time --threads 1`` gives a fair guess.

``x transforms`` says how often all exit waves could be transformed forward and back in the same
time, with the kernels' own transform: what is left to gain.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine_costs import (
    CURVES,
    QUICK_CURVES,
    draw,
    exponents,
    follow_curves,
    measure_memory,
)
from our_engines import Run
from side_by_side import TASKS, TRANSFORMS, Cost, compare

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "engine-costs.png"

PARTS = ("table", "sizes", "memory")

OTHER_TASKS = (TRANSFORMS, "DM", "EPIE", "ML gradient, gaussian")
"""What is measured at other sizes."""


def describe_machine() -> str:
    """Say where and when, and with which libraries."""
    name = platform.processor() or platform.machine()
    told = Path("/proc/cpuinfo")
    if told.exists():
        lines = [line for line in told.read_text().splitlines() if line.startswith("model name")]
        name = lines[0].split(":", 1)[1].strip() if lines else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    libraries = ", ".join(f"{lib} {version(lib)}" for lib in ("numpy", "scipy", "numba"))
    today = dt.datetime.now(dt.UTC).date()
    return f"{name}, {cores} processors; {today}; Python {platform.python_version()}, {libraries}"


def measure_table(
    frames: int,
    sizes: list[int],
    modes: list[int],
    threads: list[int],
    names: tuple[str, ...],
    **timing: float,
) -> list[Cost]:
    """Measure all combinations, printing each line as soon as it is there."""
    print("| px | modes | threads | what | ours [ms] | numpy [ms] | ratio | x transforms |")
    print("|---|---|---|---|---|---|---|---|")
    costs: list[Cost] = []
    for size in sizes:
        for num in modes:
            run = Run(frames, size, num)
            for many in threads:
                bare = None
                for name in names:
                    cost = compare(run, name, many, **timing)
                    bare = cost.ours if name == TRANSFORMS else bare
                    print(_line(cost, bare), flush=True)
                    costs.append(cost)
    return costs


def _line(cost: Cost, bare: float | None) -> str:
    """Give a line of the table."""
    marks = ["" if clean else "?" for clean in cost.clean]
    share = "" if bare is None else f"{cost.ours / bare:.2f}"
    how = "" if cost.variant == "one thread" else f" ({cost.variant})"
    return (
        f"| {cost.size} | {cost.modes} | {cost.threads} | {cost.task} "
        f"| {1e3 * cost.ours:.2f}{marks[0]} | {1e3 * cost.plain:.2f}{marks[1]}{how} "
        f"| {cost.ratio:.2f} | {share} |"
    )


def print_memory(places: list[tuple[int, int, int]]) -> list[dict[str, Any]]:
    """Measure and print how much memory engines take."""
    print(
        "| px | modes | what | engine [MiB] | expected [MiB] | ratio | frames [MiB] | peak [MiB] |"
    )
    print("|---|---|---|---|---|---|---|---|")
    rows = []
    for place in places:
        for row in measure_memory(*place):
            engine, expected, run, peak = (
                row[key] / 2**20 for key in ("engine", "expected", "run", "peak")
            )
            print(
                f"| {row['size']} | {row['modes']} | {row['task']} | {engine:.1f} | {expected:.1f} "
                f"| {engine / expected:.2f} | {run:.1f} | {peak:.1f} |",
                flush=True,
            )
            rows.append(row)
    return rows


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256, 512])
    parser.add_argument("--other-sizes", type=int, nargs="+", default=[96, 134, 202, 250])
    parser.add_argument("--modes", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--clean", type=int, default=7, help="undisturbed samples wanted")
    parser.add_argument("--budget", type=float, default=60.0, help="longest time of a line [s]")
    parser.add_argument("--processor-time", action="store_true", help="on a busy machine")
    parser.add_argument("--curves", type=Path, nargs="?", const=PICTURE, help="draw this picture")
    parser.add_argument("--json", type=Path, help="write all numbers there")
    parser.add_argument("--quick", action="store_true", help="next to nothing: does it work?")
    asked = parser.parse_args(arguments)
    if asked.quick:
        asked.frames, asked.sizes, asked.other_sizes, asked.modes = 12, [24], [22], [1, 2]
        asked.clean, asked.budget = 1, 0.0
    return asked


def main() -> None:
    """Measure, print, draw."""
    asked = parse()
    timing = {
        "clean": asked.clean,
        "budget": asked.budget,
        "processor_time": asked.processor_time,
    }
    if asked.quick:
        timing["shortest"] = 0.0
    machine = describe_machine()
    print(f"{asked.frames} frames. {machine}\n", flush=True)
    found: dict[str, Any] = {"machine": machine}
    if "table" in asked.parts:
        names = tuple(asked.tasks)
        costs = measure_table(
            asked.frames, asked.sizes, asked.modes, asked.threads, names, **timing
        )
        found["table"] = [cost.as_dict() for cost in costs]
    if "sizes" in asked.parts:
        print("\nOther sizes\n")
        names = tuple(name for name in OTHER_TASKS if name in asked.tasks)
        costs = measure_table(asked.frames, asked.other_sizes, [1], [1], names, **timing)
        found["sizes"] = [cost.as_dict() for cost in costs]
    if "memory" in asked.parts:
        print("\nMemory\n")
        places = [(asked.frames, size, modes) for size in asked.sizes for modes in asked.modes]
        found["memory"] = print_memory(places[:1] if asked.quick else places)
    if asked.curves:
        curves = follow_curves(QUICK_CURVES if asked.quick else CURVES, **timing)
        draw(curves, asked.curves, machine)
        found["curves"] = {k: [cost.as_dict() for cost in v] for k, v in curves.items()}
        found["exponents"] = exponents(curves)
        print("\n| along | what | ours | numpy |\n|---|---|---|---|")
        for fit in found["exponents"]:
            print(f"| {fit['curve']} | {fit['task']} | {fit['ours']:.2f} | {fit['plain']:.2f} |")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        # numpy's inner products would take all processors; libraries read this when they load.
        one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **one})  # noqa: S606
    main()
