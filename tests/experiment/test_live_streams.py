"""Frames that come through sockets, from other processes: nothing is lost in silence."""

import gc
import json
import queue
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import zmq

from ptypy.core.data import EOS, WAIT, PtydScan
from ptypy.errors import DataError, ParameterError
from ptypy.experiment import DectrisStream, ZmqStream
from ptypy.testing import DectrisSender, PlainSender

HERE = "tcp://127.0.0.1:*"
PATIENT = 60


def chunks_of(scan, frames=7):
    """Take a scan in to its end."""
    found = []
    give_up = time.monotonic() + PATIENT
    while (answer := scan.next_chunk(frames)) != EOS:
        assert time.monotonic() < give_up
        if answer == WAIT:
            scan.wait(PATIENT)
        else:
            found.append(answer)
    return found


def see_same(chunks, recording, expected=None):
    """See that frames, positions and indices of chunks belong together; give the indices."""
    indices = np.concatenate([chunk.indices for chunk in chunks])
    data = np.concatenate([chunk.data for chunk in chunks])
    positions = np.concatenate([chunk.positions for chunk in chunks])
    np.testing.assert_array_equal(data, recording.frames[indices])
    np.testing.assert_allclose(positions, recording.positions[indices])
    assert indices.tolist() == list(range(len(recording.frames)) if expected is None else expected)


@pytest.fixture
def sockets():
    """Make sockets that are closed after the test: sockets(kind, address) -> socket."""
    context = zmq.Context()
    made = []

    def make(kind, address, *, bind=False, high_water=100):
        one = context.socket(kind)
        made.append(one)
        one.set(zmq.SNDHWM, high_water)
        one.set(zmq.SNDTIMEO, PATIENT * 1000)
        (one.bind if bind else one.connect)(address)
        return one

    yield make
    for one in made:
        one.close(linger=0)
    context.term()


@pytest.fixture
def sending():
    """Run a simulator in a thread: sending(simulator) -> address."""
    running = []

    def start(simulator):
        ready = queue.Queue()
        thread = threading.Thread(target=simulator.run, args=(ready.put,))
        thread.start()
        running.append(thread)
        return ready.get(timeout=PATIENT)

    yield start
    for thread in running:
        thread.join()


@pytest.fixture
def listening():
    """Start a scan that senders connect to: listening(**parameters) -> scan."""
    scans = []

    def start(**parameters):
        scan = ZmqStream(**{"address": HERE, "bind": True, "shape": None, **parameters})
        scans.append(scan)
        scan.initialize()
        return scan

    yield start
    for scan in scans:
        scan.close()


def send(sender, kind, *parts, **entries):
    sender.send_multipart([json.dumps({"type": kind, **entries}).encode(), *parts])


def send_frame(sender, index, value=None, **entries):
    frame = np.full((8, 8), index if value is None else value, np.uint16)
    header = {"index": index, "shape": [8, 8], "dtype": "uint16", "position": [index, 0], **entries}
    send(sender, "frame", frame.tobytes(), **header)


# --------------------------------------------------------------------- whole scans


@pytest.mark.parametrize("pattern", ["push", "pub"])
@pytest.mark.parametrize("positions", ["with frames", "apart"])
def test_a_scan_in_the_plain_form_arrives(sending, pattern, positions):
    simulator = PlainSender(
        frames=20, shape=16, pattern=pattern, positions=positions, encoding="bslz4"
    )
    scan = ZmqStream(
        address=sending(simulator), pattern={"push": "pull", "pub": "sub"}[pattern], shape=None
    )
    chunks = chunks_of(scan)
    see_same(chunks, simulator.recording)
    meta = chunks[0].meta
    assert (meta.energy, meta.distance, meta.psize.tolist()) == (6.2, 0.5, [75e-6, 75e-6])
    np.testing.assert_array_equal(chunks[0].mask, simulator.recording.mask)
    assert not scan.live_report().has_losses


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("encoding", ["none", "lz4", "bslz4"])
def test_a_scan_of_a_dectris_detector_arrives(sending, version, encoding):
    simulator = DectrisSender(frames=20, shape=16, version=version, encoding=encoding)
    scan = DectrisStream(
        address=sending(simulator), shape=None, positions_theory=simulator.recording.positions
    )
    chunks = chunks_of(scan)
    see_same(chunks, simulator.recording)
    meta = chunks[0].meta
    assert (meta.energy, meta.distance, meta.psize.tolist()) == (6.2, 0.5, [75e-6, 75e-6])
    np.testing.assert_array_equal(chunks[0].mask, simulator.recording.mask)
    assert not scan.live_report().has_losses


