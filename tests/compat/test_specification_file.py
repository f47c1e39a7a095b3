"""The .ptyd file as the specification draws it: whoever wrote it, no frame or number is lost."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from ptypy import defaults_tree
from ptypy.core import Ptycho
from ptypy.core.data import MoonFlowerScan, PtydScan
from ptypy.io import h5info, h5read
from ptypy.utils import Param

GEOMETRY = {"energy": 8.5, "distance": 2.0, "psize": 75e-6}
FRAMES = np.random.default_rng(0).poisson(30, (10, 16, 12)).astype(np.uint16)
POSITIONS = np.random.default_rng(1).uniform(0, 4e-6, (10, 2))
MASK = np.ones((16, 12), bool)
MASK[3, 4] = False


def by_hand(path: Path, meta: dict, **chunk) -> Path:
    """Write frames and numbers with nothing but h5py; a chunk's entry None is left out."""
    with h5py.File(path, "w") as file:
        for name, value in ({"data": FRAMES, "positions": POSITIONS} | chunk).items():
            if value is not None:
                file[f"chunks/0/{name}"] = value
        for name, value in meta.items():
            file[f"meta/{name}"] = value
    return path


def run(path: Path, **data):
    """Load a file into a run; give its only block."""
    p = Param(io=Param(home=str(path.parent), autosave=Param(active=False)), scans=Param())
    p.scans.mine = Param(name="BlockFull", data=Param({"source": str(path), **data}))
    (block,) = Ptycho(p, level=2).model.blocks
    return block


def assert_same_run(one, other):
    np.testing.assert_array_equal(one.counts, other.counts)
    np.testing.assert_array_equal(one.positions, other.positions)
    np.testing.assert_array_equal(one.mask, other.mask)
    for key in ("energy", "distance", "psize", "center", "shape", "resolution"):
        np.testing.assert_array_equal(getattr(one.geometry, key), getattr(other.geometry, key))


@pytest.mark.parametrize("name", ["scan.ptyd", "scan.hdf5", "scan.h5"])
def test_a_file_written_in_six_lines_can_be_reconstructed_whatever_its_ending(tmp_path, name):
    path = tmp_path / name
    with h5py.File(path, "w") as file:
        file["chunks/0/data"] = FRAMES
        file["chunks/0/positions"] = POSITIONS
        file["meta/energy"] = 8.5
        file["meta/distance"] = 2.0
        file["meta/psize"] = 75e-6
    by_path, by_word = run(path), run(path, source="file", dfile=str(path))
    assert_same_run(by_path, by_word)
    np.testing.assert_array_equal(by_path.counts, FRAMES)
    np.testing.assert_array_equal(by_path.positions, POSITIONS)
    wavelength = 1.239841984e-9 / 8.5
    resolution = wavelength * 2.0 / (np.array([16, 12]) * 75e-6)
    np.testing.assert_allclose(by_path.geometry.resolution, resolution, rtol=1e-6)


SAID = {
    "num_frames": 10,
    "label": "star",
    "shape": (16, 12),
    "energy": 8.5,
    "distance": 2.0,
    "center": (8.0, 6.0),
    "psize": (75e-6, 75e-6),
    "version": 0.1,
}


@pytest.mark.parametrize("none", ["None", b"None", np.bytes_("None")])
@pytest.mark.parametrize("name", SAID)
def test_an_entry_that_says_none_is_as_good_as_one_left_out(tmp_path, name, none):
    others = {key: value for key, value in SAID.items() if key != name}
    given = {name: SAID[name]} if name in GEOMETRY else {}
    omitted = run(by_hand(tmp_path / "omitted.ptyd", others), **given)
    said = run(by_hand(tmp_path / "none.ptyd", others | {name: none}), **given)
    assert_same_run(omitted, said)
    assert_same_run(said, run(by_hand(tmp_path / "all.ptyd", SAID)))


