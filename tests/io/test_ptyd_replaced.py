"""A prepared scan that takes the place of another leaves the other readable."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from ptypy.errors import DataError, FormatError
from ptypy.io import ptyd


def linked_set(path: Path, value: int, parts: int = 2) -> None:
    """Write a set of linked files whose frames all hold a value."""
    ptyd.create(path, {"energy": 8.0}, {})
    for k in range(parts):
        data, places = np.full((3, 4, 4), value), np.zeros((3, 2))
        indices = np.arange(3 * k, 3 * k + 3)
        ptyd.append_chunk(path, k, data, indices, places, None, link=f"{path}.chunk{k:02d}")


def values(path: Path) -> set[int]:
    reader = ptyd.PtydReader(path)
    return set(np.unique(reader.read(0, reader.num_frames).data).tolist())


def test_a_set_with_fewer_parts_leaves_no_part_of_the_older_one_behind(tmp_path: Path) -> None:
    path = tmp_path / "s.ptyd"
    linked_set(path, 1, parts=3)
    linked_set(path, 2, parts=1)
    assert values(path) == {2}
    assert values(tmp_path / "s.ptyd.old") == {1}
    assert ptyd.PtydReader(tmp_path / "s.ptyd.old").num_frames == 9
    assert sorted(p.name for p in tmp_path.glob("*chunk*")) == [
        "s.ptyd.chunk00",
        "s.ptyd.chunk00.old",
        "s.ptyd.chunk01.old",
        "s.ptyd.chunk02.old",
    ]


def test_an_old_set_that_was_moved_is_still_whole(tmp_path: Path) -> None:
    path = tmp_path / "s.ptyd"
    linked_set(path, 1)
    linked_set(path, 2)
    target = tmp_path / "kept"
    target.mkdir()
    for file in tmp_path.glob("*.old"):
        shutil.move(file, target)
    assert values(target / "s.ptyd.old") == {1}
    assert values(path) == {2}


def test_files_that_are_not_named_after_the_set_are_left_where_they_are(tmp_path: Path) -> None:
    linked_set(tmp_path / "measured.ptyd", 1)
    shutil.copy(tmp_path / "measured.ptyd", tmp_path / "s.ptyd")
    linked_set(tmp_path / "s.ptyd", 2)
    assert values(tmp_path / "measured.ptyd") == {1}
    assert values(tmp_path / "s.ptyd.old") == {1}
    assert not list(tmp_path.glob("measured*.old"))


def test_a_set_that_lacks_a_part_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "s.ptyd"
    linked_set(path, 1)
    (tmp_path / "s.ptyd.chunk00").unlink()
    linked_set(path, 2)
    with h5py.File(tmp_path / "s.ptyd.old") as file:
        assert (file["chunks/1/data"][...] == 1).all()


def test_what_is_no_prepared_scan_is_kept_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "s.ptyd"
    path.write_text("notes about the beamtime")
    linked_set(path, 2)
    assert (tmp_path / "s.ptyd.old").read_text() == "notes about the beamtime"


def test_a_set_that_cannot_be_begun_leaves_the_one_before_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.ptyd"
    linked_set(path, 1)
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(DataError):
        ptyd.create(path, {"energy": object()}, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert values(path) == {1}


def test_an_empty_set_of_an_interrupted_run_does_not_push_out_the_frames_before(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.ptyd"
    linked_set(path, 1)
    ptyd.create(path, {"energy": 8.0}, {})  # and the run ends here
    linked_set(path, 2)
    assert values(path) == {2}
    assert values(tmp_path / "s.ptyd.old") == {1}


FULL = """
import resource, signal, sys
from ptypy.io import ptyd
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
ptyd.create(sys.argv[1], {"energy": 8.0}, {})
"""


@pytest.mark.parametrize("part", [0.0, 0.2, 0.5, 0.9])
def test_a_full_disk_leaves_the_set_that_was_there_and_the_older_one(
    tmp_path: Path, part: float
) -> None:
    path = tmp_path / "s.ptyd"
    linked_set(path, 1)
    linked_set(path, 2, parts=40)
    ptyd.create(tmp_path / "without_chunks.ptyd", {"energy": 8.0}, {})
    small, large = (tmp_path / "without_chunks.ptyd").stat().st_size, path.stat().st_size
    assert small < large - 1000
    # The new master fits, but for the first of these; what is done to the one before does not.
    room = round(small + part * (large - small)) if part else small // 2
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    command = [sys.executable, "-c", FULL, path, str(room)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(FormatError.__module__)
    assert "larger than is allowed" in last
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert values(path) == {2}
    assert values(tmp_path / "s.ptyd.old") == {1}


def test_no_prepared_scan_is_changed_in_place() -> None:
    opened = []
    for source in sorted(Path(ptyd.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("open_h5"):
                modes = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "mode")]
                opened += [f"{source.name}: {ast.unparse(node)}"] * any(
                    ast.unparse(mode) != "'r'" for mode in modes
                )
    assert opened == []


def test_a_run_that_ended_between_two_steps_does_not_push_the_set_further_aside(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.ptyd"
    linked_set(path, 1)
    linked_set(path, 2)
    (tmp_path / "s.ptyd.old").replace(path)  # its chunk files are aside, and it is not yet
    linked_set(path, 3)
    assert values(path) == {3}
    assert values(tmp_path / "s.ptyd.old") == {1}
    assert not list(tmp_path.glob("*.old.old"))
