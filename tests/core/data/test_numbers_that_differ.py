"""Frames, positions and `num_frames` that do not agree, and regions larger than the frames."""

import numpy as np
import pytest

from ptypy.core.data import EOS, PtydScan


def said(caplog, level="ERROR"):
    """What was logged at a level about numbers that differ."""
    words = ("positions", "num_frames", "raw frames", "frames already", "the file holds")
    found = [r.getMessage() for r in caplog.records if r.levelname == level]
    return [text for text in found if any(word in text for word in words)]


def finish(scan, size=10):
    count = 0
    while (chunk := scan.next_chunk(size)) != EOS:
        assert not isinstance(chunk, str), "the scan never ends"
        count += len(chunk.indices)
    return count


@pytest.fixture
def counting_scan(memory_scan):
    """``frames`` are there, ``positions`` have been recorded; `check` knows of all frames."""

    class Counting(memory_scan):
        def check(self, frames=None, start=None):
            count = min(frames, len(self.frames) - start)
            return count, start + count >= len(self.frames)

    def make(frames, positions, **pars):
        places = 1e-6 * np.arange(2.0 * positions).reshape(-1, 2)
        return Counting([np.full((4, 4), k) for k in range(frames)], places, **pars)

    return make


@pytest.mark.parametrize("size", [10, 7, 1000])
def test_frames_without_positions_are_not_lost_in_silence(counting_scan, caplog, size):
    assert finish(counting_scan(60, 50), size) == 50
    (text,) = said(caplog)
    assert "60" in text or size == 7
    assert "only 50 positions" in text


def test_positions_without_frames_are_told_with_both_numbers(counting_scan, caplog):
    assert finish(counting_scan(50, 60)) == 50
    (text,) = said(caplog)
    assert "after 50 frames" in text
    assert "60 positions" in text


@pytest.mark.parametrize(("known", "positions"), [(60, 50), (50, 60)])
def test_a_loader_that_counts_other_frames_than_positions_is_told(
    memory_scan, caplog, known, positions
):
    class Own(memory_scan):
        def __init__(self, *args):
            super().__init__(*args)
            self.num_frames = known

    places = 1e-6 * np.arange(2.0 * positions).reshape(-1, 2)
    assert finish(Own([np.ones((4, 4))] * 60, places)) == 50
    (text,) = said(caplog)
    assert "50" in text
    assert "60" in text


def test_more_frames_asked_for_than_there_are_positions_is_told(memory_scan, caplog):
    places = 1e-6 * np.arange(232.0).reshape(-1, 2)
    assert finish(memory_scan([np.ones((4, 4))] * 116, places, num_frames=5000), 50) == 116
    (text,) = said(caplog)
    assert "5000" in text
    assert "116" in text


@pytest.mark.parametrize(("frames", "positions"), [(60, 50), (50, 60), (50, 50)])
def test_who_asks_for_fewer_frames_hears_nothing(counting_scan, caplog, frames, positions):
    scan = counting_scan(frames, positions, num_frames=40)
    assert finish(scan) == 40
    assert said(caplog) == []


def test_numbers_that_agree_are_not_worth_a_word(counting_scan, caplog):
    assert finish(counting_scan(50, 50)) == 50
    assert said(caplog) == []


@pytest.mark.parametrize(
    ("shape", "level"), [(256, "ERROR"), (512, "WARNING"), ((4, 12), "WARNING")]
)
def test_a_region_larger_than_the_frames_is_told_with_both_sizes(memory_scan, caplog, shape, level):
    memory_scan([np.ones((8, 6))], shape=shape).auto(1)
    (text,) = said(caplog, level)
    assert "8 x 6 px" in text
    assert str(np.max(shape)) in text


def test_a_region_within_the_frames_is_not_worth_a_word(memory_scan, caplog):
    memory_scan([np.ones((8, 6))], shape=(8, 4)).auto(1)
    assert said(caplog) == said(caplog, "WARNING") == []


@pytest.mark.parametrize(("timeout", "level"), [(None, "ERROR"), (5, "WARNING")])
def test_a_file_still_being_written_is_no_error_to_who_said_how_long_to_wait(
    memory_scan, caplog, tmp_path, timeout, level
):
    path = str(tmp_path / "s.ptyd")
    memory_scan([np.ones((4, 4))] * 12, save="append", dfile=path).auto(4)
    PtydScan(dfile=path, timeout=timeout)
    (record,) = [r for r in caplog.records if "holds 4 of 12 frames" in r.getMessage()]
    assert record.levelname == level


def test_going_on_with_a_file_as_asked_is_no_error(memory_scan, caplog, tmp_path):
    asked = {"save": "append", "dfile": str(tmp_path / "s.ptyd"), "resume": True}
    frames = [np.ones((4, 4))] * 12
    memory_scan(frames, **asked).auto(4)
    assert finish(memory_scan(frames, **asked)) == 8
    (record,) = [r for r in caplog.records if "holds 4 frames already" in r.getMessage()]
    assert record.levelname == "WARNING"
