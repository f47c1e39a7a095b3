"""A scan is followed while another process writes it, and nothing is lost, doubled or made up."""

import json
import logging
import subprocess
import sys

import h5py
import numpy as np
import pytest

from ptypy.core.data import PtydScan
from ptypy.errors import DataError, FormatError, ParameterError
from ptypy.experiment import SwmrLoader
from ptypy.utils import Param

WRITER = """
import json, sys
import h5py, numpy as np

def answer(text):
    print(text, flush=True)

setup = json.loads(sys.stdin.readline())
file = h5py.File(setup["file"], "w", libver="latest")
for name, (shape, most, dtype) in setup["datasets"].items():
    file.create_dataset(name, shape=shape, maxshape=most, chunks=True, dtype=dtype)
for name, values in setup["values"].items():
    file[name] = np.array(values)
answer("made")
for line in sys.stdin:
    order = json.loads(line)
    if order == "begin":
        file.swmr_mode = True
    elif order == "close":
        file.close()
    elif order == "die":
        import os
        os._exit(1)
    else:
        for name, first, values in order:
            values, dataset = np.array(values), file[name]
            if len(dataset) < first + len(values):
                dataset.resize(first + len(values), axis=0)
            dataset[first : first + len(values)] = values
            dataset.flush()
    answer("done")
"""

H, W, FRAMES = 6, 8, 12


