"""Dectris master files: frames in order, bad and saturated pixels untrusted, geometry read."""

import h5py
import numpy as np
import pytest

from ptypy.errors import DataError, FormatError
from ptypy.experiment.dectris import DectrisScan
from ptypy.io.stored_stack import StoredStack
from ptypy.testing import ScanContract, ScanExample

N, H, W = 10, 16, 20


def counts():
    return np.random.default_rng(5).poisson(50, (N, H, W)).astype(np.uint32)


def positions():
    return np.random.default_rng(6).uniform(-1e-6, 1e-6, (N, 2))


def write_master(folder, frames, mask, **more):
    """Three data files of up to four frames, and a master that links to them."""
    import hdf5plugin

    names = []
    with h5py.File(folder / "scan_master.h5", "w") as master:
        for k in range(0, len(frames), 4):
            name = f"scan_data_{k // 4 + 1:06d}"
            names.append(f"{name}.h5")
            with h5py.File(folder / f"{name}.h5", "w") as part:
                part.create_dataset(
                    "entry/data/data", data=frames[k : k + 4], chunks=(1, *frames.shape[1:]),
                    **hdf5plugin.Bitshuffle(),
                )  # fmt: skip
            key = f"entry/data/data_{k // 4 + 1:06d}"
            master[key] = h5py.ExternalLink(f"{name}.h5", "entry/data/data")
        detector = master.create_group("entry/instrument/detector")
        numbers = {
            "x_pixel_size": (50e-6, "m"), "y_pixel_size": (75e-6, "m"),
            "detector_distance": (1200.0, "mm"), "beam_center_x": (9.0, "pixel"),
            "beam_center_y": (7.0, "pixel"), "bit_depth_image": (32, ""),
            "detectorSpecific/photon_energy": (8050.0, "eV"),
            "detectorSpecific/countrate_correction_count_cutoff": (5000, ""),
        } | more  # fmt: skip
        for name, (value, unit) in numbers.items():
            detector[name] = value
            if unit:
                detector[name].attrs["units"] = unit
        detector["detectorSpecific/pixel_mask"] = mask
    np.save(folder / "positions.npy", positions())
    return ["scan_master.h5", "positions.npy", *names]


def parameters(folder, **more):
    where = {"file": str(folder / "positions.npy")}
    return {"file": str(folder / "scan_master.h5"), "positions": where} | more


class TestLinkedFiles(ScanContract):
    def make_example(self, folder):
        frames, trusted = counts(), np.ones((N, H, W), bool)
        bits = np.zeros((H, W), np.uint32)
        bits[4], bits[8, 3], bits[8, 4] = 1, 2, 16  # a gap, a dead pixel, a noisy one
        frames[:, 4] = 2**32 - 1
        trusted[:, bits > 0] = False
        frames[2, 10, 10], trusted[2, 10, 10] = 5000, False
        frames[7, 11, 2], trusted[7, 11, 2] = 2**32 - 1, False
        names = write_master(folder, frames, bits)
        return ScanExample(
            DectrisScan,
            parameters(folder),
            frames=frames,
            positions=positions(),
            mask=trusted,
            geometry={"energy": 8.05, "distance": 1.2, "psize": (75e-6, 50e-6)},
            files=[folder / name for name in names],
        )

    def test_the_beam_centre_has_its_row_from_y_and_its_column_from_x(self, example):
        scan = DectrisScan(example.parameters, shape=8)
        assert scan.auto(1) != scan.EOS
        assert scan.region_in_raw == (3, 5, 8, 8)

    def test_a_number_in_the_script_wins_over_the_header(self, example):
        scan = DectrisScan(example.parameters, energy=9.0)
        common = scan.auto(1)["common"]
        assert (common.energy, common.distance) == (9.0, 1.2)


