"""Whoever is handed a file learns what it is, and what is wrong with it."""

import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from ptypy.cli import main
from ptypy.diagnose import inspect_file
from ptypy.io import ptyd, ptyr


def scan(path, *, frames=6, data=None, **changes):
    """Write a prepared scan in two chunks."""
    rng = np.random.default_rng(0)
    data = rng.poisson(50, (frames, 16, 12)).astype(np.uint16) if data is None else data
    positions = np.stack(np.divmod(np.arange(frames), 3), axis=1) * 1e-7
    meta = {"energy": 8.0, "distance": 2.0, "psize": 1e-4, "num_frames": frames, "center": (8, 6)}
    ptyd.create(path, meta | changes, {"name": "test"})
    half = frames // 2
    for number, rows in enumerate((slice(0, half), slice(half, frames))):
        index = np.arange(frames)[rows]
        ptyd.append_chunk(path, number, data[rows], index, positions[rows], np.ones((16, 12), bool))
    return data


def test_a_sound_scan_is_described_in_numbers(tmp_path):
    data = scan(tmp_path / "a.ptyd")
    report = inspect_file(tmp_path / "a.ptyd")
    assert (report.kind, report.faults, report.remarks) == ("ptyd", [], [])
    values, found = report.values, report.frames["chunks"]
    assert (values["frames"], values["shape"], values["dtype"]) == (6, [16, 12], "uint16")
    assert values["energy_keV"] == 8.0
    wave = 1.239841984e-9 / 8
    assert np.allclose(values["resolution_m"], [wave * 2 / (n * 1e-4) for n in (16, 12)])
    assert np.allclose(values["positions_extent_m"], [1e-7, 2e-7])
    assert values["positions_step_m"] == pytest.approx(1e-7)
    assert found.mean_counts == pytest.approx(data.sum() / 6)
    assert (found.least, found.largest) == (data.min(), data.max())
    assert found.looked_at == [0, 1, 2, 3, 4, 5]


def test_frames_that_look_wrong_are_numbered(tmp_path):
    data = np.full((6, 16, 12), 3.0, np.float32)
    data[1] = 0
    data[2, 4, 4] = -7
    data[4, 0, 0] = np.nan
    scan(tmp_path / "a.ptyd", data=data)
    report = inspect_file(tmp_path / "a.ptyd")
    found = report.frames["chunks"]
    assert (found.empty, found.negative, found.strange) == ([1], [2], [4])
    assert any("frame 4" in text and "finite" in text for text in report.faults)
    assert any("frame 1" in text and "without any counts" in text for text in report.remarks)


def test_masked_pixels_do_not_count_and_gaps_are_not_taken_for_saturation(tmp_path):
    frames = np.full((5, 8, 8), 2, np.uint16)
    frames[:, :, 3] = 65535  # a gap between modules
    frames[2, 6, 6] = 65535
    np.save(tmp_path / "raw.npy", frames)
    report = inspect_file(tmp_path / "raw.npy")
    found = report.frames["raw.npy"]
    assert (found.gaps, found.saturated, found.largest) == (8, [2], 2)
    data = np.full((6, 16, 12), 2, np.uint16)
    data[:, 0, 0] = 999
    mask = np.ones((16, 12), bool)
    mask[0, 0] = False
    ptyd.create(tmp_path / "a.ptyd", {"energy": 8.0}, {})
    ptyd.append_chunk(tmp_path / "a.ptyd", 0, data, np.arange(6), None, mask)
    assert inspect_file(tmp_path / "a.ptyd").frames["chunks"].largest == 2


def test_a_damaged_frame_is_found_where_it_is(tmp_path):
    scan(tmp_path / "a.ptyd")
    with h5py.File(tmp_path / "a.ptyd") as file:
        offset = file["chunks/1/data"].id.get_offset()
    content = bytearray((tmp_path / "a.ptyd").read_bytes())
    content[offset] ^= 255
    (tmp_path / "a.ptyd").write_bytes(content)
    report = inspect_file(tmp_path / "a.ptyd")
    assert any("chunks/1" in text and "checksum" in text for text in report.faults)
    assert list(report.frames["chunks"].unreadable) == [3]


def test_units_that_cannot_be_right_are_doubted(tmp_path):
    ptyd.create(tmp_path / "a.ptyd", {"energy": 8.0, "distance": 2.0, "psize": 1e-4}, {})
    frames = np.ones((3, 16, 16), np.uint16)
    points = np.arange(6.0).reshape(3, 2)  # micrometres, taken for metres
    ptyd.append_chunk(tmp_path / "a.ptyd", 0, frames, np.arange(3), points, None)
    remarks = " ".join(inspect_file(tmp_path / "a.ptyd").remarks)
    assert "1e-6" in remarks
    assert "do not overlap" in remarks


