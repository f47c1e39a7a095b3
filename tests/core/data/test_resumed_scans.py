"""A run that was interrupted goes on where it stopped, and never mixes what does not belong."""

import os
import re
import socket
import subprocess
import sys

import numpy as np
import pytest

from ptypy.core.data import EOS, PtydScan
from ptypy.errors import DataError, FormatError, ParameterError
from ptypy.io import ptyd

FRAMES = np.random.default_rng(2).poisson(30, (11, 20, 24)).astype(np.uint16)
ASKED = {"energy": 8.8, "distance": 2.0, "psize": 75e-6, "orientation": 5, "rebin": 2}


@pytest.fixture
def begin(memory_scan, tmp_path):
    """Make a scan that saves and goes on with what is there; other parameters win."""

    def make(frames=FRAMES, mode="append", **parameters):
        asked = {"dfile": str(tmp_path / "s.ptyd"), "save": mode, "resume": True, **ASKED}
        return memory_scan(frames, **{**asked, **parameters})

    return make


def rest(scan, size=4):
    chunks = []
    while (chunk := scan.next_chunk(size)) != EOS:
        chunks.append(chunk)
    return chunks


def whole(path):
    """Give all frames of a file, and their indices."""
    (chunk,) = rest(PtydScan(dfile=str(path)), 100)
    return chunk


@pytest.fixture
def uninterrupted(memory_scan, tmp_path):
    scan = memory_scan(FRAMES, dfile=str(tmp_path / "one.ptyd"), save="append", **ASKED)
    rest(scan)
    return whole(tmp_path / "one.ptyd")


@pytest.mark.parametrize("mode", ["append", "link", "merge"])
def test_a_run_goes_on_where_the_one_before_stopped(begin, uninterrupted, tmp_path, mode):
    begin(mode=mode).auto(4)
    scan = begin(mode=mode)
    later = rest(scan)
    assert [chunk.indices.tolist() for chunk in later] == [[4, 5, 6, 7], [8, 9, 10]]
    assert [chunk.number for chunk in later] == [1, 2]
    found = whole(tmp_path / "s.ptyd")
    for name in ("data", "positions", "indices"):
        assert np.array_equal(getattr(found, name), getattr(uninterrupted, name))
    for name in ("psize", "shape", "center", "energy", "num_frames"):
        assert np.array_equal(found.meta[name], uninterrupted.meta[name]), name
    assert not (tmp_path / "s.ptyd.old").exists()
    assert ptyd.validate(tmp_path / "s.ptyd", deep=True) == []


def test_a_run_without_a_file_begins_one(begin, tmp_path):
    rest(begin())
    assert whole(tmp_path / "s.ptyd").data.shape == (11, 12, 10)


def test_a_run_whose_frames_are_all_there_ends_the_file_and_keeps_its_geometry(begin, tmp_path):
    scan = begin()
    for _ in range(3):
        scan.next_chunk(4)
    assert ptyd.PtydReader(tmp_path / "s.ptyd").is_complete is False
    before = ptyd.PtydReader(tmp_path / "s.ptyd").meta
    assert rest(begin()) == []
    reader = ptyd.PtydReader(tmp_path / "s.ptyd")
    assert reader.is_complete is True
    for name, value in before.items():
        assert np.array_equal(reader.meta[name], value), name
    content = (tmp_path / "s.ptyd").read_bytes()
    assert rest(begin()) == []
    assert (tmp_path / "s.ptyd").read_bytes() == content


def test_a_scan_that_ended_but_was_not_merged_is_merged_by_the_run_that_goes_on(begin, tmp_path):
    rest(begin(mode="append"))  # as a run leaves it that is killed before it merges
    assert len(ptyd.PtydReader(tmp_path / "s.ptyd").chunks) == 3
    assert rest(begin(mode="merge")) == []
    reader = ptyd.PtydReader(tmp_path / "s.ptyd")
    assert [len(chunk.indices) for chunk in reader.chunks] == [11]
    assert reader.is_complete is True


def test_more_frames_than_were_planned_may_follow(begin, tmp_path):
    rest(begin(num_frames=6))
    assert ptyd.PtydReader(tmp_path / "s.ptyd").is_complete is True
    assert [chunk.indices.tolist() for chunk in rest(begin())] == [[6, 7, 8, 9], [10]]
    assert whole(tmp_path / "s.ptyd").indices.tolist() == list(range(11))


