"""Time the compiled kernels against a frame loop in numpy and scipy.fft, in the same run.

    python benchmarks/kernels/compare_kernels.py [--frames 200] [--sizes 128 256] [--modes 1]

Both sides calculate in single precision and do the same work; kernel and loop take turns, and
medians are compared, so that a busy machine slows both. numpy and scipy use one thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import fft

import ptypy.accelerate as kernels


def free_space(shape: tuple[int, int]) -> np.ndarray:
    """Transfer function of some distance, half a turn at the finest frequencies."""
    squares = np.add.outer(*[np.fft.fftfreq(n) ** 2 for n in shape])
    return np.exp(-2j * np.pi * squares).astype(np.complex64)


@dataclass
class Scan:
    """Frames on a jittered grid, a smooth probe, an object of phase alone."""

    probe: np.ndarray
    obj: np.ndarray
    corners: np.ndarray
    counts: np.ndarray
    mask: np.ndarray
    waves: np.ndarray

    @classmethod
    def simulate(cls, frames: int, size: int, modes: int) -> Scan:
        random = np.random.default_rng(0)
        side = int(np.ceil(np.sqrt(frames)))
        grid = np.stack(np.divmod(np.arange(frames), side), axis=1)
        corners = grid * max(4, size // 10) + random.integers(0, 4, grid.shape)
        obj = np.exp(1j * random.random(corners.max(axis=0) + size)).astype(np.complex64)
        y, x = np.mgrid[:size, :size] - size / 2
        envelope = np.exp(-(x**2 + y**2) / (2 * (size / 6) ** 2) + 1j * (x**2 + y**2) / size / 3)
        probe = np.stack([30 * envelope * (3 * x / size) ** m for m in range(modes)])
        scan = cls(probe.astype(np.complex64), obj, corners, *[np.empty(0)] * 3)
        scan.waves = np.stack([scan.probe * view for view in scan.views()])
        light = (np.abs(fft.fft2(scan.waves, norm="ortho")) ** 2).sum(axis=1)
        scan.counts = random.poisson(light).astype(np.float32)
        scan.mask = random.random((size, size)) > 0.02
        return scan

    def views(self) -> list[np.ndarray]:
        size = self.probe.shape[-1]
        return [self.obj[y : y + size, x : x + size] for y, x in self.corners]


class Loop:
    """The same in numpy; frames and mask with zero frequency in the corner."""

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self.amplitude = np.sqrt(scan.counts)

    def modulus(self, f: np.ndarray) -> np.ndarray:
        return np.sqrt((f.real**2 + f.imag**2).sum(axis=0) + np.float32(1e-20))

    def fit(self, wave: np.ndarray, j: int) -> tuple[np.ndarray, float]:
        f = fft.fft2(wave, norm="ortho", overwrite_x=True)
        modulus = self.modulus(f)
        error = float((self.scan.mask * (modulus - self.amplitude[j]) ** 2).sum())
        f *= np.where(self.scan.mask, self.amplitude[j] / modulus, np.float32(1))
        return fft.ifft2(f, norm="ortho", overwrite_x=True), error

    def project(self) -> None:
        scan = self.scan
        for j, view in enumerate(scan.views()):
            product = scan.probe * view
            new, _ = self.fit(2 * product - scan.waves[j], j)
            new -= product
            scan.waves[j] += new
            float((new.real**2 + new.imag**2).sum())

    def project_and_sum(self) -> None:
        scan, size = self.scan, self.scan.probe.shape[-1]
        numerator, power = np.zeros_like(scan.obj), np.zeros(scan.obj.shape, np.float32)
        light, conjugate = (np.abs(scan.probe) ** 2).sum(axis=0), scan.probe.conj()
        self.project()
        for j, (y, x) in enumerate(scan.corners):
            view = (slice(y, y + size), slice(x, x + size))
            numerator[view] += (conjugate * scan.waves[j]).sum(axis=0)
            power[view] += light

    def near_field(self) -> None:
        scan, transfer = self.scan, free_space(self.scan.mask.shape)
        for j, view in enumerate(scan.views()):
            product = scan.probe * view
            f = fft.fft2(2 * product - scan.waves[j], overwrite_x=True)
            f *= transfer
            f = fft.ifft2(f, overwrite_x=True)
            modulus = self.modulus(f)
            float((scan.mask * (modulus - self.amplitude[j]) ** 2).sum())
            f *= np.where(scan.mask, self.amplitude[j] / modulus, np.float32(1))
            f = fft.fft2(f, overwrite_x=True)
            f *= transfer.conj()
            new = fft.ifft2(f, overwrite_x=True)
            new -= product
            scan.waves[j] += new
            float((new.real**2 + new.imag**2).sum())

    def sums(self) -> None:
        scan = self.scan
        numerator, power = np.zeros_like(scan.obj), np.zeros(scan.obj.shape, np.float32)
        size, light = scan.probe.shape[-1], (np.abs(scan.probe) ** 2).sum(axis=0)
        conjugate, of_probe = scan.probe.conj(), np.zeros_like(scan.probe)
        for j, (y, x) in enumerate(scan.corners):
            view = (slice(y, y + size), slice(x, x + size))
            numerator[view] += (conjugate * scan.waves[j]).sum(axis=0)
            power[view] += light
            of_probe += scan.obj[view].conj() * scan.waves[j]

    def model_error(self) -> None:
        scan = self.scan
        for j, view in enumerate(scan.views()):
            modulus = self.modulus(fft.fft2(scan.probe * view, norm="ortho", overwrite_x=True))
            light, counts = modulus**2, scan.counts[j]
            (scan.mask * (modulus - self.amplitude[j]) ** 2).sum()
            (scan.mask * (light - counts) ** 2 / (counts + 1)).sum()

    def gradient(self) -> None:
        scan = self.scan
        of_probe, of_obj = np.zeros_like(scan.probe), np.zeros_like(scan.obj)
        size, conjugate = scan.probe.shape[-1], scan.probe.conj()
        for j, (y, x) in enumerate(scan.corners):
            view = (slice(y, y + size), slice(x, x + size))
            f = fft.fft2(scan.probe * scan.obj[view], norm="ortho", overwrite_x=True)
            residual = (f.real**2 + f.imag**2).sum(axis=0) - scan.counts[j]
            weighted = residual * scan.mask / (scan.counts[j] + 1)
            (weighted * residual).sum()
            f *= 2 * weighted
            wave = fft.ifft2(f, norm="ortho", overwrite_x=True)
            of_obj[view] += (conjugate * wave).sum(axis=0)
            of_probe += scan.obj[view].conj() * wave

    def epie(self) -> None:
        scan, probe, obj = self.scan, self.scan.probe.copy(), self.scan.obj.copy()
        size = probe.shape[-1]
        for j, (y, x) in enumerate(scan.corners):
            view = obj[y : y + size, x : x + size]
            product = probe * view
            d = self.fit(product.copy(), j)[0] - product
            peaks = [(a.real**2 + a.imag**2) for a in (probe, view)]
            step = (probe.conj() * d).sum(axis=0) / peaks[0].sum(axis=0).max()
            probe += view.conj() * d / peaks[1].max()
            view += step


class Compiled:
    """The kernels; frames and mask with zero frequency in the middle."""

    def __init__(self, scan: Scan, threads: int) -> None:
        shape = scan.mask.shape
        self.scan, self.threads, self.transform = scan, threads, kernels.Transform(shape)
        counts, mask = np.fft.fftshift(scan.counts, axes=(1, 2)), np.fft.fftshift(scan.mask)
        self.amplitude = self.transform.pack_measured(np.sqrt(counts), mask)
        self.counts = self.transform.pack_measured(counts, mask)
        self.waves = self.transform.pack_waves(scan.waves)
        self.place = (scan.probe, scan.obj, scan.corners)
        self.near = kernels.Transform(shape, free_space(shape))
        self.near_amplitude = self.near.pack_measured(np.sqrt(counts), mask)

    def project(self, **sums: np.ndarray) -> None:
        kernels.project(
            self.transform,
            self.waves,
            *self.place,
            self.amplitude,
            coefficients=(-1.0, 1.0, 2.0),
            threads=self.threads,
            **sums,
        )

    def project_and_sum(self) -> None:
        scan = self.scan
        self.project(
            object_numerator=np.zeros_like(scan.obj),
            object_denominator=np.zeros(scan.obj.shape, np.float32),
        )

    def near_field(self) -> None:
        kernels.project(
            self.near,
            self.waves,
            *self.place,
            self.near_amplitude,
            coefficients=(-1.0, 1.0, 2.0),
            threads=self.threads,
        )

    def sums(self) -> None:
        scan, transform = self.scan, self.transform
        of_obj = np.zeros_like(scan.obj), np.zeros(scan.obj.shape, np.float32)
        of_probe = np.zeros_like(scan.probe), np.zeros(scan.mask.shape, np.float32)
        kernels.object_sums(
            transform, self.waves, scan.probe, scan.corners, *of_obj, threads=self.threads
        )
        kernels.probe_sums(
            transform, self.waves, scan.obj, scan.corners, *of_probe, threads=self.threads
        )

    def model_error(self) -> None:
        kernels.model_error(self.transform, *self.place, self.amplitude, threads=self.threads)

    def gradient(self) -> None:
        slopes = np.zeros_like(self.scan.probe), np.zeros_like(self.scan.obj)
        kernels.likelihood_gradient(
            self.transform, *self.place, self.counts, *slopes, threads=self.threads
        )

    def epie(self) -> None:
        kernels.epie_sweep(
            self.transform,
            self.scan.probe.copy(),
            self.scan.obj.copy(),
            self.scan.corners,
            self.amplitude,
            np.arange(len(self.counts)),
            object_step=1.0,
            probe_step=1.0,
        )


TASKS = ("project", "project_and_sum", "near_field", "sums", "model_error", "gradient", "epie")


def take_turns(works: list[Callable[[], None]], repeats: int) -> list[float]:
    """Give the median time of each [s], after one unmeasured turn."""
    times: list[list[float]] = [[] for _ in works]
    for turn in range(repeats + 1):
        for work, seconds in zip(works, times, strict=True):
            start = time.perf_counter()
            work()
            if turn:
                seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds) for seconds in times]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--modes", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    many = kernels.default_threads()
    print(f"{asked.frames} frames, {asked.modes} mode(s), medians of {asked.repeats}, ms")
    print(f"{'':>5} {'':<15} {'numpy':>8} {'1 thread':>9} {'ratio':>6} {many:>2} threads  ratio")
    for size in asked.sizes:
        scan = Scan.simulate(asked.frames, size, asked.modes)
        sides = [Loop(scan), Compiled(scan, 1), Compiled(scan, many)]
        for task in TASKS:
            loop, one, all_ = take_turns([getattr(s, task) for s in sides], asked.repeats)
            print(
                f"{size:>5} {task:<15} {1e3 * loop:8.1f} {1e3 * one:9.2f} {loop / one:6.1f}"
                f" {1e3 * all_:10.2f} {loop / all_:6.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
