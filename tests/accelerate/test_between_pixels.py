"""Frames that lie between the object's pixels, against linear interpolation in plain numpy."""

import numpy as np
import pytest

from ptypy.accelerate import (
    epie_sweep,
    initial_waves,
    likelihood_gradient,
    line_coefficients,
    model_error,
    object_sums,
    probe_sums,
    project,
)
from ptypy.errors import DataError


def between_pixels(made):
    made.shifts = np.random.default_rng(5).random((len(made.corners), 2))
    made.shifts[0] = 0
    made.obj = made.noise(6, 44 + 10, 70 + 8)  # one pixel more than frames on whole pixels need
    return made


@pytest.fixture
def case(case_of_either_field):
    return between_pixels(case_of_either_field)


@pytest.fixture(params=[1, 3], ids=["one mode", "three modes"])
def far_field(request, make_case):
    return between_pixels(make_case(shape=(44, 70), modes=request.param))


def shares(shift):
    v, u = shift
    return {(0, 0): (1 - v) * (1 - u), (0, 1): (1 - v) * u, (1, 0): v * (1 - u), (1, 1): v * u}


def look(case, obj, j):
    """What frame j sees."""
    (y, x), (height, width) = case.corners[j], case.shape
    return sum(
        share * obj[y + dy : y + dy + height, x + dx : x + dx + width]
        for (dy, dx), share in shares(case.shifts[j]).items()
    )


def give(case, target, j, view):
    """Add a view to the object by the same shares."""
    (y, x), (height, width) = case.corners[j], case.shape
    for (dy, dx), share in shares(case.shifts[j]).items():
        target[y + dy : y + dy + height, x + dx : x + dx + width] += share * view


def views(case, obj=None):
    obj = (case.obj if obj is None else obj).astype(complex)
    return [look(case, obj, j) for j in range(len(case.corners))]


def test_an_exit_wave_is_the_probe_times_what_lies_between_the_pixels(case, far):
    waves = case.transform.empty_waves(6, len(case.probe))
    initial_waves(
        case.transform, waves, case.probe, case.obj, case.corners, shifts=case.shifts, threads=2
    )
    expected = [case.probe * view for view in views(case)]
    assert far(case.transform.unpack_waves(waves), expected) < 1e-6


@pytest.mark.parametrize("bound", [None, 0.5])
def test_a_projection_sees_the_object_between_its_pixels(case, far, bound):
    waves = case.packed_waves.copy()
    errors = project(
        case.transform, waves, case.probe, case.obj, case.corners, case.packed_amplitude,
        coefficients=(-0.8, 1.0, 1.8), power_bound=bound, shifts=case.shifts, threads=2,
    )  # fmt: skip
    # The same frames, each with an object of its own, on whole pixels.
    expected, expected_errors = [], []
    for j, view in enumerate(views(case)):
        alone = case.transform.pack_waves(case.waves[j : j + 1])
        expected_errors.append(
            project(
                case.transform, alone, case.probe, view.astype(np.complex64),
                np.zeros((1, 2), int), case.packed_amplitude[j : j + 1],
                coefficients=(-0.8, 1.0, 1.8), power_bound=bound,
            )[0]
        )  # fmt: skip
        expected.append(case.transform.unpack_waves(alone)[0])
    assert far(case.transform.unpack_waves(waves), expected) < 1e-5
    np.testing.assert_allclose(errors, expected_errors, rtol=1e-4)


def test_what_waves_say_of_the_object_goes_to_all_pixels_they_touch(case, far):
    numerator = np.zeros(case.obj.shape, np.complex64)
    denominator = np.zeros(case.obj.shape, np.float32)
    object_sums(
        case.transform, case.packed_waves, case.probe, case.corners, numerator, denominator,
        shifts=case.shifts, threads=2,
    )  # fmt: skip
    sums, powers = np.zeros(case.obj.shape, complex), np.zeros(case.obj.shape)
    for j in range(6):
        give(case, sums, j, (case.probe.conj() * case.waves[j]).sum(axis=0))
        give(case, powers, j, (np.abs(case.probe) ** 2).sum(axis=0))
    assert far(numerator, sums) < 1e-5
    assert far(denominator, powers) < 1e-5


def test_an_object_that_explains_the_waves_stays_as_it_is(case, far):
    # Its quotient alone would be the object blurred.
    waves = case.transform.empty_waves(6, len(case.probe))
    initial_waves(case.transform, waves, case.probe, case.obj, case.corners, shifts=case.shifts)
    numerator = np.zeros(case.obj.shape, np.complex64)
    denominator = np.zeros(case.obj.shape, np.float32)
    object_sums(
        case.transform, waves, case.probe, case.corners, numerator, denominator,
        obj=case.obj, shifts=case.shifts, threads=2,
    )  # fmt: skip
    lit = denominator > 1e-3 * denominator.max()
    assert far((numerator / np.where(lit, denominator, 1))[lit], case.obj[lit]) < 1e-4


def test_what_waves_say_of_the_probe_uses_the_object_between_its_pixels(case, far):
    numerator = np.zeros(case.probe.shape, np.complex64)
    denominator = np.zeros(case.shape, np.float32)
    probe_sums(
        case.transform, case.packed_waves, case.obj, case.corners, numerator, denominator,
        shifts=case.shifts, threads=2,
    )  # fmt: skip
    seen = views(case)
    assert far(numerator, sum(v.conj() * w for v, w in zip(seen, case.waves, strict=True))) < 1e-5
    assert far(denominator, sum(np.abs(v) ** 2 for v in seen)) < 1e-5


