import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptypy.accelerate import Transform, model_error, project
from ptypy.accelerate._plan import choose_radices, output_order, prefers_rader, primitive_powers
from ptypy.errors import DataError

SHAPES = [
    *[(n, n) for n in (16, 64, 96, 128, 30, 37, 250, 256)],
    (48, 80),
    (210, 22),
    (1, 9),
    (13, 1),
    # 67 and 107 are summed up as they are; 101, 127 and 257 become convolutions, 263 one of 262
    # points, of which 131 become another
    (67, 134),
    (202, 127),
    (107, 22),
    (257, 263),
]


def transform_and_back(transform, wave):
    """M(psi) = psi + A^H(f' - f) with f' = 0: what is gone from psi is A^H A psi."""
    packed = transform.pack_waves(wave[None, None])
    dark = transform.pack_measured(np.zeros((1, *wave.shape)), np.ones(wave.shape, bool))
    one = np.ones((1, *wave.shape), np.complex64)
    corners = np.zeros((1, 2), int)
    project(transform, packed, one, one[0], corners, dark, coefficients=(0, 1, 0))
    return wave - transform.unpack_waves(packed)[0, 0]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_model_frame_is_the_fourier_transform_whatever_the_size(shape, make_case, far):
    case = make_case(shape, frames=4)
    model = np.abs(case.fourier(case.probe[0] * case.obj[case.views[1]]))
    # Every pixel by itself: the others are masked, so the sum over the frame is this pixel's.
    ys, xs = np.unravel_index(np.linspace(0, model.size - 1, 25).astype(int), shape)
    masks = np.zeros((25, *shape), bool)
    masks[np.arange(25), ys, xs] = True
    packed = case.transform.pack_measured(np.zeros(masks.shape), masks)
    corners = np.repeat(case.corners[1:2], 25, axis=0)
    sums = model_error(case.transform, case.probe, case.obj, corners, packed)
    assert far(np.sqrt(sums[:, 0]), model[ys, xs]) < 2e-6


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_wave_survives_the_transform_and_its_inverse(shape, make_case, far):
    wave = make_case(shape, frames=4).waves[0, 0]
    assert far(transform_and_back(Transform(shape), wave), wave) < 2e-6


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_wave_survives_the_way_to_a_near_detector_and_back(
    shape, make_case, angular_spectrum, far
):
    wave = make_case(shape, frames=4).waves[0, 0]
    transform = Transform(shape, angular_spectrum(shape, 0.1, 30.0))
    assert far(transform_and_back(transform, wave), wave) < 2e-6


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 3), st.integers(0, 99))
def test_the_transform_neither_makes_nor_loses_photons(height, width, modes, seed):
    random = np.random.default_rng(seed)
    shape = (modes, height, width)
    probe = (random.random(shape) + 1j * random.random(shape)).astype(np.complex64)
    obj = np.ones(shape[1:], np.complex64)
    transform = Transform(shape[1:])
    dark = transform.pack_measured(np.zeros((1, *shape[1:])), np.ones(shape[1:], bool))
    sums = model_error(transform, probe, obj, np.zeros((1, 2), int), dark)
    assert sums[0, 0] == pytest.approx((np.abs(probe) ** 2).sum(), rel=1e-5)


def test_a_plane_wave_falls_on_the_central_pixel():
    shape = (48, 80)
    transform = Transform(shape)
    flat = np.ones((1, *shape), np.complex64)
    for pixel, light in (((24, 40), 48 * 80), ((24, 41), 0), ((0, 0), 0)):
        mask = np.zeros(shape, bool)
        mask[pixel] = True
        dark = transform.pack_measured(np.zeros((1, *shape)), mask)
        sums = model_error(transform, flat, flat[0], np.zeros((1, 2), int), dark)
        assert sums[0, 0] == pytest.approx(light, abs=1e-6 * 48 * 80)


