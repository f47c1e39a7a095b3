"""Counts in a file take as much room as they need, and come back as they were."""

import h5py
import numpy as np
import pytest

from ptypy.core.data import EOS, PtydScan
from ptypy.io import ptyd

GEOMETRY = {"energy": 8.8, "distance": 2.0, "psize": 75e-6}


@pytest.fixture
def save(memory_scan, tmp_path):
    """Prepare and save frames in chunks of 2; gives the file, and the data that were prepared."""

    def save(frames, count=None, **more):
        path = tmp_path / "s.ptyd"
        asked = {"save": "append", "dfile": str(path), **GEOMETRY, **more}
        scan = memory_scan(list(frames), **asked)
        prepared = []
        while (chunk := scan.next_chunk(2)) != EOS and count != len(prepared):
            prepared.append(chunk.data)
        return path, prepared

    return save


def stored_types(path):
    with h5py.File(path) as file:
        return [file[f"chunks/{k}/data"].dtype for k in range(len(file["chunks"]))]


def with_extremes(dtype, *extremes):
    """Make pairs of frames; in the second frame of each pair one pixel holds an extreme."""
    frames = np.random.default_rng(4).integers(0, 50, (2 * len(extremes), 6, 8)).astype(dtype)
    for pair, extreme in enumerate(extremes):
        frames[2 * pair + 1, 3, 4] = extreme
    return frames


@pytest.mark.parametrize(
    ("dtype", "extremes", "expected"),
    [
        ("u4", (65535, 65536), ["u2", "u4"]),
        ("u8", (9, 2**32 - 1, 2**32), ["u2", "u4", "u8"]),
        ("i4", (-32768, -32769, 32767, 32768), ["i2", "i4", "i2", "i4"]),
        ("i8", (-1, 2**31 - 1, -(2**31) - 1), ["i2", "i4", "i8"]),
        (">u4", (7,), ["u2"]),
        ("u1", (255,), ["u1"]),
        ("u2", (255,), ["u2"]),
        ("i1", (-128,), ["i1"]),
        ("f4", (255,), ["f4"]),
        ("f8", (255,), ["f8"]),
    ],
)
def test_each_chunk_has_the_smallest_type_from_16_bits_on_that_holds_it(
    save, dtype, extremes, expected
):
    frames = with_extremes(dtype, *extremes)
    path, _ = save(frames)
    assert stored_types(path) == [np.dtype(name) for name in expected]
    block = ptyd.PtydReader(path).read(0, len(frames))
    assert np.array_equal(block.data, frames)
    assert block.data.dtype == np.result_type(*expected)


def test_a_pixel_that_nobody_trusts_is_kept_with_all_its_digits(save):
    frames = with_extremes(np.uint32, 2**32 - 1)  # as detectors mark their gaps
    path, _ = save(frames)
    assert np.array_equal(ptyd.PtydReader(path).read(0, 2).data, frames)


@pytest.mark.parametrize("mode", ["append", "link", "merge"])
@pytest.mark.parametrize("compression", [None, "gzip", "bitshuffle"])
def test_chunks_of_several_types_are_read_as_the_one_that_holds_all(save, mode, compression):
    frames = with_extremes(np.uint32, 5, 70000, 6)
    path, _ = save(frames, save=mode, compression=compression)
    scan = PtydScan(dfile=str(path))
    found = []
    while (chunk := scan.next_chunk(3)) != EOS:  # across the borders of chunks
        found.append(chunk.data)
    assert [data.dtype for data in found] == [np.dtype(np.uint32)] * 2
    assert np.array_equal(np.concatenate(found), frames)
    assert ptyd.validate(path, deep=True) == []


def test_what_is_prepared_does_not_depend_on_whether_it_is_saved(save, memory_scan):
    frames = with_extremes(np.uint16, 5, 60000)
    path, saved = save(frames, rebin=2)
    scan = memory_scan(list(frames), rebin=2, **GEOMETRY)
    for data in saved:
        only_prepared = scan.next_chunk(2).data
        assert data.dtype == only_prepared.dtype == np.uint32
        assert np.array_equal(data, only_prepared)
    assert stored_types(path) == [np.uint16, np.uint16]


def test_frames_of_another_type_may_follow_when_a_run_goes_on(save):
    frames = with_extremes(np.uint32, 5, 6, 70000)
    save(frames, count=1)
    path, _ = save(frames, resume=True)
    assert stored_types(path) == [np.uint16, np.uint16, np.uint32]
    assert np.array_equal(ptyd.PtydReader(path).read(0, 6).data, frames)


def test_a_reader_takes_a_wider_type_when_a_bright_frame_arrives(save, tmp_path):
    frames = with_extremes(np.uint32, 5, 70000)
    path, _ = save(frames, count=1)
    reader = ptyd.PtydReader(path)
    before = reader.num_frames
    save(frames, resume=True)
    assert reader.refresh() == 4 - before
    assert np.array_equal(reader.read(0, 4).data, frames)
    assert reader.dtype == np.uint32


def test_a_record_that_changed_is_renewed_and_the_rest_of_it_stays(tmp_path):
    path, array = tmp_path / "s.ptyd", np.arange(5)
    info = {"name": "x", "recipe": {"a": 1, "b": [1, "two"]}, "gone": 3, "dark": array, "a/b": 1}
    meta = {"energy": 8.0, "num_frames": 9}
    known = ptyd.create(path, meta, info)
    ptyd.append_chunk(path, 0, np.ones((2, 4, 4), int), [0, 1], None, np.eye(4) > 0)
    array[0] = 7  # the very array that was given before
    after = {"name": "x", "recipe": {"a": 1, "b": [1, "three"]}, "dark": array, "a/b": 2, "new": 1}
    ptyd.finish(path, {"energy": 8.0, "num_frames": 2}, after, known)
    reader = ptyd.PtydReader(path)
    assert reader.is_complete
    assert reader.meta == {"energy": 8.0, "num_frames": 2}
    assert np.array_equal(reader.read(0, 2).weights, np.eye(4) > 0)
    found = reader.info
    assert found.pop("dark").tolist() == [7, 1, 2, 3, 4]
    after.pop("dark")
    assert found == after
