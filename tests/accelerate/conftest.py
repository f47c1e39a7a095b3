"""Ptychography in plain complex128 numpy, frame by frame: what the kernels must agree with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from ptypy.accelerate import Transform


def fourier(x):
    """Orthonormal transform, zero frequency at shape // 2."""
    return np.fft.fftshift(np.fft.fft2(x, norm="ortho"), axes=(-2, -1))


def inverse_fourier(x):
    return np.fft.ifft2(np.fft.ifftshift(x, axes=(-2, -1)), norm="ortho")


def noise(random, *shape):
    parts = random.standard_normal((2, *shape))
    return (parts[0] + 1j * parts[1]).astype(np.complex64)


def spectrum(shape, wavelength, distance):
    """Transfer function of a near field, all in pixels; frequencies above 1 / wavelength decay."""
    squares = [(wavelength * np.fft.fftfreq(n)) ** 2 for n in shape]
    cosine = np.emath.sqrt(1.0 - np.add.outer(*squares))
    return np.exp(2j * np.pi * distance / wavelength * (cosine - 1.0))


@dataclass
class Case:
    """A small scan whose frames touch all four corners of the object."""

    shape: tuple[int, int]
    probe: np.ndarray
    obj: np.ndarray
    corners: np.ndarray
    mask: np.ndarray
    counts: np.ndarray
    waves: np.ndarray
    transfer: np.ndarray | None = None

    fourier = staticmethod(fourier)
    inverse_fourier = staticmethod(inverse_fourier)

    def __post_init__(self):
        self.transform = Transform(self.shape, self.transfer)
        self.packed_waves = self.transform.pack_waves(self.waves)
        self.amplitude = np.sqrt(self.counts)
        self.packed_amplitude = self.transform.pack_measured(self.amplitude, self.mask)
        self.packed_counts = self.transform.pack_measured(self.counts, self.mask)

    @property
    def views(self):
        height, width = self.shape
        return [(slice(y, y + height), slice(x, x + width)) for y, x in self.corners]

    @property
    def rounding(self):
        """How far a projection may be from its equation.

        Where f is almost 0 its phase is uncertain. A far field spreads this over the frame, a near
        field leaves it in a few pixels.
        """
        return 2e-6 if self.transfer is None else 2e-5

    def forward(self, wave):
        """From the object to the detector."""
        if self.transfer is None:
            return fourier(wave)
        return np.fft.ifft2(self.transfer * np.fft.fft2(wave))

    def adjoint(self, wave):
        """From the detector to the object; the inverse, unless waves are lost on the way."""
        if self.transfer is None:
            return inverse_fourier(wave)
        return np.fft.ifft2(self.transfer.conj() * np.fft.fft2(wave))

    def trusted(self, j):
        return self.mask if self.mask.ndim == 2 else self.mask[j]

    def noise(self, seed, *shape):
        return noise(np.random.default_rng(seed), *shape)

    # --- references -----------------------------------------------------------------------

    def project(self, a, b, c, power_bound=None):
        """psi <- (1-a-b) psi + a PO + b M(c PO + (1-c) psi), errors as the door says."""
        probe, errors, result = self.probe.astype(complex), [], []
        for j, view in enumerate(self.views):
            product = probe * self.obj[view]
            old = self.waves[j].astype(complex)
            mixed = c * product + (1 - c) * old
            f = self.forward(mixed)
            modulus = np.sqrt((np.abs(f) ** 2).sum(axis=0))
            trusted, wanted = self.trusted(j), self.amplitude[j].astype(float)
            error = ((modulus - wanted) ** 2)[trusted].mean()
            if power_bound is not None:
                part = np.sqrt(power_bound / error) if error > power_bound else 1.0
                wanted = wanted + (modulus - wanted) * part
            fitted = mixed + self.adjoint(f * np.where(trusted, wanted / modulus - 1, 0))
            new = (1 - a - b) * old + a * product + b * fitted
            change = (np.abs(new - old) ** 2).sum() / new[0].size
            errors.append((error, np.nan, change))
            result.append(new)
        return np.array(result), np.array(errors)

    def epie(self, order, object_step, probe_step, global_norm):
        """Both updates of a frame from the same old probe and object."""
        probe, obj = self.probe.astype(complex), self.obj.astype(complex)
        errors = np.full((len(self.corners), 3), np.nan)
        for j in order:
            view = obj[self.views[j]].copy()
            product = probe * view
            f = self.forward(product)
            modulus = np.sqrt((np.abs(f) ** 2).sum(axis=0))
            trusted, wanted = self.trusted(j), self.amplitude[j].astype(float)
            d = self.adjoint(f * np.where(trusted, wanted / modulus - 1, 0))
            errors[j, 0] = ((modulus - wanted) ** 2)[trusted].mean()
            errors[j, 2] = (np.abs(d) ** 2).sum() / d[0].size
            probe_peak = (np.abs(probe) ** 2).sum(axis=0).max()
            object_peak = (np.abs(obj if global_norm else view) ** 2).max()
            obj[self.views[j]] += object_step * (probe.conj() * d).sum(axis=0) / probe_peak
            probe = probe + probe_step * view.conj() * d / object_peak
        return probe, obj, errors

    def misfits(self, probe, obj, factor, floor, scale):
        """sum w (s I - n)^2 of every frame."""
        result = []
        for j, view in enumerate(self.views):
            model = (np.abs(self.forward(probe * obj[view])) ** 2).sum(axis=0)
            weight = factor * self.trusted(j) / (floor + self.counts[j].astype(float))
            result.append((weight * (scale[j] * model - self.counts[j]) ** 2).sum())
        return np.array(result)

    def best_scales(self, factor, floor):
        """The s with the smallest misfit."""
        result = []
        for j, view in enumerate(self.views):
            model = (np.abs(self.forward(self.probe * self.obj[view])) ** 2).sum(axis=0)
            weight = factor * self.trusted(j) / (floor + self.counts[j].astype(float))
            result.append((weight * model * self.counts[j]).sum() / (weight * model**2).sum())
        return np.array(result)


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Case]:
    """Build a scan of frames of ``shape`` with ``modes`` modes."""

    def make(shape=(48, 80), modes=1, frames=6, *, common_mask=False, seed=0, transfer=None):
        random = np.random.default_rng(seed)
        height, width = shape
        margins = (9, 7)
        corners = np.stack([random.integers(0, m + 1, frames) for m in margins], axis=1)
        corners[:4] = [(0, 0), margins, (0, margins[1]), (margins[0], 0)][: len(corners)]
        mask = random.random(shape if common_mask else (frames, *shape)) > 0.1
        return Case(
            shape,
            noise(random, modes, height, width),
            noise(random, height + margins[0], width + margins[1]),
            corners,
            mask,
            random.poisson(3.0, (frames, height, width)).astype(np.float32),
            noise(random, frames, modes, height, width),
            transfer,
        )

    return make


@pytest.fixture(params=[1, 3], ids=["one mode", "three modes"])
def case(request, make_case) -> Case:
    """A rectangular scan whose edges fill neither 8 nor 16 lanes."""
    return make_case(shape=(44, 70), modes=request.param)


FIELDS = {"far field": None, "near field": spectrum((44, 70), 0.1, 30.0)}


@pytest.fixture(params=[1, 3], ids=["one mode", "three modes"])
def case_of_either_field(request, field, make_case) -> Case:
    """The same, from a detector far away, and from one so close that no wave is lost."""
    return make_case(shape=(44, 70), modes=request.param, transfer=FIELDS[field])


@pytest.fixture(params=FIELDS)
def field(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def angular_spectrum() -> Callable[..., np.ndarray]:
    """Make the transfer function of a near field."""
    return spectrum


def deviation(result, expected):
    """Largest difference, relative to the largest expected value."""
    expected = np.asarray(expected)
    return float(np.abs(np.asarray(result) - expected).max() / np.abs(expected).max())


@pytest.fixture(scope="session")
def far() -> Callable[..., float]:
    """How far a result is from what was expected."""
    return deviation
