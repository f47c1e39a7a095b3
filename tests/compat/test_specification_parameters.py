"""What a user writes into `scan.data` takes effect, parameter by parameter, as its text says."""

from pathlib import Path

import h5py
import numpy as np
import pytest

import ptypy
from ptypy.core import Ptycho
from ptypy.core.data import PtydScan, PtyScan, register
from ptypy.errors import ParameterError
from ptypy.io import ptyd
from ptypy.utils import Param

GEOMETRY = {"energy": 8.5, "distance": 2.0, "psize": 2.0**-14}
TURNS = [lambda f: f, np.fliplr, np.flipud, lambda f: np.flipud(np.fliplr(f))]


@register("SpecifiedFolderScan")
class SpecifiedFolderScan(PtyScan):
    """Frames in a folder, one file each, and a table of positions.

    Defaults:

    [folder]
    default = None
    type = str
    help = Where the frames are

    [shape]
    default = None
    """

    def load_positions(self):
        return np.load(f"{self.info.folder}/positions.npy")

    def load(self, indices):
        return {k: np.load(f"{self.info.folder}/{k:04d}.npy") for k in indices}, {}, {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten raw frames of 12 x 16 px, as files."""
    frames = np.random.default_rng(4).poisson(30, (10, 12, 16)).astype(np.uint16)
    for k, frame in enumerate(frames):
        np.save(tmp_path / f"{k:04d}.npy", frame)
    np.save(tmp_path / "positions.npy", np.random.default_rng(5).uniform(0, 4e-6, (10, 2)))
    return tmp_path


def raw(folder: Path) -> np.ndarray:
    return np.stack([np.load(folder / f"{k:04d}.npy") for k in range(10)])


def open_scan(folder: Path, **data) -> PtyScan:
    return SpecifiedFolderScan({"folder": str(folder), **GEOMETRY, **data})


def prepare(folder: Path, size: int = 4, **data) -> PtyScan:
    """Prepare all frames of the folder, so many at once."""
    scan = open_scan(folder, **data)
    while scan.auto(size) != scan.EOS:
        pass
    return scan


def run(folder: Path, **data):
    """Load the frames of the folder into a run; give its only block."""
    p = Param(io=Param(home=str(folder), autosave=Param(active=False)), scans=Param())
    own = {} if "source" in data else {"name": "SpecifiedFolderScan", "folder": str(folder)}
    p.scans.mine = Param(name="BlockFull", data=Param(own | GEOMETRY | data))
    (block,) = Ptycho(p, level=2).model.blocks
    return block


# ------------------------------------------------------------------------ saving


def test_a_file_is_written_only_if_saving_is_asked_for(folder):
    prepare(folder, dfile=str(folder / "scan.ptyd"), save=None)
    assert not (folder / "scan.ptyd").exists()
    prepare(folder, dfile=str(folder / "scan.ptyd"), save="append")
    assert (folder / "scan.ptyd").exists()


@pytest.mark.parametrize(
    ("save", "chunks", "linked"), [("append", 3, 0), ("link", 3, 3), ("merge", 1, 0)]
)
def test_ways_of_saving_differ_in_where_the_frames_lie_and_in_nothing_else(
    folder, save, chunks, linked
):
    path = folder / "scan.ptyd"
    prepare(folder, dfile=str(path), save=save)
    with h5py.File(path) as file:
        links = [file["chunks"].get(name, getlink=True) for name in file["chunks"]]
        assert len(links) == chunks
        assert sum(isinstance(link, h5py.ExternalLink) for link in links) == linked
        counts = [file[f"chunks/{k}/data"][()] for k in range(chunks)]
    np.testing.assert_array_equal(np.concatenate(counts), raw(folder))
    assert len(list(folder.glob("scan.ptyd.*"))) == linked


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["scan.ptyd.chunk00", "scan.ptyd.chunk01", "scan.ptyd.chunk02"]),
        ({"chunk_format": "_part%d"}, ["scan.ptyd_part0", "scan.ptyd_part1", "scan.ptyd_part2"]),
    ],
)
def test_chunk_files_have_the_name_of_the_file_and_the_ending_asked_for(folder, asked, names):
    prepare(folder, dfile=str(folder / "scan.ptyd"), save="link", **asked)
    assert sorted(path.name for path in folder.glob("scan.ptyd?*")) == names


def test_label_experiment_and_version_can_be_read_off_the_saved_file(folder):
    path = folder / "scan.ptyd"
    names = {"label": "star, 3rd", "experimentID": "mx1234", "version": 0.25}
    prepare(folder, dfile=str(path), save="append", **names)
    with h5py.File(path) as file:
        assert file["meta/label"].asstr()[()] == "star, 3rd"
        assert file["meta/version"][()] == 0.25
        assert file["info/experimentID"].asstr()[()] == "mx1234"


@pytest.mark.parametrize("asked", [{}, {"version": 0.1}, {"version": None}])
def test_frames_say_which_ptypy_prepared_them_unless_the_user_gave_a_version(folder, asked):
    path = folder / "scan.ptyd"
    scan = prepare(folder, dfile=str(path), save="append", **asked)
    assert scan.meta.version == ptypy.__version__
    with h5py.File(path) as file:
        assert file["meta/version"].asstr()[()] == ptypy.__version__
        assert np.allclose(file["info/version"][()], 0.1) or asked.get("version", 0) is None


@pytest.mark.parametrize("written", [0.1, 3, "0.8.1.dev6f61b9d9", "None"])
def test_whatever_version_a_file_says_it_is_read(folder, written):
    path = folder / "scan.ptyd"
    prepare(folder, dfile=str(path), save="append")
    with h5py.File(path, "a") as file:
        del file["meta/version"]
        file["meta/version"] = written
    scan = PtydScan(dfile=str(path))
    assert len(scan.next_chunk(10).data) == 10
    if written != "None":
        assert scan.meta.version == written


def test_prepared_frames_that_are_prepared_again_say_who_did_it_last(folder):
    first, second = str(folder / "a.ptyd"), str(folder / "b.ptyd")
    prepare(folder, dfile=first, save="append", version=7.5)
    scan = PtydScan(source=first, dfile=second, save="append", rebin=2)
    while scan.auto(4) != scan.EOS:
        pass
    with h5py.File(second) as file:
        assert file["meta/version"].asstr()[()] == ptypy.__version__


# ------------------------------------------------------------------------ propagation


def test_who_asks_for_the_near_field_finds_it_in_the_package_and_in_the_file(folder):
    path = folder / "scan.ptyd"
    scan = prepare(folder, dfile=str(path), save="append", propagation="nearfield")
    assert scan.meta.propagation == "nearfield"
    with h5py.File(path) as file:
        assert file["meta/propagation"].asstr()[()] == "nearfield"
    assert PtydScan(dfile=str(path)).next_chunk(3).meta.propagation == "nearfield"


@pytest.mark.parametrize("where", ["info", "meta"])
def test_a_class_that_finds_the_propagation_in_its_files_says_so_in_a_hook(folder, where):
    class Found(SpecifiedFolderScan):
        def load_common(self):
            getattr(self, where).propagation = "nearfield"
            return {}

    scan = Found({"folder": str(folder), **GEOMETRY})
    assert scan.auto(2)["common"].propagation == "nearfield"


def test_the_propagation_reaches_the_model(folder):
    assert run(folder, propagation="farfield").geometry.propagation == "farfield"
    assert run(folder, propagation="nearfield", psize=5e-7).geometry.propagation == "nearfield"


def test_a_propagation_that_there_is_not_is_refused(folder):
    with pytest.raises(ParameterError, match=r"'farfield', 'nearfield'"):
        open_scan(folder, propagation="midfield")


def test_a_run_labels_its_frames_by_the_scan_unless_told_otherwise(folder):
    for asked, label in (({}, "mine"), ({"label": "other"}, "other")):
        run(folder, dfile=str(folder / "scan.ptyd"), save="append", **asked)
        assert ptyd.PtydReader(folder / "scan.ptyd").meta["label"] == label


# ------------------------------------------------------------------------ region and turning


@pytest.mark.parametrize(
    ("shape", "prepared"), [(None, (12, 16)), (8, (8, 8)), ((6, 10), (6, 10)), ([14, 4], (14, 4))]
)
def test_the_region_is_the_whole_frame_a_square_or_a_rectangle(folder, shape, prepared):
    package = open_scan(folder, shape=shape).auto(1)
    assert package["iterable"][0]["data"].shape == prepared
    assert tuple(package["common"].shape) == prepared


@pytest.mark.parametrize("number", range(8))
def test_an_orientation_is_a_number_or_three_booleans_and_turns_as_numpy_does(folder, number):
    expected = [TURNS[number % 4](f.T if number >= 4 else f) for f in raw(folder)]
    flags = tuple(bool(number & bit) for bit in (4, 2, 1))  # transpose, flipud, fliplr
    for orientation in (number, flags, list(flags)):
        chunk = open_scan(folder, orientation=orientation).next_chunk(10)
        np.testing.assert_array_equal(chunk.data, expected)


def test_nothing_and_zero_are_the_orientation_the_frames_have(folder):
    for orientation in (None, 0):
        chunk = open_scan(folder, orientation=orientation).next_chunk(10)
        np.testing.assert_array_equal(chunk.data, raw(folder))


def test_no_binning_is_said_by_nothing_or_by_one(folder):
    for rebin in (None, 1):
        chunk = open_scan(folder, rebin=rebin).next_chunk(10)
        np.testing.assert_array_equal(chunk.data, raw(folder))
        np.testing.assert_array_equal(chunk.meta.psize, [GEOMETRY["psize"]] * 2)


# ------------------------------------------------------------------------ how many frames


@pytest.mark.parametrize(("asked", "size"), [(1, 2), (2, 2), (3, 3), (7, 7), (100, 10)])
def test_a_chunk_has_as_many_frames_as_were_asked_for_but_never_too_few(folder, asked, size):
    package = open_scan(folder, min_frames=2).auto(asked)
    assert len(package["iterable"]) == size
    assert package["chunk"].indices == list(range(size))


def test_theoretical_positions_replace_the_scan_s_own_and_say_how_many_frames_there_are(folder):
    theory = np.random.default_rng(6).normal(size=(5, 2))
    scan = open_scan(folder, positions_theory=theory, num_frames=3)
    chunk = scan.next_chunk(100)
    np.testing.assert_array_equal(chunk.positions, theory)
    assert len(chunk.data) == scan.num_frames == chunk.meta.num_frames == 5


def arrive(path: Path, number: int, count: int, first: int) -> None:
    """Let another program add frames to a scan that is still going on."""
    frames = np.random.default_rng(number).poisson(30, (count, 16, 16))
    places = np.random.default_rng(first).uniform(0, 2e-6, (count, 2))
    ptyd.append_chunk(path, number, frames, np.arange(first, first + count), places, None)


def test_a_run_is_not_bothered_with_fewer_frames_than_it_asked_for(tmp_path):
    path = tmp_path / "live.ptyd"
    ptyd.create(path, {**GEOMETRY, "num_frames": 9}, {})
    p = Param(io=Param(home=str(tmp_path)), scans=Param())
    p.scans.live = Param(name="BlockFull", data=Param(source=str(path), min_frames=4))
    model = Ptycho(p, level=1).model
    assert model.new_data() is None
    arrive(path, 0, 3, 0)
    assert model.new_data() is None
    arrive(path, 1, 2, 3)
    assert [len(block) for block in model.new_data()] == [5]
    arrive(path, 2, 4, 5)
    assert [len(block) for block in model.new_data()] == [4]
    assert model.end_of_scan


# ------------------------------------------------------------------------ geometry


@pytest.mark.parametrize("psize", [5e-5, (5e-5, 7e-5)])
def test_energy_distance_and_pixel_size_decide_how_long_a_pixel_of_the_object_is(folder, psize):
    geometry = run(folder, energy=6.2, distance=3.0, psize=psize).geometry
    wavelength = 1.239841984e-9 / 6.2
    expected = wavelength * 3.0 / (np.array([12, 16]) * psize)
    np.testing.assert_allclose(geometry.resolution, expected, rtol=1e-6)
    np.testing.assert_allclose(geometry.psize, np.broadcast_to(psize, 2))


NUMBERS = [
    ("energy", 8.5, [np.float32(8.5), np.float64(8.5), np.array(8.5), np.array([8.5])]),
    ("energy", 8, [np.int64(8), np.uint8(8), np.array([[8]])]),
    ("distance", 2.5, [np.float16(2.5), np.array(2.5), np.array([2.5])]),
    ("psize", 2.0**-14, [np.float32(2.0**-14), np.array(2.0**-14), np.array([2.0**-14])]),
    ("psize", (2.0**-14, 2.0**-13), [[2.0**-14, 2.0**-13], np.array([2.0**-14, 2.0**-13])]),
    ("psize", (2.0**-14, 2.0**-13), [(np.array(2.0**-14), np.array([2.0**-13]))]),
    ("shape", 8, [np.int32(8), np.array(8), np.array([8])]),
    ("shape", (6, 10), [[6, 10], (np.int64(6), np.int64(10)), np.array([6, 10])]),
    ("shape", (6, 10), [[np.array(6), np.array([10])], np.array([6.0, 10.0])]),
    ("shape", None, ["None", "none"]),
    ("center", (5, 9.0), [[5, 9.0], (np.int16(5), np.float32(9)), np.array([5.0, 9.0])]),
    ("center", (5, 9.0), [(np.array(5), np.array([9.0]))]),
    ("center", 7, [np.int64(7), np.array(7), (7, 7), np.array([7])]),
    ("center", None, ["None"]),
    ("rebin", 2, [np.int64(2), np.uint8(2), np.array(2), np.array([2])]),
    ("rebin", None, ["None", "none", np.str_("None")]),
    ("orientation", 5, [np.int64(5), np.array([True, False, True]), np.array([1, 0, 1])]),
    ("orientation", 5, [np.array(5), np.array([5]), (np.True_, np.array(False), np.array([1]))]),
    ("orientation", None, ["None"]),
    ("num_frames", 6, [np.int64(6), np.array(6), np.array([6])]),
    ("num_frames", None, ["None"]),
    ("min_frames", 3, [np.int64(3), np.array(3), np.array([3])]),
    ("auto_center", True, [np.True_, np.array(True), np.array([True])]),
    ("auto_center", None, ["None"]),
    ("add_poisson_noise", True, [np.True_, np.array([True])]),
    ("timeout", 60.0, [np.float32(60), np.int8(60), np.array([60.0])]),
    ("load_parallel", None, ["None"]),
    ("propagation", None, ["None"]),
    ("save", None, ["None"]),
    ("version", 0.5, [np.float32(0.5), np.array(0.5)]),
]


@pytest.mark.parametrize(("name", "plain", "others"), NUMBERS)
def test_numbers_of_numpy_mean_what_plain_numbers_mean(folder, name, plain, others):
    expected = run(folder, **{name: plain})
    for other in others:
        block = run(folder, **{name: other})
        np.testing.assert_array_equal(block.counts, expected.counts)
        np.testing.assert_array_equal(block.positions, expected.positions)
        for key in ("energy", "distance", "psize", "center", "resolution"):
            np.testing.assert_array_equal(
                getattr(block.geometry, key), getattr(expected.geometry, key)
            )


def test_what_was_given_as_numbers_of_numpy_is_saved_as_numbers(folder):
    path = folder / "scan.ptyd"
    numbers = {"energy": np.float32(8.5), "distance": np.array(2.0), "num_frames": np.int16(8)}
    prepare(folder, dfile=str(path), save="append", rebin=np.int64(2), **numbers)
    assert ptyd.validate(path) == []
    common = PtydScan(dfile=str(path)).auto(100)["common"]
    assert (common.energy, common.distance, common.num_frames) == (8.5, 2.0, 8)
