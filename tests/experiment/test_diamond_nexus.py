"""A scan in one NeXus file is read by its form: nobody has to say which dataset is what."""

import h5py
import numpy as np
import pytest

from ptypy.errors import DataError, FormatError, ParameterError
from ptypy.experiment import DiamondNexus
from ptypy.utils import Param

LINES, COLUMNS, H, W = 3, 4, 10, 14
FRAMES = np.arange(LINES * COLUMNS * H * W, dtype=np.uint32).reshape(-1, H, W)
Y, X = np.meshgrid(np.arange(LINES) * 2.0, np.arange(COLUMNS) * 3.0, indexing="ij")


@pytest.fixture
def nexus(tmp_path):
    """A raster as NXcxi_ptycho has it: positions in micrometres, energy in eV."""
    path = tmp_path / "scan.nxs"
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry_1")
        entry.attrs["NX_class"] = "NXentry"
        detector = entry.create_group("instrument_1/detector_1")
        detector["data"] = FRAMES
        for name, value, units in (
            ("distance", 2500.0, "mm"), ("y_pixel_size", 55.0, "um"), ("x_pixel_size", 60.0, "um"),
        ):  # fmt: skip
            detector[name] = value
            detector[name].attrs["units"] = units
        entry["instrument_1/beam_1/incident_beam_energy"] = 8000.0
        entry["instrument_1/beam_1/incident_beam_energy"].attrs["units"] = np.bytes_("eV")
        for name, values in (("y", Y), ("x", X)):
            entry[f"sample_1/transformations/{name}"] = values
            entry[f"sample_1/transformations/{name}"].attrs["units"] = "um"
    return str(path)


def load(file, **more):
    chunk = DiamondNexus(Param(file=str(file), **more)).next_chunk(100)
    assert not isinstance(chunk, str)
    return chunk


def test_frames_positions_and_geometry_are_found_and_have_the_units_of_this_project(nexus):
    chunk = load(nexus)
    np.testing.assert_array_equal(chunk.data, FRAMES)
    np.testing.assert_allclose(chunk.positions, 1e-6 * np.stack([Y.ravel(), X.ravel()], axis=1))
    assert chunk.meta.energy == pytest.approx(8.0)
    assert chunk.meta.distance == pytest.approx(2.5)
    np.testing.assert_allclose(chunk.meta.psize, (55e-6, 60e-6))


def test_a_multiplier_counts_in_place_of_the_units_in_the_file(nexus):
    signs = Param(slow_multiplier=-1e-6, fast_multiplier=-1e-6)
    chunk = load(nexus, positions=signs, recorded_energy_multiplier=2e-3)
    np.testing.assert_allclose(chunk.positions, -1e-6 * np.stack([Y.ravel(), X.ravel()], axis=1))
    assert chunk.meta.energy == pytest.approx(16.0)


def test_signs_reverse_an_axis_and_leave_the_units_to_the_file(nexus):
    chunk = load(nexus, positions=Param(slow_multiplier=-1.0))
    np.testing.assert_allclose(chunk.positions, 1e-6 * np.stack([-Y.ravel(), X.ravel()], axis=1))


def test_one_motor_a_line_and_one_a_column_make_a_raster(nexus):
    with h5py.File(nexus, "a") as file:
        for name, values in (("y", Y[:, 0]), ("x", X[0])):
            del file[f"entry_1/sample_1/transformations/{name}"]
            file[f"entry_1/sample_1/transformations/{name}"] = values
    chunk = load(nexus, positions=Param(slow_multiplier=1e-6, fast_multiplier=1e-6))
    np.testing.assert_allclose(chunk.positions, 1e-6 * np.stack([Y.ravel(), X.ravel()], axis=1))


def test_a_raster_of_positions_that_is_not_that_of_the_frames_is_refused(nexus):
    with h5py.File(nexus, "a") as file:
        del file["entry_1/instrument_1/detector_1/data"]
        file["entry_1/instrument_1/detector_1/data"] = FRAMES.reshape(COLUMNS, LINES, H, W)
    with pytest.raises(DataError, match="transposed, or slow and fast are exchanged"):
        load(nexus)


