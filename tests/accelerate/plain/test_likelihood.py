"""Misfits and their gradients: against the compiled ones, and against finite differences."""

import numpy as np
import pytest

from ptypy import accelerate
from ptypy.accelerate import plain
from ptypy.errors import DataError

WEIGHT = {"factor": 0.7, "floor": 0.5}
NOISES = {
    "gaussian": lambda u, v: (u - v) ** 2 / v,
    "poisson": lambda u, v: u - v - v * np.log(u / v),
    "euclid": lambda u, v: (np.sqrt(u) - np.sqrt(v)) ** 2,
}


@pytest.fixture(params=NOISES)
def noise(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["on pixels", "between pixels"])
def compiled(request, make_case):
    made, made_shifts = make_case((31, 45), modes=2), None
    if request.param:
        made.obj = made.noise(6, 31 + 10, 45 + 8)
        made_shifts = np.random.default_rng(5).random((6, 2))
    made.shifts = made_shifts
    return made


@pytest.mark.parametrize("update_scale", [False, True])
def test_misfit_and_gradient_are_those_of_the_compiled_kernels(
    compiled, noise, update_scale, as_sight, far
):
    case, sight = compiled, as_sight(compiled, compiled.shifts)
    options = {"noise": noise, "update_scale": update_scale, "threads": 2, **WEIGHT}
    found, wanted = (
        {"scale": np.linspace(0.5, 1.5, 6), "errors": np.full((6, 2), np.nan)} for _ in range(2)
    )
    slopes = np.zeros_like(sight.probe), np.zeros_like(sight.obj)
    expected = np.zeros_like(case.probe), np.zeros_like(case.obj)
    misfits = plain.likelihood_gradient(
        [sight], case.seen[1], [slopes[0]], [slopes[1]], **options, **found
    )
    right = accelerate.likelihood_gradient(
        case.transform, case.probe, case.obj, case.corners, case.packed_counts, *expected,
        shifts=case.shifts, **options, **wanted,
    )  # fmt: skip
    np.testing.assert_allclose(misfits, right, rtol=1e-5)
    np.testing.assert_allclose(found["scale"], wanted["scale"], rtol=1e-5)
    np.testing.assert_allclose(found["errors"], wanted["errors"], rtol=1e-5)
    assert far(slopes[0], expected[0]) < 1e-5
    assert far(slopes[1][0], expected[1]) < 1e-5


