"""What whoever waits for a scan to be prepared sees meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ptypy
from ptypy.core.data import EOS, WAIT
from ptypy.core.data._progress import ScanProgress
from ptypy.utils import verbose

pty = pytest.importorskip("pty")

SOURCE = str(Path(ptypy.__file__).resolve().parents[1])
ERASE = "\r\033[2K"

SCRIPT = """
import sys
sys.path.insert(0, SOURCE)
import numpy as np
from ptypy.core.data import EOS, PtyScan
from ptypy.core.data._progress import ScanProgress
from ptypy.utils import verbose

class Scan(PtyScan):
    PLACEHOLDERS = ()
    now = 0.0

    def load_positions(self):
        return 1e-6 * np.arange(240.0).reshape(120, 2)

    def load(self, indices):
        Scan.now += 1.0  # a second for each chunk
        return {i: np.ones((50, 1000), np.uint16) for i in indices}, {}, {}

verbose.set_level(LEVEL)
scan = Scan(shape=None)
scan._progress = ScanProgress(clock=lambda: Scan.now)
while scan.next_chunk(30) != EOS:
    pass
"""
LAST = "prepared 120 frames in 4.0 s, 30 frames/s, 3 MB/s"


def script(level="INFO"):
    return f"SOURCE = {SOURCE!r}\nLEVEL = {level!r}\n{SCRIPT}"


class Clock:
    """A clock that goes as a test says."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def timed(memory_scan, clock):
    """A scan of frames of 10 kB; each chunk takes ``seconds``, frames come as ``arrived``."""

    class Timed(memory_scan):
        seconds = 1.0
        arrived = 1000

        def check(self, frames=None, start=None):
            there = min(frames, self.arrived - start, len(self.frames) - start)
            return there, start + there == len(self.frames)

        def load(self, indices):
            clock.now += self.seconds
            return super().load(indices)

    def make(count, **parameters):
        places = np.arange(2.0 * count).reshape(-1, 2)
        scan = Timed(
            [np.full((50, 100), k, np.uint16) for k in range(count)], 1e-6 * places, **parameters
        )
        scan._progress = ScanProgress(parameters.get("label"), clock)
        return scan

    verbose.set_level("INFO")
    return make


def deliver(scan, frames):
    while scan.next_chunk(frames) not in (WAIT, EOS):
        pass


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_on_a_terminal_one_line_is_written_over_and_the_last_one_stays():
    leader, follower = pty.openpty()
    command = [sys.executable, "-c", script()]
    with subprocess.Popen(command, stdout=follower, stderr=subprocess.PIPE) as process:
        os.close(follower)
        text = b""
        while part := read_terminal(leader):
            text += part
        assert process.wait() == 0, process.stderr.read()
    os.close(leader)
    text = text.decode()
    assert text == (
        f"{ERASE}prepared 60 of 120 frames, 30 frames/s, 3 MB/s, 2 s left"
        f"{ERASE}prepared 90 of 120 frames, 30 frames/s, 3 MB/s, 1 s left"
        f"{ERASE}{LAST}\r\n"
    )


def read_terminal(leader):
    """Read what is there; Linux reports the other side's end as an error."""
    try:
        return os.read(leader, 4096)
    except OSError:
        return b""


