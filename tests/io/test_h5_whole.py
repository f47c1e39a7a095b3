"""A file is there completely or not at all, whatever happens while it is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from ptypy.errors import DataError, FormatError
from ptypy.io import _change, h5append, h5read, h5write, open_h5


def remains(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def run(code: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, str(path)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("opened", ["_hdf5.replacing(path)", "_change.changing(path, 0)"])
def test_a_writer_that_is_killed_leaves_the_old_file(tmp_path: Path, opened: str) -> None:
    path = tmp_path / "x.h5"
    h5write(path, a=1)
    before = path.read_bytes()
    code = (
        "import os, sys\nfrom ptypy.io import _change, _hdf5\npath = sys.argv[1]\n"
        f"with {opened} as file:\n"
        "    file['b'] = range(1000)\n    file.flush()\n    os.kill(os.getpid(), 9)\n"
    )
    assert run(code, path).returncode == -9
    assert path.read_bytes() == before


@pytest.mark.parametrize("room", [0, 100_000, 2_450_000])
@pytest.mark.parametrize("write", ["h5write", "h5append"])
def test_a_full_disk_leaves_the_old_file_and_is_named(
    tmp_path: Path, write: str, room: int
) -> None:
    # Full within the file's tables, within an array, and when the tables are written at the end.
    path = tmp_path / "x.h5"
    h5write(path, a=np.random.default_rng(0).random(1000))
    before = path.read_bytes()
    code = (
        "import resource, sys, numpy as np\nfrom ptypy.io import h5append, h5write\n"
        f"limit = {room + len(before)}\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
        "content = {'new': np.random.default_rng(1).random(300_000)}\n"
        "content |= {f'k{n}': n for n in range(1000)}\n"
        f"{write}(sys.argv[1], content)\n"
    )
    result = run(code, path)
    assert result.returncode != 0
    assert "FormatError" in result.stderr
    assert "x.h5: cannot be written: the file would become larger" in result.stderr
    assert path.read_bytes() == before
    assert remains(tmp_path) == ["x.h5"]


def test_a_full_disk_where_nothing_was_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import resource, sys, numpy as np\nfrom ptypy.io import h5write\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))\n"
        "h5write(sys.argv[1], a=np.random.default_rng(0).random(100_000))\n"
    )
    assert "cannot be written" in run(code, tmp_path / "x.h5").stderr
    assert remains(tmp_path) == []


def test_what_two_processes_append_at_once_is_there(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    h5write(path, start=0)
    code = (
        "import sys\nfrom ptypy.io import h5append\n"
        "for n in range(20):\n    h5append(sys.argv[1], {f'{sys.argv[2]}{n}': n})\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen([*command, "a"]) as one, subprocess.Popen([*command, "b"]) as other:
        assert (one.wait(), other.wait()) == (0, 0)
    assert len(h5read(path)) == 41


def test_a_file_too_large_to_be_copied_is_changed_where_it_is_if_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.h5"
    h5write(path, a=1, b={"c": 2})
    monkeypatch.setattr(_change, "IN_MEMORY", 0)
    inode = path.stat().st_ino
    h5append(path, {"b": {"c": 3}, "b/d": [1, "x"]})
    assert path.stat().st_ino == inode
    assert h5read(path) == {"a": 1, "b": {"c": 3, "d": [1, "x"]}}
    vast = np.broadcast_to(0.0, (1 << 20, 1 << 24))
    with pytest.raises(FormatError, match=r"about 140737488 MB are needed"):
        h5append(path, vast=vast)
    with pytest.raises(FormatError, match=r"are needed"):
        h5write(tmp_path / "new" / "x.h5", vast=vast)
    assert h5read(path, "a") == {"a": 1}


def test_one_place_in_a_file_takes_one_value(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'/a' and 'a' are one place"):
        h5write(tmp_path / "x.h5", {"a": 1, "/a": 2})
    for content in ({"a": 1, "a/b": 2}, {"a/b": 2, "a": 1}):
        for write in (h5write, h5append):
            with pytest.raises(DataError, match="'a/b' leads through 'a'"):
                write(tmp_path / "x.h5", content)
    assert remains(tmp_path) == []
    h5write(tmp_path / "x.h5", {"a/b": 2, "a": {"c": 1}})
    assert h5read(tmp_path / "x.h5") == {"a": {"b": 2, "c": 1}}


def test_what_a_killed_appender_left_is_not_read_and_is_cleared(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    h5write(path, a=1)
    with h5py.File(path, "r+") as file:
        file[".writing/0"] = 5
    assert h5read(path) == {"a": 1}
    h5append(path, b=2)
    with h5py.File(path) as file:
        assert sorted(file) == ["a", "b"]


def test_a_symbolic_link_stays_one_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    h5write(tmp_path / "real" / "x.h5", a=1)
    (tmp_path / "x.h5").symlink_to(tmp_path / "real" / "x.h5")
    h5write(tmp_path / "x.h5", a=2)
    assert (tmp_path / "x.h5").is_symlink()
    assert h5read(tmp_path / "real" / "x.h5") == {"a": 2}


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here", encoding="utf-8")
    with pytest.raises(FormatError, match=r"x\.h5: cannot be written"):
        h5write(tmp_path / "file" / "x.h5", a=1)


def test_a_file_in_use_elsewhere_is_waited_for_and_then_named(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    h5write(path, a=1)
    code = (
        "import sys, h5py\nwith h5py.File(sys.argv[1], 'r+'):\n"
        "    print('open', flush=True)\n    sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        busy = pytest.raises(FormatError, match=r"another process has had .* 0\.1 s")
        with busy, open_h5(path, patience=0.1):
            pass
        other.communicate(b"\n")
    assert h5read(path) == {"a": 1}


def test_a_file_with_a_block_of_its_users_at_its_start_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["a"] = 1
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3")
    h5append(path, b=2)
    assert path.read_bytes().startswith(b"MATLAB 7.3")
    assert h5read(path) == {"a": 1, "b": 2}


def test_a_way_through_a_link_to_another_file_names_that_file(tmp_path: Path) -> None:
    h5write(tmp_path / "part.h5", n=1)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["chunks/0"] = h5py.ExternalLink("part.h5", "/")
    with pytest.raises(DataError, match=r"leads through /chunks/0, a link to part\.h5"):
        h5append(tmp_path / "x.h5", {"chunks/0/m": 2})
    h5append(tmp_path / "x.h5", {"chunks/1": {"n": 2}})
    assert h5read(tmp_path / "x.h5") == {"chunks": {"0": {"n": 1}, "1": {"n": 2}}}
