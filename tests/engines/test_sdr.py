"""SDR: frames keep their exit waves, object and probe take implicit steps."""

import numpy as np
import pytest

from ptypy.diagnose import compare_objects
from ptypy.engines import find_engine


def test_sdr_brings_the_residual_down_and_finds_the_object(known):
    run = known(probe=False).run("SDR", numiter=200)
    residuals = [entry.residual for entry in run.history]
    assert residuals[-1] < 0.02 * residuals[0]
    assert compare_objects(run.window(), run.truth.obj, run.seen()).error < 0.05


def test_small_betas_without_waves_are_the_steps_of_epie(known):
    """(1 - b) max |P|^2 + b |P|^2 differs from max |P|^2 by a share b at most."""
    b, moves = 1e-3, []
    for name, pars in (
        ("SDR", {"sigma": 0.0, "beta_object": b, "beta_probe": b}),
        ("EPIE", {"alpha": b, "beta": b}),
    ):
        run = known(probe=False)
        obj, probe = run.obj.data.copy(), run.probe.data.copy()
        run.run(name, "same_order", numiter=1, probe_support=None, **pars)
        moves.append((run.obj.data - obj, run.probe.data - probe))
    for one, other in zip(*moves, strict=True):
        # A few per cent of a thousandth are float32 rounding of small moves.
        assert np.linalg.norm(one - other) < 2 * b * np.linalg.norm(other)


def test_a_full_implicit_step_explains_the_frame_that_was_visited_last(known):
    run = known(modes=1).run(
        "SDR", numiter=1, sigma=0.0, beta_object=1.0, beta_probe=0.0, probe_update_start=9,
        subpix=None, record_local_error=True,
    )  # fmt: skip
    photons = np.sort(run.ptycho.runtime.error_local[0][:, 1])
    assert photons[0] < 1e-3 * photons[1]


def test_without_a_step_towards_the_measurement_nothing_moves(known):
    run = known(probe=False)
    obj, probe = run.obj.data.copy(), run.probe.data.copy()
    run.run("SDR", numiter=2, tau=0.0, probe_support=None)
    np.testing.assert_allclose(run.obj.data, obj, atol=1e-5)
    np.testing.assert_allclose(run.probe.data, probe, atol=1e-5 * np.abs(probe).max())


def test_waves_make_a_difference(known):
    one, other = (known(probe=False).run("SDR", numiter=3, sigma=s) for s in (0.0, 1.0))
    assert not np.allclose(one.obj.data, other.obj.data, atol=1e-2)


def test_noise_does_not_make_it_drift(known):
    run = known(probe=False, noise=True, photons=2e4).run("SDR", numiter=120)
    residuals = np.array([entry.residual for entry in run.history])
    assert residuals[-20:].max() < 1.01 * residuals.min()


@pytest.mark.parametrize("betas", [{"beta_object": 1.1}, {"beta_probe": 1.1, "beta_object": 0.5}])
def test_steps_beyond_the_frame_come_closer_to_all_frames(known, betas):
    """PtyPy 0.9 set no limit to the betas, and scripts go a little beyond 1."""
    run = known(probe=False).run("SDR", numiter=20, **betas)
    assert run.history[-1].residual < 0.5 * run.history[0].residual


def test_a_step_below_zero_is_refused(known):
    with pytest.raises(ValueError, match="beta_object"):
        known().run("SDR", numiter=1, beta_object=-0.5)


def test_a_probe_that_is_centred_takes_the_waves_along(known):
    run = known(probe=False)
    run.probe.data[...] = np.roll(run.truth.probe, 5, axis=-1)
    run.run("SDR", numiter=60, probe_center_tol=1.0, probe_support=None)
    power = (np.abs(run.probe.data) ** 2).sum(axis=(0, 1))
    assert abs(power @ np.arange(len(power)) / power.sum() - len(power) // 2) < 1.5
    assert run.history[-1].residual < 0.1 * run.history[0].residual


def test_names_of_one_backend_lead_to_the_engine():
    for backend in ("serial", "cupy", "pycuda"):
        assert find_engine(f"SDR_{backend}") is find_engine("SDR")
