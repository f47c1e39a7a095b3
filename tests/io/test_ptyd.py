"""Prepared scans: what was acquired comes back, frame by frame, with its position and mask."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptypy.errors import DataError, FormatError
from ptypy.io import h5read, ptyd
from ptypy.utils.parameters import Param

META = {
    "version": 0.1,
    "num_frames": 12,
    "label": "star",
    "shape": np.array([6, 8]),
    "psize": np.array([75e-6, 75e-6]),
    "energy": 8.8,
    "center": np.array([3.0, 4.0]),
    "distance": 2.0,
}
RNG = np.random.default_rng(7)
COUNTS = RNG.poisson(3, (12, 6, 8)).astype(np.uint16)
POSITIONS = RNG.uniform(-1e-6, 1e-6, (12, 2))
MASK = RNG.random((6, 8)) > 0.1
MASKS = RNG.random((12, 6, 8)) > 0.1


def part(values: Any, start: int, stop: int) -> Any:
    return None if values is None else values if values.ndim == 2 else values[start:stop]


def write_scan(
    path: Path,
    *,
    borders: tuple[int, ...] = (0, 5, 10, 12),
    weights: Any = None,
    positions: Any = POSITIONS,
    counts: Any = COUNTS,
    **options: Any,
) -> Path:
    ptyd.create(path, META, {"name": "StarScan", "rebin": 2, "recipe": None})
    for number, (start, stop) in enumerate(itertools.pairwise(borders)):
        extra = {key: value(number) for key, value in options.items()}
        ptyd.append_chunk(
            path,
            number,
            counts[start:stop],
            np.arange(start, stop),
            None if positions is None else positions[start:stop],
            weights if weights is None or weights.ndim == 2 else weights[start:stop],
            **extra,
        )
    return path


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "u4", "f4", "f8", "?"])
def test_counts_keep_their_type(tmp_path: Path, dtype: str) -> None:
    counts = COUNTS.astype(dtype)
    block = ptyd.PtydReader(write_scan(tmp_path / "s.ptyd", counts=counts)).read(0, 12)
    assert block.data.dtype == counts.dtype
    assert np.array_equal(block.data, counts)


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("linked", [False, True])
def test_blocks_cross_the_borders_of_chunks(tmp_path: Path, compression: Any, linked: bool) -> None:
    options: dict[str, Any] = {"compression": lambda _: compression}
    if linked:
        options["link"] = lambda n: tmp_path / f"s.ptyd.chunk{n:02d}"
    reader = ptyd.PtydReader(write_scan(tmp_path / "s.ptyd", weights=MASKS, **options))
    assert reader.num_frames == 12
    assert reader.shape == (6, 8)
    for start in range(12):
        for stop in range(start + 1, 13):
            block = reader.read(start, stop)
            assert np.array_equal(block.data, COUNTS[start:stop])
            assert np.array_equal(block.indices, np.arange(start, stop))
            assert np.array_equal(block.positions, POSITIONS[start:stop])
            assert np.array_equal(block.weights, MASKS[start:stop])


@given(
    kinds=st.lists(st.sampled_from(["none", "common", "other", "frame"]), min_size=1, max_size=5),
    sizes=st.lists(st.integers(1, 3), min_size=5, max_size=5),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_frame_keeps_its_mask_whatever_masks_the_others_have(
    kinds: list[str], sizes: list[int], tmp_path: Path
) -> None:
    """Also for PtyPy 0.9, which needs weights in every chunk or in none."""
    path = tmp_path / "s.ptyd"
    ptyd.create(path, META, {})
    expected: list[np.ndarray] = []
    common = None
    for number, kind in enumerate(kinds):
        size = sizes[number]
        weights = {"none": None, "common": MASK, "other": ~MASK, "frame": MASKS[:size]}[kind]
        if number == 0 and weights is not None and (weights.ndim == 2 or size == 1):
            common = weights.reshape(6, 8)
        told = np.ones((6, 8), bool) if common is None else common
        told = told if weights is None else weights
        expected += list(np.broadcast_to(told, (size, 6, 8)))
        first = sum(sizes[:number])
        ptyd.append_chunk(
            path, number, COUNTS[:size], np.arange(first, first + size), POSITIONS[:size], weights
        )
    block = ptyd.PtydReader(path).read(0, len(expected))
    read = np.ones((6, 8), bool) if block.weights is None else block.weights
    assert np.array_equal(np.broadcast_to(read, block.data.shape), expected)
    chunks = h5read(path)["chunks"]
    assert len({chunk["weights"].size > 0 for chunk in chunks.values()}) == 1
    if any(chunk["weights"].size for chunk in chunks.values()):
        stored = [mask for chunk in chunks.values() for mask in chunk["weights"]]
        assert np.array_equal(stored, expected)


def test_a_common_mask_is_stored_once_and_where_the_old_reader_looks(tmp_path: Path) -> None:
    path = write_scan(tmp_path / "s.ptyd", weights=MASK)
    stored = h5read(path)
    assert np.array_equal(stored["meta"]["weight2d"], MASK)
    assert [chunk["weights"].shape for chunk in stored["chunks"].values()] == [(0,)] * 3
    reader = ptyd.PtydReader(path)
    assert [chunk.weights_kind for chunk in reader.chunks] == ["common"] * 3
    weights = reader.read(0, 12).weights
    assert weights is not None
    assert weights.shape == (6, 8)
    assert np.array_equal(weights, MASK)


def test_masks_that_are_the_same_for_all_frames_are_recognised(tmp_path: Path) -> None:
    path = write_scan(tmp_path / "s.ptyd", weights=np.repeat(MASK[None], 12, axis=0))
    assert h5read(path, "chunks.0.weights")["weights"].size == 0
    assert np.array_equal(ptyd.PtydReader(path).read(3, 7).weights, MASK)


def test_a_linked_chunk_too_is_given_the_mask_it_stood_for(tmp_path: Path) -> None:
    path = tmp_path / "s.ptyd"
    ptyd.create(path, META, {})
    ptyd.append_chunk(path, 0, COUNTS[:5], range(5), None, MASK, link=tmp_path / "part0")
    ptyd.append_chunk(path, 1, COUNTS[5:], range(5, 12), None, ~MASK, link=tmp_path / "part1")
    weights = ptyd.PtydReader(path).read(4, 6).weights
    assert np.array_equal(weights, [MASK, ~MASK])
    assert h5read(tmp_path / "part0")["weights"].shape == (5, 6, 8)


def test_the_common_mask_outlives_a_change_of_the_geometry(tmp_path: Path) -> None:
    path = write_scan(tmp_path / "s.ptyd", weights=MASK)
    ptyd.write_meta(path, {**META, "num_frames": 99})
    ptyd.write_info(path, Param(name="StarScan", rebin=4))
    reader = ptyd.PtydReader(path)
    assert reader.meta["num_frames"] == 99
    assert reader.info == {"name": "StarScan", "rebin": 4}
    assert np.array_equal(reader.read(0, 12).weights, MASK)


def test_the_geometry_comes_back_without_what_was_not_said(tmp_path: Path) -> None:
    ptyd.create(tmp_path / "s.ptyd", {**META, "label": None, "distance": None}, {})
    meta = ptyd.PtydReader(tmp_path / "s.ptyd").meta
    assert sorted(meta) == ["center", "energy", "num_frames", "psize", "shape", "version"]
    assert meta["energy"] == 8.8
    assert np.array_equal(meta["psize"], META["psize"])


def test_the_record_of_the_preparation_never_stops_it(tmp_path: Path) -> None:
    ptyd.create(tmp_path / "s.ptyd", META, {"filter": {1, 2}, "big": 2**70, "rebin": 2})
    info = ptyd.PtydReader(tmp_path / "s.ptyd").info
    assert info == {"filter": "{1, 2}", "big": str(2**70), "rebin": 2}
    with pytest.raises(DataError, match=r"meta\.energy"):
        ptyd.create(tmp_path / "t.ptyd", {"energy": {1, 2}}, {})
    assert not (tmp_path / "t.ptyd").exists()


def test_what_was_there_before_is_kept_as_old(tmp_path: Path) -> None:
    path = write_scan(tmp_path / "s.ptyd")
    ptyd.create(path, META, {})
    ptyd.create(path, META, {})
    assert ptyd.PtydReader(path).num_frames == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.ptyd", "s.ptyd.old"]


def test_the_tree_is_the_one_the_old_reader_knows(tmp_path: Path) -> None:
    write_scan(tmp_path / "s.ptyd", weights=MASKS)
    with h5py.File(tmp_path / "s.ptyd") as file:
        kinds: dict[str, str] = {}
        file.visititems(lambda name, node: kinds.update({name: node.attrs.get("type")}))
        filters = {file[f"chunks/0/{name}"].compression for name in file["chunks/0"]}
        assert file.attrs["h5rw_version"] == "0.1"
    assert None not in kinds.values()
    assert kinds["chunks"] == kinds["chunks/0"] == kinds["meta"] == kinds["info"] == "dict"
    assert {name: kinds[f"chunks/0/{name}"] for name in ("data", "indices", "positions")} == {
        "data": "array",
        "indices": "arraylist",
        "positions": "array",
    }
    assert kinds["meta/label"] == "string"
    assert kinds["info/recipe"] == "None"
    assert filters <= {None, "gzip"}


def test_viewers_are_led_to_the_frames_on_a_logarithmic_scale(tmp_path: Path) -> None:
    with h5py.File(write_scan(tmp_path / "s.ptyd")) as file:
        group = file
        while "default" in group.attrs:
            group = group[group.attrs["default"]]
        assert group.attrs["NX_class"] == "NXdata"
        assert group[group.attrs["signal"]].shape == (5, 6, 8)
        assert json.loads(group.attrs["SILX_style"])["signal_scale_type"] == "log"


def test_frames_that_arrive_later_are_found_and_the_others_keep_their_places(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.ptyd"
    ptyd.create(path, META, {})
    reader = ptyd.PtydReader(path)
    assert (reader.num_frames, reader.shape, reader.chunks) == (0, None, [])
    ptyd.append_chunk(path, 1, COUNTS[5:9], range(5, 9), POSITIONS[5:9], MASK)
    assert reader.refresh() == 4
    ptyd.append_chunk(path, 0, COUNTS[:5], range(5), POSITIONS[:5], MASK)
    assert reader.refresh() == 5
    assert reader.refresh() == 0
    block = reader.read(0, 9)
    assert block.indices.tolist() == [5, 6, 7, 8, 0, 1, 2, 3, 4]
    assert np.array_equal(block.data, COUNTS[block.indices])
    ptyd.create(path, META, {})
    with pytest.raises(FormatError, match="written anew"):
        reader.refresh()


def test_a_mask_spelled_out_after_the_reader_looked_is_read_right(tmp_path: Path) -> None:
    path = write_scan(tmp_path / "s.ptyd", borders=(0, 5), weights=MASK)
    reader = ptyd.PtydReader(path)
    ptyd.append_chunk(path, 1, COUNTS[5:], range(5, 12), POSITIONS[5:], ~MASK)
    assert np.array_equal(np.broadcast_to(reader.read(1, 4).weights, (3, *MASK.shape)), [MASK] * 3)


BAD_CHUNKS: list[tuple[dict[str, Any], str]] = [
    ({"data": COUNTS[0]}, r"frames are uint16 of shape \(6, 8\)"),
    ({"data": COUNTS[:5] * 1j}, "complex128"),
    ({"data": COUNTS[:0]}, r"shape \(0, 6, 8\)"),
    ({"indices": [0, 1]}, r"indices are int64 of shape \(2,\)"),
    ({"indices": [0, 1, 2, 3, 3]}, "two frames have the same index"),
    ({"positions": POSITIONS[:4]}, r"positions have shape \(4, 2\), not \(5, 2\)"),
    ({"positions": [None] * 5}, "positions have shape"),
    ({"positions": POSITIONS[:5] * np.nan}, "not finite"),
    ({"weights": MASK.T}, r"weights have shape \(8, 6\)"),
    ({"weights": MASK * 1j}, "weights are complex128"),
    ({"indices": [0.5] * 5, "positions": [0], "weights": [1]}, "indices.*; positions.*; weights"),
]


@pytest.mark.parametrize(("wrong", "reason"), BAD_CHUNKS)
def test_arrays_that_do_not_fit_are_refused_and_leave_earlier_chunks(
    tmp_path: Path, wrong: dict[str, Any], reason: str
) -> None:
    path = write_scan(tmp_path / "s.ptyd", borders=(0, 5))
    before = path.read_bytes()
    good = {"data": COUNTS[:5], "indices": range(5, 10), "positions": None, "weights": None}
    with pytest.raises(DataError, match=reason):
        ptyd.append_chunk(path, 1, **{**good, **wrong})
    assert path.read_bytes() == before


def test_a_chunk_is_not_replaced(tmp_path: Path) -> None:
    path = write_scan(tmp_path / "s.ptyd", borders=(0, 5))
    with pytest.raises(FormatError, match="chunk 0 is there already"):
        ptyd.append_chunk(path, 0, COUNTS[:1], [9], None, None)
    with pytest.raises(FormatError, match="no such file"):
        ptyd.append_chunk(tmp_path / "t.ptyd", 0, COUNTS[:1], [9], None, None)
    assert np.array_equal(ptyd.PtydReader(path).read(0, 5).data, COUNTS[:5])


def test_a_set_of_linked_files_can_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = Path("here")
    (here / "parts").mkdir(parents=True)
    write_scan(here / "s.ptyd", link=lambda n: here / "parts" / f"s.part{n}")
    with h5py.File(here / "s.ptyd") as file:
        link = file["chunks"].get("1", getlink=True)
        assert link.filename == str(Path("parts") / "s.part1")
        assert file["chunks/1/data"].shape == (5, 6, 8)  # HDF5 itself follows it, as PtyPy 0.9
    shutil.move(here, tmp_path / "there")
    assert np.array_equal(ptyd.PtydReader(tmp_path / "there" / "s.ptyd").read(0, 12).data, COUNTS)


def test_frames_that_are_not_there_cannot_be_read(tmp_path: Path) -> None:
    reader = ptyd.PtydReader(write_scan(tmp_path / "s.ptyd"))
    for start, stop in ((0, 13), (-1, 3), (5, 5), (12, 14)):
        with pytest.raises(DataError, match="it has 12"):
            reader.read(start, stop)
    ptyd.create(tmp_path / "t.ptyd", META, {})
    with pytest.raises(DataError, match="it has 0"):
        ptyd.PtydReader(tmp_path / "t.ptyd").read(0, 1)


def test_large_compressed_frames_stand_alone_and_small_ones_share(tmp_path: Path) -> None:
    path = tmp_path / "s.ptyd"
    ptyd.create(path, {}, {})
    ptyd.append_chunk(
        path, 0, np.zeros((9, 128, 128), "u2"), range(9), None, None, compression="gzip"
    )
    ptyd.append_chunk(
        path, 1, np.zeros((9, 32, 32), "u2"), range(9), None, None, compression="gzip"
    )
    with h5py.File(path) as file:
        assert file["chunks/0/data"].chunks == (1, 128, 128)
        assert file["chunks/1/data"].chunks == (8, 32, 32)


def test_a_reader_that_waits_leaves_the_file_to_its_writer(tmp_path: Path) -> None:
    """Readers that looked into the file without a pause kept its writer out, until it gave up."""
    path = tmp_path / "scan.ptyd"
    write_scan(path)
    long_ago = path.stat().st_mtime - 60
    os.utime(path, (long_ago, long_ago))
    reader = ptyd.PtydReader(path)
    with h5py.File(path, "r+"):
        assert reader.refresh() == 0
