"""One visit of a frame to the slices of a thick sample, against complex128."""

import numpy as np
import pytest

from ptypy.core.geometry import Geo
from ptypy.engines._passage import Passage, Steps
from ptypy.utils import Param

SHAPE, MODES, DISTANCES = (18, 20), 2, (4e-4, 9e-4)
SETUPS = {
    "farfield": {"energy": 8.8, "distance": 2.0, "psize": 4e-4},
    "nearfield": {"energy": 8.8, "distance": 0.004, "psize": 1e-7},
}


def spread(waves, geometry, distance):
    """Angular spectrum: what it does to the frequencies of two axes."""
    lam = float(geometry.lam)
    fy, fx = (np.fft.fftfreq(n, d) for n, d in zip(SHAPE, geometry.resolution, strict=True))
    cosine = np.sqrt(1 - (lam * fy[:, None]) ** 2 - (lam * fx[None]) ** 2)
    kernel = np.exp(2j * np.pi * distance / lam * (cosine - 1))
    return np.fft.ifft2(np.fft.fft2(waves) * kernel)


def to_detector(waves, geometry):
    if geometry.propagation == "nearfield":
        return spread(waves, geometry, float(geometry.distance))
    far = np.fft.fft2(np.asarray(geometry.pre_phase, np.complex128) * waves, norm="ortho")
    return np.fft.fftshift(far, axes=(-2, -1))


def from_detector(waves, geometry):
    if geometry.propagation == "nearfield":
        return spread(waves, geometry, -float(geometry.distance))
    far = np.fft.ifft2(np.fft.ifftshift(waves, axes=(-2, -1)), norm="ortho")
    return far / np.asarray(geometry.pre_phase, np.complex128)


def shares(place):
    """The four neighbours of a place between pixels, and their shares."""
    y, x, v, u = place
    height, width = SHAPE
    for j, row in ((0, 1 - v), (1, v)):
        for k, column in ((0, 1 - u), (1, u)):
            window = slice(y + j, y + j + height), slice(x + k, x + k + width)
            yield (slice(None), *window), row * column


def expected(slices, place, probe, measured, geometry, *, alpha, beta):
    """The formulas of the docstring, line by line."""
    counts, mask = measured

    slices, probe = slices.astype(np.complex128), probe.astype(np.complex128)
    views = sum(share * slices[window] for window, share in shares(place) if share)
    waves = [probe]
    for view, distance in zip(views[:-1], DISTANCES, strict=True):
        waves.append(spread(waves[-1] * view, geometry, distance))
    last = waves[-1] * views[-1]
    field = to_detector(last, geometry)
    model = np.sqrt((np.abs(field) ** 2).sum(axis=0))
    wanted = np.where(mask, field * np.sqrt(counts) / model, field)
    error = ((model - np.sqrt(counts)) ** 2)[mask].mean()
    back = from_detector(wanted - field, geometry)
    moves = np.zeros_like(slices)
    for s in (2, 1, 0):
        peak = (np.abs(waves[s]) ** 2).sum(axis=0).max()
        move = alpha * (waves[s].conj() * back).sum(axis=0) / peak
        for (_, *window), share in shares(place):
            if share:
                moves[(s, *window)] += share * move
        back = views[s].conj() * back / (np.abs(views[s]) ** 2).max()
        if s:
            back = spread(back, geometry, -DISTANCES[s - 1])
    return slices + moves, probe + beta * back, error


@pytest.mark.parametrize("place", [(3, 2, 0.0, 0.0), (1, 4, 0.25, 0.625)])
@pytest.mark.parametrize("propagation", ["farfield", "nearfield"])
def test_a_visit_follows_the_formulas(propagation, place):
    rng = np.random.default_rng(1)
    pars = Param(shape=SHAPE, propagation=propagation, **SETUPS[propagation])
    geometry = Geo(pars=pars)
    size = (3, SHAPE[0] + 6, SHAPE[1] + 7)
    slices = (rng.random(size) * np.exp(1j * rng.random(size))).astype(np.complex64)
    probe = 30 * rng.standard_normal((MODES, *SHAPE, 2)).astype(np.float32)
    probe = probe.view(np.complex64)[..., 0]
    counts, mask = rng.poisson(900.0, SHAPE), rng.random(SHAPE) > 0.2
    goal = expected(slices, place, probe, (counts, mask), geometry, alpha=0.7, beta=0.4)

    passage = Passage(geometry, MODES, DISTANCES)
    amplitude = passage.pack(counts[None], mask)[0]
    sums = passage.compare(slices, place, probe, amplitude)
    error, _ = passage.visit(slices, place, probe, amplitude, Steps([0.7] * 3, 0.4))
    assert error == pytest.approx(goal[2], rel=1e-4)
    assert sums[0] == pytest.approx(goal[2] * mask.sum(), rel=1e-4)
    assert sums[2] == pytest.approx(counts[mask].sum(), rel=1e-6)
    np.testing.assert_allclose(slices, goal[0], atol=1e-5)
    np.testing.assert_allclose(probe, goal[1], atol=1e-3)


def test_pixels_that_are_not_trusted_or_not_finite_say_nothing():
    geometry = Geo(pars=Param(shape=SHAPE, propagation="farfield", **SETUPS["farfield"]))
    passage = Passage(geometry, 1, ())
    counts = np.full((1, *SHAPE), np.nan)
    counts[:, 3:] = 1e9
    mask = np.zeros(SHAPE, bool)
    mask[:3] = True
    slices, probe = np.ones((1, *SHAPE), np.complex64), np.ones((1, *SHAPE), np.complex64)
    amplitude = passage.pack(counts, mask)[0]
    assert passage.visit(slices, (0, 0, 0.0, 0.0), probe, amplitude, Steps([1.0], 1.0)) == (0, 0)
    assert (slices == 1).all()
    assert (probe == 1).all()
