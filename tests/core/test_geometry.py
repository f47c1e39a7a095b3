"""Waves between sample and detector: what optics textbooks say must come out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from ptypy.core.geometry import Geo
from ptypy.errors import GeometryError

LAM = 1e-10
SETUP = {"lam": LAM, "distance": 2.0, "psize": 100e-6, "shape": 128}

shapes = st.tuples(st.integers(1, 33), st.integers(1, 33))


def coordinates(geo, pitch):
    """Metres from the pixel ``shape // 2`` on both axes, broadcastable."""
    y, x = (np.arange(n) - n // 2 for n in geo.shape)
    return y[:, None] * pitch[0], x[None, :] * pitch[1]


def random_stack(shape, seed=0, dtype=np.complex128):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)


def test_resolution_is_wavelength_times_distance_over_detector_size():
    geo = Geo(lam=1e-10, distance=2.0, psize=(50e-6, 100e-6), shape=(200, 128))
    np.testing.assert_allclose(geo.resolution, [2e-8, 2e-10 / 128e-4], rtol=1e-12)


def test_energy_and_wavelength_follow_from_one_another():
    # 12.39842 keV are 1 Angstrom: CODATA 2018, h c = 1.239841984e-6 eV m.
    assert Geo(energy=12.398419843, **{**SETUP, "lam": None}).lam == pytest.approx(1e-10, rel=1e-8)
    assert Geo(**SETUP).energy == pytest.approx(12.398419843, rel=1e-8)


def test_a_wavelength_set_later_takes_energy_and_resolution_along():
    geo = Geo(**SETUP)
    before = geo.resolution
    geo.lam = 2 * geo.lam
    assert geo.energy == pytest.approx(12.398419843 / 2, rel=1e-6)
    np.testing.assert_allclose(geo.resolution, 2 * before)


def test_a_resolution_given_instead_of_a_pixel_size_stays_when_the_distance_changes():
    geo = Geo(lam=LAM, distance=2.0, resolution=10e-9, shape=128)
    np.testing.assert_allclose(geo.psize, LAM * 2.0 / (10e-9 * 128))
    geo.distance = 4.0
    np.testing.assert_allclose(geo.resolution, 10e-9)
    np.testing.assert_allclose(geo.psize, LAM * 4.0 / (10e-9 * 128))


def test_parameters_edited_by_hand_take_effect_with_update():
    geo = Geo(**SETUP)
    geo.p.energy = 6.2
    geo.update()
    assert geo.lam == pytest.approx(1.2398419843e-9 / 6.2)
    np.testing.assert_allclose(geo.resolution, geo.lam * 2.0 / (100e-6 * 128))


def test_the_meta_data_of_a_chunk_are_a_setup():
    meta = {"version": 0.1, "num_frames": 3, "label": "x", "energy": 8.0, "center": None}
    assert Geo(pars={**meta, "distance": 1.0, "psize": 1e-4, "shape": 64}).energy == 8.0


def test_all_impossible_numbers_are_named_at_once():
    with pytest.raises(GeometryError) as error:
        Geo(energy=-1.0, distance=0.0, psize=(1e-4, np.nan), shape=(12.5, 3), propagation="far")
    for word in ("energy", "distance", "psize", "shape", "propagation"):
        assert word in str(error.value)


def test_a_misspelt_number_does_not_become_a_default():
    with pytest.raises(GeometryError, match="did you mean `energy`"):
        Geo(enery=7.2)


def test_a_pixel_size_and_a_resolution_that_contradict_are_refused():
    with pytest.raises(GeometryError, match="contradicts"):
        Geo(resolution=1e-9, **SETUP)


def test_a_wavelength_of_other_photons_is_refused():
    with pytest.raises(GeometryError, match="not the wavelength"):
        Geo(energy=7.2, **SETUP)


def test_a_center_outside_the_frame_is_refused():
    with pytest.raises(GeometryError, match="outside a frame of 128 x 128"):
        Geo(center=(64, 500), **SETUP)


def test_a_refused_change_leaves_the_setup_as_it_was():
    geo = Geo(**SETUP)
    with pytest.raises(GeometryError):
        geo.distance = -1.0
    assert geo.distance == 2.0
    np.testing.assert_allclose(geo.resolution, LAM * 2.0 / (100e-6 * 128))


