import numpy as np
import pytest

from ptypy.accelerate import model_error, object_sums, probe_sums, project
from ptypy.errors import DataError


@pytest.fixture
def case(case_of_either_field):
    return case_of_either_field


def test_object_sums_put_every_frame_where_it_lies(case, far):
    numerator = case.noise(1, *case.obj.shape)
    denominator = np.ones(case.obj.shape, np.float32)
    expected, power = numerator.astype(complex), denominator.astype(float)
    for view, waves in zip(case.views, case.waves, strict=True):
        expected[view] += (case.probe.conj() * waves).sum(axis=0)
        power[view] += (np.abs(case.probe) ** 2).sum(axis=0)
    object_sums(case.transform, case.packed_waves, case.probe, case.corners, numerator, denominator)
    assert far(numerator, expected) < 1e-6
    assert far(denominator, power) < 1e-6


def project_with_sums(case, *sums, **options):
    """Project and sum up while at it; give what is otherwise summed up afterwards, too."""
    place = (case.probe, case.obj, case.corners)
    arguments = {"coefficients": (-0.9, 1.0, 1.9), "threads": 2, **options}
    waves, apart = case.packed_waves.copy(), case.packed_waves.copy()
    project(
        case.transform, waves, *place, case.packed_amplitude, object_numerator=sums[0],
        object_denominator=sums[1], **arguments,
    )  # fmt: skip
    project(case.transform, apart, *place, case.packed_amplitude, **arguments)
    after = np.zeros_like(case.obj), np.zeros(case.obj.shape, np.float32)
    shifts = arguments.get("shifts")
    place = (case.transform, apart, case.probe, case.corners)
    object_sums(*place, *after, obj=case.obj, shifts=shifts)
    return waves, apart, after


@pytest.mark.parametrize("bound", [None, 0.5])
@pytest.mark.parametrize("between", [False, True], ids=["on pixels", "between pixels"])
def test_sums_within_a_projection_are_those_after_it(case, far, bound, between):
    case.obj = case.noise(6, 44 + 10, 70 + 8)
    shifts = np.random.default_rng(5).random((6, 2)) if between else None
    sums = case.noise(1, *case.obj.shape), np.ones(case.obj.shape, np.float32)
    before = [a.copy() for a in sums]
    waves, apart, after = project_with_sums(case, *sums, power_bound=bound, shifts=shifts)
    assert far(waves, apart) < 1e-6
    assert far(sums[0], before[0] + after[0]) < 1e-6
    assert far(sums[1], before[1] + after[1]) < 1e-6


def test_half_of_the_sums_is_refused_before_a_wave_moves(case):
    waves = case.packed_waves.copy()
    with pytest.raises(DataError, match="object_denominator"):
        project(
            case.transform, waves, case.probe, case.obj, case.corners, case.packed_amplitude,
            coefficients=(-0.9, 1.0, 1.9), object_numerator=np.zeros_like(case.obj),
        )  # fmt: skip
    assert np.array_equal(waves, case.packed_waves)


def test_probe_sums_take_from_every_frame_its_view_of_the_object(case, far):
    numerator = case.noise(1, *case.probe.shape)
    denominator = np.ones(case.shape, np.float32)
    expected, power = numerator.astype(complex), denominator.astype(float)
    for view, waves in zip(case.views, case.waves, strict=True):
        expected += case.obj[view].conj() * waves
        power += np.abs(case.obj[view]) ** 2
    probe_sums(case.transform, case.packed_waves, case.obj, case.corners, numerator, denominator)
    assert far(numerator, expected) < 1e-6
    assert far(denominator, power) < 1e-6


def test_sums_of_consistent_waves_give_back_object_and_probe(case, far):
    waves = np.stack([case.probe * case.obj[view] for view in case.views])
    packed = case.transform.pack_waves(waves)
    numerator, denominator = np.zeros_like(case.obj), np.zeros(case.obj.shape, np.float32)
    object_sums(case.transform, packed, case.probe, case.corners, numerator, denominator)
    assert far(numerator, case.obj * denominator) < 1e-5
    numerator, denominator = np.zeros_like(case.probe), np.zeros(case.shape, np.float32)
    probe_sums(case.transform, packed, case.obj, case.corners, numerator, denominator)
    assert far(numerator, case.probe * denominator) < 1e-5


def test_sums_reach_arrays_that_are_not_contiguous(case, far):
    plain, power = np.zeros_like(case.obj), np.zeros(case.obj.shape, np.float32)
    turned = np.zeros(case.obj.shape[::-1], np.complex64).T
    arguments = (case.transform, case.packed_waves, case.probe, case.corners)
    object_sums(*arguments, plain, power)
    object_sums(*arguments, turned, power)
    assert far(turned, plain) == 0


def test_no_frames_add_nothing(case):
    numerator, denominator = np.zeros_like(case.obj), np.zeros(case.obj.shape, np.float32)
    nothing = (case.packed_waves[:0], case.probe, case.corners[:0])
    object_sums(case.transform, *nothing, numerator, denominator)
    assert not numerator.any()
    assert not denominator.any()


def test_a_denominator_of_another_shape_is_refused(case):
    with pytest.raises(DataError, match="denominator"):
        object_sums(
            case.transform,
            case.packed_waves,
            case.probe,
            case.corners,
            np.zeros_like(case.obj),
            np.zeros((3, 3), np.float32),
        )


def test_a_read_only_sum_is_refused_before_anything_is_added(case):
    numerator, denominator = np.zeros_like(case.obj), np.zeros(case.obj.shape, np.float32)
    numerator.flags.writeable = False
    with pytest.raises(DataError, match="read-only"):
        object_sums(
            case.transform, case.packed_waves, case.probe, case.corners, numerator, denominator
        )


def test_the_model_is_compared_on_trusted_pixels_alone(case):
    sums = model_error(case.transform, case.probe, case.obj, case.corners, case.packed_amplitude)
    expected = []
    for j, view in enumerate(case.views):
        model = (np.abs(case.forward(case.probe * case.obj[view])) ** 2).sum(axis=0)
        model, counts = model[case.mask[j]], case.counts[j].astype(float)[case.mask[j]]
        distance = (np.sqrt(model) - np.sqrt(counts)) ** 2
        misfit = (model - counts) ** 2 / (counts + 1)
        expected.append([distance.sum(), misfit.sum(), counts.sum()])
    np.testing.assert_allclose(sums, expected, rtol=1e-5)