@pytest.mark.parametrize("level", ["INFO", "INTERACTIVE"])
def test_a_short_scan_leaves_one_line_in_a_log_file(level):
    done = subprocess.run(
        [sys.executable, "-c", script(level)], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{LAST}\n"


@pytest.mark.parametrize("level", ["CRITICAL", "ERROR", "WARNING"])
def test_who_wants_to_hear_of_errors_only_hears_nothing(timed, capsys, level):
    scan = timed(40)
    verbose.set_level(level)
    deliver(scan, 1)
    assert lines(capsys) == []


@pytest.mark.mpi
def test_of_two_processes_one_speaks_of_the_frames_of_both(mpirun):
    done = mpirun(script(), 2)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{LAST}\n"


def test_nothing_is_said_of_a_scan_that_is_soon_done(timed, capsys):
    scan = timed(19)
    scan.seconds = 0.1
    deliver(scan, 1)
    assert lines(capsys) == []


def test_lines_in_a_log_file_become_rarer(timed, capsys):
    scan = timed(400)
    deliver(scan, 1)
    told = [int(line.split()[1]) for line in lines(capsys)]
    assert told == [10, 30, 70, 150, 310, 400]


def test_what_the_script_does_with_a_chunk_is_not_preparing(timed, clock, capsys):
    scan = timed(12)
    while scan.next_chunk(4) != EOS:
        clock.now += 1000
    assert lines(capsys)[-1].startswith("prepared 12 frames in 3.0 s, 4 frames/s, 0.04 MB/s")


def test_a_first_chunk_that_waits_for_a_compiler_does_not_spoil_what_is_promised(timed, capsys):
    scan = timed(80)
    scan.seconds = 30.0
    scan.next_chunk(10)
    scan.seconds = 5.0
    deliver(scan, 10)
    assert lines(capsys) == [
        "prepared 10 of 80 frames, 0.333 frames/s, 0.00333 MB/s, 4 min left",
        "prepared 50 of 80 frames, 2 frames/s, 0.02 MB/s, 15 s left",
        "prepared 80 frames in 65.0 s, 1.23 frames/s, 0.0123 MB/s; the first 10 took 30.0 s",
    ]


def test_a_scan_of_unknown_length_promises_no_end(timed, capsys):
    scan = timed(20)
    scan.next_chunk(1)
    scan.num_frames = None
    deliver(scan, 1)
    first, *_ = lines(capsys)
    assert first == "prepared 10 frames, 1 frames/s, 0.01 MB/s"


def test_waiting_for_frames_is_said_and_does_not_count_as_preparing(timed, clock, capsys):
    scan = timed(100)
    scan.arrived = 20
    deliver(scan, 10)
    for _ in range(50):
        clock.now += 1
        assert scan.next_chunk(10) == WAIT
    scan.arrived = 100
    deliver(scan, 10)
    assert lines(capsys) == [
        "prepared 20 of 100 frames, 10 frames/s, 0.1 MB/s, waiting for more",
        "prepared 30 of 100 frames, 10 frames/s, 0.1 MB/s, 3 min left",
        "prepared 100 frames in 10.0 s, 10 frames/s, 0.1 MB/s; waited 50 s for frames",
    ]


def test_where_frames_are_late_the_time_left_is_that_until_they_come(timed, clock, capsys):
    scan = timed(100)
    for scan.arrived in range(10, 40, 10):
        deliver(scan, 10)
        clock.now += 9
    last = lines(capsys)[-1]
    assert last == "prepared 20 of 100 frames, 10 frames/s, 0.1 MB/s, 80 s left"


def test_a_scan_that_is_named_is_named_in_each_line(timed, capsys):
    scan = timed(20, label="S07")
    deliver(scan, 1)
    assert all(line.startswith("S07: prepared ") for line in lines(capsys))


def test_raw_frames_are_counted_whole_and_as_they_were_loaded(timed, capsys):
    whole = timed(20)
    deliver(whole, 5)
    (line,) = lines(capsys)
    cut = timed(20, shape=10, center=(25, 25))
    cut.correct = lambda raw, weights, common: ({k: 1.0 * v for k, v in raw.items()}, weights)
    deliver(cut, 5)
    assert lines(capsys) == [line]


def test_a_chunk_that_failed_is_not_counted(timed, capsys):
    scan = timed(20)
    scan.next_chunk(5)
    frame, scan.frames[7] = scan.frames[7], np.zeros(3)
    with pytest.raises(ptypy.errors.DataError):
        scan.next_chunk(5)
    scan.frames[7] = frame
    deliver(scan, 5)
    assert lines(capsys)[-1].startswith("prepared 20 frames in 4.0 s, 5 frames/s")


def test_what_is_said_of_a_failure_begins_a_line_of_its_own(timed, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    scan = timed(80)
    for _ in range(2):
        scan.next_chunk(5)
    scan.frames[12] = np.zeros(3)
    with pytest.raises(ptypy.errors.DataError):
        scan.next_chunk(5)
    line = "prepared 10 of 80 frames, 5 frames/s, 0.05 MB/s, 14 s left"
    assert capsys.readouterr().out == f"{ERASE}{line}\n"


def test_less_than_a_second_is_not_no_time(timed, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    scan = timed(100)
    for _ in range(33):
        scan.next_chunk(3)
    assert capsys.readouterr().out.endswith(
        "prepared 99 of 100 frames, 3 frames/s, 0.03 MB/s, 1 s left"
    )


def test_a_single_long_chunk_says_how_far_it_is(capsys, monkeypatch):
    """A run with the default size of blocks prepares a whole scan as one."""
    monkeypatch.setattr("ptypy.core.data._progress.is_written_over", lambda: False)
    verbose.set_level("INTERACTIVE")
    now = [0.0]
    progress = ScanProgress("moon", clock=lambda: now[0])
    progress.ask()
    progress.begin(1000, 1000, 1000)
    for share in (0.1, 0.3, 0.6, 1.0):
        now[0] = 40 * share
        progress.tell(share)
    progress.add(1000, 1000, 1000, 1000)
    progress.end()
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "moon: prepared 300 of 1000 frames, 25 frames/s, 28 s left"
    assert said[-1] == "moon: prepared 1000 frames in 40.0 s, 25 frames/s, 0.025 MB/s"
