import numpy as np
import pytest

from ptypy.accelerate import initial_waves, project
from ptypy.errors import DataError

DIFFERENCE_MAP = (-0.9, 1.0, 1.9)
RAAR = (1 - 2 * 0.75, 0.75, 2.0)


@pytest.fixture
def case(case_of_either_field):
    return case_of_either_field


def run(case, coefficients, **options):
    waves = case.packed_waves.copy()
    errors = project(
        case.transform,
        waves,
        case.probe,
        case.obj,
        case.corners,
        case.packed_amplitude,
        coefficients=coefficients,
        **options,
    )
    return case.transform.unpack_waves(waves), errors


def test_exit_waves_begin_as_probe_times_object(case, far):
    waves = case.transform.empty_waves(len(case.corners), len(case.probe))
    initial_waves(case.transform, waves, case.probe, case.obj, case.corners)
    expected = np.stack([case.probe * case.obj[view] for view in case.views])
    assert far(case.transform.unpack_waves(waves), expected) < 1e-6


@pytest.mark.parametrize("coefficients", [DIFFERENCE_MAP, RAAR], ids=["DM", "RAAR"])
def test_the_projection_is_what_its_equation_says(case, far, coefficients):
    waves, errors = run(case, coefficients)
    expected, expected_errors = case.project(*coefficients)
    assert far(waves, expected) < case.rounding
    np.testing.assert_allclose(errors, expected_errors, rtol=1e-5)


def test_a_projected_frame_has_the_measured_amplitude_where_it_is_trusted(case, far):
    waves, _ = run(case, (0.0, 1.0, 0.0))
    model = np.sqrt((np.abs(case.forward(waves)) ** 2).sum(axis=1))
    assert far(model[case.mask], case.amplitude[case.mask]) < 5e-6


def test_untrusted_pixels_keep_their_amplitude(case, far):
    waves, _ = run(case, (0.0, 1.0, 0.0))
    before, after = (np.abs(case.forward(w)).swapaxes(0, 1) for w in (case.waves, waves))
    assert far(after[:, ~case.mask], before[:, ~case.mask]) < 5e-6


@pytest.mark.parametrize("bound", [0.3, 3.0], ids=["below the errors", "above them"])
def test_a_frame_is_moved_only_so_far_as_the_noise_allows(case, far, bound):
    waves, errors = run(case, DIFFERENCE_MAP, power_bound=bound)
    expected, expected_errors = case.project(*DIFFERENCE_MAP, power_bound=bound)
    assert far(waves, expected) < case.rounding
    np.testing.assert_allclose(errors, expected_errors, rtol=1e-5)


def test_the_error_falls_to_the_bound(case):
    bounded, before = run(case, (0.0, 1.0, 0.0), power_bound=0.3)
    assert before[:, 0].min() > 0.3
    model = np.sqrt((np.abs(case.forward(bounded)) ** 2).sum(axis=1))
    squares = (model - case.amplitude) ** 2
    after = [frame[trusted].mean() for frame, trusted in zip(squares, case.mask, strict=True)]
    np.testing.assert_allclose(after, 0.3, rtol=1e-4)


def test_a_frame_within_the_noise_is_left_alone(case, far):
    waves, _ = run(case, (0.0, 1.0, 0.0), power_bound=1e6)
    assert far(waves, case.waves) < 2e-6


def test_dark_pixels_of_a_dark_model_give_no_nonsense(make_case):
    case = make_case(frames=4)
    case.probe[:], case.packed_waves[:] = 0, 0
    waves, errors = run(case, DIFFERENCE_MAP)
    assert np.isfinite(waves).all()
    assert np.isfinite(errors[:, [0, 2]]).all()


def test_a_frame_without_a_trusted_pixel_changes_no_amplitude(make_case, far):
    case = make_case(frames=4)
    nothing = np.zeros_like(case.mask)
    case.packed_amplitude = case.transform.pack_measured(case.amplitude, nothing)
    waves, errors = run(case, (0.0, 1.0, 0.0))
    assert far(waves, case.waves) < 2e-6
    assert (errors[:, 0] == 0).all()


def test_a_frame_beyond_the_object_is_named(case):
    case.corners[2] = (3, 8)
    with pytest.raises(DataError, match=r"1 of 6 frames.*frame 2.*\(3, 8\).*\(9, 7\)"):
        run(case, DIFFERENCE_MAP)


def test_a_corner_before_the_object_is_refused(case):
    case.corners[0] = (-1, 0)
    with pytest.raises(DataError, match="beyond the object"):
        run(case, DIFFERENCE_MAP)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("probe", lambda a: a.astype(complex), r"probe is complex128.*complex64"),
        ("probe", lambda a: a[:, 1:], r"probe.*shape \(any, 44, 70\)"),
        ("obj", lambda a: a.real, r"obj is float32"),
        ("corners", lambda a: a * 1.0, r"corners are float64.*integers"),
        ("corners", lambda a: a[:5], r"waves.*shape \(5, "),
        ("packed_amplitude", lambda a: a[:5], r"amplitude.*shape \(6, "),
        ("packed_amplitude", lambda a: a[:, ::-1], r"contiguous"),
        ("packed_waves", lambda a: a[..., 1:], r"waves"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_name(make_case, name, change, message):
    case = make_case((44, 70))
    setattr(case, name, change(getattr(case, name)))
    with pytest.raises(DataError, match=message):
        run(case, DIFFERENCE_MAP)
