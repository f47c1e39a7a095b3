"""The object that a reconstruction starts from is what the parameters say of the sample."""

from __future__ import annotations

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.sample import Region, object_from, object_modes_from
from ptypy.errors import FormatError, ParameterError
from ptypy.io import h5rw
from ptypy.utils import Param

LAM = 1e-10


def test_a_sample_of_which_nothing_is_known_is_flat():
    np.testing.assert_array_equal(object_from(None, (5, 7), LAM), np.ones((5, 7)))
    flat = object_from({"fill": 0.5j}, (5, 7), LAM)
    assert (flat == 0.5j).all()
    assert flat.dtype == np.complex64


@pytest.mark.parametrize("shape", [(4, 5), (10, 3)])
def test_a_picture_lies_in_the_middle_of_the_region_and_fill_around_it(shape):
    picture = np.full(shape, 3j)
    picture[shape[0] // 2, shape[1] // 2] = 7
    sample = object_from({"model": picture, "fill": 0.5}, (8, 9), LAM)
    assert sample[4, 4] == 7
    inside = min(shape[0], 8) * min(shape[1], 9)
    assert (sample == 0.5).sum() == 8 * 9 - inside


def test_an_offset_moves_the_picture_and_leaves_fill_behind():
    picture = np.full((4, 4), 2.0)
    pars = {"model": picture, "process": {"offset": (-1, 2)}}
    sample = object_from(pars, (12, 12), LAM)
    np.testing.assert_array_equal(sample[3:7, 6:10], 2)
    assert (sample == 2).sum() == 16


def test_zoom_makes_the_picture_larger_and_keeps_its_values():
    picture = np.full((10, 10), 0.3 + 0.4j)
    sample = object_from({"model": picture, "process": {"zoom": (2, 1.5)}}, (40, 40), LAM)
    lit = np.isclose(sample, 0.3 + 0.4j)
    assert lit.sum() == 20 * 15
    np.testing.assert_allclose(sample[~lit], 1)


def test_a_map_of_thickness_becomes_the_phase_and_absorption_of_its_material():
    thickness = np.ones((6, 6))
    process = {"thickness": 2e-6, "ref_index": (4e-6, 1e-7), "smoothing": 0}
    sample = object_from({"model": thickness, "process": process}, (6, 6), LAM)
    wavenumber = 2 * np.pi / LAM
    np.testing.assert_allclose(np.angle(sample), -wavenumber * 2e-6 * 4e-6, rtol=1e-5)
    np.testing.assert_allclose(np.abs(sample), np.exp(-wavenumber * 2e-6 * 1e-7), rtol=1e-5)


def test_a_real_picture_is_a_transmission_unless_a_material_is_named():
    sample = object_from({"model": np.full((4, 4), 0.7)}, (4, 4), LAM)
    np.testing.assert_allclose(sample, 0.7)


@pytest.mark.parametrize("name", ["flower", "tree"])
def test_the_examples_transmit_no_more_than_arrives(name):
    sample = object_from(name, (90, 70), LAM)
    assert sample.shape == (90, 70)
    assert np.abs(sample).max() <= 1 + 1e-6
    assert np.abs(sample).std() + np.angle(sample).std() > 0.05


@pytest.mark.parametrize(
    ("pars", "says"),
    [
        ("rose", "is unknown"),
        ("stxm", "needs the coordinates of a scan"),
        ({"model": np.ones((3, 3)), "process": {"formula": "Au"}}, "ref_index"),
        ({"model": np.ones((3, 3)), "process": {"zoom": 0.0}}, "larger than zero"),
        (np.ones(3), "no picture"),
    ],
)
def test_samples_that_cannot_be_made_are_refused(pars, says):
    with pytest.raises(ParameterError, match=says):
        object_from(pars, (8, 8), LAM)


def test_modes_of_an_object_differ_and_let_through_no_more_than_one_would():
    pars = {"fill": 0.5, "diversity": {"noise": (0.5, 2.0), "power": (0.3, 0.1)}}
    modes = object_modes_from(pars, (40, 30), LAM, 3)
    assert modes.shape == (3, 40, 30)
    assert modes.dtype == np.complex64
    products = np.einsum("ayx,byx->ab", modes.conj(), modes)
    powers = products.diagonal().real
    np.testing.assert_allclose(powers / powers[0], [1, 0.3, 0.1], rtol=1e-4)
    assert powers.sum() == pytest.approx(0.25 * 40 * 30, rel=1e-4)
    assert np.abs(products - np.diag(powers)).max() < 1e-4 * powers[0]


def test_modes_that_are_given_are_taken_as_they_are():
    given = np.stack([np.full((5, 5), 0.5j), np.full((5, 5), 0.25)])
    np.testing.assert_array_equal(object_modes_from(given, (5, 5), LAM, 2), given)
    np.testing.assert_array_equal(object_modes_from(given, (5, 5), LAM, 1), given[:1])


def test_modes_that_nothing_makes_different_are_refused():
    with pytest.raises(ParameterError, match=r"sample\.diversity.*alike"):
        object_modes_from(None, (5, 5), LAM, 2)


class Reconstruction:
    """A file of an object of 24 x 20 px, known at its coordinates."""

    psize = np.array([2e-8, 3e-8])
    center = np.array([10.0, 7.0])

    def __init__(self, folder):
        self.path = folder / "earlier.ptyr"
        rng = np.random.default_rng(4)
        smooth = np.cumsum(np.cumsum(rng.standard_normal((2, 24, 20)), axis=1), axis=2) / 50
        self.data = (smooth[0] + 1j * smooth[1]).astype(np.complex64)
        stored = {"data": self.data[None], "_psize": self.psize, "_center": self.center}
        probe = {"SoldG00": {"data": np.ones((1, 4, 4), np.complex64)}}
        content = {"probe": probe, "obj": {"SoldG00": stored}, "pars": {}, "runtime": {}}
        h5rw.h5write(self.path, content=content)

    def at(self, place):
        """The object at a coordinate [m] on one of its pixels."""
        y, x = np.rint(np.asarray(place) / self.psize + self.center).astype(int)
        return self.data[y, x]


@pytest.fixture
def earlier(tmp_path):
    return Reconstruction(tmp_path)


def test_an_object_of_an_earlier_run_lies_at_its_coordinates(earlier):
    region = Region(earlier.psize, np.array([15.0, 3.0]), "SnewG00")
    pars = {"model": "recon", "recon": {"rfile": str(earlier.path)}, "fill": 0.25}
    sample = object_from(pars, (30, 26), LAM, region)
    np.testing.assert_allclose(sample[5:29, :16], earlier.data[:, 4:], rtol=1e-6)
    assert (sample[:5] == 0.25).all()
    assert (sample[:, 16:] == 0.25).all()
    same = object_from({"model": str(earlier.path), "fill": 0.25}, (30, 26), LAM, region)
    np.testing.assert_array_equal(same, sample)


def test_an_object_of_finer_pixels_is_the_same_at_the_same_place(earlier):
    region = Region(earlier.psize / 2, np.array([20.0, 14.0]), "SoldG00")
    sample = object_from(str(earlier.path), (46, 38), LAM, region)
    np.testing.assert_allclose(sample[::2, ::2], earlier.data[:23, :19], rtol=1e-5)
    between = (earlier.data[3, 4] + earlier.data[4, 4]) / 2
    np.testing.assert_allclose(sample[7, 8], between, rtol=1e-5)


def test_files_that_hold_no_such_object_are_named(tmp_path):
    region = Region(np.ones(2), np.zeros(2), "S")
    with pytest.raises(FormatError, match="no file fits"):
        object_from({"model": "recon", "recon": {"rfile": str(tmp_path / "*.ptyr")}}, (4, 4), LAM,
                    region)  # fmt: skip
    obj = {name: {"data": np.ones((1, 2, 2), np.complex64)} for name in ("Sa", "Sb")}
    h5rw.h5write(tmp_path / "two.ptyr", content={"probe": {}, "obj": obj})
    with pytest.raises(FormatError, match=r"no object 'S'; it holds Sa, Sb"):
        object_from(str(tmp_path / "two.ptyr"), (4, 4), LAM, region)


def test_a_transmission_picture_is_the_root_of_the_photons_where_frames_lie():
    psize = np.array([1e-8, 2e-8])
    rows, columns = (np.arange(4.0, 40.0, 4.0) for _ in range(2))
    pixels = np.array([(y, x) for y in rows for x in columns])
    dark = pixels[:, 0] > 20
    photons = np.where(dark, 25.0, 100.0)
    region = Region(psize, np.array([0.0, 0.0]), "S", pixels * psize, photons)
    sample = object_from("stxm", (44, 44), LAM, region)
    at = sample[tuple(pixels.astype(int).T)]
    np.testing.assert_allclose(at, np.where(dark, 0.5, 1.0), atol=0.07)
    assert (sample[30:, :].real < 0.52).all()
    assert (sample[:14, :].real > 0.98).all()
    assert (sample.imag == 0).all()


def test_frames_without_photons_make_no_picture():
    region = Region(np.ones(2), np.zeros(2), "S", np.zeros((2, 2)), np.zeros(2))
    with pytest.raises(ParameterError, match="photons"):
        object_from("stxm", (4, 4), LAM, region)


def test_a_run_that_goes_on_from_another_begins_where_that_one_ended(tmp_path):
    def load(**scan):
        p = Param(scans=Param(), io=Param(home=str(tmp_path), autosave=Param(active=False)))
        data = Param(name="MoonFlowerScan", num_frames=20, shape=16, save=None)
        p.scans.s = Param(name="BlockFull", data=data, **scan)
        return Ptycho(p, level=2)

    first = load()
    (obj,), (probe,) = first.obj.S.values(), first.probe.S.values()
    rng = np.random.default_rng(6)
    for storage in (obj, probe):
        storage.data[...] = rng.standard_normal(storage.shape) + 1j
    path = str(first.save_run(tmp_path / "first.ptyr"))
    photons = float(np.sum(np.abs(probe.data) ** 2))
    recon = Param(model="recon", recon=Param(rfile=path))
    second = load(sample=recon, illumination=Param(recon, photons=photons))
    np.testing.assert_allclose(second.obj.S["SsG00"].data, obj.data, rtol=1e-6)
    found = second.probe.S["SsG00"].data
    np.testing.assert_allclose(found / found[0, 0, 0], probe.data / probe.data[0, 0, 0], rtol=1e-4)
