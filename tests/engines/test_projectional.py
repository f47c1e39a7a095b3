"""DM and RAAR: they find the known object, a solution stays, options do what they say."""

import numpy as np
import pytest

from ptypy.diagnose import compare_objects
from ptypy.engines import DM

EXACT = {"fourier_relax_factor": 0.0}


def test_the_difference_map_finds_the_object_that_was_lit_by_a_known_probe(known):
    run = known().run("DM", numiter=120, probe_update_start=1000, **EXACT)
    assert run.object_error() < 0.01
    assert run.residual() < 0.002


def test_the_difference_map_finds_object_and_probe_from_a_plain_disk(known):
    run = known(probe=False).run("DM", numiter=200, **EXACT)
    found = compare_objects(run.window(), run.truth.obj, run.seen())
    assert found.error < 0.03


def test_raar_finds_object_and_probe_too(known):
    run = known(probe=False).run("RAAR", numiter=200, beta=0.9, **EXACT)
    found = compare_objects(run.window(), run.truth.obj, run.seen())
    assert found.error < 0.05


def test_three_incoherent_modes_explain_what_one_cannot(known):
    three = known(modes=3, probe=False).run("DM", numiter=100, **EXACT)
    one = known(modes=3, probe=False)
    one.probe.data[1:] = 0
    one.run("DM", numiter=100, **EXACT)
    assert three.residual() < 0.005
    assert one.residual() > 3 * three.residual()


@pytest.mark.parametrize("name", ["DM", "RAAR"])
@pytest.mark.parametrize("modes", [1, 2])
def test_the_true_solution_stays_where_it_is(known, name, modes):
    run = known(modes=modes, obj=True).run(
        name, numiter=10, probe_update_start=0, probe_support=None
    )
    assert run.object_error() < 2e-4
    probe_error = np.linalg.norm(run.probe.data - run.truth.probe) / np.linalg.norm(run.truth.probe)
    assert probe_error < 2e-4


def test_raar_with_beta_one_is_the_difference_map(known):
    dm, raar = known().run("DM", numiter=5), known().run("RAAR", numiter=5, beta=1.0)
    np.testing.assert_array_equal(dm.obj.data, raar.obj.data)
    np.testing.assert_array_equal(dm.probe.data, raar.probe.data)


def test_one_growing_storage_or_one_for_each_chunk_give_the_same_image(known):
    blocks = known(frames_per_block=20).run("DM", numiter=5)
    growing = known(model="Full", frames_per_block=20).run("DM", numiter=5)
    np.testing.assert_array_equal(growing.obj.data, blocks.obj.data)


@pytest.mark.parametrize("options", [{}, {"fourier_relax_factor": 0.3}])
def test_how_frames_are_split_into_blocks_does_not_matter(known, options):
    """Sums in another order differ by rounding, a few parts in ten million of the largest term."""
    whole = known(frames_per_block=1000).run("DM", numiter=10, **options)
    parts = known(frames_per_block=10).run("DM", numiter=10, **options)
    assert len(parts.ptycho.model.blocks) == 7
    seen = whole.seen(0.05)
    np.testing.assert_allclose(parts.window()[seen], whole.window()[seen], atol=2e-5)
    for one, other in zip(whole.history, parts.history, strict=True):
        np.testing.assert_allclose(one.error, other.error, rtol=1e-5, atol=1e-6)
        assert one.residual == pytest.approx(other.residual, rel=1e-5)


def test_the_residual_is_that_of_the_definitions_page(known):
    """Calculated here by numpy from the probe that the run shows: it is the physical one."""
    run = known(noise=True, hot=True).run("DM", numiter=3, probe_update_start=0)
    assert run.history[-1].residual == pytest.approx(run.residual(), rel=1e-4)


def test_untrusted_pixels_have_no_say(known):
    """What a hot pixel holds must not matter; here it is a hundred times all other counts."""
    hot = known(hot=True).run("DM", numiter=120, probe_update_start=1000, **EXACT)
    assert hot.object_error() < 0.02


def test_frames_within_the_power_bound_are_left_alone(known):
    run = known().run("DM", numiter=1, fourier_power_bound=1e12, probe_update_start=1000)
    assert run.history[0].error[2] == pytest.approx(0.0, abs=1e-6)


def test_frames_beyond_the_power_bound_are_moved_less_far_than_without_it(known):
    """How far exactly is tested with the kernel; here, that the parameter reaches it."""

    def moved(bound):
        run = known().run("DM", numiter=1, fourier_power_bound=bound, probe_update_start=1000)
        return run.history[0].error[2]

    assert 0 < moved(0.5) < 0.95 * moved(0.0)


@pytest.mark.parametrize(
    "wrong",
    [{"clip_object": (1, 2, 3)}, {"clip_object": (1.2, 0.2)}, {"fourier_power_bound": -1.0}],
)
def test_limits_that_are_none_are_refused_before_any_frame_is_read(wrong):
    (fault,) = DM.list_unsupported(wrong)
    assert fault.path in wrong


