"""A receiver that is started again goes on with its own scan: no frame twice, none of another."""

import contextlib
import json
import threading
import time

import numpy as np
import pytest
import zmq

from ptypy.core.data import EOS, WAIT, PtydScan
from ptypy.errors import DataError, ParameterError
from ptypy.experiment import ZmqStream
from ptypy.io import ptyd

PATIENT = 60
MASK = np.ones((8, 8), bool)
MASK[2, 5] = False
POINTS = 12


@pytest.fixture
def line():
    """Make sockets to which receivers connect: line() -> (send, address)."""
    context = zmq.Context()
    made = []

    def make():
        one = context.socket(zmq.PUSH)
        made.append(one)
        one.set(zmq.SNDTIMEO, PATIENT * 1000)
        one.bind("tcp://127.0.0.1:*")

        def send(kind, *parts, **entries):
            one.send_multipart([json.dumps({"type": kind, **entries}).encode(), *parts])

        send.socket = one
        return send, one.get(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()

    yield make
    for one in made:
        one.close(linger=0)
    context.term()


@pytest.fixture
def listen(tmp_path):
    """Start scans that save, and go on with what is there: listen(address, **parameters)."""
    scans = []

    def start(address, **parameters):
        asked = {"save": "append", "dfile": str(tmp_path / "a.ptyd"), "resume": True, "shape": None}
        scan = ZmqStream(**{"address": address, **asked, **parameters})
        scans.append(scan)
        return scan

    yield start
    for scan in scans:
        scan.close()


def frames(send, indices, scan="A", value=None):
    for index in indices:
        counts = np.full((8, 8), index if value is None else value, np.uint16)
        header = {"index": index, "shape": [8, 8], "dtype": "uint16", "position": [index, 0]}
        send("frame", counts.tobytes(), scan=scan, **header)


def begin(send, scan="A", **entries):
    numbers = {"energy": 7.0, "distance": 2.0, "psize": 1e-4, "frames": POINTS}
    send("start", MASK.tobytes(), mask=True, shape=[8, 8], scan=scan, **{**numbers, **entries})


def interrupted(line, listen, count=6, **entries):
    """Save the first frames of a scan."""
    send, address = line()
    scan = listen(address)
    scan.initialize()
    begin(send, **entries)
    frames(send, range(count), **entries)
    while scan.framestart < count:
        if scan.next_chunk(3) == WAIT:
            scan.wait(PATIENT)
    scan.close()


def rest(scan):
    """Take a scan in to its end; give the indices."""
    found = []
    give_up = time.monotonic() + PATIENT
    while (answer := scan.next_chunk(4)) != EOS:
        assert time.monotonic() < give_up
        if answer == WAIT:
            scan.wait(1)
        else:
            found += answer.indices.tolist()
    return found


def saved(tmp_path):
    assert ptyd.validate(tmp_path / "a.ptyd", deep=True) == []
    return PtydScan(source="file", dfile=str(tmp_path / "a.ptyd")).next_chunk(100)


def test_frames_that_were_there_before_the_first_chunk_was_asked_for_are_saved_once(
    line, listen, tmp_path
):
    interrupted(line, listen)
    send, address = line()
    scan = listen(address)
    scan.initialize()
    begin(send)
    frames(send, [k for k in range(POINTS) if k != 8])
    send("end", scan="A", frames=POINTS)
    while scan.live_report().received + scan.live_report().duplicates < POINTS - 1:
        scan.wait(0.01)
    assert rest(scan) == [6, 7, 9, 10, 11]
    assert scan.live_report().missing == [(8, 9)]
    assert scan.live_report().duplicates == 6
    whole = saved(tmp_path)
    assert whole.indices.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11]
    assert (whole.data == whole.indices[:, None, None]).all()


def test_what_the_stream_said_holds_on_when_only_frames_follow_at_another_address(
    line, listen, tmp_path
):
    interrupted(line, listen)
    send, address = line()
    scan = listen(
        address, buffer_size=3, window=5, patience=1.0, high_water=7, largest_message=9, timeout=30
    )
    scan.initialize()
    frames(send, range(6, POINTS))
    send("end", scan="A")
    assert rest(scan) == list(range(6, POINTS))
    whole = saved(tmp_path)
    for meta in (scan.meta, whole.meta):
        assert (meta.energy, meta.distance, meta.psize.tolist()) == (7.0, 2.0, [1e-4, 1e-4])
    np.testing.assert_array_equal(whole.mask, MASK)


def test_what_is_refused_has_taken_no_frame_off_the_line(line, listen, tmp_path):
    interrupted(line, listen)
    send, address = line()
    sender = threading.Thread(
        target=lambda: [begin(send), frames(send, range(6, POINTS)), send("end", scan="A")]
    )
    sender.start()
    with pytest.raises(ParameterError, match="orientation"):
        rest(listen(address, orientation=5))
    assert [t for t in threading.enumerate() if t.name == "ptypy-receiver"] == []
    assert rest(listen(address)) == list(range(6, POINTS))
    sender.join()


@pytest.mark.parametrize("count", [6, POINTS])
@pytest.mark.parametrize("starts", [True, False])
def test_another_scan_is_not_added_to_the_file_and_not_dropped_in_silence(
    line, listen, tmp_path, count, starts
):
    interrupted(line, listen, count)
    send, address = line()
    scan = listen(address)
    scan.initialize()
    if starts:
        begin(send, scan="B")
    frames(send, range(1), scan="B", value=99)
    # Once it has seen that, it may listen no more before all is sent.
    send.socket.set(zmq.SNDTIMEO, 1000)
    with contextlib.suppress(zmq.Again):
        frames(send, range(1, POINTS), scan="B", value=99)
    with pytest.raises(DataError, match=r"scan 'B' comes, and .*a.ptyd holds frames of scan 'A'"):
        rest(scan)
    with pytest.raises(ParameterError, match=r"series.*'A'"):
        rest(listen(address, series="B"))
    whole = ptyd.PtydReader(tmp_path / "a.ptyd").read(0, count)
    assert ptyd.PtydReader(tmp_path / "a.ptyd").num_frames == count
    assert 99 not in whole.data


def test_a_scan_without_a_name_of_which_all_was_there_is_a_loss(line, listen, caplog):
    interrupted(line, listen, POINTS, scan=None)
    send, address = line()
    scan = listen(address)
    scan.initialize()
    frames(send, range(POINTS), scan=None, value=99)
    send("end")
    assert rest(scan) == []
    assert scan.live_report().has_losses
    assert f"{POINTS} duplicates" in caplog.text


def test_frames_that_died_with_the_receiver_are_named(line, listen, caplog):
    interrupted(line, listen)
    send, address = line()
    scan = listen(address, window=0)
    scan.initialize()
    frames(send, range(9, POINTS))
    send("end", scan="A")
    assert rest(scan) == list(range(9, POINTS))
    (said,) = [one for one in caplog.records if "(6-8) were not saved" in one.getMessage()]
    assert said.levelname == "ERROR"
    assert scan.live_report().missing == [(6, 9)]
