"""Prepared scans that we did not write: by hand, or by PtyPy 0.9."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ptypy.errors import FormatError
from ptypy.io import ptyd

FRAMES = np.arange(10 * 6 * 8).reshape(10, 6, 8).astype(np.int32)
POSITIONS = np.arange(20.0).reshape(10, 2) * 1e-7
MASK = np.ones((6, 8), bool)
MASK[2, 3] = False


def by_hand(path: Path, chunks: Any = None, meta: Any = None) -> Path:
    """Write a file as somebody would who knows h5py and nothing else."""
    with h5py.File(path, "w") as file:
        for name, entries in ({"0": {}} if chunks is None else chunks).items():
            group = file.create_group(f"chunks/{name}")
            given = {"data": FRAMES, "positions": POSITIONS, **entries}
            for key, value in given.items():
                if value is not None:
                    group[key] = value
        for key, value in (meta or {}).items():
            file[f"meta/{key}"] = value
    return path


def test_six_lines_of_h5py_make_a_scan(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "s.ptyd", "w") as file:
        file["chunks/0/data"] = FRAMES
        file["chunks/0/positions"] = POSITIONS
        file["meta/energy"] = 8.8
        file["meta/distance"] = 2.0
        file["meta/psize"] = 75e-6
    reader = ptyd.PtydReader(tmp_path / "s.ptyd")
    assert ptyd.validate(tmp_path / "s.ptyd") == []
    assert reader.meta == {"energy": 8.8, "distance": 2.0, "psize": 75e-6}
    assert {type(value) for value in reader.meta.values()} == {float}
    assert reader.info == {}
    block = reader.read(2, 7)
    assert np.array_equal(block.data, FRAMES[2:7])
    assert np.array_equal(block.positions, POSITIONS[2:7])
    assert block.indices.tolist() == [2, 3, 4, 5, 6]
    assert block.weights is None


def test_the_geometry_may_be_missing_or_say_none(tmp_path: Path) -> None:
    assert ptyd.PtydReader(by_hand(tmp_path / "s.ptyd")).meta == {}
    meta = {
        "energy": "None",
        "label": b"star",
        "shape": "None",
        "num_frames": np.array([10]),
        "distance": np.array([[2]]),
        "center": "fftshift",
        "psize": np.array([[1e-6, 2e-6]]),
        "version": "0.8",
    }
    read = ptyd.PtydReader(by_hand(tmp_path / "t.ptyd", meta=meta)).meta
    assert read.pop("psize").tolist() == [1e-6, 2e-6]
    assert read == {
        "label": "star",
        "num_frames": 10,
        "distance": 2.0,
        "center": "fftshift",
        "version": "0.8",
    }


@pytest.mark.parametrize(
    ("weights", "kind"),
    [
        (None, "none"),
        (np.zeros(0), "none"),
        (np.zeros((0, 6, 8)), "none"),
        ("None", "none"),
        (MASK, "common"),
        (MASK[None], "common"),
        (np.repeat(MASK[None], 10, 0), "frame"),
    ],
)
def test_weights_may_come_in_every_form(tmp_path: Path, weights: Any, kind: str) -> None:
    reader = ptyd.PtydReader(by_hand(tmp_path / "s.ptyd", {"0": {"weights": weights}}))
    assert reader.chunks[0].weights_kind == kind
    read = reader.read(3, 5).weights
    if kind == "none":
        assert read is None
    else:
        assert read is not None
        assert np.array_equal(np.broadcast_to(read, (2, 6, 8)), [MASK, MASK])


def test_a_single_text_may_come_as_an_array_of_one(tmp_path: Path) -> None:
    label = np.array(["star"], dtype=h5py.string_dtype())
    meta = {"label": label, "energy": np.array([b"None"]), "center": np.array([b"fftshift"])}
    read = ptyd.PtydReader(by_hand(tmp_path / "s.ptyd", meta=meta)).meta
    assert read == {"label": "star", "center": "fftshift"}


def test_a_mask_for_each_chunk_holds_for_that_chunk(tmp_path: Path) -> None:
    chunks = {"0": {"weights": MASK}, "3": {"weights": MASK.astype("f4") * 2}, "12": {}}
    reader = ptyd.PtydReader(by_hand(tmp_path / "s.ptyd", chunks))
    assert [chunk.number for chunk in reader.chunks] == [0, 3, 12]
    weights = reader.read(9, 21).weights
    assert weights is not None
    assert weights.shape == (12, 6, 8)
    assert np.array_equal(weights[0], MASK)
    assert np.array_equal(weights[1], MASK * 2)
    assert np.array_equal(weights[11], np.ones((6, 8)))
    assert np.array_equal(reader.read(0, 10).weights, MASK)


@pytest.mark.parametrize("place", ["meta", "common", "info"])
def test_a_common_mask_is_found_where_writers_put_it(tmp_path: Path, place: str) -> None:
    path = by_hand(tmp_path / "s.ptyd")
    with h5py.File(path, "r+") as file:
        file[f"{place}/weight2d"] = MASK
    reader = ptyd.PtydReader(path)
    assert np.array_equal(reader.read(0, 10).weights, MASK)
    assert "weight2d" not in reader.meta


def test_stored_indices_are_honoured(tmp_path: Path) -> None:
    indices = np.array([7.0, 3, 1, 0, 2, 4, 5, 6, 9, 8])
    chunks = {"0": {"indices": indices}, "1": {}}
    reader = ptyd.PtydReader(by_hand(tmp_path / "s.ptyd", chunks))
    assert reader.read(0, 3).indices.tolist() == [7, 3, 1]
    assert reader.read(9, 12).indices.tolist() == [8, 10, 11]


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"data": None}, "chunks/1: has no dataset 'data'"),
    ({"data": FRAMES[0]}, r"chunks/1: `data` is int32 of shape \(6, 8\).*single frame"),
    ({"data": FRAMES * 1j}, "chunks/1: `data` is complex128"),
    ({"positions": POSITIONS[:9]}, "chunks/1: 9 positions for 10 frames"),
    ({"positions": POSITIONS.T}, r"chunks/1: `positions` have shape \(2, 10\)"),
    ({"positions": POSITIONS * np.nan}, "chunks/1: `positions` hold values that are not finite"),
    ({"positions": np.array([b"a"] * 10)}, "chunks/1: `positions` are not all numbers"),
    ({"positions": None}, "chunks/1: has no positions, but chunks/0 has"),
    ({"weights": MASK.T}, r"chunks/1: `weights` have shape \(8, 6\)"),
    ({"weights": np.ones(10)}, r"chunks/1: `weights` have shape \(10,\)"),
    ({"indices": np.arange(9)}, "chunks/1: 9 indices for 10 frames"),
    ({"indices": np.arange(10) + 0.5}, "chunks/1: `indices` are not whole numbers"),
    ({"indices": np.array([b"a"] * 10)}, r"chunks/1: `indices` are \|S1"),
    ({"indices": np.arange(5, 15)}, r"indices 5, 6, 7, 8, 9 stand at more than one frame"),
    ({"data": FRAMES[:, :5]}, r"chunks/1: frames of shape \(5, 8\), but .* have \(6, 8\)"),
]


@pytest.mark.parametrize(("entries", "reason"), FAULTS)
def test_what_would_make_data_wrong_is_refused(
    tmp_path: Path, entries: dict[str, Any], reason: str
) -> None:
    path = by_hand(tmp_path / "s.ptyd", {"0": {}, "1": entries})
    with pytest.raises(FormatError, match=reason):
        ptyd.PtydReader(path)


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    chunks = {"0": {"positions": POSITIONS[:9]}, "2": {"weights": MASK.T}, "3": {}, "03": {}}
    chunks["last"] = {}
    meta = {"energy": "high", "psize": np.zeros(3), "num_frames": 1.5}
    path = by_hand(tmp_path / "s.ptyd", chunks, meta)
    with pytest.raises(FormatError, match=r"s\.ptyd has 7 faults") as caught:
        ptyd.PtydReader(path)
    for words in ("9 positions", "(8, 6)", "chunks/last", "is there twice", "energy: is 'high'"):
        assert words in str(caught.value)
    assert len(ptyd.validate(path)) >= 7


def test_a_common_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = by_hand(tmp_path / "s.ptyd", meta={"weight2d": MASK.T})
    with pytest.raises(FormatError, match=r"the common mask has \(8, 6\)"):
        ptyd.PtydReader(path)


def test_what_is_odd_but_can_be_mended_is_said_and_read(tmp_path: Path) -> None:
    meta = {"num_frames": 99, "shape": np.array([64, 64]), "center": np.array([40, 3])}
    path = by_hand(tmp_path / "s.ptyd", {"0": {"positions": None}}, meta)
    said = "\n".join(ptyd.validate(path))
    for words in ("energy", "distance", "psize", "99, and 10", "(6, 8)", "center", "no positions"):
        assert words in said
    assert ptyd.PtydReader(path).read(0, 10).positions is None


def test_other_files_are_told_from_scans(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["entry/data"] = FRAMES
    with pytest.raises(FormatError, match=r"no group 'chunks'.*it holds entry.*chunks/0/data"):
        ptyd.PtydReader(tmp_path / "x.h5")
    assert "no group 'chunks'" in ptyd.validate(tmp_path / "x.h5")[0]
    assert "no such file" in ptyd.validate(tmp_path / "nix.ptyd")[0]


def test_a_file_without_frames_says_so(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "s.ptyd", "w") as file:
        file.create_group("chunks")
    assert ptyd.PtydReader(tmp_path / "s.ptyd").num_frames == 0
    assert any("no frames" in text for text in ptyd.validate(tmp_path / "s.ptyd"))


def test_a_truncated_part_of_a_set_is_named(tmp_path: Path) -> None:
    part = by_hand(tmp_path / "part0")
    with h5py.File(tmp_path / "s.ptyd", "w") as file:
        file["chunks/0"] = h5py.ExternalLink("part0", "/chunks/0")
        file["chunks/1"] = h5py.ExternalLink("part0", "/chunks/7")
    part.write_bytes(part.read_bytes()[:-500])
    with pytest.raises(FormatError, match=r"chunks/0: .*part0: the file is cut short"):
        ptyd.PtydReader(tmp_path / "s.ptyd")
    by_hand(part)
    with pytest.raises(FormatError, match=r"chunks/1: links to .*part0:/chunks/7, which is not"):
        ptyd.PtydReader(tmp_path / "s.ptyd")


# ------------------------------------------------------------------ written by PtyPy 0.9


@pytest.fixture
def old_files(shared_data: Path, tmp_path: Path) -> Path:
    """Copy the set to a directory of another name than that it was written in."""
    return Path(shutil.copytree(shared_data / "ptyd_from_ptypy_0.9", tmp_path / "moved"))


@pytest.mark.real
@pytest.mark.parametrize("name", ["star_append.ptyd", "star_link.ptyd"])
def test_files_of_the_old_version_are_read(old_files: Path, name: str) -> None:
    reader = ptyd.PtydReader(old_files / name)
    assert [chunk.frames for chunk in reader.chunks] == [10, 10, 4]
    meta = reader.meta
    assert meta["energy"] == 8.8
    assert meta["distance"] == 2.0
    assert meta["psize"].tolist() == [0.00015, 0.00015]
    assert meta["center"].tolist() == [24.0, 23.5]
    assert reader.info["orientation"] == 5
    assert reader.info["experimentID"] is None
    block = reader.read(7, 22)
    assert block.data.shape == (15, 48, 48)
    assert block.indices.tolist() == list(range(7, 22))
    assert block.positions is not None
    assert np.array_equal(block.positions, reader.info["positions_scan"][7:22])
    with h5py.File(old_files / "star_append.ptyd") as file:
        stored = [file[f"chunks/{n}/data"][...] for n in range(3)]
        masks = [file[f"chunks/{n}/weights"][...] for n in range(3)]
    assert np.array_equal(block.data, np.concatenate(stored)[7:22])
    assert block.weights is not None
    assert np.array_equal(
        np.broadcast_to(block.weights, block.data.shape), np.concatenate(masks)[7:22]
    )
    assert ptyd.validate(old_files / name) == []


@pytest.mark.real
def test_a_missing_part_is_an_error_that_names_it(old_files: Path) -> None:
    (old_files / "star_link.ptyd.part001").unlink()
    with pytest.raises(FormatError, match=r"chunks/1: links to star_link\.ptyd\.part001"):
        ptyd.PtydReader(old_files / "star_link.ptyd")


@pytest.mark.real
def test_links_relative_to_where_the_old_version_was_started_are_found(old_files: Path) -> None:
    with h5py.File(old_files / "star_link.ptyd", "r+") as file:
        for n in range(3):
            del file[f"chunks/{n}"]
            name = f"prepared/today/star_link.ptyd.part{n:03d}"
            file[f"chunks/{n}"] = h5py.ExternalLink(name, "/")
    assert ptyd.PtydReader(old_files / "star_link.ptyd").read(0, 24).data.shape == (24, 48, 48)


@pytest.mark.real
def test_an_old_file_can_be_added_to(old_files: Path) -> None:
    path = old_files / "star_append.ptyd"
    path.chmod(0o644)
    frames = np.ones((2, 48, 48))
    mask = np.ones((48, 48), bool)
    mask[5, 6] = False
    before = ptyd.PtydReader(path).read(23, 24).weights
    ptyd.append_chunk(path, 3, frames, [24, 25], np.zeros((2, 2)), mask)
    block = ptyd.PtydReader(path).read(23, 26)
    assert np.array_equal(block.data[1:], frames)
    assert block.weights is not None
    assert np.array_equal(block.weights[:1], before)
    assert np.array_equal(block.weights[1:], [mask, mask])
