"""Detectors so close that a frame is the wave behind the object, blurred by its spectrum."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptypy.accelerate import (
    Transform,
    epie_sweep,
    initial_waves,
    model_error,
    object_sums,
    probe_sums,
    project,
)
from ptypy.errors import DataError

SHAPES = [
    *[(n, n) for n in (16, 64, 30, 37, 250)],
    (48, 80),
    (210, 22),
    (1, 9),
    (13, 1),
    (134, 101),
]


@pytest.fixture(params=[1, 3], ids=["one mode", "three modes"])
def case(request, make_case, angular_spectrum):
    """Waves finer than the wavelength decay on their way to the detector."""
    transfer = angular_spectrum((44, 70), 2.5, 1.0)
    assert np.abs(transfer).min() < 0.2
    return make_case((44, 70), request.param, transfer=transfer)


def run(case, coefficients, **options):
    waves = case.packed_waves.copy()
    errors = project(
        case.transform, waves, case.probe, case.obj, case.corners, case.packed_amplitude,
        coefficients=coefficients, **options,
    )  # fmt: skip
    return case.transform.unpack_waves(waves), errors


def intensities(case, waves):
    return (np.abs(case.forward(waves.astype(complex))) ** 2).sum(axis=-3)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_model_frame_is_that_of_the_angular_spectrum_whatever_the_size(
    shape, make_case, angular_spectrum, far
):
    case = make_case(shape, frames=4, transfer=angular_spectrum(shape, 2.5, 1.0))
    model = np.abs(case.forward(case.probe[0] * case.obj[case.views[1]]))
    # Every pixel by itself: the others are masked, so the sum over the frame is this pixel's.
    ys, xs = np.unravel_index(np.linspace(0, model.size - 1, 25).astype(int), shape)
    masks = np.zeros((25, *shape), bool)
    masks[np.arange(25), ys, xs] = True
    packed = case.transform.pack_measured(np.zeros(masks.shape), masks)
    corners = np.repeat(case.corners[1:2], 25, axis=0)
    sums = model_error(case.transform, case.probe, case.obj, corners, packed)
    assert far(np.sqrt(sums[:, 0]), model[ys, xs]) < 2e-6


def test_a_detector_right_behind_the_object_sees_the_exit_wave(make_case):
    case = make_case((20, 30), transfer=np.ones((20, 30)))
    seen = np.abs(case.probe[0] * case.obj[case.views[0]])
    packed = case.transform.pack_measured(seen[None], np.ones((20, 30), bool))
    sums = model_error(case.transform, case.probe, case.obj, case.corners[:1], packed)
    assert sums[0, 0] < 1e-9 * sums[0, 2]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 3), st.integers(0, 99))
def test_what_only_turns_phases_neither_makes_nor_loses_photons(height, width, modes, seed):
    random = np.random.default_rng(seed)
    shape = (modes, height, width)
    probe = (random.random(shape) + 1j * random.random(shape)).astype(np.complex64)
    transform = Transform(shape[1:], np.exp(2j * np.pi * random.random(shape[1:])))
    dark = transform.pack_measured(np.zeros((1, *shape[1:])), np.ones(shape[1:], bool))
    one = np.ones(shape[1:], np.complex64)
    sums = model_error(transform, probe, one, np.zeros((1, 2), int), dark)
    assert sums[0, 0] == pytest.approx((np.abs(probe) ** 2).sum(), rel=1e-5)


@pytest.mark.parametrize("bound", [None, 0.3, 3.0])
@pytest.mark.parametrize("coefficients", [(-0.9, 1.0, 1.9), (-0.5, 0.75, 2.0)], ids=["DM", "RAAR"])
def test_the_projection_is_what_its_equation_says_where_waves_decay(case, far, coefficients, bound):
    waves, errors = run(case, coefficients, power_bound=bound, threads=2)
    expected, expected_errors = case.project(*coefficients, power_bound=bound)
    assert far(waves, expected) < case.rounding
    np.testing.assert_allclose(errors, expected_errors, rtol=1e-5)


@pytest.mark.parametrize("global_norm", [False, True], ids=["view's norm", "object's norm"])
def test_a_sweep_is_what_its_equations_say_where_waves_decay(case, far, global_norm):
    probe, obj, order = case.probe.copy(), case.obj.copy(), [4, 0, 3, 1, 5, 2, 0]
    errors = epie_sweep(
        case.transform, probe, obj, case.corners, case.packed_amplitude, np.array(order),
        object_step=0.7, probe_step=0.9, object_norm_is_global=global_norm,
    )  # fmt: skip
    expected = case.epie(order, 0.7, 0.9, global_norm)
    assert far(probe, expected[0]) < 1e-5
    assert far(obj, expected[1]) < 1e-5
    np.testing.assert_allclose(errors, expected[2], rtol=1e-4)


def test_every_step_fits_the_frames_better_where_waves_decay(case):
    before = None
    for _ in range(4):
        waves, errors = run(case, (0.0, 1.0, 0.0))
        assert before is None or (errors[:, 0] < before).all()
        before, case.packed_waves = errors[:, 0], case.transform.pack_waves(waves)


def test_waves_that_explain_their_frames_stay_as_they_are(case, far):
    amplitude = np.sqrt(intensities(case, case.waves))
    case.packed_amplitude = case.transform.pack_measured(amplitude, case.mask)
    waves, errors = run(case, (0.0, 1.0, 0.0))
    assert far(waves, case.waves) < 2e-6
    assert errors[:, 0].max() < 1e-10


def test_what_does_not_reach_the_detector_stays_as_it_is(make_case, far):
    stopped = np.add.outer(np.fft.fftfreq(44) ** 2, np.fft.fftfreq(70) ** 2) > 0.1
    case = make_case((44, 70), transfer=np.where(stopped, 0.0, 1.0))
    waves, _ = run(case, (0.0, 1.0, 0.0))
    before, after = np.fft.fft2(case.waves), np.fft.fft2(waves)
    assert far(after[..., stopped], before[..., stopped]) < 2e-6
    assert far(after[..., ~stopped], before[..., ~stopped]) > 0.1


def test_a_slice_of_free_space_moves_a_wave_as_far_as_it_is_tilted(make_case):
    # exp(2 pi i (k . x)) gains a phase alone; its envelope walks by distance * tangent.
    shape, distance, wavelength, k = (64, 128), 40.0, 0.5, 0.25
    y, x = np.indices(shape) - np.array([32, 40])[:, None, None]
    beam = np.exp(-(x**2 + y**2) / 50 + 2j * np.pi * k * x).astype(np.complex64)
    squares = [(wavelength * np.fft.fftfreq(n)) ** 2 for n in shape]
    phase = distance / wavelength * np.sqrt(1 - np.add.outer(*squares))
    transform = Transform(shape, np.exp(2j * np.pi * phase))
    columns = np.eye(128, dtype=bool)[:, None, :] & np.ones((1, 64, 1), bool)
    dark = transform.pack_measured(np.zeros(columns.shape), columns)
    one, corners = np.ones(shape, np.complex64), np.zeros((128, 2), int)
    light = model_error(transform, beam[None], one, corners, dark)[:, 0]
    tangent = wavelength * k / np.sqrt(1 - (wavelength * k) ** 2)
    walked = (light * np.arange(128)).sum() / light.sum() - 40
    assert walked == pytest.approx(distance * tangent, rel=0.01)


def test_exit_waves_and_sums_know_nothing_of_the_way_to_the_detector(case):
    far_field = Transform(case.shape)
    results = []
    for transform in (case.transform, far_field):
        waves = transform.empty_waves(6, len(case.probe))
        initial_waves(transform, waves, case.probe, case.obj, case.corners)
        of_obj = np.zeros_like(case.obj), np.zeros(case.obj.shape, np.float32)
        object_sums(transform, waves, case.probe, case.corners, *of_obj)
        of_probe = np.zeros_like(case.probe), np.zeros(case.shape, np.float32)
        probe_sums(transform, waves, case.obj, case.corners, *of_probe)
        results.append([waves, *of_obj, *of_probe])
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


def test_untrusted_pixels_are_negative_and_trusted_ones_are_not(case):
    packed = case.packed_counts
    trusted = case.counts[case.mask]
    assert np.array_equal(np.sort(packed[packed >= 0]), np.sort(trusted))
    assert (packed[packed < 0] == -1).all()


def test_frames_packed_for_a_far_field_are_refused(case):
    case.packed_amplitude = Transform(case.shape).pack_measured(case.amplitude, case.mask)
    with pytest.raises(DataError, match="amplitude"):
        run(case, (0.0, 1.0, 0.0))


@pytest.mark.parametrize(
    ("transfer", "message"),
    [
        (np.ones((16, 17)), r"shape \(16, 17\).*shape \(16, 16\)"),
        (np.ones((16, 16), int), "int64"),
        (np.full((16, 16), 1.01), r"modulus of 1\.01.*at most 1"),
        (np.full((16, 16), np.nan), "modulus of nan.*finite"),
    ],
    ids=["another shape", "integers", "a gain", "not a number"],
)
def test_a_transfer_function_that_cannot_be_is_refused(transfer, message):
    with pytest.raises(DataError, match=message):
        Transform((16, 16), transfer)


def test_a_near_field_reaches_another_process_whole(case):
    copy = pickle.loads(pickle.dumps(case.transform))  # noqa: S301
    assert np.array_equal(copy.transfer, case.transform.transfer)
    place = (case.probe, case.obj, case.corners, case.packed_amplitude)
    assert np.array_equal(model_error(copy, *place), model_error(case.transform, *place))
