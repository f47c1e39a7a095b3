"""What the engines calculate, in straightforward numpy and scipy.fft: the reference to beat.

One frame after the other, in single precision, in place, whatever can be calculated once kept.
Frames and masks have zero frequency at pixel (0, 0). Nothing here knows of ptypy.

Two processors can be used in two ways: ``workers`` of scipy.fft share the rows of one frame,
``threads`` share the frames, each with sums of its own (numpy and scipy.fft work without the
interpreter lock). Which is faster depends on the size; whoever compares takes the faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy import fft

TINY = np.float32(1e-15)
"""Modulus of a pixel that is dark."""

Result = TypeVar("Result")


@dataclass
class Problem:
    """Frames, where they lie, and where to begin."""

    probe: np.ndarray
    """(M, H, W) complex64."""
    obj: np.ndarray
    """(Ho, Wo) complex64."""
    corners: np.ndarray
    """(N, 2) upper left pixel of every frame in the object."""
    counts: np.ndarray
    """(N, H, W) float32."""
    mask: np.ndarray
    """(H, W) bool, True where a pixel may be trusted."""


def circle(shape: tuple[int, int], area: float) -> np.ndarray:
    """Draw a disk that covers this share of a frame, as float32."""
    y, x = (np.arange(n) - n // 2 for n in shape)
    squares = np.add.outer(y**2, x**2)
    return (np.pi * squares < area * shape[0] * shape[1]).astype(np.float32)


def add_modes(modes: np.ndarray, target: np.ndarray) -> None:
    """Add all modes to one array."""
    target += modes[0] if len(modes) == 1 else modes.sum(axis=0)


class Plain:
    """What the engines share.

    Parameters
    ----------
    problem : Problem
        Probe and object are copied.
    threads, workers : int
        See above.
    """

    def __init__(self, problem: Problem, threads: int = 1, workers: int = 1) -> None:
        self.probe, self.obj = problem.probe.copy(), problem.obj.copy()
        self.corners, self.counts = problem.corners.tolist(), problem.counts
        self.shape = problem.mask.shape
        self.bad = np.flatnonzero(~problem.mask)
        self.trusted = int(problem.mask.sum())
        self.amplitude = np.sqrt(problem.counts)
        self.threads, self.workers = threads, workers
        self.pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def share(self, work: Callable[[range], Result]) -> list[Result]:
        """Let the threads share the frames."""
        num = len(self.corners)
        if self.pool is None:
            return [work(range(num))]
        cuts = [num * k // self.threads for k in range(self.threads + 1)]
        return list(self.pool.map(work, map(range, cuts[:-1], cuts[1:])))

    def places(self, frames: range | np.ndarray) -> Iterator[tuple[int, tuple[slice, slice]]]:
        """Give frames and where they lie."""
        height, width = self.shape
        for j in frames:
            y, x = self.corners[j]
            yield j, (slice(y, y + height), slice(x, x + width))

    def forward(self, wave: np.ndarray) -> np.ndarray:
        """Go to the detector, in place."""
        return fft.fft2(wave, norm="ortho", overwrite_x=True, workers=self.workers)

    def back(self, field: np.ndarray) -> np.ndarray:
        """Come back, in place."""
        return fft.ifft2(field, norm="ortho", overwrite_x=True, workers=self.workers)

    def buffers(self) -> tuple[np.ndarray, ...]:
        """Make room for one frame: twice its modes; modes and three frames of real numbers."""
        waves = np.empty_like(self.probe), np.empty_like(self.probe)
        reals = [np.empty(self.shape, np.float32) for _ in range(3)]
        return *waves, np.empty(self.probe.shape, np.float32), *reals

    def find_modulus(self, f: np.ndarray, modes: np.ndarray, modulus: np.ndarray) -> None:
        """Write sqrt(sum |f|^2). numpy's `abs` is faster than squares of real and imaginary."""
        if len(f) == 1:
            np.abs(f[0], out=modulus)
        else:
            np.abs(f, out=modes)
            np.multiply(modes, modes, out=modes)
            np.sqrt(modes.sum(axis=0, out=modulus), out=modulus)
        np.maximum(modulus, TINY, out=modulus)

    def measure_distance(self, modulus: np.ndarray, j: int, distance: np.ndarray) -> float:
        """Give the sum of (modulus - amplitude)^2 over the trusted pixels."""
        np.subtract(modulus, self.amplitude[j], out=distance)
        distance.ravel()[self.bad] = 0
        return float(np.vdot(distance, distance))

    def impose(self, f: np.ndarray, modulus: np.ndarray, j: int, share: float) -> None:
        """Bring f by this share of the way to the measured amplitudes; overwrites the modulus."""
        np.divide(self.amplitude[j], modulus, out=modulus)
        if share != 1.0:
            modulus *= np.float32(share)
            modulus += np.float32(1.0 - share)
        modulus.ravel()[self.bad] = 1
        np.multiply(f, modulus, out=f)


