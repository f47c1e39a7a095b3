"""Frames that nobody can see, and frames without a photon, in every engine."""

import copy

import numpy as np
import pytest
import scipy.fft

from ptypy.utils import Param

SETUP = {"energy": 8.8, "distance": 2.0, "psize": 75e-6, "size": 32}
KINDS = {
    "compiled": {},
    "own transforms": {"ffttype": (scipy.fft.fft2, scipy.fft.ifft2)},
    "near field": {},
}
LOST = [7, 14]
"""Frames in the middle of the scan."""
BOUND = {"DM": {"fourier_power_bound": 0.25}, "RAAR": {"fourier_power_bound": 0.25}}
"""Photon noise is what projections are to leave alone: Var(sqrt n) = 1/4."""


def computed(physics, kind):
    """Compute a scan, in the far or the near field."""
    if kind == "near field":
        setup = {"energy": 17.0, "distance": 0.2, "psize": 1e-6, "size": 32}
        way, propagation = physics.near_field(setup), "nearfield"
    else:
        setup, propagation = SETUP, "farfield"
        way = physics.far_field(setup)
    colour = physics.Colour(physics.beam(32), physics.sample(64, 7), way)
    return physics.Truth(setup, [colour], physics.raster(6), propagation=propagation)


def without_lost(truth):
    """Give the truth without the frames `LOST`."""
    left = np.delete(np.arange(len(truth.corners)), LOST)
    other = copy.copy(truth)
    other.corners, other.frames = truth.corners[left], truth.frames[left]
    return other


def with_lost(truth, *, counts=None, masked=False):
    """Give the truth with something else in the frames `LOST`."""
    other = copy.copy(truth)
    other.frames = truth.frames.copy()
    if counts is not None:
        other.frames[LOST] = counts
    if masked:
        other.mask = np.ones(truth.frames.shape, bool)
        other.mask[LOST] = False
    return other


@pytest.fixture
def start(reconstruct):
    """Start a run from the true beam."""

    def start(truth, kind):
        return reconstruct(truth, illumination=Param(diversity=None), **KINDS[kind]).place()

    return start


KINDS_AND_ENGINES = [
    (kind, engine)
    for kind in KINDS
    for engine in ("DM", "RAAR", "ML", "EPIE")
    if (kind, engine) != ("own transforms", "EPIE")
]


@pytest.mark.parametrize(("kind", "engine"), KINDS_AND_ENGINES)
def test_what_stands_in_a_masked_frame_does_not_matter(physics, start, kind, engine):
    truth = computed(physics, kind)
    noise = np.random.default_rng(0).random((len(LOST), 32, 32))
    runs = []
    for counts in (None, 1e6 * noise):
        runs.append(start(with_lost(truth, counts=counts, masked=True), kind))
        runs[-1].run(engine, numiter=5)
        assert runs[-1].is_finite
    assert runs[0].residual == runs[1].residual
    for container in ("obj", "probe"):
        one, other = (getattr(run.ptycho, container).S["SsG00"].data for run in runs)
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("kind", "engine"), KINDS_AND_ENGINES)
def test_a_masked_frame_is_as_good_as_none(physics, start, kind, engine):
    truth = computed(physics, kind)
    errors, residuals = [], []
    for scan in (with_lost(truth, masked=True), without_lost(truth)):
        run = start(scan, kind)
        run.run(engine, numiter=25, **BOUND.get(engine, {}))
        errors.append(run.compared().error)
        residuals.append(run.residual)
    assert errors[0] < 1.2 * errors[1]
    assert residuals[0] < 1.1 * residuals[1]


@pytest.mark.parametrize(("kind", "engine"), KINDS_AND_ENGINES)
def test_frames_without_a_photon_leave_all_finite(physics, start, kind, engine):
    run = start(with_lost(computed(physics, kind), counts=0), kind)
    run.run(engine, numiter=5)
    assert run.is_finite


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("likelihood", ["gaussian", "poisson", "euclid"])
def test_the_factors_of_dark_frames_leave_all_finite(physics, start, kind, likelihood):
    run = start(with_lost(computed(physics, kind), counts=0), kind)
    run.run("ML", numiter=5, ML_type=likelihood, floating_intensities=True)
    assert run.is_finite