def test_frames_prepared_otherwise_are_not_added_and_every_difference_is_named(begin, tmp_path):
    begin(shape=12).auto(4)
    before = (tmp_path / "s.ptyd").read_bytes()
    with pytest.raises(ParameterError) as caught:
        begin(shape=16, rebin=1, orientation=0, energy=9.0).auto(4)
    said = str(caught.value)
    for name in ("shape", "rebin", "orientation", "energy"):
        assert name in said
    assert "prepared with 12" in said
    assert "without `resume`" in said
    assert "psize" not in said
    assert (tmp_path / "s.ptyd").read_bytes() == before


def test_numbers_that_nobody_gives_now_are_those_of_the_file(begin, memory_scan, tmp_path):
    begin(orientation=None).auto(4)
    scan = memory_scan(FRAMES, dfile=str(tmp_path / "s.ptyd"), save="append", resume=True, rebin=2)
    rest(scan)
    for meta in (scan.meta, whole(tmp_path / "s.ptyd").meta):
        assert (meta.energy, meta.distance, meta.psize.tolist()) == (8.8, 2.0, [150e-6, 150e-6])


def test_what_changes_nothing_in_a_frame_may_differ(begin, tmp_path):
    begin().auto(4)
    scan = begin(
        min_frames=3, num_frames=9, load_parallel="all", timeout=5.0, compression="gzip",
        dfile=os.path.relpath(tmp_path / "s.ptyd"),
    )  # fmt: skip
    rest(scan)
    assert whole(tmp_path / "s.ptyd").indices.tolist() == list(range(9))


def test_positions_that_were_saved_already_must_be_the_same(begin, memory_scan, tmp_path):
    begin().auto(4)
    moved = np.arange(22.0).reshape(11, 2)
    moved[8:] += 1  # of frames that are yet to come
    asked = {"dfile": str(tmp_path / "s.ptyd"), "save": "append", "resume": True, **ASKED}
    memory_scan(FRAMES, moved, **asked).auto(4)
    moved[2] += 1
    with pytest.raises(ParameterError, match="positions_scan"):
        memory_scan(FRAMES, moved, **asked).auto(4)


def test_frames_of_another_shape_are_not_added(begin, tmp_path):
    begin(shape=None).auto(4)
    with pytest.raises(DataError, match="frames of 12 x 10 px, and those that follow have 10 x 10"):
        begin(FRAMES[:, :, :20], shape=None).auto(4)
    assert ptyd.PtydReader(tmp_path / "s.ptyd").num_frames == 4


def test_what_is_no_prepared_scan_is_not_gone_on_with(begin, tmp_path):
    (tmp_path / "s.ptyd").write_text("notes about the beamtime")
    with pytest.raises(FormatError, match="not an HDF5 file"):
        begin().auto(4)
    assert (tmp_path / "s.ptyd").read_text() == "notes about the beamtime"


def test_what_a_dead_writer_left_is_removed_and_nothing_else(begin, tmp_path):
    begin(mode="link").auto(4)
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    here = re.sub("[^A-Za-z0-9]", "_", socket.gethostname())
    gone = int(gone.stdout)
    left = [
        tmp_path / f".s.ptyd.{gone}-0123abcd-{here}.part",
        tmp_path / f".s.ptyd.chunk01.{gone}-0123abcd-{here}.part",
        tmp_path / ".s.ptyd.lock",
    ]
    others = [
        tmp_path / f".s.ptyd.{os.getpid()}-0123abcd-{here}.part",  # of a writer that is alive
        tmp_path / f".s.ptyd.{gone}-0123abcd-node07.part",  # of one that may be alive elsewhere
        tmp_path / f".t.ptyd.{gone}-0123abcd-{here}.part",
        tmp_path / ".s.ptyd.part",
    ]
    for path in left + others:
        path.write_bytes(b"half of something")
    said = " ".join(ptyd.validate(tmp_path / "s.ptyd"))
    assert all(path.name in said for path in left)
    rest(begin(mode="link"))
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in others)