class DifferenceMap(Plain):
    """One turn of the overlap in each iteration, object first (Thibault et al. 2009)."""

    def __init__(
        self,
        problem: Problem,
        *,
        relax_factor: float = 0.0,
        probe_inertia: float = 1e-9,
        object_inertia: float = 1e-4,
        support: float = 0.7,
        threads: int = 1,
        workers: int = 1,
    ) -> None:
        super().__init__(problem, threads, workers)
        everything = range(len(self.corners))
        self.waves = np.stack([self.probe * self.obj[v] for _, v in self.places(everything)])
        light = np.array([c[problem.mask].sum(dtype=np.float64) for c in problem.counts])
        pixels = problem.mask.size
        self.bound = 0.25 * relax_factor**2 * light.max() / pixels
        self.object_inertia = np.float32(object_inertia * light.mean() / pixels)
        self.probe_inertia = np.float32(probe_inertia * len(light))
        self.support = circle(self.shape, support)

    def iterate(self) -> tuple[np.ndarray, float]:
        """Do one iteration; give errors (N, 2) and the relative change of the probe."""
        errors = np.concatenate(self.share(self._project))
        self._update_object()
        return errors, self._update_probe()

    def _project(self, frames: range) -> np.ndarray:
        """Move exit waves; give the errors."""
        probe, obj, errors = self.probe, self.obj, np.empty((len(frames), 2))
        product, work, modes, modulus, distance, _ = self.buffers()
        for row, (j, view) in enumerate(self.places(frames)):
            wave = self.waves[j]
            np.multiply(probe, obj[view], out=product)
            np.add(product, product, out=work)
            work -= wave
            f = self.forward(work)
            self.find_modulus(f, modes, modulus)
            error = self.measure_distance(modulus, j, distance) / self.trusted
            if error > self.bound:
                share = 1.0 - (self.bound / error) ** 0.5 if self.bound else 1.0
                self.impose(f, modulus, j, share)
                new = self.back(f)
                new -= product
                wave += new
            else:
                new = product - wave
                wave[...] = product
            errors[row] = error, np.vdot(new, new).real / modulus.size
        return errors

    def _update_object(self) -> None:
        """Let the object fit the exit waves. Done while they are projected it takes longer."""
        conjugate, power = self.probe.conj(), (np.abs(self.probe) ** 2).sum(axis=0)

        def gather(frames: range) -> tuple[np.ndarray, np.ndarray]:
            numerator, denominator = np.zeros_like(self.obj), np.zeros(self.obj.shape, np.float32)
            work = np.empty_like(self.probe)
            for j, view in self.places(frames):
                add_modes(np.multiply(conjugate, self.waves[j], out=work), numerator[view])
                denominator[view] += power
            return numerator, denominator

        parts = self.share(gather)
        numerator, denominator = sum(p[0] for p in parts), sum(p[1] for p in parts)
        numerator += self.object_inertia * self.obj
        denominator += self.object_inertia
        # A complex number over a real one would be divided as complex numbers are: far slower.
        np.multiply(numerator, np.reciprocal(denominator), out=self.obj)

    def _update_probe(self) -> float:
        """Let the probe fit the exit waves; give its relative change."""
        conjugate, power = self.obj.conj(), np.abs(self.obj) ** 2

        def gather(frames: range) -> tuple[np.ndarray, np.ndarray]:
            numerator, denominator = np.zeros_like(self.probe), np.zeros(self.shape, np.float32)
            work = np.empty_like(self.probe)
            for j, view in self.places(frames):
                numerator += np.multiply(conjugate[view], self.waves[j], out=work)
                denominator += power[view]
            return numerator, denominator

        parts = self.share(gather)
        numerator, denominator = sum(p[0] for p in parts), sum(p[1] for p in parts)
        numerator += self.probe_inertia * self.probe
        denominator += self.probe_inertia
        old = self.probe
        self.probe = numerator * (self.support / denominator)
        return float(np.linalg.norm(self.probe - old) / np.linalg.norm(self.probe))


