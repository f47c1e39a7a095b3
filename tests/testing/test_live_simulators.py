"""Simulators with which a beamline rehearses: what they send is what they say."""

import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from ptypy.core.data import EOS, WAIT, MoonFlowerScan
from ptypy.errors import DataError, ParameterError
from ptypy.experiment import SwmrLoader
from ptypy.testing import DectrisSender, FolderWriter, PlainSender, SwmrWriter


@pytest.mark.parametrize("grows", [False, True])
def test_a_file_that_another_process_writes_is_followed_to_its_end(tmp_path, grows):
    path = str(tmp_path / "scan.h5")
    simulator = SwmrWriter(frames=12, shape=16, path=path, grows=grows, interval=0.003)
    with simulator.start():
        scan = SwmrLoader(
            intensities={"file": path, "key": "entry/data", "live_key": "entry/key"},
            positions={
                "file": path, "slow_key": "entry/y", "fast_key": "entry/x",
                "live_slow_key": "entry/key", "live_fast_key": "entry/key",
            },
            shape=None,
            energy=6.2, distance=0.5, psize=75e-6,
        )  # fmt: skip
        chunks = []
        give_up = time.monotonic() + 60
        while (answer := scan.next_chunk(4)) != EOS:
            assert time.monotonic() < give_up
            chunks += [] if answer == WAIT else [answer]
    recording = simulator.recording
    np.testing.assert_array_equal(np.concatenate([c.data for c in chunks]), recording.frames)
    np.testing.assert_allclose(np.concatenate([c.positions for c in chunks]), recording.positions)
    with h5py.File(path) as file:
        assert file["entry/finished"][()] == 1


def test_points_that_were_not_written_have_no_key(tmp_path):
    path = str(tmp_path / "scan.h5")
    SwmrWriter(frames=9, shape=16, path=path, order=[0, 1, 3], ends=False).run()
    with h5py.File(path) as file:
        assert file["entry/key"][:5].tolist() == [1, 2, 0, 4, 0]
        assert file["entry/finished"][()] == 0


def test_a_measured_scan_can_be_sent_again(tmp_path):
    path = str(tmp_path / "a.ptyd")
    scan = MoonFlowerScan(num_frames=9, shape=16, save="append", dfile=path, energy=5.0)
    package = scan.auto(100)
    scan.auto(1)
    recording = PlainSender(source=path).recording
    assert recording.energy == 5.0
    np.testing.assert_array_equal(
        recording.frames, np.stack([entry["data"] for entry in package["iterable"]])
    )


def test_a_terminal_is_enough(tmp_path):
    folder = tmp_path / "scan"
    command = [sys.executable, "-m", "ptypy.testing", "FolderWriter", f"folder={folder}"]
    command += ["frames=9", "shape=16", "suffix=.npy"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"ready {folder}\n"
    assert (folder / "finished").exists()


@pytest.mark.parametrize("words", [["Nothing"], [], ["PlainSender", "frames"]])
def test_what_the_terminal_cannot_mean_is_answered_with_what_it_can(words):
    command = [sys.executable, "-m", "ptypy.testing", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "PlainSender" in done.stderr


def test_a_parameter_that_no_simulator_has_is_named():
    command = [sys.executable, "-m", "ptypy.testing", "PlainSender", "colour=red"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "colour" in done.stderr


def test_a_simulator_that_cannot_start_says_so(tmp_path):
    with pytest.raises(DataError, match="did not start"):
        DectrisSender(source=str(tmp_path / "none.ptyd")).start()


def test_a_kind_of_file_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"must be \.npy"):
        FolderWriter(folder=str(tmp_path), suffix=".png", frames=4, shape=16).run()
    with pytest.raises(ParameterError, match="one frame each"):
        FolderWriter(
            folder=str(tmp_path), suffix=".tif", frames=9, shape=16, frames_per_file=2
        ).run()
