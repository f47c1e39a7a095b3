"""Arrays are cut, turned and binned so that what they show stays where it is said to be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ptypy import utils as u
from ptypy.errors import DataError, ParameterError


def image(height=5, width=4):
    return np.arange(height * width, dtype=np.int32).reshape(height, width)


def test_one_number_counts_for_every_axis():
    assert u.expect2(3).tolist() == [3, 3]
    assert u.expect2((3, 4)).tolist() == [3, 4]
    assert u.expect2([5]).tolist() == [5, 5]
    assert u.expect3(1.5).tolist() == [1.5, 1.5, 1.5]
    assert u.expect3((1, 2)).tolist() == [1, 2, 2]
    for wrong in ((), (1, 2, 3)):
        with pytest.raises(ParameterError, match="should be one number or 2"):
            u.expect2(wrong)


@pytest.mark.parametrize("orientation", range(8))
def test_a_position_stays_on_its_pixel_whatever_the_orientation(orientation):
    a = image()
    turned, (y, x) = u.switch_orientation(a, orientation, center=(1, 3))
    assert turned[int(y), int(x)] == a[1, 3]


def test_orientations_are_bits_of_transpose_upside_down_and_left_right():
    a = image()
    assert np.array_equal(u.switch_orientation(a, 1), np.fliplr(a))
    assert np.array_equal(u.switch_orientation(a, 2), np.flipud(a))
    assert np.array_equal(u.switch_orientation(a, 4), a.T)
    assert np.array_equal(u.switch_orientation(a, 5), np.fliplr(a.T))
    assert np.array_equal(u.switch_orientation(a, (True, False, True)), np.fliplr(a.T))
    assert u.switch_orientation(a, None) is a


@given(st.integers(0, 7), st.integers(0, 7))
@settings(deadline=None)
def test_two_orientations_in_a_row_are_a_third(first, second):
    a = image()
    twice = u.switch_orientation(u.switch_orientation(a, first), second)
    assert any(np.array_equal(twice, u.switch_orientation(a, third)) for third in range(8))


@pytest.mark.parametrize("wrong", [8, -1, "up", 1.5, (1, 2)])
def test_an_orientation_that_is_none_says_which_there_are(wrong):
    with pytest.raises(ParameterError, match="0 … 7"):
        u.switch_orientation(image(), wrong)


def test_binning_here_averages():
    a = np.arange(16.0).reshape(4, 4)
    assert u.rebin(a, 2, 2).tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert np.array_equal(u.rebin_2d(np.stack([a, 2 * a]), 2)[1], 2 * u.rebin(a, 2, 2))
    assert u.rebin(np.arange(6.0), 2).tolist() == [1.0, 4.0]
    with pytest.raises(DataError, match="each must divide"):
        u.rebin(a, 3, 2)
    with pytest.raises(DataError, match="4 x 4 px cannot be binned by 3"):
        u.rebin_2d(a, 3)


@given(st.integers(0, 4), st.integers(0, 4), st.sampled_from(["scalar", "mirror", "periodic"]))
@settings(deadline=None)
def test_what_was_padded_and_cropped_again_is_what_it_was(low, high, filltype):
    a = image()
    padded = u.crop_pad(a, [(low, high)], axes=[0], filltype=filltype)
    assert padded.shape == (5 + low + high, 4)
    assert padded.dtype == a.dtype
    assert np.array_equal(u.crop_pad(padded, [(-low, -high)], axes=[0]), a)


def test_one_number_of_planes_is_split_between_the_ends():
    a = image()
    assert np.array_equal(u.crop_pad(a, (-2, 2), fillpar=9)[:, 1:-1], a[1:-1])
    assert u.crop_pad(a, (0, 3), filltype="project").shape == (5, 7)
    with pytest.raises(DataError, match="nothing is left"):
        u.crop_pad(a, (-5, 0))
    with pytest.raises(ParameterError, match="filltype 'snow'"):
        u.crop_pad(a, (1, 1), filltype="snow")


@pytest.mark.parametrize(("shape", "center"), [(2, (2, 1)), ((3, 6), (0, 3)), (9, (4, 4))])
def test_a_region_has_its_centre_in_its_middle(shape, center):
    stack = np.stack([np.pad(image(), 2), np.pad(image(), 2)])
    stack[:, center[0], center[1]] = 100
    region, (y, x) = u.crop_pad_symmetric_2d(stack, shape, center)
    assert region.shape[1:] == tuple(u.expect2(shape))
    assert (y, x) == tuple(n // 2 for n in region.shape[1:])
    assert (region[:, y, x] == 100).all()


def test_without_a_centre_the_centre_of_mass_is_taken():
    a = np.zeros((16, 16))
    a[3, 12] = 5
    region, (y, x) = u.crop_pad_symmetric_2d(a, 4)
    assert region[y, x] == 5


def test_the_centre_of_mass_is_that_of_scipy():
    a = np.random.default_rng(1).random((3, 5, 4))
    assert u.mass_center(a) == pytest.approx(ndimage.center_of_mass(a))
    assert u.mass_center(a, axes=(1, -1)) == pytest.approx(ndimage.center_of_mass(a.sum(0)))
    assert np.isnan(u.mass_center(np.zeros((2, 2)))).all()


def test_squares_of_the_modulus():
    a = np.array([3 + 4j, -2])
    assert u.abs2(a).tolist() == [25, 4]
    assert u.abs2(a).dtype == np.float64
    assert u.abs2([3, -2]).tolist() == [9, 4]
    assert u.cabs2(a).tolist() == [25 + 0j, 4 + 0j]


@given(st.floats(-3, 3), st.floats(-3, 3))
@settings(deadline=None, max_examples=30)
def test_a_phase_ramp_is_removed_whatever_its_slope(slope_y, slope_x):
    y, x = np.ogrid[:16, :20]
    ramp = np.exp(1j * (slope_y * y + slope_x * x + 0.3))
    flat, removed = u.rmphaseramp(ramp, weight="abs", return_phaseramp=True)
    assert np.allclose(flat, flat[0, 0], atol=1e-6)
    assert np.allclose(ramp * removed, flat)
    assert np.allclose(u.rmphaseramp(ramp), u.rmphaseramp(ramp, weight=np.ones((16, 20))))


def test_shapes_have_the_area_they_should():
    grids = np.indices((200, 200)) - 99.5
    assert u.ellipsis(grids, (100, 60)).sum() == pytest.approx(np.pi * 50 * 30, rel=0.01)
    assert u.rectangle(grids, (100, 60)).sum() == pytest.approx(6000, rel=0.01)
    assert u.ellipsis(grids, 100, ew=0).sum() == pytest.approx(np.pi * 50**2, rel=0.01)
    assert u.ellipsis(grids).sum() == pytest.approx(np.pi * (199 / 6) ** 2, rel=0.01)


def test_photons_of_12_4_kev_have_a_wavelength_of_an_angstrom():
    assert u.keV2m(12.39841984) == pytest.approx(1e-10, rel=1e-9)
    assert u.keV2nm(12.39841984) == pytest.approx(0.1, rel=1e-9)


@given(st.floats(1e-3, 1e3))
def test_energy_and_wavelength_are_each_others_inverse(energy):
    assert u.m2keV(u.keV2m(energy)) == pytest.approx(energy)
    assert u.nm2keV(u.keV2nm(energy)) == pytest.approx(energy)


def test_a_path_is_written_in_full(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert u.clean_path("~/a/../b") == str(tmp_path / "b")
    assert u.isstr("x")
    assert not u.isstr(b"x")
