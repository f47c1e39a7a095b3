"""CXI and NXcxi_ptycho files: signs, units and masks come out as these formats mean them."""

import h5py
import numpy as np
import pytest

from ptypy.errors import DataError, FormatError
from ptypy.experiment.cxi import CxiScan
from ptypy.experiment.diamond_nexus import DiamondNexus
from ptypy.io.cxi import beam_positions, cxi_file
from ptypy.io.stored_stack import StoredStack
from ptypy.testing import ScanContract, ScanExample

N, H, W = 10, 16, 20
DETECTOR, TRANSLATION = "instrument_1/detector_1", "sample_1/geometry_1/translation"
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


def label(path, key, unit):
    with h5py.File(path, "r+") as file:
        file[f"entry_1/{key}"].attrs["units"] = unit


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


class ReadsNow(CxiScan):
    """Looks at frames itself, so that they are read through HDF5 before they are prepared."""

    def correct(self, raw, weights, common):
        return raw, weights


@pytest.mark.parametrize("has_masks", [False, True])
def test_frames_prepared_in_their_file_are_those_that_hdf5_gives(tmp_path, has_masks):
    frames = counts()
    frames[3, 8, 9], frames[4, 7, 7], frames[6, 0, 0] = 65535, 65535, 65534
    bad = np.random.default_rng(9).random((N, H, W) if has_masks else (H, W)) < 0.05
    held = {f"{DETECTOR}/data": frames, f"{DETECTOR}/mask": bad.astype("u1")}
    write_cxi(tmp_path / "scan.cxi", **held)
    for more in ({}, {"shape": 8, "rebin": 2, "orientation": 5}, {"saturation": 50, "shape": 10}):
        asked = {"file": str(tmp_path / "scan.cxi")} | more
        chunks = [scan(asked).next_chunk(N) for scan in (CxiScan, ReadsNow)]
        np.testing.assert_array_equal(chunks[0].data, chunks[1].data)
        masks = [np.broadcast_to(chunk.mask, chunk.data.shape) for chunk in chunks]
        np.testing.assert_array_equal(*masks)