def test_positions_of_a_detectors_frames_come_from_who_moves_the_stage():
    detector = DectrisSender(frames=20, shape=16)
    stage = PlainSender(frames=20, shape=16, positions="only")
    with detector.start() as one, stage.start() as other:
        scan = DectrisStream(address=one.address, position_address=other.address, shape=None)
        see_same(chunks_of(scan), detector.recording)


def test_positions_of_a_detectors_frames_come_from_a_file(sending, tmp_path):
    detector = DectrisSender(frames=20, shape=16)
    path = tmp_path / "positions.txt"
    np.savetxt(path, detector.recording.positions)
    scan = DectrisStream(address=sending(detector), positions={"file": str(path)}, shape=None)
    see_same(chunks_of(scan), detector.recording)


def test_pixels_without_a_value_are_not_trusted_though_no_mask_is_sent(sending):
    detector = DectrisSender(frames=20, shape=16, header_detail="none")
    scan = DectrisStream(
        address=sending(detector),
        positions_theory=detector.recording.positions,
        shape=None,
        energy=1.0,
        distance=1.0,
        psize=1e-4,
    )
    chunks = chunks_of(scan)
    holds_a_value = detector.recording.frames[0] != np.iinfo(detector.recording.frames.dtype).max
    assert not holds_a_value.all()
    for chunk in chunks:
        np.testing.assert_array_equal(chunk.mask, holds_a_value)


def test_what_the_user_says_of_the_geometry_wins_over_the_stream(sending):
    address = sending(PlainSender(frames=9, shape=16))
    chunks = chunks_of(ZmqStream(address=address, shape=None, energy=9.9))
    assert chunks[0].meta.energy == 9.9
    assert chunks[0].meta.distance == 0.5


def test_numbers_that_nobody_gave_are_announced_and_not_saved(listening, sockets, tmp_path, caplog):
    scan = listening(save="append", dfile=str(tmp_path / "a.ptyd"))
    assert "NOBODY GAVE" not in caplog.text
    sender = sockets(zmq.PUSH, scan.addresses[0])
    send(sender, "start", energy=7.0, distance=2.0)
    send_frame(sender, 0)
    send(sender, "end")
    chunks_of(scan)
    assert "NOBODY GAVE psize" in caplog.text
    saved = PtydScan(source="file", dfile=str(tmp_path / "a.ptyd"), psize=1e-5)
    assert saved.meta.energy == 7.0
    assert saved.next_chunk(1).meta.psize.tolist() == [1e-5, 1e-5]


# --------------------------------------------------------------------- what goes wrong


def test_a_rehearsal_with_every_fault_delivers_the_rest_and_tells_all(sending, tmp_path, caplog):
    order = [0, 1, 3, 2, 5, 6, 6, 4, 8, 7, 10, *range(11, 18)]
    simulator = PlainSender(frames=20, shape=16, order=order, junk=[5, 11], positions="apart")
    total = len(simulator.recording.frames)
    scan = ZmqStream(
        address=sending(simulator), shape=None, patience=0.2, save="append",
        dfile=str(tmp_path / "a.ptyd"),
    )  # fmt: skip
    chunks = chunks_of(scan)
    there = [0, 1, 2, 3, 4, 5, 6, 7, 8, *range(10, 18)]
    see_same(chunks, simulator.recording, there)
    report = scan.live_report()
    assert report.missing == [(9, 10), (18, total)]
    assert (report.duplicates, report.reordered) == (1, 3)
    assert sum(report.refused.values()) == 10
    assert f"{1 + total - 18} missing (9, 18-{total - 1})" in caplog.text
    see_same(
        [PtydScan(source="file", dfile=str(tmp_path / "a.ptyd")).next_chunk(100)],
        simulator.recording,
        there,
    )


def test_one_message_that_is_too_large_costs_no_other(listening, sockets):
    scan = listening(largest_message=1)
    sender = sockets(zmq.PUSH, scan.addresses[0])
    send_frame(sender, 0)
    sender.send_multipart([b"{}", bytes(2**20 + 1)])
    sender.send_multipart([b"x"] * 100)
    send_frame(sender, 1)
    send(sender, "end", frames=2)
    assert [k for chunk in chunks_of(scan) for k in chunk.indices.tolist()] == [0, 1]
    assert sum(scan.live_report().refused.values()) == 2


def test_frames_of_another_scan_are_refused(listening, sockets):
    scan = listening(series="mine")
    sender = sockets(zmq.PUSH, scan.addresses[0])
    send_frame(sender, 0, value=77, scan="other")
    send_frame(sender, 0, value=5, scan="mine")
    send(sender, "end", scan="other")
    send(sender, "end", scan="mine")
    (chunk,) = chunks_of(scan)
    assert (chunk.data == 5).all()
    assert scan.live_report().refused == {"messages of another scan": 2}