@settings(max_examples=25, deadline=None)
@given(shapes, st.sampled_from(["farfield", "nearfield"]))
def test_propagation_neither_makes_nor_loses_photons_and_can_be_undone(shape, propagation):
    geo = Geo(lam=LAM, distance=2.0, psize=(1e-6, 2e-6), shape=shape, propagation=propagation)
    field = random_stack((2, 3, *shape))
    there = geo.propagator.fw(field)
    powers = [(np.abs(wave) ** 2).sum(axis=(-2, -1)) for wave in (field, there)]
    np.testing.assert_allclose(powers[1], powers[0], rtol=1e-9)
    np.testing.assert_allclose(geo.propagator.bw(there), field, atol=1e-9)


def test_single_precision_stays_single_precision():
    geo = Geo(**SETUP)
    assert geo.propagator.fw(random_stack((128, 128), dtype=np.complex64)).dtype == np.complex64
    assert geo.pre_phase.dtype == np.complex64


def test_a_point_source_lights_the_whole_detector_evenly():
    geo = Geo(**SETUP)
    point = np.zeros((128, 128), complex)
    point[40, 77] = 1
    np.testing.assert_allclose(np.abs(geo.propagator.fw(point)), 1 / 128, rtol=1e-10)


def test_a_wave_converging_on_the_detector_lands_on_the_center_pixel():
    geo = Geo(lam=LAM, distance=2.0, psize=(1e-4, 5e-5), shape=(64, 81), center=(20, 51))
    y, x = coordinates(geo, geo.resolution)
    aim_y, aim_x = 0.0, 0.0
    path = ((aim_y - y) ** 2 + (aim_x - x) ** 2) / (2 * geo.distance)
    counts = np.abs(geo.propagator.fw(np.exp(-2j * np.pi / LAM * path))) ** 2
    assert np.unravel_index(counts.argmax(), counts.shape) == (20, 51)
    assert counts[20, 51] == pytest.approx(64 * 81)


def test_a_center_between_pixels_shifts_the_pattern_by_the_fraction():
    setup = {**SETUP, "shape": 64}
    geo, shifted = Geo(**setup), Geo(center=(32.5, 31.75), **setup)
    y, x = coordinates(geo, geo.resolution)
    width = 3 * geo.resolution[0]
    wave = np.exp(-(y**2 + x**2) / width**2) / geo.pre_phase
    counts = np.abs(shifted.propagator.fw(wave)) ** 2
    rows, columns = np.indices(counts.shape)
    assert (counts * rows).sum() / counts.sum() == pytest.approx(32.5, abs=1e-3)
    assert (counts * columns).sum() / counts.sum() == pytest.approx(31.75, abs=1e-3)


def test_a_gaussian_beam_arrives_as_wide_and_as_curved_as_fresnel_says():
    geo = Geo(lam=LAM, distance=2.0, psize=(20e-6, 40e-6), shape=(256, 128))
    waist = 1e-6
    y, x = coordinates(geo, geo.resolution)
    wave = geo.propagator.fw(np.exp(-(y**2 + x**2) / waist**2))
    rayleigh = np.pi * waist**2 / LAM
    q = np.complex128(geo.distance - 1j * rayleigh)
    v, u = coordinates(geo, geo.psize)
    expected = np.exp(1j * np.pi / (LAM * q) * (v**2 + u**2))
    # Both up to one constant: the amplitude and the phase on the axis.
    np.testing.assert_allclose(wave / wave[128, 64], expected, atol=2e-3)


def test_a_round_pinhole_makes_an_airy_pattern():
    geo = Geo(lam=LAM, distance=5.0, psize=40e-6, shape=512)
    radius = 60 * geo.resolution[0]
    y, x = coordinates(geo, geo.resolution)
    pinhole = (np.hypot(y, x) < radius) / geo.pre_phase
    amplitude = np.abs(geo.propagator.fw(pinhole))
    v, u = coordinates(geo, geo.psize)
    argument = 2 * np.pi * radius * np.hypot(v, u) / (LAM * geo.distance)
    airy = np.abs(2 * special.j1(argument) / np.where(argument == 0, 1, argument))
    airy[256, 256] = 1
    near = argument < 12
    np.testing.assert_allclose((amplitude / amplitude.max())[near], airy[near], atol=5e-3)


def test_near_field_spreads_a_gaussian_beam_as_the_textbook_says():
    geo = Geo(lam=LAM, distance=0.5, psize=0.2e-6, shape=256, propagation="nearfield")
    waist = 3e-6
    np.testing.assert_allclose(geo.resolution, geo.psize)
    y, x = coordinates(geo, geo.resolution)
    counts = np.abs(geo.propagator.fw(np.exp(-(y**2 + x**2) / waist**2))) ** 2
    width = waist * np.sqrt(1 + (0.5 * LAM / (np.pi * waist**2)) ** 2)
    expected = (waist / width) ** 2 * np.exp(-2 * (y**2 + x**2) / width**2)
    np.testing.assert_allclose(counts, expected, atol=1e-4)


