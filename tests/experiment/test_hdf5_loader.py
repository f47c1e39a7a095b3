"""A beamline's HDF5 files become the right frames at the right places."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from ptypy.errors import DataError, FormatError, ParameterError
from ptypy.experiment import Hdf5Loader
from ptypy.utils import Param

LINES, COLUMNS, H, W = 3, 4, 20, 24


@pytest.fixture
def files(tmp_path):
    """A small raster: frame k counts 100 + k everywhere, on a pedestal of 5."""
    path = tmp_path / "scan.h5"
    counts = 100 + np.arange(LINES * COLUMNS).reshape(LINES, COLUMNS, 1, 1)
    frames = np.broadcast_to(counts + 5, (LINES, COLUMNS, H, W)).astype(np.uint16)
    with h5py.File(path, "w") as file:
        file["raster"] = frames
        file["list"] = frames.reshape(-1, H, W)
        file["y"], file["x"] = np.arange(LINES) * 2.0, np.arange(COLUMNS) * 3.0
        file["dark"] = np.full((H, W), 5.0)
        file["flat"] = np.full((H, W), 2.0)
        bad = np.zeros((H, W), np.uint8)
        bad[4, 6] = 1
        file["bad"] = bad
        file["monitor"] = np.linspace(0.9, 1.1, LINES * COLUMNS)
        file["energy"] = 8800.0
    return str(path)


def load(file, **more):
    """Prepare the whole scan; give frames, masks and positions."""
    parameters = Param(
        intensities=Param(file=file, key="list"),
        positions=Param(
            file=file, slow_key="y", fast_key="x", slow_multiplier=1e-6, fast_multiplier=1e-6
        ),
        distance=1.0, psize=1e-4, energy=9.0, center=(10, 12), shape=16,
    )  # fmt: skip
    parameters.update(more, in_place_depth=9)
    scan = Hdf5Loader(parameters)
    scan.initialize()
    package = scan.auto(100)
    assert isinstance(package, dict)
    assert scan.auto(100) == scan.EOS
    chunk = package["chunk"]
    data = np.stack([chunk.data[k] for k in chunk.indices])
    mask = np.stack([chunk.weights[k] for k in chunk.indices]) > 0
    return data, mask, np.asarray(chunk.positions), package["common"]


@pytest.mark.parametrize("key", ["list", "raster"])
def test_frames_and_positions_arrive_in_scan_order(files, key):
    data, mask, positions, _ = load(files, intensities=Param(key=key))
    np.testing.assert_array_equal(data[:, 0, 0], 105 + np.arange(12))
    np.testing.assert_allclose(positions[5], (2e-6, 3e-6))
    assert data.shape == (12, 16, 16)
    assert data.dtype.kind == "u"
    assert mask.all()


def test_dark_flat_and_mask_are_applied(files):
    data, mask, *_ = load(
        files,
        darkfield=Param(file=files, key="dark"),
        flatfield=Param(file=files, key="flat"),
        mask=Param(file=files, key="bad", invert=True),
    )
    # Row 4, column 6 of the raw frame is row 2, column 2 of the region.
    assert not mask[:, 2, 2].any()
    assert mask.sum() == 12 * (16 * 16 - 1)
    np.testing.assert_allclose(data[mask].reshape(12, -1)[:, 0], (100 + np.arange(12)) / 2)


def test_the_beam_monitor_takes_out_what_the_source_did(files):
    data, *_ = load(
        files,
        darkfield=Param(file=files, key="dark"),
        normalisation=Param(file=files, key="monitor"),
    )
    expected = (100 + np.arange(12)) / np.linspace(0.9, 1.1, 12)
    np.testing.assert_allclose(data[:, 3, 3], expected, rtol=1e-5)


def test_a_dead_pixel_of_the_flat_field_is_not_trusted(files):
    with h5py.File(files, "a") as file:
        file["flat"][4, 6] = 0
    for more in ({}, {"normalisation": Param(file=files, key="monitor")}):
        data, mask, *_ = load(files, flatfield=Param(file=files, key="flat"), **more)
        assert not mask[:, 2, 2].any()
        assert mask[:, 3:, 3:].all()
        assert np.isfinite(data).all()


def test_recorded_geometry_wins_over_defaults(files):
    *_, common = load(files, recorded_energy=Param(file=files, key="energy", multiplier=1e-3))
    assert common.energy == pytest.approx(8.8)


def test_padding_enlarges_the_frame_with_untrusted_pixels(files):
    data, mask, *_ = load(files, padding=(2, 2, 0, 0), shape=None, center=(12, 12))
    assert data.shape[1:] == (24, 24)
    assert not mask[:, :2].any()
    assert mask[:, 2:-2].all()


@pytest.mark.parametrize("key", ["list", "raster"])
def test_a_choice_of_lines_leaves_the_others_out(files, key):
    data, _, positions, _ = load(
        files,
        intensities=Param(key=key),
        positions=Param(bounding_box=Param(slow_axis_bounds=(1, 2))),
    )
    np.testing.assert_array_equal(data[:, 0, 0], [109, 110, 111, 112])
    np.testing.assert_allclose(positions[:, 0], 2e-6)


@pytest.mark.parametrize("key", ["list", "raster"])
def test_every_second_line_and_column_of_a_raster_is_kept(files, key):
    data, *_ = load(files, intensities=Param(key=key), positions=Param(skip=2))
    np.testing.assert_array_equal(data[:, 0, 0], [105, 107, 113, 115])


def test_all_missing_parameters_are_named_at_once():
    with pytest.raises(ParameterError) as raised:
        Hdf5Loader(Param())
    for name in ("intensities.file", "intensities.key", "positions.slow_key"):
        assert name in str(raised.value)


def test_a_missing_file_and_a_missing_dataset_are_named(files, tmp_path):
    with pytest.raises(FormatError, match=r"nowhere\.h5"):
        load(files, intensities=Param(file=str(tmp_path / "nowhere.h5")))
    with pytest.raises(DataError, match=r"no dataset .frames.*list"):
        load(files, intensities=Param(key="frames"))


def test_a_mask_of_the_wrong_shape_is_refused_before_frames_are_read(files):
    with h5py.File(files, "a") as file:
        file["small"] = np.ones((5, 5))
    with pytest.raises(DataError, match=r"\(5, 5\).*\(20, 24\)"):
        load(files, mask=Param(file=files, key="small"))


def test_a_truncated_file_is_named_as_such(files):
    with Path(files).open("r+b") as file:
        file.truncate(3000)
    with pytest.raises(FormatError, match="truncated"):
        load(files)


def test_a_group_and_a_text_in_place_of_numbers_are_named(files):
    with h5py.File(files, "a") as file:
        file.create_group("entry")["note"] = "beam on"
    with pytest.raises(DataError, match=r"a group and no dataset 'entry'; /entry holds note"):
        load(files, intensities=Param(key="entry"))
    with pytest.raises(DataError, match=r"no dataset 'entry/data'; /entry holds note"):
        load(files, intensities=Param(key="entry/data"))
    with pytest.raises(DataError, match=r"recorded_energy.*not real numbers"):
        load(files, recorded_energy=Param(file=files, key="entry/note"))
