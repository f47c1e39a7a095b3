"""Detectors so close behind the sample that frames are holograms in a speckled beam."""

import numpy as np
import pytest

from ptypy.core.save_load import read_content
from ptypy.utils import Param

SETUP = {"energy": 17.0, "distance": 0.4, "psize": 1e-6, "size": 48}
BOUND = {"fourier_power_bound": 0.25}
"""Photon noise is what projections are to leave alone: Var(sqrt n) = 1/4."""


@pytest.fixture(scope="module")
def truth(physics):
    """A weak object, seen through speckle at random places."""
    colour = physics.Colour(
        physics.speckle(48),
        physics.sample(84, 7, phase=0.5, absorption=0.05),
        physics.near_field(SETUP),
    )
    corners = np.random.default_rng(5).integers(0, 33, (40, 2))
    return physics.Truth(SETUP, [colour], corners, propagation="nearfield")


def mean_frame_at_the_sample(truth):
    """Bring the root of the mean frame back: a symmetric unitary way undoes its conjugate."""
    modulus = np.sqrt(truth.frames.mean(axis=0, dtype=float)).astype(complex)
    return truth.colours[0].way(modulus[None].conj()).conj()


@pytest.fixture
def run(reconstruct, truth):
    """Begin with what the frames themselves say of the beam, and no object."""
    beam = Param(model=mean_frame_at_the_sample(truth), aperture=None, diversity=None)
    return reconstruct(truth, illumination=beam)


def test_the_truth_is_told_from_noise_by_nothing(reconstruct, truth):
    run = reconstruct(truth).place(obj=True)
    run.run("DM", numiter=1, probe_update_start=9, fourier_power_bound=1e9)
    assert run.residual == pytest.approx(truth.noise, rel=1e-4)


@pytest.mark.parametrize(
    ("engine", "pars", "excess"),
    [
        ("DM", {"numiter": 80, **BOUND}, 1.4),
        ("RAAR", {"numiter": 120, **BOUND}, 1.7),
        ("EPIE", {"numiter": 60}, 1.05),
        ("ML", {"numiter": 80}, 1.05),
    ],
)
def test_beam_and_object_are_found_to_the_photon_noise(run, truth, engine, pars, excess):
    without = run.compared().error
    run.run(engine, **pars)
    assert run.residual < excess * truth.noise
    assert run.compared().error < min(0.02, without / 8)


@pytest.mark.parametrize("engine", ["DM", "RAAR", "EPIE", "ML"])
def test_a_beam_that_fills_the_frame_is_cut_only_if_that_is_asked_for(reconstruct, truth, engine):
    y, x = np.indices((48, 48)) - 24
    outside = np.pi * (y**2 + x**2) >= 0.7 * 48**2
    for pars, cut in (({}, False), ({"probe_support": 0.7}, True)):
        run = reconstruct(truth).place()
        run.run(engine, numiter=4, **pars)
        (probe,) = run.ptycho.probe.S.values()
        light = np.abs(probe.data[0][outside]) ** 2
        true = np.abs(truth.colours[0].probe[0][outside]) ** 2
        # In single precision what is cut is not there at all.
        assert (light.sum() < 1e-6 * true.sum()) == cut
        assert cut or light.sum() > 0.8 * true.sum()


@pytest.mark.parametrize("asked", [{}, {"probe_support": 0.7}])
def test_parameters_that_were_used_do_the_same_again(reconstruct, truth, tmp_path, asked):
    probes = []
    pars = {"numiter": 2, **asked}
    for _ in range(2):
        run = reconstruct(truth).place()
        run.run("EPIE", **pars)
        probes.append(next(iter(run.ptycho.probe.S.values())).data)
        file = run.ptycho.save_run(tmp_path / "used.ptyr", kind="used_params")
        (pars,) = read_content(file).pars.engines.values()
        del pars["name"]
    np.testing.assert_array_equal(*probes)
