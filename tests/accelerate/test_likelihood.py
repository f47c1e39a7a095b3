import numpy as np
import pytest

from ptypy.accelerate import likelihood_gradient, line_coefficients
from ptypy.errors import DataError

WEIGHT = {"factor": 0.1, "floor": 2.0}


def gradient(case, scale=None, **options):
    probe, obj = np.zeros_like(case.probe), np.zeros_like(case.obj)
    misfits = likelihood_gradient(
        case.transform,
        case.probe,
        case.obj,
        case.corners,
        case.packed_counts,
        probe,
        obj,
        scale=scale,
        **WEIGHT,
        **options,
    )
    return probe, obj, misfits


def expand(case, step_probe, step_obj, scale=None):
    return line_coefficients(
        case.transform,
        case.probe,
        case.obj,
        step_probe,
        step_obj,
        case.corners,
        case.packed_counts,
        scale=scale,
        **WEIGHT,
    )


def misfit_along(case, step_probe, step_obj, scale, t):
    probe = case.probe.astype(complex) + t * step_probe
    obj = case.obj.astype(complex) + t * step_obj
    return case.misfits(probe, obj, scale=scale, **WEIGHT).sum()


@pytest.fixture(params=[False, True], ids=["no scale", "scales"])
def scale(request, case):
    return np.random.default_rng(5).uniform(0.5, 1.5, 6) if request.param else None


def ones(scale):
    return np.ones(6) if scale is None else scale


def test_the_misfit_is_that_of_every_frame(case, scale):
    _, _, misfits = gradient(case, scale)
    expected = case.misfits(case.probe, case.obj, scale=ones(scale), **WEIGHT)
    np.testing.assert_allclose(misfits, expected, rtol=1e-5)


@pytest.mark.parametrize("moved", ["probe", "object"])
def test_the_gradient_predicts_what_a_small_step_changes(case, scale, moved):
    grad_probe, grad_obj, _ = gradient(case, scale)
    step_probe = case.noise(1, *case.probe.shape) * (moved == "probe")
    step_obj = case.noise(2, *case.obj.shape) * (moved == "object")
    h = 1e-5
    up = misfit_along(case, step_probe, step_obj, ones(scale), h)
    down = misfit_along(case, step_probe, step_obj, ones(scale), -h)
    slope = 2 * np.vdot(grad_probe, step_probe).real + 2 * np.vdot(grad_obj, step_obj).real
    size = np.linalg.norm(grad_probe) + np.linalg.norm(grad_obj)
    steps = np.linalg.norm(step_probe) + np.linalg.norm(step_obj)
    assert slope == pytest.approx((up - down) / (2 * h), abs=1e-5 * float(size * steps))


def test_gradient_and_line_search_agree_on_the_slope(case, scale):
    grad_probe, grad_obj, _ = gradient(case, scale)
    step_probe, step_obj = -grad_probe, -grad_obj
    slope = 2 * np.vdot(grad_probe, step_probe).real + 2 * np.vdot(grad_obj, step_obj).real
    assert expand(case, step_probe, step_obj, scale)[1] == pytest.approx(slope, rel=1e-5)


def test_the_line_search_knows_the_misfit_up_to_the_second_order(case, scale):
    step_probe, step_obj = case.noise(1, *case.probe.shape), case.noise(2, *case.obj.shape)
    # A polynomial of degree 8 is known exactly from 9 points.
    t = np.linspace(-0.5, 0.5, 9)
    values = [misfit_along(case, step_probe, step_obj, ones(scale), each) for each in t]
    exact = np.polynomial.polynomial.polyfit(t, values, 8)[:3]
    np.testing.assert_allclose(expand(case, step_probe, step_obj, scale), exact, rtol=1e-4)


def test_new_scales_are_those_with_the_smallest_misfit(case):
    scale = np.ones(6)
    _, _, misfits = gradient(case, scale, update_scale=True)
    best = case.best_scales(**WEIGHT)
    np.testing.assert_allclose(scale, best, rtol=1e-5)
    np.testing.assert_allclose(
        misfits, case.misfits(case.probe, case.obj, scale=best, **WEIGHT), rtol=1e-5
    )


def test_the_gradient_is_that_of_the_new_scales(case, far):
    scale = np.ones(6)
    probe, obj, _ = gradient(case, scale, update_scale=True)
    again = gradient(case, scale)
    assert far(probe, again[0]) < 1e-5
    assert far(obj, again[1]) < 1e-5


def test_gradients_are_added_to_what_is_there(case, far):
    fresh_probe, fresh_obj, _ = gradient(case)
    probe, obj = case.noise(1, *case.probe.shape), case.noise(2, *case.obj.shape)
    expected = probe + fresh_probe, obj + fresh_obj
    likelihood_gradient(
        case.transform,
        case.probe,
        case.obj,
        case.corners,
        case.packed_counts,
        probe,
        obj,
        **WEIGHT,
    )
    assert far(probe, expected[0]) < 1e-6
    assert far(obj, expected[1]) < 1e-6


def test_a_scale_must_be_given_to_be_updated(case):
    with pytest.raises(DataError, match="needs a scale"):
        gradient(case, None, update_scale=True)


def test_a_scale_for_another_number_of_frames_is_refused(case):
    with pytest.raises(DataError, match=r"scale.*\(6\)"):
        gradient(case, np.ones(5))


def test_a_floor_of_zero_is_refused(case):
    with pytest.raises(DataError, match="floor is 0"):
        line_coefficients(
            case.transform,
            case.probe,
            case.obj,
            case.probe,
            case.obj,
            case.corners,
            case.packed_counts,
            floor=0.0,
        )
