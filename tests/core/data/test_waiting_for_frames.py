"""A scan that is still going on: how long it is waited for, and what is kept in the end."""

import os
import time

import numpy as np
import pytest

from ptypy.core.data import EOS, WAIT, Chunk, PtydScan
from ptypy.core.data._patience import Patience
from ptypy.errors import ParameterError


@pytest.fixture
def live_scan(memory_scan):
    """Twelve frames are announced; as many are there as ``arrived`` says."""

    class Live(memory_scan):
        arrived = 0

        def check(self, frames=None, start=None):
            return min(frames, self.arrived - start), None

    return lambda **pars: Live([np.full((4, 4), k, np.uint16) for k in range(12)], **pars)


class Clock:
    """A clock that goes as a test says."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_waiting_ends_when_no_frame_has_come_for_as_long_as_was_said(clock):
    patience = Patience(10, clock)
    assert not patience.is_over(3)
    clock.now += 9.9
    assert not patience.is_over(3)
    clock.now += 0.2
    assert patience.is_over(3)


def test_every_new_frame_makes_the_time_count_anew(clock):
    patience = Patience(10, clock)
    for frames in range(5):
        assert not patience.is_over(frames)
        clock.now += 9
    assert not patience.is_over(5)
    clock.now += 10
    assert patience.is_over(5)


def test_without_a_limit_waiting_never_ends(clock):
    patience = Patience(None, clock)
    assert not patience.is_over(3)
    clock.now += 1e9
    assert not patience.is_over(3)


@pytest.mark.parametrize("timeout", [None, 3600, np.float32(3600), np.array([3600])])
def test_a_scan_that_may_go_on_is_waited_for(live_scan, timeout):
    scan = live_scan(timeout=timeout)
    assert [scan.auto(4) for _ in range(3)] == [WAIT] * 3


def test_frames_that_came_before_time_ran_out_are_delivered_though_they_are_few(live_scan, caplog):
    scan = live_scan(timeout=0, min_frames=5)
    scan.arrived = 8
    assert len(scan.next_chunk(5).data) == 5
    last = scan.next_chunk(5)
    assert last.indices.tolist() == [5, 6, 7]
    assert scan.auto(5) == EOS
    scan.arrived = 12
    assert scan.auto(5) == EOS


def test_a_scan_that_timed_out_says_so_loudly_with_the_number_of_frames(live_scan, caplog):
    scan = live_scan(timeout=0)
    scan.arrived = 3
    scan.next_chunk(3)
    assert scan.auto(3) == EOS
    (said,) = [r for r in caplog.records if "no new frame" in r.message]
    assert said.levelname == "ERROR"
    assert "with 3 frames of 12" in said.message


def test_a_scan_that_timed_out_leaves_a_file_that_is_complete(live_scan, tmp_path):
    path = tmp_path / "short.ptyd"
    scan = live_scan(timeout=0, save="append", dfile=str(path))
    scan.arrived = 7
    while scan.auto(4) != EOS:
        pass
    again = PtydScan(dfile=str(path))
    assert isinstance(chunk := again.next_chunk(100), Chunk)
    assert chunk.meta.num_frames == len(chunk.data) == 7
    assert again.auto(1) == EOS


def test_who_reads_a_file_whose_writer_never_comes_back_gets_what_is_there(live_scan, tmp_path):
    path = tmp_path / "left.ptyd"
    writer = live_scan(save="append", dfile=str(path))
    writer.arrived = 7
    writer.auto(7)
    reader = PtydScan(dfile=str(path), timeout=0)
    assert len(reader.next_chunk(5).data) == 5
    assert len(reader.next_chunk(2).data) == 2
    assert reader.auto(5) == EOS
    assert PtydScan(dfile=str(path)).num_frames == 12


def test_a_scan_of_yesterday_that_is_used_though_one_was_awaited_is_named_with_its_age(
    memory_scan, tmp_path, caplog
):
    path = tmp_path / "s.ptyd"
    scan = memory_scan(
        np.ones((4, 8, 8)), dfile=str(path), save="append", psize=1e-4, distance=1.0, energy=8.0
    )
    while scan.next_chunk(4) != EOS:
        pass
    yesterday = time.time() - 26 * 3600
    os.utime(path, (yesterday, yesterday))
    PtydScan(dfile=str(path))
    assert "ago" not in caplog.text  # who does not wait means this file
    PtydScan(dfile=str(path), timeout=60)
    assert f"{path}: is of a scan that has ended, written 26 hours ago" in caplog.text


def test_a_negative_time_is_refused(live_scan):
    with pytest.raises(ParameterError, match="timeout"):
        live_scan(timeout=-1)


SCAN = """
import os
import time

import numpy as np
from ptypy.core.data import EOS, PtyScan
from ptypy.utils import parallel


class Live(PtyScan):
    PLACEHOLDERS = ()

    def load_positions(self):
        return np.zeros((12, 2))

    def check(self, frames=None, start=None):
        return 7 - start, None

    def load(self, indices):
        return {i: np.full((4, 4), i) for i in indices}, {}, {}


scan = Live(shape=4, min_frames=4, timeout=TIMEOUT)
got = []
while (chunk := scan.next_chunk(8)) != EOS:
    got += chunk.indices.tolist()
assert got == list(range(7)), got
assert scan.end_of_scan
"""


@pytest.mark.mpi
def test_all_processes_give_up_together_even_if_only_one_wants_to(mpirun):
    """A limit that is over on the master and far away elsewhere: the master decides for all."""
    done = mpirun(SCAN.replace("TIMEOUT", "0 if parallel.master else 3600"), 3)
    assert done.returncode == 0, done.stderr
