"""A chunk is there, whole, or not there; and readers and writers do not disturb one another."""

import contextlib
import errno
import fcntl
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

from ptypy.errors import FormatError
from ptypy.io import ptyd
from ptypy.io.ptyd import _open
from ptypy.io.ptyd._superblock import Superblock

FRAMES = np.random.default_rng(3).poisson(9, (12, 6, 8)).astype(np.uint16)
PLACES = np.arange(24.0).reshape(12, 2) * 1e-7


def append(path, number, **options):
    """Add chunk ``number``, of three frames."""
    part = slice(3 * number, 3 * number + 3)
    ptyd.append_chunk(
        path, number, FRAMES[part], np.arange(12)[part], PLACES[part], None, **options
    )


@pytest.fixture
def path(tmp_path):
    """A file with one chunk."""
    path = tmp_path / "s.ptyd"
    ptyd.create(path, {"energy": 8.0}, {"label": "star"})
    append(path, 0)
    return path


def frames_in(path):
    reader = ptyd.PtydReader(path)
    return reader.read(0, reader.num_frames).data


def names_in(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_chunk_that_the_disk_does_not_confirm_is_there_and_the_run_is_told(
    path, monkeypatch, caplog
):
    flushed = []

    def fails_at_last(descriptor):
        flushed.append(descriptor)
        if len(flushed) == 2:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails_at_last)
    append(path, 1)
    assert "the disk does not confirm it (Input/output error)" in caplog.text
    assert np.array_equal(frames_in(path), FRAMES[:6])
    append(path, 2)
    assert np.array_equal(frames_in(path), FRAMES[:9])


