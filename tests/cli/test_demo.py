"""The main job: a stranger types one command and gets an image."""

import os
import re
import signal
import subprocess
import sys

import h5py
import matplotlib.image
import pytest

COMMAND = [sys.executable, "-m", "ptypy", "demo"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Run the demo in an empty directory, smaller than it is by default."""
    where = tmp_path_factory.mktemp("empty")
    done = subprocess.run(
        [*COMMAND, "--frames", "150", "--iterations", "50"],
        cwd=where, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return where / "ptypy-demo", done.stdout


def number(text, name):
    return float(re.search(rf"^{name}\s+([\d.]+)", text, re.MULTILINE).group(1))


def test_it_leaves_raw_data_prepared_data_results_and_pictures(demo):
    names = {path.name for path in demo[0].iterdir()}
    assert names == {
        "detector.h5", "stage.h5", "truth.h5", "demo.ptyd", "demo_DM_0050.ptyr",
        "demo_ML_0100.ptyr", "comparison.png", "object.png", "probe.png", "error.png",
        "frames.png", "summary.txt",
    }  # fmt: skip


def test_the_image_is_as_good_as_the_photons_allow(demo):
    text = (demo[0] / "summary.txt").read_text()
    floor = number(text, "residual from photon noise alone")
    assert floor < number(text, "residual") < 1.3 * floor
    assert number(text, "error of the object") < 0.1


def test_it_prints_the_summary_it_leaves(demo):
    directory, printed = demo
    assert (directory / "summary.txt").read_text() in printed


def test_the_prepared_frames_are_smaller_than_the_raw_ones(demo):
    with h5py.File(demo[0] / "demo.ptyd") as prepared, h5py.File(demo[0] / "detector.h5") as raw:
        assert raw["entry/data"].shape[1:] == (320, 288)
        assert prepared["chunks/0/data"].shape[1:] == (128, 128)


def test_pictures_can_be_opened(demo):
    for path in demo[0].glob("*.png"):
        assert matplotlib.image.imread(path).shape[0] > 300


def test_ctrl_c_ends_it_with_a_word_and_no_half_written_file(tmp_path):
    process = subprocess.Popen(
        COMMAND, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("3/4"):
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip().endswith("interrupted")
    assert "Traceback" not in errors
    assert {path.name for path in (tmp_path / "ptypy-demo").iterdir()} <= {
        "detector.h5", "stage.h5", "truth.h5", "demo.ptyd", "demo_DM_0060.ptyr",
    }  # fmt: skip
    with h5py.File(tmp_path / "ptypy-demo" / "demo.ptyd") as prepared:
        assert len(prepared["chunks"]) == 12


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "ptypy-demo").write_text("mine")
    done = subprocess.run(COMMAND, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "ptypy: ptypy-demo: a file is in the way; give a directory\n"
    assert (tmp_path / "ptypy-demo").read_text() == "mine"


def test_a_wrong_argument_says_which_would_be_right(tmp_path):
    done = subprocess.run(
        [*COMMAND, "--frames", "3"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "give 20 or more" in done.stderr
    assert not list(tmp_path.iterdir())