class Epie(Plain):
    """The extended iterative engine (Maiden & Rodenburg 2009), steps of 1."""

    def __init__(self, problem: Problem, *, support: float = 0.7, workers: int = 1) -> None:
        super().__init__(problem, 1, workers)
        self.support = circle(self.shape, support)

    def iterate(self, order: np.ndarray) -> np.ndarray:
        """Visit frames in this order, the probe confined now and then; give errors (N, 2)."""
        errors = np.empty((len(self.corners), 2))
        length = max(16, self.obj.size // self.probe[0].size)
        for stretch in np.array_split(order, max(1, len(order) // length)):
            self._visit(stretch, errors)
            self.probe *= self.support
        return errors

    def _visit(self, order: np.ndarray, errors: np.ndarray) -> None:
        probe, (product, work, modes, modulus, distance, power) = self.probe, self.buffers()
        for j, where in self.places(order):
            view = self.obj[where]
            np.multiply(probe, view, out=product)
            np.copyto(work, product)
            f = self.forward(work)
            self.find_modulus(f, modes, modulus)
            error = self.measure_distance(modulus, j, distance) / self.trusted
            self.impose(f, modulus, j, 1.0)
            d = self.back(f)
            d -= product
            errors[j] = error, np.vdot(d, d).real / modulus.size
            self.find_modulus(probe, modes, power)
            object_step = np.float32(1.0 / float(power.max()) ** 2)
            probe_step = np.float32(1.0 / float(np.abs(view, out=power).max()) ** 2)
            # The object's step is kept until the probe's has used the old object.
            conjugate = np.conj(view)
            conjugate *= probe_step
            np.conj(probe, out=product)
            product *= d
            product *= object_step
            add_modes(product, view)
            d *= conjugate
            probe += d


class Likelihood(Plain):
    """Gradients of the misfit (Thibault & Guizar-Sicairos 2012)."""

    def __init__(
        self,
        problem: Problem,
        *,
        noise: str,
        factor: float,
        floor: float,
        threads: int = 1,
        workers: int = 1,
    ) -> None:
        super().__init__(problem, threads, workers)
        self.noise, self.factor, self.floor = noise, np.float32(factor), np.float32(floor)
        self.level = problem.counts + self.floor
        if noise == "gaussian":
            self.level = self.factor * problem.mask / self.level

    def gradient(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give the gradients of object and probe, and misfit and distance of all frames."""
        parts = self.share(self._sum)
        return (*(sum(p[k] for p in parts) for k in (0, 1)), np.concatenate([p[2] for p in parts]))

    def _sum(self, frames: range) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        probe, obj, errors = self.probe, self.obj, np.empty((len(frames), 2))
        of_obj, of_probe = np.zeros_like(obj), np.zeros_like(probe)
        conjugate, conjugate_obj = probe.conj(), obj.conj()
        product, work, modes, modulus, spare, slope = self.buffers()
        compare = self._gaussian if self.noise == "gaussian" else self._poisson
        for row, (j, view) in enumerate(self.places(frames)):
            f = self.forward(np.multiply(probe, obj[view], out=work))
            self.find_modulus(f, modes, modulus)
            distance = self.measure_distance(modulus, j, spare)
            errors[row] = (
                compare(np.multiply(modulus, modulus, out=modulus), j, spare, slope),
                (distance),
            )
            np.multiply(f, slope, out=f)
            g = self.back(f)
            np.multiply(conjugate, g, out=product)
            add_modes(product, of_obj[view])
            g *= conjugate_obj[view]
            of_probe += g
        # What is the same in all slopes.
        common = 2 if self.noise == "gaussian" else self.factor
        return of_obj * common, of_probe * common, errors

    def _gaussian(
        self, intensity: np.ndarray, j: int, spare: np.ndarray, slope: np.ndarray
    ) -> float:
        np.subtract(intensity, self.counts[j], out=spare)
        np.multiply(spare, self.level[j], out=slope)
        return float(np.vdot(slope, spare))

    def _poisson(
        self, intensity: np.ndarray, j: int, spare: np.ndarray, slope: np.ndarray
    ) -> float:
        level = self.level[j]
        intensity += self.floor
        np.divide(level, intensity, out=slope)
        np.log(slope, out=spare)
        spare *= level
        spare += intensity
        spare -= level
        spare.ravel()[self.bad] = 0
        np.subtract(np.float32(1), slope, out=slope)
        slope.ravel()[self.bad] = 0
        return float(self.factor * spare.sum())


class Transforms(Plain):
    """Every exit wave to the detector and back, and nothing else."""

    def __init__(self, problem: Problem, waves: np.ndarray, **shared: int) -> None:
        super().__init__(problem, **shared)
        self.waves = waves

    def iterate(self) -> None:
        """Transform all exit waves forward and back, in place."""
        self.share(self._transform)

    def _transform(self, frames: range) -> None:
        for j in frames:
            self.waves[j] = self.back(self.forward(self.waves[j]))