def test_a_commit_that_is_done_by_half_is_taken_back_and_can_be_tried_again(path, monkeypatch):
    before, original, halves = path.read_bytes(), os.pwrite, [True]

    def by_half(descriptor, data, offset):
        if offset == 0 and halves:
            halves.pop()
            return original(descriptor, data[: len(data) // 2], offset)
        return original(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", by_half)
    with pytest.raises(FormatError, match="24 of 48 bytes were written"):
        append(path, 1)
    assert path.read_bytes() == before
    append(path, 1)
    assert np.array_equal(frames_in(path), FRAMES[:6])


@contextlib.contextmanager
def second_chunk(path, **options):
    """Add a chunk; something happens before it is there."""
    form = ptyd.checked((3, 6, 8), np.dtype("u2"), [3, 4, 5], PLACES[3:6], None)
    with ptyd.new_chunk(path, 1, form, **options) as chunk:
        chunk.put(FRAMES[3:6])
        yield


def by_hand(path, **options):
    """Write a file as another program would."""
    with h5py.File(path, "w", **options) as file:
        file["chunks/0/data"] = FRAMES[:3]
        file["chunks/0/positions"] = PLACES[:3]
        file["chunks/0"].attrs["note"] = "by hand"
        file["meta/energy"] = 8.0
        file["meta/label"] = "star"
        file.attrs["owner"] = "somebody"
    return path


FORMS = [
    {},
    {"libver": "earliest"},
    {"libver": "latest"},
    {"libver": ("v108", "v108")},
    {"libver": ("v110", "v110")},
    {"userblock_size": 512},
    {"fs_strategy": "page"},
    {"fs_strategy": "fsm", "fs_persist": True},
]


@pytest.mark.parametrize("options", FORMS)
def test_a_file_of_any_form_can_be_added_to(tmp_path, options):
    path = by_hand(tmp_path / "s.ptyd", **options)
    for number in (1, 2, 3):
        append(path, number)
    ptyd.write_meta(path, {"energy": 9.0})
    assert np.array_equal(frames_in(path), FRAMES)
    with h5py.File(path, "r+") as file:  # and by other programs, too
        assert file["chunks/0"].attrs["note"] == "by hand"
        assert file.attrs["owner"] == "somebody"
        assert np.array_equal(file["chunks/2/data"], FRAMES[6:9])
        file["meta/label"] = "new"
        file["chunks/2/more"] = np.arange(1000)
    append_again = ptyd.PtydReader(path).meta
    assert append_again == {"energy": 9.0, "label": "new"}
    assert np.array_equal(frames_in(path), FRAMES)


def test_until_the_last_moment_a_chunk_is_not_there(path):
    before = path.read_bytes()
    with second_chunk(path):
        assert path.read_bytes()[: len(before)] == before
        with h5py.File(path) as file:
            assert list(file["chunks"]) == ["0"]
        assert ptyd.PtydReader(path).num_frames == 3
    assert ptyd.PtydReader(path).num_frames == 6


@pytest.mark.parametrize("linked", [False, True])
def test_an_error_while_frames_are_written_leaves_no_trace(path, linked):
    before, names = path.read_bytes(), names_in(path.parent)
    link = f"{path}.chunk01" if linked else None
    with pytest.raises(ZeroDivisionError), second_chunk(path, link=link):
        raise ZeroDivisionError
    assert path.read_bytes() == before
    assert names_in(path.parent) == names


def test_frames_that_were_not_written_are_missed(path):
    form = ptyd.checked((3, 6, 8), np.dtype("u2"), [3, 4, 5], PLACES[3:6], None)
    with pytest.raises(ValueError, match="before all its frames"), ptyd.new_chunk(path, 1, form):
        pass
    assert ptyd.PtydReader(path).num_frames == 3


def test_whoever_has_the_file_open_goes_on_reading_and_keeps_nobody_out(path):
    script = (
        "import sys, h5py\n"
        "file = h5py.File(sys.argv[1]); print('open', flush=True); sys.stdin.readline()\n"
        "print(list(file['chunks']), file['chunks/0/data'][...].sum(), file['meta/energy'][()])"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as viewer:
        assert viewer.stdout.readline() == "open\n"
        append(path, 1)
        ptyd.write_meta(path, {"energy": 9.0})
        said, _ = viewer.communicate("\n")
    assert said == f"['0'] {FRAMES[:3].sum()} 8.0\n"
    assert ptyd.PtydReader(path).meta["energy"] == 9.0


def test_a_file_that_is_open_in_this_very_process_hides_nothing(path):
    with h5py.File(path):
        reader = ptyd.PtydReader(path)
        append(path, 1)
        assert reader.refresh() == 3
        assert np.array_equal(frames_in(path), FRAMES[:6])


def test_a_program_that_changes_the_file_in_place_is_not_written_over(path, monkeypatch):
    monkeypatch.setattr(_open, "PATIENCE", 0.0)
    with h5py.File(path, "r+"), pytest.raises(FormatError, match="another process has had"):
        append(path, 1)


def change_in_place(path, name, value):
    with h5py.File(path, "r+", locking=False) as file:
        file.pop(name, None)
        file[name] = value


def test_without_locks_a_change_by_another_program_is_noticed(path):
    with pytest.raises(FormatError, match="changed by somebody else"), second_chunk(path):
        change_in_place(path, "note", "written regardless of locks")


def test_a_second_writer_is_told_of_the_first(path, monkeypatch):
    monkeypatch.setattr(_open, "PATIENCE", 0.0)
    with (path.parent / ".s.ptyd.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(FormatError, match="one writer at a time"):
            append(path, 1)
    append(path, 1)


@pytest.mark.parametrize("linked", [False, True])
def test_a_file_that_is_removed_under_its_writer_is_missed(path, linked):
    link = f"{path}.chunk01" if linked else None
    with pytest.raises(FormatError, match=r"s\.ptyd"), second_chunk(path, link=link):
        path.unlink()


def test_a_file_that_is_replaced_under_its_writer_is_left_alone(path, tmp_path):
    other = by_hand(tmp_path / "other.ptyd")
    content = other.read_bytes()
    with pytest.raises(FormatError, match="replaced by another"), second_chunk(path):
        other.replace(path)
    assert path.read_bytes() == content


def test_a_file_that_is_removed_under_its_reader_is_named(path):
    append(path, 1, link=path.with_name("part1"))
    reader = ptyd.PtydReader(path)
    path.with_name("part1").unlink()
    assert np.array_equal(reader.read(0, 3).data, FRAMES[:3])
    with pytest.raises(FormatError, match="part1: there is no such file"):
        reader.read(2, 5)
    path.unlink()
    with pytest.raises(FormatError, match=r"s\.ptyd: there is no such file"):
        reader.refresh()


FULL = """
import resource, signal, sys
import numpy as np
from ptypy.io import ptyd
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, link, compression, room = sys.argv[1], sys.argv[2] or None, sys.argv[3] or None, sys.argv[4]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(room), resource.RLIM_INFINITY))
frames = np.random.default_rng(0).integers(0, 1000, (8, 64, 64))
ptyd.append_chunk(path, 1, frames, range(10, 18), np.zeros((8, 2)), None, link=link,
                  compression=compression)
"""


@pytest.mark.parametrize("compression", ["", "gzip", "bitshuffle"])
@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("room", [4096, 30000])
def test_a_full_disk_leaves_the_chunks_before_and_no_debris(path, linked, compression, room):
    before, names = path.read_bytes(), names_in(path.parent)
    link = f"{path}.chunk01" if linked else ""
    command = [sys.executable, "-c", FULL, path, link, compression, str(room)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ptypy.errors.FormatError:")
    assert "larger than is allowed" in last
    assert path.read_bytes() == before
    assert names_in(path.parent) == names
    append(path, 1)
    assert np.array_equal(frames_in(path), FRAMES[:6])


READ_ONLY = """
import os, sys, tempfile
import numpy as np
from ptypy.errors import FormatError
from ptypy.io import ptyd
with tempfile.TemporaryDirectory() as folder:  # import all while packages may be read
    ptyd.create(folder + "/s.ptyd", {}, {})
    ptyd.append_chunk(folder + "/s.ptyd", 0, np.ones((1, 6, 8)), [9], np.zeros((1, 2)), None)
if os.getuid() == 0:
    os.setuid(65534)
try:
    ptyd.append_chunk(sys.argv[1], 1, np.ones((1, 6, 8)), [9], np.zeros((1, 2)), None,
                      link=sys.argv[2] or None)
except FormatError as error:
    print(error)
"""


@pytest.mark.parametrize("linked", [False, True])
def test_a_target_that_may_not_be_written_is_named(path, linked):
    path.chmod(0o444)
    for parent in (path.parent, *path.parent.parents):
        if parent.owner() == path.owner() and not parent.stat().st_mode & 0o005:
            parent.chmod(parent.stat().st_mode | 0o055)
    path.parent.chmod(0o555)
    before = path.read_bytes()
    link = f"{path}.chunk01" if linked else ""
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, path, link], capture_output=True, text=True, check=False
    )
    path.parent.chmod(0o755)
    assert "ermission denied" in done.stdout, done.stderr
    assert "s.ptyd" in done.stdout
    assert path.read_bytes() == before
    assert names_in(path.parent) == ["s.ptyd"]


def test_chunks_that_would_share_a_file_are_refused(path):
    append(path, 1, link=path.with_name("part"))
    with pytest.raises(FormatError, match="holds another chunk"):
        append(path, 2, link=path.with_name("part"))
    assert np.array_equal(frames_in(path), FRAMES[:6])


def test_a_scan_that_was_not_ended_is_told_from_one_that_was(tmp_path):
    path = tmp_path / "s.ptyd"
    meta = {"energy": 8.0, "distance": 1.0, "psize": 1e-4}
    ptyd.create(path, meta, {}, announces_end=True)
    append(path, 0)
    (said,) = ptyd.validate(path)
    assert "has not ended the scan: 3 frames are there" in said
    ptyd.finish(path, meta, {})
    assert ptyd.validate(path) == []
    append(path, 1)  # it goes on
    assert "has not ended" in ptyd.validate(path)[0]


def test_a_link_to_a_file_stays_a_link(path, tmp_path):
    link = tmp_path / "elsewhere" / "link.ptyd"
    link.parent.mkdir()
    link.symlink_to(path)
    append(link, 1)
    append(link, 2, link=tmp_path / "elsewhere" / "part2")
    assert link.is_symlink()
    assert np.array_equal(frames_in(path), FRAMES[:9])


def test_what_a_killed_writer_left_behind_the_end_is_written_over(path, tmp_path):
    clean = tmp_path / "clean.ptyd"
    shutil.copy(path, clean)
    with path.open("ab") as file:
        file.write(os.urandom(100_000))
    append(path, 1)
    append(clean, 1)
    ends = []
    for one in (path, clean):
        with one.open("rb") as file:
            block = Superblock.read(file.fileno())
            assert block is not None
            ends.append(block.end)
    assert ends[0] == ends[1]
    assert np.array_equal(frames_in(path), FRAMES[:6])