@given(st.integers(1, 5000))
def test_any_number_of_points_can_be_transformed(n):
    radices = choose_radices(n)
    assert np.prod(radices, dtype=int) == n
    assert np.array_equal(np.sort(output_order(radices)), np.arange(n))


def test_powers_of_a_primitive_root_bring_every_point_but_the_first_into_the_convolution():
    primes = [n for n in range(3, 600) if all(n % k for k in range(2, int(n**0.5) + 1))]
    for prime in primes:
        powers = primitive_powers(prime)
        assert np.array_equal(np.sort(powers[:-1]), np.arange(1, prime))
        assert np.array_equal(powers[1:], powers[:-1] * powers[1] % prime)


def test_both_ways_of_transforming_a_large_prime_are_tried_here():
    edges = {edge for shape in SHAPES for edge in shape}
    largest = {max(choose_radices(edge), default=2) for edge in edges}
    assert {prime for prime in largest if prefers_rader(prime)} == {101, 127, 257, 263}
    assert {67, 107} <= largest
    assert prefers_rader(max(choose_radices(263 - 1)))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3), st.integers(1, 3))
def test_packed_waves_unpack_to_what_they_were(height, width, frames, modes):
    waves = np.random.default_rng(0).standard_normal((frames, modes, height, width, 2))
    waves = waves.astype(np.float32).view(np.complex64)[..., 0]
    transform = Transform((height, width))
    assert np.array_equal(transform.unpack_waves(transform.pack_waves(waves)), waves)


def test_empty_waves_are_dark():
    transform = Transform((20, 30))
    assert not transform.unpack_waves(transform.empty_waves(2, 3)).any()


def test_untrusted_pixels_are_negative_and_trusted_ones_are_not():
    transform = Transform((20, 30))
    values = np.random.default_rng(0).poisson(2.0, (3, 20, 30))
    mask = np.random.default_rng(1).random((3, 20, 30)) > 0.3
    packed = transform.pack_measured(values, mask)
    assert np.array_equal(np.sort(packed[packed >= 0]), np.sort(values[mask]))
    assert (packed[packed < 0] == -1).all()


def test_a_pixel_that_is_not_a_number_is_not_trusted():
    values = np.ones((1, 16, 16))
    values[0, 3, 4], values[0, 5, 6] = np.nan, np.inf
    packed = Transform((16, 16)).pack_measured(values, np.ones((16, 16), bool))
    assert (packed >= 0).sum() == 16 * 16 - 2


def test_a_dark_too_bright_leaves_no_photons_and_not_an_untrusted_pixel():
    packed = Transform((16, 16)).pack_measured(np.full((1, 16, 16), -5), np.ones((16, 16), bool))
    assert (packed == 0).all()


def test_a_common_mask_means_the_same_as_one_for_each_frame():
    transform = Transform((20, 30))
    values = np.random.default_rng(0).random((3, 20, 30))
    mask = np.random.default_rng(1).random((20, 30)) > 0.3
    each = np.repeat(mask[None], 3, axis=0)
    assert np.array_equal(
        transform.pack_measured(values, mask), transform.pack_measured(values, each)
    )


def test_frames_of_another_shape_are_refused():
    with pytest.raises(DataError, match=r"\(2, 16, 17\).*\(N, 16, 16\)"):
        Transform((16, 16)).pack_measured(np.zeros((2, 16, 17)), np.ones((16, 16), bool))


def test_a_mask_of_weights_is_refused():
    with pytest.raises(DataError, match="must be bool"):
        Transform((16, 16)).pack_measured(np.zeros((2, 16, 16)), np.ones((16, 16)))


def test_a_frame_without_pixels_is_refused():
    with pytest.raises(DataError, match="at least 1 px"):
        Transform((0, 16))


def test_a_transform_reaches_another_process_whole(make_case):
    case = make_case((20, 30))
    copy = pickle.loads(pickle.dumps(case.transform))  # noqa: S301
    assert copy.shape == (20, 30)
    assert np.array_equal(copy.pack_measured(case.counts, case.mask), case.packed_counts)
