"""Samples that changed while they were looked at, beams that were not coherent."""

import numpy as np
import pytest

from ptypy.utils import Param

SETUP = {"energy": 8.8, "distance": 2.0, "psize": 75e-6, "size": 32}
BOUND = {"fourier_power_bound": 0.25}
"""Photon noise is what the difference map is to leave alone: Var(sqrt n) = 1/4."""
KNOWN_BEAM = {"probe_update_start": 999}


@pytest.fixture(scope="module")
def flickering(physics):
    """An object that was in one state for 60 % of the time, and in another for the rest."""
    first = physics.sample(64, 7)[0]
    second = first * np.exp(1.2j * physics.blobs((64, 64), 50, 0.06))
    states = np.stack([np.sqrt(0.6) * first, np.sqrt(0.4) * second])
    colour = physics.Colour(physics.beam(32), states, physics.far_field(SETUP))
    return physics.Truth(SETUP, [colour], physics.raster(7, 4))


@pytest.fixture
def run(reconstruct, flickering):
    """Begin with the true beam and two flat states that differ in some noise."""
    return reconstruct(
        flickering,
        coherence=Param(num_object_modes=2),
        sample=Param(diversity=Param(noise=(1.0, 5.0), power=0.7)),
    ).place()


def test_the_true_states_are_told_from_noise_by_nothing(run, flickering):
    run.place(obj=True)
    run.run("DM", numiter=1, fourier_power_bound=1e9, **KNOWN_BEAM)
    assert run.residual == pytest.approx(flickering.noise, rel=1e-4)


@pytest.mark.parametrize(
    "way",
    [("DM", {"numiter": 60, **BOUND}, (1.5, 0.75)), ("ML", {"numiter": 30}, (1.1, 0.25))],
    ids=["DM", "ML"],
)
def test_both_states_of_an_object_are_found_from_nearby(run, physics, flickering, way):
    engine, pars, (excess, share) = way
    run.place(obj=True)
    (obj,) = run.ptycho.obj.S.values()
    obj.data *= np.exp([0.5j * physics.blobs(obj.shape[1:], seed) for seed in (60, 61)])
    before = run.object_error()
    run.run(engine, **pars, **KNOWN_BEAM)
    assert run.residual < excess * flickering.noise
    assert run.object_error() < share * before


def test_two_states_explain_what_one_cannot(reconstruct, run, flickering):
    alone = reconstruct(flickering).place()
    for one in (run, alone):
        one.run("ML", numiter=40, **KNOWN_BEAM)
    excess, unexplained = (one.residual**2 - flickering.noise**2 for one in (run, alone))
    assert unexplained > flickering.noise**2
    assert excess < unexplained / 2


@pytest.mark.parametrize("transforms", ["compiled", "own"])
@pytest.mark.parametrize(
    "way",
    [("DM", {"numiter": 40, **BOUND}, 1.6), ("ML", {"numiter": 40}, 1.3)],
    ids=["DM", "ML"],
)
def test_two_modes_of_a_beam_are_found(physics, reconstruct, transforms, way):
    engine, pars, excess = way
    colour = physics.Colour(physics.beam(32, 2), physics.sample(64, 7), physics.far_field(SETUP))
    truth = physics.Truth(SETUP, [colour], physics.raster(6))
    own = {} if transforms == "compiled" else {"ffttype": (np.fft.fft2, np.fft.ifft2)}
    run = reconstruct(truth, coherence=Param(num_probe_modes=2), **own).place()
    run.run(engine, **pars)
    assert run.residual < excess * truth.noise
    assert run.compared().error < 0.03