def test_a_scan_whose_end_was_never_declared_ends_when_the_next_begins(listening, sockets, caplog):
    scan = listening()
    sender = sockets(zmq.PUSH, scan.addresses[0])
    send(sender, "start", scan=1)
    send_frame(sender, 0, scan=1)
    send(sender, "start", scan=2)
    (chunk,) = chunks_of(scan)
    assert chunk.indices.tolist() == [0]
    assert "never declared" in caplog.text


def test_a_sender_that_falls_silent_ends_the_scan_after_the_timeout(listening, sockets, caplog):
    scan = listening(timeout=0.3)
    sender = sockets(zmq.PUSH, scan.addresses[0])
    for index in (0, 1, 3, 4):
        send_frame(sender, index)
    while scan.live_report().received < 4:
        scan.wait(PATIENT)
    taken = [k for chunk in chunks_of(scan) for k in chunk.indices.tolist()]
    assert taken == [0, 1, 3, 4]
    assert scan.live_report().missing == [(2, 3)]
    assert "timeout" in caplog.text


def test_a_sender_that_is_killed_costs_what_it_had_not_sent_and_no_more():
    # It sends one frame after the start, and is killed while it waits to send the next.
    simulator = PlainSender(frames=20, shape=16, interval=10 * PATIENT)
    with simulator.start() as running:
        scan = ZmqStream(address=running.address, shape=None, timeout=1, energy=1.0)
        first = scan.next_chunk(1)
        while first == WAIT:
            scan.wait(PATIENT)
            first = scan.next_chunk(1)
        running.process.kill()
        rest = chunks_of(scan)
    see_same([first, *rest], simulator.recording, [0])
    assert scan.live_report().missing == [(1, len(simulator.recording.frames))]
    assert scan.live_report().has_losses


def test_a_full_buffer_makes_the_sender_wait_and_nothing_is_lost(listening, sockets):
    scan = listening(buffer_size=1, high_water=2)
    count, side = 60, 256
    frames = np.arange(count, dtype=np.uint16)[:, None, None] + np.zeros((side, side), np.uint16)
    sender = sockets(zmq.PUSH, scan.addresses[0], high_water=2)

    def run():
        for index, frame in enumerate(frames):
            header = {"index": index, "shape": [side, side], "dtype": "uint16", "position": [0, 0]}
            send(sender, "frame", frame.tobytes(), **header)
        send(sender, "end", frames=count)

    thread = threading.Thread(target=run)
    thread.start()
    while not scan.live_report().blocked:
        scan.wait(0.01)
    assert scan.live_report().received < count
    chunks = chunks_of(scan, 5)
    thread.join()
    np.testing.assert_array_equal(np.concatenate([chunk.data for chunk in chunks]), frames)
    assert scan.live_report().peak_bytes <= 2**20 + frames[0].nbytes


def test_frames_that_were_published_while_the_buffer_was_full_are_counted(sockets):
    sender = sockets(zmq.XPUB, HERE, bind=True, high_water=1)
    address = sender.get(zmq.LAST_ENDPOINT).decode()
    scan = ZmqStream(
        address=address, pattern="sub", shape=None, buffer_size=1, high_water=1, window=0,
        patience=0,
    )  # fmt: skip
    scan.initialize()
    sender.recv()
    side, count = 512, 400
    frame = np.zeros((side, side), np.uint16).tobytes()
    for index in range(count):
        header = {"index": index, "shape": [side, side], "dtype": "uint16", "position": [0, 0]}
        send(sender, "frame", frame, **header)
    taken = 0
    while taken < count:
        answer = scan.next_chunk(4)
        if answer == WAIT:
            # All that was not dropped has been taken: the end gets through.
            send(sender, "end", frames=count)
            scan.wait(0.05)
            continue
        if answer == EOS:
            break
        taken += len(answer.indices)
    report = scan.live_report()
    assert 0 < taken < count
    assert taken + report.num_missing == count


def test_addresses_that_cannot_be_used_are_told_with_the_parameter(sockets):
    taken = sockets(zmq.PULL, HERE, bind=True).get(zmq.LAST_ENDPOINT).decode()
    with pytest.raises(ParameterError, match=r"address .*cannot be listened at"):
        ZmqStream(address=taken, bind=True).initialize()
    with pytest.raises(ParameterError, match=r"address .*is needed|must be an address"):
        ZmqStream()
    with pytest.raises(ParameterError, match="'pull' or 'sub'"):
        ZmqStream(address=taken, pattern="push")
    with pytest.raises(ParameterError, match="one process receives"):
        ZmqStream(address=taken, load_parallel="data")