def test_fewer_positions_than_frames_are_used_when_asked(nexus):
    with h5py.File(nexus, "a") as file:
        for name, values in (("y", Y.ravel()[:7]), ("x", X.ravel()[:7])):
            del file[f"entry_1/sample_1/transformations/{name}"]
            file[f"entry_1/sample_1/transformations/{name}"] = values * 1e-6
    with pytest.raises(DataError, match=r"12 frames, but 7 positions.*`num_frames=7`"):
        load(nexus)
    np.testing.assert_array_equal(load(nexus, num_frames=7).data, FRAMES[:7])


def test_a_part_of_the_raster_is_read(nexus):
    box = Param(slow_axis_bounds=(1, 3), fast_axis_bounds=(0, 2))
    chunk = load(nexus, positions=Param(bounding_box=box))
    np.testing.assert_array_equal(chunk.data, FRAMES.reshape(3, 4, H, W)[1:3, :2].reshape(-1, H, W))


def test_the_mask_in_the_file_marks_bad_pixels_and_one_of_the_user_good_ones(nexus):
    bad = np.zeros((H, W), np.uint32)
    bad[2, 3] = 4
    with h5py.File(nexus, "a") as file:
        file["entry_1/instrument_1/detector_1/pixel_mask"] = bad
        file["good"] = (bad == 0).astype(int)
    for more in ({}, {"mask": Param(file=nexus, key="good")}):
        np.testing.assert_array_equal(load(nexus, **more).mask, bad == 0)


def test_positions_in_one_dataset_of_three_axes_are_x_y_z(nexus):
    with h5py.File(nexus, "a") as file:
        del file["entry_1/sample_1/transformations"]
        xyz = np.stack([X.ravel(), Y.ravel(), 0 * X.ravel()], axis=1) * 1e-6
        file["entry_1/sample_1/geometry_1/translation"] = xyz
    np.testing.assert_allclose(load(nexus).positions, xyz[:, 1::-1])


def test_what_is_missing_is_named(nexus, tmp_path):
    with h5py.File(nexus, "a") as file:
        del file["entry_1/sample_1"]
    with pytest.raises(DataError, match=r"scan\.nxs.*holds no positions; give"):
        load(nexus)
    with h5py.File(nexus, "a") as file:
        del file["entry_1/instrument_1/detector_1/data"]
    with pytest.raises(FormatError, match=r"no frames.*entry_1/instrument_1/detector_1/data"):
        load(nexus)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["beam"] = 1
    with pytest.raises(FormatError, match=r"other\.h5: holds no frames.*it holds beam"):
        load(tmp_path / "other.h5")
    with pytest.raises(FormatError, match=r"nowhere\.nxs"):
        load(tmp_path / "nowhere.nxs")
    with pytest.raises(ParameterError, match="path of a CXI or NeXus file"):
        DiamondNexus()


def test_units_that_nobody_knows_are_refused_unless_a_multiplier_says_them(nexus):
    with h5py.File(nexus, "a") as file:
        file["entry_1/sample_1/transformations/y"].attrs["units"] = "counts"
    with pytest.raises(DataError, match=r"transformations/y is in 'counts'"):
        load(nexus)
    assert np.ptp(load(nexus, positions=Param(slow_multiplier=1e-7)).positions[:, 0]) == 4e-7


@pytest.mark.real
@pytest.mark.parametrize("name", ["compatible", "compatible_raster"])
def test_the_examples_of_the_facility_load(shared_data, name):
    path = shared_data / "formats" / f"example_nxptycho_cxi_{name}.nxs"
    chunk = load(path, positions=Param(slow_multiplier=1e-6, fast_multiplier=1e-6))
    with h5py.File(path) as file:
        np.testing.assert_array_equal(chunk.data, file["entry_1/data_1/data"][()])
        where = file["entry_1/sample_1/transformations"]
        np.testing.assert_allclose(chunk.positions[:, 0], where["y"][()].ravel() * 1e-6)
        energy = file["entry_1/instrument_1/beam_1/incident_beam_energy"]
        factor = {"J": 1 / 1.602176634e-16, "keV": 1.0}[energy.attrs["units"]]
        assert chunk.meta.energy == pytest.approx(energy[()] * factor)
    assert chunk.meta.distance == 1.5
