"""Preparing is one command, and what it leaves is all that a reconstruction needs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from ptypy.cli import main

FILE = "out/moon_moon.ptyd"


def frames_in(path=FILE):
    with h5py.File(path) as file:
        return sum(len(chunk["data"]) for chunk in file["chunks"].values())


def test_prepared_frames_are_reconstructed_without_the_raw_ones(config, capsys):
    assert main(["prepare", "moon.yaml"]) == 0
    said = capsys.readouterr().out
    assert "scan moon: 39 frames in" in said
    assert frames_in() == 39
    # As it says itself:
    words = re.search(r"ptypy (run moon\.yaml --set .*)", said)[1].split()
    assert words[-1] == f"scans.moon.data.dfile={FILE}"
    assert main([*words, "--quiet"]) == 0
    assert Path("out/recons/moon/moon_EPIE_0006.ptyr").exists()


def test_where_and_how_is_what_the_parameters_say(config):
    words = [
        "--set",
        "scans.moon.data.dfile=elsewhere/a.ptyd",
        "--set",
        "scans.moon.data.save=merge",
    ]
    assert main(["prepare", "moon.yaml", "-q", *words]) == 0
    with h5py.File("elsewhere/a.ptyd") as file:
        assert list(file["chunks"]) == ["0"]
    assert not Path(FILE).exists()


def test_what_is_prepared_already_is_not_prepared_again(config, capsys):
    assert main(["prepare", "moon.yaml", "-q"]) == 0
    before = Path(FILE).read_bytes()
    words = ["--set", "scans.moon.data.source=file", "--set", f"scans.moon.data.dfile={FILE}"]
    assert main(["prepare", "moon.yaml", *words]) == 1
    assert "all frames are prepared already" in capsys.readouterr().err
    assert Path(FILE).read_bytes() == before


def test_what_is_not_filled_in_is_named_with_its_line(config, capsys):
    config.write_text("scans:\n  s:\n    name: Full\n    data:\n      name: CxiScan\n")
    assert main(["prepare", "moon.yaml"]) == 1
    said = capsys.readouterr().err
    assert re.search(r"line 4  scans\.s\.data\.file +null +is to be filled in: CXI or NeXus", said)


def test_ctrl_c_leaves_a_file_that_can_be_gone_on_with(config):
    words = ["--set", "frames_per_block=4"]
    script = (
        "import os, signal, sys\n"
        "from ptypy.core.data import MoonFlowerScan\n"
        "from ptypy.cli import main\n"
        "check = MoonFlowerScan.check\n"
        "def stopping(self, frames=None, start=None):\n"
        "    if start == 8: os.kill(os.getpid(), signal.SIGINT)\n"
        "    return check(self, frames, start)\n"
        "MoonFlowerScan.check = stopping\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "prepare", "moon.yaml", *words],
        capture_output=True, text=True, check=False, env={**os.environ, "PTYPY_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 130, done.stderr
    there = frames_in()
    assert there == 12
    assert "stopping after this chunk" in done.stderr
    assert f"stopped after {there} frames, which are in {FILE}" in done.stdout
    again = f"ptypy: to go on: ptypy prepare moon.yaml {' '.join(words)} --continue"
    assert done.stderr.splitlines()[-1] == again
    assert main(["prepare", "moon.yaml", "-q", *words, "--continue"]) == 0
    assert frames_in() == 39


@pytest.mark.mpi
def test_several_processes_share_the_work(config):
    done = subprocess.run(
        [sys.executable, "-m", "ptypy", "prepare", "moon.yaml", "-n", "2"],
        capture_output=True, text=True, check=False, env={**os.environ, "PTYPY_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("scan moon: 39 frames") == 1
    assert frames_in() == 39
