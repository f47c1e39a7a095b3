import numpy as np
import pytest

from ptypy.accelerate import epie_sweep
from ptypy.errors import DataError


@pytest.fixture
def case(case_of_either_field):
    return case_of_either_field


def run(case, order, **options):
    probe, obj = case.probe.copy(), case.obj.copy()
    errors = epie_sweep(
        case.transform,
        probe,
        obj,
        case.corners,
        case.packed_amplitude,
        np.array(order, int),
        **({"object_step": 0.7, "probe_step": 0.9} | options),
    )
    return probe, obj, errors


@pytest.mark.parametrize("global_norm", [False, True], ids=["view's norm", "object's norm"])
def test_a_sweep_is_what_its_equations_say(case, far, global_norm):
    order = [4, 0, 3, 1, 5, 2, 0]
    probe, obj, errors = run(case, order, object_norm_is_global=global_norm)
    expected = case.epie(order, 0.7, 0.9, global_norm)
    assert far(probe, expected[0]) < 1e-5
    assert far(obj, expected[1]) < 1e-5
    np.testing.assert_allclose(errors, expected[2], rtol=1e-4)


def test_a_brighter_neighbour_does_not_count_for_the_views_norm(make_case, far):
    # Lanes of the last strip look beyond the frame; what they see there must not matter.
    case = make_case((20, 20), frames=1)
    case.obj[:, 20:] *= 100
    probe, _, _ = run(case, [0])
    assert far(probe, case.epie([0], 0.7, 0.9, False)[0]) < 1e-5


def test_the_probe_stays_as_it_is_when_asked_to(case, far):
    probe, obj, _ = run(case, range(6), update_probe=False)
    assert np.array_equal(probe, case.probe)
    assert far(obj, case.epie(range(6), 0.7, 0.0, False)[1]) < 1e-5


def test_frames_that_are_not_visited_change_nothing_and_have_no_error(case):
    probe, obj, errors = run(case, [])
    np.testing.assert_allclose(probe, case.probe, rtol=1e-6)
    assert np.array_equal(obj, case.obj)
    assert np.isnan(errors).all()


def test_the_true_probe_and_object_are_a_fixed_point(case, far):
    models = [case.forward(case.probe * case.obj[view]) for view in case.views]
    amplitude = np.sqrt((np.abs(np.stack(models)) ** 2).sum(axis=1))
    case.packed_amplitude = case.transform.pack_measured(amplitude, case.mask)
    probe, obj, errors = run(case, range(6))
    assert far(probe, case.probe) < 1e-5
    assert far(obj, case.obj) < 1e-5
    assert errors[:, 0].max() < 1e-10


def test_a_dark_probe_does_not_divide_by_nothing(case):
    case.probe[:] = 0
    _, obj, _ = run(case, range(6))
    assert np.isfinite(obj).all()


def test_an_order_that_names_a_frame_that_is_not_there_is_refused(case):
    with pytest.raises(DataError, match="order names frames 0 to 6 of 6"):
        run(case, range(7))
