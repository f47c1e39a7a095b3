"""The probe that a reconstruction starts from is the beam that the parameters describe."""

from __future__ import annotations

import numpy as np
import pytest

from ptypy.core.classes import Container
from ptypy.core.geometry import Geo
from ptypy.core.illumination import aperture, init_storage, probe_from
from ptypy.errors import FormatError, ParameterError
from ptypy.utils.parameters import Param

LAM = 1e-10


@pytest.fixture
def setup():
    """Frames of 128 x 96 px whose pixels at the sample are 20 nm x 40 nm."""
    return Geo(lam=LAM, distance=1.0, resolution=(20e-9, 40e-9), shape=(128, 96))


def power(field):
    return (np.abs(field) ** 2).sum(axis=(-2, -1))


@pytest.mark.parametrize("edge", [0.0, 2.0, 6.0])
def test_a_round_opening_has_the_area_of_a_circle_whatever_its_edge(edge):
    disk = np.abs(aperture(np.ones((96, 96)), form="circ", size=41.0, edge=edge))
    assert disk.sum() == pytest.approx(np.pi * 20.5**2, rel=5e-3)


def test_an_elliptic_opening_on_oblong_pixels_has_the_right_area_in_metres():
    y, x = np.meshgrid((np.arange(90) - 45) * 2e-6, (np.arange(150) - 75) * 1e-6, indexing="ij")
    opening = np.abs(aperture(np.ones((90, 150)), (y, x), form="circ", size=(120e-6, 60e-6)))
    assert opening.sum() * 2e-12 == pytest.approx(np.pi * 60e-6 * 30e-6, rel=5e-3)


def test_a_rectangular_opening_has_the_area_of_its_sides_also_when_turned():
    straight = np.abs(aperture(np.ones((96, 96)), form="rect", size=(41.0, 17.5)))
    turned = np.abs(aperture(np.ones((96, 96)), form="rect", size=(41.0, 17.5), rotate=0.4))
    assert straight.sum() == pytest.approx(41 * 17.5, rel=5e-3)
    assert turned.sum() == pytest.approx(41 * 17.5, rel=5e-3)
    assert np.abs(turned - straight).max() > 0.5


def test_an_offset_moves_the_opening_towards_larger_coordinates():
    opening = np.abs(aperture(np.ones((64, 64)), size=20.0, offset=(5.0, -7.0)))
    rows, columns = np.indices(opening.shape) - 32
    assert (rows * opening).sum() / opening.sum() == pytest.approx(5)
    assert (columns * opening).sum() / opening.sum() == pytest.approx(-7)


def test_a_central_stop_takes_its_share_of_the_area():
    ring = np.abs(aperture(np.ones((96, 96)), size=60.0, central_stop=0.5))
    assert ring.sum() == pytest.approx(np.pi * 30**2 * 0.75, rel=5e-3)
    assert ring[48, 48] == 0


def test_a_diffuser_roughens_the_phase_as_much_as_asked_and_always_the_same_way():
    wave = aperture(np.ones((128, 128)), form=None, diffuser=(0.3, 4.0))
    np.testing.assert_allclose(np.abs(wave), 1)
    assert np.angle(wave).std() == pytest.approx(0.3, rel=1e-6)
    np.testing.assert_array_equal(
        wave, aperture(np.ones((128, 128)), form=None, diffuser=(0.3, 4.0))
    )


def test_an_unknown_form_is_refused():
    with pytest.raises(ParameterError, match=r"'star'.*choose 'circ'"):
        aperture(np.ones((8, 8)), form="star")


def test_without_parameters_the_probe_is_an_ellipse_of_a_third_of_the_frame(setup):
    probe = np.abs(probe_from(None, setup)[0])
    assert probe.shape == (128, 96)
    assert (probe > 0.5).any(axis=1).sum() == pytest.approx(128 / 3, abs=1)
    assert (probe > 0.5).any(axis=0).sum() == pytest.approx(96 / 3, abs=1)


def test_the_probe_holds_the_photons_it_is_given(setup):
    assert power(probe_from(None, setup, 3e7)).sum() == pytest.approx(3e7, rel=1e-5)
    probe = probe_from({"photons": 5e6}, setup, 3e7)
    assert power(probe).sum() == pytest.approx(5e6, rel=1e-5)


