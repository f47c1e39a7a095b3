"""Files that appear in a folder: whole ones are taken, once, in order; others are waited for."""

import itertools
import shutil
import time

import numpy as np
import pytest

from ptypy.core.data import EOS, WAIT, PtydScan
from ptypy.errors import DataError, FormatError, ParameterError
from ptypy.experiment import FolderWatch
from ptypy.testing import FolderWriter
from ptypy.utils import Param

PATIENT = 60


def watch(folder, count=6, **parameters):
    defaults = {
        "folder": str(folder), "shape": None, "settle": 0, "energy": 7.0, "distance": 1.0,
        "psize": 1e-4, "positions_theory": np.arange(2.0 * count).reshape(-1, 2),
    }  # fmt: skip
    return FolderWatch(**{**defaults, **parameters})


def chunks_of(scan, frames=4):
    found = []
    give_up = time.monotonic() + PATIENT
    while (answer := scan.next_chunk(frames)) != EOS:
        assert time.monotonic() < give_up
        if answer == WAIT:
            scan.wait(1)
        else:
            found.append(answer)
    return found


def taken(scan):
    return [k for chunk in chunks_of(scan) for k in chunk.indices.tolist()]


def write(folder, number, value=None, name="frame_{:04d}.npy", shape=(8, 8)):
    folder.mkdir(exist_ok=True)
    hidden = folder / ".hidden.npy"
    np.save(hidden, np.full(shape, number if value is None else value, np.uint16))
    return hidden.rename(folder / name.format(number))


@pytest.mark.parametrize("suffix", [".npy", ".tif", ".cbf", ".edf", ".h5"])
def test_files_of_every_kind_arrive(tmp_path, suffix):
    folder = tmp_path / "scan"
    simulator = FolderWriter(frames=12, shape=16, suffix=suffix, folder=str(folder))
    simulator.run()
    scan = watch(
        folder, pattern="frame_*", positions={"file": str(folder / "positions.txt")},
        positions_theory=None, end_file="finished",
    )  # fmt: skip
    chunks = chunks_of(scan)
    recording = simulator.recording
    good = recording.mask
    data = np.concatenate([chunk.data for chunk in chunks])
    np.testing.assert_array_equal(data[:, good], recording.frames[:, good])
    positions = np.concatenate([chunk.positions for chunk in chunks])
    np.testing.assert_allclose(positions, recording.positions)


def test_a_scan_that_another_process_writes_arrives_while_it_is_written(tmp_path):
    folder = tmp_path / "made_later"
    simulator = FolderWriter(
        frames=20, shape=16, folder=str(folder), renames=False, interval=0.005, first=1
    )
    with simulator.start() as running:
        scan = watch(
            folder, pattern="frame_*", positions_theory=simulator.recording.positions, first=1,
            settle=0.05, end_file="finished",
        )  # fmt: skip
        chunks = chunks_of(scan)
        assert running.wait() == 0
    np.testing.assert_array_equal(
        np.concatenate([chunk.data for chunk in chunks]), simulator.recording.frames
    )
    assert not scan.live_report().has_losses


def test_several_frames_in_a_file_keep_their_order(tmp_path):
    simulator = FolderWriter(frames=11, shape=16, folder=str(tmp_path), frames_per_file=4)
    simulator.run()
    count = len(simulator.recording.frames)
    scan = watch(tmp_path, count, pattern="frame_*", frames_per_file=4)
    chunks = chunks_of(scan)
    np.testing.assert_array_equal(
        np.concatenate([chunk.data for chunk in chunks]), simulator.recording.frames
    )


