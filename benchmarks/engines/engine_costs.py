"""How time and memory of the engines grow with frames, pixels and modes."""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from our_engines import Run
from side_by_side import Cost, compare

CURVES = {
    "frames": [(frames, 128, 1) for frames in (50, 100, 200, 400, 800)],
    "pixels of a frame": [(100, size, 1) for size in (64, 96, 128, 192, 256, 384, 512)],
    "modes": [(100, 128, modes) for modes in (1, 2, 3, 4, 6, 8)],
}
"""Frames, edge [px] and modes along each curve."""

QUICK_CURVES = {
    "frames": [(6, 16, 1), (12, 16, 1)],
    "pixels of a frame": [(6, 16, 1), (6, 24, 1)],
    "modes": [(6, 16, 1), (6, 16, 2)],
}
"""Next to nothing, to see that it works."""

DRAWN = ("DM", "EPIE", "ML gradient, gaussian")
"""Engines whose curves are drawn."""

MEASURED: dict[str, dict[str, Any]] = {
    "DM": {"overlap_max_iterations": 1, "compute_log_likelihood": False},
    "EPIE": {"compute_log_likelihood": False},
    "ML": {},
}
"""Engines whose memory is measured, and their parameters."""


def along(curve: str, cost: Cost) -> int:
    """Give where a cost stands on a curve."""
    return {"frames": cost.frames, "modes": cost.modes}.get(curve, cost.size**2)


def fit_exponent(places: Iterable[float], seconds: Iterable[float]) -> float:
    """Give p of seconds ~ places^p, by least squares of the logarithms."""
    return float(np.polyfit(np.log(list(places)), np.log(list(seconds)), 1)[0])


def follow_curves(
    curves: dict[str, list[tuple[int, int, int]]], **timing: float
) -> dict[str, list[Cost]]:
    """Measure all curves with one thread."""
    costs: dict[str, list[Cost]] = {}
    for curve, points in curves.items():
        costs[curve] = []
        for point in points:
            run = Run(*point)
            costs[curve] += [compare(run, name, 1, **timing) for name in DRAWN]
    return costs


def exponents(costs: dict[str, list[Cost]]) -> list[dict[str, Any]]:
    """Fit all curves."""
    found = []
    for curve, points in costs.items():
        for name in DRAWN:
            line = [cost for cost in points if cost.task == name]
            places = [along(curve, cost) for cost in line]
            fits = {
                side: fit_exponent(places, [getattr(cost, side) for cost in line])
                for side in ("ours", "plain")
            }
            found.append({"curve": curve, "task": name, **fits})
    return found


def draw(costs: dict[str, list[Cost]], path: Path, title: str) -> None:
    """Draw all curves into a picture: ours in full lines, the plain ones dashed."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(costs), figsize=(11, 5.6), sharey=True, layout="tight")
    for panel, (curve, points) in zip(panels, costs.items(), strict=True):
        for k, name in enumerate(DRAWN):
            line = [cost for cost in points if cost.task == name]
            places = [along(curve, cost) for cost in line]
            for side, style in (("ours", "o-"), ("plain", "s--")):
                times = [1e3 * getattr(cost, side) for cost in line]
                power = fit_exponent(places, times)
                label = f"{name}{'' if side == 'ours' else ', numpy'}: {power:.2f}"
                panel.loglog(places, times, style, color=f"C{k}", label=label, markersize=4)
        ticks = sorted({along(curve, cost) for cost in points})
        panel.set_xticks(ticks, map(str, ticks), rotation=30, fontsize=8)
        panel.set_xticks([], minor=True)
        panel.set_xlabel(_describe(curve, points))
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.22)}
        panel.legend(title="fitted exponents", fontsize=7, title_fontsize=7, **below)
        panel.grid(which="both", alpha=0.25)
    panels[0].set_ylabel("one iteration, one thread [ms]")
    figure.suptitle(title, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _describe(curve: str, points: list[Cost]) -> str:
    """Say what a curve follows, and what does not change on it."""
    first, fixed = points[0], []
    if curve != "frames":
        fixed.append(f"{first.frames} frames")
    if curve in {"frames", "modes"}:
        fixed.append(f"{first.size} x {first.size} px")
    if curve != "modes":
        fixed.append(f"{first.modes} mode")
    return f"{curve} ({', '.join(fixed)})"


def measure_memory(frames: int, size: int, modes: int) -> list[dict[str, Any]]:
    """Measure what the engines need beside the frames, each in a process of its own.

    Returns
    -------
    list of dict
        ``engine`` [bytes] is the peak from making the engine to its second iteration, ``run``
        what placing the frames had left, ``peak`` the peak of all; ``expected`` is frames x
        pixels x (8 a mode, if the engine keeps exit waves, + 4), ``counts`` frames x pixels x 4.
        All but ``expected`` and ``counts`` beyond what Python and a tiny run took.
    """
    rows = []
    for name in MEASURED:
        command = [sys.executable, __file__, name, *map(str, (frames, size, modes))]
        done = subprocess.run(  # noqa: S603 - this script itself
            command, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(done.stderr)
        taken = json.loads(done.stdout.splitlines()[-1])
        pixels = frames * size**2
        expected = pixels * (4 + (8 * modes if name == "DM" else 0))
        place = {"task": name, "frames": frames, "size": size, "modes": modes}
        rows.append({**place, **taken, "expected": expected, "counts": 4 * pixels})
    return rows


def _status(field: str) -> int:
    """Read a line of this process's memory from the system [bytes]."""
    text = Path("/proc/self/status").read_text()
    return 1024 * int(text.split(f"{field}:")[1].split()[0])


def _forget_peak() -> None:
    """Let the peak begin anew at what is in use."""
    Path("/proc/self/clear_refs").write_text("5")


def _work(name: str, frames: int, size: int, modes: int) -> dict[str, int]:
    """Measure the memory of one engine in this process."""

    def iterate(run: Run) -> None:
        engine = run.engine(name, **MEASURED[name])
        engine.iterate(2)

    iterate(Run(4, size, modes))  # what is compiled or loaded once
    gc.collect()
    _forget_peak()
    before = _status("VmRSS")
    run = Run(frames, size, modes)
    gc.collect()
    placing, placed = _status("VmHWM"), _status("VmRSS")
    _forget_peak()
    iterate(run)
    peak = _status("VmHWM")
    return {"engine": peak - placed, "run": placed - before, "peak": max(placing, peak) - before}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the memory of one engine.")
    parser.add_argument("name", choices=MEASURED)
    parser.add_argument("numbers", type=int, nargs=3, help="frames, edge [px], modes")
    asked = parser.parse_args()
    print(json.dumps(_work(asked.name, *asked.numbers)))