def test_of_a_long_scan_frames_are_chosen_evenly_unless_all_are_asked_for(tmp_path):
    frames = np.ones((300, 4, 4), np.uint8)
    frames[171] = 0
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry/data"] = frames
    found = inspect_file(tmp_path / "a.h5").frames["entry/data"]
    assert (found.looked_at[0], found.looked_at[-1], len(found.looked_at)) == (0, 299, 64)
    assert max(np.diff(found.looked_at)) <= 5
    assert "64 of 300" in found.which()
    assert inspect_file(tmp_path / "a.h5", full=True).frames["entry/data"].empty == [171]


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A file with every kind of damage that HDF5 files come with, sound frames among them."""
    path = tmp_path_factory.mktemp("broken") / "raw.h5"
    with h5py.File(path, "w") as file:
        file["entry/frames"] = np.ones((3, 4, 4), np.uint16)
        file["gone"] = h5py.SoftLink("/entry/nowhere")
        file["entry/data_000002"] = h5py.ExternalLink("raw_data_000002.h5", "/entry/data/data")
        file["entry/loop"] = file["entry"]  # a circle
        half = file.create_dataset("half", (8, 4, 4), np.uint16, chunks=(1, 4, 4))
        half[:5] = 1
        layout = h5py.VirtualLayout((2, 4, 4), np.uint16)
        layout[0] = h5py.VirtualSource("part1.h5", "data", (4, 4))
        file.create_virtual_dataset("joined", layout)
        file["x"] = np.array([1.0, np.nan, 3.0, 4.0])
        file["x"].attrs["units"] = "um"
        file["\x1b[31mred"] = 1
        file["huge"] = h5py.Empty("f")
        file.create_dataset("absurd", (2, 1 << 20, 1 << 20), np.float64, chunks=(1, 64, 64))
    return path


def test_everything_that_is_missing_is_named(broken):
    report = inspect_file(broken)
    said = "\n".join(report.faults)
    assert "gone (link to /entry/nowhere): leads nowhere" in said
    assert "raw_data_000002.h5" in said
    assert "part1.h5" in said
    assert "half: 3 of 8 frames (5 to 7) were never written" in said
    assert report.frames["entry/frames"].count == 3
    (x,) = [entry for entry in report.tree if entry.path == "/x"]
    assert (x.unit, x.value) == ("um", "1 … 4, 1 not finite")


def test_what_a_file_says_cannot_move_the_cursor(broken):
    text = inspect_file(broken).text()
    assert "\x1b" not in text
    assert "\\x1b[31mred" in text


def test_a_set_of_linked_files_is_shown_as_one_tree(tmp_path):
    ptyd.create(tmp_path / "a.ptyd", {"energy": 8.0}, {})
    frames = np.ones((2, 4, 4), np.uint16)
    part = tmp_path / "a.part0"
    ptyd.append_chunk(tmp_path / "a.ptyd", 0, frames, [0, 1], None, None, link=part)
    tree = {entry.path: entry for entry in inspect_file(tmp_path / "a.ptyd").tree}
    assert "a.part0" in tree["/chunks/0"].target
    assert tree["/chunks/0/data"].shape == (2, 4, 4)
    part.unlink()
    assert any("a.part0" in text for text in inspect_file(tmp_path / "a.ptyd").faults)


def test_positions_that_are_not_as_many_as_frames_are_wrong(tmp_path):
    with h5py.File(tmp_path / "a.cxi", "w") as file:
        file["cxi_version"] = 160
        file["entry_1/data_1/data"] = np.ones((5, 8, 8), np.uint16)
        file["entry_1/sample_1/geometry_1/translation"] = np.zeros((4, 3))
    report = inspect_file(tmp_path / "a.cxi")
    assert report.kind == "cxi"
    assert any("4" in text and "5" in text for text in report.faults)


@pytest.mark.real
def test_files_of_other_programs_are_sound_and_described(shared_data):
    kinds = {
        "formats/example_nxptycho_cxi_compatible.nxs": "cxi",
        "formats/test_00_master.h5": "dectris",
        "formats/SAXS_00051.cbf": "images",
        "formats/minimal.cxi": "hdf5",
        "ptyd_from_ptypy_0.9/star_append.ptyd": "ptyd",
        "ptyd_from_ptypy_0.9/star_link.ptyd": "ptyd",
    }
    for name, kind in kinds.items():
        report = inspect_file(shared_data / name)
        assert (name, report.kind, report.faults) == (name, kind, [])
        assert report.frames or name.endswith("minimal.cxi")
        assert report.text()


def test_a_place_in_a_file_shows_that_alone(broken):
    report = inspect_file(broken, place="entry")
    assert {entry.path.split("/")[1] for entry in report.tree} == {"entry"}
    assert "no such entry" in inspect_file(broken, place="nothing").faults[0]


def test_cut_or_overwritten_files_are_told_and_never_crash(tmp_path):
    scan(tmp_path / "a.ptyd")
    whole = (tmp_path / "a.ptyd").read_bytes()
    rng = np.random.default_rng(7)
    file = tmp_path / "b.ptyd"
    for cut in (0, 1, 7, 100, 2000, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        assert inspect_file(file).faults, cut
    for _ in range(25):
        content = bytearray(whole)
        for place in rng.integers(0, len(whole), 4):
            content[place] = rng.integers(256)
        file.write_bytes(content)
        json.dumps(inspect_file(file).as_dict())
        inspect_file(file).text()


@pytest.mark.parametrize("name", ["missing.h5", ".", "text.ptyd", "text.txt", "pipe"])
def test_what_is_no_data_is_said_in_words(tmp_path, name):
    (tmp_path / "text.ptyd").write_text("not HDF5 at all")
    (tmp_path / "text.txt").write_text("not an image")
    os.mkfifo(tmp_path / "pipe")
    (fault,) = inspect_file(tmp_path / name).faults
    assert len(fault) > 10


def result(path, obj, residuals):
    storage = {"_psize": np.array([2e-8, 2e-8]), "_origin": np.zeros(2), "_energy": 8.0}
    history = [
        {"engine": "DM" if k < 2 else "ML", "iterations": k + 1, "residual": r, "duration": 0.5}
        for k, r in enumerate(residuals)
    ]
    probe = np.stack([np.full((4, 4), 3), np.full((4, 4), 1)]).astype(np.complex64)
    content = {
        "obj": {"S1": {"data": obj, **storage}}, "probe": {"S1": {"data": probe, **storage}},
        "pars": {"scans": {"s": {"name": "BlockFull", "data": {"name": "PtydScan"}}}},
        "runtime": {"iter_info": history, "run": "r"},
    }  # fmt: skip
    ptyr.write_run(path, content, "a run", kind="minimal")


def test_a_result_says_what_was_done_and_how_well(tmp_path):
    result(tmp_path / "r.ptyr", np.ones((1, 8, 9), np.complex64), [0.5, 0.2, 0.1])
    report = inspect_file(tmp_path / "r.ptyr")
    assert report.kind == "ptyr"
    assert report.is_sound
    values = report.values
    assert values["engines"] == [{"name": "DM", "iterations": 2}, {"name": "ML", "iterations": 1}]
    assert values["residual"] == 0.1
    assert values["objects"]["S1"]["psize_m"] == [2e-8, 2e-8]
    assert values["probes"]["S1"]["photons"] == pytest.approx(16 * 9 + 16)
    assert values["probes"]["S1"]["mode_shares"] == pytest.approx([0.9, 0.1])


def test_a_result_that_went_wrong_says_so(tmp_path):
    obj = np.ones((1, 8, 9), np.complex64)
    obj[0, 2, 3] = np.nan
    result(tmp_path / "r.ptyr", obj, [0.5, 0.1, 0.2])
    report = inspect_file(tmp_path / "r.ptyr")
    assert any("object S1 holds 1 pixels" in text for text in report.faults)
    assert any("rose" in text for text in report.remarks)


def test_arrays_and_their_damage(tmp_path):
    np.savez(tmp_path / "a.npz", data=np.ones((3, 4, 4)), scan=np.ones((3, 2)))
    report = inspect_file(tmp_path / "a.npz")
    assert report.values["arrays"] == {"data": [3, 4, 4], "scan": [3, 2]}
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "b.npz").write_bytes(content[:-40])
    assert "cut short" in inspect_file(tmp_path / "b.npz").faults[0]


def test_the_command_ends_with_1_if_something_is_wrong(tmp_path, capsys):
    scan(tmp_path / "a.ptyd")
    assert main(["inspect", str(tmp_path / "a.ptyd")]) == 0
    assert "6 of 16 x 12 px, uint16, in 2 chunks" in capsys.readouterr().out
    assert main(["inspect", str(tmp_path / "a.ptyd"), str(tmp_path / "none.ptyd"), "--json"]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["values"]["frames"] == 6
    assert "no such file" in second["faults"][0]


def test_the_program_shows_a_file_as_ptypys_own_did(tmp_path):
    scan(tmp_path / "a.ptyd")
    command = [sys.executable, "-m", "ptypy", "inspect", str(tmp_path / "a.ptyd")]
    done = subprocess.run(
        [*command, "-p", "meta", "--report"], capture_output=True, text=True, check=True
    )
    assert "* energy                    : 8.0" in done.stdout


def test_it_is_no_trouble_if_nobody_reads_to_the_end(tmp_path):
    scan(tmp_path / "a.ptyd")
    command = [sys.executable, "-m", "ptypy", "inspect", str(tmp_path / "a.ptyd")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        program.stdout.close()  # as `head` does
        assert program.stderr.read() == b""
