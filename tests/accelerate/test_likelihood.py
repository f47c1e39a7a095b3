"""Misfits of three models of noise, their gradients and expansions, against complex128 numpy."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from ptypy.accelerate import likelihood_gradient, line_coefficients
from ptypy.errors import DataError

WEIGHT = {"factor": 0.7, "floor": 0.5}
NOISES = {
    "gaussian": lambda u, v: (u - v) ** 2 / v,
    "poisson": lambda u, v: u - v - v * np.log(u / v),
    "euclid": lambda u, v: (np.sqrt(u) - np.sqrt(v)) ** 2,
}


def look(case, obj, j):
    """What frame j sees, between pixels if the case has shifts."""
    (y, x), (height, width) = case.corners[j], case.shape
    v, u = (0, 0) if case.shifts is None else case.shifts[j]
    shares = {(0, 0): (1 - v) * (1 - u), (0, 1): (1 - v) * u, (1, 0): v * (1 - u), (1, 1): v * u}
    return sum(
        share * obj[y + dy : y + dy + height, x + dx : x + dx + width]
        for (dy, dx), share in shares.items()
        if share
    )


def intensity(case, probe, obj, j):
    wave = probe.astype(complex) * look(case, obj.astype(complex), j)
    return (np.abs(case.forward(wave)) ** 2).sum(axis=0)


def misfits(case, probe, obj, scale, *, factor, floor):
    """The table of the door, pixel by pixel."""
    result = []
    for j in range(len(case.corners)):
        u = scale[j] * intensity(case, probe, obj, j) + floor
        v = case.counts[j].astype(float) + floor
        result.append((factor * NOISES[case.noise_model](u, v))[case.trusted(j)].sum())
    return np.array(result)


def along(case, steps, scale, t):
    probe, obj = case.probe.astype(complex) + t * steps[0], case.obj.astype(complex) + t * steps[1]
    return misfits(case, probe, obj, scale, **WEIGHT).sum()


def gradient(case, scale=None, **options):
    probe, obj = np.zeros_like(case.probe), np.zeros_like(case.obj)
    cost = likelihood_gradient(
        case.transform, case.probe, case.obj, case.corners, case.packed_counts, probe, obj,
        scale=scale, noise=case.noise_model, shifts=case.shifts, threads=2, **WEIGHT | options,
    )  # fmt: skip
    return probe, obj, cost


def expand(case, steps, scale=None, **options):
    return line_coefficients(
        case.transform, case.probe, case.obj, *steps, case.corners, case.packed_counts,
        scale=scale, noise=case.noise_model, shifts=case.shifts, threads=2, **WEIGHT | options,
    )  # fmt: skip


def any_step(case):
    return case.noise(1, *case.probe.shape), case.noise(2, *case.obj.shape)


@pytest.fixture(params=[False, True], ids=["on pixels", "between pixels"])
def case(request, case_of_either_field):
    made = case_of_either_field
    made.noise_model, made.shifts = "gaussian", None
    if request.param:
        made.shifts = np.random.default_rng(5).random((len(made.corners), 2))
        made.obj = made.noise(6, 44 + 10, 70 + 8)
    return made


@pytest.fixture(params=NOISES)
def noisy(request, case):
    case.noise_model = request.param
    return case


SCALES = np.random.default_rng(5).uniform(0.5, 1.5, 6)


@pytest.fixture(params=[None, SCALES], ids=["no scale", "scales"])
def scale(request):
    return request.param


def ones(scale):
    return np.ones(6) if scale is None else scale


def test_the_misfit_is_that_of_every_frame(noisy, scale):
    expected = misfits(noisy, noisy.probe, noisy.obj, ones(scale), **WEIGHT)
    np.testing.assert_allclose(gradient(noisy, scale)[2], expected, rtol=1e-5)


@pytest.mark.parametrize("moved", [0, 1], ids=["probe", "object"])
def test_the_gradient_predicts_what_a_small_step_changes(noisy, scale, moved):
    slopes = gradient(noisy, scale)[:2]
    steps = [step * (k == moved) for k, step in enumerate(any_step(noisy))]
    h = 1e-5
    change = along(noisy, steps, ones(scale), h) - along(noisy, steps, ones(scale), -h)
    predicted = 2 * sum(np.vdot(g, d).real for g, d in zip(slopes, steps, strict=True))
    size = np.linalg.norm(slopes[moved]) * np.linalg.norm(steps[moved])
    assert predicted == pytest.approx(change / (2 * h), abs=1e-5 * float(size))


def test_gradient_and_line_search_agree_on_cost_and_slope(noisy, scale):
    probe, obj, cost = gradient(noisy, scale)
    slope = -2 * (np.linalg.norm(probe) ** 2 + np.linalg.norm(obj) ** 2)
    constant, linear, _ = expand(noisy, (-probe, -obj), scale)
    assert linear == pytest.approx(slope, rel=1e-4)
    assert constant == pytest.approx(cost.sum(), rel=1e-5)


def test_the_line_search_knows_the_misfit_up_to_the_second_order(noisy, scale):
    steps, h = any_step(noisy), 1e-4
    before, here, after = (along(noisy, steps, ones(scale), t) for t in (-h, 0, h))
    expected = here, (after - before) / (2 * h), (after - 2 * here + before) / (2 * h * h)
    np.testing.assert_allclose(expand(noisy, steps, scale), expected, rtol=2e-4)


def test_all_of_the_polynomial_is_known_for_gaussian_noise(case, scale):
    steps = any_step(case)
    # A polynomial of degree 8 is known exactly from 9 points.
    t = np.linspace(-1, 1, 9)
    values = [along(case, steps, ones(scale), each) for each in t]
    exact = np.polynomial.polynomial.polyfit(t, values, 8)
    found = expand(case, steps, scale, order=8)
    np.testing.assert_allclose(found, exact, rtol=1e-4)
    np.testing.assert_allclose(found[:3], expand(case, steps, scale), rtol=1e-6)


def test_new_scales_are_those_with_the_smallest_misfit(noisy):
    floor = 0.5 if noisy.noise_model == "gaussian" else 1e-6
    scale = np.ones(6)
    cost = gradient(noisy, scale, update_scale=True, floor=floor)[2]

    def best(j):
        def costs(s):
            return misfits(noisy, noisy.probe, noisy.obj, np.full(6, s), factor=0.7, floor=floor)[j]

        found = minimize_scalar(costs, bounds=(0.01, 3), method="bounded", options={"xatol": 1e-7})
        return found.x

    expected = np.array([best(j) for j in range(2)])
    np.testing.assert_allclose(scale[:2], expected, rtol=1e-4)
    there = misfits(noisy, noisy.probe, noisy.obj, scale, factor=0.7, floor=floor)
    np.testing.assert_allclose(cost, there, rtol=1e-4)


def test_the_gradient_is_that_of_the_new_scales(noisy, far):
    scale = np.ones(6)
    probe, obj, _ = gradient(noisy, scale, update_scale=True)
    again = gradient(noisy, scale)
    assert far(probe, again[0]) < 1e-5
    assert far(obj, again[1]) < 1e-5


@pytest.mark.parametrize("update_scale", [False, True])
def test_how_far_amplitudes_are_is_told_along_the_way(noisy, update_scale):
    scale, errors = SCALES.copy(), np.full((6, 2), np.nan)
    gradient(noisy, scale, errors=errors, update_scale=update_scale)
    for j in range(6):
        modulus = np.sqrt(scale[j] * intensity(noisy, noisy.probe, noisy.obj, j))
        distance = (modulus - np.sqrt(noisy.counts[j].astype(float)))[noisy.trusted(j)]
        expected = (distance**2).sum(), noisy.counts[j][noisy.trusted(j)].sum()
        np.testing.assert_allclose(errors[j], expected, rtol=1e-5)


def test_a_frame_taken_without_beam_leaves_a_scale_to_divide_by(noisy):
    noisy.counts[2] = 0
    noisy.packed_counts = noisy.transform.pack_measured(noisy.counts, noisy.mask)
    scale = np.ones(6)
    probe, obj, cost = gradient(noisy, scale, update_scale=True)
    assert 0 < scale[2] < 1e-9
    assert (scale[[0, 1, 3, 4, 5]] > 0.05).all()
    assert all(np.isfinite(a).all() for a in (probe, obj, cost))


def test_a_dark_model_keeps_its_scale_and_costs_a_finite_amount(noisy):
    noisy.obj = np.zeros_like(noisy.obj)
    scale = np.full(6, 0.9)
    probe, obj, cost = gradient(noisy, scale, update_scale=True)
    assert (scale == 0.9).all()
    np.testing.assert_allclose(cost, misfits(noisy, noisy.probe, noisy.obj, scale, **WEIGHT), 1e-5)
    assert not probe.any()
    assert not obj.any()
    assert np.isfinite(expand(noisy, any_step(noisy))).all()


def test_pixels_without_trust_say_nothing(noisy):
    noisy.packed_counts = noisy.transform.pack_measured(noisy.counts, np.zeros(noisy.shape, bool))
    probe, obj, cost = gradient(noisy, np.ones(6), update_scale=True)
    assert not any(a.any() for a in (probe, obj, cost, expand(noisy, any_step(noisy))))


@pytest.mark.parametrize("off", [1e-5, 1e-3, 0.3, 30.0])
def test_the_misfit_of_poisson_noise_is_known_near_its_bottom_and_far_from_it(make_case, off):
    """Its three terms nearly cancel: with a million counts a pixel, to one part in 1e11."""
    case = make_case(shape=(44, 70))
    case.noise_model, case.shifts = "poisson", None
    case.probe *= 1e3
    case.obj = np.ones_like(case.obj)
    model = intensity(case, case.probe, case.obj, 0)
    case.counts = np.float32(np.repeat(model[None], 6, axis=0) * (1 + off))
    case.packed_counts = case.transform.pack_measured(case.counts, case.mask)
    expected = misfits(case, case.probe, case.obj, np.ones(6), factor=1.0, floor=1e-3)
    # Off by 1e-5 the model itself is known to a few per cent of the difference in float32.
    rtol = max(1e-5, 2e-7 / off)
    found = gradient(case, factor=1.0, floor=1e-3)[2]
    np.testing.assert_allclose(found, expected, rtol=rtol)


def test_gradients_are_added_to_what_is_there(noisy, far):
    fresh = gradient(noisy)[:2]
    there = case_probe, case_obj = any_step(noisy)
    expected = [a + b for a, b in zip(there, fresh, strict=True)]
    likelihood_gradient(
        noisy.transform, noisy.probe, noisy.obj, noisy.corners, noisy.packed_counts, *there,
        noise=noisy.noise_model, shifts=noisy.shifts, **WEIGHT,
    )  # fmt: skip
    assert far(case_probe, expected[0]) < 1e-6
    assert far(case_obj, expected[1]) < 1e-6


REFUSED = [
    ({"scale": None, "update_scale": True}, "needs a scale"),
    ({"scale": np.ones(5)}, r"scale.*\(6\)"),
    ({"errors": np.ones((6, 3))}, r"errors.*\(6, 2\)"),
    ({"floor": 0.0}, r"floor is 0\.0"),
    ({"noise": "laplace"}, r"'laplace'.*gaussian, poisson, euclid"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=[str(o) for o, _ in REFUSED])
def test_what_cannot_be_is_refused(make_case, options, message):
    case = make_case()
    with pytest.raises(DataError, match=message):
        likelihood_gradient(
            case.transform, case.probe, case.obj, case.corners, case.packed_counts,
            np.zeros_like(case.probe), np.zeros_like(case.obj), **options,
        )  # fmt: skip


@pytest.mark.parametrize("noise", ["poisson", "euclid"])
def test_what_is_no_polynomial_is_not_expanded_as_one(make_case, noise):
    case = make_case()
    case.noise_model, case.shifts = noise, None
    with pytest.raises(DataError, match=f"order is 8 for {noise}"):
        expand(case, any_step(case), order=8)
