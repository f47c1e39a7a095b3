"""Detectors whose pixels are too coarse for the beam."""

import numpy as np
import pytest

from ptypy.utils import Param

SETUP = {"energy": 8.8, "distance": 2.0, "psize": 75e-6, "size": 32}


@pytest.fixture(scope="module")
def truth(physics):
    """A beam of two spots 28 pixels apart, whose fringes fall within single pixels of 32."""
    spots = np.stack([np.roll(physics.beam(64, 1, 5e5, radius=6), s, axis=1)[0] for s in (-14, 14)])
    probe = spots.sum(axis=0, keepdims=True)
    fine = {"psize": SETUP["psize"] / 2, "size": 64, "center": 32.5}
    colour = physics.Colour(probe, physics.sample(104, 7), physics.far_field(SETUP, **fine))
    return physics.Truth(SETUP, [colour], physics.raster(7, 6), bins=2)


def test_the_truth_is_told_from_noise_by_nothing(reconstruct, truth):
    run = reconstruct(truth, resample=2).place(obj=True)
    run.run("DM", numiter=1, probe_update_start=9, fourier_power_bound=1e9)
    assert run.residual == pytest.approx(truth.noise, rel=1e-4)


def test_the_inertia_of_an_object_is_that_of_a_frame_spread_over_the_pixels_of_the_wave(
    reconstruct, truth
):
    """obj + (best - obj) light / (light + inertia), solved for the inertia where it is best lit."""
    moves = []
    for inertia in (0.0, 5.0):
        run = reconstruct(truth, resample=2).place()
        before = run.block().obj.data.copy()
        run.run("DM", numiter=1, probe_update_start=9, subpix=None, object_inertia=inertia)
        moves.append(run.block().obj.data - before)
    light = np.zeros(before.shape[1:])
    for y, x in run.block().corners:
        light[y : y + 64, x : x + 64] += (np.abs(run.block().probe.data) ** 2).sum(axis=0)
    best = np.unravel_index(light.argmax(), light.shape)
    found = light[best] * (moves[0][0][best] / moves[1][0][best] - 1)
    expected = 5.0 * truth.frames.sum(dtype=float) / len(truth.frames) / 64**2
    assert found.real == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize(
    ("engine", "pars", "excess"),
    [("DM", {"numiter": 40, "fourier_power_bound": 0.25}, 1.5), ("ML", {"numiter": 40}, 1.2)],
)
def test_waves_finer_than_the_detector_explain_what_it_sums_up(
    reconstruct, truth, engine, pars, excess
):
    run = reconstruct(truth, resample=2).place()
    without = run.compared().error
    run.run(engine, **pars)
    assert run.residual < excess * truth.noise
    assert run.compared().error < without / 3


@pytest.mark.parametrize("engine", ["DM", "ML"])
def test_waves_as_coarse_as_the_detector_cannot(reconstruct, truth, engine):
    run = reconstruct(truth, illumination=Param(diversity=None))
    run.run(engine, numiter=40)
    assert run.residual > 3 * truth.noise
