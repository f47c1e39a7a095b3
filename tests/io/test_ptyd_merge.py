"""Chunks become one without a photon, a mask or a position going astray."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from ptypy.core.data import MoonFlowerScan, PtydScan
from ptypy.errors import FormatError
from ptypy.io import ptyd
from ptypy.io.ptyd import _merge


def write(path: Path, masks: list, *, linked: bool = False) -> np.ndarray:
    """Write one chunk of three frames for each mask; give all frames."""
    rng = np.random.default_rng(0)
    frames = rng.poisson(20, (3 * len(masks), 6, 8)).astype(np.uint16)
    meta = {"energy": 8.0, "distance": 1.0, "psize": 1e-4, "num_frames": len(frames)}
    ptyd.create(path, meta, {"label": "x"})
    for k, mask in enumerate(masks):
        part = slice(3 * k, 3 * k + 3)
        link = path.with_name(f"{path.name}.chunk{k:02d}") if linked else None
        ptyd.append_chunk(
            path, k, frames[part], np.arange(9 + 3 * k, 12 + 3 * k),
            np.full((3, 2), k * 1e-6), mask, link=link,
        )  # fmt: skip
    return frames


def masks_of(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    weights = ptyd.PtydReader(path).read(0, shape[0]).weights
    return np.broadcast_to(True if weights is None else weights > 0, shape)


GOOD = np.ones((6, 8), bool)
BAD = GOOD.copy()
BAD[2, 3] = False


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("masks", [[None] * 3, [BAD] * 3, [GOOD, BAD, None], [BAD, BAD, GOOD]])
def test_merging_changes_the_chunks_and_nothing_else(tmp_path, masks, linked):
    path = tmp_path / "scan.ptyd"
    frames = write(path, masks, linked=linked)
    before = ptyd.PtydReader(path).read(0, len(frames))
    trusted = masks_of(path, frames.shape)
    ptyd.merge_chunks(path)
    reader = ptyd.PtydReader(path)
    after = reader.read(0, len(frames))
    assert [chunk.frames for chunk in reader.chunks] == [len(frames)]
    assert after.data.dtype == np.uint16
    np.testing.assert_array_equal(after.data, frames)
    np.testing.assert_array_equal(after.indices, before.indices)
    np.testing.assert_array_equal(after.positions, before.positions)
    np.testing.assert_array_equal(masks_of(path, frames.shape), trusted)
    assert reader.meta["energy"] == 8.0
    assert not ptyd.validate(path)


@pytest.mark.parametrize("compression", ["gzip", "bitshuffle"])
@pytest.mark.parametrize("size", [16, 100], ids=["several frames a unit", "one frame a unit"])
def test_what_was_compressed_stays_so_when_it_is_merged(tmp_path, monkeypatch, compression, size):
    monkeypatch.setattr(_merge, "PART_BYTES", 1)  # instead of 64 MiB
    path = tmp_path / "scan.ptyd"
    frames = np.random.default_rng(0).poisson(2, (70, size, size)).astype(np.uint16)
    frames[40, 3, 4] = 9
    ptyd.create(path, {"energy": 8.0, "distance": 1.0, "psize": 1e-4}, {})
    for k, (first, last) in enumerate([(0, 5), (5, 50), (50, 70)]):
        counts = frames[first:last].astype(np.uint32 if k == 1 else np.uint16)
        places = np.zeros((last - first, 2))
        ptyd.append_chunk(
            path, k, counts, range(first, last), places, None, compression=compression
        )
    ptyd.merge_chunks(path)
    with h5py.File(path) as file:
        assert np.array_equal(file["chunks/0/data"], frames)
        assert file["chunks/0/data"].dtype == np.uint32
        assert file["chunks/0/data"].id.get_storage_size() < frames.nbytes / 2
    reader = ptyd.PtydReader(path)
    assert [chunk.compression for chunk in reader.chunks] == [compression]
    assert np.array_equal(reader.read(33, 70).data, frames[33:])
    assert ptyd.validate(path, deep=True) == []


def test_a_chunk_that_cannot_be_read_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "scan.ptyd"
    write(path, [None] * 3, linked=True)
    before = path.read_bytes()
    (tmp_path / "scan.ptyd.chunk01").unlink()
    with pytest.raises(FormatError, match="chunk01"):
        ptyd.merge_chunks(path)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "scan.ptyd", "scan.ptyd.chunk00", "scan.ptyd.chunk02",
    ]  # fmt: skip


def test_a_scan_that_is_saved_merged_has_one_chunk_in_the_end(tmp_path):
    dfile = str(tmp_path / "moon.ptyd")
    scan = MoonFlowerScan(num_frames=30, shape=32, save="merge", dfile=dfile)
    delivered = []
    while (package := scan.auto(10)) != scan.EOS:
        delivered += [frame["data"] for frame in package["iterable"]]
    with h5py.File(dfile) as file:
        assert list(file["chunks"]) == ["0"]
    package = PtydScan(dfile=dfile).auto(100)
    for frame, data in zip(package["iterable"], delivered, strict=True):
        np.testing.assert_array_equal(frame["data"], data)