def test_a_size_in_metres_is_that_size_on_the_sample(setup):
    probe = np.abs(probe_from({"aperture": {"size": 1e-6}}, setup)[0])
    area = probe.sum() * 20e-9 * 40e-9
    assert area == pytest.approx(np.pi * 0.5e-6**2, rel=1e-2)


def test_a_lens_makes_a_focal_spot_of_the_size_asked_for():
    geo = Geo(lam=LAM, distance=1.0, resolution=10e-9, shape=256)
    pars = {"propagation": {"focussed": 0.1, "spot_size": 400e-9}, "aperture": {"edge": 0}}
    probe = np.abs(probe_from(pars, geo)[0])
    line = probe[128, 128:]
    first_zero = next(k for k in range(1, 100) if line[k] < line[k - 1] and line[k] < line[k + 1])
    assert first_zero * 10e-9 == pytest.approx(200e-9, abs=10e-9)
    assert np.unravel_index(probe.argmax(), probe.shape) == (128, 128)


def test_beside_the_focus_the_beam_is_as_wide_as_rays_say():
    geo = Geo(lam=LAM, distance=1.0, resolution=20e-9, shape=256)
    pars = {
        "aperture": {"size": 60e-6},
        "propagation": {"focussed": 0.05, "parallel": 2e-3, "antialiasing": 2},
    }
    probe = np.abs(probe_from(pars, geo)[0])
    lit = probe > 0.5 * np.median(probe[probe > 0.3 * probe.max()])
    # Similar triangles: 60 um at 50 mm from the focus are 2.4 um at 2 mm.
    assert np.sqrt(4 / np.pi * lit.sum()) * 20e-9 == pytest.approx(2.4e-6, rel=0.08)


def test_a_way_and_its_way_back_lead_to_the_opening():
    geo = Geo(lam=LAM, distance=1.0, resolution=50e-9, shape=64)
    there = probe_from({"propagation": {"parallel": 1e-4}}, geo)
    pars = {"model": there, "propagation": {"parallel": -1e-4}}
    np.testing.assert_allclose(probe_from(pars, geo), probe_from(None, geo), atol=1e-4)


def test_a_field_that_is_given_is_the_probe(setup):
    field = np.exp(1j * np.arange(128 * 96).reshape(128, 96)).astype(np.complex64)
    np.testing.assert_allclose(probe_from(field, setup)[0], field, atol=1e-6)
    probe = probe_from(Param(model=field), setup, photons=1e4)
    np.testing.assert_allclose(probe[0] / probe[0, 0, 0], field / field[0, 0], atol=1e-5)


