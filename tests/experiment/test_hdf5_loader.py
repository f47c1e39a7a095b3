"""A beamline's HDF5 files become the right frames at the right places."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from ptypy.errors import DataError, FormatError, ParameterError
from ptypy.experiment import Hdf5Loader
from ptypy.utils import Param
from ptypy.utils.units import wavelength

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


def add(file, **datasets):
    """Add datasets to a file, replacing those of the same name."""
    with h5py.File(file, "a") as opened:
        for name, values in datasets.items():
            if name in opened:
                del opened[name]
            opened[name] = values


def unlike(count=LINES * COLUMNS):
    """Frames of which no pixel is like another."""
    return np.arange(count * H * W, dtype=np.uint32).reshape(count, H, W)


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


GRID = np.meshgrid(np.arange(LINES) * 2.0, np.arange(COLUMNS) * 3.0, indexing="ij")


@pytest.mark.parametrize(
    ("frames", "slow", "fast"),
    [
        pytest.param((LINES, COLUMNS), GRID[0], GRID[1], id="mapped raster"),
        pytest.param((-1,), GRID[0].ravel(), GRID[1].ravel(), id="list"),
        pytest.param((-1,), GRID[0], GRID[1], id="list on a raster of positions"),
        pytest.param((LINES, COLUMNS), GRID[0][:, 0], GRID[1][0], id="raster, by axis"),
        pytest.param((-1,), GRID[0][:, 0], GRID[1][0], id="list, by axis"),
        pytest.param((LINES, COLUMNS), GRID[0].ravel(), GRID[1].ravel(), id="raster, list"),
        pytest.param((-1,), GRID[0].reshape(-1, 1, 1), GRID[1].reshape(-1, 1, 1), id="long axes"),
    ],
)
def test_every_layout_beamlines_store_gives_the_same_scan(files, frames, slow, fast):
    add(files, data=unlike().reshape(*frames, H, W), slow=slow, fast=fast)
    data, _, positions, _ = load(
        files,
        intensities=Param(key="data"),
        positions=Param(slow_key="slow", fast_key="fast"),
        shape=None, center="fftshift",
    )  # fmt: skip
    np.testing.assert_array_equal(data, unlike())
    np.testing.assert_allclose(positions, 1e-6 * np.stack([g.ravel() for g in GRID], axis=1))


@pytest.mark.parametrize("axis", [0, 1])
def test_motors_that_share_a_dataset_are_told_apart(files, axis):
    motors = np.stack([GRID[1].ravel(), np.zeros(12), GRID[0].ravel()], axis=axis)
    add(files, motors=motors)
    where = Param(slow_key="motors", fast_key="motors", slow_index=2, fast_index=0)
    _, _, positions, _ = load(files, positions=where)
    np.testing.assert_allclose(positions[5], (2e-6, 3e-6))
    with pytest.raises(DataError, match=r"positions\.slow_index is 3.*motors 0 to 2"):
        load(files, positions=Param(where, slow_index=3))


@pytest.mark.parametrize("outer", [0, 1, -1])
def test_one_of_several_scans_in_a_dataset_is_read_with_all_that_is_its_own(files, outer):
    scans = np.stack([unlike(), unlike() + 10**6])
    monitor = np.ones((2, 12))
    monitor[:, 3] = 1.1, 0.9
    positions = np.stack([GRID[0].ravel(), GRID[0].ravel() + 100])
    masks = np.ones((2, H, W))
    masks[0, 0, 0], masks[1, 0, 1] = 0, 0
    add(files, scans=scans, monitors=monitor, slow=positions, fast=positions, masks=masks)
    data, mask, found, _ = load(
        files,
        intensities=Param(key="scans"),
        positions=Param(slow_key="slow", fast_key="fast", slow_multiplier=1.0),
        normalisation=Param(file=files, key="monitors", sigma=100),
        mask=Param(file=files, key="masks"),
        outer_index=outer, shape=None, center="fftshift",
    )  # fmt: skip
    gain = monitor[outer].mean() / monitor[outer]
    np.testing.assert_allclose(data, scans[outer] * gain[:, None, None], rtol=1e-6)
    np.testing.assert_allclose(found[:, 0], positions[outer])
    np.testing.assert_array_equal(mask[0], masks[outer] > 0)
    with pytest.raises(DataError, match=r"outer_index is 2.*scans 0 to 1"):
        load(files, intensities=Param(key="scans"), outer_index=2)


def test_masks_darks_and_flats_may_be_one_a_frame(files):
    rng = np.random.default_rng(5)
    masks = rng.random((12, H, W)) > 0.1
    darks, flats = rng.integers(0, 5, (12, H, W)), rng.uniform(0.5, 2, (LINES, COLUMNS, H, W))
    flats[1, 0, 2, 3] = 0
    add(files, data=unlike(), masks=masks, darks=darks, flats=flats)
    data, mask, *_ = load(
        files,
        intensities=Param(key="data"),
        mask=Param(file=files, key="masks", invert=True),
        darkfield=Param(file=files, key="darks"),
        flatfield=Param(file=files, key="flats"),
        shape=None, center="fftshift",
    )  # fmt: skip
    usable = flats.reshape(12, H, W) > 0
    np.testing.assert_array_equal(mask, ~masks & usable)
    expected = np.maximum(unlike().astype(float) - darks, 0) / np.where(
        usable, flats.reshape(12, H, W), 1
    )
    np.testing.assert_allclose(data[usable], expected[usable], rtol=1e-5)


def test_a_flat_field_does_not_cut_off_what_follows_the_point(files):
    add(files, flat=np.full((H, W), 2.0))
    data, *_ = load(files, flatfield=Param(file=files, key="flat"))
    assert data[0, 0, 0] == 52.5


def test_both_names_of_the_loader_correct_alike(files):
    from ptypy.experiment.hdf5_loader import Hdf5LoaderFast

    more = {
        "intensities": Param(file=files, key="list"),
        "positions": Param(file=files, slow_key="y", fast_key="x"),
        "normalisation": Param(file=files, key="monitor"), "center": None,
        "darkfield": Param(file=files, key="dark"), "flatfield": Param(file=files, key="flat"),
    }  # fmt: skip
    one, other = (cls(Param(more)).next_chunk(12) for cls in (Hdf5Loader, Hdf5LoaderFast))
    np.testing.assert_array_equal(one.data, other.data)
    scale = np.linspace(0.9, 1.1, 12).mean() / np.linspace(0.9, 1.1, 12)
    np.testing.assert_allclose(one.data[:, 3, 3], (100 + np.arange(12)) / 2 * scale, rtol=1e-6)


def test_a_monitor_that_failed_does_not_spoil_its_frame(files, caplog):
    monitor = np.ones(12)
    monitor[2], monitor[5] = np.nan, 0
    add(files, monitor=monitor)
    data, *_ = load(files, normalisation=Param(file=files, key="monitor", sigma=10))
    assert np.isfinite(data).all()
    np.testing.assert_allclose(data[[2, 5], 0, 0], [107, 110])
    assert "2 of 12" in caplog.text


@pytest.mark.parametrize("shape", [(12,), (LINES, COLUMNS)])
@pytest.mark.parametrize("key", ["list", "raster"])
def test_a_filter_keeps_the_frames_it_names_in_every_layout(files, key, shape):
    keep = np.zeros(12, bool)
    keep[[1, 2, 7, 11]] = True
    add(files, keep=keep.reshape(shape).astype(int))
    data, _, positions, _ = load(
        files, intensities=Param(key=key), framefilter=Param(file=files, key="keep")
    )
    np.testing.assert_array_equal(data[:, 0, 0], 105 + np.flatnonzero(keep))
    np.testing.assert_allclose(positions[2], (2e-6, 9e-6))


@pytest.mark.parametrize("key", ["list", "raster"])
@pytest.mark.parametrize(
    "order", [[11, 0, 5, 4, 3, 3], list(range(12))[::-1], [0, 2, 4, 5, 6, 7, 8, 11], [7]]
)
def test_frames_come_in_the_order_that_is_asked_for(files, key, order):
    add(files, list=unlike(), raster=unlike().reshape(LINES, COLUMNS, H, W))
    data, _, positions, _ = load(
        files,
        intensities=Param(key=key),
        frameorder=Param(indices=np.array(order)),
        shape=None, center="fftshift",
    )  # fmt: skip
    np.testing.assert_array_equal(data, unlike()[order])
    np.testing.assert_allclose(positions[:, 1], 3e-6 * (np.array(order) % COLUMNS))


@pytest.mark.parametrize("more", [{}, {"normalisation": "monitor"}, {"padding": (3, 1, 0, 2)}])
@pytest.mark.parametrize("center", [(10, 12), (2, 20), None, "geometric", (7.5, 9.49)])
def test_reading_only_the_region_changes_nothing(files, center, more):
    add(files, list=unlike(), dark=unlike(1)[0] / 4, mask=unlike(1)[0] % 7)
    groups = {"darkfield": Param(file=files, key="dark"), "mask": Param(file=files, key="mask")}
    if "normalisation" in more:
        more = {"normalisation": Param(file=files, key="monitor")}

    class Whole(Hdf5Loader):
        def correct(self, raw, weights, common):
            """What corrects frames itself has to see all of them."""
            return raw, weights

    parameters = Param(
        intensities=Param(file=files, key="list"),
        positions=Param(file=files, slow_key="y", fast_key="x"),
        shape=(8, 10), center=center, orientation=5, rebin=2, **groups, **more,
    )  # fmt: skip
    part, whole = Hdf5Loader(parameters), Whole(parameters)
    for _ in range(3):
        one, other = part.next_chunk(4), whole.next_chunk(4)
        np.testing.assert_array_equal(one.data * one.mask, other.data * other.mask)
        np.testing.assert_array_equal(one.mask, other.mask)


def test_electrons_have_the_wavelength_of_electrons(files):
    *_, common = load(files, energy=300.0, electron_data=True)
    # Kirkland, Advanced Computing in Electron Microscopy, table 2.2: 0.0197 Angstrom at 300 kV.
    assert wavelength(common.energy) == pytest.approx(1.9687e-12, rel=1e-4)
    add(files, energy=200e3)
    recorded = Param(file=files, key="energy", multiplier=1e-3)
    *_, common = load(files, energy=None, recorded_energy=recorded, electron_data=True)
    assert wavelength(common.energy) == pytest.approx(2.5079e-12, rel=1e-4)
    with pytest.raises(ParameterError, match="energy of the electrons"):
        load(files, energy=None, electron_data=True)


def test_recorded_numbers_are_scaled_and_shifted(files, caplog):
    add(files, distance=[2500.0], psize=[55.0, 60.0])
    *_, common = load(
        files,
        recorded_energy=Param(file=files, key="energy", multiplier=1e-3, offset=0.2),
        recorded_distance=Param(file=files, key="distance", multiplier=1e-3, offset=-0.5),
        recorded_psize=Param(file=files, key="psize", multiplier=1e-6),
    )
    assert common.energy == pytest.approx(9.0)
    assert common.distance == pytest.approx(2.0)
    np.testing.assert_allclose(common.psize, (55e-6, 60e-6))
    assert "`distance` is given as 1.0, and the files say 2.0" in caplog.text


def test_positions_that_are_given_need_none_in_files(files):
    theory = np.random.default_rng(1).random((12, 2)) * 1e-5
    scan = Hdf5Loader(
        intensities=Param(file=files, key="raster"), positions_theory=theory, center=None
    )
    chunk = scan.next_chunk(100)
    np.testing.assert_allclose(chunk.positions, theory)
    np.testing.assert_array_equal(chunk.data[:, 10, 10], 105 + np.arange(12))
    scan = Hdf5Loader(
        intensities=Param(file=files, key="raster"), positions_theory=np.zeros((13, 2))
    )
    with pytest.raises(DataError, match=r"13 positions.*12 frames"):
        scan.initialize()


@pytest.mark.parametrize("name", ["Bitshuffle", "Blosc", "Blosc2", "LZ4", "Zstd", "gzip"])
def test_every_usual_compression_opens(files, name):
    import hdf5plugin

    how = {"compression": "gzip"} if name == "gzip" else dict(getattr(hdf5plugin, name)())
    with h5py.File(files, "a") as file:
        file.create_dataset("packed", data=unlike(), chunks=(1, H, W), **how)
    data, *_ = load(files, intensities=Param(key="packed"), shape=None, center="fftshift")
    np.testing.assert_array_equal(data, unlike())


def test_frames_behind_links_and_in_virtual_datasets_are_read(files, tmp_path):
    layout = h5py.VirtualLayout((12, H, W), np.uint32)
    for part in range(3):
        with h5py.File(tmp_path / f"part{part}.h5", "w") as file:
            file["data"] = unlike()[4 * part : 4 * part + 4]
        layout[4 * part : 4 * part + 4] = h5py.VirtualSource(f"part{part}.h5", "data", (4, H, W))
    with h5py.File(tmp_path / "all.h5", "w") as file:
        file.create_virtual_dataset("data", layout)
    with h5py.File(files, "a") as file:
        file["entry/frames"] = h5py.ExternalLink("all.h5", "data")
    whole = {"shape": None, "center": "fftshift"}
    data, *_ = load(files, intensities=Param(key="entry/frames"), **whole)
    np.testing.assert_array_equal(data, unlike())
    (tmp_path / "part1.h5").unlink()
    with pytest.raises(FormatError, match=r"entry/frames.*part1\.h5 cannot be found"):
        load(files, intensities=Param(key="entry/frames"), **whole)
    (tmp_path / "all.h5").unlink()
    with pytest.raises(FormatError, match=r"entry/frames is a link to all\.h5:data"):
        load(files, intensities=Param(key="entry/frames"), **whole)


def test_a_damaged_frame_is_named_as_such(files):
    with h5py.File(files, "a") as file:
        packed = file.create_dataset("packed", data=unlike(), chunks=(1, H, W), compression="gzip")
        place = packed.id.get_chunk_info(3).byte_offset
    with Path(files).open("r+b") as file:
        file.seek(place)
        file.write(b"?" * 40)
    with pytest.raises(FormatError, match=r"packed cannot be read.*damaged"):
        load(files, intensities=Param(key="packed"))


def test_all_faults_of_all_files_are_told_at_once(files):
    add(files, few=np.arange(5.0), small=np.ones((5, 5)), text="beam on")
    with pytest.raises(DataError) as raised:
        load(
            files,
            positions=Param(slow_key="few"),
            mask=Param(file=files, key="small"),
            darkfield=Param(file=files, key="nothing"),
            normalisation=Param(file=files, key="few"),
            recorded_energy=Param(file=files, key="text"),
        )
    for part in ("slow positions (5,)", "mask", "darkfield", "5 readings", "not real numbers"):
        assert part in str(raised.value)


def test_all_faults_of_the_parameters_are_told_at_once(files):
    with pytest.raises(ParameterError) as raised:
        load(
            files,
            positions=Param(slow_multiplier="1e-6", bounding_box=Param(slow_axis_bounds=(1, 2, 3))),
            mask=Param(key="bad"), darkfield=Param(file=files),
            padding=(1, 2), frameorder=Param(indices=[0.5, 1]), oriantation=3,
        )  # fmt: skip
    faults = {fault.path for fault in raised.value.faults}
    assert faults >= {
        "positions.slow_multiplier", "positions.bounding_box.slow_axis_bounds", "mask.file",
        "darkfield.key", "padding", "frameorder.indices", "oriantation",
    }  # fmt: skip


def test_a_choice_that_leaves_nothing_says_so(files):
    with pytest.raises(DataError, match=r"none is left: slow_axis_bounds \(7, 9\)"):
        load(files, positions=Param(bounding_box=Param(slow_axis_bounds=(7, 9))))


def test_paths_need_not_be_text(files):
    data, *_ = load(Path(files), mask=Param(file=Path(files), key="bad", invert=True))
    assert len(data) == 12


def test_a_class_of_the_users_own_may_change_positions_or_bring_its_own(files):
    class Turned(Hdf5Loader):
        def load_positions(self):
            return -super().load_positions()

    class Elsewhere(Hdf5Loader):
        def load_positions(self):
            return np.full((12, 2), 5e-6)

    where = Param(file=files, slow_key="y", fast_key="x")
    intensities = Param(file=files, key="list")
    turned = Turned(intensities=intensities, positions=where).next_chunk(12)
    np.testing.assert_allclose(turned.positions[5], (-2.0, -3.0))
    elsewhere = Elsewhere(intensities=intensities).next_chunk(12)
    np.testing.assert_array_equal(elsewhere.positions, np.full((12, 2), 5e-6))
