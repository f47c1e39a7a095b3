"""Frame after frame, in an order that is random and yet the same each time: EPIE, SDR, WASP."""

import numpy as np
import pytest

from ptypy.diagnose import compare_objects
from ptypy.engines import find_engine
from ptypy.engines._combine import Exposure, combine
from ptypy.errors import ParameterError


def test_epie_brings_the_residual_down_and_finds_the_object(known):
    # No noise to follow: steps need not shrink.
    run = known(probe=False).run("EPIE", numiter=200, step_decay=None)
    residuals = [entry.residual for entry in run.history]
    assert residuals[-1] < 0.02 * residuals[0]
    assert compare_objects(run.window(), run.truth.obj, run.seen()).error < 0.05


@pytest.fixture(params=["EPIE", "SDR", "WASP"])
def name(request):
    return request.param


def test_the_same_script_gives_the_same_image(known, name):
    one, other = (known(probe=False).run(name, numiter=3) for _ in range(2))
    np.testing.assert_array_equal(one.obj.data, other.obj.data)


def test_another_label_draws_another_order(known, name):
    one = known(probe=False).run(name, "engine00", numiter=1)
    other = known(probe=False).run(name, "engine01", numiter=1)
    assert not np.array_equal(one.obj.data, other.obj.data)


def test_how_frames_are_split_into_blocks_does_not_matter(known, name):
    whole = known(frames_per_block=1000).run(name, numiter=3)
    parts = known(frames_per_block=10).run(name, numiter=3)
    np.testing.assert_array_equal(parts.obj.data, whole.obj.data)
    np.testing.assert_array_equal(parts.history[-1].error, whole.history[-1].error)


def test_alpha_is_the_step_of_the_object_and_beta_that_of_the_probe(known):
    """PtyPy 0.9 documented this, and did the opposite."""
    run = known(probe=False)
    obj, probe = run.obj.data.copy(), run.probe.data.copy()
    run.run("EPIE", "a", numiter=1, alpha=0.0, probe_support=None)
    np.testing.assert_array_equal(run.obj.data, obj)
    assert not np.array_equal(run.probe.data, probe)

    run = known(probe=False).run("EPIE", "b", numiter=1, beta=0.0, probe_support=None)
    np.testing.assert_allclose(run.probe.data, probe, rtol=1e-5)
    assert not np.array_equal(run.obj.data, obj)


def test_a_probe_that_rests_does_not_drift(known, name):
    """It goes to the kernels and back every iteration, times a phase that is rounded."""
    run = known(probe=False)
    before = run.probe.data.copy()
    run.run(name, numiter=5, probe_update_start=9)
    np.testing.assert_array_equal(run.probe.data, before)


def test_the_probe_rests_until_probe_update_start(known, name):
    run = known(probe=False)
    before = run.probe.data.copy()
    run.run(name, numiter=2, probe_update_start=2, probe_support=None)
    np.testing.assert_allclose(run.probe.data, before, rtol=1e-5)


def test_the_true_solution_stays_where_it_is(known, name):
    run = known(obj=True).run(name, numiter=5)
    # Exit waves that are kept add up the rounding of their frames, too.
    assert run.object_error() < (1e-3 if name == "SDR" else 1e-4)


def test_the_norm_of_the_whole_object_makes_smaller_steps_of_the_probe(known):
    """Its brightest pixel is at least that of any view."""

    def moved(**options):
        run = known(probe=False)
        run.obj.data[0, :20, :20] = 3.0
        before = run.probe.data.copy()
        run.run("EPIE", numiter=1, alpha=0.0, probe_support=None, **options)
        return np.linalg.norm(run.probe.data - before)

    assert moved(object_norm_is_global=True) < moved()


def test_its_old_name_leads_to_its_name():
    with pytest.raises(ParameterError, match="did you mean `EPIE`"):
        find_engine("ePIE")


def test_exposure_is_the_light_of_all_visits_over_the_brightest():
    random = np.random.default_rng(0)
    corners, power = random.integers(0, 40, (9, 2)), random.random((32, 32), np.float32)
    light = np.zeros((72, 75))
    for y, x in corners:
        light[y : y + 32, x : x + 32] += power
    exposed = Exposure.of_frames(corners, power, light.shape, 0.5)
    whole = (slice(0, 72), slice(0, 75))
    found = exposed.in_pixels(exposed.cells, whole)
    np.testing.assert_allclose(found, 0.5 * light / power.max(), atol=1e-5)
    # Of large frames it is the mean over cells that cover more than a pixel.
    coarse = Exposure(random.random((10, 12)).astype(np.float32), 7)
    part = coarse.in_pixels(coarse.cells, (slice(5, 66), slice(8, 70)))
    np.testing.assert_array_equal(part, np.kron(coarse.cells, np.ones((7, 7)))[5:66, 8:70])


def test_a_change_that_nobody_else_made_is_taken_as_it_is():
    random = np.random.default_rng(0)
    array = random.random((20, 30)).astype(np.complex64)
    box = (slice(3, 15), slice(2, 25))
    part, expected = array[box] * 2j, array.copy()
    expected[box] = part
    combine(array, part, box, Exposure(random.random((20, 30)).astype(np.float32), 1))
    np.testing.assert_allclose(array, expected, rtol=1e-5)