class Writer:
    """Another process that writes what it is told to, and says when it has."""

    def __init__(self, path, datasets, values=None):
        self.path = str(path)
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.say({"file": self.path, "datasets": datasets, "values": values or {}})

    def say(self, order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def write(self, *parts):
        assert self.say([[name, first, np.asarray(v).tolist()] for name, first, v in parts])


@pytest.fixture
def writer(tmp_path):
    """Start writers; end them with the test."""
    writers = []

    def start(*args, name="live.h5", **kwargs):
        writers.append(Writer(tmp_path / name, *args, **kwargs))
        return writers[-1]

    yield start
    for one in writers:
        one.process.kill()
        one.process.communicate()


def counts(first, last):
    """Frame k counts 10 + k everywhere."""
    return np.broadcast_to(10 + np.arange(first, last)[:, None, None], (last - first, H, W))


GROWING = {
    "data": ([0, H, W], [None, H, W], "u2"),
    "y": ([0], [None], "f8"),
    "x": ([0], [None], "f8"),
}
KEYS = {f"key_{name}": ([0], [None], "i4") for name in ("data", "y", "x")}
ROLES = [("slow", "y"), ("fast", "x")]
LIVE = {
    "intensities": {"live_key": "key_data"},
    "positions": {"live_slow_key": "key_y", "live_fast_key": "key_x"},
}


def follow(path, more=None, **others):
    """Make the loader for a file."""
    parameters = Param(
        intensities=Param(file=str(path), key="data"),
        positions=Param(file=str(path), slow_key="y", fast_key="x", slow_multiplier=1e-6),
        distance=1.0, psize=1e-4, energy=9.0, shape=None,
    )  # fmt: skip
    parameters.update(more or {}, in_place_depth=9)
    parameters.update(others, in_place_depth=9)
    return SwmrLoader(parameters)


def frames_of(package):
    """Give the count of every frame of a package, and its position."""
    assert not isinstance(package, str), package
    entries = package["iterable"]
    return [int(e["data"][0, 0]) for e in entries], [tuple(e["position"]) for e in entries]


def test_frames_are_followed_while_they_are_written(writer):
    live = writer(GROWING)
    live.say("begin")
    scan = follow(live.path)
    assert scan.auto(5) == scan.WAIT
    live.write(("data", 0, counts(0, 3)), ("y", 0, [0, 1, 2]), ("x", 0, [5, 6, 7]))
    found, positions = frames_of(scan.auto(100))
    assert found == [10, 11, 12]
    np.testing.assert_allclose(positions, [(0, 5), (1e-6, 6), (2e-6, 7)])
    assert scan.auto(1) == scan.WAIT
    live.write(("data", 3, counts(3, 5)), ("y", 3, [3, 4]), ("x", 3, [8, 9]))
    assert frames_of(scan.auto(1))[0] == [13]
    live.say("close")
    assert frames_of(scan.auto(100))[0] == [14]
    assert scan.auto(1) == scan.EOS


def test_a_frame_is_there_when_all_its_keys_say_so(writer):
    live = writer({**GROWING, **KEYS})
    live.say("begin")
    scan = follow(live.path, LIVE)
    live.write(("data", 0, counts(0, 6)), ("y", 0, range(6)), ("x", 0, range(6)))
    assert scan.auto(1) == scan.WAIT
    live.write(
        ("key_data", 0, [1, 2, 3, 0, 5]), ("key_y", 0, [1, 2, 3, 4]), ("key_x", 0, [1, 2])
    )  # fmt: skip
    assert frames_of(scan.auto(100))[0] == [10, 11]
    live.write(("key_x", 0, [1, 2, 3, 4, 5]), ("key_y", 4, [5]))
    assert frames_of(scan.auto(100))[0] == [12], "frame 3 is not there, though frame 4 is"
    live.write(("key_data", 3, [4]))
    assert frames_of(scan.auto(100))[0] == [13, 14]


def test_a_writer_that_stops_early_ends_the_scan_and_skips_what_it_never_wrote(writer, caplog):
    full = {"data": ([FRAMES, H, W], [FRAMES, H, W], "u2"), "key_data": ([FRAMES], [FRAMES], "i4")}
    live = writer(full, {"y": list(range(FRAMES)), "x": list(range(FRAMES))})
    live.say("begin")
    scan = follow(live.path, intensities=Param(live_key="key_data"))
    live.write(("data", 0, counts(0, 6)), ("key_data", 0, [1, 1, 0, 1, 1]))
    assert frames_of(scan.auto(100))[0] == [10, 11]
    live.say("close")
    found, positions = frames_of(scan.auto(100))
    assert found == [13, 14]
    assert positions[0] == (3e-6, 3.0), "a position moved to another frame"
    assert scan.auto(1) == scan.EOS
    assert "closed the file with 4 of 12 frames" in caplog.text


def test_a_raster_of_known_size_ends_by_itself(writer):
    datasets = {"data": ([0, 4, H, W], [3, 4, H, W], "u2")}
    live = writer(datasets, {"y": [0.0, 1.0, 2.0], "x": [5.0, 6.0, 7.0, 8.0]})
    live.say("begin")
    scan = follow(live.path)
    assert scan.auto(1) == scan.WAIT
    rows = counts(0, FRAMES).reshape(3, 4, H, W)
    live.write(("data", 0, rows[:2]))
    found, positions = frames_of(scan.auto(6))
    assert found == [10, 11, 12, 13, 14, 15]
    np.testing.assert_allclose(positions[5], (1e-6, 6.0))
    live.write(("data", 2, rows[2:]))
    assert frames_of(scan.auto(100))[0] == [16, 17, 18, 19, 20, 21]
    assert scan.auto(1) == scan.EOS, "12 of 12 frames came, though the file is still open"


def test_frames_are_chosen_once_the_size_of_the_scan_is_known(writer):
    live = writer(GROWING)
    live.say("begin")
    scan = follow(live.path, positions=Param(skip=2))
    with pytest.raises(DataError, match=r"positions\.skip.*expected_shape"):
        scan.auto(1)
    values = {"setpoint_y": [0.0] * 6, "setpoint_x": [0.0] * 6}
    live = writer(GROWING, values, name="other.h5")
    live.say("begin")
    expected = {f"{k}_key_with_expected_shape": f"setpoint_{v}" for k, v in ROLES}
    scan = follow(live.path, positions={"skip": 2, **expected})
    live.write(("data", 0, counts(0, 4)), ("y", 0, range(4)), ("x", 0, range(4)))
    assert frames_of(scan.auto(9))[0] == [10, 12]
    live.write(("data", 4, counts(4, 6)), ("y", 4, [4, 5]), ("x", 4, [4, 5]))
    assert frames_of(scan.auto(9))[0] == [14]
    assert scan.auto(1) == scan.EOS


def test_a_number_of_frames_that_the_user_gives_ends_the_scan(writer):
    live = writer(GROWING)
    live.say("begin")
    scan = follow(live.path, num_frames=3)
    live.write(("data", 0, counts(0, 5)), ("y", 0, range(5)), ("x", 0, range(5)))
    assert frames_of(scan.auto(100))[0] == [10, 11, 12]
    assert scan.auto(1) == scan.EOS


def test_a_writer_that_never_comes_back_ends_the_scan_after_the_timeout(writer):
    live = writer(GROWING)
    live.say("begin")
    live.write(("data", 0, counts(0, 2)), ("y", 0, [0, 1]), ("x", 0, [0, 1]))
    live.say("die")
    scan = follow(live.path, timeout=0)
    assert frames_of(scan.auto(100))[0] == [10, 11]
    assert scan.auto(1) == scan.EOS


def test_following_begins_before_there_is_a_file(writer, tmp_path):
    class Starter(logging.Handler):
        """Start the writer as soon as the loader says that it waits."""

        live = None

        def emit(self, record):
            if "waiting for the scan to begin" in record.getMessage():
                self.live = writer(GROWING)
                self.live.say("begin")

    scan = follow(tmp_path / "live.h5")
    starter = Starter()
    logging.getLogger("ptypy").addHandler(starter)
    assert scan.auto(1) == scan.WAIT
    starter.live.write(("data", 0, counts(0, 1)), ("y", 0, [0]), ("x", 0, [0]))
    assert frames_of(scan.auto(1))[0] == [10]


def test_who_does_not_want_to_wait_for_a_file_is_told_that_it_is_missing(tmp_path):
    with pytest.raises(FormatError, match=r"nowhere\.h5: there is no such file"):
        follow(tmp_path / "nowhere.h5", timeout=0).auto(1)


def test_frames_behind_a_link_are_followed_in_their_own_file(writer, tmp_path):
    live = writer(GROWING, name="detector.h5")
    live.say("begin")
    with h5py.File(tmp_path / "master.h5", "w") as file:
        for name in GROWING:
            file[name] = h5py.ExternalLink("detector.h5", f"/{name}")
    scan = follow(tmp_path / "master.h5")
    live.write(("data", 0, counts(0, 2)), ("y", 0, [0, 1]), ("x", 0, [0, 1]))
    assert frames_of(scan.auto(9))[0] == [10, 11]
    assert scan.auto(1) == scan.WAIT, "the master file is closed, but the detector's is not"
    live.say("close")
    assert scan.auto(1) == scan.EOS


def test_dark_mask_and_energy_come_from_the_file_that_is_being_written(writer):
    mask = np.ones((H, W), int)
    mask[2, 3] = 0
    values = {"dark": np.full((H, W), 4).tolist(), "mask": mask.tolist(), "energy": 8000.0}
    live = writer(GROWING, values)
    live.say("begin")
    live.write(("data", 0, counts(0, 1)), ("y", 0, [0]), ("x", 0, [0]))
    groups = {"darkfield": "dark", "mask": "mask", "recorded_energy": "energy"}
    more = {group: {"file": live.path, "key": key} for group, key in groups.items()}
    more["recorded_energy"]["multiplier"] = 1e-3
    scan = follow(live.path, {**more, "energy": None})
    package = scan.auto(1)
    assert frames_of(package)[0] == [6]
    assert package["iterable"][0]["mask"].sum() == H * W - 1
    assert package["common"].energy == pytest.approx(8.0)


def test_frames_of_a_dataset_that_does_not_grow_wait_for_the_end_of_the_scan(writer, caplog):
    live = writer({"data": ([4, H, W], [4, H, W], "u2")}, {"y": [0] * 4, "x": [0] * 4})
    live.say("begin")
    scan = follow(live.path)
    live.write(("data", 0, counts(0, 2)))
    assert scan.auto(1) == scan.WAIT, "nobody can tell frames from zeros"
    assert "intensities.live_key" in caplog.text
    live.write(("data", 2, counts(2, 4)))
    live.say("close")
    assert frames_of(scan.auto(9))[0] == [10, 11, 12, 13]


def test_what_needs_the_whole_scan_is_refused_at_once(tmp_path):
    with pytest.raises(ParameterError) as raised:
        follow(tmp_path / "a.h5", outer_index=1, normalisation=Param(file="a.h5", key="monitor"))
    assert "outer_index" in str(raised.value)
    assert "normalisation.key" in str(raised.value)


def test_a_list_of_frames_on_a_raster_of_set_points_ends_when_the_raster_is_full(writer):
    live = writer(
        {"data": ([0, H, W], [None, H, W], "u2")}, {"y": [0.0, 1.0], "x": [5.0, 6.0, 7.0]}
    )  # fmt: skip
    live.say("begin")
    scan = follow(live.path)
    live.write(("data", 0, counts(0, 4)))
    found, positions = frames_of(scan.auto(9))
    assert found == [10, 11, 12, 13]
    np.testing.assert_allclose(positions[3], (1e-6, 5.0))
    assert scan.meta.num_frames == 6, "who reads what is saved wants to know how many will come"
    live.write(("data", 4, counts(4, 6)))
    assert frames_of(scan.auto(9))[0] == [14, 15]
    assert scan.auto(1) == scan.EOS


def test_motors_that_share_a_growing_dataset_are_told_apart(writer):
    live = writer({"data": GROWING["data"], "motors": ([0, 3], [None, 3], "f8")})
    live.say("begin")
    where = {"slow_key": "motors", "fast_key": "motors", "slow_index": 2, "fast_index": 0}
    scan = follow(live.path, positions=where)
    live.write(("data", 0, counts(0, 3)), ("motors", 0, [[5, 0, 1], [6, 0, 2]]))
    found, positions = frames_of(scan.auto(9))
    assert found == [10, 11], "the third frame has no position yet"
    np.testing.assert_allclose(positions, [(1e-6, 5), (2e-6, 6)])


def test_positions_that_are_given_are_used_for_frames_as_they_come(writer):
    live = writer({"data": GROWING["data"]})
    live.say("begin")
    theory = np.arange(6.0).reshape(3, 2)
    scan = follow(live.path, positions_theory=theory)
    live.write(("data", 0, counts(0, 5)))
    found, positions = frames_of(scan.auto(9))
    assert found == [10, 11, 12]
    np.testing.assert_array_equal(positions, theory)
    assert scan.auto(1) == scan.EOS


def test_what_is_followed_can_be_saved_and_reconstructed_from_while_it_grows(writer, tmp_path):
    live = writer(GROWING)
    live.say("begin")
    saved = str(tmp_path / "live.ptyd")
    scan = follow(live.path, save="link", dfile=saved, num_frames=4)
    live.write(("data", 0, counts(0, 2)), ("y", 0, [0, 1]), ("x", 0, [0, 1]))
    scan.auto(9)
    reader = PtydScan(dfile=saved, source="file")
    assert frames_of(reader.auto(9))[0] == [10, 11]
    assert reader.auto(1) == reader.WAIT
    live.write(("data", 2, counts(2, 4)), ("y", 2, [2, 3]), ("x", 2, [2, 3]))
    scan.auto(9)
    assert frames_of(reader.auto(9))[0] == [12, 13]
    assert reader.auto(1) == reader.EOS


def test_a_virtual_dataset_ends_when_the_files_it_is_made_of_are_closed(writer, tmp_path):
    part = writer({"data": ([4, H, W], [4, H, W], "u2")}, name="part.h5")
    part.say("begin")
    layout = h5py.VirtualLayout((4, H, W), "u2")
    layout[:] = h5py.VirtualSource("part.h5", "data", (4, H, W))
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file.create_virtual_dataset("data", layout)
        file["y"], file["x"] = np.arange(4.0), np.arange(4.0)
    scan = follow(tmp_path / "scan.h5")
    part.write(("data", 0, counts(0, 2)))
    assert scan.auto(1) == scan.WAIT
    part.write(("data", 2, counts(2, 4)))
    part.say("close")
    assert frames_of(scan.auto(9))[0] == [10, 11, 12, 13]


def test_a_file_that_was_prepared_for_a_scan_is_not_taken_for_a_finished_one(writer, tmp_path):
    live = writer(GROWING)
    live.say("close")
    scan = follow(live.path)
    assert scan.auto(1) == scan.WAIT
    with h5py.File(live.path, "r+", libver="latest") as file:
        for name, values in (("data", counts(0, 2)), ("y", [0, 1]), ("x", [0, 1])):
            file[name].resize(2, axis=0)
            file[name][:] = values
    assert frames_of(scan.auto(9))[0] == [10, 11]
    assert scan.auto(9) == scan.EOS


def test_a_file_that_is_taken_away_is_named(writer, tmp_path):
    live = writer(GROWING)
    live.say("begin")
    scan = follow(live.path)
    assert scan.auto(1) == scan.WAIT
    (tmp_path / "live.h5").unlink()
    with pytest.raises(FormatError, match=r"live\.h5: there is no such file"):
        scan.auto(1)