def test_the_phase_before_the_plain_transform_gives_the_same_counts():
    # Engines multiply the probe by `pre_phase` and transform without any shifts.
    geo = Geo(lam=LAM, distance=2.0, psize=1e-4, shape=(30, 41), center=(14, 20.5))
    field = random_stack((30, 41))
    plain = np.fft.fftshift(np.abs(np.fft.fft2(geo.pre_phase * field, norm="ortho")))
    np.testing.assert_allclose(plain, np.abs(geo.propagator.fw(field)), atol=1e-5)


def sums(wave, geo):
    """The Fresnel integral, term by term, without the phase on the detector."""
    for axis in (0, 1):
        n = wave.shape[axis]
        x = (np.arange(n) - n // 2) * geo.resolution[axis]
        q = (np.arange(n) - geo.center[axis]) * geo.psize[axis]
        turns = np.outer(q, x) - x**2 / 2
        kernel = np.exp(-2j * np.pi * turns / (geo.lam * geo.distance))
        scale = np.sqrt(geo.resolution[axis] * geo.psize[axis] / (geo.lam * geo.distance))
        wave = np.moveaxis(np.tensordot(scale * kernel, wave, (1, axis)), 0, axis)
    return np.abs(wave) ** 2


@pytest.mark.parametrize("center", ["fftshift", (7.25, 4.5)])
def test_free_pixels_see_the_fresnel_integral_at_their_place(center):
    free = {"resolution": (3e-8, 5e-8), "psize": 1e-4, "tied": False}
    geo = Geo(lam=LAM, distance=1.0, shape=(16, 11), center=center, **free)
    wave = random_stack((2, 16, 11))
    seen = np.abs(geo.propagator.fw(wave)) ** 2
    for found, one in zip(seen, wave, strict=True):
        np.testing.assert_allclose(found, sums(one, geo), rtol=1e-9, atol=1e-9)
    assert not geo.is_plain


def test_free_pixels_that_are_tied_pixels_see_what_those_see():
    tied = Geo(**SETUP)
    free = Geo(**SETUP, resolution=tied.resolution, tied=False)
    wave = random_stack((128, 128))
    np.testing.assert_allclose(free.propagator.fw(wave), tied.propagator.fw(wave), atol=1e-9)
    np.testing.assert_allclose(free.propagator.bw(wave), tied.propagator.bw(wave), atol=1e-9)


@pytest.mark.parametrize(
    "pars",
    [
        {"resolution": 6e-8, "tied": False},
        {"transmitted": 0.3},
        {"ffttype": (np.fft.fft2, np.fft.ifft2)},
    ],
)
def test_the_way_back_is_the_adjoint_of_the_way_there(pars):
    geo = Geo(lam=LAM, distance=1.0, psize=1e-4, shape=(14, 15), **pars)
    one, other = random_stack((2, 14, 15))
    there = np.vdot(other, geo.propagator.fw(one))
    assert there == pytest.approx(np.vdot(geo.propagator.bw(other), one), rel=1e-6)
    assert geo.propagator.fw(one.astype(np.complex64)).dtype == np.complex64
    assert not geo.is_plain


def test_light_of_which_a_part_is_let_through_arrives_as_that_part():
    wave = random_stack((128, 128))
    whole, part = (Geo(**SETUP, transmitted=t).propagator.fw(wave) for t in (1.0, 0.25))
    np.testing.assert_allclose(np.abs(part) ** 2, 0.25 * np.abs(whole) ** 2, rtol=1e-6)


def test_free_pixels_stay_free_when_another_number_changes():
    geo = Geo(lam=LAM, distance=1.0, psize=1e-4, resolution=6e-8, tied=False, shape=16)
    geo.distance = 1.5
    np.testing.assert_allclose(geo.resolution, 6e-8)
    np.testing.assert_allclose(geo.psize, 1e-4)


@pytest.mark.parametrize(
    "pars",
    [
        {"ffttype": (np.fft.fft2,)},
        {"ffttype": 3},
        {"tied": False, "propagation": "nearfield"},
        {"transmitted": 0.0},
    ],
)
def test_transforms_that_are_none_are_refused(pars):
    with pytest.raises(GeometryError, match=next(iter(pars))):
        Geo(**SETUP, **pars)
