"""The main job on simulated input: raw frames on disk to a reconstructed image."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ptypy.cli._commands import at_least
from ptypy.errors import FormatError
from ptypy.utils.parameters import Param

__all__ = ["DESCRIPTION", "arguments", "run"]

DESCRIPTION = (
    "Draw a sample and a beam, simulate a scan with photon noise, write it as raw data "
    "as a beamline would, prepare those files into a .ptyd file, reconstruct from that "
    "with DM, then ML, and leave results, pictures and a summary."
)

CHUNK = 50
"""Frames prepared at once."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``ptypy demo``."""
    parser.add_argument(
        "directory", nargs="?", type=Path, default=Path("ptypy-demo"),
        help="where the files go; made if it is not there (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--frames", type=at_least(20), default=600, metavar="N",
        help="scan points to simulate, 20 or more (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--iterations", type=at_least(1), default=60, metavar="N",
        help="iterations of each of the two engines (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=at_least(0), default=1, metavar="N",
        help="seed of the photon noise (default: %(default)s)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Run the demo; give the exit code."""
    from ptypy.utils import parallel

    if parallel.size > 1:
        if parallel.master:
            print("ptypy: the demo runs on one process; start it without mpiexec", file=sys.stderr)
        return 2
    _run_demo(
        options.directory,
        frames=options.frames,
        iterations=options.iterations,
        seed=options.seed,
    )
    return 0


@dataclass(slots=True)
class Report:
    """What the demo found out, a line each, to print and to keep."""

    lines: list[str]

    def add(self, name: str, value: str) -> None:
        """Note one finding."""
        self.lines.append(f"{name:<34}{value}")

    def text(self) -> str:
        """Give all findings as text."""
        return "\n".join(self.lines) + "\n"


@contextmanager
def _stage(title: str) -> Iterator[None]:
    """Say what goes on, and how long it took."""
    print(f"{title} ...", flush=True)
    start = time.perf_counter()
    yield
    print(f"{title}: done in {time.perf_counter() - start:.1f} s", flush=True)


def _run_demo(directory: Path, *, frames: int, iterations: int, seed: int) -> None:
    """Simulate, prepare, reconstruct, draw and sum up.

    Parameters
    ----------
    directory : Path
        Receives all files; made if absent. Files of an earlier demo are replaced.
    frames : int
        Scan points.
    iterations : int
        Iterations of DM, and again of ML.
    seed : int
        Seed of the photon noise.
    """
    from ptypy.simulations import Beamtime

    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise FormatError(f"{directory}: a file is in the way; give a directory") from error
    report = Report([])
    start = time.perf_counter()
    beamtime = Beamtime(frames=frames, seed=seed)
    with _stage(f"1/4  simulating {frames} frames and writing them as raw data"):
        raw = beamtime.write(directory)
    with _stage("2/4  preparing"):
        scan = _prepare(beamtime, raw, directory / "demo.ptyd", report)
    with _stage(f"3/4  reconstructing: {iterations} iterations of DM, {iterations} of ML"):
        ptycho = _reconstruct(directory, beamtime, iterations)
    with _stage("4/4  comparing with the truth and drawing"):
        _judge(ptycho, raw["truth"], directory, report)
        _draw_mean_frame(scan, raw["detector"], directory)
    report.add("whole demo", f"{time.perf_counter() - start:.1f} s")
    (directory / "summary.txt").write_text(report.text())
    print(f"\n{report.text()}\nfiles and pictures: {directory}/")


def _prepare(beamtime: Any, raw: dict[str, Path], dfile: Path, report: Report) -> Any:
    """Turn raw files into a .ptyd file, through the loader for HDF5 scans."""
    from ptypy.experiment import Hdf5Loader
    from ptypy.utils.verbose import Progress

    detector, stage = str(raw["detector"]), str(raw["stage"])
    scan = Hdf5Loader(
        Param(
            intensities=Param(file=detector, key="entry/data"),
            darkfield=Param(file=detector, key="entry/dark"),
            mask=Param(file=detector, key="entry/bad_pixels", invert=True),
            positions=Param(
                file=stage, slow_key="scan/y", fast_key="scan/x",
                slow_multiplier=1e-6, fast_multiplier=1e-6,
            ),
            recorded_energy=Param(file=stage, key="beam/energy", multiplier=1e-3),
            recorded_distance=Param(file=stage, key="detector/distance", multiplier=1e-3),
            recorded_psize=Param(file=stage, key="detector/psize", multiplier=1e-6),
            shape=beamtime.region, center=None, auto_center=True, orientation=5,
            rebin=beamtime.rebin, save="append", dfile=str(dfile),
        )
    )  # fmt: skip
    scan.initialize()
    prepared: list[tuple[int, float]] = []
    with Progress(beamtime.frames, "prepared", "frames", force=True) as progress:
        while True:
            start = time.perf_counter()
            package = scan.auto(CHUNK)
            if not isinstance(package, dict):
                break
            count = len(package["iterable"])
            prepared.append((count, time.perf_counter() - start))
            progress.update(count)
    # The first chunk waits for the compiler, on a machine that has not run this before.
    counted = prepared[1:] or prepared
    rate = sum(n for n, _ in counted) / sum(seconds for _, seconds in counted)
    megabytes = np.prod(beamtime.frame_shape) * 2 * rate / 1e6
    first = f"the first {prepared[0][0]} took {prepared[0][1]:.1f} s, compiling included"
    report.add("prepared", f"{rate:.0f} frames/s ({megabytes:.0f} MB/s of raw data; {first})")
    return scan


def _reconstruct(directory: Path, beamtime: Any, iterations: int) -> Any:
    """Reconstruct from the .ptyd file alone."""
    from ptypy.core import Ptycho

    p = Param(verbose_level="INFO", run="demo")
    p.io = Param(home=str(directory), rfile="%(run)s_%(engine)s_%(iterations)04d.ptyr")
    p.io.autosave = Param(active=False)
    p.io.autoplot = Param(active=False)
    p.io.interaction = Param(active=False)
    # The beam is guessed as a plain disk of about the right size.
    aperture = Param(form="circ", size=beamtime.beam_diameter * beamtime.resolution)
    p.scans = Param(demo=Param(name="BlockFull"))
    p.scans.demo.data = Param(name="PtydScan", source=str(directory / "demo.ptyd"))
    p.scans.demo.coherence = Param(num_probe_modes=1)
    p.scans.demo.illumination = Param(aperture=aperture)
    p.engines = Param()
    p.engines.engine00 = Param(name="DM", numiter=iterations)
    p.engines.engine01 = Param(name="ML", numiter=iterations, scale_precond=True)
    return Ptycho(p, level=5)


def _judge(ptycho: Any, truth_file: Path, directory: Path, report: Report) -> None:
    """Compare with photon noise and with the truth; draw object, probe and error curve."""
    from ptypy.diagnose import (
        compare_objects,
        coverage,
        draw_comparison,
        draw_error_curve,
        draw_object,
        draw_probe,
        noise_floor,
    )
    from ptypy.simulations import read_truth

    history = ptycho.runtime.iter_info
    (obj,), (probe,) = ptycho.obj.S.values(), ptycho.probe.S.values()
    floor = noise_floor(ptycho.model.blocks)
    seen = coverage(ptycho.model.blocks, obj) > 0.1
    truth = read_truth(truth_file)
    found = compare_objects(obj.data[0], _truth_on_grid(obj, truth), seen)
    report.add("an iteration", f"{np.median([h['duration'] for h in history]):.3f} s")
    report.add("residual", f"{history[-1]['residual']:.4f}")
    report.add("residual from photon noise alone", f"{floor:.4f}")
    report.add("error of the object", f"{found.error:.4f} (relative to the truth)")
    report.add("error of its phase", f"{found.phase_error:.4f} rad")
    resolution = float(obj.psize[0])
    # Probe and object share a factor that no measurement sees; against the truth it is known.
    draw_object(directory / "object.png", found.aligned, resolution=resolution, weight=seen)
    draw_comparison(directory / "comparison.png", found, resolution=resolution)
    draw_probe(directory / "probe.png", probe.data, resolution=resolution)
    draw_error_curve(directory / "error.png", history, floor=floor)


def _truth_on_grid(obj: Any, truth: Any) -> Any:
    """Cut the true object to the pixels of the reconstructed one."""
    height, width = obj.data.shape[-2:]
    # Pixel of the truth on which the first pixel of the reconstruction lies.
    middle = np.array(truth.object.shape) // 2
    first = np.rint(np.asarray(obj.origin) / truth.resolution).astype(int) + middle
    return truth.object[first[0] : first[0] + height, first[1] : first[1] + width]


def _draw_mean_frame(scan: Any, detector: Path, directory: Path) -> None:
    """Draw what the detector saw on average, with the region and mask that were used."""
    from ptypy.diagnose import draw_frame
    from ptypy.io import open_h5

    with open_h5(detector) as file:
        frames = file["entry/data"]
        mean = frames[: min(len(frames), 100)].mean(axis=0) - file["entry/dark"][()]
        mask = file["entry/bad_pixels"][()] == 0
    draw_frame(
        directory / "frames.png",
        mean,
        mask=mask,
        region=scan.region_in_raw,
        title="Mean raw frame, dark subtracted",
    )