class TestFourAxes(ScanContract):
    """The newer layout: one dataset (image, channel, y, x), here a virtual one."""

    def make_example(self, folder):
        frames = np.stack([counts() // 2, counts()], axis=1)
        layout = h5py.VirtualLayout((N, 2, H, W), np.uint32)
        for k in range(2):
            with h5py.File(folder / f"part{k}.h5", "w") as part:
                part["images"] = frames[5 * k : 5 * k + 5]
            layout[5 * k : 5 * k + 5] = h5py.VirtualSource(f"part{k}.h5", "images", (5, 2, H, W))
        bad = np.zeros((2, H, W), np.uint32)
        bad[1, 3, 3] = 2
        with h5py.File(folder / "scan_master.h5", "w") as master:
            master.create_virtual_dataset("entry/data/data", layout)
            master["entry/instrument/beam/incident_wavelength"] = 1.5
            master["entry/instrument/beam/incident_wavelength"].attrs["units"] = "angstrom"
            detector = master.create_group("entry/instrument/detector")
            detector["distance"], detector["pixel_mask"] = 2.0, bad
            detector["x_pixel_size"] = detector["y_pixel_size"] = 75e-6
        np.save(folder / "positions.npy", positions())
        names = ("scan_master.h5", "part0.h5", "part1.h5")
        return ScanExample(
            DectrisScan,
            parameters(folder, channel=1),
            frames=counts(),
            mask=bad[1] == 0,
            geometry={"energy": 8.265613, "distance": 2.0, "psize": 75e-6},
            files=[folder / name for name in names],
        )

    def test_one_of_several_channels_has_to_be_chosen(self, example):
        with pytest.raises(DataError, match="2 channels"):
            DectrisScan(example.parameters, channel=None).auto(1)


class ReadsNow(DectrisScan):
    """Looks at frames itself, so that they are read through HDF5 before they are prepared."""

    def correct(self, raw, weights, common):
        return raw, weights


def saturated():
    frames = counts()
    frames[2, 10, 10], frames[7, 11, 2], frames[7, 0, 0] = 5000, 2**32 - 1, 4999
    return frames


def test_frames_prepared_in_their_files_are_those_that_hdf5_gives(tmp_path):
    bits = np.zeros((H, W), np.uint32)
    bits[8, 3] = 1
    write_master(tmp_path, saturated(), bits)
    for more in ({}, {"shape": 8, "rebin": 2, "orientation": 5}, {"saturation": 70}):
        chunks = [
            scan(parameters(tmp_path, **more)).next_chunk(N) for scan in (DectrisScan, ReadsNow)
        ]
        np.testing.assert_array_equal(chunks[0].data, chunks[1].data)
        masks = [np.broadcast_to(chunk.mask, chunk.data.shape) for chunk in chunks]
        np.testing.assert_array_equal(*masks)


def test_frames_stay_in_their_files_until_they_are_prepared(tmp_path):
    write_master(tmp_path, counts(), np.zeros((H, W)))
    scan = DectrisScan(parameters(tmp_path))
    scan.auto(1)
    frames, _, _ = scan.load_block(np.array([9, 2, 5]))
    assert isinstance(frames, StoredStack)
    np.testing.assert_array_equal(frames, counts()[[9, 2, 5]])


def test_a_damaged_frame_is_named_with_its_number_and_its_file(tmp_path):
    write_master(tmp_path, counts(), np.zeros((H, W)))
    with h5py.File(tmp_path / "scan_data_000002.h5", "r+") as part:
        chunk = part["entry/data/data"].id.get_chunk_info_by_coord((2, 0, 0))
    with (tmp_path / "scan_data_000002.h5").open("r+b") as part:
        part.seek(chunk.byte_offset + 12)
        part.write(b"\xff" * (chunk.size - 12))
    where = r"scan_master\.h5: frame 6, in .*scan_data_000002\.h5:/entry/data/data, cannot be read"
    with pytest.raises(FormatError, match=where):
        DectrisScan(parameters(tmp_path)).next_chunk(N)


def test_a_master_that_lacks_a_link_says_which(tmp_path):
    write_master(tmp_path, counts(), np.zeros((H, W)))
    with h5py.File(tmp_path / "scan_master.h5", "r+") as master:
        del master["entry/data/data_000002"]
    with pytest.raises(FormatError, match="no data_000002"):
        DectrisScan(parameters(tmp_path)).auto(1)


def test_a_flat_field_is_applied_only_if_asked_and_only_once(tmp_path):
    flat = np.full((H, W), 2.0, np.float32)
    flat[3, 3] = 0
    write_master(tmp_path, counts(), np.zeros((H, W)), **{"detectorSpecific/flatfield": (flat, "")})
    whole = {"center": (8, 10)}
    for way, factor in ((None, 1.0), ("multiply", 2.0), ("divide", 0.5)):
        scan = DectrisScan(parameters(tmp_path, recorded_flatfield=way, **whole))
        entry = scan.auto(1)["iterable"][0]
        assert entry["mask"][3, 3] == (way is None)
        expected = counts()[0] * factor
        np.testing.assert_allclose(entry["data"][entry["mask"]], expected[entry["mask"]])
    with h5py.File(tmp_path / "scan_master.h5", "r+") as master:
        master["entry/instrument/detector/flatfield_correction_applied"] = 1
    with pytest.raises(DataError, match="has not applied"):
        DectrisScan(parameters(tmp_path, recorded_flatfield="divide")).auto(1)


def test_fewer_frames_than_planned_are_announced(tmp_path, caplog):
    more = {"detectorSpecific/nimages": (1, ""), "detectorSpecific/ntrigger": (12, "")}
    write_master(tmp_path, counts(), np.zeros((H, W)), **more)
    DectrisScan(parameters(tmp_path)).auto(1)
    assert "10 frames were recorded; the detector was set to 12" in caplog.text


def test_a_centre_outside_the_frame_is_not_believed(tmp_path, caplog):
    write_master(tmp_path, counts(), np.zeros((H, W)), beam_center_x=(900.0, "pixel"))
    scan = DectrisScan(parameters(tmp_path, shape=8))
    scan.auto(1)
    assert scan.region_in_raw == (4, 6, 8, 8)
    assert "outside the frame" in caplog.text


def test_another_hdf5_file_is_not_taken_for_a_master(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["frames"] = counts()
    with pytest.raises(FormatError, match="no frames in /entry/data"):
        DectrisScan(parameters(tmp_path, file=str(tmp_path / "other.h5"))).auto(1)


@pytest.mark.real
class TestRealArina(ScanContract):
    """A real file of an electron detector: no distance, no centre, 300 kV."""

    @pytest.fixture
    def example(self, shared_data):
        raster = {"raster": {"shape": (4, 4), "step": 1e-10}}
        return ScanExample(
            DectrisScan,
            {
                "file": str(shared_data / "formats" / "test_00_master.h5"),
                "positions": raster,
                "distance": 0.5,
            },
            geometry={"energy": 300.0, "psize": 1e-4},
        )


def brightest(scan):
    frame = scan.next_chunk(1).data[0]
    return tuple(int(n) for n in np.unravel_index(frame.argmax(), frame.shape))


def test_a_derived_class_gets_the_recorded_beam_centre_too(tmp_path):
    frames = np.ones((N, H, W), np.uint32)
    frames[:, 7, 9] = 1000
    write_master(tmp_path, frames, np.zeros((H, W)))

    class Derived(DectrisScan):
        def __init__(self, pars=None, **kwargs):
            p = self.DEFAULT.copy(99)
            p.update({**(pars or {}), **kwargs}, in_place_depth=99)
            super().__init__(p)

    asked = parameters(tmp_path, shape=8)
    assert brightest(Derived(asked)) == brightest(DectrisScan(asked)) == (4, 4)
    assert brightest(Derived(asked, recorded_center=False)) == (3, 3)
    assert brightest(Derived(asked, center="fftshift")) == (3, 3)
    assert brightest(Derived(asked, center=(8, 9))) == (3, 4)


@pytest.mark.parametrize(("said", "loud"), [(None, True), (True, False), (False, False)])
def test_an_energy_of_electrons_that_nobody_called_so_is_told(tmp_path, caplog, said, loud):
    write_master(tmp_path, counts(), np.zeros((H, W)))
    asked = parameters(tmp_path, energy=300.0, electron_data=said)
    energy = DectrisScan(asked).next_chunk(1).meta.energy
    assert energy == pytest.approx(629.81 if said else 300.0, rel=1e-4)
    assert ("energy = 300 keV is taken for that of photons" in caplog.text) == loud


def test_a_scan_that_was_broken_off_can_be_used_up_to_the_files_that_were_written(tmp_path, caplog):
    more = {"detectorSpecific/nimages": (N, ""), "detectorSpecific/ntrigger": (1, "")}
    write_master(tmp_path, counts(), np.zeros((H, W)), **more)
    (tmp_path / "scan_data_000003.h5").unlink()
    with pytest.raises(FormatError, match=r"scan_data_000003\.h5.*`num_frames=8` uses"):
        DectrisScan(parameters(tmp_path)).auto(1)
    chunk = DectrisScan(parameters(tmp_path, num_frames=7, center=(8, 10))).next_chunk(20)
    np.testing.assert_array_equal(chunk.data, counts()[:7])
    assert "8 frames were recorded; the detector was set to 10" in caplog.text


def test_data_files_that_are_missing_before_the_others_are_told(tmp_path, caplog):
    write_master(tmp_path, counts(), np.zeros((H, W)))
    with h5py.File(tmp_path / "scan_master.h5", "r+") as master:
        del master["entry/data/data_000001"]
    DectrisScan(parameters(tmp_path, num_frames=6)).auto(1)
    assert "the first link to a data file is data_000002" in caplog.text


def test_frames_that_were_never_written_are_refused(tmp_path):
    write_master(tmp_path, counts(), np.zeros((H, W)))
    with h5py.File(tmp_path / "scan_data_000003.h5", "w") as part:
        stack = part.create_dataset("entry/data/data", (2, H, W), "u4", chunks=(1, H, W))
        stack[0] = counts()[8]
    with pytest.raises(DataError, match="1 were never written"):
        DectrisScan(parameters(tmp_path)).auto(1)
    assert len(DectrisScan(parameters(tmp_path, num_frames=9)).next_chunk(20).data) == 9


def test_a_flat_field_that_nobody_applied_is_told_unless_it_is_to_be_left(tmp_path, caplog):
    flat = np.full((H, W), 1.1, np.float32)
    write_master(tmp_path, counts(), np.zeros((H, W)), **{"detectorSpecific/flatfield": (flat, "")})
    DectrisScan(parameters(tmp_path, recorded_flatfield="leave")).auto(1)
    assert "flat field" not in caplog.text
    DectrisScan(parameters(tmp_path)).auto(1)
    assert "holds a flat field, nothing says that the detector has applied it" in caplog.text


def test_channels_that_are_none_and_one_that_is_not_there_are_told_apart(tmp_path):
    write_master(tmp_path, counts(), np.zeros((H, W)))
    with pytest.raises(DataError, match="`channel` 3 is not there"):
        DectrisScan(parameters(tmp_path, channel=3)).auto(1)
    with h5py.File(tmp_path / "scan_master.h5", "r+") as master:
        for k in (1, 2, 3):
            del master[f"entry/data/data_00000{k}"]
        master["entry/data/data"] = counts().reshape(2, 5, H, W)
    with pytest.raises(DataError, match="a raster of 2 x 5 frames, use Hdf5Loader"):
        DectrisScan(parameters(tmp_path)).auto(1)