def test_frames_stay_in_the_files_they_are_linked_to_until_they_are_prepared(tmp_path):
    layout = h5py.VirtualLayout((N, H, W), "u2")
    for k in range(2):
        with h5py.File(tmp_path / f"part{k}.h5", "w") as part:
            part["frames"] = counts()[k::2]
        layout[k::2] = h5py.VirtualSource(f"part{k}.h5", "frames", (N // 2, H, W), "u2")
    path = tmp_path / "scan.cxi"
    write_cxi(path, **{f"{DETECTOR}/data": None})
    with h5py.File(path, "r+") as file:
        file.create_virtual_dataset(f"entry_1/{DETECTOR}/data", layout)
    scan = CxiScan(file=str(path))
    np.testing.assert_array_equal(scan.next_chunk(N).data, counts())
    frames, _, _ = scan.load_block(np.array([9, 2, 5]))
    assert isinstance(frames, StoredStack)
    np.testing.assert_array_equal(frames, counts()[[9, 2, 5]])


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


@pytest.mark.parametrize("unit", ["um", "microns", "micrometers", "Micrometre", "μm"])
def test_places_in_micrometres_are_converted_however_they_are_spelled(tmp_path, unit):
    write_cxi(tmp_path / "a.cxi", **{TRANSLATION: places() * 1e6})
    label(tmp_path / "a.cxi", TRANSLATION, unit)
    found = cxi_file(tmp_path / "a.cxi").recorded.positions
    np.testing.assert_allclose(found, places()[:, [1, 0]])


def test_places_in_a_unit_that_nobody_knows_are_refused_unless_a_multiplier_says_it(tmp_path):
    write_cxi(tmp_path / "a.cxi", **{TRANSLATION: places() * 1e7})
    label(tmp_path / "a.cxi", TRANSLATION, "counts")
    with pytest.raises(DataError, match=r"translation is in 'counts'.*give a multiplier"):
        CxiScan(file=str(tmp_path / "a.cxi")).auto(1)
    scan = CxiScan(file=str(tmp_path / "a.cxi"), positions={"multiplier": (1e-7, -1e-7)})
    found = scan.auto(20)["chunk"].positions
    np.testing.assert_allclose(found, places()[:, [1, 0]] * (1, -1))


def test_each_number_has_its_own_unit(tmp_path):
    write_cxi(tmp_path / "a.cxi", **{f"{DETECTOR}/x_pixel_size": 50.0, f"{DETECTOR}/distance": 0.0})
    label(tmp_path / "a.cxi", f"{DETECTOR}/x_pixel_size", np.array([b"um"]))
    label(tmp_path / "a.cxi", f"{DETECTOR}/y_pixel_size", "metre")
    recorded = cxi_file(tmp_path / "a.cxi").recorded
    np.testing.assert_allclose(recorded.psize, (75e-6, 50e-6))
    assert recorded.distance is None, "zero stands for what was not set"


def test_what_the_user_gives_stands_for_what_the_file_has_in_units_nobody_knows(tmp_path):
    write_cxi(tmp_path / "a.cxi")
    label(tmp_path / "a.cxi", f"{DETECTOR}/distance", "paces")
    with pytest.raises(DataError, match=r"distance is 1.5 'paces'.*give `distance`"):
        CxiScan(file=str(tmp_path / "a.cxi")).auto(1)
    scan = CxiScan(file=str(tmp_path / "a.cxi"), distance=3.0, energy=9.0)
    common = scan.auto(1)["common"]
    assert (common.distance, common.energy) == (3.0, 9.0)


@pytest.mark.parametrize("energy", [np.array([]), "8 keV", np.nan])
def test_an_energy_that_is_no_number_is_said_and_not_used(tmp_path, caplog, energy):
    write_cxi(tmp_path / "a.cxi", **{"instrument_1/source_1/energy": energy})
    assert cxi_file(tmp_path / "a.cxi").recorded.energy is None
    assert "source_1/energy is no number" in caplog.text


def test_a_picture_beside_the_frames_is_not_taken_for_them(tmp_path):
    write_cxi(tmp_path / "a.cxi")
    with h5py.File(tmp_path / "a.cxi", "r+") as file:
        del file["entry_1/data_1/data"]
        file["entry_1/data_1/data"] = counts().mean(axis=0)
    found = cxi_file(tmp_path / "a.cxi")
    assert (found.key, found.count) == ("entry_1/instrument_1/detector_1/data", N)


@pytest.mark.parametrize("basis", [np.zeros((2, 3)), np.eye(3)])
def test_steps_of_no_use_are_said_and_frames_taken_to_be_upright(tmp_path, caplog, basis):
    write_cxi(tmp_path / "a.cxi", **{f"{DETECTOR}/basis_vectors": basis})
    found = cxi_file(tmp_path / "a.cxi").recorded.positions
    np.testing.assert_array_equal(found, places()[:, [1, 0]])
    assert "taken to be upright" in caplog.text


@pytest.mark.parametrize("count", [3, N])
def test_places_may_lie_transposed_if_that_is_not_ambiguous(tmp_path, count):
    stored = places()[:count] if count == 3 else places().T
    more = {TRANSLATION: stored, f"{DETECTOR}/data": counts()[:count]}
    write_cxi(tmp_path / "a.cxi", **more)
    found = cxi_file(tmp_path / "a.cxi").recorded.positions
    np.testing.assert_array_equal(found, places()[:count, [1, 0]])


def test_one_bad_frame_does_not_take_its_pixels_from_all_others(tmp_path):
    bad = np.zeros((N, H, W), np.uint32)
    bad[2], bad[:, 4, 5] = 1, 8
    write_cxi(tmp_path / "a.cxi", **{f"{DETECTOR}/mask": bad})
    chunk = CxiScan(file=str(tmp_path / "a.cxi")).next_chunk(N)
    np.testing.assert_array_equal(chunk.mask, bad == 0)
    chunk = CxiScan(file=str(tmp_path / "a.cxi"), mask_bits=8).next_chunk(N)
    assert (~chunk.mask).sum() == N


def test_reading_only_the_region_changes_nothing(tmp_path):
    write_cxi(tmp_path / "a.cxi")

    class Whole(CxiScan):
        def correct(self, raw, weights, common):
            return raw, weights

    how = {"file": str(tmp_path / "a.cxi"), "shape": (8, 6), "center": (5, 12), "orientation": 5}
    part, whole = (cls(how).next_chunk(N) for cls in (CxiScan, Whole))
    np.testing.assert_array_equal(part.data, whole.data)
    np.testing.assert_array_equal(part.mask, whole.mask)


def test_frames_that_nobody_wrote_are_not_taken_for_zeros(tmp_path):
    write_cxi(tmp_path / "a.cxi", **{f"{DETECTOR}/data": None})
    with h5py.File(tmp_path / "a.cxi", "r+") as file:
        place = file[f"entry_1/{DETECTOR}"]
        frames = place.create_dataset("data", (N, H, W), "u2", chunks=(1, H, W))
        frames[:7] = counts()[:7]
    with pytest.raises(DataError, match=r"3 were never written.*num_frames=7"):
        CxiScan(file=str(tmp_path / "a.cxi")).auto(1)
    assert len(CxiScan(file=str(tmp_path / "a.cxi"), num_frames=7).auto(20)["iterable"]) == 7


@pytest.mark.parametrize("loader", [CxiScan, DiamondNexus])
def test_vectors_tell_which_way_the_sample_moved_and_rotations_are_said(tmp_path, caplog, loader):
    write_cxi(tmp_path / "a.cxi", **{TRANSLATION: None})
    with h5py.File(tmp_path / "a.cxi", "r+") as file:
        stages = file.create_group("entry_1/sample_1/transformations")
        # Named for the motors, which are built in the other way round.
        stages["x"], stages["y"] = places()[:, 0] * 1e6, places()[:, 1] * 1e3
        stages["angle"] = 30.0
        stages["angle"].attrs["transformation_type"] = "rotation"
        for axis, vector, unit in (("x", (0, -2, 0), "um"), ("y", (1, 0, 0), "mm")):
            stages[axis].attrs["vector"], stages[axis].attrs["units"] = vector, unit
        stages["x"].attrs["depends_on"] = "angle"
    chunk = loader(file=str(tmp_path / "a.cxi")).next_chunk(N)
    np.testing.assert_allclose(chunk.positions, places()[:, :2] * (-1, 1))
    assert "depends on the rotation" in caplog.text


@pytest.mark.parametrize("loader", [CxiScan, DiamondNexus])
def test_the_beam_of_the_file_is_the_centre_in_either_loader(tmp_path, loader):
    more = {f"{DETECTOR}/beam_center_x": 12.0, f"{DETECTOR}/beam_center_y": 5.0}
    write_cxi(tmp_path / "a.cxi", **more)
    how = {"file": str(tmp_path / "a.cxi"), "shape": (8, 6)}
    chunk = loader(how).next_chunk(N)
    np.testing.assert_array_equal(chunk.data, counts()[:, 1:9, 9:15])
    chunk = loader(how, center=(8, 10)).next_chunk(N)
    np.testing.assert_array_equal(chunk.data, counts()[:, 4:12, 7:13])


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
    with pytest.raises(FormatError, match=r"no frames as CXI and NeXus files do.*it holds frames"):
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