def test_frames_without_any_position_are_refused_with_words(listening, sockets):
    scan = listening(patience=0)
    sender = sockets(zmq.PUSH, scan.addresses[0])
    send_frame(sender, 0, position=None)
    send(sender, "end")
    assert chunks_of(scan) == []
    assert scan.live_report().refused == {"frames whose position never came": 1}


def test_a_mask_that_does_not_fit_the_frames_is_an_error(listening, sockets):
    scan = listening()
    sender = sockets(zmq.PUSH, scan.addresses[0])
    send(sender, "start", bytes(16), mask=True, shape=[4, 4])
    send_frame(sender, 0)
    send(sender, "end")
    with pytest.raises(DataError, match=r"mask of \(4, 4\)"):
        chunks_of(scan)


# --------------------------------------------------------------------- how it ends


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "ptypy-receiver"]


def test_after_the_end_no_thread_and_no_socket_is_left(listening, sockets):
    scan = listening()
    sender = sockets(zmq.PUSH, scan.addresses[0])
    send_frame(sender, 0)
    send(sender, "end")
    (before,) = threads()
    chunks_of(scan)
    assert before not in threads()
    again = listening(address=scan.addresses[0])
    again.close()
    again.close()


def test_a_scan_that_is_let_go_closes_its_sockets():
    scan = ZmqStream(address=HERE, bind=True)
    scan.initialize()
    assert len(threads()) == 1
    del scan
    gc.collect()
    assert threads() == []


LEFT = """
from ptypy.experiment import ZmqStream
scan = ZmqStream(address="tcp://127.0.0.1:*", bind=True)
print(scan.auto(1), flush=True)
END
"""


@pytest.mark.parametrize("end", ["", "raise SystemExit(3)", "1 / 0"])
def test_an_interpreter_ends_while_a_scan_is_open(end):
    code = LEFT.replace("END", end)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "msg1\n"
    assert done.returncode == {"": 0, "1 / 0": 1}.get(end, 3)


def test_control_c_ends_a_wait_for_frames():
    code = LEFT.replace("END", "scan.wait(1000)")
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "msg1\n"
    process.send_signal(2)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in errors


# --------------------------------------------------------------------- going on


def test_a_scan_goes_on_after_the_receiver_was_started_again(listening, sockets, tmp_path):
    path = str(tmp_path / "a.ptyd")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    scan = listening(save="append", dfile=path, address=address)
    sender = sockets(zmq.PUSH, address)
    for index in range(3):
        send_frame(sender, index)
    while scan.framestart < 3:
        if scan.next_chunk(3) == WAIT:
            scan.wait(PATIENT)
    scan.close()
    again = listening(save="append", dfile=path, resume=True, address=address)
    for index in range(1, 5):
        send_frame(sender, index)
    send(sender, "end")
    chunks = chunks_of(again)
    assert np.concatenate([chunk.indices for chunk in chunks]).tolist() == [3, 4]
    whole = PtydScan(source="file", dfile=path).next_chunk(100)
    assert whole.indices.tolist() == [0, 1, 2, 3, 4]
    assert (whole.data == whole.indices[:, None, None]).all()


# --------------------------------------------------------------------- several processes

ON_ALL = """
import sys
import numpy as np
from ptypy.core.data import EOS, WAIT
from ptypy.experiment import ZmqStream
from ptypy.utils import parallel

scan = ZmqStream(address=ADDRESS, shape=None, save="append", dfile="a.ptyd", patience=0.2)
mine = []
while (answer := scan.next_chunk(6)) != EOS:
    if answer == WAIT:
        scan.wait(60)
        continue
    assert answer.meta.energy == 6.2
    mine += answer.indices_node.tolist()
assert mine, "every process must have got frames"
"""


@pytest.mark.mpi
def test_two_processes_share_what_one_receives(mpirun, tmp_path):
    order = [0, 1, 2, 4, 3, *range(6, 18)]
    simulator = PlainSender(frames=20, shape=16, order=order, positions="apart")
    with simulator.start() as running:
        done = mpirun(f"ADDRESS = {running.address!r}\n" + ON_ALL, 2)
        assert done.returncode == 0, done.stderr
    expected = [0, 1, 2, 3, 4, *range(6, 18)]
    saved = PtydScan(source="file", dfile=str(tmp_path / "a.ptyd")).next_chunk(100)
    see_same([saved], simulator.recording, expected)


@pytest.mark.mpi
def test_an_address_in_use_ends_all_processes(mpirun, sockets):
    taken = sockets(zmq.PULL, HERE, bind=True).get(zmq.LAST_ENDPOINT).decode()
    text = ON_ALL.replace("shape=None", "shape=None, bind=True")
    done = mpirun(f"ADDRESS = {taken!r}\n" + text, 2, timeout=60)
    assert done.returncode != 0
    assert "cannot be listened at" in done.stderr
