"""Frames that are not compressed stay in the file until somebody looks; nothing else differs."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from ptypy.errors import FormatError
from ptypy.io import ptyd
from ptypy.io.ptyd import _checksums, _read

FRAMES = np.random.default_rng(5).poisson(9, (40, 16, 24)).astype(np.uint16)
POSITIONS = np.random.default_rng(6).normal(size=(40, 2)) * 1e-6
INDICES = np.random.default_rng(7).permutation(100)[:40]
MASK = np.arange(16 * 24).reshape(16, 24) % 7 > 0


def write(path: Path, borders: Any, **options: Any) -> Path:
    ptyd.create(path, {"energy": 8.0, "distance": 1.0, "psize": 1e-4}, {})
    for number, (first, last) in enumerate(pairwise(borders)):
        part = slice(first, last)
        ptyd.append_chunk(
            path, number, FRAMES[part], INDICES[part], POSITIONS[part], MASK, **options
        )
    return path


@pytest.fixture(params=["mapped", "copied"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let few frames be as many, or all of them be few."""
    monkeypatch.setattr(_read, "WORTH_MAPPING", 1 if request.param == "mapped" else 1 << 40)
    return str(request.param)


@pytest.mark.parametrize("compression", [None, "gzip", "bitshuffle"])
@pytest.mark.parametrize("most", [4096, 6], ids=["a sum each", "shared sums"])
@pytest.mark.usefixtures("kind")
def test_blocks_of_every_size_hold_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: Any, most: int
) -> None:
    monkeypatch.setattr(_checksums, "MOST", most)
    reader = ptyd.PtydReader(write(tmp_path / "s.ptyd", (0, 25, 26, 40), compression=compression))
    for size in (1, 7, 26, 40):
        for start in range(0, 40, size):
            stop = min(start + size, 40)
            block = reader.read(start, stop)
            assert np.array_equal(block.data, FRAMES[start:stop])
            assert np.array_equal(block.indices, INDICES[start:stop])
            assert np.array_equal(block.positions, POSITIONS[start:stop])
            assert np.array_equal(block.weights, MASK)


def test_what_is_done_to_frames_is_not_done_to_the_file(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "s.ptyd", (0, 40))
    before = path.read_bytes()
    block = ptyd.PtydReader(path).read(3, 30)
    block.data[...] = 0
    block.weights[...] = 0
    del block
    assert path.read_bytes() == before
    assert np.array_equal(ptyd.PtydReader(path).read(3, 30).data, FRAMES[3:30]), kind


def test_many_frames_take_no_memory(tmp_path: Path) -> None:
    """Anonymous memory, as Linux counts it: a map of a file is none."""
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    frames = np.ones((2000, 128, 128), np.uint16)  # 65 MB
    path = tmp_path / "s.ptyd"
    ptyd.create(path, {}, {})
    ptyd.append_chunk(path, 0, frames, np.arange(2000), np.zeros((2000, 2)), None)
    del frames
    reader = ptyd.PtydReader(path)
    reader.read(0, 1500)
    before = _anonymous_memory()
    block = reader.read(0, 2000)
    assert block.data.sum(dtype=np.int64) == 2000 * 128 * 128
    assert _anonymous_memory() - before < 0.2 * block.data.nbytes


def _anonymous_memory() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


@pytest.mark.usefixtures("kind")
def test_a_frame_that_the_disk_changed_is_named_among_many(tmp_path: Path) -> None:
    path = write(tmp_path / "s.ptyd", (0, 40))
    with h5py.File(path) as file:
        offset = file["chunks/0/data"].id.get_offset()
    reader = ptyd.PtydReader(path)
    with path.open("r+b") as raw:
        raw.seek(offset + 31 * FRAMES[0].nbytes + 5)
        raw.write(b"\xff\xff")
    with pytest.raises(FormatError, match="chunks/0: frame 31 is not as written"):
        reader.read(0, 40)
    assert np.array_equal(reader.read(0, 31).data, FRAMES[:31])


@pytest.mark.usefixtures("kind")
def test_frames_that_another_program_moved_are_found(tmp_path: Path) -> None:
    """Without checksums nothing else would tell old bytes from new ones."""
    path = tmp_path / "s.ptyd"
    with h5py.File(path, "w") as file:
        file["chunks/0/data"], file["chunks/0/positions"] = FRAMES, POSITIONS
    _age(path)
    reader = ptyd.PtydReader(path)
    assert np.array_equal(reader.read(0, 40).data, FRAMES)
    with h5py.File(path, "a") as file:
        del file["chunks/0/data"]
        file["something/else"] = np.zeros_like(FRAMES)  # where they were
        file["chunks/0/data"] = FRAMES[::-1]
    assert np.array_equal(reader.read(0, 40).data, FRAMES[::-1])