@pytest.mark.parametrize("shape", [(200, 51), (60, 97)])
def test_a_field_of_another_size_stays_in_the_middle(setup, shape):
    field = np.zeros(shape)
    field[shape[0] // 2, shape[1] // 2] = 2
    field[shape[0] // 2 - 3, shape[1] // 2 + 5] = 1
    probe = np.abs(probe_from(field, setup)[0])
    assert probe[64, 48] == pytest.approx(2)
    assert probe[61, 53] == pytest.approx(1)
    assert np.count_nonzero(probe) == 2


def test_an_opening_acts_on_a_given_field_only_if_it_has_a_size(setup):
    pars = {"model": np.ones((128, 96)), "aperture": {"size": 1e-6, "edge": 0}}
    probe = np.abs(probe_from(pars, setup)[0])
    assert probe.sum() * 20e-9 * 40e-9 == pytest.approx(np.pi * 0.5e-6**2, rel=2e-2)


def test_the_moon_is_the_example_drawn_in_the_resources(setup):
    from ptypy.resources import moon_pr

    moon = moon_pr((128, 96))
    probe = probe_from("moon", setup)[0]
    np.testing.assert_allclose(probe, moon, atol=1e-6 * np.abs(moon).max())


@pytest.mark.parametrize(
    ("relative", "expected"), [(0.2, [1, 0.2, 0.2]), ((0.4, 0.1), [1, 0.4, 0.1])]
)
def test_further_modes_have_the_power_they_are_given_and_hold_nothing_of_the_others(
    setup, relative, expected
):
    modes = probe_from({"diversity": {"power": relative}}, setup, 1e6, modes=3)
    powers = power(modes)
    assert powers.sum() == pytest.approx(1e6, rel=1e-5)
    np.testing.assert_allclose(powers / powers[0], expected, rtol=1e-4)
    overlaps = np.einsum("mij,nij->mn", modes.conj(), modes)
    np.testing.assert_allclose(overlaps - np.diag(np.diag(overlaps)), 0, atol=1e-2 * 1e2)


def test_a_single_mode_is_not_made_noisy(setup):
    np.testing.assert_array_equal(
        probe_from({"diversity": {"noise": (0.5, 1.0)}}, setup),
        probe_from({"diversity": None}, setup),
    )


def test_modes_that_nothing_sets_apart_are_refused(setup):
    with pytest.raises(ParameterError, match=r"diversity.*never part"):
        probe_from({"diversity": None}, setup, modes=2)


def test_modes_may_differ_by_a_shift_alone(setup):
    modes = probe_from({"diversity": {"noise": None, "shift": 6.0}}, setup, modes=3)
    assert power(modes)[1:] == pytest.approx(0.1 * power(modes)[0], rel=1e-4)


def test_an_array_of_several_modes_gives_them_all(setup):
    field = np.ones((3, 128, 96)) * np.array([1.0, 0.5, 0.1])[:, None, None]
    probe = probe_from({"model": field, "diversity": None}, setup, modes=3)
    np.testing.assert_allclose(power(probe) / power(probe)[0], [1, 0.25, 0.01], rtol=1e-5)


def test_a_probe_comes_from_an_earlier_reconstruction(setup, tmp_path):
    from ptypy.io import ptyr

    field = np.exp(1j * np.arange(2 * 100 * 96).reshape(2, 100, 96)).astype(np.complex64)
    stored = {"data": field, "_psize": np.array([20e-9, 40e-9])}
    path = str(tmp_path / "earlier.ptyr")
    ptyr.write_run(path, {"probe": {"SscanG00": stored}, "obj": {}}, "test")
    probe = probe_from(path, setup, modes=2)
    np.testing.assert_allclose(probe[:, 14:114], field, atol=1e-6)
    found = probe_from({"model": "recon", "recon": {"rfile": str(tmp_path / "*.ptyr")}}, setup)
    np.testing.assert_allclose(found[0], probe[0], atol=1e-6)
    with pytest.raises(FormatError, match=r"no probe of label 'other'.*SscanG00"):
        probe_from({"model": path, "recon": {"label": "other"}}, setup)


@pytest.mark.parametrize(
    ("pars", "says"),
    [
        ("sun", r"'sun'  is unknown"),
        ("stxm", "not supported"),
        ({"aperture": {"offset": 1.0}}, "dark"),
        ({"propagation": {"spot_size": 1e-7}}, "needs a lens"),
        ({"propagation": {"focussed": -0.1}}, "focal length > 0"),
        ({"model": np.ones(5)}, "no field"),
        ({"aperture": {"diffuser": (0.1, 1.0, 0.2)}}, "noise"),
        ({"aperture": {"size": (1e-6, 1e-6, 1e-6)}}, "one number or"),
    ],
)
def test_parameters_that_describe_no_beam_are_refused(setup, pars, says):
    with pytest.raises(ParameterError, match=says):
        probe_from(pars, setup)


def test_a_reconstruction_that_is_not_there_is_named(setup, tmp_path):
    pattern = str(tmp_path / "*.ptyr")
    with pytest.raises(FormatError, match="no file fits"):
        probe_from({"model": "recon", "recon": {"rfile": pattern}}, setup)


def test_a_storage_made_by_hand_is_filled_with_as_many_modes_as_it_has_layers():
    storage = Container().new_storage(shape=(2, 64, 64), psize=20e-9)
    init_storage(storage, {"photons": 1e4}, energy=8.0)
    assert power(storage.data).sum() == pytest.approx(1e4, rel=1e-5)
    assert (power(storage.data) > 0).all()
