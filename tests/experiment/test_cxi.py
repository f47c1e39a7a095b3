"""CXI and NXcxi_ptycho files: signs, units and masks come out as these formats mean them."""

import h5py
import numpy as np
import pytest

from ptypy.errors import DataError, FormatError
from ptypy.experiment.cxi import CxiScan
from ptypy.io.cxi import beam_positions, cxi_file
from ptypy.testing import ScanContract, ScanExample

N, H, W = 10, 16, 20
JOULES = 8.0 * 1.602176634e-16


def counts():
    return np.random.default_rng(7).poisson(40, (N, H, W)).astype(np.uint16)


def places():
    return np.random.default_rng(8).uniform(-1e-6, 1e-6, (N, 3))


def write_cxi(path, **more):
    """As the specification draws it, with links in data_1."""
    bad = np.zeros((H, W), np.uint32)
    bad[3, 4], bad[5, 6] = 8, 1
    entries = {
        "cxi_version": 160,
        "entry_1/instrument_1/source_1/energy": JOULES,
        "entry_1/instrument_1/detector_1/data": counts(),
        "entry_1/instrument_1/detector_1/distance": 1.5,
        "entry_1/instrument_1/detector_1/x_pixel_size": 50e-6,
        "entry_1/instrument_1/detector_1/y_pixel_size": 75e-6,
        "entry_1/instrument_1/detector_1/mask": bad,
        "entry_1/sample_1/geometry_1/translation": places(),
        **{f"entry_1/{key}": value for key, value in more.items()},
    }
    with h5py.File(path, "w") as file:
        for key, value in entries.items():
            if value is not None:
                file[key] = value
        file["entry_1/data_1/data"] = h5py.SoftLink("/entry_1/instrument_1/detector_1/data")
    return bad == 0


class TestCxi(ScanContract):
    def make_example(self, folder):
        mask = write_cxi(folder / "scan.cxi")
        return ScanExample(
            CxiScan,
            {"file": str(folder / "scan.cxi")},
            frames=counts(),
            # Upright frames: rows run down and columns to the right, y of the laboratory is up
            # and x to the left, and the beam moves on the sample against the sample.
            positions=places()[:, [1, 0]],
            mask=mask,
            geometry={"energy": 8.0, "distance": 1.5, "psize": (75e-6, 50e-6)},
            files=[folder / "scan.cxi"],
        )

    def test_translations_of_the_beam_have_the_other_sign(self, example):
        one, other = (
            CxiScan(example.parameters, translation_of=what).auto(20)["chunk"].positions
            for what in ("sample", "beam")
        )
        np.testing.assert_array_equal(one, -other)

    def test_only_chosen_bits_of_the_mask_may_mark_bad_pixels(self, example):
        scan = CxiScan(example.parameters, mask_bits=8)
        mask = scan.auto(1)["iterable"][0]["mask"]
        assert not mask[3, 4]
        assert mask[5, 6]


class TestRaster(ScanContract):
    """NXcxi_ptycho with frames on a raster only, the energy in eV, the ring's in GeV."""

    def make_example(self, folder):
        x, y = np.meshgrid(np.arange(5.0), np.arange(2.0))
        with h5py.File(folder / "scan.nxs", "w") as file:
            file["entry_1/data/data"] = counts().reshape(2, 5, H, W)
            for name, values in (("x", x), ("y", y)):
                file[f"entry_1/data/{name}"] = values
                file[f"entry_1/data/{name}"].attrs["units"] = "um"
            file["entry_1/instrument_1/source_1/energy"] = 3.0
            file["entry_1/instrument_1/source_1/energy"].attrs["units"] = "GeV"
            file["entry_1/instrument_1/beam_1/incident_beam_energy"] = 7100.0
            file["entry_1/instrument_1/beam_1/incident_beam_energy"].attrs["units"] = "eV"
            detector = file.create_group("entry_1/instrument_1/detector_1")
            detector["distance"], detector["x_pixel_size"] = 2.0, 75e-6
            detector["y_pixel_size"] = 75e-6
        return ScanExample(
            CxiScan,
            {"file": str(folder / "scan.nxs")},
            frames=counts(),
            positions=np.stack([y.ravel(), x.ravel()], axis=1) * 1e-6,
            geometry={"energy": 7.1, "distance": 2.0, "psize": 75e-6},
            files=[folder / "scan.nxs"],
        )


@pytest.mark.parametrize("transposed", [False, True])
def test_frames_that_are_turned_in_the_laboratory_turn_the_positions(tmp_path, transposed):
    basis = np.array([[75e-6, 0, 0], [0, -50e-6, 0]])  # rows run to the left, columns down
    vectors = {"instrument_1/detector_1/basis_vectors": basis.T if transposed else basis}
    write_cxi(tmp_path / "a.cxi", **vectors)
    found = cxi_file(tmp_path / "a.cxi").recorded.positions
    np.testing.assert_allclose(found, np.stack([-places()[:, 0], places()[:, 1]], axis=1))