def test_half_a_file_is_not_taken(tmp_path):
    whole = write(tmp_path / "elsewhere", 0).read_bytes()
    path = tmp_path / "frame_0000.npy"
    scan = watch(tmp_path, 1, pattern="*.npy")
    for length in (0, 20, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        for _ in range(3):
            assert scan.next_chunk(1) == WAIT
    path.write_bytes(whole)
    assert taken(scan) == [0]
    assert not scan.live_report().has_losses


def test_a_file_must_not_have_changed_for_the_time_to_settle(tmp_path):
    scan = watch(tmp_path, 1, settle=3600.0)
    write(tmp_path, 0)
    assert scan.next_chunk(1) == WAIT


def test_files_that_come_in_any_order_are_used_in_the_order_of_their_numbers(tmp_path):
    scan = watch(tmp_path)
    got = []
    for number in (2, 0, 1, 5, 4, 3):
        write(tmp_path, number)
        answer = scan.next_chunk(1)
        got += [] if isinstance(answer, str) else answer.indices.tolist()
    assert got + taken(scan) == [0, 1, 2, 3, 4, 5]


def test_a_missing_file_is_passed_over_by_the_rule_and_named(tmp_path, caplog):
    for number in (0, 1, 3, 4, 5):
        write(tmp_path, number)
    scan = watch(tmp_path, window=1, patience=0)
    assert taken(scan) == [0, 1, 3, 4, 5]
    assert scan.live_report().missing == [(2, 3)]
    assert "1 missing (2)" in caplog.text


def test_a_file_that_cannot_be_read_costs_itself_only(tmp_path, caplog):
    for number in range(6):
        write(tmp_path, number)
    (tmp_path / "frame_0002.npy").write_bytes(b"not what it says")
    scan = watch(tmp_path, patience=0.1)
    assert taken(scan) == [0, 1, 3, 4, 5]
    assert scan.live_report().refused == {"files that cannot be read": 1}
    assert "frame_0002.npy" in caplog.text


def test_pickles_are_not_opened(tmp_path):
    np.save(tmp_path / "frame_0000.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    write(tmp_path, 1)
    scan = watch(tmp_path, 2, patience=0)
    assert taken(scan) == [1]


def test_what_is_no_frame_of_the_scan_is_counted_once(tmp_path):
    write(tmp_path, 0)
    (tmp_path / "notes.npy").write_bytes(b"")
    (tmp_path / "frame_0001.npy.part").write_bytes(b"")
    (tmp_path / "frame_0002.npy").mkdir()
    write(tmp_path, 1, name="before_{:04d}.npy")
    scan = watch(tmp_path, 1, pattern="*.npy*", timeout=0.2, patience=0, first=0)
    assert taken(scan) == [0]
    assert scan.live_report().refused == {"files without a number": 1}


def test_files_numbered_before_the_first_are_refused_with_words(tmp_path, caplog):
    for number in range(3):
        write(tmp_path, number)
    scan = watch(tmp_path, 2, first=1)
    assert taken(scan) == [0, 1]
    assert "before `first`: frame_0000.npy" in caplog.text


def test_a_folder_that_nothing_comes_to_ends_after_the_timeout(tmp_path):
    write(tmp_path, 0)
    scan = watch(tmp_path, timeout=0.2)
    assert taken(scan) == [0]
    assert scan.live_report().missing == [(1, 6)]


def test_the_end_file_ends_a_scan_of_unknown_length(tmp_path):
    for number in range(3):
        write(tmp_path, number)
    positions = tmp_path / "positions.npy"
    np.save(positions, np.zeros((10, 2)))
    scan = watch(
        tmp_path, positions_theory=None, positions={"file": str(positions)}, pattern="frame*",
        end_file="done", patience=0,
    )  # fmt: skip
    chunks = []
    while (answer := scan.next_chunk(1)) != WAIT:
        chunks += answer.indices.tolist()
    (tmp_path / "done").touch()
    assert chunks + taken(scan) == [0, 1, 2]


def test_memory_is_bounded_however_many_files_there_are(tmp_path):
    for number in range(20):
        write(tmp_path, number, shape=(400, 400))
    scan = watch(tmp_path, 20, buffer_size=1)
    assert taken(scan) == list(range(20))
    assert scan.live_report().peak_bytes <= 2**20 + 400 * 400 * 2


def test_a_preparation_that_died_goes_on_where_it_was(tmp_path):
    folder, path = tmp_path / "scan", str(tmp_path / "a.ptyd")
    for number in (0, 1, 2, 3):
        write(folder, number)
    first = watch(folder, save="append", dfile=path)
    assert first.next_chunk(3).indices.tolist() == [0, 1, 2]
    del first  # as good as killed: nothing was closed
    for number in (4, 5):
        write(folder, number)
    again = watch(folder, save="append", dfile=path, resume=True)
    assert taken(again) == [3, 4, 5]
    whole = PtydScan(source="file", dfile=path).next_chunk(100)
    assert (whole.data == np.arange(6)[:, None, None]).all()


def test_parameters_that_cannot_work_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="folder"):
        FolderWatch()
    scan = watch(tmp_path, positions_theory=None, positions={"file": str(tmp_path / "none.txt")})
    with pytest.raises(FormatError, match=r"none\.txt"):
        scan.next_chunk(1)


def test_a_folder_that_goes_away_and_comes_back_is_no_end(tmp_path):
    folder = tmp_path / "scan"
    scan = watch(folder)
    assert scan.next_chunk(1) == WAIT
    write(folder, 0)
    assert scan.next_chunk(1).indices.tolist() == [0]
    shutil.rmtree(folder)
    assert scan.next_chunk(1) == WAIT
    for number in range(1, 6):
        write(folder, number)
    assert taken(scan) == [1, 2, 3, 4, 5]


def test_waiting_ends_when_a_file_comes(tmp_path):
    scan = watch(tmp_path)
    scan.initialize()
    write(tmp_path, 0)
    for _ in itertools.takewhile(lambda _: scan.live_report().received == 0, range(1000)):
        scan.wait(PATIENT)
    assert scan.next_chunk(1).indices.tolist() == [0]


def test_frames_that_have_no_position_are_not_left_out_in_silence(tmp_path, caplog):
    for number in range(6):
        write(tmp_path, number)
    scan = watch(tmp_path, 4)
    assert taken(scan) == [0, 1, 2, 3]
    assert "2 or more frames came beyond the 4 scan points" in caplog.text
    caplog.clear()
    assert taken(watch(tmp_path, 6, positions_theory=None, num_frames=4,
                       positions={"file": table(tmp_path, 6)})) == [0, 1, 2, 3]  # fmt: skip
    assert "beyond" not in caplog.text


def test_two_files_of_one_number_are_told_apart_by_their_names(tmp_path, caplog):
    for number in range(4):
        write(tmp_path, number)
    write(tmp_path, 2, value=99, name="other_{:04d}.npy")
    scan = watch(tmp_path, 4)
    chunks = chunks_of(scan)
    assert np.concatenate([chunk.data for chunk in chunks])[:, 0, 0].tolist() == [0, 1, 2, 3]
    report = scan.live_report()
    assert sum(report.refused.values()) == 1
    assert report.has_losses
    (said,) = [one for one in caplog.records if "which is used" in one.getMessage()]
    assert said.levelname == "ERROR"
    assert "frame_0002.npy" in said.getMessage()
    assert "other_0002.npy" in said.getMessage()


def test_masks_dark_and_flat_come_from_files(tmp_path):
    folder = tmp_path / "scan"
    for number in range(6):
        write(folder, number, value=10)
    mask = np.ones((8, 8), np.uint8)
    mask[1, 2] = 0
    np.save(tmp_path / "mask.npy", mask)
    np.save(tmp_path / "dark.npy", np.full((3, 8, 8), 4))
    np.save(tmp_path / "flat.npy", np.full((8, 8), 2.0))
    files = {
        name: {"file": str(tmp_path / f"{word}.npy")}
        for name, word in (("mask", "mask"), ("darkfield", "dark"), ("flatfield", "flat"))
    }
    chunk = watch(folder, **files).next_chunk(6)
    assert (chunk.data == 3).all()
    np.testing.assert_array_equal(chunk.mask, mask == 1)


def test_counts_that_detectors_use_for_nothing_are_not_trusted(tmp_path):
    frames = np.ones((2, 8, 8), np.int32)
    frames[1, 3, 4] = -2
    for number, frame in enumerate(frames):
        np.save(tmp_path / f"frame_{number}.npy", frame)
    chunk = watch(tmp_path, 2).next_chunk(2)
    np.testing.assert_array_equal(chunk.mask, frames > 0)


def table(folder, count):
    path = folder / "positions.txt"
    np.savetxt(path, np.arange(2.0 * count).reshape(-1, 2))
    return str(path)


def test_columns_of_positions_that_nobody_named_are_not_guessed(tmp_path):
    table = tmp_path / "positions.csv"
    table.write_text("frame,along,across\n0,1.0,2.0\n1,1.5,2.0\n")
    scan = FolderWatch(
        folder=str(tmp_path), energy=7.0, distance=1.0, psize=1e-4,
        positions=Param(file=str(table), multiplier=1e-6),
    )  # fmt: skip
    with pytest.raises(DataError, match="say by `columns`"):
        scan.initialize()