def test_the_probe_rests_until_probe_update_start(known):
    run = known(probe=False)
    before = run.probe.data.copy()
    run.run("DM", numiter=3, probe_update_start=3)
    np.testing.assert_array_equal(run.probe.data, before)
    run.run("DM", "engine01", numiter=4, probe_update_start=3)
    assert not np.array_equal(run.probe.data, before)


def test_the_probe_keeps_to_its_supports(known):
    run = known(probe=False).run("DM", numiter=3, probe_update_start=0, probe_support=0.3)
    y, x = np.indices((32, 32)) - 16
    outside = np.pi * (y**2 + x**2) >= 0.3 * 32 * 32
    assert (run.probe.data[:, outside] == 0).all()
    assert run.probe.data[:, ~outside].all()

    support = {"probe_support": None, "probe_fourier_support": 0.3}
    run = known(probe=False).run("DM", numiter=3, probe_update_start=0, **support)
    field = np.fft.fftshift(np.fft.fft2(run.probe.data), axes=(-2, -1))
    assert np.abs(field[:, outside]).max() < 1e-5 * np.abs(field).max()


def test_the_modulus_of_the_object_keeps_to_its_limits(known):
    run = known().run("DM", numiter=3, clip_object=(0.9, 1.0))
    modulus = np.abs(run.obj.data)
    assert modulus.min() > 0.9 - 1e-6
    assert modulus.max() < 1.0 + 1e-6


def test_a_probe_that_drifted_comes_back_and_takes_everything_along(known):
    """Probe, object and exit waves move together: the frames, and so the residual, stay."""
    run = known(obj=True)
    pre = np.asarray(run.ptycho.model.blocks[0].geometry.pre_phase)
    run.probe.data[...] = np.roll(run.probe.data * pre, (3, -4), axis=(-2, -1)) / pre
    run.obj.data[...] = np.roll(run.obj.data, (3, -4), axis=(-2, -1))
    assert run.residual() < 1e-3
    options = {"probe_update_start": 0, "probe_support": None, "probe_center_tol": 2.0}
    run.run("DM", numiter=10, **options)
    power = np.abs(run.probe.data[0]) ** 2
    y, x = (np.indices(power.shape) * power).sum(axis=(1, 2)) / power.sum() - 16
    assert np.hypot(y, x) < 1.0
    assert run.residual() < 1e-3
    assert run.object_error() < 1e-3


def test_an_object_that_is_updated_after_the_probe_is_updated_all_the_same(known):
    """The probe settles in its first turn here; the object must have its own in each."""
    first, last = (
        known(probe=False).run("DM", numiter=60, update_object_first=choice, **EXACT)
        for choice in (True, False)
    )
    before = last.obj.data.copy()
    last.run("DM", "engine01", numiter=1, probe_update_start=0, update_object_first=False)
    assert not np.array_equal(last.obj.data, before)
    assert last.history[59].residual < 1.5 * first.history[59].residual


def test_smoothing_tames_pixels_that_no_frame_determines(known):
    def roughness_of_rim(**options):
        run = known(noise=True).run("DM", numiter=20, object_inertia=0.1, **options)
        rim = run.window()[~run.seen(0.01)]
        return np.std(np.abs(rim))

    assert roughness_of_rim(obj_smooth_std=3.0) < roughness_of_rim()


def test_several_iterations_at_once_are_the_same_iterations(known):
    single = known().run("DM", numiter=6)
    triple = known().run("DM", numiter=6, numiter_contiguous=3)
    np.testing.assert_allclose(single.obj.data, triple.obj.data, atol=1e-3)
    assert [entry.iteration for entry in triple.history] == [3, 6]
    assert triple.history[-1].residual == pytest.approx(single.history[-1].residual, rel=1e-4)


def test_without_log_likelihood_there_is_no_residual_and_the_same_image(known):
    full, lean = (
        known().run("DM", numiter=3),
        known().run("DM", numiter=3, compute_log_likelihood=False),
    )
    assert np.isnan(lean.history[-1].residual)
    np.testing.assert_array_equal(np.isnan(lean.history[-1].error), [False, True, False])
    np.testing.assert_array_equal(full.obj.data, lean.obj.data)


def test_the_difference_map_comes_to_rest_where_the_model_cannot_explain_the_frames(known):
    """Light of three modes, of which the model has one."""
    residuals = []
    for decay in (None, 10.0):
        run = known(modes=3, probe=False)
        run.probe.data[1:] = 0
        run.run("DM", numiter=200, step_decay=decay, **EXACT)
        residuals.append([entry.residual for entry in run.history])
    searching, resting = residuals
    assert searching[-1] > 1.1 * min(searching)
    assert resting[-1] < 1.03 * min(resting)
    assert min(resting) < min(searching)