def test_all_of_meta_may_be_missing_if_parameters_say_it(tmp_path):
    block = run(by_hand(tmp_path / "bare.ptyd", {}), **GEOMETRY)
    assert_same_run(block, run(by_hand(tmp_path / "full.ptyd", SAID)))


@pytest.mark.parametrize("psize", [75e-6, (75e-6, 50e-6), np.array([75e-6])])
def test_a_pixel_size_is_one_number_or_two(tmp_path, psize):
    block = run(by_hand(tmp_path / "scan.ptyd", GEOMETRY | {"psize": psize}))
    np.testing.assert_array_equal(block.geometry.psize, np.broadcast_to(psize, 2))


def test_the_center_in_the_file_is_where_the_axis_meets_the_frame(tmp_path):
    block = run(by_hand(tmp_path / "scan.ptyd", GEOMETRY | {"center": (7.0, 5.5)}))
    np.testing.assert_array_equal(block.geometry.center, (7.0, 5.5))
    np.testing.assert_array_equal(block.counts, FRAMES)


def test_a_complete_scan_need_not_say_how_many_frames_it_has(tmp_path):
    path = by_hand(tmp_path / "scan.ptyd", GEOMETRY)
    with h5py.File(path, "a") as file:
        file["chunks/1/data"] = FRAMES[:3]
        file["chunks/1/positions"] = POSITIONS[:3]
    scan = PtydScan(dfile=str(path))
    assert scan.num_frames == 13
    assert len(scan.auto(100)["iterable"]) == 13
    assert scan.auto(100) == scan.EOS


def test_a_scan_that_goes_on_is_not_over_before_the_frames_it_announced(tmp_path):
    scan = PtydScan(dfile=str(by_hand(tmp_path / "scan.ptyd", GEOMETRY | {"num_frames": 14})))
    assert len(scan.auto(100)["iterable"]) == 10
    assert scan.auto(100) == scan.WAIT
    with h5py.File(tmp_path / "scan.ptyd", "a") as file:
        file["chunks/1/data"] = FRAMES[:4]
        file["chunks/1/positions"] = POSITIONS[:4]
    assert len(scan.auto(100)["iterable"]) == 4
    assert scan.auto(100) == scan.EOS


def test_frames_beyond_the_number_that_a_file_announces_are_left_out_with_a_loud_word(
    tmp_path, caplog
):
    path = by_hand(tmp_path / "scan.ptyd", GEOMETRY | {"num_frames": 6})
    np.testing.assert_array_equal(run(path).counts, FRAMES[:6])
    (told,) = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert "4 more" in told
    assert "num_frames=10" in told
    np.testing.assert_array_equal(run(path, num_frames=10).counts, FRAMES)


@pytest.mark.parametrize(
    ("weights", "trusted"),
    [
        (None, True),
        (np.zeros(0), True),
        ("None", True),
        (MASK, MASK),
        (MASK * 0.5, MASK),
        (np.repeat(MASK[None], 10, axis=0), MASK),
        (FRAMES < 35, FRAMES < 35),
    ],
)
def test_pixels_are_trusted_as_the_weights_in_the_file_say(tmp_path, weights, trusted):
    block = run(by_hand(tmp_path / "scan.ptyd", GEOMETRY, weights=weights))
    mask = np.broadcast_to(block.mask, FRAMES.shape)
    np.testing.assert_array_equal(mask, np.broadcast_to(trusted, FRAMES.shape))


def test_stored_indices_say_which_theoretical_position_a_frame_has(tmp_path):
    order = np.random.default_rng(2).permutation(10)
    path = by_hand(tmp_path / "scan.ptyd", GEOMETRY, indices=order, positions=None)
    block = run(path, positions_theory=POSITIONS)
    np.testing.assert_array_equal(block.positions, POSITIONS[order])
    np.testing.assert_array_equal(block.indices, order)