@pytest.mark.usefixtures("kind")
def test_frames_stay_readable_while_chunks_are_added_and_merged(tmp_path: Path) -> None:
    path = write(tmp_path / "s.ptyd", (0, 10, 20))
    reader = ptyd.PtydReader(path)
    ptyd.append_chunk(path, 2, FRAMES[20:], INDICES[20:], POSITIONS[20:], ~MASK)
    assert np.array_equal(reader.read(5, 20).data, FRAMES[5:20])
    assert reader.refresh() == 20
    assert np.array_equal(reader.read(5, 33).data, FRAMES[5:33])
    wanted = np.where(np.arange(5, 33)[:, None, None] < 20, MASK, ~MASK)
    assert np.array_equal(reader.read(5, 33).weights, wanted)
    ptyd.merge_chunks(path)
    assert np.array_equal(reader.read(5, 33).data, FRAMES[5:33])


@pytest.mark.usefixtures("kind")
def test_who_holds_frames_keeps_nobody_from_writing(tmp_path: Path) -> None:
    path = tmp_path / "s.ptyd"
    with h5py.File(path, "w") as file:
        file["chunks/0/data"], file["chunks/0/positions"] = FRAMES, POSITIONS
    _age(path)
    block = ptyd.PtydReader(path).read(0, 40)
    with h5py.File(path, "a") as file:
        file["chunks/1/data"], file["chunks/1/positions"] = FRAMES, POSITIONS
    assert np.array_equal(block.data, FRAMES)
    assert ptyd.PtydReader(path).num_frames == 80


@pytest.mark.parametrize("age", [0, 60])
@pytest.mark.parametrize("together", [1, 3])
@pytest.mark.parametrize("names", ["lz4", "zstd"])
def test_frames_that_another_program_packed_are_read(
    tmp_path: Path, age: int, together: int, names: str
) -> None:
    """By HDF5 as long as that program may be at work, and where only it can unpack them."""
    path = tmp_path / "s.ptyd"
    packing = hdf5plugin.Bitshuffle(nelems=64, cname=names)
    with h5py.File(path, "w") as file:
        shape = (together, *FRAMES.shape[1:])
        file.create_dataset("chunks/0/data", data=FRAMES, chunks=shape, **packing)
        file["chunks/0/positions"] = POSITIONS
    if age:
        _age(path)
    reader = ptyd.PtydReader(path)
    for start, stop in ((0, 40), (7, 8), (4, 39)):
        assert np.array_equal(reader.read(start, stop).data, FRAMES[start:stop])


def test_packed_frames_that_do_not_unpack_are_not_taken_for_good(tmp_path: Path) -> None:
    """Without checksums nothing else tells."""
    path = tmp_path / "s.ptyd"
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "chunks/0/data", data=FRAMES, chunks=(1, 16, 24), **hdf5plugin.Bitshuffle()
        )
        offset = data.id.get_chunk_info_by_coord((5, 0, 0)).byte_offset
        file["chunks/0/positions"] = POSITIONS
    with path.open("r+b") as raw:
        raw.seek(offset + 16)
        raw.write(b"\xff" * 20)
    _age(path)
    reader = ptyd.PtydReader(path)
    with pytest.raises(FormatError, match="chunks/0"):
        reader.read(0, 40)
    assert np.array_equal(reader.read(6, 40).data, FRAMES[6:])


@pytest.mark.parametrize("place", [(1 << 63) - 100, 1 << 63, (1 << 64) - 1])
def test_frames_said_to_lie_beyond_all_files_are_not_looked_for_there(
    tmp_path: Path, place: int
) -> None:
    """Added to an address, such a number wraps around to the memory of something else."""
    path = tmp_path / "s.ptyd"
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "chunks/0/data", data=FRAMES, chunks=(1, 16, 24), **hdf5plugin.Bitshuffle()
        )
        offset = data.id.get_chunk_info_by_coord((5, 0, 0)).byte_offset
        file["chunks/0/positions"] = POSITIONS
    whole = path.read_bytes()
    assert whole.count(offset.to_bytes(8, "little")) == 1
    path.write_bytes(whole.replace(offset.to_bytes(8, "little"), place.to_bytes(8, "little")))
    _age(path)
    reader = ptyd.PtydReader(path)
    assert np.array_equal(reader.read(6, 40).data, FRAMES[6:])
    try:
        frames = reader.read(0, 40).data
    except FormatError as error:
        assert "chunks/0" in str(error)  # noqa: PT017
    else:  # where HDF5 takes it for a frame that nobody has written
        assert not frames[5].any()


def _age(path: Path) -> None:
    """Let a file look as if nobody had written to it for a while."""
    then = time.time() - 60
    os.utime(path, (then, then))