def test_the_corner_of_the_detector_tells_where_the_beam_meets_it(tmp_path):
    basis = np.array([[0, -75e-6, 0], [-50e-6, 0, 0]])
    corner = -(7.5 * basis[0] + 9.5 * basis[1]) + (0, 0, 1.5)
    more = {"basis_vectors": basis, "corner_position": corner}
    write_cxi(tmp_path / "a.cxi", **{f"instrument_1/detector_1/{k}": v for k, v in more.items()})
    assert cxi_file(tmp_path / "a.cxi").recorded.center == pytest.approx((7, 9))


def test_a_sample_that_moves_with_the_rows_moves_the_beam_against_them():
    down, right = (0.0, -1e-6, 0.0), (-1e-6, 0.0, 0.0)
    np.testing.assert_allclose(beam_positions([down, right]), [(-1e-6, 0), (0, -1e-6)])


@pytest.mark.parametrize(
    ("value", "unit", "energy"),
    [(JOULES, "", 8.0), (8.0, "keV", 8.0), (8000.0, "eV", 8.0), (8.0, "", 8.0), (3e9, "eV", None)],
)
def test_the_energy_of_the_source_is_told_by_its_unit_or_size(tmp_path, value, unit, energy):
    write_cxi(tmp_path / "a.cxi")
    with h5py.File(tmp_path / "a.cxi", "r+") as file:
        file["entry_1/instrument_1/source_1/energy"][()] = value
        if unit:
            file["entry_1/instrument_1/source_1/energy"].attrs["units"] = unit
    found = cxi_file(tmp_path / "a.cxi").recorded.energy
    assert found == (None if energy is None else pytest.approx(energy))


def test_dark_and_white_frames_are_applied_only_when_told(tmp_path, caplog):
    dark, white = np.full((3, H, W), 5.0), np.full((H, W), 2.0)
    more = {"instrument_1/detector_1/data_dark": dark, "instrument_1/detector_1/data_white": white}
    write_cxi(tmp_path / "a.cxi", **more)
    raw = CxiScan(file=str(tmp_path / "a.cxi")).auto(1)["iterable"][0]
    assert "set `correct`" in caplog.text
    np.testing.assert_array_equal(raw["data"], counts()[0])
    right = CxiScan(file=str(tmp_path / "a.cxi"), correct=True).auto(1)["iterable"][0]
    mask = right["mask"]
    expected = np.maximum(counts()[0] - 5.0, 0) / 2
    np.testing.assert_allclose(right["data"][mask], expected[mask])


def test_a_file_without_positions_asks_for_them(tmp_path):
    write_cxi(tmp_path / "a.cxi", **{"sample_1/geometry_1/translation": None})
    with pytest.raises(DataError, match=r"a\.cxi.*holds no positions; give `positions\.file`"):
        CxiScan(file=str(tmp_path / "a.cxi")).auto(1)


def test_another_hdf5_file_and_another_entry_are_named(tmp_path):
    write_cxi(tmp_path / "a.cxi")
    with pytest.raises(FormatError, match="no entry 'entry_2'; it holds cxi_version, entry_1"):
        cxi_file(tmp_path / "a.cxi", "entry_2")
    with h5py.File(tmp_path / "b.cxi", "w") as file:
        file["frames"] = counts()
    with pytest.raises(FormatError, match="no frames as CXI files do"):
        cxi_file(tmp_path / "b.cxi")


@pytest.mark.real
@pytest.mark.parametrize("kind", ["", "_raster"])
def test_the_examples_of_nexus_are_read(shared_data, kind):
    path = shared_data / "formats" / f"example_nxptycho_cxi_compatible{kind}.nxs"
    with h5py.File(path) as file:
        frames, xyz = file["entry_1/data_1/data"][()], file["entry_1/data_1/translation"][()]
    scan = CxiScan(file=str(path), positions={"multiplier": 1e-6})
    package = scan.auto(200)
    chunk, common = package["chunk"], package["common"]
    np.testing.assert_array_equal([e["data"] for e in package["iterable"]], frames)
    np.testing.assert_allclose(chunk.positions, xyz[:, [1, 0]] * 1e-6)
    assert common.distance == 1.5
    np.testing.assert_allclose(common.psize, 55e-6)
    # One file says 9 keV. The other says 1.503e-21 J, which is what it says: 9.4e-6 keV.
    assert common.energy == pytest.approx(9.0 if kind else 9.381e-6, rel=1e-3)


@pytest.mark.real
def test_the_smallest_cxi_file_holds_one_frame(shared_data):
    path = str(shared_data / "formats" / "minimal.cxi")
    scan = CxiScan(file=path, positions_theory=np.zeros((1, 2)))
    assert scan.auto(1)["iterable"][0]["data"].shape == (50, 100)
