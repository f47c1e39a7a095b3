"""Frames that are not as they were written are noticed, and named."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from ptypy.errors import FormatError
from ptypy.io import ptyd
from ptypy.io.ptyd import _checksums

FRAMES = np.random.default_rng(3).poisson(9, (10, 32, 32)).astype(np.uint16)


def write(path, frames=FRAMES, borders=(0, 6, 10), **options):
    ptyd.create(path, {"energy": 8.0, "distance": 1.0, "psize": 1e-4}, {})
    for number in range(len(borders) - 1):
        part = slice(*borders[number : number + 2])
        link = f"{path}.chunk{number}" if options.pop("links", False) else None
        places = np.zeros((len(frames[part]), 2))
        numbers = np.arange(len(frames))[part]
        ptyd.append_chunk(path, number, frames[part], numbers, places, None, link=link, **options)
    return path


def spoil(path, number, frame):
    """Change one bit of a frame of a chunk."""
    with h5py.File(path) as file:
        data = file[f"chunks/{number}/data"]
        name = data.file.filename
        if data.chunks:
            offset = data.id.get_chunk_info_by_coord((frame, 0, 0)).byte_offset
        else:
            offset = data.id.get_offset() + frame * data.dtype.itemsize * data[0].size
    with Path(name).open("r+b") as raw:
        raw.seek(offset + 100)
        byte = raw.read(1)[0]
        raw.seek(offset + 100)
        raw.write(bytes([byte ^ 4]))


@pytest.mark.parametrize("links", [False, True])
def test_a_frame_that_the_disk_changed_is_named(tmp_path, links):
    path = write(tmp_path / "s.ptyd", links=links)
    spoil(path, 1, 2)
    reader = ptyd.PtydReader(path)
    with pytest.raises(FormatError, match=r"s\.ptyd.*chunks/1: frame 2 is not as written"):
        reader.read(0, 10)
    assert np.array_equal(reader.read(0, 8).data, FRAMES[:8])
    assert np.array_equal(reader.read(9, 10).data, FRAMES[9:])
    said = ptyd.validate(path, deep=True)
    assert len(said) == 1
    assert "frame 2 is not as written" in said[0]
    assert ptyd.validate(path) == []
    assert (ptyd.PtydReader(path, verify=False).read(8, 9).data != FRAMES[8]).sum() == 1


@pytest.mark.parametrize(
    ("compression", "said"), [("gzip", ""), ("bitshuffle", ": frame 3 is not as written")]
)
def test_a_compressed_frame_that_the_disk_changed_is_not_taken_for_good(
    tmp_path, compression, said
):
    path = write(tmp_path / "s.ptyd", FRAMES.repeat(4, 1).repeat(4, 2), compression=compression)
    spoil(path, 0, 3)
    reader = ptyd.PtydReader(path)
    with pytest.raises(FormatError, match=r"s\.ptyd.*chunks/0" + said):
        reader.read(0, 6)
    assert any(f"chunks/0{said}" in text for text in ptyd.validate(path, deep=True))
    assert reader.read(0, 3).data.shape == (3, 128, 128)


def test_many_damaged_frames_are_counted(tmp_path):
    path = write(tmp_path / "s.ptyd")
    for frame in range(6):
        spoil(path, 0, frame)
    with pytest.raises(FormatError, match=r"6 frames \(0, 1, 2, 3, 4, \.\.\.\) are not as written"):
        ptyd.PtydReader(path).read(0, 6)


@pytest.mark.parametrize("compression", [None, "gzip", "bitshuffle"])
@pytest.mark.parametrize(
    ("name", "value"), [("crc32", 5), ("crc32", "abc"), ("crc32_frames", 0), ("crc32_frames", -1)]
)
def test_what_can_be_no_checksums_is_said_to_be_none(tmp_path, compression, name, value):
    path = write(tmp_path / "s.ptyd", compression=compression)
    with h5py.File(path, "r+") as file:
        file["chunks/0/data"].attrs[name] = value
    reader = ptyd.PtydReader(path)
    with pytest.raises(FormatError, match=rf"s\.ptyd.*chunks/0.*`{name}` is no"):
        reader.read(0, 6)
    assert np.array_equal(reader.read(6, 10).data, FRAMES[6:])


def test_a_damaged_scan_is_not_merged(tmp_path):
    path = write(tmp_path / "s.ptyd")
    spoil(path, 0, 1)
    before = path.read_bytes()
    with pytest.raises(FormatError, match="not as written"):
        ptyd.merge_chunks(path)
    assert path.read_bytes() == before


def test_merged_frames_have_checksums_too(tmp_path):
    path = write(tmp_path / "s.ptyd")
    ptyd.merge_chunks(path)
    spoil(path, 0, 7)
    with pytest.raises(FormatError, match="chunks/0: frame 7 is"):
        ptyd.PtydReader(path).read(0, 10)


@pytest.mark.parametrize("compression", [None, "gzip", "bitshuffle"])
def test_of_very_many_frames_a_few_share_a_checksum(tmp_path, monkeypatch, compression):
    monkeypatch.setattr(_checksums, "MOST", 4)  # instead of 4096
    path = write(tmp_path / "s.ptyd", borders=(0, 10), compression=compression)
    with h5py.File(path) as file:
        attributes = file["chunks/0/data"].attrs
        assert (len(attributes["crc32"]), attributes["crc32_frames"]) == (4, 3)
    reader = ptyd.PtydReader(path)
    for start in range(10):
        for stop in range(start + 1, 11):
            assert np.array_equal(reader.read(start, stop).data, FRAMES[start:stop])
    if compression is None:
        spoil(path, 0, 4)
        with pytest.raises(FormatError, match=r"2 frames \(4, 5\) are not as written"):
            reader.read(4, 9)
        with pytest.raises(FormatError, match="frame 5 is not as written"):
            reader.read(5, 6)
        assert np.array_equal(reader.read(6, 10).data, FRAMES[6:])


def test_checksums_are_those_of_zlib_over_the_bytes_of_a_frame(tmp_path):
    """Any program can check them; six lines are enough."""
    import zlib

    path = write(tmp_path / "s.ptyd", borders=(0, 10))
    with h5py.File(path) as file:
        data = file["chunks/0/data"]
        for frame, stored in zip(data, data.attrs["crc32"], strict=True):
            assert zlib.crc32(frame.tobytes()) == stored


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", ">u2", "i8", "f2", "f4", ">f8"])
@pytest.mark.parametrize("compression", [None, "gzip", "bitshuffle"])
def test_every_type_of_counts_is_read_and_compared(tmp_path, dtype, compression):
    frames = FRAMES.astype(dtype)
    path = write(tmp_path / "s.ptyd", frames[:, ::2, ::-1], compression=compression)
    block = ptyd.PtydReader(path).read(0, 10)
    assert np.array_equal(block.data, frames[:, ::2, ::-1])
    with h5py.File(path) as file:
        assert np.array_equal(file["chunks/0/data"], frames[:6, ::2, ::-1])


def test_chunks_of_two_types_are_compared_before_they_become_one(tmp_path):
    path = write(tmp_path / "s.ptyd", borders=(0, 6))
    real = FRAMES[6:] / 3
    ptyd.append_chunk(path, 1, real, range(6, 10), np.zeros((4, 2)), None)
    block = ptyd.PtydReader(path).read(0, 10)
    assert np.array_equal(block.data[:6], FRAMES[:6])
    assert np.array_equal(block.data[6:], real)
    spoil(path, 0, 5)
    with pytest.raises(FormatError, match="frame 5"):
        ptyd.PtydReader(path).read(0, 10)


def test_a_file_that_ends_inside_of_a_frame_is_cut_short(tmp_path):
    path = write(tmp_path / "s.ptyd", links=True, borders=(0, 6))
    reader = ptyd.PtydReader(path)
    part = tmp_path / "s.ptyd.chunk0"
    part.write_bytes(part.read_bytes()[:4000])
    with pytest.raises(FormatError, match="chunk0: the file is cut short"):
        reader.read(0, 6)
    assert "cut short" in ptyd.validate(path)[0]


def test_trusted_pixels_that_are_not_numbers_are_found_on_a_deep_look(tmp_path):
    frames = FRAMES.astype("f4")
    frames[7, 3, 4] = np.nan
    path = write(tmp_path / "s.ptyd", frames)
    assert ptyd.validate(path) == []
    (said,) = ptyd.validate(path, deep=True)
    assert said.startswith("chunks/1: 1 frame(s) hold trusted pixels that are not finite")