@pytest.mark.parametrize(("noise", "order"), [*((name, 2) for name in NOISES), ("gaussian", 8)])
def test_the_line_search_is_that_of_the_compiled_kernels(compiled, noise, order, as_sight):
    case, sight = compiled, as_sight(compiled, compiled.shifts)
    steps = case.noise(1, *case.probe.shape), case.noise(2, *case.obj.shape)
    options = {"noise": noise, "order": order, "scale": np.linspace(0.5, 1.5, 6), **WEIGHT}
    expected = accelerate.line_coefficients(
        case.transform, case.probe, case.obj, *steps, case.corners, case.packed_counts,
        shifts=case.shifts, **options,
    )  # fmt: skip
    found = plain.line_coefficients(
        [sight], [steps[0]], [steps[1][None]], case.seen[1], threads=2, **options
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def moved(scan, steps, t):
    """The scan a step t further."""
    after = scan.changed
    for sight, step in zip(after.sights, steps, strict=True):
        sight.probe[...] += t * step[0]
        sight.obj[...] += t * step[1]
    return after


def misfits(scan, noise, scale):
    """The table of the compiled door, pixel by pixel."""
    result = []
    for j, counts in enumerate(scan.counts):
        model = scan.intensity([scan.product(k, j) for k in range(len(scan.sights))])
        trusted = counts >= 0
        u, v = scale[j] * model[trusted] + 0.5, counts[trusted] + 0.5
        result.append(0.7 * NOISES[noise](u, v).sum())
    return np.array(result)


def any_steps(scan):
    random = np.random.default_rng(9)

    def step(like):
        return random.standard_normal(like.shape) + 1j * random.standard_normal(like.shape)

    return [(step(s.probe), step(s.obj)) for s in scan.sights]


SCALES = np.linspace(0.6, 1.4, 4)


def gradient(scan, noise, scale=SCALES, **options):
    probes, objs = ([np.zeros_like(getattr(s, n)) for s in scan.sights] for n in ("probe", "obj"))
    cost = plain.likelihood_gradient(
        scan.sights, scan.counts, probes, objs, noise=noise, scale=scale, threads=2,
        **WEIGHT, **options,
    )  # fmt: skip
    return probes, objs, cost


def test_the_misfit_is_that_of_all_colours_and_modes_together(scan, noise):
    expected = misfits(scan, noise, SCALES)
    np.testing.assert_allclose(gradient(scan, noise)[2], expected, rtol=1e-11)


@pytest.mark.parametrize("which", [0, 1], ids=["probe", "object"])
def test_the_gradient_predicts_what_a_small_step_changes(scan, noise, which):
    slopes, h = gradient(scan, noise)[which], 1e-5
    for k, step in enumerate(any_steps(scan)):
        steps = [(0, 0)] * len(scan.sights)
        steps[k] = (step[0], 0) if which == 0 else (0, step[1])
        after, before = (misfits(moved(scan, steps, t), noise, SCALES).sum() for t in (h, -h))
        predicted = 2 * np.vdot(slopes[k], step[which]).real
        size = float(np.linalg.norm(slopes[k]) * np.linalg.norm(step[which]))
        assert predicted == pytest.approx((after - before) / (2 * h), abs=1e-8 * size)


def test_the_line_search_knows_the_misfit_up_to_the_second_order(scan, noise):
    steps, h = any_steps(scan), 1e-3
    values = [misfits(moved(scan, steps, t), noise, SCALES).sum() for t in h * np.arange(-3, 4)]
    first = np.dot([-1, 9, -45, 0, 45, -9, 1], values) / (60 * h)
    second = np.dot([2, -27, 270, -490, 270, -27, 2], values) / (360 * h * h)
    found = plain.line_coefficients(
        scan.sights, *zip(*steps, strict=True), scan.counts, noise=noise, scale=SCALES, threads=2,
        **WEIGHT,
    )  # fmt: skip
    np.testing.assert_allclose(found, (values[3], first, second), rtol=1e-5)


def test_all_of_the_polynomial_is_known_for_gaussian_noise(scan):
    steps, t = any_steps(scan), np.linspace(-1, 1, 9)
    values = [misfits(moved(scan, steps, each), "gaussian", SCALES).sum() for each in t]
    exact = np.polynomial.polynomial.polyfit(t, values, 8)
    found = plain.line_coefficients(
        scan.sights, *zip(*steps, strict=True), scan.counts, scale=SCALES, order=8, **WEIGHT
    )
    np.testing.assert_allclose(found, exact, rtol=1e-8)


def test_colours_that_share_a_gradient_both_add_to_it(make_scan, far):
    scan = make_scan()
    first, second = scan.sights
    scan.sights[1] = plain.Sight(
        first.probe, first.obj, second.corners, None, second.forward, second.adjoint
    )
    probes, objs, _ = gradient(scan, "poisson")
    both = np.zeros_like(first.probe), np.zeros_like(first.obj)
    plain.likelihood_gradient(
        scan.sights, scan.counts, [both[0]] * 2, [both[1]] * 2, noise="poisson", scale=SCALES,
        **WEIGHT,
    )  # fmt: skip
    assert far(both[0], sum(probes)) < 1e-12
    assert far(both[1], sum(objs)) < 1e-12


def test_new_scales_are_those_with_the_smallest_misfit(make_scan, noise):
    # All counts alike, and the floor too small to matter: a derivative of zero is enough.
    scan, scale = make_scan(), np.ones(4)
    options = {"noise": noise, "factor": 1.0, "floor": 1e-9, "scale": scale}
    empty = [[np.zeros_like(getattr(s, n)) for s in scan.sights] for n in ("probe", "obj")]
    plain.likelihood_gradient(scan.sights, scan.counts, *empty, update_scale=True, **options)
    assert not np.allclose(scale, 1, rtol=1e-2)

    def cost(factor):
        return plain.likelihood_gradient(
            scan.sights, scan.counts, *empty, **options | {"scale": factor * scale}
        )

    here, step = cost(1.0), 1e-3
    assert (cost(1 + step) > here).all()
    assert (cost(1 - step) > here).all()


def test_a_dark_model_and_frames_without_trust_leave_numbers(make_scan, noise):
    scan, scale = make_scan(), np.full(4, 0.9)
    for sight in scan.sights:
        sight.obj[:] = 0
    scan.counts[0] = -1
    probes, objs, cost = gradient(scan, noise, scale, update_scale=True)
    assert (scale == 0.9).all()
    assert cost[0] == 0
    assert np.isfinite(cost).all()
    assert not any(g.any() for g in (*probes, *objs))


def test_single_precision_stays_single(make_case, as_sight, noise):
    case = make_case((12, 10))
    sight = as_sight(case)
    near_bottom = 1e3 * np.abs(case.forward(case.probe[0] * case.obj[case.views[0]])) ** 2
    counts = np.float32(np.repeat(near_bottom[None], 6, 0))
    slopes = np.zeros_like(sight.probe), np.zeros_like(sight.obj)
    assert slopes[0].dtype == np.complex64
    cost = plain.likelihood_gradient(
        [sight], counts, [slopes[0]], [slopes[1]], noise=noise, scale=np.full(6, 1.01e3),
        floor=np.float64(1e-3),
    )  # fmt: skip
    expected = NOISES[noise](1.01 * near_bottom + 1e-3, near_bottom + 1e-3).sum()
    assert cost[0] == pytest.approx(expected, rel=1e-4)


def test_many_photons_where_the_model_is_dark_cost_a_finite_amount(make_case, as_sight, noise):
    # In single precision 1e7 + 1e-3 is 1e7: the ratio of u and v must not become 0.
    case = make_case((12, 10))
    case.obj[:] = 0
    sight, counts = as_sight(case), np.full((6, 12, 10), 1e7, np.float32)
    slopes = np.zeros_like(sight.probe), np.zeros_like(sight.obj)
    cost = plain.likelihood_gradient(
        [sight], counts, [slopes[0]], [slopes[1]], noise=noise, floor=1e-3
    )
    np.testing.assert_allclose(cost, 120 * NOISES[noise](1e-3, 1e7 + 1e-3), rtol=1e-5)


def test_what_cannot_be_is_refused(make_scan):
    scan = make_scan()
    with pytest.raises(DataError, match=r"'laplace'.*gaussian, poisson, euclid"):
        gradient(scan, "laplace")
    with pytest.raises(DataError, match="needs a scale"):
        gradient(scan, "poisson", None, update_scale=True)
    steps = list(zip(*any_steps(scan), strict=True))
    with pytest.raises(DataError, match="order is 8 for poisson"):
        plain.line_coefficients(scan.sights, *steps, scan.counts, noise="poisson", order=8)
    with pytest.raises(DataError, match="step_objs"):
        plain.line_coefficients(scan.sights, steps[0], steps[0], scan.counts)