def test_the_model_is_that_of_the_object_between_its_pixels(case):
    errors = model_error(
        case.transform, case.probe, case.obj, case.corners, case.packed_amplitude,
        shifts=case.shifts, threads=2,
    )  # fmt: skip
    for j, view in enumerate(views(case)):
        modulus = np.sqrt((np.abs(case.forward(case.probe * view)) ** 2).sum(axis=0))
        expected = ((modulus - case.amplitude[j]) ** 2)[case.trusted(j)].sum()
        assert errors[j, 0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("update_scale", [False, True])
def test_the_gradient_is_the_slope_of_the_misfit_along_any_line(far_field, update_scale):
    case = far_field
    # Along the gradient itself: misfit(x + t g) - misfit(x - t g) = 4 t |g|^2 to third order.
    scale = np.linspace(0.8, 1.2, 6)
    gradients = np.zeros_like(case.probe), np.zeros_like(case.obj)
    options = {"factor": 0.5, "floor": 2.0, "shifts": case.shifts, "threads": 2}
    likelihood_gradient(
        case.transform, case.probe, case.obj, case.corners, case.packed_counts, *gradients,
        scale=scale, update_scale=update_scale, **options,
    )  # fmt: skip

    def misfit(probe, obj):
        total = 0.0
        for j, view in enumerate(views(case, obj)):
            model = (np.abs(case.forward(probe.astype(complex) * view)) ** 2).sum(axis=0)
            counts = case.counts[j].astype(float)
            weight = 0.5 * case.trusted(j) / (2.0 + counts)
            total += (weight * (scale[j] * model - counts) ** 2).sum()
        return total

    for moved in (0, 1):
        direction = gradients[moved].astype(complex)
        t = 1e-5 / np.abs(direction).max()
        values = [
            misfit(*(x + sign * t * direction if k == moved else x.astype(complex)
                     for k, x in enumerate((case.probe, case.obj))))
            for sign in (1, -1)
        ]  # fmt: skip
        slope = (values[0] - values[1]) / (2 * t)
        assert slope == pytest.approx(2 * (np.abs(direction) ** 2).sum(), rel=1e-3)


def test_the_expansion_along_a_line_sees_both_objects_between_their_pixels(far_field):
    case = far_field
    step_probe, step_obj = case.noise(8, *case.probe.shape), case.noise(9, *case.obj.shape)
    b0, b1, b2 = line_coefficients(
        case.transform, case.probe, case.obj, step_probe, step_obj, case.corners,
        case.packed_counts, factor=0.5, floor=2.0, shifts=case.shifts, threads=2,
    )  # fmt: skip
    expected = np.zeros(3)
    for j, (o, d) in enumerate(zip(views(case), views(case, step_obj), strict=True)):
        f = case.forward(case.probe * o)
        g = case.forward(case.probe * d + step_probe * o)
        h = case.forward(step_probe * d)
        counts = case.counts[j].astype(float)
        weight = 0.5 * case.trusted(j) / (2.0 + counts)
        a0 = (np.abs(f) ** 2).sum(axis=0) - counts
        a1 = 2 * (f.conj() * g).real.sum(axis=0)
        a2 = (np.abs(g) ** 2).sum(axis=0) + 2 * (f.conj() * h).real.sum(axis=0)
        expected += [(weight * v).sum() for v in (a0**2, 2 * a0 * a1, a1**2 + 2 * a0 * a2)]
    np.testing.assert_allclose([b0, b1, b2], expected, rtol=1e-4)


@pytest.mark.parametrize("global_norm", [False, True], ids=["view's norm", "object's norm"])
def test_a_sweep_moves_all_pixels_that_a_frame_lies_between(case, far, global_norm):
    probe, obj = case.probe.copy(), case.obj.copy()
    order = [4, 0, 3, 1, 5, 2, 0]
    epie_sweep(
        case.transform, probe, obj, case.corners, case.packed_amplitude, np.array(order),
        object_step=0.7, probe_step=0.9, object_norm_is_global=global_norm, shifts=case.shifts,
    )  # fmt: skip
    p, o = case.probe.astype(complex), case.obj.astype(complex)
    for j in order:
        view = look(case, o, j)
        f = case.forward(p * view)
        modulus = np.sqrt((np.abs(f) ** 2).sum(axis=0))
        fitted = f * np.where(case.trusted(j), case.amplitude[j] / modulus, 1)
        d = case.adjoint(fitted) - p * view
        probe_peak = (np.abs(p) ** 2).sum(axis=0).max()
        object_peak = (np.abs(o if global_norm else view) ** 2).max()
        give(case, o, j, 0.7 * (p.conj() * d).sum(axis=0) / probe_peak)
        p = p + 0.9 * view.conj() * d / object_peak
    assert far(probe, p) < 1e-5
    assert far(obj, o) < 1e-5


def test_an_object_without_the_pixel_beside_the_last_view_is_refused(case):
    with pytest.raises(DataError, match="beyond the object"):
        model_error(
            case.transform, case.probe, case.obj[:-1], case.corners, case.packed_amplitude,
            shifts=case.shifts,
        )  # fmt: skip


def test_a_shift_of_a_whole_pixel_is_refused(case):
    with pytest.raises(DataError, match="from 0 to below"):
        model_error(
            case.transform, case.probe, case.obj, case.corners, case.packed_amplitude,
            shifts=case.shifts + 1,
        )  # fmt: skip
