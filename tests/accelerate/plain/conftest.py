"""Scans of several modes, colours and detectors, and their equations pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from ptypy.accelerate.plain import Sight, plain_forward


def random_waves(random, *shape):
    return random.standard_normal(shape) + 1j * random.standard_normal(shape)


def shares(shift):
    v, u = (0, 0) if shift is None else shift
    return {(0, 0): (1 - v) * (1 - u), (0, 1): (1 - v) * u, (1, 0): v * (1 - u), (1, 1): v * u}


@dataclass
class Scan:
    """A block of frames in complex128, and what its equations say."""

    sights: list[Sight]
    counts: np.ndarray
    """(N, h, w), negative where untrusted."""
    waves: list[np.ndarray]
    ways: list = field(default_factory=list)
    """Matrices (H W, H W) of every sight's way to the detector, made by other means."""

    @property
    def amplitude(self):
        return np.where(self.counts < 0, -1.0, np.sqrt(np.abs(self.counts)))

    @property
    def frames(self):
        return len(self.counts)

    @property
    def changed(self):
        """The same with copies of all that may be changed."""
        sights = [
            Sight(s.probe.copy(), s.obj.copy(), s.corners, s.shifts, s.forward, s.adjoint)
            for s in self.sights
        ]
        return Scan(sights, self.counts, [w.copy() for w in self.waves], self.ways)

    def look(self, k, j, obj=None):
        """What frame j sees of an object."""
        sight = self.sights[k]
        obj = sight.obj if obj is None else obj
        (y, x), (height, width) = sight.corners[j], sight.shape
        shift = None if sight.shifts is None else sight.shifts[j]
        return sum(
            share * obj[..., y + dy : y + dy + height, x + dx : x + dx + width]
            for (dy, dx), share in shares(shift).items()
            if share
        )

    def give(self, k, j, target, patch):
        """Add to all pixels that frame j lies between, by the same shares."""
        sight = self.sights[k]
        (y, x), (height, width) = sight.corners[j], sight.shape
        shift = None if sight.shifts is None else sight.shifts[j]
        for (dy, dx), share in shares(shift).items():
            if share:
                target[..., y + dy : y + dy + height, x + dx : x + dx + width] += share * patch

    def probe(self, k, j):
        probe = self.sights[k].probe
        return probe[j] if probe.ndim == 4 else probe

    def product(self, k, j):
        return np.einsum("myx,lyx->mlyx", self.probe(k, j), self.look(k, j))

    def send(self, k, wave):
        flat = wave.reshape(*wave.shape[:-2], -1)
        return (flat @ self.ways[k].T).reshape(wave.shape)

    def send_back(self, k, wave):
        flat = wave.reshape(*wave.shape[:-2], -1)
        return (flat @ self.ways[k].conj()).reshape(wave.shape)

    def thin(self, k, values):
        """Sum fine pixels, one loop over pixels of the detector."""
        height, width = self.counts.shape[1:]
        r = self.sights[k].shape[0] // height
        result = np.zeros((height, width))
        for i, q in np.ndindex(height, width):
            result[i, q] = values[i * r : (i + 1) * r, q * r : (q + 1) * r].sum()
        return result

    def thicken(self, k, values):
        r = self.sights[k].shape[0] // self.counts.shape[1]
        return np.kron(values, np.ones((r, r)))

    def intensity(self, waves):
        return sum(
            self.thin(k, (np.abs(self.send(k, w)) ** 2).sum((0, 1))) for k, w in enumerate(waves)
        )

    def fitted(self, waves, j, bound=None):
        """M of exit waves (M, L, H, W) of each sight, and the error before."""
        modulus, wanted = np.sqrt(self.intensity(waves)), self.amplitude[j]
        trusted = wanted >= 0
        error = ((modulus - wanted) ** 2)[trusted].mean()
        if bound is not None:
            part = np.sqrt(bound / error) if error > bound else 1.0
            wanted = wanted + (modulus - wanted) * part
        factor = np.where(trusted, wanted / modulus - 1, 0)
        return [
            w + self.send_back(k, self.send(k, w) * self.thicken(k, factor))
            for k, w in enumerate(waves)
        ], error


def way_matrix(shape, transfer):
    """The matrix of a propagation, from discrete Fourier matrices."""
    matrices = []
    for n in shape:
        frequencies = np.arange(n) - (n // 2 if transfer is None else 0)
        phases = np.exp(-2j * np.pi * np.outer(frequencies, np.arange(n)) / n)
        matrices.append(phases / np.sqrt(n))
    whole = np.kron(*matrices)
    return whole if transfer is None else whole.conj().T @ (transfer.ravel()[:, None] * whole)


def make_sight(random, *, shape, modes, frames, shifts, own_probes, transfer):
    height, width = shape
    corners = random.integers(0, 4, (frames, 2))
    corners[:2] = (0, 0), (3, 3)
    probe = random_waves(random, *((frames,) * own_probes), modes[0], height, width)
    obj = random_waves(random, modes[1], height + 4, width + 4)
    parts = random.random((frames, 2)) if shifts else None
    return Sight(probe, obj, corners, parts, *plain_forward(shape, complex, transfer))


@pytest.fixture(scope="session")
def make_scan():
    """Build a scan; ``modes`` are those of probe and object, ``r`` is the resampling."""

    def make(
        shape=(8, 6), *, modes=(2, 2), colours=2, r=2, frames=4, shifts=False, own_probes=False,
        near=False, seed=0,
    ):  # fmt: skip
        random = np.random.default_rng(seed)
        transfers = [
            np.exp(-1j * random.random(shape)) * random.uniform(0.5, 1, shape) if near else None
            for _ in range(colours)
        ]
        sights = [
            make_sight(
                random, shape=shape, modes=modes, frames=frames, shifts=shifts,
                own_probes=own_probes, transfer=transfer,
            )
            for transfer in transfers
        ]  # fmt: skip
        coarse = (frames, shape[0] // r, shape[1] // r)
        counts = random.poisson(8.0 * r**2 * colours, coarse) + random.random(coarse)
        counts[random.random(coarse) < 0.1] = -1
        waves = [random_waves(random, frames, *s.wave_shape) for s in sights]
        return Scan(sights, counts, waves, [way_matrix(shape, t) for t in transfers])

    return make


KINDS = {
    "two colours, two by two modes, large pixels": {},
    "between pixels": {"shifts": True},
    "a probe for each frame": {"own_probes": True, "r": 1, "shape": (7, 5)},
    "near field": {"near": True, "colours": 1},
}


@pytest.fixture(params=KINDS)
def scan(request, make_scan):
    """Kinds of scans that no compiled kernel knows."""
    return make_scan(**KINDS[request.param])


@pytest.fixture(scope="session")
def as_sight():
    """See what the compiled kernels work on as a sight: in single precision, natural order.

    ``case.seen`` are amplitudes and counts, negative where untrusted.
    """

    def convert(case, shifts=None):
        forward, adjoint = plain_forward(case.shape, np.complex64, case.transfer)
        corners = np.asarray(case.corners, np.int64)
        case.seen = [np.where(case.mask, x, np.float32(-1)) for x in (case.amplitude, case.counts)]
        return Sight(case.probe.copy(), case.obj[None].copy(), corners, shifts, forward, adjoint)

    return convert