# ------------------------------------------------------------------------ as it is written


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A scan as we save it."""
    path = tmp_path / "moon.ptyd"
    scan = MoonFlowerScan(num_frames=30, shape=32, save="append", dfile=str(path), label="moon")
    while scan.auto(8) != scan.EOS:
        pass
    return path


def test_meta_holds_parameters_of_the_scan_and_the_mask_that_all_frames_share(saved):
    with h5py.File(saved) as file:
        names = set(file["meta"])
        assert set(file) == {"chunks", "meta", "info"}
    assert names - {"weight2d"} <= set(defaults_tree["scandata.PtyScan"].children)
    assert {"version", "num_frames", "label", "shape", "energy", "distance"} <= names
    assert {"center", "psize"} <= names


def test_meta_and_frames_are_apart_and_plain_h5py_finds_both(saved):
    with h5py.File(saved) as file:
        counts = [file[f"chunks/{k}/data"] for k in range(len(file["chunks"]))]
        assert sum(len(chunk) for chunk in counts) == file["meta/num_frames"][()] == 30
        assert all(chunk.shape[1:] == tuple(file["meta/shape"]) for chunk in counts)
        assert all(chunk.dtype.kind == "i" for chunk in counts)
        for name in ("energy", "distance"):
            assert file[f"meta/{name}"].shape == ()


def test_parts_of_a_prepared_file_are_read_in_one_line(saved):
    part = h5read(saved, "meta", "chunks.1.data[2:4]", "chunks.0.positions")
    with h5py.File(saved) as file:
        np.testing.assert_array_equal(part["data"], file["chunks/1/data"][2:4])
        np.testing.assert_array_equal(part["positions"], file["chunks/0/positions"])
        assert part["meta"]["energy"] == file["meta/energy"][()]
    assert part["meta"]["label"] == "moon"


def test_the_tree_of_a_prepared_file_can_be_printed(saved, capsys):
    h5info(saved)
    printed = capsys.readouterr().out
    for name in ("chunks", "data", "positions", "indices", "weights", "meta", "energy", "info"):
        assert name in printed


def test_a_linked_set_is_whole_wherever_it_is_copied_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beamtime").mkdir()
    scan = MoonFlowerScan(num_frames=30, shape=32, save="link", dfile="beamtime/moon.ptyd")
    delivered = []
    while (chunk := scan.next_chunk(8)) != scan.EOS:
        delivered.append(chunk.data)
    with h5py.File("beamtime/moon.ptyd") as file:
        links = [file["chunks"].get(name, getlink=True).filename for name in file["chunks"]]
    assert links == [f"moon.ptyd.chunk{k:02d}" for k in range(len(delivered))]
    shutil.copytree("beamtime", "home/of/the/user")
    shutil.rmtree("beamtime")
    monkeypatch.chdir("/")
    chunk = PtydScan(dfile=str(tmp_path / "home/of/the/user/moon.ptyd")).next_chunk(100)
    np.testing.assert_array_equal(chunk.data, np.concatenate(delivered))


def test_a_file_of_another_release_loads_and_near_field_data_are_not_taken_for_far_field(tmp_path):
    path = tmp_path / "scan.ptyd"
    with h5py.File(path, "w") as file:
        file["chunks/0/data"] = np.full((4, 16, 16), 9.0)
        file["chunks/0/positions"] = np.arange(8.0).reshape(4, 2) * 1e-7
        for key, value in {"energy": 8.0, "distance": 1.0, "psize": 1e-4}.items():
            file[f"meta/{key}"] = value
        file["meta/version"] = "0.8.1.dev6f61b9d9"
    tree = Param(scans=Param(s=Param(name="BlockVanilla", data=Param(name="PtydScan"))))
    tree.scans.s.data.source = str(path)
    assert len(Ptycho(tree, level=2).model.blocks[0]) == 4
    with h5py.File(path, "r+") as file:
        file["meta/propagation"] = "nearfield"
    run = Ptycho(tree, level=2)
    assert run.model.blocks[0].geometry.propagation == "nearfield"
    # The pixels of both planes are one: the far field would have others.
    np.testing.assert_allclose(run.model.blocks[0].geometry.resolution, 1e-4)
